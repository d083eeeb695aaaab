"""Verbs that start from games: a corpus of positions, a trained network."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conceptlrp.cli.inputs import read_game_files
from conceptlrp.cli.options import (
    BatchSize,
    BoardSize,
    GamePaths,
    Overwrite,
    Sample,
    Seed,
    check_choice,
    check_place,
)

if TYPE_CHECKING:
    from conceptlrp.selfplay import Progress as TrainingProgress


def corpus(
    files: GamePaths,
    out: Annotated[Path, typer.Option(help="The corpus to write (.h5).")],
    sample: Sample = None,
    unique: Annotated[
        str | None, typer.Option(help="Keep one of equal positions: exact or symmetry.")
    ] = None,
    turn: Annotated[
        bool, typer.Option("--turn", help="Turn each by a random symmetry.")
    ] = False,
    size: BoardSize = 8,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Read game files into a corpus of positions."""
    check_choice("--unique", unique, (None, "exact", "symmetry"))
    check_place(out, overwrite=overwrite)
    positions = read_game_files(files, size)
    read = len(positions)
    if unique is not None:
        positions = positions.unique(symmetry=unique == "symmetry")
    if sample is not None:
        positions = positions.sample(sample, seed=seed)
    if turn:
        positions = positions.turn(seed=seed)
    positions.save(out, overwrite=overwrite)
    games = len(positions.compact().games)
    typer.echo(f"{out}: {len(positions):,} positions of {read:,} read, {games:,} games")


def train(
    files: GamePaths,
    out: Annotated[Path, typer.Option(help="The network to write (.safetensors).")],
    held_out_year: Annotated[
        int | None, typer.Option(help="Year whose games are only tested on.")
    ] = None,
    channels: Annotated[
        int, typer.Option(min=1, help="Channels of a convolution.")
    ] = 64,
    epochs: Annotated[float, typer.Option(help="Passes over the positions.")] = 1.0,
    minutes: Annotated[
        float | None, typer.Option(help="Length of the training instead of --epochs.")
    ] = None,
    batch_size: BatchSize = 256,
    learning_rate: Annotated[float, typer.Option(help="Highest of the cycle.")] = 2e-3,
    half: Annotated[
        bool, typer.Option("--half", help="Keep weights as float16, half the size.")
    ] = False,
    size: BoardSize = 8,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Train an OthelloNet on the moves and results of games."""
    import torch

    from conceptlrp.networks import save_network
    from conceptlrp.selfplay import TrainingOptions, train_supervised

    check_place(out, overwrite=overwrite)
    options = TrainingOptions(
        epochs=epochs,
        minutes=minutes,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
    )
    trained = train_supervised(
        read_game_files(files, size),
        channels=channels,
        held_out_year=held_out_year,
        options=options,
        on_progress=lambda point, _network: typer.echo(_point(point), err=True),
    )
    save_network(
        trained.network,
        out,
        training=trained.record.summary(),
        dtype=torch.float16 if half else torch.float32,
        overwrite=overwrite,
    )
    typer.echo(f"{out}: {channels} channels, {trained.record.samples:,} positions")


def _point(point: "TrainingProgress") -> str:
    """Write a point of the training curve in one line."""
    losses = f"loss {point.policy_loss:.3f} policy, {point.value_loss:.3f} value"
    text = f"{point.samples:,} positions in {point.seconds:.0f} s: {losses}"
    if point.evaluation is None:
        return text
    return f"{text}; held out: {point.evaluation.top1:.1%} of the moves"
