"""Resampling whole games: held-out halves, exchanges, bootstrap.

Positions of one game resemble each other, so games and not positions are drawn.
Shapes use n rows, B replicates and K labels.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.statistics.ranks import (
    Floats,
    codes,
)

_CHUNK = 1 << 21


def held_out_games(
    games: ArrayLike, *, share: float = 0.5, seed: int = 0
) -> NDArray[np.bool_]:
    """Choose positions (n,) to be held out, whole games of them."""
    game = codes(games)
    number = int(game.max(initial=-1)) + 1
    held = round(share * number)
    if not 0 < held < number:
        msg = (
            f"holding out {share} of {number} games leaves none on one side; "
            "pass more games or another share"
        )
        raise ValueError(msg)
    drawn = np.random.default_rng(seed).permutation(number) < held
    chosen: NDArray[np.bool_] = drawn[game]
    return chosen


def exchanged_games(
    games: ArrayLike, strata: ArrayLike, *, seed: int = 0
) -> NDArray[np.intp]:
    """Give the rows (n,) of each game those of another game, stratum by stratum.

    ``labels[rows]`` are labels under the null hypothesis that within a stratum they
    have nothing to do with the game they stand in. Games stand in a circle in random
    order. In each stratum a game gets the rows of the next one in the circle that has
    any there, in their order; those of a longer or shorter game are thinned out or
    repeated evenly. Where games have equally many rows of every stratum this permutes
    whole games.
    """
    game, stratum = codes(games), codes(strata)
    lots = np.random.default_rng(seed).permutation(int(game.max(initial=-1)) + 1)
    # Sorted by stratum and place in the circle, the rows of a game are one block.
    layout = np.lexsort((lots[game], stratum))
    changes = [np.diff(each[layout], prepend=-1) != 0 for each in (game, stratum)]
    first = np.flatnonzero(changes[0] | changes[1])
    size = np.diff(first, append=len(game))
    block = np.repeat(np.arange(len(first)), size)
    source = _next_in_circle(stratum[layout][first])[block]
    place = (np.arange(len(game)) - first[block]) * size[source] // size[block]
    rows = np.empty(len(game), np.intp)
    rows[layout] = layout[first[source] + place]
    return rows


def _next_in_circle(strata: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the block after each, that after the last of a stratum being its first."""
    following = np.arange(1, len(strata) + 1)
    starts = np.flatnonzero(np.diff(strata, prepend=-1))
    following[np.append(starts[1:], len(strata)) - 1] = starts
    return following


def interval(replicates: Floats, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return the ends of the percentile interval of bootstrap replicates (B, ...)."""
    tail = (1 - confidence) / 2
    # An order statistic, since replicates of a ratio can be infinite.
    low, high = np.nanquantile(replicates, [tail, 1 - tail], axis=0, method="nearest")
    return low, high
