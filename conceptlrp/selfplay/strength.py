"""The strength card: how well a network plays, by matches and without.

A card is a list of rows, each of which is kept at once. Every number is from 0 to 1 but
disc losses.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from conceptlrp.errors import FileFormatError, OutputExistsError
from conceptlrp.files import write_whole
from conceptlrp.jsontext import dumps, plain
from conceptlrp.networks import BoardNetwork, network_digest, predict
from conceptlrp.networks.checkpoint import AnyNetwork, checked_network
from conceptlrp.othello import Corpus, Position
from conceptlrp.othello.board import count
from conceptlrp.progress import OnProgress
from conceptlrp.selfplay.arena import match
from conceptlrp.selfplay.endgame import endgame_positions, play_endgames
from conceptlrp.selfplay.players import (
    GreedyPlayer,
    HistoryPlayer,
    MobilityPlayer,
    NetworkPlayer,
    Player,
    RandomPlayer,
    SearchPlayer,
)
from conceptlrp.selfplay.puct import SearchOptions
from conceptlrp.selfplay.validation import validate

Measure = Callable[[], object]

_PHASES = {"opening": (41, 60), "midgame": (21, 40), "endgame": (1, 20)}


@dataclass(frozen=True, kw_only=True)
class StrengthOptions:
    """What a strength card is about.

    Attributes
    ----------
    simulations : tuple of int
        Searches that are measured beside the network alone.
    games : int
        Games of a match, an even number.
    engine_games : int
        Games of a match against an engine, an even number.
    opening_plies : int
        Random moves at the start of a pair of games.
    endgames : int
        Positions with at most ``most_empties`` empty squares that are solved.
    most_empties : int
        See there.
    seed : int
        Seed of everything random.
    """

    simulations: tuple[int, ...] = (25, 100, 400)
    games: int = 200
    engine_games: int = 20
    opening_plies: int = 8
    endgames: int = 500
    most_empties: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("games", "engine_games"):
            if getattr(self, name) < 2 or getattr(self, name) % 2:
                msg = f"{name} is {getattr(self, name)}, expected an even number"
                raise ValueError(msg)


def strength_card(
    network: AnyNetwork,
    path: str | Path,
    *,
    games: Corpus | None = None,
    engines: Sequence[HistoryPlayer] = (),
    options: StrengthOptions | None = None,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Measure a network into a file.

    Parameters
    ----------
    network : Module or path
        Plays without search and, if it has a value, with.
    path : str or Path
        The card, usually ``.json``; it is written anew after every row.
    games : Corpus, optional
        Games of people that the network has not learned from.
    engines : sequence of GtpPlayer
        Met by the network alone and with each search.
    options : StrengthOptions, optional
        Searches, games and so on.
    overwrite : bool
        Replace a file that is there.
    on_progress : callable, optional
        Called with "rows", the rows measured so far and the rows in all.

    Returns
    -------
    dict
        What is in the file: ``about`` and ``rows``, by name.
    """
    network = checked_network(network)
    chosen = options or StrengthOptions()
    about = {
        "network": network_digest(network),
        "architecture": network.architecture,
        "games": None if games is None else games.digest,
        "options": asdict(chosen),
    }
    if Path(path).exists() and not overwrite:
        msg = f"{path}: exists already; choose another name or overwrite it"
        raise OutputExistsError(msg)
    card: dict[str, Any] = plain({"about": about, "rows": {}})
    rows = dict(_rows(network, games, engines, chosen))
    for number, (name, measure) in enumerate(rows.items(), start=1):
        row = dumps(measure())
        card["rows"][name] = json.loads(row, parse_float=lambda x: round(float(x), 4))
        content = (json.dumps(card, indent=1) + "\n").encode()
        write_whole(path, content, overwrite=True, error=FileFormatError)
        if on_progress is not None:
            on_progress("rows", number, len(rows))
    return card


def read_card(path: str | Path) -> dict[str, Any]:
    """Read a strength card: what it is about, and its rows by name.

    Parameters
    ----------
    path : str or Path
        A file that `strength_card` wrote.

    Returns
    -------
    dict
        ``about`` and ``rows``.
    """
    path = Path(path)
    try:
        card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        msg = f"{path}: cannot be read as a strength card: {error}"
        raise FileFormatError(msg) from error
    if not isinstance(card, dict) or not {"about", "rows"} <= card.keys():
        msg = f"{path}: is no strength card, expected 'about' and 'rows'"
        raise FileFormatError(msg)
    return card


def _rows(
    network: BoardNetwork,
    games: Corpus | None,
    engines: Sequence[HistoryPlayer],
    options: StrengthOptions,
) -> Iterator[tuple[str, Measure]]:
    """Yield the name of each row and how it is measured, the quick ones first."""
    alone = NetworkPlayer(network)
    players: list[NetworkPlayer | SearchPlayer] = [alone]
    start = Position.start(network.size)
    if np.isfinite(predict(network, start.own, start.opponent).value).all():
        searches = [SearchOptions(simulations=n) for n in options.simulations]
        players += [SearchPlayer(network, search) for search in searches]
    if games is not None:
        yield "moves of people", lambda: _moves_of_people(network, games)
        solved = endgame_positions(
            games,
            options.endgames,
            most_empties=options.most_empties,
            seed=options.seed,
        )
        for player in players:
            yield f"endgames, {player.name}", partial(play_endgames, player, solved)
    size = network.size
    for player in players:
        for other in (RandomPlayer(size), GreedyPlayer(size), MobilityPlayer(size)):
            yield f"{player.name} v {other.name}", _match(player, other, options)
        if player is not alone:
            yield f"{player.name} v {alone.name}", _match(player, alone, options)
        for engine in engines:
            yield f"{player.name} v {engine.name}", _match(player, engine, options)


def _moves_of_people(network: BoardNetwork, games: Corpus) -> dict[str, Any]:
    """Evaluate a network on games, and the sign of its value phase by phase."""
    found: dict[str, Any] = asdict(validate(network, games))
    empties = games.size**2 - count(games.own | games.opponent).astype(int)
    for phase, (least, most) in _PHASES.items():
        rows = np.flatnonzero((empties >= least) & (empties <= most))
        if len(rows):
            found[f"value_sign_{phase}"] = validate(network, games[rows]).value_sign
    return found


def _match(player: Player, other: Player, options: StrengthOptions) -> Measure:
    """Return a match that tells losses by wipe-out apart."""
    engine = isinstance(other, HistoryPlayer)
    games = options.engine_games if engine else options.games

    def measure() -> dict[str, Any]:
        result = match(
            player,
            other,
            count=games,
            opening_plies=options.opening_plies,
            seed=options.seed,
        )
        return result.to_dict() | {"wipe_out_rate": result.wiped_out / result.games}

    return measure
