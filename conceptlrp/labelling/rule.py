"""A rule in squares that a channel was found to follow.

Conditions are of squares of the window around a square, or of the whole board.
Reading a saved rule imports neither torch nor pandas.
"""

from dataclasses import dataclass

from conceptlrp.jsontext import Plain


@dataclass(frozen=True)
class Condition:
    """What may be on one square: any of ``states``.

    Attributes
    ----------
    row, column : int
        Distance from the square that the rule is about, rows counted as ranks, or the
        square itself for a rule of the whole board.
    states : tuple of str
        Some of "own", "opponent", "empty" (no legal move), "legal" (a legal move) and
        "off" (beyond the edge).
    """

    row: int
    column: int
    states: tuple[str, ...]


@dataclass(frozen=True)
class Rule(Plain):
    """A rule in squares: where it holds, a channel's map is higher, or lower.

    It comes of a tree of few leaves over the squares of a window, fitted on some games.
    Numbers are of the games that were held out.

    Attributes
    ----------
    sentence : str
        Where the rule holds, such as "an own disc with an empty square to its left".
    conditions : tuple of tuple of Condition
        One or two alternatives; all conditions of either must hold.
    window, size : int
        Squares of a side of the window, 0 for the whole board, and of the board.
    sign : int
        1 for a channel that is higher where the rule holds, -1 for one that is lower.
    r2, low, high : float
        Part of the channel's variance that the tree explains, and its 95 % interval by
        games.
    random : float
        The largest r2 of the trees of channels of networks with random weights.
    correlation, random_correlation : float
        Rank correlation of the channel with where the rule holds, among squares of the
        same ply, location class and content, and the largest of rules of channels of
        networks with random weights.
    share : float
        On which part of the squares the rule holds.
    mean, elsewhere : float
        Mean of the channel where the rule holds and where not, in standard deviations
        about its mean.
    """

    sentence: str
    conditions: tuple[tuple[Condition, ...], ...]
    window: int
    size: int
    sign: int
    r2: float
    low: float
    high: float
    random: float
    correlation: float
    random_correlation: float
    share: float
    mean: float
    elsewhere: float
