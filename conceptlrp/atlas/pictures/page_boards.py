"""Boards as they stand on a page by the dozen: small, told in words, and on cards.

The lines, the marks and the looks that all boards of a page share stand on it once,
as `board_kit` of the template pictures.html. A run of discs or of equal colours is
one stroke: dashes of no length with round ends are discs. A board so takes half of
what `conceptlrp.drawing.board` takes for one that stands alone.

Shapes use k boards and n x n squares, row 0 being rank 1, which is drawn on top.
"""

import math
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from conceptlrp.drawing.board import board_svg, colored_runs, quoted
from conceptlrp.drawing.colors import symmetric_limit, to_rgb
from conceptlrp.othello import BLACK, NO_MOVE, PASS, Position, square_name
from conceptlrp.othello.board import squares
from conceptlrp.reference.boards import ReferenceBoard, ToCopy
from conceptlrp.report.explained_output import ExplainedOutput
from conceptlrp.report.stored_layer import crop
from conceptlrp.report.words.numbers import percent
from conceptlrp.statistics.intervals import effect
from conceptlrp.store import Store

_POSITION = '<use href="#position"/>'
# Boards drawn for all channels, such as those of the random strip, and no more.
_REMEMBERED = 256


def page_board(
    size: int,
    words: str,
    marks: str,
    *,
    heatmap: NDArray[np.floating] | None = None,
    limit: float = 0.0,
) -> Markup:
    """Draw a board over a heatmap (n, n) if any; it needs the page's `board_kit`."""
    runs = "" if heatmap is None else colored_runs(crop(heatmap, size), limit)
    heat = f'<g transform="translate(0 .5)">{runs}</g>' if runs else ""
    return Markup(
        f'<svg class="b" viewBox="-.75 -.75 {size + 0.8:g} {size + 0.8:g}" '
        f'role="img" aria-label={quoted(words)}><use href="#white"/>{heat}'
        f'<use href="#lines"/><g transform="translate(.5 .5)">{marks}</g></svg>'
    )


def position_marks(position: Position, *, mark: int = -1) -> Markup:
    """Draw the discs, legal moves, last move and explained move of a position."""
    n = position.size
    edge = (8 - n) // 2
    legal = _runs([s for s in position.legal_moves if s != mark and s < 64], n)
    parts = [
        f'<path class="{name}" d="{d}"/>'
        for name, d in (
            ("k", _runs(squares(position.black | position.white), n)),
            ("w", _runs(squares(position.white), n)),
            ("h", legal),
            ("l", legal),
        )
        if d
    ]
    if position.last >= 0:
        name = "last-b" if position.black >> position.last & 1 else "last-w"
        parts.append(_use(name, position.last, edge))
    if 0 <= mark < 64:
        parts.append(_use("cross", mark, edge))
    return Markup("".join(parts))


def position_words(position: Position, *, mark: int = -1) -> str:
    """Say what a board shows: side to move, moves and number of discs.

    >>> position_words(Position.start(), mark=19)
    'Black to move, explained move d3, 2 black and 2 white discs'
    """
    n = position.size
    words = "Black to move" if position.mover == BLACK else "White to move"
    if 0 <= mark < 64:
        words += f", explained move {square_name(mark, n)}"
    if position.last >= 0:
        words += f", last move {square_name(position.last, n)}"
    black, white = position.black.bit_count(), position.white.bit_count()
    return f"{words}, {black} black and {white} white discs"


def map_picture(
    position: Position, heatmap: NDArray[np.floating], limit: float, title: str
) -> Markup:
    """Draw the position of the page over a heatmap (n, n)."""
    return page_board(position.size, title, _POSITION, heatmap=heatmap, limit=limit)


def explained_square(output: ExplainedOutput) -> int:
    """Square to cross: the explained move, `NO_MOVE` where it is none or a pass."""
    square = output.squares[0] if output.squares else NO_MOVE
    return NO_MOVE if square == PASS else square


def _runs(found: list[int], n: int) -> str:
    """Write squares as strokes, those that are neighbours in a row as one."""
    # A tenth more than its length makes sure that the last dash of a run is drawn.
    edge = (8 - n) // 2
    runs: list[list[int]] = []
    for square in sorted(found):
        if runs and square == runs[-1][1] + 1 and square % 8:
            runs[-1][1] = square
        else:
            runs.append([square, square])
    return "".join(
        f"M{a % 8 - edge} {a // 8 - edge}h{f'{b - a}.1' if b > a else '.1'}"
        for a, b in runs
    )


def _use(name: str, square: int, edge: int) -> str:
    x, y = square % 8 - edge, square // 8 - edge
    return f'<use href="#{name}" x="{x}" y="{y}"/>'


def sprite(maps: NDArray[np.floating], *, columns: int) -> NDArray[np.uint8]:
    """Lay maps (C, n, n) out in rows of `columns`, each coloured to its own limit."""
    channels, n, _ = maps.shape
    rows = -(-channels // columns)
    tiles = np.full((rows * columns, n, n, 3), 255, dtype=np.uint8)
    for channel, heat in enumerate(maps):
        tiles[channel] = to_rgb(heat, symmetric_limit(heat))
    grid = tiles.reshape(rows, columns, n, n, 3).transpose(0, 2, 1, 3, 4)
    return grid.reshape(rows * n, columns * n, 3)


def png(rgb: NDArray[np.uint8]) -> bytes:
    """Encode a picture (height, width, 3) as PNG without metadata (W3C, section 5)."""
    height, width, _ = rgb.shape
    lines = np.zeros((height, 1 + 3 * width), dtype=np.uint8)
    lines[:, 1:] = rgb.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [
        (b"IHDR", header),
        (b"IDAT", zlib.compress(lines.tobytes(), 9)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


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
            copied=board.copied,
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
