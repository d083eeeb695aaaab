"""The verb that ablates the channels of a store's network."""

from math import floor, isnan, log10
from typing import TYPE_CHECKING, Annotated

import typer

from conceptlrp.cli import options as opt
from conceptlrp.cli.inputs import store_result
from conceptlrp.cli.tables import print_json, print_table, print_text
from conceptlrp.statistics.intervals import FEW_GAMES, between

if TYPE_CHECKING:
    from conceptlrp.ablation import Ablation, LayerEffects

_LEGEND = (
    "Change: of the explained output, by magnitude; fall: with its sign; control: of a "
    "change as large in other channels; moves: how often another move becomes the best."
)
_INTERVALS = {"change": "size", "control": "control", "fall": "fall"}


def ablate(
    store: opt.StorePath,
    network: opt.StoreNetwork = None,
    weights: opt.Weights = None,
    layer: opt.Layers = None,
    target: opt.Target = None,
    positions: Annotated[
        int, typer.Option(min=2, help="Positions of the store to draw.")
    ] = 500,
    ablation: Annotated[
        str, typer.Option(help="What a channel becomes: zero, mean or resample.")
    ] = "mean",
    count: Annotated[int, opt.how_many("Channels of each layer to show.")] = 8,
    seed: opt.Seed = 0,
    workers: opt.Workers = None,
    scheduler: opt.Scheduler = None,
    as_json: opt.Json = False,
    overwrite: opt.Overwrite = False,
) -> None:
    """Ablate each channel alone, and say what policy and value lose."""
    from conceptlrp.ablation import Ablation, ablate as ablate_channels
    from conceptlrp.ablation.sample import ABLATIONS
    from conceptlrp.runs import RunOptions

    opt.check_choice("--ablation", ablation, ABLATIONS)
    found = store_result(
        Ablation,
        ablate_channels,
        store,
        network,
        weights,
        layers=layer,
        target=target or 0,
        ablation=ablation,
        n_positions=positions,
        seed=seed,
        run=RunOptions(workers=workers, scheduler=scheduler),
        overwrite=overwrite,
    )
    if as_json:
        print_json(found.to_dict())
    else:
        _show(found, count)


def _show(found: "Ablation", count: int) -> None:
    """Print the channels of each layer that change the explained output most."""
    for layer, effects in found.layers.items():
        beats = (
            f"{FEW_GAMES} do not tell which change it more than their control"
            if effects.few
            else f"{effects.beyond} of {len(effects.size)} change it more than their "
            "control"
        )
        title = f"{layer}: '{found.target}' without one channel; {beats}"
        print_table(_columns(effects, count), title=title)
    print_text(_LEGEND, style="dim")
    typer.echo(f"{found.positions} positions, ablation '{found.ablation}'")


def _columns(effects: "LayerEffects", count: int) -> dict[str, list[object]]:
    # Two digits of the largest change of the layer, and never fewer decimals.
    largest = max(float(effects.size.max()), 1e-9)
    digits = max(2, 1 - floor(log10(largest)))
    chosen = effects.order[:count].tolist()
    numbers = effects.numbers()
    columns: dict[str, list[object]] = {"channel": chosen}
    for head, name in _INTERVALS.items():
        mean, low, high = (numbers[f"{name}{end}"] for end in ("", "_low", "_high"))
        sign = "+" * (name == "fall")
        means = [f"{mean[c]:{sign}.{digits}f}" for c in chosen]
        if effects.few:
            columns[head] = [*means]
            continue
        columns[f"{head} (95 %)"] = [
            f"{each} {between(low[c], high[c], digits=digits, games=effects.games)}"
            for each, c in zip(means, chosen, strict=True)
        ]
    values = numbers["value"][chosen].tolist()
    columns["value"] = [
        "-" if isnan(each) else f"{each:+.{digits}f}" for each in values
    ]
    columns["moves"] = [f"{effects.moves_changed[c]:.0%}" for c in chosen]
    return columns
