"""The verb for games that a network plays against itself."""

import time
from pathlib import Path
from typing import Annotated

import typer

from conceptlrp.cli import options as opt
from conceptlrp.cli.inputs import open_network
from conceptlrp.cli.tables import print_json
from conceptlrp.progress import progress_bars


def selfplay(
    network: opt.NetworkPath,
    out: Annotated[Path, typer.Option(help="The games to write (.jsonl).")],
    weights: opt.Weights = None,
    count: Annotated[int, opt.how_many("Games, all distinct.")] = 1000,
    simulations: Annotated[
        int, typer.Option(min=0, help="Searches of a move; 0 plays from the policy.")
    ] = 100,
    temperature: Annotated[
        float, typer.Option(help="Of the visits; without search of the policy.")
    ] = 1.0,
    temperature_moves: Annotated[
        int, typer.Option(help="Moves after which the best one is played.")
    ] = 20,
    opening: Annotated[
        int, typer.Option(min=0, help="Random moves at the start of a game.")
    ] = 6,
    together: Annotated[int, typer.Option(min=1, help="Games played at a time.")] = 256,
    transcripts: Annotated[
        Path | None, typer.Option(help="Also write plain transcripts (.txt).")
    ] = None,
    device: opt.Device = "cpu",
    seed: opt.Seed = 0,
    overwrite: opt.Overwrite = False,
    as_json: opt.Json = False,
) -> None:
    """Let a network play against itself."""
    from conceptlrp.othello import write_transcripts
    from conceptlrp.selfplay import SearchOptions, SelfPlayOptions, self_play

    for path in (out, transcripts):
        if path is not None:
            opt.check_place(path, overwrite=overwrite)
    opt.check_device(device)
    search = SearchOptions(simulations=max(1, simulations), noise=0.25)
    options = SelfPlayOptions(
        search=search if simulations else None,
        temperature=temperature,
        temperature_moves=temperature_moves,
        opening_plies=opening,
        together=together,
    )
    net = open_network(network, weights)
    started = time.perf_counter()
    with progress_bars(per_minute=True) as report:
        played = self_play(
            net.to(device),
            out,
            count=count,
            options=options,
            seed=seed,
            name=net.origin["name"],
            overwrite=overwrite,
            on_progress=report,
        )
    if transcripts is not None:
        write_transcripts(played.games, transcripts, overwrite=overwrite)
    seconds = time.perf_counter() - started
    if as_json:
        found = {"games": len(played.games), "positions": len(played.value)}
        about = {"file": str(out), **found, "seconds": round(seconds, 1)}
        print_json(about)
    else:
        typer.echo(f"{out}: {len(played.games):,} games, {seconds / 60:.1f} minutes")
