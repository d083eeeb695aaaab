"""What a rule asks of the squares around a square, as a small SVG picture.

Own discs are black and the opponent's white, whoever they are on a board. What may be
anything is grey, what lies beyond the edge dark; what must not be there is crossed out.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from conceptlrp.drawing.board import quoted

Squares = Mapping[tuple[int, int], Collection[str]]

_FELT: Final = "#c9d8cc"
_ANYTHING: Final = "#dcdcdc"
_BEYOND: Final = "#4a4a4a"
_ALL: Final = ("own", "opponent", "empty", "legal", "off")


def window_svg(
    cases: Sequence[Squares], *, window: int, size: int = 8, title: str, px: int = 20
) -> str:
    """Draw cases side by side, each of which is enough for a rule.

    They say of squares, by the distance in ranks and files from the one in the middle,
    which has a frame, what may be there: some of "own", "opponent", "empty" (and no
    legal move), "legal" and "off" (the board). A `window` of 0 is a whole board, whose
    squares are told by rank and file; `px` is the width of a square.

    >>> window_svg([{(0, 0): ["own"]}], window=3, title="own").count("<circle")
    1
    """
    side = window or size
    middle = side // 2 if window else 0
    width = len(cases) * (side + 1.2) - 1.2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width * px:g}" ',
        f'height="{side * px}" viewBox="-.05 -.05 {width + 0.1:g} {side + 0.1:g}" ',
        f"aria-label={quoted(title)}><title>{quoted(title)[1:-1]}</title>",
    ]
    lines = "".join(f"M{i} 0v{side}M0 {i}h{side}" for i in range(side + 1))
    for number, case in enumerate(cases):
        if number:
            parts.append(_or(number * (side + 1.2) - 0.6, side / 2 + 0.15))
        parts.append(f'<g transform="translate({number * (side + 1.2):g} 0)">')
        parts += [
            _square(row, column, case.get((row - middle, column - middle), _ALL))
            for row in range(side)
            for column in range(side)
        ]
        parts.append(_path(lines, 'stroke="#000" stroke-opacity=".3"', 0.03))
        if window:
            parts.append(_path(f"M{middle} {middle}h1v1h-1z", 'stroke="#000"', 0.09))
        parts.append("</g>")
    return "".join([*parts, "</svg>"])


def _or(x: float, y: float) -> str:
    style = 'font-size=".5" text-anchor="middle" font-family="sans-serif"'
    return f'<text x="{x:g}" y="{y:g}" fill="currentColor" {style}>or</text>'


def _path(d: str, stroke: str, width: float) -> str:
    return f'<path fill="none" {stroke} stroke-width="{width:g}" d="{d}"/>'


def _square(row: int, column: int, states: Collection[str]) -> str:
    """Draw what may be on a square, or, if that is less, what must not be there."""
    allowed = _merged([each for each in _ALL if each in states])
    barred = _merged([each for each in _ALL if each not in states])
    # Whether a square is on the board is of no account beside what is there.
    lacks = [each for each in barred if each != "off"]
    shown = allowed if len(allowed) <= len(barred) else lacks
    fill = _BEYOND if allowed == ["off"] else _FELT if barred else _ANYTHING
    if shown is allowed and allowed in (["off"], ["blank"]):
        shown = []
    scale = 0.8 if len(shown) == 1 else 0.48
    glyphs = [f'<path fill="{fill}" d="M{column} {row}h1v1h-1z"/>']
    for i, each in enumerate(shown):
        x = column + 0.5 + (i - (len(shown) - 1) / 2) * 0.5
        glyphs.append(_glyph(each, x, row + 0.5, scale))
    if shown and shown is not allowed:
        cross = f"M{column + 0.12:g} {row + 0.88:g}l.76 -.76"
        glyphs.append(_path(cross, 'stroke="#c22"', 0.1))
    return "".join(glyphs)


def _merged(states: list[str]) -> list[str]:
    """Take an empty square and a legal move for one: a square without a disc."""
    if "empty" in states and "legal" in states:
        rest = [each for each in states if each not in ("empty", "legal")]
        return [*rest, "blank"]
    return states


def _glyph(state: str, x: float, y: float, scale: float) -> str:
    if state in ("own", "opponent"):
        fill = "#000" if state == "own" else "#fff"
        return (
            f'<circle cx="{x:g}" cy="{y:g}" r="{scale / 2 - 0.04:g}" fill="{fill}" '
            'stroke="#000" stroke-width=".06"/>'
        )
    if state == "legal":
        return f'<circle cx="{x:g}" cy="{y:g}" r="{scale / 5:g}" fill="#333"/>'
    half = scale / 2 - 0.04
    fill = _BEYOND if state == "off" else "#fff"
    dash = "" if state == "off" else ' stroke-dasharray=".08"'
    return (
        f'<path fill="{fill}" fill-opacity=".8" stroke="#333" stroke-width=".04"{dash} '
        f'd="M{x - half:g} {y - half:g}h{2 * half:g}v{2 * half:g}h-{2 * half:g}z"/>'
    )
