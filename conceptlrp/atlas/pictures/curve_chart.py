"""Curves with intervals as inline SVG, told apart by colour and by dashes.

Shapes use K steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from conceptlrp.report.wording import compact

__all__ = ["Line", "curves_svg"]

_WIDTH, _HEIGHT = 380, 190
_LEFT, _TOP = 34, 8


@dataclass(frozen=True)
class Line:
    """One curve.

    Attributes
    ----------
    name : str
        What it is.
    x, mean, low, high : tuple of K float
        Places, means and ends of their intervals.
    """

    name: str
    x: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def curves_svg(lines: Sequence[Line]) -> Markup:
    """Draw curves with bands of their intervals and a legend.

    Returns: an ``<svg>`` element of class ``chart curves``, and its legend; nothing
    without lines.
    """
    if not lines:
        return Markup("")
    box = _box(lines)
    # The first line must lie on top.
    drawn = [_curve(box, n, line) for n, line in reversed(list(enumerate(lines)))]
    described = "; ".join(_ending(line) for line in lines)
    width, height = _LEFT + _WIDTH, _TOP + _HEIGHT + 18
    return Markup(
        f'<svg class="chart curves" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(described)}">{"".join(drawn)}{_frame(box)}'
        f"</svg>{_legend(lines)}"
    )


@dataclass(frozen=True)
class _Box:
    """What a chart spans."""

    right: float
    low: float
    high: float

    def y(self, value: float) -> float:
        return _TOP + _HEIGHT * (self.high - value) / (self.high - self.low)

    def place(self, x: float, value: float) -> str:
        return f"{_LEFT + _WIDTH * x / self.right:.1f} {self.y(value):.1f}"


def _box(lines: Sequence[Line]) -> _Box:
    low = min(0.0, *(min(line.low) for line in lines))
    high = max(0.0, *(max(line.high) for line in lines))
    return _Box(max(max(line.x) for line in lines), low, high if high > low else 1.0)


def _curve(box: _Box, number: int, line: Line) -> str:
    above = [box.place(x, y) for x, y in zip(line.x, line.high, strict=True)]
    below = [box.place(x, y) for x, y in zip(line.x, line.low, strict=True)]
    middle = zip((0.0, *line.x), (0.0, *line.mean), strict=True)
    points = "L".join(box.place(*point) for point in middle)
    return (
        f'<path class="band k{number}" d="M{"L".join(above + below[::-1])}z"/>'
        f'<path class="curve k{number}" d="M{points}"/>'
    )


def _frame(box: _Box) -> str:
    zero = box.y(0)
    return (
        f'<path class="axis" d="M{_LEFT} {zero:.1f}h{_WIDTH}'
        f'M{_LEFT} {_TOP}v{_HEIGHT}"/>'
        f'<text x="{_LEFT - 5}" y="{_TOP + 8}" text-anchor="end">{compact(box.high)}'
        f'</text><text x="{_LEFT - 5}" y="{zero + 4:.0f}" text-anchor="end">0</text>'
        f'<text x="{_LEFT + _WIDTH}" y="{_TOP + _HEIGHT + 14}" text-anchor="end">'
        f"{compact(box.right)} gone</text>"
    )


def _ending(line: Line) -> str:
    ends = (compact(value[-1]) for value in (line.mean, line.low, line.high))
    mean, low, high = ends
    return f"{line.name} ends at {mean}, interval {low} to {high}"


def _legend(lines: Sequence[Line]) -> str:
    entries = "".join(
        f'<li><svg viewBox="0 0 26 8" width="26" height="8" aria-hidden="true">'
        f'<path class="curve k{number}" d="M0 4H26"/></svg> {escape(line.name)}</li>'
        for number, line in enumerate(lines)
    )
    return f'<ul class="legend">{entries}</ul>'
