"""Charts of the pages as inline SVG: histograms, scales, maps and curves.

Colours come from the style sheet by class, so that the charts follow the light
and the dark mode. Every chart says in words what it shows, for readers who cannot see
it; curves differ in colour and dashes. Shapes use n values, K clusters or steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from conceptlrp.report.words.numbers import compact, count

_WIDTH, _HEIGHT = 360, 96
_AXIS = f'<path class="axis" d="M0 {_HEIGHT}h{_WIDTH}"/>'
_CURVE_WIDTH, _CURVE_HEIGHT, _LEFT, _TOP = 380, 190, 34, 8


def histogram_svg(
    counts: Sequence[int], edges: Sequence[float], *, name: str
) -> Markup:
    """Draw how often values occur, on a logarithmic scale."""
    if not len(counts):
        return _chart("", f"Histogram of {name}: all values are zero")
    numbers, low, high = np.asarray(counts), edges[0], edges[-1]
    heights = np.log1p(numbers) / np.log1p(numbers.max())
    parts = [_bars(heights), _AXIS, _ticks(low, high)]
    parts.append(f'<text x="0" y="9">{count(numbers.max())}</text>')
    middle = int(np.searchsorted(np.cumsum(numbers), numbers.sum() / 2))
    described = (
        f"Histogram of {name}: {count(numbers.sum())} values other than zero, from "
        f"{compact(low)} to {compact(high)}, half of them below "
        f"{compact(edges[middle + 1])}"
    )
    return _chart("".join(parts), described)


def intervals_svg(
    rows: Sequence[tuple[str, float, float, float]], *, unit: str
) -> Markup:
    """Draw estimates below each other, on one scale with zero, with known intervals."""
    ends = [0.0, *(end for row in rows for end in row[1:] if isfinite(end))]
    low, high = min(ends), max(ends)
    width = (high - low) or 1.0
    step, left = 34, 4
    height = step * len(rows)

    def x(value: float) -> str:
        return f"{left + (value - low) / width * (_WIDTH - 2 * left):.4g}"

    zero = f'<path class="zero" d="M{x(0)} 0V{height}"/>'
    parts = [zero, f'<text x="{x(0)}" y="{height + 12}" text-anchor="middle">0</text>']
    for place, (name, value, start, end) in enumerate(rows):
        y = step * place + 25
        line = f'<path class="line" d="M{x(start)} {y}H{x(end)}"/>'
        parts.append(
            f'<text class="row" x="{left + 6}" y="{y - 11}">{escape(name)}</text>'
            f"{line if isfinite(start) else ''}"
            f'<circle class="dot" cx="{x(value)}" cy="{y}" r="4"/>'
        )
    told = "; ".join(
        f"{name} {compact(value)}"
        + (f", {compact(start)} to {compact(end)}" if isfinite(start) else "")
        for name, value, start, end in rows
    )
    return Markup(
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {height + 16}" role="img" '
        f'aria-label="{escape(told)} {escape(unit)}">{"".join(parts)}</svg>'
    )


def plies_svg(
    part: NDArray[np.integer], whole: NDArray[np.integer], *, name: str
) -> Markup:
    """Draw at which plies positions lie (n,), against all positions (N,)."""
    n_plies = int(whole.max()) + 1
    bars = np.bincount(part, minlength=n_plies) / max(1, len(part))
    line = np.bincount(whole, minlength=n_plies) / len(whole)
    top = max(bars.max(), line.max())
    points = " ".join(
        f"{(i + 0.5) * _WIDTH / n_plies:.0f},{_HEIGHT * (1 - value / top):.0f}"
        for i, value in enumerate(line)
    )
    parts = [_bars(bars / top), f'<polyline class="line" points="{points}"/>', _AXIS]
    parts.append(_ticks(1, n_plies))
    middle = count(float(np.median(part)) + 1) if len(part) else "–"
    return _chart("".join(parts), f"Moves at which {name} lie: median move {middle}")


def scatter_svg(
    embedding: NDArray[np.floating],
    labels: NDArray[np.integer],
    *,
    hrefs: Sequence[str],
    highlight: int | None = None,
    max_points: int = 3000,
) -> Markup:
    """Draw positions (n, 2) as points, coloured and numbered by cluster (n,)."""
    width, height, margin = 480, 360, 14
    chosen = np.random.default_rng(0).permutation(len(labels))[:max_points]
    low, high = np.quantile(embedding, [0.002, 0.998], axis=0)
    relative = np.clip((embedding - low) / np.where(high > low, high - low, 1), 0, 1)
    room = np.array([width, height]) - 2 * margin
    places = np.rint(margin + relative * room).astype(int)
    parts: list[str] = []
    for label in np.unique(labels):
        inside = chosen[labels[chosen] == label]
        d = "".join(f"M{x} {y}h0" for x, y in np.unique(places[inside], axis=0))
        plain = label < 0 or (highlight is not None and label != highlight)
        shade = "rest" if plain else f"c{label % 12}"
        if d:
            # The highlighted cluster must lie on top of the rest.
            parts.insert(
                len(parts) if not plain else 0, f'<path class="{shade}" d="{d}"/>'
            )
    for label, href in enumerate(hrefs):
        if (labels == label).any():
            x, y = np.median(places[labels == label], axis=0)
            parts.append(
                f'<a href="{escape(href)}" aria-label="Cluster {label}">'
                f'<text x="{x:.0f}" y="{y:.0f}">{label}</text></a>'
            )
    described = f"Map of {count(len(labels))} positions in {len(hrefs)} clusters"
    return Markup(
        f'<svg class="map" viewBox="0 0 {width} {height}" role="group" '
        f'aria-label="{described}">{"".join(parts)}</svg>'
    )


def _chart(content: str, description: str) -> Markup:
    return Markup(
        f'<svg class="chart" viewBox="0 -2 {_WIDTH} {_HEIGHT + 18}" role="img" '
        f'aria-label="{escape(description)}">{content}</svg>'
    )


def _bars(heights: NDArray[np.floating]) -> str:
    step = _WIDTH / len(heights)
    # A bar that is not empty must be seen.
    tall = np.maximum(1.5, _HEIGHT * heights)
    d = "".join(
        f"M{(i + 0.5) * step:.4g} {_HEIGHT}v-{tall[i]:.2g}"
        for i in np.flatnonzero(heights)
    )
    return f'<path class="bar" stroke-width="{0.86 * step:.3g}" d="{d}"/>'


def _ticks(low: float, high: float) -> str:
    y = _HEIGHT + 13
    ends = f'<text x="0" y="{y}">{compact(low)}</text>'
    ends += f'<text x="{_WIDTH}" y="{y}" text-anchor="end">{compact(high)}</text>'
    zero = -low / (high - low) if high > low else -1
    if 0.12 < zero < 0.88:
        x = f"{zero * _WIDTH:.4g}"
        ends += f'<path class="zero" d="M{x} 0v{_HEIGHT}"/>'
        ends += f'<text x="{x}" y="{y}" text-anchor="middle">0</text>'
    return ends


@dataclass(frozen=True)
class Line:
    """A curve of K steps: places, means and ends of their intervals."""

    name: str
    x: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def curves_svg(lines: Sequence[Line]) -> Markup:
    """Draw curves with bands of their intervals and a legend; nothing without any."""
    if not lines:
        return Markup("")
    ends = [e for line in lines for e in (*line.low, *line.mean, *line.high)]
    low, high = (f([0.0, *filter(isfinite, ends)]) for f in (min, max))
    right = max(max(line.x) for line in lines)
    box = _Box(right, low, high if high > low else 1.0)
    # The first line must lie on top.
    drawn = [_curve(box, n, line) for n, line in reversed(list(enumerate(lines)))]
    described = "; ".join(_ending(line) for line in lines)
    width, height = _LEFT + _CURVE_WIDTH, _TOP + _CURVE_HEIGHT + 18
    return Markup(
        f'<svg class="chart curves" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(described)}">{"".join(drawn)}{_curve_frame(box)}'
        f"</svg>{_legend(lines)}"
    )


@dataclass(frozen=True)
class _Box:
    """What a chart spans."""

    right: float
    low: float
    high: float

    def y(self, value: float) -> float:
        return _TOP + _CURVE_HEIGHT * (self.high - value) / (self.high - self.low)

    def place(self, x: float, value: float) -> str:
        return f"{_LEFT + _CURVE_WIDTH * x / self.right:.1f} {self.y(value):.1f}"


def _curve(box: _Box, number: int, line: Line) -> str:
    ends = zip(line.x, line.mean, line.low, line.high, strict=True)
    # Where there is no interval, the band is as thin as the curve.
    sides = [(x, low, high) if isfinite(low) else (x, m, m) for x, m, low, high in ends]
    above = [box.place(x, high) for x, _, high in sides]
    below = [box.place(x, low) for x, low, _ in sides]
    middle = zip((0.0, *line.x), (0.0, *line.mean), strict=True)
    points = "L".join(box.place(*point) for point in middle)
    band = f'<path class="band k{number}" d="M{"L".join(above + below[::-1])}z"/>'
    shown = band if any(map(isfinite, line.low)) else ""
    return f'{shown}<path class="curve k{number}" d="M{points}"/>'


def _curve_frame(box: _Box) -> str:
    zero = box.y(0)
    return (
        f'<path class="axis" d="M{_LEFT} {zero:.1f}h{_CURVE_WIDTH}'
        f'M{_LEFT} {_TOP}v{_CURVE_HEIGHT}"/>'
        f'<text x="{_LEFT - 5}" y="{_TOP + 8}" text-anchor="end">{compact(box.high)}'
        f'</text><text x="{_LEFT - 5}" y="{zero + 4:.0f}" text-anchor="end">0</text>'
        f'<text x="{_LEFT + _CURVE_WIDTH}" y="{_TOP + _CURVE_HEIGHT + 14}" '
        f'text-anchor="end">{compact(box.right)} gone</text>'
    )


def _ending(line: Line) -> str:
    mean, low, high = (compact(each[-1]) for each in (line.mean, line.low, line.high))
    interval = f", interval {low} to {high}" if isfinite(line.low[-1]) else ""
    return f"{line.name} ends at {mean}{interval}"


def _legend(lines: Sequence[Line]) -> str:
    entries = "".join(
        f'<li><svg viewBox="0 0 26 8" width="26" height="8" aria-hidden="true">'
        f'<path class="curve k{number}" d="M0 4H26"/></svg> {escape(line.name)}</li>'
        for number, line in enumerate(lines)
    )
    return f'<ul class="legend">{entries}</ul>'
