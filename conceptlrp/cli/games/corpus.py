"""The verb that reads games: a corpus of positions."""

from pathlib import Path
from typing import Annotated

import typer

from conceptlrp.cli import options as opt
from conceptlrp.cli.inputs import read_game_files
from conceptlrp.cli.tables import print_json, remark
from conceptlrp.report.words.numbers import plural


def corpus(
    files: opt.GamePaths,
    out: Annotated[Path, typer.Option(help="The corpus to write (.h5).")],
    sample: opt.Sample = None,
    unique: Annotated[
        str | None, typer.Option(help="Keep one of equal positions: exact or symmetry.")
    ] = None,
    turn: Annotated[
        bool, typer.Option("--turn", help="Turn each position by a random symmetry.")
    ] = False,
    size: opt.FileSize = None,
    seed: opt.Seed = 0,
    as_json: opt.Json = False,
    overwrite: opt.Overwrite = False,
) -> None:
    """Read game files into a corpus of positions."""
    opt.check_choice("--unique", unique, (None, "exact", "symmetry"))
    opt.check_place(out, overwrite=overwrite)
    positions = read_game_files(files, size)
    read, problems = len(positions), positions.problems
    if unique is not None:
        positions = positions.unique(symmetry=unique == "symmetry")
        remark(positions.notes[-1])
    if sample is not None:
        positions = positions.sample(sample, seed=seed)
    if turn:
        positions = positions.turn(seed=seed)
    positions.save(out, overwrite=overwrite)
    games = len(positions.compact().games)
    found = {
        "path": out,
        "positions": len(positions),
        "read": read,
        "games": games,
        "problems": problems,
        "notes": positions.notes,
    }
    if as_json:
        print_json(found)
    else:
        typer.echo(
            f"{out}: {plural(len(positions), 'position')} of {read:,} read, "
            f"{plural(games, 'game')}"
        )
