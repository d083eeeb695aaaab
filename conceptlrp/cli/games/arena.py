"""The verb for matches, and how players are named on the command line."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conceptlrp.cli import options as opt
from conceptlrp.cli.inputs import open_network
from conceptlrp.cli.tables import print_json
from conceptlrp.progress import progress_bars

if TYPE_CHECKING:
    from conceptlrp.selfplay.players import BoardPlayer, Player

PlayerName = Annotated[
    str,
    typer.Argument(
        help="random, greedy, mobility, a network (weights, 'demo', 'demo6' or "
        "package.module:function), a network with search ('demo@100'), or an engine "
        "('gtp:gtp-rhino --level 3')."
    ),
]


def arena(
    first: PlayerName,
    second: PlayerName,
    weights: opt.Weights = None,
    other_weights: Annotated[
        Path | None, typer.Option(help="Weights of the second player.", readable=False)
    ] = None,
    count: Annotated[int, opt.how_many("Games, an even number.")] = 100,
    opening: Annotated[
        int, typer.Option(min=0, help="Random moves at the start of a pair.")
    ] = 8,
    size: opt.BoardSize = 8,
    seed: opt.Seed = 0,
    as_json: opt.Json = False,
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
        one = stack.enter_context(open_player(first, size, weights))
        other = stack.enter_context(open_player(second, size, other_weights))
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
def open_player(
    name: str, size: int = 8, weights: Path | None = None
) -> Iterator["Player"]:
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
    if weights is not None and (name in simple or name.startswith("gtp:")):
        msg = f"{name} has no weights, expected package.module:function to have some"
        raise typer.BadParameter(msg)
    if name in simple:
        yield simple[name](size)
    elif name.startswith("gtp:"):
        with GtpEngine(name.removeprefix("gtp:")) as engine:
            yield GtpPlayer(engine, size=size)
    elif path and simulations.isdecimal():
        options = SearchOptions(simulations=int(simulations))
        network = open_network(path, weights)
        yield SearchPlayer(network, options, f"{network.origin['name']}@{simulations}")
    else:
        network = open_network(name, weights)
        yield NetworkPlayer(network, name=network.origin["name"])
