"""A rule in squares that a channel was found to follow, and its English.

Conditions are of squares of the window around a square, or of the whole board. While
they are sought they are a case: by cell, the set of states that it may have. A cell is
the distance (row, column) from the square that a rule is about, row 0 being rank 1,
which is drawn on top; `PLACE` stands for where on the board that square lies. Sets of
states are numbers whose bits are `STATES`, or `PLACES`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product
from math import isqrt
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
        Where the rule holds, such as "a mover's disc with an empty square to its left".
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
        In networks with random weights: the r2 that 1 % of channels exceed; the size of
        correlation with this rule that 1 % exceed; and that with rules of their own.
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
        exceed this rule in random networks by twice as much as a label, and what 1 %
        of their channels reach with rules of their own; its interval exceeds the former
        as a label's does.
        """
        least = min(map(abs, (self.correlation_low, self.correlation_high)))
        same = self.random_correlation + over_random
        own = max(same + over_random, self.random_rules)
        return least >= same and abs(self.correlation) >= own

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
        return self.holds_on(square_states(given_boards(boards, self.size)))

    def holds_on(self, states: NDArray[np.int8]) -> NDArray[np.bool_]:
        """Tell where the rule holds on boards of which states are known."""
        whole = not self.window
        cases = (
            np.logical_and.reduce([each.holds(states, whole=whole) for each in case])
            for case in self.conditions
        )
        return np.asarray(np.logical_or.reduce(list(cases)))


def rules_held(
    rules: Mapping[str, Rule], boards: NDArray[np.int8]
) -> dict[str, NDArray[Any]]:
    """Return on how many squares of boards (N, n, n) rules hold, or if, by name."""
    held = ((name, rule.holds(boards)) for name, rule in rules.items())
    return {n: h if h.ndim == 1 else h.sum(axis=(1, 2)) for n, h in held}


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


Cell = tuple[int, int] | None
Case = Mapping[Cell, int]

#: The cell of conditions on the place of a square.
PLACE: Final = None
OWN, OPPONENT, EMPTY, LEGAL, OFF = (1 << i for i in range(len(STATES)))
ON: Final = OFF - 1
HERE: Final[Cell] = (0, 0)

_ONE: Final = {
    OWN: "a mover's disc",
    OPPONENT: "an opponent's disc",
    OWN | OPPONENT: "a disc",
    EMPTY | LEGAL: "an empty square",
    LEGAL: "a legal move",
    EMPTY: "an empty square",
    OFF: "the edge",
}
_MANY: Final = {
    OWN: "mover's discs",
    OPPONENT: "opponent's discs",
    OWN | OPPONENT: "discs",
    EMPTY | LEGAL: "empty squares",
    LEGAL: "legal moves",
}
# What is not there: a square beyond the edge has none of these either.
_NONE: Final = {
    ON & ~OPPONENT: "no opponent's disc",
    ON & ~OWN: "no mover's disc",
    ON & ~LEGAL: "no legal move",
    OWN | EMPTY: "neither an opponent's disc nor a legal move",
    OPPONENT | EMPTY: "neither a mover's disc nor a legal move",
}
_NONE_OR_EDGE: Final = {
    EMPTY | LEGAL | OFF: "no disc",
    OWN | OPPONENT | OFF: "no empty square",
    EMPTY | OFF: "neither a disc nor a legal move",
}
# An empty square of any kind has no such word.
_NO_MOVE: Final = " that is no legal move"
_EITHER: Final = (OWN | OPPONENT, OWN, OPPONENT, EMPTY | LEGAL, LEGAL, EMPTY, OFF)


def simplify(case: Case, size: int) -> dict[Cell, int]:
    """Drop conditions that others imply, nearest ones last; sets are made smallest."""
    kept = {cell: states & _all(cell) for cell, states in case.items()}
    kept = {cell: states for cell, states in kept.items() if states != _all(cell)}
    allowed = allowed_squares(kept, size)
    far = sorted(kept, key=lambda cell: (cell is None, -_distance(cell)))
    for cell in far:
        rest = {other: kept[other] for other in kept if other != cell}
        is_place = cell is None or kept[cell] & ON in (0, ON)
        if not is_place and not (allowed & ~_beyond(cell, size)).any():
            is_place = True
        if is_place and np.array_equal(allowed_squares(rest, size), allowed):
            kept = rest
    # Off the board, where no square that is left could be, is no state.
    return {
        cell: states & ~OFF
        if cell is not None and not (allowed & _beyond(cell, size)).any()
        else states
        for cell, states in kept.items()
    }


