"""The verb for matches, and how players are named on the command line."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conceptlrp.cli.inputs import open_network
from conceptlrp.cli.options import (
    BoardSize,
    Json,
    Seed,
    how_many,
)
from conceptlrp.cli.tables import print_json
from conceptlrp.progress import progress_bars

if TYPE_CHECKING:
    from conceptlrp.selfplay.players import BoardPlayer, Player

PlayerName = Annotated[
    str,
    typer.Argument(
        help="random, greedy, mobility, a network ('demo' or weights), a network "
        "with search ('demo@100'), or an engine ('gtp:gtp-rhino --level 3')."
    ),
]


def arena(
    first: PlayerName,
    second: PlayerName,
    count: Annotated[int, how_many("Games, an even number.")] = 100,
    opening: Annotated[
        int, typer.Option(min=0, help="Random moves at the start of a pair.")
    ] = 8,
    size: BoardSize = 8,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Let two players meet, twice from each opening.

    The second game of an opening is played with colours swapped.
    """
    from conceptlrp.selfplay import match

    if count % 2:
        msg = f"--count is {count}, expected an even number"
        raise typer.BadParameter(msg)
    engines = any(name.startswith("gtp:") for name in (first, second))
    with ExitStack() as stack:
        one = stack.enter_context(open_player(first, size))
        other = stack.enter_context(open_player(second, size))
        report = stack.enter_context(progress_bars(per_minute=True))
        result = match(
            one,
            other,
            count=count,
            opening_plies=opening,
            # An engine plays game by game, so progress is shown by pairs.
            together=2 if engines else 200,
            seed=seed,
            on_progress=report,
        )
    if as_json:
        about = {"first": one.name, "second": other.name, **result.to_dict()}
        print_json(about)
    else:
        typer.echo(f"{one.name} - {other.name}: {result}")


@contextmanager
def open_player(name: str, size: int = 8) -> Iterator["Player"]:
    """Make the player of a name; an engine ends with the context."""
    from conceptlrp.selfplay import (
        NetworkPlayer,
        RandomPlayer,
        SearchOptions,
        SearchPlayer,
    )
    from conceptlrp.selfplay.players import (
        GreedyPlayer,
        GtpEngine,
        GtpPlayer,
        MobilityPlayer,
    )

    simple: dict[str, Callable[[int], BoardPlayer]] = {
        "random": RandomPlayer,
        "greedy": GreedyPlayer,
        "mobility": MobilityPlayer,
    }
    path, _, simulations = name.rpartition("@")
    if name in simple:
        yield simple[name](size)
    elif name.startswith("gtp:"):
        with GtpEngine(name.removeprefix("gtp:")) as engine:
            yield GtpPlayer(engine, size=size)
    elif path and simulations.isdecimal():
        options = SearchOptions(simulations=int(simulations))
        label = f"{Path(path).name}@{simulations}"
        yield SearchPlayer(open_network(path), options, label)
    else:
        yield NetworkPlayer(open_network(name), name=Path(name).name)
