"""Concept labels: a name, a sentence in players' words, and an exact definition.

A definition computes its label from facts about a block of positions, which labels
share. Shapes use N positions and M legal moves of all of them. A label of kind "bool"
or "number" says one thing of each position; one of kind "square" or "move" is a set of
squares, as a bitboard. Words are uint64.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from inspect import getdoc
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from conceptlrp.labels.geometry import (
    BoardParts,
    Regions,
    Words,
    board_parts,
    capturable,
    dilate,
    find_regions,
    safe_axes,
    stable_discs,
)
from conceptlrp.othello import flips, legal_moves
from conceptlrp.othello.board import count

Entry = TypeVar("Entry", bound=np.generic)


class Facts:
    """A block of positions as one side sees it, its discs of shape (N,)."""

    def __init__(self, own: Words, opponent: Words, size: int) -> None:
        self.own, self.opponent, self.size = own, opponent, size
        self.board: BoardParts = board_parts(size)

    @cached_property
    def other(self) -> "Facts":
        """The same positions as the other side sees them."""
        other = Facts(self.opponent, self.own, self.size)
        # Seen twice from the other side they are these again, facts and all.
        other.__dict__["other"] = self
        return other

    @cached_property
    def occupied(self) -> Words:
        """Discs of both sides."""
        return self.own | self.opponent

    @cached_property
    def empty(self) -> Words:
        """Squares without a disc."""
        return ~self.occupied & np.uint64(self.board.region)

    @cached_property
    def empties(self) -> NDArray[np.int16]:
        """How many squares have no disc."""
        return count(self.empty).astype(np.int16)

    @cached_property
    def legal(self) -> Words:
        """Where the side may play."""
        return legal_moves(self.own, self.opponent, size=self.size)

    @cached_property
    def near_empty(self) -> Words:
        """Squares that are empty or touch an empty one."""
        return dilate(self.empty, self.board.region)

    @cached_property
    def potential(self) -> Words:
        """Empty squares that touch a disc of the other side."""
        return self.empty & dilate(self.opponent, self.board.region)

    @cached_property
    def frontier(self) -> Words:
        """Discs of the side that touch an empty square."""
        return self.own & self.near_empty

    @cached_property
    def stable(self) -> Words:
        """Discs of the side that are stable by contact."""
        return stable_discs(self.own, self._safe_axes)

    @cached_property
    def capturable(self) -> Words:
        """Discs of the other side that some legal move flips."""
        return capturable(self.own, self.opponent, self.empty)

    @cached_property
    def regions(self) -> Regions:
        """The regions of empty squares."""
        legal, theirs = self.legal, self.other.legal
        return find_regions(self.empty, legal, theirs, self.board.region)

    @cached_property
    def moves(self) -> "MoveFacts":
        """Every legal move of every position."""
        return MoveFacts(self)

    @cached_property
    def _safe_axes(self) -> list[Words]:
        known: list[Words] | None = self.other.__dict__.get("_safe_axes")
        return safe_axes(self.empty, self.board) if known is None else known


class MoveFacts:
    """Every legal move of a block of positions, position by position."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._counts = count(facts.legal)
        octets = np.ascontiguousarray(facts.legal, "<u8").view(np.uint8)
        place = np.flatnonzero(np.unpackbits(octets, bitorder="little"))
        self.rows, self.squares = place >> 6, place & 63
        self.bits: Words = np.left_shift(np.uint64(1), self.squares.astype(np.uint64))

    @cached_property
    def turned(self) -> Words:
        """The discs that each move flips, of shape (M,)."""
        own, opponent = self._facts.own[self.rows], self._facts.opponent[self.rows]
        return flips(own, opponent, self.squares, size=self._facts.size)

    @cached_property
    def after(self) -> Facts:
        """The positions after each move, as the side to move then sees them."""
        own = self._facts.opponent[self.rows] & ~self.turned
        opponent = self._facts.own[self.rows] | self.turned | self.bits
        return Facts(own, opponent, self._facts.size)

    def where(self, condition: NDArray[np.bool_]) -> Words:
        """Return the moves that fulfil a condition, as bitboards of shape (N,)."""
        return self._reduced(np.bitwise_or, self.bits * condition)

    def most(self, values: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the largest of a move's values, 0 without a legal move."""
        return self._reduced(np.maximum, values)

    def _reduced(self, ufunc: np.ufunc, values: NDArray[Entry]) -> NDArray[Entry]:
        result = np.zeros(len(self._counts), values.dtype)
        some = self._counts > 0
        if len(values):
            firsts = np.cumsum(self._counts, dtype=np.intp) - self._counts
            result[some] = ufunc.reduceat(values, firsts[some])
        return result


Kind: TypeAlias = Literal["bool", "number", "square", "move"]
# Facts, or those of an explained move.
Definition: TypeAlias = Callable[[Any], NDArray[Any]]


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

    def mirror(self, name: str, sentence: str) -> Callable[[Definition], Definition]:
        """Return a decorator that adds the last label with the sides swapped."""

        def added(compute: Definition) -> Definition:
            given = self.labels[-1]
            formula = f"With P and O swapped: {given.formula}"
            # Moves of the side that is not to move are squares like any others.
            kind: Kind = "square" if given.kind == "move" else given.kind
            swapped = Label(name, kind, sentence, formula, lambda f: compute(f.other))
            self.labels.append(swapped)
            return compute

        return added
