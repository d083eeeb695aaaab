"""Training: one way for the games of a corpus and for those of self-play.

A position in which the player must pass is not part of a corpus, so a network that
learns from one never sees a pass played.
"""

import logging
from dataclasses import asdict, replace
from typing import Any

import torch

from conceptlrp.errors import CheckpointError, TrainingError
from conceptlrp.networks import BoardNetwork, network_digest
from conceptlrp.othello import Corpus
from conceptlrp.progress import OnProgress
from conceptlrp.selfplay.run_folder import VERSION, RunFolder
from conceptlrp.selfplay.training_loop import Batches, TrainingLoop, training_mode
from conceptlrp.selfplay.training_record import (
    TrainingOptions,
    TrainingPoint,
    TrainingRecord,
)
from conceptlrp.selfplay.training_set import TrainingSet, Validation, validate

_CHECK_EVERY = 200
_LOG = logging.getLogger(__name__)


def train(
    network: BoardNetwork,
    examples: TrainingSet | Corpus,
    *,
    validation: Corpus | None = None,
    options: TrainingOptions | None = None,
    folder: RunFolder | None = None,
    on_progress: OnProgress | None = None,
) -> TrainingRecord:
    """Train a network in place, on the device where it is.

    AdamW under one learning rate cycle: a linear warm-up, then half a cosine to 0.
    On a processor with a fixed number of threads, the result is the same to the last
    bit, whether or not the training was stopped and resumed.
    Every point of the curve is logged as ``conceptlrp.selfplay``.

    Parameters
    ----------
    network : OthelloNet or ResidualTower
        Trained in place and left in evaluation mode.
    examples : TrainingSet or Corpus
        What to learn; each position is turned by a random symmetry when shown. Of a
        corpus, the moves and outcomes.
    validation : Corpus, optional
        Held-out positions for the curve and the record.
    options : TrainingOptions, optional
        Length, batch size, learning rate, seed and so on.
    folder : RunFolder, optional
        Where checkpoints, snapshots, curve and record are written. The checkpoint
        stays there until `RunFolder.discard_checkpoint`.
    on_progress : callable, optional
        Called after each step with "training", the positions shown and those of the
        whole schedule.

    Returns
    -------
    TrainingRecord
        The options, the curve and, in its last point, the final validation.
    """
    chosen = options or TrainingOptions()
    learned = examples
    if isinstance(learned, Corpus):
        learned = TrainingSet.from_corpus(learned)
    _check(network, learned, validation, chosen)
    run = TrainingRun(network, learned, chosen, validation=validation, folder=folder)
    run.on_progress = on_progress
    if folder is not None:
        folder.begin(_identity(network, learned, validation, chosen))
        if folder.is_finished:
            msg = f"{folder.path}: the training is finished; overwrite it to begin anew"
            raise TrainingError(msg)
    record = run.run()
    if folder is not None:
        folder.write_curve([point.row() for point in record.curve])
        folder.write_record(record.to_dict())
    _LOG.info("%s", record.curve[-1])
    return record


def network_identity(network: BoardNetwork) -> dict[str, Any]:
    """Name what a training depends on beside its options and its data."""
    modules = network.modules()
    return {
        "architecture": network.architecture,
        "initial weights": network_digest(network)[:12],
        "dropout": [m.p for m in modules if isinstance(m, torch.nn.Dropout)],
        "device": next(network.parameters()).device.type,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "version of the training": VERSION,
    }


