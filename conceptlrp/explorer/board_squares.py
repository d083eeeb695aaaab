"""The squares of the board that can be clicked, and what a click on each does.

Shapes use n x n squares.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from conceptlrp.explorer.state import ExplorerState
from conceptlrp.othello import BLACK, Position, square_name
from conceptlrp.report import PositionReport
from conceptlrp.report.words.numbers import percent

_DISCS = {"x": "black", "o": "white", "-": "empty"}


@dataclass(frozen=True)
class BoardSquare:
    """A square that leads somewhere.

    `contrast` is where a click with shift leads, "" where it is like one without;
    `chosen` is "move" or "against" for the squares that are explained, else "".
    """

    name: str
    row: int
    column: int
    text: str
    label: str
    href: str
    contrast: str = ""
    chosen: str = ""


def board_squares(
    state: ExplorerState, report: PositionReport
) -> tuple[BoardSquare, ...]:
    """List the squares that can be clicked, row by row."""
    position = report.position
    if state.click == "set":
        return tuple(_set_square(state, position, s) for s in _region(position.size))
    chosen = {
        square_name(square, position.size): name
        for square, name in zip(
            (report.contrast or report.move).squares, ("move", "against"), strict=False
        )
    }
    policy = {each.square: each.probability for each in report.policy}
    return tuple(
        _move_square(state, square, policy[square], chosen)
        for square in position.legal_moves
    )


def with_disc(position: Position, square: int, disc: str) -> Position:
    """Return a position with a disc, or nothing, on one square."""
    bit = 1 << square
    black, white = position.black & ~bit, position.white & ~bit
    black |= bit if disc == "x" else 0
    white |= bit if disc == "o" else 0
    own, opponent = (black, white) if position.mover == BLACK else (white, black)
    return Position(own, opponent, position.mover, position.size)


def _region(size: int) -> tuple[int, ...]:
    edge = (8 - size) // 2
    inside = range(edge, 8 - edge)
    return tuple(8 * row + column for row in inside for column in inside)


def _place(square: int, size: int) -> tuple[str, int, int]:
    edge = (8 - size) // 2
    return square_name(square, size), square // 8 - edge, square % 8 - edge


def _set_square(state: ExplorerState, position: Position, square: int) -> BoardSquare:
    name, row, column = _place(square, position.size)
    after = state.at(with_disc(position, square, state.disc))
    label = f"{name}: make it {_DISCS[state.disc]}"
    return BoardSquare(name, row, column, "", label, after.href)


def _move_square(
    state: ExplorerState, square: int, probability: float, chosen: Mapping[str, str]
) -> BoardSquare:
    name, row, column = _place(square, state.start.size)
    against = contrasted(state, name, chosen)
    hrefs = {
        "explain": explained(state, name).href,
        "contrast": against,
        "play": state.played(square).href,
    }
    text = percent(probability)
    words = {"explain": "explain", "contrast": "contrast with", "play": "play"}
    return BoardSquare(
        name=name,
        row=row,
        column=column,
        text=text,
        label=f"{name}, {text}: {words[state.click]} this move",
        href=hrefs[state.click],
        contrast=against,
        chosen=chosen.get(name, ""),
    )


def explained(state: ExplorerState, name: str) -> ExplorerState:
    """Return the state in which a move is explained."""
    return replace(state, move=name, against=None, show="move")


def contrasted(state: ExplorerState, name: str, chosen: Mapping[str, str]) -> str:
    """Return where the chosen move is contrasted with another, if it is another."""
    move = next((each for each, role in chosen.items() if role == "move"), None)
    if name == move:
        return explained(state, name).href
    return replace(state, move=move, against=name, show="contrast").href
