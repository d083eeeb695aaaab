"""The pages of the explorer, and what a click on each square of the board does.

Shapes use n x n squares.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from conceptlrp.atlas.pages.position_pages import output_title, output_view
from conceptlrp.atlas.site import make_templates
from conceptlrp.explorer.parts import (
    Choice,
    Shown,
    after_changes,
    changed_channels,
    game_view,
    looked_at,
    played_name,
    search_choices,
    search_view,
    side_words,
    similar_view,
    two_moves,
)
from conceptlrp.explorer.state import SHOWN, ExplorerState
from conceptlrp.othello import BLACK, PASS, Position, square_name
from conceptlrp.reference.boards import to_copy
from conceptlrp.report import PositionReport
from conceptlrp.report.position import MovePolicy
from conceptlrp.report.words.numbers import effect, percent

_CLICK_WORDS = {
    "explain": "explains the move",
    "contrast": "contrasts it",
    "play": "plays it",
    "set": "sets a disc",
}
_DISC_WORDS = {"x": "black", "o": "white", "-": "empty"}
_TEMPLATES = make_templates("conceptlrp.explorer", "conceptlrp.atlas")



def explorer_page(shown: Shown) -> str:
    """Write the page of a state."""
    engine, state, report = shown.engine, shown.state, shown.report
    output = shown.output
    href = shown.channel_href
    view = output_view(
        report.position, output, channel_href=href, cell_href=href, names=shown.names
    )
    return _TEMPLATES.get_template("explorer.html").render(
        engine=engine,
        state=state,
        atlas=shown.atlas,
        report=report,
        output=view,
        names_note=shown.names_note,
        side=side_words(shown),
        value=None if math.isnan(report.value) else effect(report.value),
        game=game_view(shown),
        played=played_name(state),
        squares=list(board_squares(state, report)),
        policy=list(_policy(state, report)),
        after=after_changes(shown),
        changed=list(changed_channels(shown)),
        outputs=_outputs(shown),
        clicks=_choices(state, "click", _CLICK_WORDS),
        discs=_choices(state, "disc", _DISC_WORDS),
        places=_places(state, report.position),
        kept=_kept(state),
        copied=to_copy(report.position, state.transcript, 0),
        looked=looked_at(shown),
        two=two_moves(shown, report),
        searches=search_choices(state),
        search=search_view(shown),
        similar=similar_view(shown),
    )


def problem_page(sentence: str) -> str:
    """Write a page that says what is wrong with a request."""
    return _TEMPLATES.get_template("problem.html").render(sentence=sentence)


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


def _outputs(shown: Shown) -> list[Choice]:
    report = shown.report
    outputs = (report.move, report.value_output, report.contrast)
    return [
        (
            output_title(output),
            replace(shown.state, show=name).href,
            output is shown.output,
        )
        for name, output in zip(SHOWN, outputs, strict=True)
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
    found = [("Undo", state.undone().href)] if state.made else []
    if state.at(Position.start(size)).href != state.href:
        found.append(("Start position", state.at(Position.start(size)).href))
    side = "White" if position.mover == BLACK else "Black"
    found.append((f"{side} to move", state.at(other).href))
    if state.click == "set":
        found.append(("Empty board", state.at(empty).href))
    return found


def _kept(state: ExplorerState) -> list[tuple[str, str]]:
    """Return what a form that leads to another board keeps."""
    place = ("start", "moves", "ply")
    return [item for item in state.changed().items() if item[0] not in place]


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
