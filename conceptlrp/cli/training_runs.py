"""What the verb ``train`` does: a network, its run folder, progress, and the result."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from conceptlrp.cli.inputs import open_network, read_positions
from conceptlrp.progress import progress_bars

if TYPE_CHECKING:
    import torch

    from conceptlrp.networks import BoardNetwork
    from conceptlrp.othello import Corpus
    from conceptlrp.selfplay import (
        Iteration,
        IterationOptions,
        Progress,
        TrainingOptions,
    )


@dataclass(frozen=True)
class Place:
    """Where a training is kept and its network written.

    Attributes
    ----------
    out : Path
        The network.
    resume, overwrite : bool
        Go on from what stands there, or replace it.
    minutes : float
        Between checkpoints.
    steps : int or None
        Between checkpoints.
    half : bool
        Write float16.
    """

    out: Path
    resume: bool
    overwrite: bool
    minutes: float
    steps: int | None
    half: bool

    def __post_init__(self) -> None:
        if self.folder == self.out:
            msg = f"--out is '{self.out}', which is the name of the run's folder"
            raise typer.BadParameter(msg)

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return self.out.with_suffix(".run")

    @property
    def options(self) -> dict[str, Any]:
        """Options of the folder."""
        names = ("resume", "overwrite", "minutes", "steps", "dtype")
        return {name: getattr(self, name) for name in names}

    @property
    def dtype(self) -> "torch.dtype":
        """Precision of what is written."""
        import torch

        return torch.float16 if self.half else torch.float32

    def save(self, network: "BoardNetwork", training: dict[str, Any]) -> None:
        """Write the network that came out."""
        from conceptlrp.networks import save_network

        save_network(
            network,
            self.out,
            training=training,
            dtype=self.dtype,
            overwrite=self.overwrite,
        )


@dataclass(frozen=True)
class Start:
    """The network that a training begins with.

    Attributes
    ----------
    weights : str or None
        A file to begin from.
    architecture, channels, blocks, dropout, size, seed
        Of a new network; dropout holds for a file too.
    device : str
        Where it learns.
    """

    weights: str | None
    architecture: str
    channels: int
    blocks: int
    dropout: float
    size: int
    seed: int
    device: str

    def network(self, size: int) -> "BoardNetwork":
        """Make the network for boards of a size, or read it."""
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = self._read() if self.weights else self._make(size)
        for module in network.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = self.dropout
        return network.to(self.device)

    def _make(self, size: int) -> "BoardNetwork":
        from conceptlrp.networks import OthelloNet, ResidualTower

        if self.architecture == "tower":
            return ResidualTower(self.channels, self.blocks, size)
        return OthelloNet(self.channels, size, self.dropout)

    def _read(self) -> "BoardNetwork":
        assert self.weights is not None
        return open_network(self.weights)


def train_from_games(
    games: list[str],
    start: Start,
    place: Place,
    options: "TrainingOptions",
    held_out: float | None,
    held_out_sample: int,
) -> None:
    """Learn from games, some of which are held out: a year's or a share."""
    from conceptlrp.selfplay import RunFolder, train

    folder = RunFolder(place.folder, **place.options)
    corpus = read_positions(games, start.size, None, start.seed)
    rest, validation = _parted(corpus, held_out, start.seed)
    network = start.network(corpus.size)
    with _told_how_to_resume(place.folder), folder, progress_bars() as report:
        record = train(
            network,
            rest,
            validation=validation,
            validation_positions=held_out_sample,
            options=options,
            folder=folder,
            on_progress=lambda point, _: typer.echo(_point(point), err=True),
            on_step=lambda done, total: report("training", done, total),
        )
        place.save(network, record.summary())
        folder.discard_checkpoint()
    typer.echo(f"{place.out}: {_shape(network)}, {record.samples:,} positions")


def train_by_iterations(
    start: Start,
    place: Place,
    options: "TrainingOptions",
    rounds: "IterationOptions",
    gate_games: int,
) -> None:
    """Learn from games of self-play."""
    from dataclasses import asdict, replace

    from conceptlrp.selfplay import ArenaGate, IterationFolder, train_iterations

    after = {ceil(mark * rounds.iterations) for mark in options.snapshot_marks}
    folder = IterationFolder(place.folder, **place.options, snapshots=sorted(after))
    network = start.network(start.size)
    with _told_how_to_resume(place.folder), folder, progress_bars() as report:
        done = train_iterations(
            network,
            folder,
            options=rounds,
            training=replace(options, snapshots=0),
            gate=ArenaGate(gate_games),
            on_iteration=lambda each: typer.echo(_iteration(each), err=True),
            on_stage=report,
        )
        rows = [asdict(each) for each in done]
        place.save(network, {"samples": done[-1].samples, "iterations": rows})
    accepted = sum(each.accepted for each in done)
    typer.echo(
        f"{place.out}: {_shape(network)}, {accepted} of {len(done)} iterations accepted"
    )


@contextmanager
def using_threads(threads: int | None) -> Iterator[None]:
    """Let torch use so many threads, then as many as before."""
    if threads is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _told_how_to_resume(folder: Path) -> Iterator[None]:
    """Say after Ctrl-C how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        if folder.is_dir():
            text = f"{folder}: stopped; the same command with --resume goes on"
            typer.echo(f"conceptlrp: {text}", err=True)
        raise


def _parted(
    corpus: "Corpus", held_out: float | None, seed: int
) -> "tuple[Corpus, Corpus | None]":
    """Hold out a year where the number is whole, else a share of the games."""
    from conceptlrp.selfplay import hold_out_games, hold_out_year

    if held_out is None:
        return corpus, None
    if isinstance(held_out, int):
        return hold_out_year(corpus, held_out)
    return hold_out_games(corpus, held_out, seed=seed)


def _shape(network: "BoardNetwork") -> str:
    blocks = getattr(network, "blocks", None)
    depth = "" if blocks is None else f", {blocks} block{'s' * (blocks > 1)}"
    return f"{network.channels} channels{depth}"


def _point(point: "Progress") -> str:
    """Write a point of the training curve in one line."""
    losses = f"loss {point.policy_loss:.3f} policy, {point.value_loss:.3f} value"
    text = f"{point.samples:,} positions in {point.seconds:.0f} s: {losses}"
    if point.evaluation is None:
        return text
    return f"{text}; held out: {point.evaluation.top1:.1%} of the moves"


def _iteration(done: "Iteration") -> str:
    """Write an iteration in one line."""
    losses = f"loss {done.policy_loss:.3f} policy, {done.value_loss:.3f} value"
    verdict = "accepted" if done.accepted else "rejected"
    return (
        f"iteration {done.number}: {done.examples:,} positions, {losses}; "
        f"{done.score:.1%} against the champion, {verdict} ({done.seconds:.0f} s)"
    )
