"""Games that a network plays against itself, with what its search found, and on disk.

Games are played in rounds of many at once. A round depends on its own seed alone, so
that rounds can be played anywhere, again, and in any order. Files have the format of
`conceptlrp.othello.files.selfplay_file`.

Shapes use G games, P positions (in the order of `Corpus.from_games`) and A actions.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import GameFileError, OutputExistsError, check_least
from conceptlrp.files import write_whole
from conceptlrp.networks import network_digest
from conceptlrp.networks.checkpoint import AnyNetwork, checked_network
from conceptlrp.networks.planes import (
    actions_of_squares,
    legal_actions,
    squares_of_actions,
)
from conceptlrp.othello import Corpus, Games, square_name, transcript_text
from conceptlrp.othello.board import start
from conceptlrp.othello.files.formats import read_games
from conceptlrp.othello.files.selfplay_file import (
    FORMAT,
    VERSION,
    checked_header,
    json_lines,
)
from conceptlrp.othello.position import squares_by_name
from conceptlrp.othello.symmetry import turn, turn_squares
from conceptlrp.progress import OnProgress
from conceptlrp.selfplay.arena import GameTable, random_openings
from conceptlrp.selfplay.puct import (
    Evaluator,
    NetworkEvaluator,
    Rng,
    SearchOptions,
    choose_actions,
    search,
)


@dataclass(frozen=True, kw_only=True)
class SelfPlayOptions:
    """How a network plays against itself.

    Attributes
    ----------
    search : SearchOptions or None
        By default with a quarter of noise at the root; None draws moves from the
        policy alone.
    temperature : float
        A move is drawn with a probability proportional to
        ``visits ** (1 / temperature)``, or so from the policy without a search; at 0
        the most visited one is played.
    temperature_moves : int or None
        Moves from the start of the game after which the most visited one is played;
        None keeps the temperature throughout.
    opening_plies : int
        Random moves before the network takes over.
    symmetries : bool
        Turn each finished game by a random one of the symmetries that keep the
        start, so that every first move occurs.
    together : int
        Games of a round.
    """

    search: SearchOptions | None = field(
        default_factory=lambda: SearchOptions(noise=0.25)
    )
    temperature: float = 1.0
    temperature_moves: int | None = 20
    opening_plies: int = 6
    symmetries: bool = True
    together: int = 256

    def __post_init__(self) -> None:
        check_least("temperature", self.temperature, 0)
        check_least("opening_plies", self.opening_plies, 0)
        check_least("together", self.together)

    def temperature_at(self, ply: int) -> float:
        """Return the temperature of a move."""
        cold = self.temperature_moves is not None and ply >= self.temperature_moves
        return 0.0 if cold else self.temperature


@dataclass(frozen=True, eq=False, repr=False)
class SelfPlayGames:
    """Games, and what was found in each of their positions.

    Attributes
    ----------
    games : Games
        Finished games.
    visits : ndarray of int32, shape (P, A)
        Of the search; all 0 in a random opening and where nothing was searched.
    value : ndarray of float32, shape (P,)
        Of the search, or of the network without one; NaN in a random opening.
    """

    games: Games
    visits: NDArray[np.int32]
    value: NDArray[np.float32]

    def __repr__(self) -> str:
        return f"SelfPlayGames({len(self.games)} games, {len(self.value)} positions)"

    @property
    def corpus(self) -> Corpus:
        """The positions, to which the rows of ``visits`` and ``value`` belong."""
        return Corpus.from_games(self.games)

    @staticmethod
    def concatenate(parts: Sequence["SelfPlayGames"]) -> "SelfPlayGames":
        """Join games of one board size."""
        return SelfPlayGames(
            Games.concatenate([part.games for part in parts]),
            np.concatenate([part.visits for part in parts]),
            np.concatenate([part.value for part in parts]),
        )

    def take(self, games: NDArray[np.integer]) -> "SelfPlayGames":
        """Choose games by their rows, with all of their positions."""
        length = (self.games.moves >= 0).sum(axis=1)
        first = np.cumsum(length) - length
        rows = [np.arange(first[game], first[game] + length[game]) for game in games]
        chosen = np.concatenate([np.empty(0, np.int64), *rows])
        return SelfPlayGames(
            self.games.take(games), self.visits[chosen], self.value[chosen]
        )


def play_round(
    evaluate: Evaluator,
    *,
    options: SelfPlayOptions | None = None,
    seed: int | list[int] = 0,
    name: str = "network",
    on_progress: OnProgress | None = None,
) -> SelfPlayGames:
    """Play ``options.together`` games at once; progress counts "moves" of each."""
    chosen = options or SelfPlayOptions()
    if isinstance(evaluate, NetworkEvaluator):
        evaluate.forget()
    rng = np.random.default_rng(seed)
    size = evaluate.size
    first, count = int(rng.integers(1 << 62)), chosen.together
    openings = random_openings(count, chosen.opening_plies, seed=first, size=size)
    table = GameTable.after(openings, size)
    visits = np.zeros((*table.moves.shape, size * size + 1), np.int32)
    value = np.full(table.moves.shape, np.nan, np.float32)
    while table.live.any():
        rows, ply = np.flatnonzero(table.live), table.ply
        boards = table.own[rows], table.opponent[rows]
        if chosen.search is None:
            priors, value[rows, ply] = evaluate(*boards)
            # A prior that rounds to 0 must not leave a position without a move.
            legal = legal_actions(*boards, size=size)
            weights = np.maximum(priors, legal * np.finfo(np.float32).tiny)
        else:
            found = search(evaluate, *boards, options=chosen.search, rng=rng)
            weights, value[rows, ply] = found.visits, found.value
            visits[rows, ply] = found.visits
        actions = choose_actions(weights, chosen.temperature_at(ply), rng)
        table.put(rows, squares_of_actions(actions, size=size))
        if on_progress is not None:
            on_progress("moves", table.ply, size**2 - 4)
    games = Games.from_moves(table.moves, size=size, black=name, white=name)
    there = table.moves >= 0
    played = SelfPlayGames(games, visits[there], value[there])
    return _turned(played, rng) if chosen.symmetries else played


def _turned(played: SelfPlayGames, rng: Rng) -> SelfPlayGames:
    """Turn each game by a random symmetry that keeps the start."""
    games = played.games
    discs = start(games.size)
    kept = [s for s in range(8) if tuple(map(int, turn(discs, s))) == discs]
    drawn = rng.choice(kept, size=len(games))
    moves = turn_squares(games.moves, drawn[:, None])
    of_position = np.repeat(drawn, (games.moves >= 0).sum(axis=1))
    visits = np.empty_like(played.visits)
    places = turned_actions(games.size)[of_position]
    np.put_along_axis(visits, places, played.visits, axis=1)
    return SelfPlayGames(replace(games, moves=moves), visits, played.value)


def turned_actions(size: int) -> NDArray[np.int64]:
    """Return where each symmetry takes each action, of shape (8, A)."""
    squares = squares_of_actions(np.arange(size * size + 1), size=size)
    turned = turn_squares(squares, np.arange(8)[:, None])
    return actions_of_squares(turned, size=size)


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
    seed, name
        Seed of everything random, and name of both players.
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
    # The evaluations of two moves of a round, at most a table of 70 MB.
    simulations = 1 if chosen.search is None else chosen.search.simulations
    remembered = min(2 * chosen.together * simulations, _MOST_REMEMBERED)
    network = checked_network(network)
    evaluate = NetworkEvaluator(network, remembered=remembered)
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
    token = FORMAT.encode()
    write_whole(path, content, overwrite=overwrite, error=GameFileError, token=token)
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
    read = read_games(path)
    if read.problems:
        raise GameFileError(read.problems[0])
    games = [(number, line) for number, line in lines[1:] if "moves" in line]
    length = (read.games.moves >= 0).sum(axis=1)
    for (number, line), moves in zip(games, length.tolist(), strict=True):
        values, visits = line.get("values"), line.get("visits")
        for each in (values, visits):
            if not isinstance(each, list) or len(each) != moves:
                msg = f"{path.name}: line {number}: expected {moves} values and visits"
                raise GameFileError(msg)
        if not _are_numbers(values, visits, size):
            msg = (
                f"{path.name}: line {number}: has values that are no numbers, or "
                "visits that are no counts by square"
            )
            raise GameFileError(msg)
    values = [value for _, line in games for value in line["values"]]
    counts = [count for _, line in games for count in line["visits"]]
    return SelfPlayGames(
        read.games,
        _visits(counts, size),
        np.array([np.nan if v is None else v for v in values], np.float32),
    )


def _are_numbers(values: Any, visits: Any, size: int) -> bool:
    """Tell values, some of them null, and counts by square, from anything else."""
    known = squares_by_name(size)
    return all(
        v is None or (isinstance(v, int | float) and abs(v) < 1e30) for v in values
    ) and all(
        isinstance(counts, dict)
        and all(name in known for name in counts)
        and all(type(n) is int and 0 <= n < 1 << 31 for n in counts.values())
        for counts in visits
    )


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
    squares = squares_by_name(size)
    for row, by_name in zip(table, counts, strict=True):
        for name, count in by_name.items():
            row[squares[name]] = count
    on_board = squares_of_actions(np.arange(size * size + 1), size=size)
    return table[:, on_board]
