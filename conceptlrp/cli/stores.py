"""Verbs that ask a store."""

import json
from typing import Annotated

import typer
from rich.console import Console

from conceptlrp.cli.options import StorePath, Target, check_choice


def top(
    store: StorePath,
    layer: Annotated[str, typer.Option(help="Layer of the channel.")],
    channel: Annotated[int, typer.Option(help="Number of the channel.")],
    k: Annotated[int, typer.Option("-k", min=1, help="How many boards.")] = 8,
    by: Annotated[
        str,
        typer.Option(help="share, relevance, positive, absolute, activation or peak."),
    ] = "share",
    target: Target = None,
    lowest: Annotated[bool, typer.Option("--lowest", help="Lowest first.")] = False,
    all_games: Annotated[
        bool, typer.Option("--all-games", help="Several boards of one game too.")
    ] = False,
    apart: Annotated[
        int,
        typer.Option(
            min=0, help="Squares on which any two boards differ, however turned."
        ),
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the reference boards of a channel."""
    from conceptlrp.atlas import reference_table
    from conceptlrp.reference import REFERENCE_SCORES, reference_boards
    from conceptlrp.store import open_store

    check_choice("--by", by, REFERENCE_SCORES)
    boards = reference_boards(
        open_store(store),
        layer,
        channel,
        k,
        by=by,
        lowest=lowest,
        one_per_game=not all_games,
        min_distance=apart,
        target=target or 0,
    )
    if as_json:
        typer.echo(json.dumps(boards.to_dict(), indent=2))
    else:
        Console().print(reference_table(boards))
