"""The verb that interchanges channels between positions."""

from math import isnan
from typing import TYPE_CHECKING, Annotated

import typer

from conceptlrp.cli import options as opt
from conceptlrp.cli.inputs import store_result
from conceptlrp.cli.tables import print_json, print_table, print_text
from conceptlrp.report.words.numbers import plural
from conceptlrp.statistics.intervals import between

if TYPE_CHECKING:
    from conceptlrp.labelling import ChannelCause, Interchange

_LEGEND = (
    "r: correlation of the change of the output with the difference of the label, "
    "donor less recipient; above 0, more of the label raises the output. Exchanged: "
    "the largest with labels exchanged between positions of a ply; random: what 1 % of "
    "channels of networks with random weights exceed; equal: size of the change where "
    "the label is equal, as part of that where it differs."
)
_LEVELS = (0.3, 0.4, 0.5)


def interchange(
    store: opt.StorePath,
    network: opt.StoreNetwork = None,
    weights: opt.Weights = None,
    layer: opt.Layers = None,
    target: opt.Target = None,
    positions: Annotated[
        int, typer.Option(min=2, help="Positions that are given maps of others.")
    ] = 500,
    donors: Annotated[int, typer.Option(min=1, help="Donors of each.")] = 2,
    random_networks: Annotated[
        int, typer.Option(min=1, help="Networks with random weights to compare with.")
    ] = 5,
    count: Annotated[int, opt.how_many("Channels of each layer to show.")] = 8,
    seed: opt.Seed = 0,
    as_json: opt.Json = False,
    overwrite: opt.Overwrite = False,
) -> None:
    """Say which labels channels carry into the output, by giving them other maps."""
    from conceptlrp.labelling import Interchange, interchange as interchange_channels

    found = store_result(
        Interchange,
        interchange_channels,
        store,
        network,
        weights,
        layers=layer,
        target=target or 0,
        n_positions=positions,
        n_donors=donors,
        n_random=random_networks,
        seed=seed,
        overwrite=overwrite,
    )
    if as_json:
        print_json(found.to_dict())
    else:
        _show(found, count)


def verdict_word(cause: "ChannelCause") -> str:
    """Say in a word whether a label passed."""
    return {None: "undecided", True: "yes", False: "no"}[cause.passed]


def part_of(value: float) -> str:
    """Write a part of channels."""
    return "an unknown part" if isnan(value) else f"{value:.1%}"


def _ends(cause: "ChannelCause") -> str:
    same = "it changes nothing"
    return between(cause.low, cause.high, games=cause.games, same=same)


def _show(found: "Interchange", count: int) -> None:
    """Print the channels of each layer that carry a label most clearly."""
    from conceptlrp.labelling.interchange_result import UNTESTED

    for layer, each in found.layers.items():
        best = [found.best(layer, channel) for channel in range(len(each.r))]
        known = [(c, cause) for c, cause in enumerate(best) if cause is not None]
        known.sort(key=lambda pair: -abs(pair[1].r))
        shown = known[:count]
        columns: dict[str, list[object]] = {
            "channel": [channel for channel, _ in shown],
            "label": [cause.label for _, cause in shown],
            "r (95 %)": [f"{cause.r:+.2f} {_ends(cause)}" for _, cause in shown],
            "exchanged": [f"{cause.exchanged:.2f}" for _, cause in shown],
            "random": [f"{cause.random:.2f}" for _, cause in shown],
            "equal": [None if isnan(c.equal) else f"{c.equal:.2f}" for _, c in shown],
            "passes": [verdict_word(cause) for _, cause in shown],
        }
        if not found.tested.any():
            print_text(f"{layer} ({found.target}): {UNTESTED}", style="bold")
            continue
        levels = ", ".join(f"{a}: {found.counted(layer, a)}" for a in _LEVELS)
        title = (
            f"{layer} ({found.target}): channels of {len(each.r)} with a label whose r "
            f"reaches {levels}; in brackets, of networks with random weights, and with "
            "labels exchanged. Judged alike, "
            f"{part_of(each.random_causing)} of random networks' channels would cause "
            f"by their best label, {part_of(each.exchanged_causing)} of its own with "
            "labels exchanged"
        )
        print_table(columns, title=title)
    print_text(_LEGEND, style="dim")
    typer.echo(
        f"{plural(found.pairs, 'pair')} of {plural(found.recipients, 'position')} with "
        f"donors, {plural(found.games, 'game')}, "
        f"{plural(found.random_networks, 'random network')}"
    )
