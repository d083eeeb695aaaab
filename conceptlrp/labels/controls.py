"""Negative controls: labels that no channel should be found to have.

What the network does not see (who is black, which move came last), and random twins
of other labels. Shapes use N positions.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.labels.labels import Labels, Words
from conceptlrp.othello import BLACK, Corpus
from conceptlrp.othello.symmetry import SYMMETRIES, turn, turn_squares

#: What the name of a random twin begins with.
RANDOM: Final = "random: "


def control_labels(corpus: Corpus) -> Labels:
    """Label positions with what the network does not see.

    A network is given own and opponent's discs, so it cannot know who is black or
    which disc was played last. Without passes the number of discs still tells who is
    black: "black to move" controls for parity too.

    Parameters
    ----------
    corpus : Corpus
        N positions.

    Returns
    -------
    Labels
        "black to move" of positions and "last move" of squares, which is 0 before
        the first move and where the game is not known.
    """
    before = corpus.ply.astype(np.int64) - 1
    recorded = corpus.games.moves[corpus.game, np.maximum(before, 0)]
    known = (before >= 0) & (recorded >= 0)
    squares = turn_squares(np.where(known, recorded, 0), corpus.symmetry)
    last = np.left_shift(np.uint64(1), squares.astype(np.uint64)) * known
    return Labels({"black to move": corpus.mover == BLACK}, {"last move": last}, {})


def random_twins(labels: Labels, strata: ArrayLike, *, seed: int = 0) -> Labels:
    """Make labels that are as frequent as others, but mean nothing.

    Each position gets the label of another one of its stratum (N,); a set of squares
    is also turned by a random symmetry. A twin thus has its label's prevalence in
    every stratum and, since symmetries keep them, in every location class.
    """
    generator = np.random.default_rng(seed)
    stratum = np.asarray(strata)
    by_stratum = np.argsort(stratum, kind="stable")

    def drawn(column: NDArray[Any]) -> NDArray[Any]:
        lots = generator.permutation(len(stratum))
        twin = np.empty_like(column)
        twin[by_stratum] = column[lots[np.argsort(stratum[lots], kind="stable")]]
        return twin

    def turned(words: Words) -> Words:
        return turn(drawn(words), generator.integers(0, SYMMETRIES, len(words)))

    return Labels(
        {RANDOM + name: drawn(column) for name, column in labels.position.items()},
        {RANDOM + name: turned(words) for name, words in labels.square.items()},
        {RANDOM + name: turned(words) for name, words in labels.move.items()},
    )
