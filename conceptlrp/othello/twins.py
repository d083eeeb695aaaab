"""Games that are one where it matters: equal, mirrored or transposed.

Nearly all games share their first moves, so these cannot be kept apart. Once a third of
the moves are played, 20 of 60 or 10 of 32, games that meet on one board, however it is
turned, are twins, and so are those that both meet a third one. No position from there
on stands in games of two keys. In the 12,851 games of WTHOR from 2008 to 2012, with a
fifth of the games held out, 10 % of the positions after 20 to 29 moves were in learned
games too. There are 10,579 keys, the most common one that of 84 games.

Shapes use N positions, G games and P decision positions.
"""

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
    found = replay(games.moves, size=games.size, starts=games.starts)
    return _keys(found.own, found.opponent, found.game, len(games), games.size)


def position_keys(corpus: Corpus) -> NDArray[np.int64]:
    """Return the key of each position's game (N,), by its boards without any move."""
    used, game = np.unique(corpus.game, return_inverse=True)
    games = corpus.games.take(used)
    found = replay(games.moves, size=games.size, starts=games.starts)
    bare = np.asarray((games.moves < 0).all(axis=1))
    moved, alone = ~bare[found.game], bare[game]
    own = np.concatenate([found.own[moved], corpus.own[alone]])
    opponent = np.concatenate([found.opponent[moved], corpus.opponent[alone]])
    of_game = np.concatenate([found.game[moved], game[alone]])
    return _keys(own, opponent, of_game, len(games), games.size)[game]


def _keys(
    own: Bitboards,
    opponent: Bitboards,
    game: NDArray[np.integer[Any]],
    games: int,
    size: int,
) -> NDArray[np.int64]:
    """Join games (G,) that have a late position (P,) in common."""
    # Games without moves of their own are left, which begin from the usual start.
    unmoved = np.setdiff1d(np.arange(games), game)
    game = np.append(game, unmoved)
    own, opponent = (
        np.append(side, np.full(len(unmoved), discs, np.uint64))
        for side, discs in zip((own, opponent), start(size), strict=True)
    )
    ply = count(own | opponent).astype(np.int64) - 4
    last = np.full(games, -4)
    np.maximum.at(last, game, ply)
    late = ply >= np.minimum(moves_per_game(size) // 3, last[game])
    mine, theirs, _ = canonical(own[late], opponent[late])
    words = mixed(mine, theirs)
    order = np.argsort(words)
    equal = np.flatnonzero(words[order[1:]] == words[order[:-1]])
    standing = game[late][order]
    pairs = standing[equal], standing[equal + 1]
    graph = coo_array((np.ones(len(equal), np.bool_), pairs), shape=(games, games))
    keys: NDArray[np.int64] = connected_components(graph, directed=False)[1]
    return keys.astype(np.int64)
