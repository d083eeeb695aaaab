"""Boards as they stand on a page by the dozen: as text, which board.js draws.

A board takes some 200 bytes, with its game 350, where a picture takes 2,000. What each
attribute says stands in board.js. Shapes use k boards and n x n squares, row 0 being
rank 1, which is drawn on top.
"""

import math
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from conceptlrp.drawing.board import quoted
from conceptlrp.othello import BLACK, NO_MOVE, PASS, Corpus, Position, square_name
from conceptlrp.reference.boards import ReferenceBoard, ToCopy
from conceptlrp.report.explained_output import ExplainedOutput
from conceptlrp.report.stored_layer import crop
from conceptlrp.report.words.numbers import percent
from conceptlrp.statistics.intervals import effect
from conceptlrp.store import Store

_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_STEPS: Final = 30


def page_board(
    position: Position,
    *,
    heatmap: NDArray[np.floating] | None = None,
    mark: int = -1,
    **known: str | int,
) -> Markup:
    """Write a board over a heatmap (n, n) or (8, 8) if any; `known` is as in board.js.

    >>> page_board(Position.start(6), mark=20).partition(">")[0]
    Markup('<span class="bd" data-n="6" data-m="x" data-k="d2"')
    """
    n = position.size
    text, side = position.obf().split()
    data: dict[str, str | int] = {"m": side.lower()}
    if 0 <= mark < 64:
        data["k"] = square_name(mark, n)
    if position.last >= 0:
        data["l"] = square_name(position.last, n)
    return _element("bd", text, heatmap, n, {**data, **known})


def map_only(size: int, heatmap: NDArray[np.floating]) -> Markup:
    """Write a heatmap (n, n) or (8, 8) without discs."""
    return _element("bd flat", "-" * size * size, heatmap, size, {})


def heat_text(heatmap: NDArray[np.floating]) -> tuple[str, float]:
    """Write a map as a letter a square, and the largest magnitude that they are of."""
    heat = np.nan_to_num(np.asarray(heatmap, dtype=float), posinf=0.0, neginf=0.0)
    largest = float(f"{np.abs(heat).max(initial=0.0):.3g}")
    steps = np.rint(heat.ravel() / (largest or 1.0) * _STEPS).clip(-_STEPS, _STEPS)
    return "".join(_LETTERS[int(step) + _STEPS] for step in steps), largest


def _element(
    name: str,
    text: str,
    heatmap: NDArray[np.floating] | None,
    size: int,
    data: dict[str, str | int],
) -> Markup:
    if size != 8:
        data = {"n": size, **data}
    if heatmap is not None:
        letters, largest = heat_text(crop(heatmap, size))
        data = {**data, **({"h": letters, "s": f"{largest:g}"} if largest else {})}
    attributes = "".join(f" data-{k}={quoted(str(v))}" for k, v in data.items())
    return Markup(f'<span class="{name}"{attributes}>{text}</span>')


def explained_square(output: ExplainedOutput) -> int:
    """Square to cross: the explained move, `NO_MOVE` where it is none or a pass."""
    square = output.squares[0] if output.squares else NO_MOVE
    return NO_MOVE if square == PASS else square


def game_data(corpus: Corpus, row: int, symmetry: int) -> dict[str, str | int]:
    """Return the game of a row for its board: moves, how many before, how turned."""
    moves = corpus.transcript(row, whole=True)
    if not moves:
        return {}
    before = len(corpus.transcript(row)) // 2
    return {"g": moves, "y": before, **({"t": symmetry} if symmetry else {})}


@dataclass(frozen=True)
class BoardCard:
    """One board on a page: picture, score, moves, game, and what to copy."""

    svg: Markup
    score: str
    move: str
    network: str
    description: str
    copied: ToCopy
    row: int


class CardMaker:
    """Makes cards of positions; rows among `pages` and `games` have a page."""

    def __init__(
        self,
        store: Store,
        *,
        target: int | str = 0,
        pages: Container[int] = (),
        games: Container[int] = (),
    ) -> None:
        self._store, self._pages, self._games = store, pages, games
        self._marks = store.arrays.explained_square(target=target)

    def cards(
        self,
        boards: Sequence[ReferenceBoard],
        *,
        write: Callable[[float], str],
        heatmaps: NDArray[np.floating] | None = None,
    ) -> tuple[BoardCard, ...]:
        """Make the cards of some positions, in their order; `heatmaps` is (k, n, n)."""
        maps = [None] * len(boards) if heatmaps is None else heatmaps
        return tuple(
            self._card(board, write(board.score), heatmap)
            for board, heatmap in zip(boards, maps, strict=True)
        )

    def board(
        self,
        row: int,
        *,
        heatmap: NDArray[np.floating] | None = None,
        position: Position | None = None,
        symmetry: int | None = None,
    ) -> Markup:
        """Write the board of a row, a door to its game and its page."""
        corpus = self._store.positions
        turned = int(corpus.symmetry[row]) if symmetry is None else symmetry
        return page_board(
            position or corpus.position(row),
            heatmap=heatmap,
            mark=int(self._marks[row]),
            r=row,
            **game_data(corpus, row, turned),
            **({"p": 1} if row in self._pages else {}),
            **({"q": game} if (game := int(corpus.game[row])) in self._games else {}),
        )

    def _card(
        self,
        board: ReferenceBoard,
        score: str,
        heatmap: NDArray[np.floating] | None,
    ) -> BoardCard:
        mark = int(self._marks[board.row])
        return BoardCard(
            svg=self.board(
                board.row,
                heatmap=heatmap,
                position=board.position,
                symmetry=board.symmetry,
            ),
            score=score,
            move=_move(board.position, mark),
            network=_network(board, mark),
            description=board.description,
            copied=board.copied,
            row=board.row,
        )


def _move(position: Position, mark: int) -> str:
    side = "Black" if position.mover == BLACK else "White"
    return f"{side} {square_name(mark, position.size) if mark >= 0 else 'to move'}"


def _network(board: ReferenceBoard, mark: int) -> str:
    """Say how likely the network plays the move, and what it thinks of the board."""
    parts = []
    move = square_name(mark, board.position.size) if mark >= 0 else ""
    if move in board.policy:
        parts.append(f"policy {percent(board.policy[move])}")
    if not math.isnan(board.value):
        parts.append(f"value {effect(board.value)}")
    return ", ".join(parts)
