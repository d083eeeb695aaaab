"""The verb that labels the positions and channels of a store."""

from functools import partial
from math import isnan, nan
from typing import TYPE_CHECKING, Annotated

import typer

from conceptlrp.cli import options as opt
from conceptlrp.cli.channels.interchange import part_of, verdict_word
from conceptlrp.cli.inputs import store_result
from conceptlrp.cli.tables import print_json, print_table, print_text
from conceptlrp.errors import OutputExistsError
from conceptlrp.late import pd
from conceptlrp.report.words.numbers import plural
from conceptlrp.statistics.intervals import fixed, signed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conceptlrp.labelling import (
        ChannelLabels,
        EditedBoards,
        Evidence,
        Interchange,
        NamedLabel,
        ScoredLabels,
    )

_LEGEND = (
    "In brackets: several labels fit about equally well, so the channel has no name. "
    "Effect: AUROC, or correlation r with a number, within plies, on games held out; "
    "by the largest relevance, how much more of these boards than of others have the "
    "label; "
    "random: what one in 200 channels of networks with random weights exceeds. "
    "Causal: r by interchange, above 0 where more of the label raises the output, and "
    "whether that passes; 'conceptlrp interchange' says what it rests on."
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
        _show(found, causes, count)
        _show_counts(evidence_by_channel(found, edits, causes), causes, edits)


def _show_counts(
    evidence: "Mapping[tuple[str, int], Evidence]",
    causes: "Interchange | None",
    edits: "EditedBoards | None",
) -> None:
    """Print how many channels of each layer reach each level of evidence."""
    from conceptlrp.labelling import counts

    table = counts(evidence, causes, edits).round(1)
    columns = {
        str(name): [None if pd.isna(value) else value for value in table[name]]
        for name in table
    }
    print_table(columns, title="channels by what speaks for their names")


def _show(found: "ScoredLabels", causes: "Interchange | None", count: int) -> None:
    for name in found.layers:
        _show_layer(found, causes, name, count)
    print_text(_LEGEND, style="dim")
    typer.echo(
        f"{plural(found.positions, 'position')}, {found.maps:,} with maps, "
        f"{plural(found.random_networks, 'random network')}; power {found.power:.0%}"
    )
    for note in filter(None, (found.power_note, found.move_note)):
        print_text(note)


def _show_layer(
    found: "ScoredLabels", causes: "Interchange | None", layer: str, count: int
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
    best = best[:count]
    columns: dict[str, list[object]] = {
        "channel": [each.channel for each in best],
        "label": [_name(found, causes, layer, each) for each in best],
        "by": [each.labels[0].measure for each in best],
        "effect (95 %)": [_effect(each.labels[0]) for each in best],
        "random": [_random(each.labels[0]) for each in best],
        "causal": [_cause(causes, layer, each) for each in best],
    }
    if best:
        print_table(columns, title=title)
    else:
        print_text(title, style="bold")


def _name(
    found: "ScoredLabels",
    causes: "Interchange | None",
    layer: str,
    channel: "ChannelLabels",
) -> str:
    from conceptlrp.labelling.evidence import channel_evidence

    name = channel_evidence(
        layer, channel.channel, labels=found, interchange=causes
    ).name
    return name.text if name.is_named else f"({channel.labels[0].label})"


def _effect(label: "NamedLabel") -> str:
    write = partial(_number, label)
    is_r = label.auroc is None and not label.is_excess
    unit, digits = "r " if is_r else "", 2 if label.auroc is None else 3
    return f"{unit}{write(label.held_out, digits)} {label.interval(write, digits)}"


def _random(label: "NamedLabel") -> str:
    return _number(label, label.random, 2 if label.auroc is None else 3)


def _number(label: "NamedLabel", value: float, digits: int) -> str:
    """Write an effect as AUROC, correlation or part of the strongest boards."""
    if label.is_excess:
        return f"{value:+.0%}"
    if label.auroc is None:
        return signed(value, digits)
    return fixed((value + 1) / 2, digits)


def _cause(causes: "Interchange | None", layer: str, channel: "ChannelLabels") -> str:
    if causes is None or channel.labels[0].label not in causes.labels:
        return "untested"
    found = causes.cause(layer, channel.channel, channel.labels[0].label)
    known = "" if isnan(found.r) else f"{found.r:+.2f} "
    return f"{known}{verdict_word(found)}"
