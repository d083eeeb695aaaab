"""The record of a training: its options, its curve, and how to write it down."""

import json
from dataclasses import asdict, dataclass

from conceptlrp.selfplay.evaluation import Evaluation


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
    seed : int
        Seed of order, symmetries and dropout.

    Raises
    ------
    ValueError
        If a length, the batch size, the learning rate or the points are not positive.
    """

    epochs: float = 1.0
    minutes: float | None = None
    batch_size: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.0
    points: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        positive = ("epochs", "minutes", "batch_size", "learning_rate", "points")
        for name in positive:
            value = getattr(self, name)
            if value is not None and value <= 0:
                message = f"{name} is {value}, expected a number above 0"
                raise ValueError(message)


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

    def row(self) -> dict[str, float]:
        """Return the point as one flat row, held-out figures as ``held_out_...``."""
        own = {k: v for k, v in asdict(self).items() if k != "evaluation"}
        if self.evaluation is None:
            return own
        held_out = asdict(self.evaluation).items()
        return own | {f"held_out_{k}": v for k, v in held_out}


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
        Points at equal distances of the schedule; the last one is the end.
    """

    options: TrainingOptions
    positions: int
    curve: tuple[Progress, ...]

    @property
    def samples(self) -> int:
        """Positions shown."""
        return self.curve[-1].samples

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
        return {
            "options": asdict(self.options),
            "positions": self.positions,
            "samples": self.samples,
            "seconds": round(self.seconds, 1),
            "held_out": evaluation,
        }

    def csv(self) -> str:
        """Return the curve as CSV, one line a point under a line of names."""
        return curve_csv(self.curve)

    def json(self) -> str:
        """Return summary and curve as JSON."""
        rows = [point.row() for point in self.curve]
        return json.dumps(self.summary() | {"curve": rows}, indent=1) + "\n"


def curve_csv(curve: tuple[Progress, ...]) -> str:
    """Return points of a training curve as CSV, numbers with 6 digits."""
    rows = [point.row() for point in curve]
    lines = [",".join(rows[0])] if rows else []
    lines += [",".join(f"{value:.6g}" for value in row.values()) for row in rows]
    return "".join(line + "\n" for line in lines)
