"""The options of AlphaZero's iterations, and what came of each."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from conceptlrp.selfplay.progress import Progress


@dataclass(frozen=True, kw_only=True)
class IterationOptions:
    """Options of `train_iterations`.

    Attributes
    ----------
    iterations : int
        How often to play, learn and compare.
    games : int
        Games of one iteration.
    window : int
        Iterations whose games are learned from, the current one included.
    threshold : float
        Score with which a candidate becomes champion, 0 to 1.
    seed : int
        Seed of games, training and matches.

    Raises
    ------
    ValueError
        If a number is below 1, the threshold outside 0 to 1 or the seed below 0.
    """

    iterations: int = 10
    games: int = 500
    window: int = 5
    threshold: float = 0.55
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("iterations", 1), ("games", 1), ("window", 1)):
            if not getattr(self, name) >= least:
                message = f"{name} is {getattr(self, name)}, expected at least {least}"
                raise ValueError(message)
        if not 0 <= self.threshold <= 1:
            message = f"threshold is {self.threshold}, expected a number from 0 to 1"
            raise ValueError(message)

    def seed_of(self, number: int, stage: int) -> int:
        """Return the seed of a stage of an iteration."""
        drawn = np.random.SeedSequence([self.seed, number, stage]).generate_state(1)
        return int(drawn[0])


@dataclass(frozen=True)
class Iteration:
    """What came of one iteration.

    Attributes
    ----------
    number : int
        1 for the first.
    examples : int
        Positions of its games.
    learned : int
        Positions of the window.
    samples : int
        Positions shown since the start.
    policy_loss, value_loss : float
        Of the candidate at the end of its training.
    score : float
        Of the candidate against the champion.
    accepted : bool
        Whether the candidate became champion.
    seconds : float
        Duration of this iteration, since it was last taken up.
    """

    number: int
    examples: int
    learned: int
    samples: int
    policy_loss: float
    value_loss: float
    score: float
    accepted: bool
    seconds: float

    @property
    def point(self) -> Progress:
        """The iteration as a point of a training curve."""
        return Progress(
            steps=self.number,
            samples=self.samples,
            seconds=self.seconds,
            learning_rate=0.0,
            policy_loss=self.policy_loss,
            value_loss=self.value_loss,
            evaluation=None,
        )


def iterations_csv(iterations: Sequence[Iteration]) -> str:
    """Return iterations as CSV, one line each under a line of names."""
    rows = [asdict(each) for each in iterations]
    lines = [",".join(row) for row in rows[:1]]
    lines += [",".join(f"{value:.6g}" for value in row.values()) for row in rows]
    return "".join(line + "\n" for line in lines)
