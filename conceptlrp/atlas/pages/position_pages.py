"""A page for some of a store's positions: policy, value, channels, local atlas.

positions/index.html        the positions that have a page
positions/p0000123.html     one of them

The explorer draws explained outputs as these pages do; where a channel leads is up to
each. Shapes use n x n squares.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from heapq import nlargest
from types import MappingProxyType
from typing import Any

from conceptlrp.atlas.pictures.page_boards import (
    explained_square,
    game_data,
    page_board,
)
from conceptlrp.atlas.site import ChosenPosition, Site, concept_page, position_page
from conceptlrp.concept_graph.position_circuit import position_circuit
from conceptlrp.drawing.colors import LEVELS, levels, symmetric_limit
from conceptlrp.errors import CompositeError, NetworkError
from conceptlrp.lrp import Baseline, Explainer, mean_baseline
from conceptlrp.networks.planes import with_pass
from conceptlrp.networks.prediction import expected_outcome
from conceptlrp.othello import BLACK, Position, square_name
from conceptlrp.othello.board import PHASES
from conceptlrp.progress import OnProgress
from conceptlrp.reference.boards import move_probabilities, to_copy
from conceptlrp.report import PositionReport, position_report
from conceptlrp.report.explained_output import ExplainedOutput
from conceptlrp.report.stored_layer import StoredResults
from conceptlrp.statistics.intervals import effect

# A page stays below 100 KB with so many maps of an output, and of each layer.
_MAPS, _CHANNELS = 16, 4
# Among so many channels every page has a circuit; among twice as many half of them.
_SEARCHED = 256
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
    channels = sum(map(site.store.channels, site.store.layers))
    every = max(1, channels // _SEARCHED)
    for place, each in enumerate(chosen):
        found = _content(site, explainer, None if place % every else mean, each.row)
        site.write(
            position_page(each.row),
            "position.html",
            row=each.row,
            previous=rows[place],
            next=rows[place + 2],
            reasons=each.reasons,
            **found,
        )
        if on_progress is not None:
            on_progress("positions", place + 1, len(chosen))
    phases = site.store.columns.metadata.phase()
    site.write(
        "positions/index.html",
        "positions.html",
        parts={
            name: [each for each in chosen if phases[each.row] == number]
            for number, name in enumerate(PHASES)
        },
    )


def _content(
    site: Site, explainer: Explainer, mean: Baseline | None, row: int
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
        count=min(_CHANNELS, max(1, _MAPS // len(explainer.layers))),
    )
    turned = int(corpus.symmetry[row])
    number = int(corpus.game[row])
    game = {"r": row, **game_data(corpus, row, turned)}
    return {
        "side": "black" if position.mover == BLACK else "white",
        "description": corpus.describe(row),
        "game": number if number in site.chosen_games else None,
        "ply": len(corpus.transcript(row)) // 2,
        "outputs": [
            output_view(
                position,
                each,
                channel_href=_href,
                names=site.named.get(each.unit, site.results),
                game=game,
            )
            for each in (report.move, report.value_output)
            if each is not None
        ],
        "moves": two_moves(report, channel_href=_href, names=site.named["logits"]),
        "circuit": mean and _circuit(site, explainer, mean, report),
        "policy": report.policy,
        "value": None if math.isnan(report.value) else effect(report.value),
        "played": name,
        "copied": to_copy(position, corpus.transcript(row), turned),
    }


def _href(layer: str, channel: int) -> str:
    return f"../{concept_page(layer, channel)}"


def two_moves(
    report: PositionReport, *, channel_href: ChannelHref, names: StoredResults
) -> dict[str, Any] | None:
    """Collect the move, the other one and their contrast, with channels that differ.

    They are of all layers, by the difference of their relevance.
    """
    if report.contrast is None or report.other is None:
        return None
    outputs = (report.move, report.other, report.contrast)
    differences = {
        (name, channel): abs(difference)
        for name, layer in report.contrast.layers.items()
        for channel, difference in enumerate(layer.relevance.tolist())
    }
    return {
        "position": report.position,
        "outputs": [(output_title(each), each) for each in outputs],
        "limit": symmetric_limit([each.heatmap for each in outputs]),
        "places": nlargest(_DIFFERENT, differences, key=differences.__getitem__),
        "href": channel_href,
        "names": names,
    }


def _circuit(
    site: Site, explainer: Explainer, mean: Baseline, report: PositionReport
) -> dict[str, Any] | None:
    """Find the circuit of the output that names are for, if its engine can.

    A pass has none: networks may lack an output for it.
    """
    output = next((o for o in report.outputs if o.unit == site.unit), report.move)
    position, target = report.position, output.target
    if target == "pa":
        return None
    try:
        found = position_circuit(explainer, position, mean, target=target)
    except (CompositeError, NetworkError):
        return None
    logits = with_pass(found.alone.logits[:, 0], size=position.size)
    return {
        "position": position,
        "output": output,
        "title": output_title(output),
        "found": found,
        "chances": [move_probabilities(position, each) for each in logits],
        "outcomes": expected_outcome(found.alone.value[:, 0], explainer.value_kind),
        "href": _href,
        "names": site.results,
    }


def output_title(output: ExplainedOutput) -> str:
    """Name an output for a heading."""
    if output.target == "value":
        return "Value"
    moves = ["pass" if each == "pa" else each for each in output.target.split("-")]
    return "Pass" if moves == ["pass"] else f"Move {' rather than '.join(moves)}"


def output_view(
    position: Position,
    output: ExplainedOutput,
    *,
    channel_href: ChannelHref,
    cell_href: ChannelHref = lambda _layer, _channel: None,
    names: StoredResults,
    game: Mapping[str, str | int] = MappingProxyType({}),
) -> dict[str, Any]:
    """Draw an output; channels of a layer and its local atlas have one scale."""
    mark, layers = explained_square(output), []
    for layer in output.layers.values():
        shown = [*(each.heatmap for each in layer.top), layer.atlas.relevance]
        limit = symmetric_limit(shown)
        steps = levels(layer.atlas.relevance, limit) + LEVELS
        layers.append((layer, limit, steps.tolist()))
    return {
        "title": output_title(output),
        "totals": output.totals,
        "unit": output.unit,
        "svg": page_board(position, heatmap=output.heatmap, mark=mark, **game),
        "limit": symmetric_limit(output.heatmap),
        "layers": layers,
        "position": position,
        "mark": mark,
        "href": channel_href,
        "cell_href": cell_href,
        "names": names,
    }
