"""What is known about the positions of a store, a column at a time, and conditions.

Shapes use N positions of the store and G games.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import CorpusFileError, StoreError, check_choice
from conceptlrp.othello import BLACK, NO_MOVE, PASS, WHITE, parse_square
from conceptlrp.othello.board import PHASES, board_phases
from conceptlrp.othello.files.corpus_file import load_columns
from conceptlrp.othello.games import black_margins
from conceptlrp.othello.position import square_names
from conceptlrp.store.format.manifest import Manifest
from conceptlrp.store.format.schema import REMEDY
from conceptlrp.store.results.kinds import whole_file
from conceptlrp.store.shards import Selection

Column = NDArray[Any]
Coded = tuple[Column, Column]

OF_GAMES = ("black", "white", "tournament", "year", "source", "index")
#: Names of the columns that every store has.
COLUMNS = (
    "game",
    "ply",
    "phase",
    "mover",
    "played",
    "outcome",
    "margin",
    "theoretical_margin",
    "symmetry",
    *OF_GAMES,
)


class Metadata:
    """Columns of the positions, read when they are first asked for; `ids` are (N,)."""

    def __init__(
        self, folder: Path, manifest: Manifest, ids: NDArray[np.int64] | None
    ) -> None:
        self._folder, self._path = folder, folder / manifest.corpus_file
        self._manifest, self._ids = manifest, ids
        self._stored: dict[str, Column] = {}

    def __len__(self) -> int:
        return self._manifest.positions if self._ids is None else len(self._ids)

    @property
    def size(self) -> int:
        """Side of the board."""
        return self._manifest.board_size

    def of_positions(self, name: str) -> Column:
        """Return a column of the corpus for every row, of shape (N,)."""
        if name not in self._stored:
            column = self._load(name)
            if len(column) != self._manifest.positions:
                msg = (
                    f"{self._path}: {name} has {len(column)} entries, expected "
                    f"{self._manifest.positions}; it belongs to another store"
                )
                raise StoreError(msg)
            self._stored[name] = column if self._ids is None else column[self._ids]
        return self._stored[name]

    def of_games(self, name: str) -> Column:
        """Return a column of the games, of shape (G,)."""
        if name not in self._stored:
            self._stored[name] = self._load(name)
        return self._stored[name]

    def by_game(self, values: Column, rows: Selection = None) -> Column:
        """Give every row, or some, what its game has: (G,) becomes (rows,)."""
        # Twice as fast as an index, which looks for negative numbers.
        taken: Column = values.take(self._game(rows, len(values)), mode="clip")
        return taken

    def _game(self, rows: Selection, games: int) -> Column:
        """Return which of so many games each row is of."""
        game = self._of(rows, "game")
        if len(game) and not 0 <= game.min() <= game.max() < games:
            msg = f"{self._path}: is damaged: positions are of games that it lacks"
            raise StoreError(msg)
        return game

    def phase(self, rows: Selection = None) -> NDArray[np.int64]:
        """Return the phase of rows, an index into `PHASES`."""
        discs = self._of(rows, "own"), self._of(rows, "opponent")
        return board_phases(*discs, size=self.size)

    def margin(self, rows: Selection = None) -> NDArray[np.float32]:
        """By how many discs the side to move won, nan where that is unknown."""
        return self._seen(self.of_games("score"), self.of_games("finished"), rows)

    def _seen(
        self, score: Column, known: Column, rows: Selection
    ) -> NDArray[np.float32]:
        """Return scores of the games as margins of the side to move."""
        score, known = (self.by_game(column, rows) for column in (score, known))
        black = black_margins(score, known, self.size)
        return np.where(self._of(rows, "mover") == BLACK, black, 0 - black)

    def column(self, name: str, rows: Selection = None) -> Column:
        """Return one of `COLUMNS` as text, integers or float32, maybe of some rows."""
        found = self.coded(name, rows)
        return found[0][found[1]] if isinstance(found, tuple) else found

    def coded(
        self, name: str, rows: Selection = None
    ) -> Column | tuple[Column, Column]:
        """Return numbers as they are, and of text its words and which of them it is."""
        if name in OF_GAMES:
            words = self.of_games(name)
            return words, self._game(rows, len(words))
        if name == "phase":
            return np.array(PHASES), self.phase(rows)
        if name == "mover":
            side = (self._of(rows, name) != BLACK).astype(np.int8)
            return np.array(["black", "white"]), side
        if name == "played":
            return self.coded_moves(self._of(rows, name))
        if name in ("margin", "outcome"):
            margin = self.margin(rows)
            return margin if name == "margin" else np.sign(margin)
        if name == "theoretical_margin":
            score = self.of_games("theoretical_score")
            return self._seen(score, score >= 0, rows)
        return self._of(rows, name)

    def moves(self, squares: Column) -> NDArray[np.str_]:
        """Return the name of each square, "" where there is none."""
        names, which = self.coded_moves(squares)
        found: NDArray[np.str_] = names[which]
        return found

    def coded_moves(self, squares: Column) -> Coded:
        """Return the names of all squares, "" for none, and which of them are meant."""
        known = (squares >= NO_MOVE) & (squares <= PASS)
        return square_names(self.size), np.where(known, squares, NO_MOVE)

    def _of(self, rows: Selection, name: str) -> Column:
        column = self.of_positions(name)
        return column if rows is None else column[rows]

    def _load(self, name: str) -> Column:
        digest = str(self._manifest.corpus.get("digest"))
        # Its columns are not packed, so that no codec notices what is wrong with them.
        path = whole_file(self._folder, self._manifest, self._manifest.corpus_file)
        try:
            return load_columns(path, [name], digest=digest)[name]
        except CorpusFileError as error:
            msg = f"{error}; {REMEDY}"
            raise StoreError(msg) from error


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
        known: dict[str, Collection[str]] = {
            "phase": PHASES,
            "mover": _MOVERS,
            "outcome": _OUTCOMES,
        }
        for name, values in known.items():
            if (found := getattr(self, name)) is not None:
                check_choice(name, found, values)

    def mask(self, known: Metadata, label: Callable[[str], NDArray[Any]]) -> Mask:
        """Return which positions (N,) meet all conditions.

        `known` has the columns of the positions, of which only those needed are read;
        `label` gives the added column of a name.
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
    "mover": lambda known, side: known.of_positions("mover") == _MOVERS[side],
    "player": _by_player,
    "black": _named("black"),
    "white": _named("white"),
    "year": _in_years,
    "tournament": _named("tournament"),
    "played": lambda known, move: (
        known.of_positions("played") == parse_square(move, known.size)
    ),
    "outcome": lambda known, how: np.sign(known.margin()) == _OUTCOMES[how],
    "games": lambda known, games: np.isin(known.of_positions("game"), games),
}
