"""Targets: which output of the network is explained at a position.

A target is a policy logit (of the move played, of the best legal move, of one
square), the value before tanh, or an intermediate neuron. Relevance starts as
the target's own value, so it is in the target's unit and sums to it up to what
biases and stabilizers absorb.

Shapes use N positions and A actions (one a square, then the pass).
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import NotationError, TargetError
from conceptlrp.networks.planes import (
    actions_of_squares,
    legal_actions,
    squares_of_actions,
)
from conceptlrp.othello import NO_MOVE, PASS, Corpus, parse_square, square_name


@dataclass(frozen=True)
class Move:
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


@dataclass(frozen=True)
class Played:
    """The policy logit of the move that was played in the game."""

    name: str = field(default="played", init=False)


@dataclass(frozen=True)
class Best:
    """The policy logit of the legal move with the highest logit."""

    name: str = field(default="best", init=False)


@dataclass(frozen=True)
class Value:
    """The output of the value head before tanh."""

    name: str = field(default="value", init=False)


@dataclass(frozen=True)
class Neuron:
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

    @property
    def name(self) -> str:
        """Layer, channel and, where given, row and column: "conv3:17@2,4"."""
        place = "" if self.square is None else f"@{self.square[0]},{self.square[1]}"
        return f"{self.layer}:{self.channel}{place}"


@dataclass(frozen=True)
class Moves:
    """The policy logit of a move of its own at every position.

    Attributes
    ----------
    squares : tuple of int
        A square or `PASS` for each position that is explained, in their order.
    name : str
        Name of the target.
    """

    squares: tuple[int, ...]
    name: str = "moves"

    def take(self, rows: slice | NDArray[np.int64]) -> "Moves":
        """Return the moves of some of the positions."""
        chosen = np.array(self.squares, np.int64)[rows]
        return Moves(tuple(chosen.tolist()), self.name)


@dataclass(frozen=True)
class Contrast:
    """The logit of one move less that of another: why this and not that.

    Attributes
    ----------
    move, other : Move, Played or Best
        Both must be legal.
    """

    move: "Move | Played | Best"
    other: "Move | Played | Best"

    @property
    def name(self) -> str:
        """Both names with a minus between them: "d3-c4"."""
        return f"{self.move.name}-{self.other.name}"


Target = Move | Moves | Played | Best | Value | Neuron | Contrast
_NAMED: dict[str, Target] = {"played": Played(), "best": Best(), "value": Value()}


def parse_target(target: str | Target, *, size: int = 8) -> Target:
    """Return the target that a name stands for.

    Parameters
    ----------
    target : str or Target
        "played", "best", "value", a square ("d3"), "pass", two moves with a minus
        between them ("d3-c4"), or a target object, which is returned as it is.
    size : int
        Side of the board.

    Returns
    -------
    Target
        What `attribute` explains.

    Raises
    ------
    TargetError
        For a name that is none of these.

    Examples
    --------
    >>> parse_target("d3")
    Move(square=19, size=8)
    >>> parse_target("value")
    Value(name='value')
    """
    if not isinstance(target, str):
        return target
    if target in _NAMED:
        return _NAMED[target]
    if target == "pass":
        return Move(PASS, size)
    if "-" in target:
        return _parse_contrast(target, size)
    try:
        return Move(parse_square(target, size), size)
    except NotationError:
        msg = (
            f"unknown target '{target}', expected 'played', 'best', 'value', 'pass', "
            "a square (a1 to h8) or a target object"
        )
        raise TargetError(msg) from None


def _parse_contrast(target: str, size: int) -> Contrast:
    move, other = (parse_target(part, size=size) for part in target.split("-", 1))
    if isinstance(move, Move | Played | Best) and isinstance(
        other, Move | Played | Best
    ):
        return Contrast(move, other)
    msg = f"target '{target}' contrasts something that is no move"
    raise TargetError(msg)


def opposed_squares(
    target: Target, positions: Corpus, logits: NDArray[np.floating]
) -> NDArray[np.int8]:
    """Return the move that a contrast subtracts, `NO_MOVE` for other targets.

    Returns (N,): Squares.
    """
    if isinstance(target, Contrast):
        return target_squares(target.other, positions, logits)
    return np.full(len(positions), NO_MOVE, np.int8)


def target_squares(
    target: Target, positions: Corpus, logits: NDArray[np.floating]
) -> NDArray[np.int8]:
    """Return the move whose logit the target means at each position.

    Shapes: `logits` (N, A). Returns (N,): Squares, `PASS` or, for a target that is no
    move, `NO_MOVE`.
    """
    if isinstance(target, Contrast):
        return target_squares(target.move, positions, logits)
    if isinstance(target, Value | Neuron):
        return np.full(len(positions), NO_MOVE, np.int8)
    if isinstance(target, Best):
        return best_squares(positions, logits)
    squares = _named_squares(target, positions)
    _check_legal(target, squares, positions)
    return squares


def _named_squares(
    target: Move | Moves | Played, positions: Corpus
) -> NDArray[np.int8]:
    if isinstance(target, Move):
        return np.full(len(positions), target.square, np.int8)
    if isinstance(target, Played):
        return positions.played
    if len(target.squares) != len(positions):
        msg = f"{len(target.squares)} moves for {len(positions)} positions"
        raise TargetError(msg)
    return np.array(target.squares, np.int8)


def take_rows(target: Target, rows: slice | NDArray[np.int64]) -> Target:
    """Return a target for some of the positions only."""
    return target.take(rows) if isinstance(target, Moves) else target


def best_squares(positions: Corpus, logits: NDArray[np.floating]) -> NDArray[np.int8]:
    """Return the legal move with the highest logit at each position.

    Returns (N,): `PASS` where the mover has no move.
    """
    legal = _legal(positions, logits.shape[1])
    actions = np.where(legal, logits, -np.inf).argmax(axis=1)
    return squares_of_actions(actions, size=positions.size).astype(np.int8)


def _legal(positions: Corpus, n_actions: int) -> NDArray[np.bool_]:
    legal = legal_actions(positions.own, positions.opponent, size=positions.size)
    return legal[:, :n_actions]


def _check_legal(target: Target, squares: NDArray[np.int8], positions: Corpus) -> None:
    legal = _legal(positions, positions.size**2 + 1)
    actions = actions_of_squares(squares, size=positions.size)
    known = squares != NO_MOVE
    valid = known & legal[np.arange(len(positions)), np.where(known, actions, 0)]
    if valid.all():
        return
    row = int(np.flatnonzero(~valid)[0])
    position = positions.position(row)
    if not known[row]:
        msg = (
            f"position {row} has no played move; use the target 'best' or a square "
            f"({position.obf()})"
        )
        raise TargetError(msg)
    names = " ".join(square_name(s, positions.size) for s in position.legal_moves)
    msg = (
        f"target '{target.name}' at position {row}: "
        f"'{square_name(int(squares[row]), positions.size)}' is not legal in "
        f"{position.obf()} (legal: {names or 'pass'})"
    )
    raise TargetError(msg)
