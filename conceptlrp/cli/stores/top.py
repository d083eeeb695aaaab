"""The verb that shows the reference boards of a channel."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from conceptlrp.cli.conditions import with_conditions
from conceptlrp.cli.options import Json, StorePath, Target, check_choice, how_many
from conceptlrp.cli.tables import print_json, print_text

if TYPE_CHECKING:
    from conceptlrp.report.stored_layer import StoredResults
    from conceptlrp.store import Where

Lowest = Annotated[bool, typer.Option("--lowest", help="Lowest first.")]
AllGames = Annotated[
    bool, typer.Option("--all-games", help="Allow several boards of one game.")
]


@with_conditions
def top(
    store: StorePath,
    layer: Annotated[str, typer.Option(help="Layer of the channel.")],
    channel: Annotated[int, typer.Option(help="Number of the channel.")],
    count: Annotated[int, how_many("Boards to show.")] = 8,
    by: Annotated[
        str,
        typer.Option(help="share, relevance, positive, absolute, activation or peak."),
    ] = "share",
    target: Target = None,
    lowest: Lowest = False,
    all_games: AllGames = False,
    apart: Annotated[
        int,
        typer.Option(
            min=0, help="Squares on which any two boards differ, however turned."
        ),
    ] = 0,
    where: "Where | None" = None,
    as_json: Json = False,
) -> None:
    """Show the reference boards of a channel."""
    from conceptlrp.atlas.terminal import reference_table
    from conceptlrp.reference import REFERENCE_SCORES, reference_boards
    from conceptlrp.report.stored_layer import StoredResults
    from conceptlrp.store import open_store

    check_choice("--by", by, REFERENCE_SCORES)
    opened = open_store(store)
    boards = reference_boards(
        opened,
        layer,
        channel,
        count,
        by=by,
        lowest=lowest,
        one_per_game=not all_games,
        min_distance=apart,
        target=target or 0,
        where=where,
    )
    if as_json:
        print_json(boards.to_dict())
    else:
        Console().print(reference_table(boards))
        _say_name(StoredResults(opened, boards.target), layer, channel)


def _say_name(results: "StoredResults", layer: str, channel: int) -> None:
    """Print the name of a channel, what speaks for it, and which boards it is about."""
    found = results.evidence_of(layer, channel)
    if not found.name.is_named:
        return
    badge = f" ({found.badge})" if found.badge else ""
    lowest = " --lowest, which leaves out 0" if found.name.lowest else ""
    meaning = f" ({found.name.meaning})" if found.name.meaning else ""
    print_text(f"{found.name.title}{badge}{meaning}; see --by {found.name.by}{lowest}")
