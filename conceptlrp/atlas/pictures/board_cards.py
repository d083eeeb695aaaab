"""Boards of a store as they stand on the pages: picture, game, text to copy.

Shapes use k boards and n x n squares.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from conceptlrp.atlas.pictures.page_boards import (
    page_board,
    position_marks,
    position_words,
)
from conceptlrp.drawing.board import board_svg
from conceptlrp.othello import BLACK, Position, square_name
from conceptlrp.reference import ReferenceBoard
from conceptlrp.reference.boards import describe_boards
from conceptlrp.report.words.numbers import effect, percent
from conceptlrp.store import Ranking, Store

# Boards drawn for all channels, such as those of the random strip, and no more.
_REMEMBERED = 256


@dataclass(frozen=True)
class BoardCard:
    """One board on a page: picture, score, moves, game, and what to copy."""

    svg: Markup
    score: str
    move: str
    network: str
    description: str
    transcript: str
    obf: str
    row: int


class CardMaker:
    """Makes the cards of a store's positions."""

    def __init__(self, store: Store, *, target: int | str = 0) -> None:
        self._store = store
        self._marks = store.arrays.explained_square(target=target)
        self._size = store.manifest.board_size
        self._drawn = lru_cache(_REMEMBERED)(_drawn)

    def cards(
        self,
        boards: Sequence[ReferenceBoard],
        *,
        write: Callable[[float], str],
        heatmaps: NDArray[np.floating] | None = None,
        limit: float = 0.0,
    ) -> tuple[BoardCard, ...]:
        """Make the cards of some positions, in their order; `heatmaps` is (k, n, n)."""
        maps = [None] * len(boards) if heatmaps is None else heatmaps
        return tuple(
            self._card(board, write(board.score), heatmap, limit)
            for board, heatmap in zip(boards, maps, strict=True)
        )

    def boards(
        self, rows: NDArray[np.integer], scores: NDArray[np.floating]
    ) -> tuple[ReferenceBoard, ...]:
        """Describe positions of the store, in the order of the rows."""
        ranking = Ranking(rows.astype(np.int64), scores.astype(np.float32))
        return describe_boards(self._store, ranking)

    def picture(
        self,
        row: int,
        *,
        heatmap: NDArray[np.floating] | None = None,
        limit: float | None = None,
        size_px: int = 176,
    ) -> Markup:
        """Draw one position alone, over a heatmap (n, n) if any."""
        # board_svg escapes what it is given.
        return Markup(
            board_svg(
                self._store.positions.position(row),
                heatmap=heatmap,
                limit=limit,
                mark=int(self._marks[row]),
                size_px=size_px,
            )
        )

    def _card(
        self,
        board: ReferenceBoard,
        score: str,
        heatmap: NDArray[np.floating] | None,
        limit: float,
    ) -> BoardCard:
        mark = int(self._marks[board.row])
        words, marks = self._drawn(board.position, mark)
        return BoardCard(
            svg=page_board(self._size, words, marks, heatmap=heatmap, limit=limit),
            score=score,
            move=_move(board.position, mark),
            network=_network(board, mark),
            description=board.description,
            transcript=board.transcript,
            obf=board.position.obf(),
            row=board.row,
        )


def _drawn(position: Position, mark: int) -> tuple[str, str]:
    """Say and draw a position, without its heatmap."""
    return position_words(position, mark=mark), position_marks(position, mark=mark)


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
