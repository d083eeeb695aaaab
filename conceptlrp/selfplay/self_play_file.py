"""Self-play on disk: games are kept round by round, and a run can be gone on with.

The format is that of `conceptlrp.othello.game_lines`. A round that is not closed, since
the program was killed, is played again; because a round depends on nothing but its
number, the file comes out the same.
"""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import GameFileError, OutputExistsError
from conceptlrp.files import write_whole
from conceptlrp.networks import BoardNetwork, network_digest
from conceptlrp.networks.planes import squares_of_actions
from conceptlrp.othello import square_name, transcript_text
from conceptlrp.othello.files.game_lines import (
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
    network: BoardNetwork,
    path: str | os.PathLike[str],
    *,
    count: int = 1000,
    options: SelfPlayOptions | None = None,
    seed: int = 0,
    name: str = "network",
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> SelfPlayGames:
    """Play distinct games into a file, or go on with a file that was begun.

    Parameters
    ----------
    network : BoardNetwork
        Plays both colours, on the device it is on.
    path : path
        The file, usually ``.jsonl``. If it is there and was made with the same
        network, options and seed, its games are kept and the rest is played.
    count : int
        Number of games, no two of which have the same moves.
    options : SelfPlayOptions, optional
        Search, temperature and so on.
    seed : int
        Seed of everything random.
    name : str
        Name of both players.
    overwrite : bool
        Begin anew where a file is there.
    on_progress : callable, optional
        Called with "games", the games played so far, those in progress counted by
        their moves, and the games in all.

    Returns
    -------
    SelfPlayGames
        All games of the file.

    Raises
    ------
    OutputExistsError
        If the file was made in another way.
    ValueError
        If too little is left to chance for so many distinct games.
    """
    chosen = options or SelfPlayOptions()
    header = _header(network, chosen, seed, name)
    file = _GameRecord(Path(path), header, overwrite=overwrite)
    evaluate = NetworkEvaluator(network, remembered=_remembered(chosen))
    idle = 0
    while file.games < count and idle < _IDLE_ROUNDS:
        known = file.games

        def moved(_stage: str, ply: int, plies: int, known: int = known) -> None:
            if on_progress is not None:
                done = min(count, known + ply * chosen.together // plies)
                on_progress("games", done, count)

        played = play_round(
            evaluate,
            options=chosen,
            seed=[seed, file.rounds],
            name=name,
            on_progress=moved,
        )
        file.append(played, most=count - known)
        idle = idle + 1 if file.games == known else 0
    if file.games < count:
        msg = (
            f"only {file.games} of {count} distinct games came up; "
            "raise the temperature or the opening plies"
        )
        raise ValueError(msg)
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

    Raises
    ------
    GameFileError
        If the file is of another kind, or damaged.
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


class _GameRecord:
    """A file of self-play that grows by whole rounds."""

    def __init__(self, path: Path, header: dict[str, Any], *, overwrite: bool) -> None:
        self.path = path
        self.rounds = 0
        self._known: set[str] = set()
        if path.exists() and not overwrite:
            self._go_on(header)
        else:
            line = (json.dumps(header) + "\n").encode()
            write_whole(path, line, overwrite=True, error=GameFileError)

    @property
    def games(self) -> int:
        """Distinct games in the file."""
        return len(self._known)

    def append(self, played: SelfPlayGames, *, most: int) -> None:
        """Add the games of a round that are new, and close it."""
        fresh: list[str] = []
        rows: list[int] = []
        for row, moves in enumerate(played.games.moves.tolist()):
            text = transcript_text(moves, played.games.size)
            if len(rows) < most and text not in self._known:
                self._known.add(text)
                fresh.append(text)
                rows.append(row)
        lines = _lines(played.take(np.array(rows, np.int64)), fresh)
        lines.append(json.dumps({"round": self.rounds, "games": len(rows)}))
        with self.path.open("a", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())
        self.rounds += 1

    def _go_on(self, header: dict[str, Any]) -> None:
        """Keep the closed rounds of a file that was begun in the same way."""
        lines = list(json_lines(self.path))
        found = checked_header(lines, self.path.name)
        if differing := [key for key in header if header[key] != found.get(key)]:
            msg = (
                f"{self.path}: was made with another {differing[0]}; choose another "
                "name or overwrite it"
            )
            raise OutputExistsError(msg)
        closed = [row for row, (_, line) in enumerate(lines) if "round" in line]
        kept = lines[: closed[-1] + 1] if closed else lines[:1]
        self.rounds = len(closed)
        self._known = {line["moves"] for _, line in kept if "moves" in line}
        whole = self.path.read_bytes().split(b"\n")[: len(kept)]
        os.truncate(self.path, sum(len(line) + 1 for line in whole))


def _header(
    network: BoardNetwork, options: SelfPlayOptions, seed: int, name: str
) -> dict[str, Any]:
    """Return what decides the games, in the form in which JSON gives it back."""
    header = {
        "format": FORMAT,
        "version": VERSION,
        "size": network.size,
        "name": name,
        "network": network_digest(network),
        "options": asdict(options),
        "seed": seed,
    }
    found: dict[str, Any] = json.loads(json.dumps(header))
    return found


def _lines(played: SelfPlayGames, transcripts: list[str]) -> list[str]:
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
    for transcript, end in zip(transcripts, ends, strict=True):
        found = {"values": values[first:end], "visits": visits[first:end]}
        line = {"moves": transcript, **found}
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