def conditions(case: Case) -> tuple[Condition, ...]:
    """Return a case as conditions, the nearest first."""
    ordered = sorted(case.items(), key=lambda item: _order(item[0]))
    found = []
    for cell, states in ordered:
        row, column = cell or (0, 0)
        names = _states(states, PLACES if cell is None else STATES)
        found.append(Condition(row, column, names))
    return tuple(found)


def sentence(cases: Sequence[Case], size: int, *, whole: bool = False) -> str:
    """Say where any of some simplified cases holds.

    Two that differ on one square are one; of two what they begin with is said once.
    """
    if len(cases) == 2 and (one := _joined(cases[0], cases[1], size)):
        return sentence([one], size, whole=whole)
    said = [("a board", "", _has(c, ())) if whole else _around(c, size) for c in cases]
    words: list[str] = []
    for head, place, has in said:
        shared = words and (head, place) == said[0][:2] and has
        words.append(f"with {has}" if shared else _phrase(head, place, has))
    return ", or ".join(words)


def _joined(first: Case, second: Case, size: int) -> dict[Cell, int]:
    """Return the union of two cases that differ on one square alone, else nothing."""
    cells = set(first) | set(second)
    differ = [c for c in cells if first.get(c, _all(c)) != second.get(c, _all(c))]
    if len(differ) != 1 or differ[0] is None:
        return {}
    cell = differ[0]
    union = first.get(cell, _all(cell)) | second.get(cell, _all(cell))
    return simplify({**first, cell: union}, size)


def _phrase(head: str, place: str, has: str) -> str:
    """Join what a rule is about; commas set off a place of several parts."""
    if not has:
        return f"{head} {place}".strip()
    if " or " in place or " nor " in place:
        return f"{head}, {place}, with {has}"
    return " ".join(filter(None, (head, place, f"with {has}")))


def _around(case: Case, size: int) -> tuple[str, str, str]:
    """Return what a case is about, where that is, and what is around it."""
    here = case.get(HERE, ON)
    lacks = here in _NONE
    head = "a square" if here == ON or lacks else " ".join(_with(here, [""]).split())
    return head, _place(case, size), _has(case, (PLACE,) if lacks else (PLACE, HERE))


def _has(case: Case, told: Collection[Cell]) -> str:
    """Say what is on the squares of a case that are not told, what is there first."""
    there: dict[int, list[str]] = {}
    lacking: dict[str, list[str]] = {}
    whole = not told
    for cell in sorted(case, key=_order):
        states = case[cell]
        if cell is None or cell in told or (not whole and states & ON in (0, ON)):
            continue
        # Of a named square one rather says that there is no disc on it.
        states |= OFF if whole and states == EMPTY | LEGAL else 0
        where = f"on {_name(*cell)}" if whole else _direction(*cell)
        if none := _NONE.get(states & ON) or _NONE_OR_EDGE.get(states):
            lacking.setdefault(none, []).append(where)
        else:
            there.setdefault(states, []).append(where)
    has = _listed([_with(states, where) for states, where in there.items()])
    lacks = _listed([f"{n} {_listed(where, 'or')}" for n, where in lacking.items()])
    return " but ".join(filter(None, (has, lacks)))


def _with(states: int, where: list[str]) -> str:
    """Say that something is in some places."""
    if len(where) > 1 and states in _MANY:
        return f"{_MANY[states]} {_listed(where)}"
    which = _NO_MOVE if states == EMPTY else ""
    return _listed([f"{_one(states)} {each}{which}" for each in where])


def _one(states: int) -> str:
    """Name one of a set of states: "a mover's disc or the edge"."""
    words = []
    for each in _EITHER:
        if states & each == each:
            words.append(_ONE[each])
            states &= ~each
    return " or ".join(words)


def _listed(words: list[str], last: str = "and") -> str:
    """List some words; a comma sets off the last of those with parts of their own."""
    if len(words) < 2:
        return "".join(words)
    parts = any(f" {each} " in w for w in words for each in ("and", "or", "nor"))
    return f"{', '.join(words[:-1])}{',' * parts} {last} {words[-1]}"


