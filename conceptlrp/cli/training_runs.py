"""What the verb ``train`` does: train in a run's folder, show progress, write."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from conceptlrp.cli.training_inputs import Lessons, Place, Play, Start
from conceptlrp.progress import progress_bars

if TYPE_CHECKING:
    from conceptlrp.networks import BoardNetwork
    from conceptlrp.selfplay import (
        Iteration,
        IterationOptions,
        Progress,
        TrainingOptions,
    )


def train_from_games(
    lessons: Lessons,
    start: Start,
    place: Place,
    options: "TrainingOptions",
    held_out_sample: int,
) -> None:
    """Learn from games, some of which may be held out."""
    from conceptlrp.selfplay import RunFolder, train

    folder = RunFolder(place.folder, **place.options)
    learned, validation = lessons.read(start.size)
    network = start.network(learned.size)
    with _told_how_to_resume(place.folder), folder, progress_bars() as report:
        record = train(
            network,
            learned,
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
    play: Play,
) -> None:
    """Learn from games of self-play."""
    from conceptlrp.selfplay import IterationFolder, train_iterations

    after = _snapshots(options.snapshot_marks, rounds.iterations)
    folder = IterationFolder(place.folder, **place.options, snapshots=after)
    network = start.network(start.size)
    with _told_how_to_resume(place.folder), folder, progress_bars() as report:
        done = train_iterations(
            network,
            folder,
            options=rounds,
            training=replace(options, snapshots=0),
            games=play.maker(),
            gate=play.gate(),
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


def _snapshots(marks: tuple[float, ...], iterations: int) -> list[int]:
    """Choose a different iteration for each mark, none of them the last."""
    chosen: list[int] = []
    for mark in marks:
        chosen.append(max([ceil(mark * iterations), *(n + 1 for n in chosen)]))
    return [number for number in chosen if number < iterations]


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
