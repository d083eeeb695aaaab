"""Supervised training: learn the moves and outcomes of recorded games.

The loss is alpha-zero-general's, cross entropy of the move played over all actions
plus the squared error of tanh(value), with the move of the game in place of the
search's policy. Illegal actions are not masked: a network of this kind has to learn
the rules as well. A position in which the player must pass is not part of a corpus,
so a network trained here never sees a pass played.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from conceptlrp.networks import BoardNetwork, OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.selfplay.batches import Batch, BatchMaker
from conceptlrp.selfplay.evaluation import Evaluation, evaluate
from conceptlrp.selfplay.progress import Progress, TrainingOptions, TrainingRecord

OnProgress = Callable[[Progress, BoardNetwork], None]

_WARM_UP = 0.04


@dataclass(frozen=True)
class SupervisedTraining:
    """What `train_supervised` gives back.

    Attributes
    ----------
    network : OthelloNet
        In evaluation mode.
    record : TrainingRecord
        How it was trained.
    """

    network: OthelloNet
    record: TrainingRecord


def train_supervised(
    corpus: Corpus,
    *,
    channels: int = 64,
    dropout: float = 0.0,
    held_out_year: int | None = None,
    validation_positions: int = 20_000,
    options: TrainingOptions | None = None,
    on_progress: OnProgress | None = None,
) -> SupervisedTraining:
    """Train a new `OthelloNet` on a corpus, one year of which is held out.

    Parameters
    ----------
    corpus : Corpus
        Positions to learn from, those of the held-out year included.
    channels : int
        Feature maps of each convolution.
    dropout : float
        Of the hidden layers; one or two passes over a corpus need none.
    held_out_year : int, optional
        Games of this year are not learned from; the curve is measured on them.
    validation_positions : int
        Positions of the held-out year in a point of the curve; the last point uses
        all of them.
    options : TrainingOptions, optional
        Length, batch size, learning rate, seed and so on.
    on_progress : callable, optional
        Called with each point of the curve and the network, for instance to save it.

    Returns
    -------
    SupervisedTraining
        The network in evaluation mode, and the record of its training.

    Raises
    ------
    ValueError
        If the held-out year has no game, or nothing else is left to learn from.
    """
    chosen = options or TrainingOptions()
    network = _new_network(channels, corpus.size, dropout, chosen.seed)
    if held_out_year is None:
        record = train(network, corpus, options=chosen, on_progress=on_progress)
        return SupervisedTraining(network, record)
    held_out = corpus.year == held_out_year
    if not held_out.any():
        message = f"no position is from {held_out_year}, the year to hold out"
        raise ValueError(message)
    record = train(
        network,
        corpus[~held_out],
        validation=corpus[held_out],
        validation_positions=validation_positions,
        options=chosen,
        on_progress=on_progress,
    )
    return SupervisedTraining(network, record)


def train(
    network: BoardNetwork,
    corpus: Corpus,
    *,
    validation: Corpus | None = None,
    validation_positions: int = 20_000,
    options: TrainingOptions | None = None,
    on_progress: OnProgress | None = None,
) -> TrainingRecord:
    """Train a network in place on the moves and outcomes of a corpus.

    AdamW under one learning rate cycle: a linear warm-up, then half a cosine to 0.

    Parameters
    ----------
    network : OthelloNet or ResidualTower
        Trained in place and left in evaluation mode.
    corpus : Corpus
        Positions to learn from; each is turned by a random symmetry when shown.
    validation : Corpus, optional
        Positions that `Progress.evaluation` is about.
    validation_positions : int
        How many of them a point uses; the last point uses all.
    options : TrainingOptions, optional
        Length, batch size, learning rate, seed and so on.
    on_progress : callable, optional
        Called with each point and the network.

    Returns
    -------
    TrainingRecord
        The options, the curve and, as its last point, the final evaluation.

    Raises
    ------
    ValueError
        If the corpus is for another board or smaller than a batch.
    """
    _check(network, corpus, validation)
    chosen = options or TrainingOptions()
    batches = BatchMaker(
        corpus, batch_size=chosen.batch_size, seed=chosen.seed, planes=network.planes
    )
    loop = _Loop(network, chosen, round(chosen.epochs * batches.steps_per_epoch))
    exam = _Exam(validation, validation_positions)
    curve: list[Progress] = []
    with _training_mode(network, chosen.seed):
        for batch in batches:
            loop.step(batch)
            passed = loop.fraction
            if passed < (len(curve) + 1) / chosen.points:
                continue
            curve.append(loop.point(exam, last=passed >= 1))
            if on_progress is not None:
                on_progress(curve[-1], network)
            if passed >= 1:
                break
    return TrainingRecord(chosen, len(corpus), tuple(curve))


class _Loop:
    """A network in training: the optimizer, the schedule and the running losses."""

    def __init__(
        self, network: BoardNetwork, options: TrainingOptions, steps: int
    ) -> None:
        self.network = network
        self.options = options
        self.optimizer = torch.optim.AdamW(
            network.parameters(), weight_decay=options.weight_decay, fused=True
        )
        self.length = max(1, steps)
        self.steps = 0
        self.started = time.perf_counter()
        self._losses = torch.zeros(3)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.started

    @property
    def fraction(self) -> float:
        """How much of the schedule has passed, by steps or by time."""
        if self.options.minutes is None:
            return self.steps / self.length
        return self.seconds / (60 * self.options.minutes)

    def step(self, batch: Batch) -> None:
        """Learn one batch."""
        rate = self.options.learning_rate * _cycle(self.fraction)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        logits, value = self.network(
            batch.planes.contiguous(memory_format=torch.channels_last)
        )
        smoothing = self.options.label_smoothing
        policy = nn.functional.cross_entropy(
            logits, batch.actions, label_smoothing=smoothing
        )
        error = _value_loss(value[:, 0], batch)
        self.optimizer.zero_grad()
        (policy + error).backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.steps += 1
        self._losses += torch.stack([policy.detach(), error.detach(), torch.ones(())])

    def point(self, exam: "_Exam", *, last: bool) -> Progress:
        """Measure where the training stands and start new running losses."""
        policy, error, count = self._losses.tolist()
        self._losses.zero_()
        return Progress(
            steps=self.steps,
            samples=self.steps * self.options.batch_size,
            learning_rate=self.optimizer.param_groups[0]["lr"],
            policy_loss=policy / count,
            value_loss=error / count,
            evaluation=exam.evaluate(self.network, last=last),
            seconds=self.seconds,
        )


class _Exam:
    """Held-out positions: a sample for the curve, all of them at the end."""

    def __init__(self, validation: Corpus | None, positions: int) -> None:
        self.all = validation
        self.some = None if validation is None else validation.sample(positions)

    def evaluate(self, network: BoardNetwork, *, last: bool) -> Evaluation | None:
        asked = self.all if last else self.some
        return None if asked is None else evaluate(network, asked)


def _cycle(fraction: float) -> float:
    """Learning rate of a schedule's point, as a share of its peak."""
    if fraction < _WARM_UP:
        return (fraction + 1e-3) / (_WARM_UP + 1e-3)
    passed = min(1.0, (fraction - _WARM_UP) / (1 - _WARM_UP))
    return 0.5 * (1 + math.cos(math.pi * passed))


def _value_loss(value: Tensor, batch: Batch) -> Tensor:
    """Mean squared error of tanh(value) over positions of finished games."""
    errors = batch.weight * (value.tanh() - batch.outcome) ** 2
    return errors.sum() / batch.weight.sum().clamp(min=1)


def _new_network(channels: int, size: int, dropout: float, seed: int) -> OthelloNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return OthelloNet(channels, size, dropout)


@contextmanager
def _training_mode(network: BoardNetwork, seed: int) -> Iterator[None]:
    """Train with seeded dropout in channels-last memory; then put both back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network.train()
        _lay_out(network, torch.channels_last)
        try:
            yield
        finally:
            network.eval()
            _lay_out(network, torch.contiguous_format)


def _lay_out(network: BoardNetwork, memory: torch.memory_format) -> None:
    """Arrange the convolutions' weights; channels last trains faster on a CPU."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data = module.weight.data.contiguous(memory_format=memory)


def _check(network: BoardNetwork, corpus: Corpus, validation: Corpus | None) -> None:
    for games in (corpus, validation):
        if games is not None and games.size != network.size:
            message = (
                f"the corpus is for boards of size {games.size}, "
                f"the network for size {network.size}"
            )
            raise ValueError(message)
