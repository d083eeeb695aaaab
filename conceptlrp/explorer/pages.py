"""The pages of the explorer, and what a click on each square of the board does.

Shapes use n x n squares.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from conceptlrp.atlas.pages.position_pages import output_title, output_view
from conceptlrp.atlas.pictures.page_boards import explained_square, page_board
from conceptlrp.atlas.site import make_templates
from conceptlrp.drawing.colors import symmetric_limit
from conceptlrp.explorer.engine import ExplorerEngine
from conceptlrp.explorer.state import SHOWN, ExplorerState
from conceptlrp.lrp import Intervened
from conceptlrp.lrp.targets import unit_of
from conceptlrp.networks.planes import squares_of_actions
from conceptlrp.networks.prediction import expected_outcome
from conceptlrp.othello import BLACK, PASS, Position, square_name
from conceptlrp.reference import ReferenceBoards
from conceptlrp.reference.boards import to_copy
from conceptlrp.report import PositionReport
from conceptlrp.report.explained_output import ExplainedOutput
from conceptlrp.report.position import MovePolicy
from conceptlrp.report.words.channel import STRIP_WORDS
from conceptlrp.report.words.numbers import (
    percent,
    signed_amount,
    signed_percent,
)
from conceptlrp.statistics.intervals import effect

_SIDES = ("black", "white")
_STEERED_MOVES = 10
_CLICK_WORDS = {
    "explain": "explains the move",
    "contrast": "contrasts it",
    "play": "plays it",
    "set": "sets a disc",
}
_CHANGE_WORDS = {
    None: "leave it",
    "zero": "zero",
    "mean": "its mean",
    "0.5": "half",
    "2": "double",
    "-1": "reverse",
}
_DISC_WORDS = {"x": "black", "o": "white", "-": "empty"}
_TEMPLATES = make_templates("conceptlrp.explorer", "conceptlrp.atlas")

# One of several links of which one is chosen: text, address, whether it is this one.
Choice = tuple[str, str, bool]


def explorer_page(engine: ExplorerEngine, state: ExplorerState) -> str:
    """Write the page of a state."""
    report = engine.report(state.position, state.move, state.against)
    output = _shown(state, report)
    href = partial(_channel_href, state)
    names = engine.results(output.target)
    view = output_view(
        report.position, output, channel_href=href, cell_href=href, names=names
    )
    return _TEMPLATES.get_template("explorer.html").render(
        engine=engine,
        state=state,
        report=report,
        output=view,
        side=_SIDES[report.position.mover],
        value=None if math.isnan(report.value) else effect(report.value),
        squares=list(board_squares(state, report)),
        policy=list(_policy(state, report)),
        outputs=_outputs(state, report),
        clicks=_choices(state, "click", _CLICK_WORDS),
        discs=_choices(state, "disc", _DISC_WORDS),
        places=_places(state, report.position),
        kept=_kept(state),
        copied=to_copy(report.position, state.transcript, 0),
        looked=_looked_at(engine, state, output, report),
    )


def problem_page(sentence: str) -> str:
    """Write a page that says what is wrong with a request."""
    return _TEMPLATES.get_template("problem.html").render(sentence=sentence)


def _looked_at(
    engine: ExplorerEngine,
    state: ExplorerState,
    output: ExplainedOutput,
    report: PositionReport,
) -> dict[str, Any] | None:
    """Collect what the page says about the channel that is looked at, if one is."""
    if state.layer is None or state.channel is None:
        return None
    layer, channel = state.layer, state.channel
    engine.check_channel(layer, channel)
    found = output.layers[layer].channel(channel)
    limit = symmetric_limit(found.heatmap)
    last = engine.layers[layer] - 1
    evidence = engine.results(output.target).evidence_of(layer, channel)
    return {
        "found": found,
        "evidence": evidence if evidence.name.is_named else None,
        "channels": last + 1,
        "svg": page_board(
            report.position, heatmap=found.heatmap, mark=explained_square(output)
        ),
        "limit": limit,
        "summed": signed_amount(float(found.heatmap.sum())),
        "unit": output.unit,
        "previous": _channel_href(state, layer, channel - 1) if channel else None,
        "next": _channel_href(state, layer, channel + 1) if channel < last else None,
        "close": replace(state, layer=None, channel=None, change=None).href,
        **_steering(state, steered(engine, state), engine.value_kind),
        **_strips(
            state, engine.references(layer, channel, output.target), engine.value_kind
        ),
    }


def steered(engine: ExplorerEngine, state: ExplorerState) -> Intervened | None:
    """Return what the network says with the channel changed, if one is."""
    if state.layer is None or state.channel is None or state.change is None:
        return None
    return engine.steer(state.position, state.layer, state.channel, state.change)


def _steering(
    state: ExplorerState, found: Intervened | None, value_kind: str
) -> dict[str, Any]:
    """Collect what can be done to the channel, and what the moves then are worth."""
    choices = [
        (text, f"{replace(state, change=change).href}#channel", change == state.change)
        for change, text in _CHANGE_WORDS.items()
    ]
    if found is None:
        return {"changes": choices, "steered": None}
    size = state.start.size
    actions = np.flatnonzero(found.legal[0])
    logits = np.stack([found.logits_before[0], found.logits[0, 0]])[:, actions]
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    policies = weights / weights.sum(axis=1, keepdims=True)
    names = [square_name(int(s), size) for s in squares_of_actions(actions, size=size)]
    order = np.argsort(-policies.max(axis=0), kind="stable")[:_STEERED_MOVES]
    values = [found.value_before[0], found.value[0, 0]]
    return {
        "changes": choices,
        "steered": {
            "moves": [(names[k], policies[:, k], logits[:, k]) for k in order],
            "best": [
                square_name(int(each), size)
                for each in (found.best_before[0], found.best[0, 0])
            ],
            "outcome": None
            if np.isnan(values[0])
            else [effect(expected_outcome(v, value_kind)) for v in values],
        },
    }


def _strips(
    state: ExplorerState,
    strips: tuple[ReferenceBoards, ReferenceBoards],
    value_kind: str,
) -> dict[str, Any]:
    """Draw the reference boards, all on one scale of colours."""
    maps = [strip.heatmaps for strip in strips if strip.heatmaps is not None]
    limit = max((symmetric_limit(each) for each in maps), default=0.0)
    shown = []
    for name, end, strip in zip(
        ("relevant", "opposed"), ("top", "bottom"), strips, strict=True
    ):
        # Where one end has no boards, the store gives those of the other.
        cards = _cards(state, strip) if strip.strip == end else []
        shown.append((STRIP_WORDS[name][0], cards, strip.note))
    return {
        "strips": shown,
        "target": strips[0].target,
        "strip_limit": limit,
        "strip_unit": unit_of(strips[0].target, value_kind),
    }


def _shown(state: ExplorerState, report: PositionReport) -> ExplainedOutput:
    """Return the output whose heatmap is shown, the move where it is not there."""
    by_name = {
        "move": report.move,
        "value": report.value_output,
        "contrast": report.contrast,
    }
    return by_name[state.show] or report.move


def _channel_href(state: ExplorerState, layer: str, channel: int) -> str:
    return f"{replace(state, layer=layer, channel=channel).href}#channel"


def _policy(
    state: ExplorerState, report: PositionReport
) -> Iterator[tuple[MovePolicy, str, str, str]]:
    """Yield the moves with where their rows lead: explain, contrast and play."""
    chosen = report.move.target
    for each in report.policy:
        other = replace(state, move=chosen, against=each.move, show="contrast").href
        plays = each.square != PASS or report.position.must_pass
        play = state.played(each.square).href if plays else ""
        explain = explained(state, each.move).href
        yield each, explain, "" if each.move == chosen else other, play


def _outputs(state: ExplorerState, report: PositionReport) -> list[Choice]:
    found = zip(SHOWN, (report.move, report.value_output, report.contrast), strict=True)
    shown = _shown(state, report)
    return [
        (output_title(output), replace(state, show=name).href, output is shown)
        for name, output in found
        if output is not None
    ]


def _choices(
    state: ExplorerState, parameter: str, words: Mapping[str, str]
) -> list[Choice]:
    choices = []
    for name, text in words.items():
        change: dict[str, Any] = {parameter: name}
        current = name == getattr(state, parameter)
        choices.append((text, replace(state, **change).href, current))
    return choices


def _places(state: ExplorerState, position: Position) -> list[tuple[str, str]]:
    """Other positions: a move back, the start, the other side to move, no discs."""
    size = position.size
    other = Position(position.opponent, position.own, 1 - position.mover, size)
    empty = Position(0, 0, size=size)
    found = [("Undo", state.undone().href)] if state.moves else []
    if state.at(Position.start(size)).href != state.href:
        found.append(("Start position", state.at(Position.start(size)).href))
    found.append((f"{_SIDES[other.mover].title()} to move", state.at(other).href))
    if state.click == "set":
        found.append(("Empty board", state.at(empty).href))
    return found


def _kept(state: ExplorerState) -> list[tuple[str, str]]:
    """Return what a form that leads to another board keeps."""
    kept = ("click", "disc", "layer", "channel", "change", "show")
    return [(name, value) for name, value in state.changed().items() if name in kept]


def _cards(state: ExplorerState, boards: ReferenceBoards) -> list[dict[str, str]]:
    heatmaps, cards = boards.heatmaps, []
    for place, board in enumerate(boards.boards):
        if board.score:
            position = board.position
            heatmap = None if heatmaps is None else heatmaps[place]
            cards.append(
                {
                    "svg": page_board(position, heatmap=heatmap),
                    "score": signed_percent(board.score),
                    "description": board.description,
                    "href": state.at(position).href,
                }
            )
    return cards


def board_squares(
    state: ExplorerState, report: PositionReport
) -> Iterator[dict[str, Any]]:
    """Yield the squares that can be clicked, row by row, with what a click does."""
    position, edge = report.position, (8 - report.position.size) // 2
    inside = range(edge, 8 - edge)
    every = [8 * row + column for row in inside for column in inside]
    explained_moves = (report.contrast or report.move).squares
    chosen = {
        square_name(square, position.size): name
        for square, name in zip(explained_moves, ("move", "against"), strict=False)
    }
    policy = {each.square: each.probability for each in report.policy}
    for square in every if state.click == "set" else position.legal_moves:
        name = square_name(square, position.size)
        links = (
            _set_links(state, position, square)
            if state.click == "set"
            else _move_links(state, square, policy[square], chosen)
        )
        row, column = square // 8 - edge, square % 8 - edge
        yield {"name": name, "row": row, "column": column, **links}


def with_disc(position: Position, square: int, disc: str) -> Position:
    """Return a position with a disc, or nothing, on one square."""
    bit = 1 << square
    black, white = position.black & ~bit, position.white & ~bit
    black |= bit if disc == "x" else 0
    white |= bit if disc == "o" else 0
    own, opponent = (black, white) if position.mover == BLACK else (white, black)
    return Position(own, opponent, position.mover, position.size)


def _set_links(state: ExplorerState, position: Position, square: int) -> dict[str, str]:
    label = f"{square_name(square, position.size)}: make it {_DISC_WORDS[state.disc]}"
    href = state.at(with_disc(position, square, state.disc)).href
    return {"text": "", "label": label, "href": href, "contrast": "", "chosen": ""}


def _move_links(
    state: ExplorerState, square: int, probability: float, chosen: Mapping[str, str]
) -> dict[str, str]:
    """Say where clicks lead; `chosen` squares are explained as "move" or "against"."""
    name, text = square_name(square, state.start.size), percent(probability)
    against = contrasted(state, name, chosen)
    words, href = {
        "explain": ("explain", explained(state, name).href),
        "contrast": ("contrast with", against),
        "play": ("play", state.played(square).href),
    }[state.click]
    return {
        "text": text,
        "label": f"{name}, {text}: {words} this move",
        "href": href,
        "contrast": against,
        "chosen": chosen.get(name, ""),
    }


def explained(state: ExplorerState, name: str) -> ExplorerState:
    """Return the state in which a move is explained."""
    return replace(state, move=name, against=None, show="move")


def contrasted(state: ExplorerState, name: str, chosen: Mapping[str, str]) -> str:
    """Return where the chosen move is contrasted with another, if it is another."""
    move = next((each for each, role in chosen.items() if role == "move"), None)
    if name == move:
        return explained(state, name).href
    return replace(state, move=move, against=name, show="contrast").href
