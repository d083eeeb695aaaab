"""The record of a training: its options, its curve, and how to write it down."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from conceptlrp.selfplay.evaluation import Evaluation

SPACINGS = ("log", "even")


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """Options of `train`.

    Attributes
    ----------
    epochs : float
        Length of the schedule in passes over the corpus. The result is then a
        function of the corpus, the network, the options and the number of threads.
    minutes : float, optional
        Length of the schedule in time instead; how far it gets depends on the machine.
    batch_size : int
        Positions of one step.
    learning_rate, weight_decay : float
        Peak learning rate, and AdamW's decay.
    label_smoothing : float
        Share of the policy target that is spread over all actions.
    points : int
        Points of the curve, the end included.
    patience : int, optional
        Stop after so many points without a lower held-out loss, and in any case keep
        the weights of the point where it was lowest.
    snapshots : int
        Networks to keep on the way, the end not included.
    spacing : str
        "log" for snapshots from 1 % of the schedule on, each a constant factor
        further than the one before, or "even".
    seed : int
        Seed of order, symmetries and dropout.

    Raises
    ------
    ValueError
        If a length, the batch size, the learning rate, the points or the patience
        are not positive, or another number is below 0 or unknown.
    """

    epochs: float = 1.0
    minutes: float | None = None
    batch_size: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.0
    points: int = 20
    patience: int | None = None
    snapshots: int = 0
    spacing: str = "log"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in _POSITIVE:
            value = getattr(self, name)
            # A comparison with nan is false.
            if value is not None and not value > 0:
                message = f"{name} is {value}, expected a number above 0"
                raise ValueError(message)
        for name in ("weight_decay", "label_smoothing", "snapshots", "seed"):
            if not getattr(self, name) >= 0:
                message = f"{name} is {getattr(self, name)}, expected 0 or more"
                raise ValueError(message)
        if self.label_smoothing > 1:
            message = f"label_smoothing is {self.label_smoothing}, expected at most 1"
            raise ValueError(message)
        if self.spacing not in SPACINGS:
            message = f"spacing is '{self.spacing}', expected {' or '.join(SPACINGS)}"
            raise ValueError(message)

    @property
    def snapshot_marks(self) -> tuple[float, ...]:
        """Shares of the schedule after which a snapshot is taken.

        Examples
        --------
        >>> TrainingOptions(snapshots=3, spacing="even").snapshot_marks
        (0.25, 0.5, 0.75)
        >>> TrainingOptions(snapshots=2).snapshot_marks
        (0.01, 0.1)
        """
        steps = range(self.snapshots)
        if self.spacing == "even":
            return tuple((i + 1) / (self.snapshots + 1) for i in steps)
        return tuple(0.01 ** (1 - i / self.snapshots) for i in steps)


_POSITIVE = (
    "epochs",
    "minutes",
    "batch_size",
    "learning_rate",
    "points",
    "patience",
)


@dataclass(frozen=True)
class Progress:
    """One point of the training curve.

    Attributes
    ----------
    steps, samples : int
        Batches and positions shown so far.
    seconds : float
        Time since the start, evaluations included.
    learning_rate : float
        At the last step.
    policy_loss, value_loss : float
        Means over the batches since the point before.
    evaluation : Evaluation or None
        On held-out positions, when there are any.
    """

    steps: int
    samples: int
    seconds: float
    learning_rate: float
    policy_loss: float
    value_loss: float
    evaluation: Evaluation | None

    @property
    def held_out_loss(self) -> float | None:
        """Sum of policy and value loss on the held-out positions, if there are any."""
        if self.evaluation is None:
            return None
        value = self.evaluation.value_loss
        return self.evaluation.policy_loss + (value if isfinite(value) else 0.0)

    def row(self) -> dict[str, float]:
        """Return the point as one flat row, held-out figures as ``held_out_...``."""
        own = {k: v for k, v in asdict(self).items() if k != "evaluation"}
        if self.evaluation is None:
            return own
        held_out = asdict(self.evaluation).items()
        return own | {f"held_out_{k}": v for k, v in held_out}

    @staticmethod
    def from_row(row: Mapping[str, Any]) -> "Progress":
        """Return the point that a flat row was made of."""
        start = "held_out_"
        own = {k: v for k, v in row.items() if not k.startswith(start)}
        said = {k.removeprefix(start): v for k, v in row.items() if k.startswith(start)}
        return Progress(**own, evaluation=Evaluation(**said) if said else None)


@dataclass(frozen=True)
class TrainingRecord:
    """How a network was trained and how well it did.

    Attributes
    ----------
    options : TrainingOptions
        What was asked for.
    positions : int
        Positions in the corpus that was learned from.
    curve : tuple of Progress
        Points at equal distances of the schedule; the last one is the end, and its
        evaluation is that of the weights that were kept.
    kept : int, optional
        Steps after which the weights were kept; all of them by default.
    """

    options: TrainingOptions
    positions: int
    curve: tuple[Progress, ...]
    kept: int | None = None

    @property
    def samples(self) -> int:
        """Positions shown until the weights were kept."""
        if self.kept is None:
            return self.curve[-1].samples
        return self.kept * self.options.batch_size

    @property
    def seconds(self) -> float:
        """Duration of the training."""
        return self.curve[-1].seconds

    @property
    def evaluation(self) -> Evaluation | None:
        """Held-out evaluation at the end."""
        return self.curve[-1].evaluation

    def summary(self) -> dict[str, object]:
        """Return what a checkpoint should say of its training, ready for JSON."""
        evaluation = None if self.evaluation is None else asdict(self.evaluation)
        said: dict[str, object] = {
            "options": asdict(self.options),
            "positions": self.positions,
            "samples": self.samples,
            "seconds": round(self.seconds, 1),
            "held_out": evaluation,
        }
        return {name: without_nan(value) for name, value in said.items()}

    def csv(self) -> str:
        """Return the curve as CSV, one line a point under a line of names."""
        return curve_csv(self.curve)

    def json(self) -> str:
        """Return summary and curve as JSON, null standing for nan."""
        rows = [point.row() for point in self.curve]
        said = self.summary() | {"curve": without_nan(rows)}
        return json.dumps(said, indent=1, allow_nan=False) + "\n"


def curve_csv(curve: Sequence[Progress]) -> str:
    """Return points of a training curve as CSV, numbers with 6 digits."""
    rows = [point.row() for point in curve]
    lines = [",".join(rows[0])] if rows else []
    lines += [",".join(f"{value:.6g}" for value in row.values()) for row in rows]
    return "".join(line + "\n" for line in lines)


def without_nan(said: Any) -> Any:
    """Put None for every number that JSON has no word for."""
    if isinstance(said, dict):
        return {name: without_nan(value) for name, value in said.items()}
    if isinstance(said, list):
        return [without_nan(value) for value in said]
    return None if isinstance(said, float) and not isfinite(said) else said
