"""Targets: which output of the network is explained at a position.

A target is a policy logit (of the move played, of the best legal move, of one
square), the value (before tanh, or win minus loss), or an intermediate neuron.
Relevance starts as the target's own value, so it is in the target's unit and sums to
it up to what biases and stabilizers absorb.

Every target has a name, under which stores and reports mention it, and
`Target.parse` makes the target of the name again:

=============== ==========================================================
name            target
=============== ==========================================================
``d3``, ``pa``  `Move`: a square or the pass (also written ``pass``)
``played``      `Played`
``best``        `Best`
``d3-c4``       `Contrast` of two of the above
``value``       `Value`
``conv3:17``    `Neuron`: a channel, or with ``@2,4`` one unit of its map
``moves``       `Moves`: a list, of which a name cannot hold the squares
=============== ==========================================================

Shapes use N positions and A actions (one a square, then the pass).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import NotationError, TargetError, check_type
from conceptlrp.networks.planes import (
    actions_of_squares,
    legal_actions,
    squares_of_actions,
    with_pass,
)
from conceptlrp.othello import NO_MOVE, PASS, Corpus, parse_square, square_name

Rows = slice | NDArray[np.int64]
Squares = NDArray[np.int8]
Logits = NDArray[np.floating]

# The layer takes all up to the last colon after which a channel can be read, so
# that any layer's name is understood: "trunk.3", "a-b", "odd:1@2,3".
_NEURON = re.compile(r"(.+):(-?[0-9]+)(?:@(-?[0-9]+),(-?[0-9]+))?", re.DOTALL)
_MOVES = re.compile(r"moves(?: \((.*)\))?", re.DOTALL)


class Target:
    """What is explained at a position: a move, the value or a neuron."""

    #: Unit of relevance towards the target.
    unit: ClassVar[str] = "logits"

    @property
    def name(self) -> str:
        """Name under which stores and reports mention the target."""
        raise NotImplementedError

    @staticmethod
    def parse(target: object, size: int = 8) -> "Target":
        """Return the target that a name stands for; the inverse of `name`.

        Parameters
        ----------
        target : str or Target
            "played", "best", "value", a square ("d3"), "pass", two moves with a minus
            between them ("d3-c4"), a neuron ("conv3:17", "conv3:17@2,4"), or a target
            object, which is returned as it is.
        size : int
            Side of the board.

        Returns
        -------
        Target
            What `attribute` explains. `Moves` of a name have no squares: they tell
            unit and kind, but cannot be explained.

        Raises
        ------
        TargetError
            For anything else.

        Examples
        --------
        >>> Target.parse("d3")
        Move(square=19, size=8)
        >>> Target.parse("trunk.3:17@2,4").name
        'trunk.3:17@2,4'
        >>> Target.parse("d3-best").unit
        'logits'
        """
        if isinstance(target, Target):
            return target
        if not isinstance(target, str):
            msg = (
                f"target is {type(target).__name__}, expected text such as 'd3' or a "
                "target object"
            )
            raise TargetError(msg)
        if target in _NAMED:
            return _NAMED[target]
        if found := _NEURON.fullmatch(target):
            layer, channel, row, column = found.groups()
            square = None if row is None else (int(row), int(column))
            return Neuron(layer, int(channel), square)
        if found := _MOVES.fullmatch(target):
            return Moves((), found[1] or "")
        if "-" in target:
            return _parse_contrast(target, size)
        return _parse_move(target, size)

    def take(self, rows: Rows) -> "Target":  # noqa: ARG002
        """Return the target of some of the positions only."""
        return self

    def squares_at(self, positions: Corpus, logits: Logits) -> Squares:  # noqa: ARG002
        """Return the move whose logit is meant at each position.

        Shapes: `logits` (N, A). Returns (N,): squares, `PASS` or, for a target that is
        no move, `NO_MOVE`; of a contrast the first move.
        """
        return np.full(len(positions), NO_MOVE, np.int8)

    def opposed_at(self, positions: Corpus, logits: Logits) -> Squares:  # noqa: ARG002
        """Return the move (N,) that a contrast subtracts, else `NO_MOVE`."""
        return np.full(len(positions), NO_MOVE, np.int8)

    def with_best(self, square: int, size: int = 8) -> "Target":  # noqa: ARG002
        """Return the target with a square in place of "best"."""
        return self

    def fixed(self, positions: Corpus, logits: Logits) -> "Target":  # noqa: ARG002
        """Return the target with the moves that these logits (N, A) make it mean.

        Another network then explains the same moves of these positions.
        """
        return self

    @property
    def named_squares(self) -> tuple[int, ...]:
        """Squares that the name tells: one of a move, up to two of a contrast."""
        return ()


@dataclass(frozen=True)
class Move(Target):
    """The policy logit of one move, which must be legal in every position.

    Attributes
    ----------
    square : int
        Square, or `PASS`.
    size : int
        Side of the board, which decides the square's name.
    """

    square: int
    size: int = 8

    @property
    def name(self) -> str:
        """Name of the square, "pa" for the pass."""
        return square_name(self.square, self.size)

    @property
    def named_squares(self) -> tuple[int, ...]:
        """The square."""
        return (self.square,)

    def squares_at(self, positions: Corpus, logits: Logits) -> Squares:  # noqa: ARG002
        """Return the square for each position, which must be legal there."""
        squares = np.full(len(positions), self.square, np.int8)
        return _legal_squares(self, squares, positions)


@dataclass(frozen=True)
class Played(Target):
    """The policy logit of the move that was played in the game."""

    @property
    def name(self) -> str:
        """The word "played"."""
        return "played"

    def squares_at(self, positions: Corpus, logits: Logits) -> Squares:  # noqa: ARG002
        """Return the move played at each position."""
        return _legal_squares(self, positions.played, positions)


@dataclass(frozen=True)
class Best(Target):
    """The policy logit of the legal move with the highest logit."""

    @property
    def name(self) -> str:
        """The word "best"."""
        return "best"

    def squares_at(self, positions: Corpus, logits: Logits) -> Squares:
        """Return the best legal move at each position, `PASS` where there is none."""
        legal = _legal(positions)
        known = with_pass(logits, size=positions.size)
        actions = np.where(legal, known, -np.inf).argmax(axis=1)
        return squares_of_actions(actions, size=positions.size).astype(np.int8)

    def with_best(self, square: int, size: int = 8) -> Target:
        """Return the move to a square."""
        return Move(square, size)

    def fixed(self, positions: Corpus, logits: Logits) -> "Moves":
        """Return the moves that are best, a list of one a position."""
        return Moves(tuple(self.squares_at(positions, logits).tolist()), "best")


@dataclass(frozen=True)
class Value(Target):
    """The output of the value head: before tanh, or win minus loss of its logits."""

    unit: ClassVar[str] = "value before tanh"

    @property
    def name(self) -> str:
        """The word "value"."""
        return "value"


@dataclass(frozen=True)
class Neuron(Target):
    """A channel of an intermediate layer, over the board or at one square.

    Attributes
    ----------
    layer : str
        Name of the layer.
    channel : int
        Channel of its feature map.
    square : tuple of (int, int), optional
        Row and column in the feature map; None sums over all of it.
    """

    layer: str
    channel: int
    square: tuple[int, int] | None = None
    unit: ClassVar[str] = "activation"

    @property
    def name(self) -> str:
        """Layer, channel and, where given, row and column: "conv3:17@2,4"."""
        place = "" if self.square is None else f"@{self.square[0]},{self.square[1]}"
        return f"{self.layer}:{self.channel}{place}"


@dataclass(frozen=True)
class Moves(Target):
    """The policy logit of a move of its own at every position.

    Attributes
    ----------
    squares : tuple of int
        A square or `PASS` for each position that is explained, in their order.
    label : str
        What the moves are, for the name.
    """

    squares: tuple[int, ...]
    label: str = ""

    @property
    def name(self) -> str:
        """The word "moves", with the label in brackets: "moves (of a teacher)".

        One square a position would make a name as long as the corpus, so a name
        tells the kind of target but not which moves they are.
        """
        return f"moves ({self.label})" if self.label else "moves"

    def take(self, rows: Rows) -> "Moves":
        """Return the moves of some of the positions."""
        if not self.squares:
            raise self._without_squares()
        chosen = np.array(self.squares, np.int64)[rows]
        return Moves(tuple(chosen.tolist()), self.label)

    def squares_at(self, positions: Corpus, logits: Logits) -> Squares:  # noqa: ARG002
        """Return the squares, which must be legal moves."""
        if not self.squares:
            raise self._without_squares()
        if len(self.squares) != len(positions):
            msg = f"{len(self.squares)} moves for {len(positions)} positions"
            raise TargetError(msg)
        return _legal_squares(self, np.array(self.squares, np.int8), positions)

    def _without_squares(self) -> TargetError:
        return TargetError(
            f"target '{self.name}' says nothing of its squares; pass Moves(squares), "
            "one for each position"
        )


@dataclass(frozen=True)
class Contrast(Target):
    """The logit of one move less that of another: why this and not that.

    Attributes
    ----------
    move, other : Move, Played, Best or Moves
        Both must be legal.
    """

    move: "AnyMove"
    other: "AnyMove"

    @property
    def name(self) -> str:
        """Both names with a minus between them: "d3-c4"."""
        return f"{self.move.name}-{self.other.name}"

    @property
    def named_squares(self) -> tuple[int, ...]:
        """Those of the two moves that are squares."""
        return (*self.move.named_squares, *self.other.named_squares)

    def squares_at(self, positions: Corpus, logits: Logits) -> Squares:
        """Return the first move."""
        return self.move.squares_at(positions, logits)

    def opposed_at(self, positions: Corpus, logits: Logits) -> Squares:
        """Return the second move."""
        return self.other.squares_at(positions, logits)

    def take(self, rows: Rows) -> "Contrast":
        """Return the contrast at some of the positions."""
        return self._of(each.take(rows) for each in (self.move, self.other))

    def fixed(self, positions: Corpus, logits: Logits) -> "Contrast":
        """Return the contrast of the moves that both are."""
        return self._of(
            each.fixed(positions, logits) for each in (self.move, self.other)
        )

    def with_best(self, square: int, size: int = 8) -> "Contrast":
        """Return the contrast with a square in place of "best"."""
        return self._of(
            each.with_best(square, size) for each in (self.move, self.other)
        )

    @staticmethod
    def _of(parts: Iterable[Target]) -> "Contrast":
        return Contrast(*parts)  # type: ignore[arg-type]


AnyMove: TypeAlias = Move | Played | Best | Moves


def unit_of(target: str | Target, value: str = "scalar") -> str:
    """Return the unit of relevance towards a target, for a `value_kind` of network."""
    found = Target.parse(target)
    wdl = isinstance(found, Value) and value == "wdl"
    return "win minus loss, in logits" if wdl else found.unit


_NAMED: dict[str, Target] = {each.name: each for each in (Played(), Best(), Value())}


def parse_targets(
    targets: str | Target | Sequence[str | Target], size: int
) -> list[Target]:
    """Return the targets that are asked for, by one name or object or several."""
    if isinstance(targets, str | Target):
        targets = [targets]
    check_type(targets, Iterable, "targets", "a target or a list of them")
    several = list(targets)
    if not several:
        msg = "no target is given, expected one or more, such as 'played'"
        raise TargetError(msg)
    return [Target.parse(target, size) for target in several]


def _parse_contrast(target: str, size: int) -> Contrast:
    move, other = (Target.parse(part, size) for part in target.split("-", 1))
    if isinstance(move, Move | Played | Best) and isinstance(
        other, Move | Played | Best
    ):
        return Contrast(move, other)
    msg = f"target '{target}' contrasts something that is no move"
    raise TargetError(msg)


def _parse_move(target: str, size: int) -> Move:
    try:
        return Move(PASS if target == "pass" else parse_square(target, size), size)
    except NotationError:
        msg = (
            f"unknown target '{target}', expected 'played', 'best', 'value', 'pass', "
            "a square (a1 to h8), two moves ('d3-c4'), a neuron ('conv3:17') or a "
            "target object"
        )
        raise TargetError(msg) from None


def _legal(positions: Corpus) -> NDArray[np.bool_]:
    return legal_actions(positions.own, positions.opponent, size=positions.size)


def _legal_squares(target: Target, squares: Squares, positions: Corpus) -> Squares:
    """Return the squares, or say at which position one is no legal move."""
    legal = _legal(positions)
    actions = actions_of_squares(squares, size=positions.size)
    known = squares != NO_MOVE
    valid = known & legal[np.arange(len(positions)), np.where(known, actions, 0)]
    if valid.all():
        return squares
    row = int(np.flatnonzero(~valid)[0])
    position = positions.position(row)
    if not known[row]:
        msg = (
            f"position {row} has no played move; use the target 'best' or a square "
            f"({position.obf()})"
        )
        raise TargetError(msg)
    names = " ".join(square_name(s, positions.size) for s in position.legal_moves)
    others = "; 'best' is legal at every position" * (len(positions) > 1)
    msg = (
        f"target '{target.name}' at position {row}: "
        f"'{square_name(int(squares[row]), positions.size)}' is not legal in "
        f"{position.obf()} (legal: {names or 'pass'}){others}"
    )
    raise TargetError(msg)
