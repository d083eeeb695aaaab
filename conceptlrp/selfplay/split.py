"""Holding out: games that a network does not learn from, so that it can be tested.

Positions of one game resemble each other and share an outcome. They are therefore
never divided: a game is learned from or tested on.
"""

import numpy as np

from conceptlrp.othello import Corpus


def hold_out_year(corpus: Corpus, year: int) -> tuple[Corpus, Corpus]:
    """Part the games of one year from all others.

    Parameters
    ----------
    corpus : Corpus
        Positions from games of several years.
    year : int
        The year to hold out.

    Returns
    -------
    rest, held_out : Corpus
        To learn from, and to test on.

    Raises
    ------
    ValueError
        If one of the two is empty.
    """
    held_out = corpus.year == year
    if not held_out.any():
        message = f"no position is from {year}, the year to hold out"
        raise ValueError(message)
    if held_out.all():
        message = f"all games are from {year}, the year to hold out; give others too"
        raise ValueError(message)
    return corpus[~held_out], corpus[held_out]


def hold_out_games(
    corpus: Corpus, share: float, *, seed: int = 0
) -> tuple[Corpus, Corpus]:
    """Part a random share of the games from the others.

    Games with the same moves are taken for one, so that none of them is on both
    sides.

    Parameters
    ----------
    corpus : Corpus
        Positions from several games.
    share : float
        How many of the games to hold out, above 0 and below 1.
    seed : int
        Seed of the choice.

    Returns
    -------
    rest, held_out : Corpus
        To learn from, and to test on.

    Raises
    ------
    ValueError
        If the share is none, or one of the two is empty.
    """
    if not 0 < share < 1:
        message = f"share is {share}, expected a number between 0 and 1"
        raise ValueError(message)
    whole = corpus.compact()
    kinds, kind = np.unique(whole.games.moves, axis=0, return_inverse=True)
    n = round(share * len(kinds))
    if not 0 < n < len(kinds):
        message = (
            f"{share:g} of {len(kinds)} games are {n}, expected at least one to hold "
            "out and one to learn from; give more games or another share"
        )
        raise ValueError(message)
    # Whoever comes first in a random order is held out.
    place = np.random.default_rng(seed).permutation(len(kinds))
    held_out = place[kind.ravel()][whole.game] < n
    return whole[~held_out], whole[held_out]
