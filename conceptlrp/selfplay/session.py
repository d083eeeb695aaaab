"""One training from its first step or a checkpoint to its end."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from conceptlrp.networks import BoardNetwork
from conceptlrp.othello import Corpus
from conceptlrp.selfplay.batches import Batches
from conceptlrp.selfplay.curve import curve_svg
from conceptlrp.selfplay.evaluation import Evaluation, evaluate
from conceptlrp.selfplay.interrupts import held_back
from conceptlrp.selfplay.loop import TrainingLoop, stored
from conceptlrp.selfplay.progress import (
    Progress,
    TrainingOptions,
    TrainingRecord,
    curve_csv,
)
from conceptlrp.selfplay.run_folder import RECORD, Checkpoint, RunFolder

OnProgress = Callable[[Progress, BoardNetwork], None]
OnStep = Callable[[int, int], None]

_CHECK_EVERY = 200


class Exam:
    """Held-out positions: a sample for the curve, all of them at the end.

    Parameters
    ----------
    validation : Corpus, optional
        All of them, or None for no evaluation.
    positions : int
        Size of the sample.
    """

    def __init__(self, validation: Corpus | None, positions: int) -> None:
        self.all = validation
        self.size = positions
        self.some = None if validation is None else validation.sample(positions)

    def evaluate(self, network: BoardNetwork, *, last: bool) -> Evaluation | None:
        """Evaluate a network on the sample, or on all where it is the last time."""
        asked = self.all if last else self.some
        return None if asked is None else evaluate(network, asked)


@dataclass(frozen=True)
class _Best:
    """The weights with the lowest held-out loss."""

    loss: float
    steps: int
    points: int
    weights: dict[str, Tensor]


class Session:
    """A training that goes step by step and can be kept and taken up again.

    Parameters
    ----------
    loop : TrainingLoop
        The network and how it learns.
    batches : Batches
        What it learns.
    exam : Exam
        What it is tested on.
    folder : RunFolder, optional
        Where it is kept.

    Attributes
    ----------
    on_progress, on_step : callable or None
        Called with each point of the curve, and after each step.
    """

    def __init__(
        self,
        loop: TrainingLoop,
        batches: Batches,
        exam: Exam,
        *,
        folder: RunFolder | None = None,
    ) -> None:
        self.loop = loop
        self.batches = batches
        self.exam = exam
        self.folder = folder
        self.on_progress: OnProgress | None = None
        self.on_step: OnStep | None = None
        self.curve: list[Progress] = []
        self.is_over = False
        self._snapshots = 0
        self._best: _Best | None = None

    @property
    def options(self) -> TrainingOptions:
        """Options of the training."""
        return self.loop.options

    def run(self) -> TrainingRecord:
        """Go on to the end; Ctrl-C stops between two steps, with a checkpoint."""
        if self.loop.steps == 0:
            # From now on there is something to resume.
            self.keep()
        with held_back() as interrupts:
            while not self.is_over:
                self.advance()
                if interrupts.pressed:
                    self.keep()
                    raise KeyboardInterrupt
        return self.finish()

    def advance(self) -> None:
        """Learn one batch, then do whatever is due."""
        loop = self.loop
        loop.step(self.batches[loop.steps])
        passed = loop.fraction
        if loop.steps % _CHECK_EVERY == 0:
            loop.check()
        self._take_snapshot(passed)
        if passed >= (len(self.curve) + 1) / self.options.points or passed >= 1:
            self._take_point(passed)
        if self.folder is not None and self.folder.is_due(loop.steps):
            self.keep()
        self._tell(passed)

    def finish(self) -> TrainingRecord:
        """Keep the best weights where that is asked for, and evaluate them on all."""
        self.keep()
        network, best = self.loop.network, self._best
        if best is not None:
            _copy(best.weights, network)
        evaluation = self.exam.evaluate(network, last=True)
        self.curve[-1] = replace(self.curve[-1], evaluation=evaluation)
        kept = None if best is None else best.steps
        record = self._record(tuple(self.curve), kept)
        self._write_curve()
        if self.folder is not None:
            self.folder.write_text(RECORD, record.json())
        self._report()
        return record

    def keep(self) -> None:
        """Write a checkpoint."""
        if self.folder is None:
            return
        self.loop.check()
        tensors = self.loop.tensors()
        state: dict[str, Any] = {
            "steps": self.loop.steps,
            "seconds": self.loop.seconds,
            "is_over": self.is_over,
            "snapshots": self._snapshots,
            "curve": [point.row() for point in self.curve],
        }
        if self._best is not None:
            tensors |= {f"best.{n}": stored(t) for n, t in self._best.weights.items()}
            numbers = ("loss", "steps", "points")
            state["best"] = {name: getattr(self._best, name) for name in numbers}
        self.folder.save_checkpoint(Checkpoint(tensors, state))

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint that `keep` wrote."""
        state = checkpoint.state
        self.loop.restore(checkpoint.tensors, state["steps"], state["seconds"])
        self.is_over = state["is_over"]
        self._snapshots = state["snapshots"]
        self.curve = [Progress.from_row(row) for row in state["curve"]]
        if "best" in state:
            start = "best."
            kept = {
                name.removeprefix(start): tensor.to(self.loop.device)
                for name, tensor in checkpoint.tensors.items()
                if name.startswith(start)
            }
            self._best = _Best(**state["best"], weights=kept)

    def _take_point(self, passed: float) -> None:
        network = self.loop.network
        # The last evaluation but for the choice of weights is that on all positions.
        asked = passed < 1 or self.options.patience is not None
        found = self.exam.evaluate(network, last=False) if asked else None
        self.curve.append(self.loop.point(found))
        self.loop.start_point()
        self._consider()
        self.is_over = passed >= 1 or self._is_stale()
        if not self.is_over:
            self._write_curve()
            self._report()

    def _consider(self) -> None:
        """Keep the weights if no point had a lower held-out loss."""
        loss = self.curve[-1].held_out_loss
        if self.options.patience is None or loss is None:
            return
        if self._best is None or loss < self._best.loss:
            state = self.loop.network.state_dict()
            weights = {name: tensor.detach().clone() for name, tensor in state.items()}
            self._best = _Best(loss, self.loop.steps, len(self.curve), weights)

    def _is_stale(self) -> bool:
        patience = self.options.patience
        if patience is None or self._best is None:
            return False
        return len(self.curve) - self._best.points >= patience

    def _take_snapshot(self, passed: float) -> None:
        marks = self.options.snapshot_marks
        due = sum(mark <= passed for mark in marks)
        if self.folder is None or due == self._snapshots or passed >= 1:
            return
        self._snapshots = due
        network = self.loop.network
        point = self.loop.point(self.exam.evaluate(network, last=False))
        self.folder.save_snapshot(network, self._record((point,)).summary())

    def _record(
        self, curve: tuple[Progress, ...], kept: int | None = None
    ) -> TrainingRecord:
        return TrainingRecord(self.options, len(self.batches.examples), curve, kept)

    def _write_curve(self) -> None:
        if self.folder is not None:
            self.folder.write_text("curve.csv", curve_csv(self.curve))
            self.folder.write_text("curve.svg", curve_svg(self.curve))

    def _report(self) -> None:
        if self.on_progress is not None:
            self.on_progress(self.curve[-1], self.loop.network)

    def _tell(self, passed: float) -> None:
        if self.on_step is not None:
            self.on_step(self.loop.samples, round(self.loop.samples / min(1, passed)))


def _copy(weights: dict[str, Tensor], network: BoardNetwork) -> None:
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            tensor.copy_(weights[name])
