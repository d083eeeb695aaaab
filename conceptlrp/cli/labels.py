"""The verb that labels the positions and channels of a store."""

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from conceptlrp.cli.inputs import store_network
from conceptlrp.cli.options import Overwrite, Seed, StorePath, Target
from conceptlrp.errors import OutputExistsError
from conceptlrp.progress import progress_bars

if TYPE_CHECKING:
    from conceptlrp.labelling import ChannelLabels, NamedLabel, ScoredLabels
    from conceptlrp.store import Store

_SHOWN = 10
_LEGEND = (
    "In brackets: not a name, since several labels fit about equally well. Effect: "
    "AUROC, or correlation r with a number, within phases of games held out; random: "
    "the largest effect in networks with random weights. Causal: how many times more "
    "ablating the channel changes the output where the label holds, and whether that "
    "is at least twice, with an interval above once."
)


def label(
    store: StorePath,
    network: Annotated[
        str | None, typer.Option(help="The network that the store explains, or 'demo'.")
    ] = None,
    layer: Annotated[
        list[str] | None, typer.Option(help="Layer; repeatable, all by default.")
    ] = None,
    target: Target = None,
    positions: Annotated[
        int, typer.Option(min=2, help="Positions to score at most.")
    ] = 20_000,
    maps: Annotated[
        int, typer.Option(min=2, help="Of them, positions with conditional maps.")
    ] = 1_000,
    random_networks: Annotated[
        int, typer.Option(min=1, help="Networks with random weights to compare with.")
    ] = 5,
    column: Annotated[
        list[str] | None,
        typer.Option(help="Column of the store to score as a label too; repeatable."),
    ] = None,
    no_scores: Annotated[
        bool, typer.Option("--no-scores", help="Add columns of positions alone.")
    ] = False,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Label the positions of a store, and its channels by what they follow."""
    from conceptlrp.labelling import (
        LabelOptions,
        label as label_channels,
        label_positions,
    )
    from conceptlrp.labelling.file import label_scores_name
    from conceptlrp.labels import LABELS
    from conceptlrp.store import open_store

    if network is None and not no_scores:
        msg = "give --network to score channels, or --no-scores"
        raise typer.BadParameter(msg)
    opened = open_store(store)
    known = () if overwrite else opened.label_names
    missing = [name for name in LABELS if name not in known]
    if no_scores and not missing:
        msg = f"{store}: has all labels already; pass --overwrite"
        raise OutputExistsError(msg)
    if network is None or no_scores:
        names = label_positions(opened, missing, overwrite=overwrite)
        typer.echo(f"{store}: {len(names)} labels of {len(opened)} positions")
        return
    _check_free(opened, target or 0, overwrite=overwrite)
    net = store_network(opened, network)
    with progress_bars() as report:
        found = label_channels(
            opened,
            net,
            layers=layer,
            target=target or 0,
            n_positions=positions,
            options=LabelOptions(
                n_maps=maps, n_random=random_networks, columns=tuple(column or ())
            ),
            seed=seed,
            overwrite=overwrite,
            on_progress=report,
        )
    if missing:
        label_positions(opened, missing, overwrite=overwrite)
    _show(found, opened.path / label_scores_name(found.target))


def _check_free(store: "Store", target: int | str, *, overwrite: bool) -> None:
    """Refuse scores that are there already before anything is computed."""
    from conceptlrp.labelling.file import label_scores_name

    path = store.path / label_scores_name(store.targets[store.target_index(target)])
    if path.exists() and not overwrite:
        msg = f"{path}: exists already; pass --overwrite"
        raise OutputExistsError(msg)


def _show(found: "ScoredLabels", path: Path) -> None:
    console = Console()
    for name in found.layers:
        console.print(_layer_table(found, name))
    console.print(_LEGEND, style="dim")
    typer.echo(
        f"{path}: {found.positions:,} positions, {found.maps:,} with maps, "
        f"{found.random_networks} random networks"
    )


def _layer_table(found: "ScoredLabels", layer: str) -> Table:
    """Arrange the best-labelled channels of a layer for the terminal."""
    scores = found.layers[layer]
    title = Text(
        f"{layer} ({found.target}): {scores.labelled:.0%} of {len(scores.channels)} "
        f"channels have a label, {scores.named:.0%} a name; "
        f"{_part(found.random_labelled[layer])} of random networks' channels have a "
        f"label; {found.controlled(layer):.0%} are given a control"
    )
    table = Table(title=title, title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0))
    for column in ("channel", "label", "by", "effect (95 %)", "random", "causal"):
        table.add_column(column, no_wrap=column != "label")
    best = [each for each in scores.channels if each.labels]
    best.sort(key=lambda each: -abs(each.labels[0].held_out))
    for channel in best[:_SHOWN]:
        table.add_row(*_cells(channel), _cause(found, layer, channel.channel))
    return table


def _cells(channel: "ChannelLabels") -> tuple[str | Text, ...]:
    label = channel.labels[0]
    alone = channel.name == label.label
    low, high = (_number(label, end) for end in (label.low, label.high))
    unit = "r " if label.auroc is None else ""
    return (
        str(channel.channel),
        Text(label.label if alone else f"({label.label})"),
        label.measure,
        f"{unit}{_number(label, label.held_out)} ({low}, {high})",
        _number(label, label.random),
    )


def _number(label: "NamedLabel", value: float) -> str:
    """Write an effect as AUROC or, of a number, as correlation."""
    return f"{value:+.2f}" if label.auroc is None else f"{(value + 1) / 2:.3f}"


def _cause(found: "ScoredLabels", layer: str, channel: int) -> str:
    cause = found.cause(layer, channel)
    if cause is None:
        return "untested"
    return f"{cause.check.ratio:.2f} {'yes' if cause.check.passed else 'no'}"


def _part(value: float) -> str:
    return "an unknown part" if isnan(value) else f"{value:.1%}"
