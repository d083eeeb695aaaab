"""Training: one loop for the games of a corpus and for those of self-play.

A position in which the player must pass is not part of a corpus, so a network that
learns from one never sees a pass played.
"""

from dataclasses import dataclass

import torch

from conceptlrp.errors import TrainingError
from conceptlrp.networks import BoardNetwork, OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.selfplay.batches import Batches
from conceptlrp.selfplay.identity import training_identity
from conceptlrp.selfplay.loop import TrainingLoop, training_mode
from conceptlrp.selfplay.progress import TrainingOptions, TrainingRecord
from conceptlrp.selfplay.run_folder import Checkpoint, RunFolder
from conceptlrp.selfplay.session import Exam, OnProgress, OnStep, Session
from conceptlrp.selfplay.split import hold_out_year
from conceptlrp.selfplay.training_set import TrainingSet


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
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(chosen.seed)
        network = OthelloNet(channels, corpus.size, dropout)
    validation = None
    if held_out_year is not None:
        corpus, validation = hold_out_year(corpus, held_out_year)
    record = train(
        network,
        corpus,
        validation=validation,
        validation_positions=validation_positions,
        options=chosen,
        on_progress=on_progress,
    )
    return SupervisedTraining(network, record)


def train(
    network: BoardNetwork,
    examples: TrainingSet | Corpus,
    *,
    validation: Corpus | None = None,
    validation_positions: int = 20_000,
    options: TrainingOptions | None = None,
    folder: RunFolder | None = None,
    on_progress: OnProgress | None = None,
    on_step: OnStep | None = None,
) -> TrainingRecord:
    """Train a network in place, on the device where it is.

    AdamW under one learning rate cycle: a linear warm-up, then half a cosine to 0.
    With a schedule in epochs, a processor and a fixed number of threads, the result
    is the same to the last bit, whether or not the training was stopped and resumed.

    Parameters
    ----------
    network : OthelloNet or ResidualTower
        Trained in place and left in evaluation mode.
    examples : TrainingSet or Corpus
        What to learn; each position is turned by a random symmetry when shown. Of a
        corpus, the moves and outcomes.
    validation : Corpus, optional
        Positions that `Progress.evaluation` is about.
    validation_positions : int
        How many of them a point uses; the last point uses all.
    options : TrainingOptions, optional
        Length, batch size, learning rate, seed and so on.
    folder : RunFolder, optional
        Where checkpoints, snapshots, curve and record are written. The checkpoint
        stays there until `RunFolder.discard_checkpoint`. Ctrl-C writes one more.
    on_progress : callable, optional
        Called with each point and the network.
    on_step : callable, optional
        Called after each step with the positions shown and those of the whole
        schedule.

    Returns
    -------
    TrainingRecord
        The options, the curve and, as its last point, the final evaluation.

    Raises
    ------
    ValueError
        If the examples are for another board or fewer than a batch, or patience is
        asked for without held-out positions.
    TrainingError
        If the loss becomes nan, or the folder holds another training.
    """
    chosen = options or TrainingOptions()
    learned = _as_examples(examples)
    _check(network, learned, validation, chosen)
    device = next(network.parameters()).device
    batches = Batches(
        learned,
        batch_size=chosen.batch_size,
        seed=chosen.seed,
        planes=network.planes,
        device=device,
    )
    loop = TrainingLoop(network, chosen, round(chosen.epochs * batches.steps_per_epoch))
    exam = Exam(validation, validation_positions)
    identity = training_identity(network, learned, exam.all, exam.size, chosen)
    found = None if folder is None else folder.begin(identity)
    session = Session(loop, batches, exam, folder=folder)
    session.on_progress, session.on_step = on_progress, on_step
    with training_mode(network):
        return _run(session, found)


def _run(session: Session, found: Checkpoint | None) -> TrainingRecord:
    """Run a session to its end, from a checkpoint if there is one."""
    if found is not None:
        session.restore(found)
    try:
        return session.run()
    except TrainingError as error:
        if session.folder is None or not session.folder.has_checkpoint:
            raise
        place = session.folder.path
        message = f"{error} (the last checkpoint before that stands in {place})"
        raise TrainingError(message) from error


def _as_examples(given: TrainingSet | Corpus) -> TrainingSet:
    return given if isinstance(given, TrainingSet) else TrainingSet.from_corpus(given)


def _check(
    network: BoardNetwork,
    examples: TrainingSet,
    validation: Corpus | None,
    options: TrainingOptions,
) -> None:
    for games in (examples, validation):
        if games is not None and games.size != network.size:
            message = (
                f"the corpus is for boards of size {games.size}, "
                f"the network for size {network.size}"
            )
            raise ValueError(message)
    if validation is not None and not len(validation):
        message = "no position is held out, expected at least one to test on"
        raise ValueError(message)
    if options.patience is not None and validation is None:
        message = (
            f"patience is {options.patience}, but nothing is held out whose loss "
            "could tell when to stop; hold out games or leave patience out"
        )
        raise ValueError(message)
