"""Labels in sentences: as a clause, as squares, and as moves.

The mover is the side to move. A clause has three parts: two that differ in the middle
alone share the others, as in "the mover's lead in corners or edge discs is large".
"""

from collections.abc import Collection
from typing import Final, NamedTuple

from conceptlrp.labels.labels import LABELS
from conceptlrp.labels.moves import MOVE_LABELS


class Clause(NamedTuple):
    """A clause in three parts, each of which may be empty."""

    head: str
    noun: str
    tail: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, self))


_LEADS: Final = {
    "frontier": "frontier discs",
    "edge": "edge discs",
    "corner": "corners",
    "center": "central discs",
    "stable": "stable discs",
    "disc": "discs",
    "tempo": "spare moves",
}
_HOLDS: Final = {
    "opening": ("it is", "the opening"),
    "midgame": ("it is", "the midgame"),
    "endgame": ("it is", "the endgame"),
    "even empties": ("the number of empty squares is", "even"),
    "forced move": ("the mover has", "only one move"),
    "opponent stuck": ("the opponent has", "no move"),
    "evaporated": ("the mover has", "less than a third of the discs"),
    "anchorless": ("the mover has", "hardly a disc, and none on an edge"),
    "only X and C moves": ("the mover has", "moves to X- and C-squares only"),
    "diagonal control": ("the mover holds", "a long diagonal"),
    "opponent diagonal control": ("the opponent holds", "a long diagonal"),
    "every move gives a corner": ("every move gives up", "a corner"),
    "pass": ("the move is", "a pass"),
}
# What there is much or little of: the words before it, and it.
_AMOUNTS: Final = {
    "empty count": ("there are", "empty squares"),
    "region count": ("there are", "empty regions"),
    "odd region count": ("there are", "odd empty regions"),
    "discs flipped": ("the move flips", "discs"),
    "lines flipped": ("the move flips along", "lines"),
    "longest line flipped": ("the move flips", "discs in one line"),
    "largest flip": ("the greediest move flips", "discs"),
}
_SETS: Final = {
    "frontier": "frontier discs",
    "interior": "interior discs",
    "X-squares": "X-square discs",
    "C-squares": "C-square discs",
}
_ONE: Final = ("balanced edge", "unbalanced edge", "wall")
_NOBODYS: Final = ("empty squares", "potential moves", "odd regions", "greediest moves")
# Sets that hardly any board lacks: there are many or few.
_COUNTED: Final = (
    *("own discs", "opponent discs", "empty squares", "potential moves", "moves"),
    *("own frontier", "opponent frontier", "capturable discs", "discs in danger"),
    *("opponent moves", "free moves", "opponent free moves", "safe moves"),
    "greediest moves",
)


def clause(
    label: str, counted: Collection[str] | None = None, *, high: bool = True
) -> Clause:
    """Say that a label is high or holds, or the opposite.

    Of sets of squares that are ``counted`` there are many or few, else some or none.

    >>> print(clause("stable lead"), "/", clause("own frontier", high=False))
    the mover's lead in stable discs is large / the mover has few frontier discs
    >>> print(clause("own corners"), "/", clause("move flipping up left"))
    the mover has corners / the move flips up left
    """
    known = LABELS.get(label)
    if label in _AMOUNTS:
        before, noun = _AMOUNTS[label]
        return Clause(f"{before} {'many' if high else 'few'}", noun)
    if label in _HOLDS:
        before, noun = _HOLDS[label]
        return Clause(before if high else f"it is not so that {before}", noun)
    if label in MOVE_LABELS:
        return _of_move(label, high=high)
    if known is None:
        return Clause("", f"'{label}'", "is high" if high else "is low")
    if known.kind != "number":
        owner, noun = _owned(label)
        verb = f"{owner} has" if owner else "there are"
        if label in (_COUNTED if counted is None else counted):
            return Clause(f"{verb} {'many' if high else 'few'}", noun)
        if noun in _ONE:
            noun = f"{'an' if noun[0] == 'u' else 'a'} {noun}" if high else noun
        return Clause(verb if high else f"{verb} no", noun)
    if label.endswith(" lead"):
        what = label.removesuffix(" lead")
        tail = "is large" if high else "is small"
        return Clause("the mover's lead in", _LEADS.get(what, what), tail)
    owner, noun = _owned(label)
    return Clause(f"{owner}'s", noun, "is high" if high else "is low")


def _of_move(label: str, *, high: bool) -> Clause:
    """Say of the explained move that a label of moves holds for it."""
    what = label.removeprefix("move ")
    if what.startswith("flipping "):
        verb = "flips" if high else "does not flip"
        return Clause(f"the move {verb}", what.removeprefix("flipping "))
    if what == label:
        what = f"{'an' if what[0] in 'aeiouAX' else 'a'} {what}"
    return Clause(f"the move is{'' if high else ' not'}", what)


def _owned(label: str) -> tuple[str, str]:
    """Return whose a set or number is, "" for nobody's, and what it is."""
    special = {
        "capturable discs": ("the opponent", "capturable discs"),
        "corner threats": ("the opponent", "moves to corners"),
    }
    if label in special:
        return special[label]
    first, _, rest = label.partition(" ")
    owner = "the opponent" if first == "opponent" else "the mover"
    what = rest if first in ("own", "opponent") else label
    return "" if label in _NOBODYS else owner, _SETS.get(what, what)


def on_squares(label: str) -> str:
    """Name the squares of a label, or of a place.

    >>> on_squares("own frontier"), on_squares("empty squares"), on_squares("h7")
    ("the mover's frontier discs", 'empty squares', 'h7')
    """
    owner, noun = _owned(label) if label in LABELS else ("", label)
    return f"{owner}'s {noun}" if owner else noun


def explained_moves(label: str) -> Clause:
    """Name the moves of a label, for a channel that speaks for them.

    >>> print(explained_moves("corner move"), "/", explained_moves("move on the edge"))
    corner moves / moves on the edge
    """
    what = label.removeprefix("move ")
    if what == label:
        return Clause("", f"{label}s")
    return Clause("moves" if " " in what else "move", what)


def either(first: Clause, second: Clause) -> str:
    """Join clauses by "or", with what they share said once."""
    if (first.head, first.tail) == (second.head, second.tail):
        return str(first._replace(noun=f"{first.noun} or {second.noun}"))
    return f"{first} or {second}"


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
    ('the move is one of the corners', '')
    """
    found = LABELS.get(name) or MOVE_LABELS.get(name)
    return found.sentence if found else ""
