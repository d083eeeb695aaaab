"""How a network is trained and how that went: options, curve, record.

The curve is written as CSV and as one SVG file that needs nothing else: a panel a
quantity, positions shown along the horizontal axis.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import pandas as pd

from conceptlrp.jsontext import plain
from conceptlrp.selfplay.training_set import Validation


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """Options of `train`.

    Attributes
    ----------
    epochs : float
        Length of the schedule in passes over the positions. The result is then a
        function of positions, network, options and the number of threads.
    batch_size : int
        Positions of one step.
    learning_rate : float
        At its peak.
    points : int
        Points of the curve, the end included.
    validation_positions : int
        Held-out positions that a point of the curve uses; the last one uses all.
    patience : int, optional
        Stop after so many points without a lower held-out loss, and in any case keep
        the weights of the point where it was lowest.
    snapshots : int
        Networks to keep on the way, the end not included: the first after 1 % of the
        schedule, each a constant factor further than the one before.
    seed : int
        Seed of order, symmetries and dropout.
    """

    epochs: float = 1.0
    batch_size: int = 256
    learning_rate: float = 2e-3
    points: int = 20
    validation_positions: int = 20_000
    patience: int | None = None
    snapshots: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        at_least_0 = ("snapshots", "seed")
        for name, value in asdict(self).items():
            # A comparison with nan is false.
            if name in at_least_0 and not value >= 0:
                msg = f"{name} is {value}, expected 0 or more"
                raise ValueError(msg)
            if name not in at_least_0 and value is not None and not value > 0:
                msg = f"{name} is {value}, expected a number above 0"
                raise ValueError(msg)

    @property
    def snapshot_marks(self) -> tuple[float, ...]:
        """Shares of the schedule after which a snapshot is taken.

        >>> TrainingOptions(snapshots=2).snapshot_marks
        (0.01, 0.1)
        """
        steps = range(self.snapshots)
        return tuple(0.01 ** (1 - i / self.snapshots) for i in steps)


@dataclass(frozen=True)
class TrainingPoint:
    """A point of the training curve: losses are means since the one before."""

    steps: int
    samples: int
    seconds: float
    learning_rate: float
    policy_loss: float
    value_loss: float
    validation: Validation | None

    @property
    def held_out_loss(self) -> float | None:
        """Sum of policy and value loss on the held-out positions, if there are any."""
        if self.validation is None:
            return None
        value = self.validation.value_loss
        return self.validation.policy_loss + (value if isfinite(value) else 0.0)

    def row(self) -> dict[str, float]:
        """Return the point as one flat row, held-out figures as ``held_out_...``."""
        own = {k: v for k, v in asdict(self).items() if k != "validation"}
        if self.validation is None:
            return own
        held_out = asdict(self.validation).items()
        return own | {f"held_out_{k}": v for k, v in held_out}

    def __str__(self) -> str:
        losses = f"loss {self.policy_loss:.3f} policy, {self.value_loss:.3f} value"
        text = f"{self.samples:,} positions in {self.seconds:.0f} s: {losses}"
        if self.validation is None:
            return text
        return f"{text}; held out: {self.validation.top1:.1%} of the moves"


@dataclass(frozen=True, repr=False)
class TrainingRecord:
    """How a network was trained and how well it did.

    Attributes
    ----------
    options : TrainingOptions
        What was asked for.
    positions : int
        Positions that were learned from.
    curve : tuple of TrainingPoint
        Points at equal distances of the schedule; the last one is the end, and its
        validation is that of the weights that were kept.
    kept : int, optional
        Steps after which the weights were kept; all of them by default.
    """

    options: TrainingOptions
    positions: int
    curve: tuple[TrainingPoint, ...]
    kept: int | None = None

    def __repr__(self) -> str:
        return f"TrainingRecord({self.curve[-1]})"

    def _repr_html_(self) -> str:
        return str(self.frame().to_html())

    @property
    def samples(self) -> int:
        """Positions shown until the weights were kept."""
        if self.kept is None:
            return self.curve[-1].samples
        return self.kept * self.options.batch_size

    @property
    def validation(self) -> Validation | None:
        """Held-out figures at the end."""
        return self.curve[-1].validation

    def frame(self) -> pd.DataFrame:
        """Return the curve as a table, one row a point."""
        return pd.DataFrame([point.row() for point in self.curve])

    def summary(self) -> dict[str, Any]:
        """Return what a network file says of its training, ready for JSON."""
        said = {
            "options": self.options,
            "positions": self.positions,
            "samples": self.samples,
            "seconds": round(self.curve[-1].seconds, 1),
            "held_out": self.validation,
        }
        return dict(plain(said))

    def to_dict(self) -> dict[str, Any]:
        """Return summary and curve, ready for JSON; None stands for nan."""
        rows = [point.row() for point in self.curve]
        return self.summary() | {"curve": plain(rows)}


_WIDTH, _HEIGHT, _STEP = 260, 150, 334
_STYLE = (
    "svg{color-scheme:light dark}text{font:11px system-ui,sans-serif;fill:CanvasText}"
    "rect{fill:none;stroke:#999}polyline{fill:none;stroke-width:1.6;"
    "stroke-linecap:round}.training{stroke:#8a8a8a}.held-out,.top3{stroke:#3d87c4}"
    ".top3{stroke-dasharray:4 3}"
)
# Panels: a name, and columns by the class of their line.
_LOSSES = {
    f"{head} loss (blue: held out)": {
        "training": f"{head}_loss",
        "held-out": f"held_out_{head}_loss",
    }
    for head in ("policy", "value")
}
_MOVES = {
    "moves predicted (dashed: among 3)": {
        "held-out": "held_out_top1",
        "top3": "held_out_top3",
    }
}


def curve_svg(rows: Sequence[Mapping[str, float]]) -> str:
    """Draw the rows of a curve, at least one, as an SVG document."""
    table = pd.DataFrame(rows)
    panels = _LOSSES | _MOVES if "held_out_top1" in table else _LOSSES
    drawn = "".join(
        f'<g transform="translate({44 + _STEP * i},34)">{_panel(table, *panel)}</g>'
        for i, panel in enumerate(panels.items())
    )
    label = f"Training curve over {rows[-1]['samples']:,} positions"
    size = f'width="{_STEP * len(panels)}" height="{_HEIGHT + 74}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" '
        f'aria-label="{label}"><style>{_STYLE}</style>{drawn}</svg>\n'
    )


def _panel(table: pd.DataFrame, name: str, lines: dict[str, str]) -> str:
    """Draw a panel: its frame, its lines, and the limits of both axes."""
    shown = {each: table[column] for each, column in lines.items() if column in table}
    values = [y for column in shown.values() for y in column if isfinite(y)]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    end = table["samples"].iloc[-1]
    drawn = ""
    for each, column in shown.items():
        corners = [
            f"{_WIDTH * x / end:.1f},{_HEIGHT * (high - y) / (high - low or 1.0):.1f}"
            for x, y in zip(table["samples"], column, strict=True)
            if isfinite(y)
        ]
        # A line from a single point to itself is drawn as a dot.
        points = " ".join(corners * 2 if len(corners) == 1 else corners)
        drawn += f'<polyline class="{each}" points="{points}"/>'
    return (
        f'<rect width="{_WIDTH}" height="{_HEIGHT}"/>{drawn}<text y="-12">{name}</text>'
        f'<text x="-6" y="9" text-anchor="end">{high:.3g}</text>'
        f'<text x="-6" y="{_HEIGHT}" text-anchor="end">{low:.3g}</text>'
        f'<text y="{_HEIGHT + 16}">0</text><text x="{_WIDTH}" y="{_HEIGHT + 16}" '
        f'text-anchor="end">{end:,} positions</text>'
    )