class TrainingRun:
    """A training that can be kept and resumed; with a number, that of a candidate."""

    def __init__(
        self,
        network: BoardNetwork,
        examples: TrainingSet,
        options: TrainingOptions,
        *,
        validation: Corpus | None = None,
        folder: RunFolder | None = None,
        number: int | None = None,
    ) -> None:
        self.batches = Batches(
            examples,
            batch_size=options.batch_size,
            seed=options.seed,
            planes=network.planes,
            device=next(network.parameters()).device,
        )
        steps = round(options.epochs * self.batches.steps_per_epoch)
        self.loop = TrainingLoop(network, options, steps)
        self.network, self.options = network, options
        self.folder, self.number = folder, number
        self.stage = f"iteration {number}: training" if number else "training"
        self.on_progress: OnProgress | None = None
        self.curve: list[TrainingPoint] = []
        self._validation = validation
        size = options.validation_positions
        self._sample = None if validation is None else validation.sample(size)
        self._is_over = False
        self._snapshots = 0
        # The weights with the lowest held-out loss, and where on the curve they were.
        self._best: dict[str, Any] | None = None

    def run(self) -> TrainingRecord:
        """Go on to the end, from a checkpoint if there is one."""
        with training_mode(self.network):
            kept = None if self.folder is None else self.folder.load_checkpoint()
            if kept is not None and kept.get("number") == self.number:
                self._restore(kept)
            else:
                self._keep()
            try:
                while not self._is_over:
                    self._advance()
            except TrainingError as error:
                if self.folder is None:
                    raise
                place = f"the last checkpoint before that is in {self.folder.path}"
                msg = f"{error} ({place})"
                raise TrainingError(msg) from error
            return self._finish()

    def _advance(self) -> None:
        """Learn one batch, then do whatever is due."""
        loop = self.loop
        loop.step(self.batches[loop.steps])
        passed = loop.fraction
        if loop.steps % _CHECK_EVERY == 0:
            loop.check()
        self._take_snapshot(passed)
        is_point = passed >= (len(self.curve) + 1) / self.options.points or passed >= 1
        if is_point:
            self._take_point(passed)
        if is_point or (self.folder is not None and self.folder.is_due()):
            self._keep()
        if self.on_progress is not None:
            total = round(loop.samples / min(1, passed))
            self.on_progress(self.stage, loop.samples, total)

    def _finish(self) -> TrainingRecord:
        """Load the best weights where they were kept, and validate on all positions."""
        steps = None
        if self._best is not None:
            self.network.load_state_dict(self._best["weights"])
            steps = self._best["steps"]
        found = self._validate(self._validation)
        self.curve[-1] = replace(self.curve[-1], validation=found)
        return self._record(tuple(self.curve), steps)

    def _keep(self) -> None:
        """Write a checkpoint."""
        if self.folder is None:
            return
        self.loop.check()
        own = {
            "number": self.number,
            "curve": [asdict(point) for point in self.curve],
            "is_over": self._is_over,
            "snapshots": self._snapshots,
            "best": self._best,
        }
        self.folder.save_checkpoint(self.loop.state() | own)

    def _restore(self, kept: dict[str, Any]) -> None:
        try:
            self._take_up(kept)
        except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as e:
            msg = "the checkpoint is damaged or of another training; begin anew"
            raise CheckpointError(msg) from e

    def _take_up(self, kept: dict[str, Any]) -> None:
        self.loop.restore(kept)
        for row in kept["curve"]:
            held_out = row["validation"]
            found = None if held_out is None else Validation(**held_out)
            self.curve.append(TrainingPoint(**row | {"validation": found}))
        self._is_over, self._best = kept["is_over"], kept["best"]
        self._snapshots = kept["snapshots"]

    def _take_point(self, passed: float) -> None:
        # Without a choice of weights, the last point waits for all positions.
        asked = passed < 1 or self.options.patience is not None
        found = self._validate(self._sample) if asked else None
        self.curve.append(self.loop.point(found))
        self.loop.start_point()
        self._is_over = passed >= 1 or self._is_stale()
        if not self._is_over and self.number is None:
            _LOG.info("%s", self.curve[-1])
            if self.folder is not None:
                self.folder.write_curve([point.row() for point in self.curve])

    def _is_stale(self) -> bool:
        """Keep the weights of the lowest held-out loss, and tell if they are old."""
        patience, loss = self.options.patience, self.curve[-1].held_out_loss
        if patience is None or loss is None:
            return False
        if self._best is None or loss < self._best["loss"]:
            state = self.network.state_dict()
            weights = {name: tensor.detach().clone() for name, tensor in state.items()}
            about = {"loss": loss, "steps": self.loop.steps, "points": len(self.curve)}
            self._best = about | {"weights": weights}
        return len(self.curve) - int(self._best["points"]) >= patience

    def _take_snapshot(self, passed: float) -> None:
        due = sum(mark <= passed for mark in self.options.snapshot_marks)
        if self.folder is None or due == self._snapshots or passed >= 1:
            return
        self._snapshots = due
        point = self.loop.point(self._validate(self._sample))
        self.folder.save_snapshot(self.network, self._record((point,)).summary())

    def _validate(self, positions: Corpus | None) -> Validation | None:
        return None if positions is None else validate(self.network, positions)

    def _record(
        self, curve: tuple[TrainingPoint, ...], kept: int | None = None
    ) -> TrainingRecord:
        return TrainingRecord(self.options, len(self.batches.examples), curve, kept)


def _identity(
    network: BoardNetwork,
    examples: TrainingSet,
    validation: Corpus | None,
    options: TrainingOptions,
) -> dict[str, Any]:
    """Name everything that decides which weights a training ends with."""
    held_out = "none"
    if validation is not None:
        digest = TrainingSet.from_corpus(validation).digest
        held_out = f"{len(validation)} {digest[:12]}"
    data = {
        "positions": f"{len(examples)} {examples.digest[:12]}",
        "held-out positions": held_out,
    }
    return asdict(options) | data | network_identity(network)


def _check(
    network: BoardNetwork,
    examples: TrainingSet,
    validation: Corpus | None,
    options: TrainingOptions,
) -> None:
    for games in (examples, validation):
        if games is not None and games.size != network.size:
            msg = (
                f"the games are for boards of size {games.size}, "
                f"the network for size {network.size}"
            )
            raise ValueError(msg)
    if validation is not None and not len(validation):
        msg = "no position is held out, expected at least one to test on"
        raise ValueError(msg)
    if options.patience is not None and validation is None:
        msg = (
            f"patience is {options.patience}, but nothing is held out whose loss "
            "could tell when to stop; hold out games or leave patience out"
        )
        raise ValueError(msg)