def _direction(row: int, column: int) -> str:
    """Say where a square lies from another one: "two squares to its upper left"."""
    if not (row or column):
        return "on it"
    up, left = ("upper" if row < 0 else "lower"), ("left" if column < 0 else "right")
    if row and column and abs(row) != abs(column):
        squares = f"square{'s' * (abs(row) > 1)} {'up' if row < 0 else 'down'}"
        return f"{_number(row)} {squares} and {_number(column)} to the {left}"
    far = max(abs(row), abs(column))
    away = "" if far == 1 else f"{_number(far)} squares "
    if not column:
        return f"{away}{'above' if row < 0 else 'below'} it"
    return f"{away}to its {f'{up} {left}' if row else left}"


def _number(of: int) -> str:
    return ("no", "one", "two", "three", "four")[abs(of)]


def _name(row: int, column: int) -> str:
    return "abcdefgh"[column] + "12345678"[row]


def _place(case: Case, size: int) -> str:
    """Say what of a case's place its other words leave open."""
    said: Case = {
        cell: states | OFF if states & ON in _NONE else states
        for cell, states in case.items()
        if cell is not None and states & ON not in (0, ON)
    }
    return _place_between(
        allowed_squares(said, size).tobytes(), allowed_squares(case, size).tobytes()
    )


@cache
def _place_between(left: bytes, needed: bytes) -> str:
    """Name the squares (n, n) that are needed, of those that are left."""
    if left == needed:
        return ""
    size = isqrt(len(needed))
    among, wanted = (
        np.frombuffer(b, np.bool_).reshape(size, size) for b in (left, needed)
    )
    known = _known_places(size)
    for number in (1, 2):
        for chosen in combinations(known, number):
            if np.array_equal(
                among & np.all([known[w] for w in chosen], axis=0), wanted
            ):
                return " and ".join(chosen)
    return f"on {_listed([_name(*square) for square in np.argwhere(wanted)], 'or')}"


@cache
def _known_places(size: int) -> dict[str, NDArray[np.bool_]]:
    """Return sets of squares (n, n) that have a name, the simplest first."""
    corner, edge = places(size) == 0, places(size) <= 1
    found = {"in a corner": corner, "on an edge": edge, "not on an edge": ~edge}
    upright, flat = (
        _margins("top", "bottom", "rows", size),
        _margins("leftmost", "rightmost", "columns", size),
    )
    margins = upright | {words: mask.T for words, mask in flat.items()}
    found |= margins
    for one, other in product(upright, flat):
        either = margins[one] | margins[other]
        both = one.endswith("edge") and other.endswith("edge")
        first = one.removesuffix(" edge") if both else one
        second = other.removeprefix("on the ") if both else other
        found[f"{first} or {second}"] = either
        found[f"neither {one} nor {other}"] = ~either
        if both:
            name = f"{first} {second}".removeprefix("on ").removesuffix(" edge")
            found[f"in {name} corner"] = margins[one] & margins[other]
    found["not in a corner"] = ~corner
    return found | {f"not {words}": ~mask for words, mask in margins.items()}


def _margins(
    first: str, last: str, lines: str, size: int
) -> dict[str, NDArray[np.bool_]]:
    """Return the first and last rows of a board (n, n), by their names."""
    row = np.indices((size, size))[0]
    found = {}
    for side, far in ((first, row), (last, size - 1 - row)):
        found[f"on the {side.removesuffix('most')} edge"] = far == 0
        found[f"in the {side} two {lines}"] = far < 2
        found[f"in the {side} three {lines}"] = far < 3
    return found


def allowed_squares(case: Case, size: int) -> NDArray[np.bool_]:
    """Return the squares (n, n) on which some board fulfils a case."""
    found = np.ones((size, size), np.bool_)
    for cell, states in case.items():
        if cell is None:
            found &= (1 << places(size).astype(np.int64) & states) != 0
            continue
        beyond = _beyond(cell, size)
        found &= np.where(beyond, bool(states & OFF), bool(states & ON))
    return found


@cache
def _beyond(cell: tuple[int, int], size: int) -> NDArray[np.bool_]:
    row, column = np.indices((size, size)) + np.reshape(cell, (2, 1, 1))
    inside = (row >= 0) & (row < size) & (column >= 0) & (column < size)
    return np.asarray(~inside)


def _all(cell: Cell) -> int:
    return (1 << len(PLACES)) - 1 if cell is None else ON | OFF


def _states(states: int, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for i, name in enumerate(names) if states >> i & 1)


def _distance(cell: Cell) -> int:
    return 0 if cell is None else cell[0] ** 2 + cell[1] ** 2


def _order(cell: Cell) -> tuple[int, Cell]:
    return _distance(cell), cell or (-9, 0)
