"""Conditions on what is known about positions.

Shapes use N positions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from conceptlrp.othello import BLACK, WHITE, parse_square
from conceptlrp.othello.board import PHASES
from conceptlrp.store.metadata import Metadata

#: A number, or the first and the last of a range, None leaving an end open.
Span: TypeAlias = float | tuple[float | None, float | None]
Mask: TypeAlias = NDArray[np.bool_]
_MOVERS = {"black": BLACK, "white": WHITE}
_OUTCOMES = {"win": 1, "draw": 0, "loss": -1}


@dataclass(frozen=True, kw_only=True)
class Where:
    """Conditions on a position, all of which must hold; None asks nothing.

    Attributes
    ----------
    ply : int or pair
        Moves played before: a number, or the first and last of a range, None
        leaving an end open.
    phase : str
        One of `conceptlrp.othello.board.PHASES`.
    mover : str
        Side to move, "black" or "white".
    player, black, white : str
        Who played, on either side or with that colour, spelled as in the corpus.
    year : int or pair
        Year of the game, as for `ply`; a game of unknown year is in no range.
    tournament : str
        Where it was played, spelled as in the corpus.
    played : str
        The move that was played, such as "d3", or "pa".
    outcome : str
        For the side to move: "win", "draw" or "loss".
    games : sequence of int
        Numbers of games in the corpus of the store.
    labels : mapping of str to bool, number or pair
        Columns that were added to the store, and the value or range that they have
        to be in; True takes every number but 0.

    Examples
    --------
    >>> Where(ply=(20, 30), mover="black", labels={"corner": True}).ply
    (20, 30)
    """

    ply: Span | None = None
    phase: str | None = None
    mover: str | None = None
    player: str | None = None
    black: str | None = None
    white: str | None = None
    year: Span | None = None
    tournament: str | None = None
    played: str | None = None
    outcome: str | None = None
    games: tuple[int, ...] | None = None
    labels: Mapping[str, bool | Span] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        known = {"phase": PHASES, "mover": _MOVERS, "outcome": _OUTCOMES}
        for name, values in known.items():
            found = getattr(self, name)
            if found is not None and found not in values:
                msg = f"{name} is {found!r}, expected one of {', '.join(values)}"
                raise ValueError(msg)

    def mask(self, known: Metadata, label: Callable[[str], NDArray[Any]]) -> Mask:
        """Return which positions meet all conditions.

        Parameters
        ----------
        known : Metadata
            Columns of the positions; only those that are needed are read.
        label : callable
            Gives the added column of a name.

        Returns
        -------
        ndarray of bool of shape (N,)
            True where all hold.
        """
        met = np.ones(len(known), np.bool_)
        for name in (each.name for each in fields(self)):
            if name != "labels" and getattr(self, name) is not None:
                met &= _CONDITIONS[name](known, getattr(self, name))
        for name, value in self.labels.items():
            met &= _labelled(label(name), value)
        return met


def _within(values: NDArray[Any], span: Any) -> Mask:
    """Tell which numbers are in a range; nan is in none."""
    first, last = span if isinstance(span, tuple | list) else (span, span)
    met: Mask = ~np.isnan(values) if values.dtype.kind == "f" else values == values
    if first is not None:
        met &= values >= first
    if last is not None:
        met &= values <= last
    return met


def _in_years(known: Metadata, span: Any) -> Mask:
    year = known.of_games("year")
    return known.by_game(_within(year, span) & (year != 0))


def _by_player(known: Metadata, name: str) -> Mask:
    sides = (known.of_games(side) == name for side in ("black", "white"))
    return known.by_game(np.logical_or(*sides))


def _named(column: str) -> Callable[[Metadata, Any], Mask]:
    def condition(known: Metadata, name: str) -> Mask:
        return known.by_game(known.of_games(column) == name)

    return condition


def _played(known: Metadata, move: str) -> Mask:
    met: Mask = known.of_positions("played") == parse_square(move, known.size)
    return met


def _outcome(known: Metadata, outcome: str) -> Mask:
    met: Mask = np.sign(known.margin()) == _OUTCOMES[outcome]
    return met


def _mover(known: Metadata, side: str) -> Mask:
    met: Mask = known.of_positions("mover") == _MOVERS[side]
    return met


def _labelled(values: NDArray[Any], wanted: Any) -> Mask:
    if isinstance(wanted, bool):
        # Unknown is neither.
        is_known = ~np.isnan(values) if values.dtype.kind == "f" else True
        met: Mask = (values.astype(np.bool_) == wanted) & is_known
        return met
    return _within(values, wanted)


_CONDITIONS: dict[str, Callable[[Metadata, Any], Mask]] = {
    "ply": lambda known, span: _within(known.of_positions("ply"), span),
    "phase": lambda known, phase: known.phase() == PHASES.index(phase),
    "mover": _mover,
    "player": _by_player,
    "black": _named("black"),
    "white": _named("white"),
    "year": _in_years,
    "tournament": _named("tournament"),
    "played": _played,
    "outcome": _outcome,
    "games": lambda known, games: np.isin(known.of_positions("game"), games),
}
