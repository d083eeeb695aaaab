"""The verb that lists positions and channels of a store."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conceptlrp.cli import options as opt
from conceptlrp.cli.conditions import with_conditions
from conceptlrp.cli.inputs import check_row
from conceptlrp.cli.stores.top import AllGames, Lowest
from conceptlrp.cli.tables import print_json, print_table

if TYPE_CHECKING:
    from conceptlrp.store import Ranking, Store, Where

_COLUMNS = ("game", "ply", "mover", "players", "year", "played", "outcome", "explained")
_OUTCOMES = {1.0: "win", 0.0: "draw", -1.0: "loss"}
_HEADS = {"played": "move", "peak_square": "peak at"}


@with_conditions
def query(
    store: opt.StorePath,
    layer: Annotated[
        str | None, typer.Option(help="Layer; with --position all of them by default.")
    ] = None,
    channel: opt.Channel = None,
    position: Annotated[
        int | None, typer.Option(help="Rank the channels at this row of the store.")
    ] = None,
    near: Annotated[
        int | None, typer.Option(help="Find positions with relevance like this row's.")
    ] = None,
    count: Annotated[int, opt.how_many("Positions or channels to list.")] = 16,
    columns: Annotated[
        str | None,
        typer.Option(
            help=f"Columns to show, separated by commas, also labels; by default "
            f"{', '.join(_COLUMNS)}."
        ),
    ] = None,
    by: Annotated[
        str, typer.Option(help="share, relevance, activation or peak.")
    ] = "share",
    metric: Annotated[
        str, typer.Option(help="How --near compares: cosine or l2.")
    ] = "cosine",
    target: opt.Target = None,
    lowest: Lowest = False,
    all_games: AllGames = False,
    where: "Where | None" = None,
    as_json: opt.Json = False,
) -> None:
    """List positions of a channel, channels of a position, or its like."""
    from conceptlrp.store import open_store
    from conceptlrp.store.ranking import CHANNEL_SCORES, METRICS

    known = CHANNEL_SCORES if near is None else ("share", "relevance")
    opt.check_choice("--by", by, known)
    opt.check_choice("--metric", metric, METRICS)
    asked = opt.check_exclusive(channel=channel, position=position, near=near)
    _check_question(asked, layer, where, columns)
    opened = open_store(store)
    about: dict[str, Any] = {"by": by, "target": target or 0}
    if position is not None:
        row = check_row(opened, position)
        _list_channels(
            opened, row, layer, count, lowest=lowest, as_json=as_json, **about
        )
        return
    if near is not None:
        about |= {"near": check_row(opened, near), "metric": metric}
        ranking = opened.nearest(
            str(layer),
            near,
            count,
            metric=metric,
            by=by,
            target=target or 0,
            where=where,
        )
    else:
        about["channel"] = channel
        ranking = opened.top(
            str(layer),
            int(channel or 0),
            count,
            by=by,
            lowest=lowest,
            one_per_game=not all_games,
            target=target or 0,
            where=where,
        )
    found = _columns(opened, ranking, columns, target or 0)
    if as_json:
        note = {"note": ranking.note}
        print_json({**about, **note, "layers": {str(layer): _records(found)}})
        return
    if ranking.note:
        place = str(layer) if channel is None else f"{layer}:{channel}"
        typer.echo(f"{place}: {ranking.note}")
    print_table(_shown(found), title=_title(opened, str(layer), **about))


def _check_question(
    asked: str, layer: str | None, where: "Where | None", columns: str | None
) -> None:
    """Refuse options that the question does not go with."""
    if layer is None and asked != "position":
        msg = f"--{asked} needs a --layer"
        raise typer.BadParameter(msg)
    if where is not None and asked == "position":
        msg = "--position asks about one position and takes no conditions"
        raise typer.BadParameter(msg)
    if columns is not None and asked == "position":
        msg = "--columns is about lists of positions; leave it out with --position"
        raise typer.BadParameter(msg)


def _list_channels(
    store: "Store",
    row: int,
    layer: str | None,
    count: int,
    *,
    as_json: bool,
    **about: Any,
) -> None:
    """Print the channels of each layer that matter most at a position."""
    asked = {"by": about["by"], "target": about["target"], "position": row}
    found = {}
    for name in [layer] if layer else store.layers:
        ranked = store.channels_at(name, row, **about)
        # A channel of score 0 matters at no end.
        first = ranked[about["by"]].nonzero()[0][:count]
        found[name] = {head: ranked[head][first].tolist() for head in ranked}
    if as_json:
        layers = {name: _records(columns) for name, columns in found.items()}
        print_json({**asked, "layers": layers})
        return
    for name, columns in found.items():
        if not columns["channel"]:
            typer.echo(f"{name}: no channel has a {about['by']} other than 0")
        print_table(_shown(columns), title=_title(store, name, **asked))


def _columns(
    store: "Store", ranking: "Ranking", columns: str | None, target: int | str
) -> dict[str, Sequence[Any]]:
    """Read what is asked for of ranked positions, players as one column."""
    names = _COLUMNS if columns is None else [n.strip() for n in columns.split(",")]
    read = [name for name in names if name not in ("players", "row", "score")]
    table = store.columns.read(
        [*read, "black", "white"], rows=ranking.rows, target=target
    )
    found: dict[str, Sequence[Any]] = {
        "row": ranking.rows.tolist(),
        "score": ranking.scores.tolist(),
    }
    for name in names:
        if name == "players":
            pairs = zip(table["black"], table["white"], strict=True)
            found[name] = [" - ".join(dict.fromkeys(pair)) for pair in pairs]
        elif name not in found:
            found[name] = table[name].tolist()
    return found


def _records(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    return [
        dict(zip(columns, row, strict=True))
        for row in zip(*columns.values(), strict=True)
    ]


def _shown(columns: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[object]]:
    """Put columns into words for the terminal."""
    found: dict[str, Sequence[object]] = {}
    for name, values in columns.items():
        if name == "outcome":
            found[name] = [_OUTCOMES.get(value) for value in values]
        elif name == "year":
            found[name] = [value or None for value in values]
        else:
            found[_HEADS.get(name, name)] = values
    return found


def _title(store: "Store", layer: str, **about: Any) -> str:
    """Say what a table is about."""
    name = store.targets[store.target_index(about["target"])]
    asked = {
        "channel": "{layer}, channel {channel}: positions by {by}",
        "near": "{layer}: positions like row {near}, by {metric} of {by}",
        "position": "{layer}: channels at row {position} by {by}",
    }
    text = next(text for kind, text in asked.items() if kind in about)
    return f"{text.format(layer=layer, **about)} (target: {name})"
