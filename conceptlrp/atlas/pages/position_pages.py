"""A page for some of a store's positions: policy, value, channels, local atlas.

positions/index.html        the positions that have a page
positions/p0000123.html     one of them

The explorer draws explained outputs as these pages do; where a channel leads is up to
each. Shapes use n x n squares.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from conceptlrp.atlas.pictures.page_boards import explained_square, page_board
from conceptlrp.atlas.site import ChosenPosition, Site, concept_page, position_page
from conceptlrp.drawing.colors import LEVELS, levels, symmetric_limit
from conceptlrp.lrp import Contrast, Explainer, Move, Target, Value
from conceptlrp.othello import BLACK, PASS, Position, square_name
from conceptlrp.progress import OnProgress
from conceptlrp.reference.boards import to_copy
from conceptlrp.report import position_report
from conceptlrp.report.explained_output import NO_CHANNEL, ExplainedOutput, LayerMaps
from conceptlrp.report.stored_layer import StoredResults
from conceptlrp.report.words.numbers import (
    compact,
    percent,
    signed_amount,
    signed_percent,
)
from conceptlrp.statistics.intervals import effect

# A page stays below 100 KB with so many maps of each layer and output.
_CHANNELS = 4

ChannelHref = Callable[[str, int], str | None]


def write_position_pages(
    site: Site,
    explainer: Explainer,
    chosen: Sequence[ChosenPosition],
    on_progress: OnProgress | None = None,
) -> None:
    """Write the pages of some positions and the list of them."""
    rows = [None, *(each.row for each in chosen), None]
    for place, each in enumerate(chosen):
        site.write(
            position_page(each.row),
            "position.html",
            row=each.row,
            previous=rows[place],
            next=rows[place + 2],
            reasons=each.reasons,
            **_content(site, explainer, each.row),
        )
        if on_progress is not None:
            on_progress("positions", place + 1, len(chosen))
    site.write(
        "positions/index.html",
        "positions.html",
        size=site.store.positions.size,
        positions=[_listed(site, each) for each in chosen],
    )


def _content(site: Site, explainer: Explainer, row: int) -> dict[str, Any]:
    corpus = site.store.positions
    position, played = corpus.position(row), int(corpus.played[row])
    report = position_report(explainer, position, store=site.store, count=_CHANNELS)

    def href(layer: str, channel: int) -> str:
        return f"../{concept_page(layer, channel)}"

    return {
        "size": position.size,
        "side": "black" if position.mover == BLACK else "white",
        "description": corpus.describe(row),
        "outputs": [
            output_view(position, each, channel_href=href, names=_results(site, each))
            for each in report.outputs
        ],
        "policy": report.policy,
        "value": None if math.isnan(report.value) else effect(report.value),
        "played": square_name(played, corpus.size) if played >= 0 else "",
        "copied": to_copy(position, corpus.transcript(row), int(corpus.symmetry[row])),
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


def _results(site: Site, output: ExplainedOutput) -> StoredResults | None:
    """Return what names the channels that explain an output, if it is the store's."""
    return site.results if output.unit == site.unit else None


def output_view(
    position: Position,
    output: ExplainedOutput,
    *,
    channel_href: ChannelHref,
    cell_href: ChannelHref = lambda _layer, _channel: None,
    names: StoredResults | None = None,
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
    names: StoredResults | None,
) -> dict[str, Any]:
    """Draw the channels of a layer and its local atlas, all on one scale of colours."""
    name, top, atlas = layer.layer, layer.top, layer.atlas
    limit = symmetric_limit([*(each.heatmap for each in top), atlas.relevance])

    def picture(channel: int) -> str:
        mark = explained_square(output)
        return page_board(position, heatmap=layer.maps[channel], mark=mark)

    def linked(channel: int, href: ChannelHref) -> tuple[int | None, str | None]:
        return (None, None) if channel == NO_CHANNEL else (channel, href(name, channel))

    known = {} if names is None else names.names
    badges = {} if names is None else names.badges
    steps = (levels(atlas.relevance, limit) + LEVELS).tolist()
    return {
        "name": name,
        "channels": len(layer),
        "limit": f"\N{PLUS-MINUS SIGN}{compact(limit)} {output.unit}",
        "cards": [
            {
                "channel": each.channel,
                "svg": picture(each.channel),
                "relevance": signed_amount(each.relevance),
                "share": signed_percent(each.share),
                "href": channel_href(name, each.channel),
                "name": known.get((name, each.channel), ""),
                "badge": badges.get((name, each.channel), ""),
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
            )
            for each in atlas.regions
        ],
    }
