"""Verbs that ask a store."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from conceptlrp.cli.conditions import (
    Label,
    Move,
    Mover,
    Outcome,
    Phase,
    Player,
    Ply,
    Tournament,
    Year,
    conditions,
)
from conceptlrp.cli.options import StorePath, Target, check_choice
from conceptlrp.errors import StoreError

if TYPE_CHECKING:
    import pandas as pd

    from conceptlrp.store import Store, Where

By = Annotated[str, typer.Option(help="share, relevance, activation or peak.")]
Lowest = Annotated[bool, typer.Option("--lowest", help="Lowest first.")]
AllGames = Annotated[
    bool, typer.Option("--all-games", help="Several boards of one game too.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


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
    lowest: Lowest = False,
    all_games: AllGames = False,
    apart: Annotated[
        int,
        typer.Option(
            min=0, help="Squares on which any two boards differ, however turned."
        ),
    ] = 0,
    ply: Ply = None,
    phase: Phase = None,
    mover: Mover = None,
    player: Player = None,
    year: Year = None,
    tournament: Tournament = None,
    move: Move = None,
    outcome: Outcome = None,
    label: Label = None,
    as_json: AsJson = False,
) -> None:
    """Show the reference boards of a channel."""
    from conceptlrp.atlas import reference_table
    from conceptlrp.reference import REFERENCE_SCORES, reference_boards
    from conceptlrp.store import open_store

    check_choice("--by", by, REFERENCE_SCORES)
    where = conditions(
        ply=ply,
        phase=phase,
        mover=mover,
        player=player,
        year=year,
        tournament=tournament,
        played=move,
        outcome=outcome,
        label=label,
    )
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
        where=where,
    )
    if as_json:
        typer.echo(json.dumps(boards.to_dict(), indent=2))
    else:
        Console().print(reference_table(boards))


def query(
    store: StorePath,
    layer: Annotated[
        str | None, typer.Option(help="Layer; all of them for --position.")
    ] = None,
    channel: Annotated[
        int | None, typer.Option(help="Rank the positions of this channel.")
    ] = None,
    position: Annotated[
        int | None, typer.Option(help="Rank the channels at this row of the store.")
    ] = None,
    near: Annotated[
        int | None, typer.Option(help="Find positions with relevance like this row's.")
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many.")] = 16,
    by: By = "share",
    metric: Annotated[
        str, typer.Option(help="How --near compares: cosine or l2.")
    ] = "cosine",
    target: Target = None,
    lowest: Lowest = False,
    all_games: AllGames = False,
    ply: Ply = None,
    phase: Phase = None,
    mover: Mover = None,
    player: Player = None,
    year: Year = None,
    tournament: Tournament = None,
    move: Move = None,
    outcome: Outcome = None,
    label: Label = None,
    as_json: AsJson = False,
) -> None:
    """List the positions of a channel, the channels of a position, or its like."""
    from conceptlrp.store import open_store
    from conceptlrp.store.nearest import METRICS
    from conceptlrp.store.ranking import CHANNEL_SCORES

    known = CHANNEL_SCORES if near is None else ("share", "relevance")
    check_choice("--by", by, known)
    check_choice("--metric", metric, METRICS)
    where = conditions(
        ply=ply,
        phase=phase,
        mover=mover,
        player=player,
        year=year,
        tournament=tournament,
        played=move,
        outcome=outcome,
        label=label,
    )
    _check_question(layer, where, channel=channel, position=position, near=near)
    opened = open_store(store)
    about: dict[str, Any] = {"by": by, "target": target or 0}
    if position is not None:
        row = _row(opened, position)
        tables = {
            name: opened.channels_frame(name, row, lowest=lowest, **about)[:k]
            for name in ([layer] if layer else opened.layers)
        }
        _show(tables, {**about, "position": row}, as_json=as_json)
        return
    name = str(layer)
    if near is not None:
        named = {"near": _row(opened, near), "metric": metric}
        options: dict[str, Any] = {**about, "metric": metric, "where": where}
        ranking = opened.nearest(name, near, k, **options)
    else:
        named = {"channel": channel}
        options = {**about, "lowest": lowest, "where": where}
        ranking = opened.top(
            name, int(channel or 0), k, one_per_game=not all_games, **options
        )
    table = opened.frame(rows=ranking.rows, target=target or 0)
    table.insert(0, "score", ranking.scores)
    _show({name: table}, {**about, **named}, as_json=as_json)


def _check_question(
    layer: str | None, where: "Where | None", **asked: int | None
) -> None:
    """Refuse options that do not ask exactly one thing."""
    given = [name for name, value in asked.items() if value is not None]
    if len(given) != 1:
        msg = "give one of --channel, --position and --near"
        raise typer.BadParameter(msg)
    if layer is None and given != ["position"]:
        msg = f"--{given[0]} needs a --layer"
        raise typer.BadParameter(msg)
    if where is not None and given == ["position"]:
        msg = "--position asks about one position, which needs no conditions"
        raise typer.BadParameter(msg)


def _row(store: "Store", row: int) -> int:
    """Return a row, once it is certain that the store has it."""
    if not 0 <= row < len(store):
        msg = f"{store.path}: has no row {row}, expected 0 to {len(store) - 1}"
        raise StoreError(msg)
    return row


def _show(
    tables: "dict[str, pd.DataFrame]", about: dict[str, Any], *, as_json: bool
) -> None:
    """Print one table for every layer."""
    if as_json:
        # pandas writes nan as null, which is JSON.
        layers = {
            layer: json.loads(table.reset_index().to_json(orient="records"))
            for layer, table in tables.items()
        }
        typer.echo(json.dumps({**about, "layers": layers}, indent=2))
        return
    for layer, table in tables.items():
        Console().print(_text_table(layer, table.reset_index()))


def _text_table(title: str, table: "pd.DataFrame") -> Table:
    shown = Table(title=title, title_justify="left")
    for name, kind in table.dtypes.items():
        shown.add_column(str(name), justify="right" if kind.kind in "biuf" else "left")
    for row in table.itertuples(index=False):
        shown.add_row(
            *(f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row)
        )
    return shown
