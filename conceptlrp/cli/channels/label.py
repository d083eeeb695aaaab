"""The verb that labels the positions and channels of a store."""

from math import isnan, nan
from typing import TYPE_CHECKING, Annotated

import typer

from conceptlrp.cli import options as opt
from conceptlrp.cli.channels.interchange import part_of
from conceptlrp.cli.inputs import store_result
from conceptlrp.cli.tables import print_json, print_table, print_text
from conceptlrp.errors import OutputExistsError
from conceptlrp.late import pd
from conceptlrp.report.words.numbers import plural
from conceptlrp.statistics.intervals import signed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from conceptlrp.labelling import EditedBoards, Evidence, Interchange, ScoredLabels

    _Found: TypeAlias = Mapping[tuple[str, int], Evidence]

_LEGEND = (
    "In brackets: several labels fit about equally well, so the channel has no name. "
    "Effect: 2 AUROC - 1, or the rank correlation with a number, within plies, on "
    "games held out; by the largest relevance, how much more of these boards than of "
    "others have the label; random: what one in 200 channels of networks with random "
    "weights exceeds."
)


def label(
    store: opt.StorePath,
    network: opt.StoreNetwork = None,
    weights: opt.Weights = None,
    layer: opt.Layers = None,
    target: opt.Target = None,
    positions: Annotated[
        int, typer.Option(min=2, help="Positions to score at most.")
    ] = 20_000,
    maps: Annotated[
        int, typer.Option(min=2, help="How many of them get conditional maps.")
    ] = 1_000,
    random_networks: Annotated[
        int, typer.Option(min=1, help="Networks with random weights to compare with.")
    ] = 5,
    column: Annotated[
        list[str] | None,
        typer.Option(help="Column of the store to score as a label too; repeatable."),
    ] = None,
    no_scores: Annotated[
        bool, typer.Option("--no-scores", help="Label positions, not channels.")
    ] = False,
    count: Annotated[int, opt.how_many("Channels of each layer to show.")] = 10,
    seed: opt.Seed = 0,
    workers: opt.Workers = None,
    scheduler: opt.Scheduler = None,
    as_json: opt.Json = False,
    overwrite: opt.Overwrite = False,
) -> None:
    """Label positions, and channels by what they follow."""
    from conceptlrp.labelling import (
        EditedBoards,
        Interchange,
        LabelOptions,
        ScoredLabels,
        evidence_by_channel,
        label as label_channels,
        label_positions,
    )
    from conceptlrp.labels import LABELS
    from conceptlrp.runs import RunOptions
    from conceptlrp.store import open_store

    opened = open_store(store)
    known = () if overwrite else opened.columns.label_names
    missing = [name for name in LABELS if name not in known]
    if no_scores and not missing:
        msg = f"{store}: has all labels already; pass --overwrite"
        raise OutputExistsError(msg)
    if no_scores:
        names = label_positions(opened, missing, overwrite=overwrite)
        if as_json:
            print_json({"path": store, "positions": len(opened), "labels": names})
        else:
            typer.echo(f"{store}: {len(names)} labels of {len(opened)} positions")
        return
    found = store_result(
        ScoredLabels,
        label_channels,
        opened,
        network,
        weights,
        layers=layer,
        target=target or 0,
        n_positions=positions,
        options=LabelOptions(
            n_maps=maps,
            n_random=random_networks,
            columns=tuple(column or ()),
            run=RunOptions(workers=workers, scheduler=scheduler),
        ),
        seed=seed,
        overwrite=overwrite,
    )
    if as_json:
        print_json(found.to_dict())
    else:
        causes = opened.results.get(Interchange, target=target or 0)
        edits = opened.results.get(EditedBoards, target=target or 0)
        evidence = evidence_by_channel(found, edits, causes)
        _show(found, evidence, count)
        _show_counts(evidence, causes, edits)


def _show_counts(
    evidence: "_Found", causes: "Interchange | None", edits: "EditedBoards | None"
) -> None:
    """Print how many channels of each layer reach each level of evidence."""
    from conceptlrp.labelling import counts

    table = counts(evidence, causes, edits).round(1)
    columns = {
        str(name): [None if pd.isna(value) else value for value in table[name]]
        for name in table
    }
    print_table(columns, title="channels by what speaks for their names")


def _show(found: "ScoredLabels", evidence: "_Found", count: int) -> None:
    from conceptlrp.labelling.channel_name import HOW_TO_READ

    for name in found.layers:
        _show_layer(found, evidence, name, count)
    print_text(f"{_LEGEND} {HOW_TO_READ}", style="dim")
    typer.echo(
        f"{plural(found.positions, 'position')}, {found.maps:,} with maps, "
        f"{plural(found.random_networks, 'random network')}; power {found.power:.0%}"
    )
    for note in filter(None, (found.power_note, found.move_note)):
        print_text(note)


def _show_layer(
    found: "ScoredLabels", evidence: "_Found", layer: str, count: int
) -> None:
    """Print the best-labelled channels of a layer."""
    scores = found.layers[layer]
    if not scores.tested:
        print_text(f"{layer} ({found.target}): {scores.counted}", style="bold")
        return
    title = (
        f"{layer} ({found.target}): {scores.labelled:.0%} of {len(scores.channels)} "
        f"channels have a label, {scores.named:.0%} a name; "
        f"{part_of(found.random_labelled[layer])} of random networks' channels have a "
        f"label, {part_of(found.exchanged_labelled.get(layer, nan))} of its own with "
        f"positions exchanged within plies; {found.controlled(layer):.0%} are given a "
        "control"
    )
    best = [each for each in scores.channels if each.labels]
    best.sort(key=lambda each: -abs(each.labels[0].held_out))
    about = [(e.labels[0], evidence[layer, e.channel]) for e in best[:count]]
    columns: dict[str, list[object]] = {
        "channel": [each.channel for each in best[:count]],
        "name": [e.name.text if e.name.label else f"({x.label})" for x, e in about],
        "by": [label.measure for label, _ in about],
        "effect (95 %)": [
            f"{x.held_out:+.2f} {x.interval(signed)}".strip() for x, _ in about
        ],
        "random": [f"{label.random:.2f}" for label, _ in about],
        "causes": [_cause(each) for _, each in about],
    }
    if best:
        print_table(columns, title=title)
    else:
        print_text(title, style="bold")


def _cause(found: "Evidence") -> str:
    words = {None: "untested", True: "yes", False: "no"}[found.causes.passed]
    return words if isnan(found.causes.value) else f"{found.causes.value:+.2f} {words}"
