"""The verb for matches, and how players are named on the command line."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from conceptlrp.cli.inputs import open_network
from conceptlrp.cli.options import BoardSize, Overwrite, Seed, check_place
from conceptlrp.progress import progress_bars

if TYPE_CHECKING:
    from conceptlrp.selfplay import HistoryPlayer, Player

PlayerName = Annotated[
    str,
    typer.Argument(
        help="random, greedy, mobility, a network ('demo' or weights), a network "
        "with search ('demo@100'), or an engine ('gtp:gtp-rhino --level 3')."
    ),
]
Timeout = Annotated[float, typer.Option(help="Seconds for an answer of an engine.")]


def arena(
    first: PlayerName,
    second: PlayerName,
    games: Annotated[int, typer.Option(min=2, help="How many, an even number.")] = 100,
    out: Annotated[
        Path | None, typer.Option(help="Keep the games here (.txt), and go on.")
    ] = None,
    opening: Annotated[
        int, typer.Option(min=0, help="Random moves at the start of a pair.")
    ] = 8,
    timeout: Timeout = 60.0,
    size: BoardSize = 8,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Let two players meet, twice from each opening with colours swapped."""
    from conceptlrp.selfplay import record_match

    if games % 2:
        msg = f"--games is {games}, expected an even number"
        raise typer.BadParameter(msg)
    if out is not None:
        check_place(out, overwrite=True)
    engines = any(name.startswith("gtp:") for name in (first, second))
    with ExitStack() as stack:
        one = stack.enter_context(open_player(first, size, timeout))
        other = stack.enter_context(open_player(second, size, timeout))
        folder = stack.enter_context(TemporaryDirectory())
        report = stack.enter_context(progress_bars(per_minute=True))
        result = record_match(
            one,
            other,
            out or Path(folder) / "match.txt",
            n_pairs=games // 2,
            opening_plies=opening,
            together=1 if engines else 100,
            seed=seed,
            overwrite=overwrite,
            on_games=lambda done, total: report("games", done, total),
        )
    typer.echo(f"{one.name} - {other.name}: {result}")


@contextmanager
def open_player(
    name: str, size: int = 8, timeout: float = 60.0
) -> Iterator["Player | HistoryPlayer"]:
    """Make the player of a name; an engine ends with the context."""
    from conceptlrp.selfplay import (
        GreedyPlayer,
        GtpEngine,
        GtpPlayer,
        MobilityPlayer,
        NetworkPlayer,
        RandomPlayer,
        SearchOptions,
        SearchPlayer,
    )

    simple: dict[str, Callable[[int], Player]] = {
        "random": RandomPlayer,
        "greedy": GreedyPlayer,
        "mobility": MobilityPlayer,
    }
    path, _, simulations = name.rpartition("@")
    if name in simple:
        yield simple[name](size)
    elif name.startswith("gtp:"):
        with GtpEngine(name.removeprefix("gtp:"), timeout=timeout) as engine:
            yield GtpPlayer(engine, size=size)
    elif path and simulations.isdecimal():
        options = SearchOptions(simulations=int(simulations))
        label = f"{Path(path).name}@{simulations}"
        yield SearchPlayer(open_network(path), options, label)
    else:
        yield NetworkPlayer(open_network(name), name=Path(name).name)
