"""What is known about the positions of a store, one column at a time.

Shapes use N positions of the store and G games.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import CorpusFileError, StoreError
from conceptlrp.othello import BLACK, NO_MOVE, PASS, square_name
from conceptlrp.othello.board import PHASES, REGION, board_phases
from conceptlrp.othello.files.corpus_file import load_columns
from conceptlrp.store.format.manifest import Manifest
from conceptlrp.store.format.schema import REMEDY

Column = NDArray[Any]

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
    "symmetry",
    *OF_GAMES,
)


class Metadata:
    """Columns of the positions, each read when it is first asked for.

    Shapes: `ids` (N,).
    """

    def __init__(
        self, folder: Path, manifest: Manifest, ids: NDArray[np.int64] | None
    ) -> None:
        self._path = folder / manifest.corpus_file
        self._manifest, self._ids = manifest, ids
        self._stored: dict[str, Column] = {}
        self._derived: dict[str, Column] = {}

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

    def by_game(self, values: Column) -> Column:
        """Give every row what its game has: (G,) becomes (N,)."""
        game = self.of_positions("game")
        if len(game) and not 0 <= game.min() <= game.max() < len(values):
            msg = f"{self._path}: is damaged: positions are of games that it lacks"
            raise StoreError(msg)
        # Twice as fast as an index, which looks for negative numbers.
        taken: Column = values.take(game, mode="clip")
        return taken

    def phase(self) -> NDArray[np.int64]:
        """Return the phase of every row, an index into `PHASES`."""
        if "phase" not in self._derived:
            discs = self.of_positions("own"), self.of_positions("opponent")
            self._derived["phase"] = board_phases(*discs, size=self.size)
        return self._derived["phase"]

    def margin(self) -> NDArray[np.float32]:
        """By how many discs the side to move won, nan where that is unknown."""
        if "margin" not in self._derived:
            score = self.of_games("score").astype(np.float32)
            score[~self.of_games("finished")] = np.nan
            black = self.by_game(2 * score - np.float32(self.size**2))
            is_black = self.of_positions("mover") == BLACK
            self._derived["margin"] = np.where(is_black, black, -black)
        return self._derived["margin"]

    def column(self, name: str, rows: NDArray[np.int64] | None = None) -> Column:
        """Return one of `COLUMNS` in the words of a table.

        Shapes: `rows` (n,). Returns (n,): Text, integers or float32.
        """
        values = self._plain(name)
        values = values if rows is None else values[rows]
        if name in OF_GAMES:
            return self.of_games(name)[values]
        if name == "phase":
            return np.array(PHASES)[values]
        if name == "mover":
            return np.where(values == BLACK, "black", "white")
        return self.moves(values) if name == "played" else values

    def moves(self, squares: Column) -> NDArray[np.str_]:
        """Return the name of each square, "" where there is none."""
        names = np.zeros(PASS + 2, "U2")
        for square in range(PASS + 1):
            if square == PASS or REGION[self.size] >> square & 1:
                names[square] = square_name(square, self.size)
        known = (squares >= NO_MOVE) & (squares <= PASS)
        found: NDArray[np.str_] = names[np.where(known, squares, NO_MOVE)]
        return found

    def _plain(self, name: str) -> Column:
        """Return a column before it is put into words."""
        if name in OF_GAMES:
            return self.by_game(np.arange(len(self.of_games(name))))
        if name == "phase":
            return self.phase()
        if name in ("margin", "outcome"):
            margin = self.margin()
            return margin if name == "margin" else np.sign(margin)
        return self.of_positions(name)

    def _load(self, name: str) -> Column:
        digest = str(self._manifest.corpus.get("digest"))
        try:
            return load_columns(self._path, [name], digest=digest)[name]
        except CorpusFileError as error:
            msg = f"{error}; {REMEDY}"
            raise StoreError(msg) from error
