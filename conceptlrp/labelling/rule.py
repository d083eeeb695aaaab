"""A rule in squares that a channel was found to follow.

Conditions are of squares of the window around a square, or of the whole board.
Reading a saved rule imports neither torch nor pandas.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.drawing.notebook import html_boards
from conceptlrp.drawing.window import window_svg
from conceptlrp.jsontext import Plain
from conceptlrp.othello.board import from_boards, given_boards, legal_moves, to_boards

#: What a square can be: an empty one may be a legal move, or none.
STATES: Final = ("own", "opponent", "empty", "legal", "off")
#: Where on the board a square can lie.
PLACES: Final = ("corner", "edge", "inside")


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
        "off" (beyond the edge); or of "corner", "edge" (no corner) and "inside", which
        say where on the board the square of the rule lies.
    """

    row: int
    column: int
    states: tuple[str, ...]

    def holds(self, states: NDArray[np.int8], *, whole: bool) -> NDArray[np.bool_]:
        """Tell for all squares of boards (N, n, n), or for boards (N,), if it does."""
        known: tuple[str, ...] = STATES
        if self.states[0] in PLACES:
            known = PLACES
            seen = places(states.shape[1])[None].repeat(len(states), 0)
        else:
            seen = seen_from(states, self.row, self.column, whole=whole)
        return np.isin(seen, [known.index(name) for name in self.states])


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
    share : float
        On which part of the squares the rule holds.
    mean, elsewhere : float
        Mean of the channel where the rule holds and where not, in standard deviations
        about its mean.
    correlation, correlation_low, correlation_high : float
        Of the ranks of the channel with where the rule holds, among squares of the same
        ply, location class and content, and its 95 % interval by games.
    random, random_correlation, random_rules : float
        In networks with random weights: the largest r2; the largest correlation of a
        channel with this rule; and that which nine of ten of their own rules stay
        below.
    """

    sentence: str
    conditions: tuple[tuple[Condition, ...], ...]
    window: int
    size: int
    sign: int
    r2: float
    low: float
    high: float
    share: float
    mean: float
    elsewhere: float
    correlation: float = 0.0
    correlation_low: float = float("nan")
    correlation_high: float = float("nan")
    random: float = 0.0
    random_correlation: float = 0.0
    random_rules: float = 0.0

    @property
    def svg(self) -> str:
        """The window drawn; what is said of the place is in the sentence alone."""
        cases = [
            {(c.row, c.column): c.states for c in case if c.states[0] not in PLACES}
            for case in self.conditions
        ]
        return window_svg(
            cases, window=self.window, size=self.size, title=self.sentence
        )

    def _repr_html_(self) -> str:
        """Draw the window, with how well the rule does."""
        lines = (
            self.sentence,
            f"R2 {self.r2:.2f} held out, {self.random:.2f} in random networks",
        )
        title = "A channel is high there" if self.sign > 0 else "A channel is low there"
        return html_boards(title, [(self.svg, lines)])

    def stands_out(self, over_random: float) -> bool:
        """Tell whether the channel follows it more than those of random networks.

        It was sought for this very channel, as labels are not. It has therefore to
        exceed this rule in random networks by twice as much as a label, and nine of
        ten of the rules that their channels have of their own.
        """
        same = self.random_correlation + 2 * over_random
        return abs(self.correlation) >= max(same, self.random_rules)

    def holds(self, boards: ArrayLike) -> NDArray[np.bool_]:
        """Tell where the rule holds.

        Parameters
        ----------
        boards : array of shape (N, n, n)
            +1 for discs of the side to move, -1 for the other's, 0 for empty squares.

        Returns
        -------
        bool of shape (N, n, n)
            For every square; of shape (N,) for a rule of the whole board.
        """
        states, whole = square_states(given_boards(boards, self.size)), not self.window
        cases = (
            np.logical_and.reduce([each.holds(states, whole=whole) for each in case])
            for case in self.conditions
        )
        return np.asarray(np.logical_or.reduce(list(cases)))


def square_states(boards: NDArray[Any]) -> NDArray[np.int8]:
    """Return what is on each square of boards (N, n, n), as places in `STATES`."""
    own, opponent = from_boards(boards == 1), from_boards(boards == -1)
    size = boards.shape[1]
    inner = slice((8 - size) // 2, (8 + size) // 2)
    legal = to_boards(legal_moves(own, opponent, size=size), 0)[:, inner, inner]
    # An empty square is 2, and one more where a move is legal.
    return np.choose(boards.astype(np.int8) + 1, [1, 2 + legal, 0]).astype(np.int8)


def seen_from(
    states: NDArray[np.int8], row: int, column: int, *, whole: bool = False
) -> NDArray[np.int8]:
    """Return the states (N, n, n) that lie so far from each square, or of one (N,)."""
    if whole:
        return states[:, row, column]
    reach, size = max(abs(row), abs(column)), states.shape[1]
    around = ((0, 0), (reach, reach), (reach, reach))
    padded = np.pad(states, around, constant_values=STATES.index("off"))
    rows, columns = (slice(reach + by, reach + by + size) for by in (row, column))
    return padded[:, rows, columns]


def places(size: int) -> NDArray[np.int8]:
    """Return where each square (n, n) lies, as places in `PLACES`."""
    end = np.minimum(np.arange(size), np.arange(size)[::-1]) == 0
    return np.asarray(2 - (end[:, None].astype(np.int8) + end))
