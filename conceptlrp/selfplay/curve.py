"""The training curve as a figure: one SVG file that needs nothing else.

One panel a quantity, positions shown along the horizontal axis; training and
held-out figures of one quantity share a panel.
"""

from collections.abc import Sequence
from math import isfinite

from conceptlrp.selfplay.progress import Progress

_WIDTH, _HEIGHT = 260, 150
_LEFT, _TOP, _GAP, _BOTTOM = 44, 34, 30, 40
_STYLE = (
    "text{font:11px system-ui,sans-serif;fill:#444}"
    ".name{font-weight:600;fill:#111}"
    ".frame{fill:none;stroke:#bbb}"
    "polyline{fill:none;stroke-width:1.6}"
    ".training{stroke:#8a8a8a}.held-out{stroke:#0b62a8}"
    ".top3{stroke:#0b62a8;stroke-dasharray:4 3}"
    ".background{fill:#fff}"
    "@media(prefers-color-scheme:dark){text{fill:#bbb}.name{fill:#eee}"
    ".frame{stroke:#555}.background{fill:#161616}"
    ".held-out,.top3{stroke:#6db3ee}}"
)
# Panels: a name, and lines by class with the names of their columns.
_LOSSES = (
    ("policy loss", {"training": "policy_loss", "held-out": "held_out_policy_loss"}),
    ("value loss", {"training": "value_loss", "held-out": "held_out_value_loss"}),
)
_MOVES = (
    "moves foreseen (dashed: among 3)",
    {"held-out": "held_out_top1", "top3": "held_out_top3"},
)


def curve_svg(curve: Sequence[Progress]) -> str:
    """Draw a training curve.

    Parameters
    ----------
    curve : sequence of Progress
        At least one point.

    Returns
    -------
    str
        An SVG document.
    """
    rows = [point.row() for point in curve]
    has_held_out = "held_out_top1" in rows[-1]
    panels = (*_LOSSES, _MOVES) if has_held_out else _LOSSES
    width = _LEFT + len(panels) * (_WIDTH + _GAP + _LEFT) - _LEFT
    height = _TOP + _HEIGHT + _BOTTOM
    drawn = "".join(
        _panel(rows, name, lines, _LEFT + i * (_WIDTH + _GAP + _LEFT))
        for i, (name, lines) in enumerate(panels)
    )
    label = f"Training curve over {rows[-1]['samples']:,} positions"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label="{label}">'
        f"<style>{_STYLE}</style>"
        f'<rect class="background" width="{width}" height="{height}"/>'
        f"{drawn}</svg>\n"
    )


def _panel(
    rows: list[dict[str, float]], name: str, lines: dict[str, str], left: int
) -> str:
    """Draw a panel: its frame, its lines, and the limits of both axes."""
    shown = {each: column for each, column in lines.items() if column in rows[-1]}
    values = [row[c] for row in rows for c in shown.values() if isfinite(row[c])]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    end = rows[-1]["samples"]
    parts = [
        f'<polyline class="{each}" points="{_points(rows, column, end, low, high)}"/>'
        for each, column in shown.items()
    ]
    legend = "" if "top3" in shown or len(shown) < 2 else " (blue: held out)"
    bottom = _TOP + _HEIGHT
    under, right = bottom + 16, f'x="{_WIDTH}" text-anchor="end"'
    parts += [
        f'<rect class="frame" y="{_TOP}" width="{_WIDTH}" height="{_HEIGHT}"/>',
        f'<text class="name" y="{_TOP - 12}">{name}{legend}</text>',
        f'<text x="-6" y="{_TOP + 9}" text-anchor="end">{high:.3g}</text>',
        f'<text x="-6" y="{bottom}" text-anchor="end">{low:.3g}</text>',
        f'<text y="{under}">0</text>',
        f'<text y="{under}" {right}>{end:,} positions</text>',
    ]
    return f'<g transform="translate({left})">{"".join(parts)}</g>'


def _points(
    rows: list[dict[str, float]], column: str, end: float, low: float, high: float
) -> str:
    """Return the corners of a line; a single point is drawn as a short dash."""
    span = high - low or 1.0
    corners = [
        (
            _WIDTH * row["samples"] / end,
            _TOP + _HEIGHT * (1 - (row[column] - low) / span),
        )
        for row in rows
        if isfinite(row[column])
    ]
    if len(corners) == 1:
        corners.insert(0, (corners[0][0] - 6, corners[0][1]))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
