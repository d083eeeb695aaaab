"""Games that are one where it matters: equal, mirrored or transposed.

Nearly all games share their first moves, so these cannot be kept apart. Once a third of
the moves are played, 20 of 60 or 10 of 32, games that meet on one board, however it is
turned, are twins, and so are those that both meet a third one. No position from there
on stands in games of two keys. In the 12,851 games of WTHOR from 2008 to 2012, with a
fifth of the games held out, 10 % of the positions after 20 to 29 moves were in learned
games too. There are 10,579 keys, the most common one that of 84 games.

Shapes use N positions, G games and P decision positions.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array  # type: ignore[import-untyped]
from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]

from conceptlrp.othello.board import count, start
from conceptlrp.othello.corpus import Corpus
from conceptlrp.othello.games import Games
from conceptlrp.othello.replay import moves_per_game, replay
from conceptlrp.othello.symmetry import canonical, mixed

Bitboards = NDArray[np.uint64]
#: Words of positions, and the game that each stands in.
Standing = tuple[NDArray[np.uint64], NDArray[np.int32]]
# Games that are played again together.
_GAMES = 1 << 14


def game_keys(games: Games) -> NDArray[np.int64]:
    """Return a number for each game, the same for twins and for no others.

    Games are twins if, from a third of the moves that the board has room for on, they
    stand on the same board up to symmetry, or both do with a third game. A game that is
    shorter, such as a board without moves, counts by its last position before a move.

    Parameters
    ----------
    games : Games
        Of any starts.

    Returns
    -------
    int64 array of shape (G,)
        From 0 up, in the order of the first game of each key. Which games are twins
        depends on all that are given.

    Examples
    --------
    The second game is the first one, mirrored:

    >>> game_keys(Games.from_moves([[19, 18, 17], [26, 18, 10], [19, 20, 37]])).tolist()
    [0, 0, 1]
    """
    return _keys(list(_replayed(games, np.arange(len(games)))), games)


def position_keys(corpus: Corpus) -> NDArray[np.int64]:
    """Return the key of each position's game (N,), by its boards without any move."""
    corpus = corpus.compact()
    games, bare = corpus.games, np.asarray((corpus.games.moves < 0).all(axis=1))
    alone = np.flatnonzero(bare[corpus.game])
    boards = corpus.own[alone], corpus.opponent[alone], corpus.game[alone]
    moved = _replayed(games, np.flatnonzero(~bare))
    return _keys([_late(*boards, games.size), *moved], games)[corpus.game]


def _replayed(games: Games, numbers: NDArray[np.int64]) -> Iterator[Standing]:
    """Play some games again, a block at a time, since boards take most memory."""
    for first in range(0, len(numbers), _GAMES):
        some = numbers[first : first + _GAMES]
        starts = games.starts.take(some)
        found = replay(games.moves[some], size=games.size, starts=starts)
        yield _late(found.own, found.opponent, some[found.game], games.size)


def _late(
    own: Bitboards, opponent: Bitboards, game: NDArray[np.integer[Any]], size: int
) -> Standing:
    """Return a word for each late position of whole games, and its game."""
    ply = count(own | opponent).astype(np.int64) - 4
    last = np.full(game.max(initial=-1) + 1, -4)
    np.maximum.at(last, game, ply)
    late = ply >= np.minimum(moves_per_game(size) // 3, last[game])
    mine, theirs, _ = canonical(own[late], opponent[late])
    return mixed(mine, theirs), game[late].astype(np.int32)


def _keys(parts: list[Standing], games: Games) -> NDArray[np.int64]:
    """Join games (G,) that have a late position in common."""
    # Games without moves of their own are left, which begin from the usual start.
    unmoved = np.ones(len(games), np.bool_)
    for _, game in parts:
        unmoved[game] = False
    left = np.flatnonzero(unmoved)
    own, opponent = (np.full(len(left), d, np.uint64) for d in start(games.size))
    parts = [*parts, _late(own, opponent, left, games.size)]
    words, standing = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(words)
    words, standing = words[order], standing[order]
    equal = np.flatnonzero(words[1:] == words[:-1])
    pairs = standing[equal], standing[equal + 1]
    shape = (len(games), len(games))
    graph = coo_array((np.ones(len(equal), np.bool_), pairs), shape=shape)
    keys: NDArray[np.int64] = connected_components(graph, directed=False)[1]
    return keys.astype(np.int64)
