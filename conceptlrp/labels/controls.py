"""Negative controls: labels that no channel should be found to have.

What the network does not see (who is black, which move came last), and random twins
of other labels. Shapes use N positions.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.labels.geometry import location_classes
from conceptlrp.labels.labels import Labels, Words
from conceptlrp.othello import BLACK, Corpus, turn_squares

#: What the name of a random twin begins with.
RANDOM: Final = "random: "


def control_labels(corpus: Corpus) -> Labels:
    """Label positions with what the network does not see.

    A network is given own and opponent's discs, so that it can know neither who is
    black nor which disc was put down last. Without passes the number of discs tells
    who is black all the same: "black to move" controls for parity no less.

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


def random_twins(
    labels: Labels, strata: ArrayLike, *, empty: Words | None = None, seed: int = 0
) -> Labels:
    """Make labels that are as frequent as others, but mean nothing.

    A label of positions changes places within each stratum. A set of squares changes
    places among the squares of one location class, over all positions of a stratum,
    so that a twin has as many corners as its label has; moves stay on empty squares.

    Parameters
    ----------
    labels : Labels
        Labels of N positions.
    strata : int of shape (N,)
        Such as the phase; a label has as many positions of each as its twin.
    empty : uint64 of shape (N,), optional
        Empty squares, among which labels of moves are exchanged; with labels of
        moves they must be given.
    seed : int
        The same seed makes the same twins.

    Returns
    -------
    Labels
        Named "random: " and the name of the label.

    Raises
    ------
    ValueError
        Labels of moves are given without empty squares.
    """
    if labels.move and empty is None:
        message = "labels of moves need empty squares to be drawn from; pass empty"
        raise ValueError(message)
    generator = np.random.default_rng(seed)
    groups = [np.flatnonzero(strata == s) for s in np.unique(strata)]
    everywhere = np.full(len(labels), np.uint64(0xFFFFFFFFFFFFFFFF))
    places = everywhere if empty is None else empty
    return Labels(
        {RANDOM + n: _mixed(c, groups, generator) for n, c in labels.position.items()},
        {
            RANDOM + n: _scattered(c, everywhere, groups, generator)
            for n, c in labels.square.items()
        },
        {
            RANDOM + n: _scattered(c, places, groups, generator)
            for n, c in labels.move.items()
        },
    )


def square_bits(words: Words) -> NDArray[np.bool_]:
    """Return bitboards of shape (N,) as flags of shape (N, 64)."""
    octets = np.ascontiguousarray(words, "<u8")[:, None].view(np.uint8)
    return np.unpackbits(octets, axis=1, bitorder="little").view(np.bool_)


def _mixed(
    column: NDArray[Any], groups: list[NDArray[np.intp]], generator: np.random.Generator
) -> NDArray[Any]:
    mixed = column.copy()
    for rows in groups:
        mixed[rows] = column[generator.permutation(rows)]
    return mixed


def _scattered(
    words: Words,
    places: Words,
    groups: list[NDArray[np.intp]],
    generator: np.random.Generator,
) -> Words:
    """Exchange squares within a location class and group, where places allow it."""
    bits, allowed = square_bits(words), square_bits(places)
    # Squares beyond a smaller board have no class; no label is there to exchange.
    classes = location_classes()
    for rows in groups:
        for each in np.unique(classes):
            at = np.ix_(rows, np.flatnonzero(classes == each))
            part, free = bits[at], allowed[at]
            part[free] = generator.permutation(part[free])
            bits[at] = part
    packed = np.packbits(bits, axis=1, bitorder="little")
    return packed.view("<u8")[:, 0].astype(np.uint64)
