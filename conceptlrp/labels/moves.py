"""Labels of the explained move: its square, where that lies, what the move flips.

They are labels of positions, and of a target that explains a move. Shapes use N
positions; in formulas m is the square of the move, P, O and E are as in
`conceptlrp.labels.position_labels`.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.labels.definitions import Facts, Label, Register
from conceptlrp.labels.geometry import (
    NOT_FILE_A,
    NOT_FILE_H,
    Words,
    areas,
    square_classes,
)
from conceptlrp.labels.labels import LABELS, Labels
from conceptlrp.othello import NO_MOVE, PASS, square_name
from conceptlrp.othello.board import count, region_of, runs, square_bits, start
from conceptlrp.othello.positions import Positions, given_corpus

# The axes on which lines run, and which way each leads up and down in square numbers.
_AXES: Final = (
    (1, "right", "left"),
    (8, "down", "up"),
    (9, "down right", "up left"),
    (7, "down left", "up right"),
)
_INNER: Final = NOT_FILE_A & NOT_FILE_H


class MoveFacts(Facts):
    """Positions with a move (N,) of each: a square, `PASS` or `NO_MOVE`."""

    def __init__(self, own: Words, opponent: Words, size: int, move: Words) -> None:
        super().__init__(own, opponent, size)
        self.move, self.bit = move, square_bits(move)

    @cached_property
    def lines(self) -> dict[str, Words]:
        """The discs that are flipped on each of the eight lines from the square."""
        found: dict[str, Words] = {}
        for step, *ways in _AXES:
            through = self.opponent if step == 8 else self.opponent & np.uint64(_INNER)
            up, down = runs(self.bit, through, step)
            ended = (self.own & (up << step)) != 0, (self.own & (down >> step)) != 0
            found |= zip(ways, (up * ended[0], down * ended[1]), strict=True)
        return found

    @cached_property
    def lengths(self) -> NDArray[np.int16]:
        """How many discs are flipped on each line, (8, N)."""
        return np.array([count(each) for each in self.lines.values()], np.int16)


_FOUND: Final = Register()


def _square(square: int, size: int) -> Label:
    name = square_name(square, size)

    def here(facts: MoveFacts) -> Any:
        return facts.move == square

    return Label(f"move {name}", "bool", f"the move is {name}", f"``m = {name}``", here)


def _add_area(name: str, sentence: str, area: str, *, classes: bool = False) -> None:
    def inside(facts: MoveFacts) -> Any:
        parts = square_classes(facts.size) if classes else areas(facts.size)
        return (facts.bit & np.uint64(parts.get(area, 0))) != 0

    inside.__doc__ = f"m lies in the {area}" + classes * " class of squares"
    _FOUND.add(name, "bool", sentence)(inside)


for _class, _name in (("corner", "corner"), *((c, f"{c}-square") for c in "CABX")):
    _add_area(f"{_name} move", f"the move is to a {_name}", _class, classes=True)
for _class in ("c2", "d2", "c3", "d3"):
    _what = f"the move is to {_class} or a square that a symmetry takes it to"
    _add_area(f"move like {_class}", _what, _class, classes=True)
for _area in areas(8):
    # The middle ninth is full from the start.
    if _area != "middle":
        _on = "on" if _area.endswith("edge") else "in"
        _add_area(f"move {_on} the {_area}", f"the move lies {_on} the {_area}", _area)


@_FOUND.add("edge move", "bool", "the move is to an edge, corners included")
def _edge(facts: MoveFacts) -> Any:
    """``m & edge``."""
    return (facts.bit & np.uint64(facts.board.edge)) != 0


@_FOUND.add("move beside the edge", "bool", "the move is one square from an edge")
def _beside(facts: MoveFacts) -> Any:
    """M is one square from the nearest edge, X-squares included."""
    ring = sum(square_classes(facts.size).get(n, 0) for n in ("X", "c2", "d2"))
    return (facts.bit & np.uint64(ring)) != 0


@_FOUND.add("center move", "bool", "the move is to the central sixteen squares")
def _center(facts: MoveFacts) -> Any:
    """``m & middle``, the middle being the central 4 x 4."""
    return (facts.bit & np.uint64(facts.board.middle)) != 0


@_FOUND.add("pass", "bool", "the explained move is a pass")
def _pass(facts: MoveFacts) -> Any:
    """There is no legal move."""
    return facts.move == PASS


def _add_line(way: str) -> None:
    def flipping(facts: MoveFacts) -> Any:
        return facts.lines[way] != 0

    flipping.__doc__ = f"``flips(P, O, m)`` has squares {way} of m in a line."
    what = f"the move flips discs on the line that leads {way}, rank 1 being on top"
    _FOUND.add(f"move flipping {way}", "bool", what)(flipping)


for _, *_both in _AXES:
    for _way in _both:
        _add_line(_way)


def _add_axis(name: str, *axes: tuple[int, str, str]) -> None:
    def flipping(facts: MoveFacts) -> Any:
        return np.any([facts.lines[way] for _, *ways in axes for way in ways], axis=0)

    flipping.__doc__ = f"``flips(P, O, m)`` has squares on the {name} of m."
    what = f"the move flips discs along a {name}"
    _FOUND.add(f"move flipping along a {name}", "bool", what)(flipping)


_add_axis("rank", _AXES[0])
_add_axis("file", _AXES[1])
_add_axis("diagonal", *_AXES[2:])


@_FOUND.add("discs flipped", "number", "how many discs the move flips")
def _flipped(facts: MoveFacts) -> Any:
    """``|flips(P, O, m)|``, 0 for a pass."""
    return facts.lengths.sum(axis=0, dtype=np.int16)


@_FOUND.add("lines flipped", "number", "on how many of eight lines the move flips")
def _lines(facts: MoveFacts) -> Any:
    """On how many lines from m discs are flipped."""
    return (facts.lengths > 0).sum(axis=0, dtype=np.int16)


@_FOUND.add("longest line flipped", "number", "most discs flipped in one line")
def _longest(facts: MoveFacts) -> Any:
    """How many discs are flipped on the longest line from m."""
    return facts.lengths.max(axis=0)


@_FOUND.add("move in an odd region", "bool", "the move's empty region is odd")
def _odd(facts: MoveFacts) -> Any:
    """Oddly many squares are in the region of E that m lies in."""
    return (facts.bit & facts.regions.odd) != 0


_SQUARES: Final = {
    size: [
        _square(s, size)
        for s in range(64)
        if region_of(size) & ~sum(start(size)) & 1 << s
    ]
    for size in (6, 8)
}

#: Every label of the explained move by its name. On a board of 6 x 6 some hold nowhere.
MOVE_LABELS: Final[Mapping[str, Label]] = {
    each.name: each for each in (*_SQUARES[6], *_SQUARES[8], *_FOUND.labels)
}


def move_labels(corpus: Positions, squares: ArrayLike) -> Labels:
    """Label positions by a move of each, such as the one that is explained.

    Parameters
    ----------
    corpus : Corpus, sequence of Position or array of shape (N, n, n)
        N positions.
    squares : int array of shape (N,)
        The legal move at each; 64 is a pass, and -1 no move, where no label holds
        and numbers are 0.

    Returns
    -------
    Labels
        Of positions, in the order of `MOVE_LABELS`; without squares that the board
        lacks or that are taken from the start. A move that is not legal raises
        `ValueError`.

    Examples
    --------
    >>> from conceptlrp.networks import demo_corpus
    >>> first = demo_corpus()[:1]
    >>> found = move_labels(first, first.played)
    >>> [name for name, values in found.position.items() if values[0]][:3]
    ['move c5', 'move like d3', 'move in the middle left']
    """
    corpus, given = given_corpus(corpus), np.asarray(squares)
    if given.shape != (len(corpus),):
        msg = f"squares have shape {given.shape}, expected ({len(corpus)},)"
        raise ValueError(msg)
    facts = MoveFacts(corpus.own, corpus.opponent, corpus.size, given.astype(np.int64))
    legal = (facts.bit & facts.legal) != 0
    legal |= (given == NO_MOVE) | ((given == PASS) & (facts.legal == 0))
    if not legal.all():
        row = int(np.argmin(legal))
        msg = f"position {row}: {given[row]} is not a legal move"
        raise ValueError(msg)
    chosen = (*_SQUARES[corpus.size], *_FOUND.labels)
    return Labels({each.name: each.compute(facts) for each in chosen}, {}, {})


def without_sides(name: str) -> str:
    """Return what the name of a move has in common with others of its kind.

    They are those that symmetries turn it into, all squares, and all their classes.

    >>> without_sides("move h7"), without_sides("move on the left edge")
    ('move square', 'move on the side edge')
    """
    if name not in MOVE_LABELS:
        return name
    found = re.sub(r"(?<=^move )[a-h][1-8]$", "square", name)
    found = re.sub(r"^(corner|.-square) move$|^move like ..$", "move class", found)
    found = re.sub(r"\b(top|bottom|left|right|up|down|rank)\b", "side", found)
    return found.replace("middle side", "side middle").replace("a file", "a side")


def sentence(name: str) -> str:
    """Say in players' words what a label means, nothing for an unknown one.

    Parameters
    ----------
    name : str
        Name of a label of positions, squares, moves, or of the explained move.

    Returns
    -------
    str
        Its sentence.

    Examples
    --------
    >>> sentence("corner move"), sentence("random: mobility")
    ('the move is to a corner', '')
    """
    found = LABELS.get(name) or MOVE_LABELS.get(name)
    return found.sentence if found else ""
