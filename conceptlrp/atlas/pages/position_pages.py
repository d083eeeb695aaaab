"""A page for some of a store's positions: policy, value, channels, local atlas.

positions/index.html        the positions that have a page
positions/p0000123.html     one of them

The explorer draws explained outputs as these pages do; where a channel leads is up to
each. Shapes use n x n squares.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from conceptlrp.atlas.pictures.page_boards import (
    explained_square,
    map_only,
    page_board,
)
from conceptlrp.atlas.site import ChosenPosition, Site, concept_page, position_page
from conceptlrp.concept_graph.position_circuit import position_circuit
from conceptlrp.drawing.colors import LEVELS, levels, symmetric_limit
from conceptlrp.errors import CompositeError, NetworkError
from conceptlrp.labelling.channel_name import UNNAMED
from conceptlrp.lrp import (
    Baseline,
    Contrast,
    Explainer,
    Move,
    Target,
    Value,
    mean_baseline,
)
from conceptlrp.networks.planes import with_pass
from conceptlrp.networks.prediction import expected_outcome
from conceptlrp.othello import BLACK, PASS, Position, square_name
from conceptlrp.othello.board import PHASES
from conceptlrp.progress import OnProgress
from conceptlrp.reference.boards import move_probabilities, to_copy
from conceptlrp.report import PositionReport, position_report
from conceptlrp.report.explained_output import NO_CHANNEL, ExplainedOutput, LayerMaps
from conceptlrp.report.stored_layer import StoredResults
from conceptlrp.report.words.numbers import (
    compact,
    effect,
    percent,
    signed_amount,
    signed_percent,
)

# A page stays below 100 KB with so many maps of each layer and output.
_CHANNELS = 4
# Edges from each channel of a circuit upwards, the strongest.
_EDGES = 6
# Channels in which two moves differ most.
_DIFFERENT = 12

ChannelHref = Callable[[str, int], str | None]


def write_position_pages(
    site: Site,
    explainer: Explainer,
    chosen: Sequence[ChosenPosition],
    on_progress: OnProgress | None = None,
) -> None:
    """Write the pages of some positions and the list of them."""
    rows = [None, *(each.row for each in chosen), None]
    mean = site.store.baseline
    if chosen and mean.kind != "mean":
        mean = mean_baseline(explainer, site.store.positions)
    for place, each in enumerate(chosen):
        site.write(
            position_page(each.row),
            "position.html",
            row=each.row,
            previous=rows[place],
            next=rows[place + 2],
            reasons=each.reasons,
            **_content(site, explainer, mean, each.row),
        )
        if on_progress is not None:
            on_progress("positions", place + 1, len(chosen))
    phases = site.store.columns.metadata.phase()
    listed = [(int(phases[each.row]), _listed(site, each)) for each in chosen]
    site.write(
        "positions/index.html",
        "positions.html",
        parts=[
            (name, found)
            for number, name in enumerate(PHASES)
            if (found := [each for phase, each in listed if phase == number])
        ],
    )


def _content(
    site: Site, explainer: Explainer, mean: Baseline, row: int
) -> dict[str, Any]:
    corpus = site.store.positions
    position, played = corpus.position(row), int(corpus.played[row])
    name = square_name(played, corpus.size) if played >= 0 else ""
    logits = with_pass(site.store.arrays.logits(rows=[row])[0], size=corpus.size)
    best, *others = move_probabilities(position, logits)
    report = position_report(
        explainer,
        position,
        store=site.store,
        move=best,
        against=name if name in others else others[0] if others else None,
        count=_CHANNELS,
    )
    kept = next((o for o in report.outputs if o.unit == site.unit), report.move)
    return {
        "size": position.size,
        "side": "black" if position.mover == BLACK else "white",
        "description": corpus.describe(row),
        "outputs": [
            output_view(position, each, channel_href=_href, names=site.results)
            for each in (report.move, report.value_output)
            if each is not None
        ],
        "moves": two_moves(report, channel_href=_href, names=site.results),
        "circuit": _circuit(site, explainer, mean, report, kept),
        "policy": report.policy,
        "value": None if math.isnan(report.value) else effect(report.value),
        "played": name,
        "copied": to_copy(position, corpus.transcript(row), int(corpus.symmetry[row])),
    }


def _href(layer: str, channel: int) -> str:
    return f"../{concept_page(layer, channel)}"


def two_moves(
    report: PositionReport, *, channel_href: ChannelHref, names: StoredResults
) -> dict[str, Any] | None:
    """Draw the move, the other one and their contrast, with the channels that differ.

    Channels of all layers are sorted by the difference of their relevance.
    """
    contrast = report.contrast
    if contrast is None or report.other is None:
        return None
    outputs = (report.move, report.other, contrast)
    every = {
        (name, channel): difference
        for name, layer in contrast.layers.items()
        for channel, difference in enumerate(layer.relevance.tolist())
    }
    order = sorted(every, key=lambda place: -abs(every[place]))[:_DIFFERENT]
    return {
        "outputs": [
            {
                "title": output_title(each),
                "totals": each.totals,
                "svg": page_board(
                    report.position, heatmap=each.heatmap, mark=explained_square(each)
                ),
            }
            for each in outputs
        ],
        "limit": symmetric_limit([each.heatmap for each in outputs]),
        "channels": [
            {
                **_named(names, layer, channel),
                "href": channel_href(layer, channel),
                "cells": [
                    (
                        map_only(report.position.size, found.maps[channel]),
                        signed_amount(float(found.relevance[channel])),
                    )
                    for found in (each.layers[layer] for each in outputs)
                ],
            }
            for layer, channel in order
            if every[layer, channel]
        ],
    }


def _named(names: StoredResults, layer: str, channel: int) -> dict[str, Any]:
    """Return a channel with its name and badge, wherever it stands."""
    place = (layer, channel)
    return {
        "layer": layer,
        "channel": channel,
        "name": names.names.get(place, UNNAMED),
        "badge": names.badges.get(place, ""),
    }


def _circuit(
    site: Site,
    explainer: Explainer,
    mean: Baseline,
    report: PositionReport,
    output: ExplainedOutput,
) -> dict[str, Any] | None:
    """Draw the circuit of an output, unless there is no engine that finds it."""
    position, target = report.position, output.target
    try:
        found = position_circuit(explainer, position, mean, target=target)
    except (CompositeError, NetworkError):
        return None
    number: dict[Any, int] = {node: k for k, node in enumerate(found.nodes)}
    inputs: dict[Any, list[str]] = {node: [] for node in found.nodes}
    for (upper, lower), sent in sorted(found.edges.items(), key=lambda e: -abs(e[1])):
        inputs[lower].append(f"{number.get(upper, '')}:{sent:.3g}")
    maps = {name: layer.maps for name, layer in output.layers.items()}
    logits = with_pass(found.alone.logits[:, 0], size=position.size)
    chances = [move_probabilities(position, each) for each in logits]
    values = expected_outcome(found.alone.value[:, 0], explainer.value_kind)
    return {
        "title": output_title(output),
        "unit": output.unit,
        "total": found.total,
        "layers": list(maps)[::-1],
        "full": signed_amount(found.full),
        "svg": page_board(position, heatmap=output.heatmap),
        "sizes": [
            (size, signed_amount(kept), percent(part))
            for size, kept, part in zip(
                found.sizes, found.outputs, found.kept, strict=True
            )
        ],
        "nodes": [
            {
                **_named(site.results, layer, channel),
                "href": _href(layer, channel),
                "svg": map_only(position.size, maps[layer][channel]),
                "relevance": signed_amount(float(found.relevance[place])),
                "board": f"{maps[layer][channel].sum():.3g}",
                "edges": " ".join(inputs[layer, channel][:_EDGES]),
                "alone": signed_amount(float(found.alone.explained[place, 0, 0])),
                "best": next(iter(chances[place])),
                "chance": percent(chances[place][report.move.target]),
                "value": effect(float(values[place])),
            }
            for place, (layer, channel) in enumerate(found.nodes)
        ],
    }


def _listed(site: Site, chosen: ChosenPosition) -> dict[str, Any]:
    position = site.store.positions.position(chosen.row)
    return {
        "row": chosen.row,
        "svg": page_board(position, r=chosen.row),
        "move": f"{'Black' if position.mover == BLACK else 'White'} to move",
        "description": site.store.positions.describe(chosen.row),
        "reasons": [text for text, _ in chosen.reasons],
    }


def output_title(output: ExplainedOutput) -> str:
    """Name an output for a heading."""
    target = Target.parse(output.target)
    if target == Value():
        return "Value"
    if isinstance(target, Contrast):
        return f"Move {_word(target.move)} rather than {_word(target.other)}"
    return "Pass" if target == Move(PASS) else f"Move {target.name}"


def _word(move: Target) -> str:
    return "pass" if move == Move(PASS) else move.name


def output_view(
    position: Position,
    output: ExplainedOutput,
    *,
    channel_href: ChannelHref,
    cell_href: ChannelHref = lambda _layer, _channel: None,
    names: StoredResults,
) -> dict[str, Any]:
    """Draw an output with its channels."""
    limit, title = symmetric_limit(output.heatmap), output_title(output)
    return {
        "title": title,
        "totals": output.totals,
        "unit": output.unit,
        "svg": page_board(
            position, heatmap=output.heatmap, mark=explained_square(output)
        ),
        "limit": limit,
        "layers": [
            _layer_view(position, layer, output, channel_href, cell_href, names)
            for layer in output.layers.values()
        ],
    }


def _layer_view(
    position: Position,
    layer: LayerMaps,
    output: ExplainedOutput,
    channel_href: ChannelHref,
    cell_href: ChannelHref,
    names: StoredResults,
) -> dict[str, Any]:
    """Draw the channels of a layer and its local atlas, all on one scale of colours."""
    name, top, atlas = layer.layer, layer.top, layer.atlas
    limit = symmetric_limit([*(each.heatmap for each in top), atlas.relevance])

    def picture(channel: int) -> str:
        mark = explained_square(output)
        return page_board(position, heatmap=layer.maps[channel], mark=mark)

    def linked(channel: int, href: ChannelHref) -> tuple[int | None, str | None]:
        return (None, None) if channel == NO_CHANNEL else (channel, href(name, channel))

    steps = (levels(atlas.relevance, limit) + LEVELS).tolist()
    return {
        "name": name,
        "channels": len(layer),
        "limit": f"\N{PLUS-MINUS SIGN}{compact(limit)} {output.unit}",
        "cards": [
            {
                **_named(names, name, each.channel),
                "svg": picture(each.channel),
                "relevance": signed_amount(each.relevance),
                "share": signed_percent(each.share),
                "href": channel_href(name, each.channel),
            }
            for each in top
        ],
        "cells": [
            [(s, *linked(c, cell_href)) for s, c in zip(*row, strict=True)]
            for row in zip(steps, atlas.channel.tolist(), strict=True)
        ],
        "regions": [
            (
                each.region,
                signed_amount(each.relevance),
                percent(each.part),
                *linked(each.channel, channel_href),
                _named(names, name, each.channel)["name"],
            )
            for each in atlas.regions
        ],
    }
