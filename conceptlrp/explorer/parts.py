"""Parts of the explorer's page: a game, channels that are changed, two moves, a search.

Each is what a template writes. Shapes use n x n squares.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.atlas.pictures.page_boards import (
    explained_square,
    heat_text,
    page_board,
)
from conceptlrp.atlas.site import concept_page, position_page
from conceptlrp.drawing.colors import symmetric_limit
from conceptlrp.explorer.atlas_files import AtlasFiles
from conceptlrp.explorer.engine import ExplorerEngine
from conceptlrp.explorer.search import SearchedMove
from conceptlrp.explorer.state import ExplorerState
from conceptlrp.lrp import Intervened
from conceptlrp.lrp.targets import unit_of
from conceptlrp.networks.planes import squares_of_actions
from conceptlrp.networks.prediction import expected_outcome
from conceptlrp.othello import BLACK, NO_MOVE, square_name
from conceptlrp.reference.boards import ReferenceBoard, ReferenceBoards
from conceptlrp.report import PositionReport
from conceptlrp.report.explained_output import ExplainedOutput
from conceptlrp.report.stored_layer import StoredResults, crop
from conceptlrp.report.words.channel import STRIP_WORDS
from conceptlrp.report.words.numbers import (
    compact,
    effect,
    signed_amount,
    signed_percent,
)

# One of several links of which one is chosen: text, address, whether it is this one.
Choice = tuple[str, str, bool]

_CHANGE_WORDS = {None: "leave it", "0": "0", "0.5": "half", "2": "double"}
_SIMULATIONS = (25, 100, 400)
# Channels of each layer by which two moves differ.
_DIFFERENT = 6


@dataclass(frozen=True)
class Shown:
    """What a page is about: a state, what is explained at it, and by which names."""

    engine: ExplorerEngine
    state: ExplorerState
    atlas: AtlasFiles = AtlasFiles()

    @cached_property
    def report(self) -> PositionReport:
        """The report of the position."""
        state = self.state
        return self.engine.report(state.position, state.move, state.against)

    @cached_property
    def output(self) -> ExplainedOutput:
        """The output whose heatmap is shown, the move where it is not there."""
        report = self.report
        outputs = {"value": report.value_output, "contrast": report.contrast}
        return outputs.get(self.state.show) or report.move

    @cached_property
    def names(self) -> StoredResults:
        """What names channels."""
        return self.engine.results(self.output.target)

    @property
    def names_note(self) -> str:
        """By what channels are named, where it is another output."""
        kind = self.engine.value_kind
        same = unit_of(self.names.target, kind) == self.output.unit
        return "" if same or not self.names.badges else self.names.target

    def channel(self, layer: str, channel: int) -> dict[str, Any]:
        """Name a channel, with where it leads."""
        place = layer, channel
        return {
            "place": f"{layer}:{channel}",
            "href": self.channel_href(layer, channel),
            "name": self.names.names.get(place, ""),
            "badge": self.names.badges.get(place, ""),
            "atlas": self.atlas.href(concept_page(layer, channel)),
        }

    def channel_href(self, layer: str, channel: int) -> str:
        """Address of the page that looks at a channel."""
        return f"{replace(self.state, layer=layer, channel=channel).href}#channel"

    def board(self, output: ExplainedOutput, heatmap: NDArray[np.floating]) -> str:
        """Draw the position over a heatmap (n, n)."""
        mark = explained_square(output)
        return page_board(self.report.position, heatmap=heatmap, mark=mark)


def game_view(shown: Shown) -> dict[str, Any] | None:
    """Say where in its game the position is, and what was played next."""
    state, last = shown.state, len(shown.state.moves)
    if not last:
        return None
    at, size = len(state.made), state.start.size
    values = shown.engine.outcomes(state.positions)
    plies = {"first": 0, "previous": at - 1, "next": at + 1, "last": last}
    is_known = not any(map(math.isnan, values))
    return {
        "ply": at,
        "last": last,
        "steps": [
            (name, state.after(ply).href if 0 <= ply <= last and ply != at else "")
            for name, ply in plies.items()
        ],
        "kept": [item for item in state.after(last).items() if item[0] != "ply"],
        "move": square_name(state.made[-1], size) if at else "",
        "values": values if is_known else [],
        "curve": " ".join(f"{k},{-v:.3f}" for k, v in enumerate(values) if is_known),
    }


def played_name(state: ExplorerState) -> str:
    """Name the move that was made next, "" at the end."""
    square = state.following
    return "" if square == NO_MOVE else square_name(square, state.start.size)


def steered(engine: ExplorerEngine, state: ExplorerState) -> Intervened | None:
    """Return what the network says with the channels changed, if some are."""
    return engine.steer(state.position, state.changes) if state.changes else None


def after_changes(shown: Shown) -> dict[str, Any] | None:
    """Say what the moves and the position are worth with the channels changed."""
    found = steered(shown.engine, shown.state)
    if found is None:
        return None
    size = shown.state.start.size
    actions = np.flatnonzero(found.legal[0])
    logits = found.logits[0, 0, actions]
    weights = np.exp(logits - logits.max(initial=-np.inf))
    names = [square_name(int(s), size) for s in squares_of_actions(actions, size=size)]
    values = [float(found.value_before[0]), float(found.value[0, 0])]
    kind = shown.engine.value_kind
    return {
        "probability": dict(zip(names, weights / weights.sum(), strict=True)),
        "logit": dict(zip(names, logits, strict=True)),
        "best": [
            square_name(int(each), size)
            for each in (found.best_before[0], found.best[0, 0])
        ],
        "outcome": None
        if np.isnan(values[0])
        else [effect(float(expected_outcome(v, kind))) for v in values],
    }


def changed_channels(shown: Shown) -> Iterator[dict[str, Any]]:
    """Yield the channels that are changed, each with what else can be done to it."""
    for layer, channel, change in shown.state.changes:
        yield {
            **shown.channel(layer, channel),
            "change": change,
            "links": change_choices(shown, layer, channel)[1:],
            "remove": shown.state.steered(layer, channel, None).href,
        }


def change_choices(shown: Shown, layer: str, channel: int) -> list[Choice]:
    """Return what a channel can be changed to."""
    made = {(each[0], each[1]): each[2] for each in shown.state.changes}
    words = {**_CHANGE_WORDS, "mean": shown.engine.mean_words}
    return [
        (
            text,
            shown.state.steered(layer, channel, change).href,
            made.get((layer, channel)) == change,
        )
        for change, text in words.items()
    ]


def looked_at(shown: Shown) -> dict[str, Any] | None:
    """Collect what the page says about the channel that is looked at, if one is."""
    state, engine, output = shown.state, shown.engine, shown.output
    if state.layer is None or state.channel is None:
        return None
    layer, channel = state.layer, state.channel
    engine.check_channel(layer, channel)
    found = output.layers[layer].channel(channel)
    last = engine.layers[layer] - 1
    strips = engine.references(layer, channel, output.target)
    return {
        **shown.channel(layer, channel),
        "found": found,
        "channels": last + 1,
        "svg": shown.board(output, found.heatmap),
        "limit": symmetric_limit(found.heatmap),
        "summed": signed_amount(float(found.heatmap.sum())),
        "unit": output.unit,
        "previous": shown.channel_href(layer, channel - 1) if channel else None,
        "next": shown.channel_href(layer, channel + 1) if channel < last else None,
        "close": replace(state, layer=None, channel=None).href,
        "changes": change_choices(shown, layer, channel),
        "strips": list(_strips(state, strips)),
        "target": strips[0].target,
        "strip_unit": unit_of(strips[0].target, engine.value_kind),
        "strip_limit": max(
            (symmetric_limit(s.heatmaps) for s in strips if s.heatmaps is not None),
            default=0.0,
        ),
    }


def channel_map(shown: Shown) -> dict[str, Any]:
    """Write the map of the channel that is looked at, as boards hold it."""
    state, output = shown.state, shown.output
    if state.layer is None or state.channel is None:
        msg = "no channel is looked at; give 'layer' and 'channel'"
        raise ValueError(msg)
    shown.engine.check_channel(state.layer, state.channel)
    found = output.layers[state.layer].channel(state.channel)
    letters, largest = heat_text(crop(found.heatmap, shown.engine.size))
    named = shown.channel(state.layer, state.channel)
    amount = f"{signed_amount(found.relevance)} {output.unit}"
    return {
        "h": letters,
        "s": largest,
        "place": named["place"],
        "name": named["name"],
        "about": f"{amount}, {signed_percent(found.share)} of {state.layer}",
    }


def _strips(
    state: ExplorerState, strips: Sequence[ReferenceBoards]
) -> Iterator[tuple[str, list[dict[str, str]], str]]:
    ends = (("relevant", "top"), ("opposed", "bottom"))
    for (name, end), strip in zip(ends, strips, strict=True):
        # Where one end has no boards, the store gives those of the other.
        boards = [each for each in strip.boards if each.score and strip.strip == end]
        cards = _cards(state, boards, strip.heatmaps, signed_percent)
        yield STRIP_WORDS[name][0], cards, strip.note


def _cards(
    state: ExplorerState,
    boards: Sequence[ReferenceBoard],
    heatmaps: NDArray[np.floating] | None,
    write: Any,
) -> list[dict[str, str]]:
    return [
        {
            "svg": page_board(
                board.position, heatmap=None if heatmaps is None else heatmaps[place]
            ),
            "score": write(board.score),
            "description": board.description,
            "href": state.at(board.position).href,
        }
        for place, board in enumerate(boards)
    ]


def two_moves(shown: Shown, report: PositionReport) -> dict[str, Any] | None:
    """Set two moves side by side, with the channels by which they differ most.

    Relevance is linear in what is explained, so the other move has that of the first
    less that of the contrast.
    """
    one, apart = report.move, report.contrast
    if apart is None:
        return None
    other = one.heatmap - apart.heatmap
    logits = {each.move: each.logit for each in report.policy}
    names = [square_name(square, shown.engine.size) for square in apart.squares]
    boards = [
        page_board(report.position, heatmap=heatmap, mark=square if square < 64 else -1)
        for heatmap, square in zip((one.heatmap, other), apart.squares, strict=True)
    ]
    layers = []
    for name, layer in apart.layers.items():
        largest = float(np.abs(layer.relevance).max(initial=0)) or 1.0
        relevance = one.layers[name].relevance
        rows = [
            {
                **shown.channel(name, each),
                "of": [float(relevance[each]), float(relevance[each] - difference)],
                "difference": difference,
                "part": abs(difference) / largest,
            }
            for each in layer.order[:_DIFFERENT].tolist()
            if (difference := float(layer.relevance[each]))
        ]
        layers.append({"name": name, "channels": len(layer), "rows": rows})
    return {
        "moves": [
            (name, logits[name], board)
            for name, board in zip(names, boards, strict=True)
        ],
        "limit": symmetric_limit([one.heatmap, other]),
        "difference": apart.explained,
        "unit": one.unit,
        "layers": layers,
    }


def search_view(shown: Shown) -> dict[str, Any] | None:
    """Search the position, if that is asked for, and contrast what search prefers."""
    state, report = shown.state, shown.report
    if state.search is None or math.isnan(report.value) or report.position.is_over:
        return None
    moves = shown.engine.search(state.position, state.search)
    own, found = max(moves, key=lambda each: each.prior).move, moves[0].move
    line, at = [], moves
    while at and at[0].visits:
        line.append(at[0])
        at = at[0].replies
    contrast = shown.engine.report(state.position, found, own) if own != found else None
    return {
        "simulations": state.search,
        "moves": [_searched(shown, each, state.search) for each in moves],
        "line": [_searched(shown, each, state.search) for each in line],
        "own": own,
        "found": found,
        "two": None if contrast is None else two_moves(shown, contrast),
    }


def _searched(shown: Shown, move: SearchedMove, simulations: int) -> dict[str, Any]:
    """Write a move of the tree, with its replies and where its line leads."""
    made = shown.state.made
    line = replace(shown.state.changed(), moves=(*made, *move.line), ply=None)
    return {
        "move": move.move,
        "href": line.href,
        "visits": move.visits,
        "part": move.visits / simulations,
        "value": None if math.isnan(move.value) else effect(move.value),
        "prior": move.prior,
        "replies": [_searched(shown, each, simulations) for each in move.replies],
    }


def search_choices(state: ExplorerState) -> list[Choice]:
    """Return how many simulations a search can have."""
    texts = {None: "none", **{count: str(count) for count in _SIMULATIONS}}
    return [
        (text, f"{replace(state, search=count).href}#search", count == state.search)
        for count, text in texts.items()
    ]


def similar_view(shown: Shown) -> dict[str, Any]:
    """Find positions of the store that are like this one by a layer, if one is asked."""
    state = shown.state
    layers = {None: "none", **{layer: layer for layer in shown.engine.layers}}
    found: dict[str, Any] = {
        "choices": [
            (text, f"{replace(state, similar=layer).href}#similar", layer == state.similar)
            for layer, text in layers.items()
        ],
        "cards": None,
    }
    if state.similar is None:
        return found
    # Contrasts are of two moves of this position, which others need not have.
    is_contrast = shown.output is shown.report.contrast
    output = shown.report.move if is_contrast else shown.output
    boards = shown.engine.similar(state.position, state.similar, output)
    pages = [shown.atlas.href(position_page(each.row)) for each in boards]
    cards = _cards(state, boards, None, compact)
    found["cards"] = [c | {"atlas": p} for c, p in zip(cards, pages, strict=True)]
    found["of"] = output.target
    return found


def side_words(shown: Shown) -> str:
    """Say who moves."""
    return "black" if shown.state.position.mover == BLACK else "white"
