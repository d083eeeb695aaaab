"""Concept labels: a name, a sentence in players' words, and an exact definition.

Shapes use N positions. A label of kind "bool" or "number" says one thing of each
position; one of kind "square" or "move" is a set of squares, as a bitboard.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from inspect import getdoc
from typing import Any, Literal, TypeAlias

from numpy.typing import NDArray

from conceptlrp.labels.facts import Facts

Kind: TypeAlias = Literal["bool", "number", "square", "move"]
Definition: TypeAlias = Callable[[Facts], NDArray[Any]]


@dataclass(frozen=True)
class Label:
    """A predicate of Othello theory that positions can be labelled with.

    Attributes
    ----------
    name : str
        Short name, unique among the labels.
    kind : str
        "bool" or "number" for a whole position, "square" for a set of squares,
        "move" for a set of legal moves.
    sentence : str
        What it means, in players' words.
    formula : str
        Exact definition. P and O are the discs of the side to move and of the
        other side, E the empty squares, L(P, O) the legal moves of P, dil(.) a set
        with its neighbours, and bars count squares.
    compute : callable
        From the facts about N positions to N values.
    """

    name: str
    kind: Kind
    sentence: str
    formula: str
    compute: Definition = field(repr=False, compare=False)


class Register:
    """Collects labels in the order in which they are defined."""

    def __init__(self) -> None:
        self.labels: list[Label] = []

    def add(
        self, name: str, kind: Kind, sentence: str
    ) -> Callable[[Definition], Definition]:
        """Return a decorator that adds a definition; its docstring is the formula."""

        def added(compute: Definition) -> Definition:
            formula = getdoc(compute) or ""
            self.labels.append(Label(name, kind, sentence, formula, compute))
            return compute

        return added

    def mirror(self, name: str, definition: Definition, sentence: str) -> None:
        """Add the label that a definition gives with the sides swapped."""
        given = next(each for each in self.labels if each.compute is definition)
        formula = f"With P and O swapped: {given.formula}"
        # Moves of the side that is not to move are squares like any others.
        kind: Kind = "square" if given.kind == "move" else given.kind
        self.labels.append(
            Label(name, kind, sentence, formula, lambda facts: definition(facts.other))
        )
