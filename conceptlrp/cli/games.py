"""The verb that starts from games: a corpus of positions."""

from pathlib import Path
from typing import Annotated

import typer

from conceptlrp.cli.inputs import read_game_files
from conceptlrp.cli.options import (
    BoardSize,
    GamePaths,
    Overwrite,
    Sample,
    Seed,
    check_choice,
    check_place,
)


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
