"""Matches whose finished games are kept in a file, so that they can be gone on with.

The file has transcripts, one game a line, under a line that says which match it is.
Games come in pairs from one opening: the first player has Black, then White.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from conceptlrp.errors import OutputExistsError
from conceptlrp.othello import Games
from conceptlrp.othello.files.transcripts import read_transcripts, transcripts_text
from conceptlrp.selfplay.arena import MatchResult, play_games, random_openings
from conceptlrp.selfplay.players import HistoryPlayer, Player

OnGames = Callable[[int, int], None]


def record_match(
    first: Player | HistoryPlayer,
    second: Player | HistoryPlayer,
    path: str | Path,
    *,
    n_pairs: int = 100,
    opening_plies: int = 8,
    together: int = 100,
    seed: int = 0,
    overwrite: bool = False,
    on_games: OnGames | None = None,
) -> MatchResult:
    """Play a match into a file, or go on with one that was begun.

    Parameters
    ----------
    first, second : Player or HistoryPlayer
        For boards of the same size. If one fails, the pairs that were finished stay
        in the file.
    path : str or Path
        The file, usually ``.txt``.
    n_pairs : int
        Openings; twice as many games are played.
    opening_plies : int
        Random moves before the players take over.
    together : int
        Pairs that are played at once: more are quicker with a network, fewer lose
        less when an engine fails.
    seed : int
        Seed of openings and players.
    overwrite : bool
        Begin anew where a file is there.
    on_games : callable, optional
        Called with the games played so far and the games in all.

    Returns
    -------
    MatchResult
        Of all games in the file, seen by the first player.

    Raises
    ------
    OutputExistsError
        The file is of another match.
    EngineError
        An engine fails.
    """
    path = Path(path)
    title = f"# {first.name} - {second.name}, opening {opening_plies}, seed {seed}\n"
    openings = random_openings(n_pairs, opening_plies, seed=seed, size=first.size)
    done = _begin(path, title, overwrite=overwrite)
    while done < n_pairs:
        block = openings[done : done + together]
        games = _play_pairs(first, second, block, [seed, done])
        _append(path, games)
        done += len(block)
        if on_games is not None:
            on_games(2 * done, 2 * n_pairs)
    games = read_transcripts(path, size=first.size).games
    return match_result(games.take(np.arange(2 * n_pairs)))


def match_result(games: Games) -> MatchResult:
    """Count the games of a match.

    Parameters
    ----------
    games : Games
        Finished games in pairs, the first player having Black, then White.

    Returns
    -------
    MatchResult
        Seen by the first player.
    """
    squares = games.size**2
    margins = 2 * games.score.astype(int) - squares
    margins[1::2] *= -1
    return MatchResult.of_margins(margins, squares)


def _play_pairs(
    first: Player | HistoryPlayer,
    second: Player | HistoryPlayer,
    openings: np.ndarray,
    seeds: list[int],
) -> Games:
    drawn = np.random.SeedSequence(seeds).generate_state(2)
    black = play_games(first, second, openings=openings, seed=int(drawn[0]))
    white = play_games(second, first, openings=openings, seed=int(drawn[1]))
    order = np.arange(2 * len(openings)).reshape(2, -1).T.ravel()
    return Games.concatenate([black, white]).take(order)


def _begin(path: Path, title: str, *, overwrite: bool) -> int:
    """Make the file, or return how many pairs it has."""
    if not path.exists() or overwrite:
        path.write_text(title, encoding="utf-8")
        return 0
    content = path.read_text(encoding="utf-8")
    if not content.startswith(title):
        message = f"{path}: is of another match; choose another name or overwrite it"
        raise OutputExistsError(message)
    lines = content[len(title) :].split("\n")[:-1]
    pairs = len(lines) // 2
    kept = title + "".join(f"{line}\n" for line in lines[: 2 * pairs])
    # Half a pair, or half a line, is what a killed program was writing.
    os.truncate(path, len(kept.encode()))
    return pairs


def _append(path: Path, games: Games) -> None:
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(transcripts_text(games))
        file.flush()
        os.fsync(file.fileno())
