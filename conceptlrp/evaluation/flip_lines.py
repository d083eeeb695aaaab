"""Relevance on flip lines: the discs that make a move legal, by the rules.

A move is legal because of the opponent's discs that it turns over and the own discs
that bracket them. Whatever a network has learned of a move's worth, these discs are
what its logit must rest on not to be that of an illegal move: ground truth that
costs nothing.

Shapes use N positions and S squares in a row; bitboards are uint64.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.evaluation.orders import places
from conceptlrp.networks.patterns import shift
from conceptlrp.networks.planes import bits, crop, squares_of_actions
from conceptlrp.othello import Corpus
from conceptlrp.othello.board import square_bits
from conceptlrp.statistics.estimates import ratio

_LONGEST = 6


@dataclass(frozen=True)
class FlipLineScores:
    """How much of each heatmap lies on the flip lines of its move, each (N,).

    ``mass`` is their share of the positive relevance of all discs, ``rank_accuracy``
    their share among as many of the most relevant discs, and ``chance`` what both are
    for an order by chance: their share of the discs. See Arras et al., Inf. Fusion 81
    (2022), doi:10.1016/j.inffus.2021.11.008.
    """

    mass: NDArray[Any]
    rank_accuracy: NDArray[Any]
    chance: NDArray[Any]


def flip_lines(
    own: ArrayLike, opponent: ArrayLike, squares: ArrayLike
) -> NDArray[np.uint64]:
    """Return the discs (N,) that a move turns over and those that bracket them.

    There are none where the move is not legal.

    Examples
    --------
    >>> from conceptlrp.othello.board import squares, start
    >>> own, opponent = start()
    >>> squares(flip_lines([own], [opponent], [19])[0])
    [27, 35]
    """
    mine, theirs = (np.asarray(side, np.uint64) for side in (own, opponent))
    moves = square_bits(squares) & ~(mine | theirs)
    found = np.zeros_like(mine)
    for down, right in _directions():
        run = shift(moves, down, right) & theirs
        for _ in range(_LONGEST - 1):
            run |= shift(run, down, right) & theirs
        end = shift(run, down, right) & mine
        found |= np.where(end != 0, run | end, np.uint64(0))
    return found


def score_flip_lines(
    corpus: Corpus, actions: ArrayLike, heatmaps: ArrayLike
) -> FlipLineScores:
    """Score heatmaps (N, S) of moves by the flip lines."""
    squares = squares_of_actions(actions, size=corpus.size)
    lines, discs = (
        crop(bits(words), size=corpus.size).reshape(len(corpus), -1) > 0
        for words in (
            flip_lines(corpus.own, corpus.opponent, squares),
            corpus.own | corpus.opponent,
        )
    )
    maps = np.asarray(heatmaps, np.float64)
    positive = np.where(discs, np.maximum(maps, 0), 0)
    length = lines.sum(axis=1)
    top = places(maps, discs) < length[:, None]
    return FlipLineScores(
        mass=ratio((positive * lines).sum(axis=1), positive.sum(axis=1)),
        rank_accuracy=ratio((top & lines).sum(axis=1), length),
        chance=ratio(length, discs.sum(axis=1)),
    )


def _directions() -> Iterator[tuple[int, int]]:
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            if down or right:
                yield down, right
