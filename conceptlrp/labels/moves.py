"""Labels of the explained move: its square, where that lies, what the move flips.

They are labels of positions, and of a target that explains a move. Shapes use N
positions; in formulas m is the square of the move, P, O and E are as in
`conceptlrp.labels.position_labels`.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.labels.definitions import Facts, Label, Register
from conceptlrp.labels.geometry import NOT_FILE_A, NOT_FILE_H, Words, places
from conceptlrp.labels.labels import Labels
from conceptlrp.othello import NO_MOVE, PASS, square_name
from conceptlrp.othello.board import count, runs, square_bits, squares, start
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


_LINES: Final = Register()
_KINDS: Final[dict[str, str]] = {}


def _add_ways(name: str, kind: str, *ways: str) -> None:
    def flipping(facts: MoveFacts) -> Any:
        return np.any([facts.lines[way] for way in ways], axis=0)

    flipping.__doc__ = f"``flips(P, O, m)`` has squares {' or '.join(ways)} of m."
    what = f"the move flips discs {name}, rank 1 being at the top"
    _KINDS[f"move flipping {name}"] = kind
    _LINES.add(f"move flipping {name}", "bool", what)(flipping)


for _step, *_both in _AXES:
    for _way in _both:
        _add_ways(_way, "straight" if _step in (1, 8) else "slanted", _way)
for _name, (_, *_both) in zip(("a rank", "a file"), _AXES[:2], strict=True):
    _add_ways(f"along {_name}", "axis", *_both)
_add_ways("along a diagonal", "diagonal", *_AXES[2][1:], *_AXES[3][1:])


@_LINES.add("pass", "bool", "the explained move is a pass")
def _pass(facts: MoveFacts) -> Any:
    """There is no legal move."""
    return facts.move == PASS


@_LINES.add("discs flipped", "number", "how many discs the move flips")
def _flipped(facts: MoveFacts) -> Any:
    """``|flips(P, O, m)|``, 0 for a pass."""
    return facts.lengths.sum(axis=0, dtype=np.int16)


@_LINES.add("lines flipped", "number", "on how many of eight lines the move flips")
def _lines(facts: MoveFacts) -> Any:
    """On how many lines from m discs are flipped."""
    return (facts.lengths > 0).sum(axis=0, dtype=np.int16)


@_LINES.add("longest line flipped", "number", "most discs flipped in one line")
def _longest(facts: MoveFacts) -> Any:
    """How many discs are flipped on the longest line from m."""
    return facts.lengths.max(axis=0)


@_LINES.add("move in an odd region", "bool", "the move's empty region is odd")
def _odd(facts: MoveFacts) -> Any:
    """Oddly many squares are in the region of E that m lies in."""
    return (facts.bit & facts.regions.odd) != 0


def _place_label(place: str, kind: str, mask: int, size: int) -> Label:
    name = {
        "the edge": "edge move",
        "the squares beside the edge": "move beside the edge",
        "the middle sixteen squares": "center move",
    }.get(place, place)
    if kind == "class":
        like = name.replace("squares like", "move like")
        name = like if like != name else f"{name[:-1]} move"
    elif kind != "ring":
        on = {"square": "", "edge": "on "}.get(kind, "in ")
        name = f"move {on}{name}"
    _KINDS[name] = kind

    def inside(facts: MoveFacts) -> Any:
        return (facts.bit & np.uint64(mask)) != 0

    where = f"one of {'the ' * (kind == 'class')}{place}"
    if kind == "square":
        where = place
    elif kind != "class" and not place.endswith(("squares", "beside the edge")):
        where = f"{'on' if place.endswith('edge') else 'in'} {place}"
    names = " ".join(square_name(s, size) for s in squares(mask))
    return Label(name, "bool", f"the move is {where}", f"m is one of {names}.", inside)


def _of_size(size: int) -> list[Label]:
    """Return the labels of a board, without places that are full from the start."""
    full = sum(start(size))
    found = [
        _place_label(name, kind, mask, size)
        for name, (kind, mask) in places(size).items()
        if kind != "areas" and mask & ~full
    ]
    return [*found, *_LINES.labels]


_LABELS: Final = {size: _of_size(size) for size in (6, 8)}

#: Every label of the explained move by its name. A board of 6 x 6 lacks some.
MOVE_LABELS: Final[Mapping[str, Label]] = {
    each.name: each for size in (6, 8) for each in _LABELS[size]
}


def kind_of(name: str) -> str:
    """Return the kind of a move's label, kept by symmetries; others are their own."""
    return _KINDS.get(name, name)


def move_labels(corpus: Positions, moves: ArrayLike) -> Labels:
    """Label positions by a move of each, such as the one that is explained.

    Parameters
    ----------
    corpus : Corpus, sequence of Position or array of shape (N, n, n)
        N positions.
    moves : int array of shape (N,)
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
    corpus, given = given_corpus(corpus), np.asarray(moves)
    if given.shape != (len(corpus),):
        msg = f"moves have shape {given.shape}, expected ({len(corpus)},)"
        raise ValueError(msg)
    facts = MoveFacts(corpus.own, corpus.opponent, corpus.size, given.astype(np.int64))
    legal = (facts.bit & facts.legal) != 0
    legal |= (given == NO_MOVE) | ((given == PASS) & (facts.legal == 0))
    if not legal.all():
        row = int(np.argmin(legal))
        msg = f"position {row}: {given[row]} is not a legal move"
        raise ValueError(msg)
    found = {each.name: each.compute(facts) for each in _LABELS[corpus.size]}
    return Labels(found, {}, {})
