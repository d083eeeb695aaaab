"""Boards as they stand on a page by the dozen: small, and told in words.

The lines, the marks and the looks that all boards of a page share stand on it once,
as `board_kit`. A run of discs or of equal colours is one stroke: dashes of no
length with round ends are discs. A board so takes half of what
`conceptlrp.drawing.board` takes for one that stands alone.

Shapes use n x n squares, row 0 being rank 1, which is drawn on top.
"""

import struct
import zlib
from xml.sax.saxutils import quoteattr

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from conceptlrp.drawing.colors import (
    LEVELS,
    level_colors,
    levels,
    symmetric_limit,
    to_rgb,
)
from conceptlrp.othello import BLACK, NO_MOVE, PASS, Position, square_name
from conceptlrp.othello.board import squares
from conceptlrp.report.explained_output import ExplainedOutput
from conceptlrp.report.stored_layer import crop

_COLORS = level_colors()
_POSITION = '<use href="#position"/>'
# From this step on a colour is too dark for black letters.
_DARK = 9
_LOOKS = (
    ".b{fill:none}"
    ".b .k,.b .w,.b .h,.b .l{stroke-dasharray:0 1;stroke-linecap:round}"
    ".b .k{stroke:#000;stroke-width:.74}.b .w{stroke:#fff;stroke-width:.66}"
    ".b .h{stroke:#fff;stroke-opacity:.75;stroke-width:.26}"
    ".b .l{stroke:#333;stroke-width:.16}"
)


def board_kit(size: int) -> Markup:
    """Draw what the boards of a page share, to stand on it once."""
    n = size
    inner = "".join(f"M{i} 0v{n}M0 {i}h{n}" for i in range(1, n))
    far = n - 2
    stars = f"M2 2h0M{far} 2h0M2 {far}h0M{far} {far}h0"
    places = " ".join(str(i) for i in range(n))
    left = " ".join(["-.85"] * n)
    cross = "M-.2-.2l.4.4m0-.4l-.4.4"
    return Markup(
        '<svg width="0" height="0" style="position:absolute" aria-hidden="true">'
        f"<style>{_LOOKS}</style>"
        f'<path id="white" fill="#fff" d="M0 0h{n}v{n}H0z"/>'
        f'<path id="felt" fill="#c9d8cc" d="M0 0h{n}v{n}H0z"/>'
        '<g id="lines"><g stroke="#000" stroke-linecap="round">'
        f'<path stroke-opacity=".28" stroke-width=".03" d="{inner}"/>'
        f'<path stroke-opacity=".6" stroke-width=".12" d="{stars}"/>'
        f'<path stroke-width=".05" d="M0 0h{n}v{n}H0z"/></g>'
        '<g fill="currentColor" fill-opacity=".7" font-size=".42" '
        'text-anchor="middle" font-family="sans-serif" '
        f'transform="translate(.5 .64)"><text x="{places}" y="-.84">'
        f'{"abcdefgh"[:n]}</text><text x="{left}" y="{places}">'
        f"{'12345678'[:n]}</text></g></g>"
        f'<g id="cross"><path stroke="#fff" stroke-width=".24" d="{cross}"/>'
        f'<path stroke="#111" stroke-width=".11" d="{cross}"/></g>'
        '<circle id="last-b" fill="#fff" r=".1"/>'
        '<circle id="last-w" fill="#000" r=".1"/></svg>'
    )


def page_board(
    size: int,
    words: str,
    marks: str,
    *,
    heatmap: NDArray[np.floating] | None = None,
    limit: float = 0.0,
) -> Markup:
    """Draw a board over a heatmap (n, n) if any; it needs the page's `board_kit`."""
    ground = "felt" if heatmap is None else "white"
    heat = "" if heatmap is None else _heat(crop(heatmap, size), limit)
    return Markup(
        f'<svg class="b" viewBox="-.75 -.75 {size + 0.8:g} {size + 0.8:g}" '
        f'role="img" aria-label={_quote(words)}><use href="#{ground}"/>{heat}'
        f'<use href="#lines"/><g transform="translate(.5 .5)">{marks}</g></svg>'
    )


def position_marks(position: Position, *, mark: int = -1) -> str:
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
    return "".join(parts)


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


def level_style() -> Markup:
    """Write the colours of the local atlas as rules of style, h0 to h24."""
    return Markup(
        "".join(
            f".h{place}{{background:{color};color:"
            f"{'#fff' if abs(place - LEVELS) >= _DARK else '#111'}}}"
            for place, color in enumerate(level_colors())
        )
    )


def position_kit(position: Position, *, mark: int = NO_MOVE) -> Markup:
    """Draw what all boards of a page share, to stand once on it."""
    marks = position_marks(position, mark=mark)
    return board_kit(position.size) + Markup(
        '<svg style="position:absolute" width="0" height="0" aria-hidden="true">'
        f'<defs><g id="position" class="b">{marks}</g></defs></svg>'
    )


def map_picture(
    position: Position, heatmap: NDArray[np.floating], limit: float, title: str
) -> Markup:
    """Draw the position of the page over a heatmap (n, n)."""
    return page_board(position.size, title, _POSITION, heatmap=heatmap, limit=limit)


def explained_square(output: ExplainedOutput) -> int:
    """Square to cross: the explained move, `NO_MOVE` where it is none or a pass."""
    square = output.squares[0] if output.squares else NO_MOVE
    return NO_MOVE if square == PASS else square


def _heat(heatmap: NDArray[np.floating], limit: float) -> str:
    """Draw runs of one colour as one line, all of a colour as one path."""
    strokes: dict[int, list[str]] = {}
    for row, line in enumerate(levels(heatmap, limit).tolist()):
        start = 0
        for column in range(1, len(line) + 1):
            if column == len(line) or line[column] != line[start]:
                stroke = f"M{start} {row}h{column - start}"
                strokes.setdefault(line[start], []).append(stroke)
                start = column
    paths = "".join(
        f'<path stroke="{_COLORS[step + LEVELS]}" d="{"".join(strokes[step])}"/>'
        for step in sorted(strokes)
        if step
    )
    return f'<g transform="translate(0 .5)">{paths}</g>' if paths else ""


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


def _quote(text: str) -> str:
    """Quote for an attribute; control characters have no place in a page."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return quoteattr(text, {'"': "&quot;"})


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
