"""Self-play on disk, in the format of `conceptlrp.othello.files.game_file`."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import GameFileError, OutputExistsError
from conceptlrp.files import write_whole
from conceptlrp.networks import network_digest
from conceptlrp.networks.checkpoint import AnyNetwork, checked_network
from conceptlrp.networks.planes import squares_of_actions
from conceptlrp.othello import square_name, transcript_text
from conceptlrp.othello.files.game_file import (
    FORMAT,
    VERSION,
    checked_header,
    json_lines,
    read_game_lines,
)
from conceptlrp.othello.notation import parse_square
from conceptlrp.progress import OnProgress
from conceptlrp.selfplay.evaluators import NetworkEvaluator
from conceptlrp.selfplay.rounds import (
    SelfPlayGames,
    SelfPlayOptions,
    play_round,
)

# Rounds without a new game after which there seems to be none left.
_IDLE_ROUNDS = 5
_MOST_REMEMBERED = 1 << 18


def self_play(
    network: AnyNetwork,
    path: str | os.PathLike[str],
    *,
    count: int = 1000,
    options: SelfPlayOptions | None = None,
    seed: int = 0,
    name: str = "network",
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> SelfPlayGames:
    """Play distinct games into a file.

    Parameters
    ----------
    network : Module or path
        Plays both colours, on the device it is on.
    path : path
        The file, usually ``.jsonl``.
    count : int
        Number of games, no two of which have the same moves.
    options : SelfPlayOptions, optional
        Search, temperature and so on.
    seed : int
        Seed of everything random.
    name : str
        Name of both players.
    overwrite : bool
        Replace a file that is there.
    on_progress : callable, optional
        Called with "games", the games played so far, those in progress counted by
        their moves, and the games in all.

    Returns
    -------
    SelfPlayGames
        All games of the file.
    """
    chosen = options or SelfPlayOptions()
    if Path(path).exists() and not overwrite:
        msg = f"{path}: exists already; choose another name or overwrite it"
        raise OutputExistsError(msg)
    network = checked_network(network)
    evaluate = NetworkEvaluator(network, remembered=_remembered(chosen))
    known: set[str] = set()
    parts: list[SelfPlayGames] = []
    idle = 0
    while len(known) < count and idle < _IDLE_ROUNDS:
        begun = len(known)

        def moved(_stage: str, ply: int, plies: int, begun: int = begun) -> None:
            if on_progress is not None:
                done = min(count, begun + ply * chosen.together // plies)
                on_progress("games", done, count)

        played = play_round(
            evaluate,
            options=chosen,
            seed=[seed, len(parts)],
            name=name,
            on_progress=moved,
        )
        parts.append(played.take(_new_games(played, known, count)))
        idle = idle + 1 if len(known) == begun else 0
    if len(known) < count:
        msg = (
            f"only {len(known)} of {count} distinct games came up; "
            "raise the temperature or the opening plies"
        )
        raise ValueError(msg)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "size": network.size,
        "name": name,
        "network": network_digest(network),
        "options": asdict(chosen),
        "seed": seed,
    }
    lines = [json.dumps(header), *_lines(SelfPlayGames.concatenate(parts))]
    content = "".join(f"{line}\n" for line in lines).encode()
    write_whole(path, content, overwrite=overwrite, error=GameFileError)
    return read_self_play(path)


def read_self_play(path: str | os.PathLike[str]) -> SelfPlayGames:
    """Read games with the visits and values of their search.

    Parameters
    ----------
    path : path
        A file that `self_play` wrote.

    Returns
    -------
    SelfPlayGames
        Values with 4 decimals.
    """
    path = Path(path)
    lines = list(json_lines(path))
    header = checked_header(lines, path.name)
    size = int(header["size"])
    read = read_game_lines(path, size=size)
    if read.problems:
        raise GameFileError(read.problems[0])
    games = [(number, line) for number, line in lines[1:] if "moves" in line]
    length = (read.games.moves >= 0).sum(axis=1)
    for (number, line), moves in zip(games, length.tolist(), strict=True):
        if not len(line.get("values", ())) == len(line.get("visits", ())) == moves:
            msg = f"{path.name}: line {number}: expected {moves} values and visits"
            raise GameFileError(msg)
    values = [value for _, line in games for value in line["values"]]
    counts = [count for _, line in games for count in line["visits"]]
    return SelfPlayGames(
        read.games,
        _visits(counts, size),
        np.array([np.nan if v is None else v for v in values], np.float32),
    )


def _remembered(options: SelfPlayOptions) -> int:
    """Return the evaluations of two moves of a round, at most a table of 70 MB."""
    simulations = 1 if options.search is None else options.search.simulations
    return min(2 * options.together * simulations, _MOST_REMEMBERED)


def _new_games(played: SelfPlayGames, known: set[str], most: int) -> NDArray[np.int64]:
    """Return the rows of games that are not known yet, and make them known."""
    rows = []
    for row, moves in enumerate(played.games.moves.tolist()):
        text = transcript_text(moves, played.games.size)
        if len(known) < most and text not in known:
            known.add(text)
            rows.append(row)
    return np.array(rows, np.int64)


def _lines(played: SelfPlayGames) -> list[str]:
    """Return a line of JSON for each game."""
    size = played.games.size
    actions = np.arange(size * size)
    names = [square_name(s, size) for s in squares_of_actions(actions, size=size)]
    values = [None if np.isnan(v) else round(float(v), 4) for v in played.value]
    visits: list[dict[str, int]] = [{} for _ in values]
    for row, action in zip(*np.nonzero(played.visits), strict=True):
        visits[row][names[action]] = int(played.visits[row, action])
    ends = np.cumsum((played.games.moves >= 0).sum(axis=1)).tolist()
    lines, first = [], 0
    for moves, end in zip(played.games.moves.tolist(), ends, strict=True):
        line = {
            "moves": transcript_text(moves, size),
            "values": values[first:end],
            "visits": visits[first:end],
        }
        lines.append(json.dumps(line, separators=(",", ":")))
        first = end
    return lines


def _visits(counts: list[dict[str, int]], size: int) -> NDArray[np.int32]:
    """Return visits by the name of their square as a table (P, A)."""
    table = np.zeros((len(counts), 65), np.int32)
    squares: dict[str, int] = {}
    for row, by_name in zip(table, counts, strict=True):
        for name, count in by_name.items():
            if name not in squares:
                squares[name] = parse_square(name, size)
            row[squares[name]] = count
    on_board = squares_of_actions(np.arange(size * size + 1), size=size)
    return table[:, on_board]
