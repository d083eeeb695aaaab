"""A corpus: positions from games, with where each one comes from.

Shapes use N positions and G games. Positions are seen by the side to move, and
each may be turned by a symmetry of the board: ``own``, ``opponent`` and ``played``
are as turned, while the games keep their moves as recorded.
"""

import operator
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.drawing.notebook import html_table
from conceptlrp.errors import CorpusFileError, GameFileError, check_type
from conceptlrp.files import write_whole
from conceptlrp.othello.board import (
    BLACK,
    NO_MOVE,
    REGION,
    count,
    from_boards,
    legal_moves,
)
from conceptlrp.othello.files.formats import read_games
from conceptlrp.othello.games import POSITION_COLUMNS, Games, columns_digest, replay
from conceptlrp.othello.position import Position, square_names, transcript_text
from conceptlrp.othello.symmetry import (
    canonical,
    compose,
    first_of_equal,
    turn,
    turn_squares,
)
from conceptlrp.shipped import SHIPPED, demo_name, demo_path

if TYPE_CHECKING:
    import pandas as pd

PathLike: TypeAlias = str | os.PathLike[str]
Rows: TypeAlias = slice | Sequence[int] | NDArray[np.integer[Any]] | NDArray[np.bool_]


@dataclass(frozen=True, eq=False, repr=False)
class Corpus:
    """Positions in which a move was chosen, and the games they come from.

    Attributes
    ----------
    own, opponent : uint64 of shape (N,)
        Discs of the side to move and of the other side.
    mover, ply : uint8 of shape (N,)
        `BLACK` or `WHITE`, and the moves played before.
    played, game : int8 and int32 of shape (N,)
        The move that was played, `NO_MOVE` when unknown, and the row of ``games``.
    symmetry : uint8 of shape (N,)
        How the position is turned from what was recorded.
    games : Games
        The games.
    problems : tuple of str
        One line for each game that reading left out.
    """

    own: NDArray[np.uint64]
    opponent: NDArray[np.uint64]
    mover: NDArray[np.uint8]
    ply: NDArray[np.uint8]
    played: NDArray[np.int8]
    game: NDArray[np.int32]
    symmetry: NDArray[np.uint8]
    games: Games
    problems: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, dtype in POSITION_COLUMNS.items():
            column = np.asarray(getattr(self, name), dtype)
            if column.shape != (len(self.own),):
                msg = f"{name} has shape {column.shape}, expected ({len(self)},)"
                raise ValueError(msg)
            object.__setattr__(self, name, column)
        if len(self) and not 0 <= self.game.min() <= self.game.max() < len(self.games):
            msg = f"positions are of games beyond the {len(self.games)} given"
            raise ValueError(msg)

    def __len__(self) -> int:
        return len(self.own)

    def __repr__(self) -> str:
        counted = [(len(self), "position"), (len(self.games), "game")]
        what = ", ".join(f"{n:,} {noun}{'s' * (n != 1)}" for n, noun in counted)
        return f"Corpus({what}, {self.size} x {self.size})"

    def _repr_html_(self) -> str:
        years = self.games.year[self.games.year > 0]
        facts = [
            ("positions", f"{len(self):,}"),
            ("games", f"{len(self.games):,}"),
            ("years", f"{years.min()} to {years.max()}" if years.size else "unknown"),
            ("board", f"{self.size} x {self.size}"),
            ("games left out", f"{len(self.problems):,}"),
        ]
        return html_table("Corpus", (), facts)

    def __getitem__(self, rows: Rows) -> "Corpus":
        if isinstance(rows, int | np.integer):
            msg = f"corpus[{rows}] is one position; call corpus.position({rows})"
            raise TypeError(msg)
        chosen = rows if isinstance(rows, slice) else np.asarray(rows)
        if not isinstance(chosen, slice) and not chosen.size:
            chosen = chosen.astype(np.intp)
        taken: dict[str, Any] = {n: c[chosen] for n, c in self.columns().items()}
        return replace(self, **taken)

    @staticmethod
    def read(
        paths: PathLike | Iterable[PathLike], *, size: int | None = None
    ) -> "Corpus":
        """Read every position before a recorded move, files and games in order.

        `paths` is one or several of WTHOR files (``.wtb``), transcripts (``.txt``), GGF
        (``.ggf``), game books of Logistello (``.gam``) and self-play (``.jsonl``); or
        "demo" or "demo6" for the self-played games that ship, on 8 x 8 or 6 x 6, each
        of whose positions is turned by a random symmetry of its own, the same at every
        call. A file that cannot be read, or is of another kind, raises `GameFileError`.
        """
        if isinstance(paths, str) and paths in SHIPPED:
            if size not in (None, played := SHIPPED[paths].size):
                msg = (
                    f"the games '{paths}' are {played} x {played}, not {size} x "
                    f"{size}; '{demo_name(size)}' names those of that size"
                )
                raise GameFileError(msg)
            return demo_games(paths).turn()
        files = [read_games(path, size=size) for path in _checked_paths(paths)]
        games = Games.concatenate([file.games for file in files])
        problems = tuple(line for file in files for line in file.problems)
        return Corpus.from_games(games, problems=problems)

    @staticmethod
    def load(path: PathLike) -> "Corpus":
        """Read a corpus that `save` wrote, without games that no position came from.

        A file that is missing, damaged, of a newer version, or no corpus raises
        `CorpusFileError`.
        """
        from conceptlrp.othello.files.corpus_file import read_corpus

        stored = read_corpus(_checked_path(path))
        corpus = Corpus(
            **stored.positions, games=stored.games, problems=stored.problems
        )
        if corpus.digest != stored.digest:
            msg = f"{path}: is damaged: its content does not agree with its digest"
            raise CorpusFileError(msg)
        return corpus

    def save(self, path: PathLike, *, overwrite: bool = False) -> None:
        """Write the corpus as HDF5, with the games that its positions come from.

        The file, usually ``.h5``, appears once it is complete. One that is there
        already, and not to be overwritten, raises `OutputExistsError`, one that cannot
        be written `CorpusFileError`.
        """
        place, content = _checked_path(path), self.to_bytes()
        write_whole(place, content, overwrite=overwrite, error=CorpusFileError)

    def to_bytes(self) -> memoryview:
        """Return the bytes of the file that `save` writes."""
        from conceptlrp.othello.files.corpus_file import StoredCorpus, corpus_bytes

        used = self.compact()
        return corpus_bytes(
            StoredCorpus(used.columns(), used.games, used.problems, self.digest)
        )

    @staticmethod
    def from_boards(boards: ArrayLike) -> "Corpus":
        """Make a corpus of boards (N, n, n), or (n, n), that no game is known of.

        +1 is a disc of the side to move, which is black, -1 one of the other side, 0
        empty; n is 6 or 8 and row 0 is rank 1. Other shapes and values raise
        `ValueError`.

        >>> boards = np.zeros((1, 8, 8), int)
        >>> boards[0, 0, 0] = 1
        >>> Corpus.from_boards(boards).position(0).obf()[:4]
        'X---'
        """
        array = _boards(boards)
        own, opponent = from_boards(array == 1), from_boards(array == -1)
        return _without_games(own, opponent, np.full(len(own), BLACK), array.shape[1])

    @staticmethod
    def from_positions(positions: Position | Iterable[Position]) -> "Corpus":
        """Make a corpus of single positions, without played moves.

        None at all, or several sizes, raise `ValueError`.
        """
        if isinstance(positions, Position):
            positions = [positions]
        check_type(positions, Iterable, "positions", "a list of Position")
        listed = list(positions)
        for i, found in enumerate(listed):
            check_type(found, Position, f"position {i}", "a Position")
        sizes = {position.size for position in listed}
        if len(sizes) != 1:
            msg = f"positions are of sizes {sorted(sizes)}, expected one size"
            raise ValueError(msg)
        own = np.array([position.own for position in listed], np.uint64)
        opponent = np.array([position.opponent for position in listed], np.uint64)
        movers = np.array([position.mover for position in listed])
        return _without_games(own, opponent, movers, sizes.pop())

    @staticmethod
    def from_games(games: Games, *, problems: tuple[str, ...] = ()) -> "Corpus":
        """Return every position before a recorded move, by game, then by ply."""
        found = replay(games.moves, size=games.size)
        unturned = np.zeros(len(found.own), np.uint8)
        columns = {n: getattr(found, n) for n in POSITION_COLUMNS if n != "symmetry"}
        return Corpus(**columns, symmetry=unturned, games=games, problems=problems)

    @staticmethod
    def concatenate(parts: Sequence["Corpus"]) -> "Corpus":
        """Join corpora of one board size, one after the other.

        Corpora that share a table of games go on sharing it.
        """
        for i, part in enumerate(parts):
            check_type(part, Corpus, f"part {i}", "a Corpus")
        tables = list({id(part.games): part.games for part in parts}.values())
        games = Games.concatenate(tables) if len(tables) != 1 else tables[0]
        firsts = np.cumsum([0, *(len(table) for table in tables)])
        first = {id(table): firsts[i] for i, table in enumerate(tables)}
        columns = {
            name: np.concatenate([part.columns()[name] for part in parts])
            for name in POSITION_COLUMNS
        }
        columns["game"] = np.concatenate([p.game + first[id(p.games)] for p in parts])
        problems = tuple(dict.fromkeys(line for p in parts for line in p.problems))
        return Corpus(**columns, games=games, problems=problems)

    @property
    def size(self) -> int:
        """Side of the board, 8 or 6."""
        return self.games.size

    @property
    def legal(self) -> NDArray[np.uint64]:
        """The legal moves of each position, as bitboards of shape (N,)."""
        return legal_moves(self.own, self.opponent, size=self.size)

    @property
    def year(self) -> NDArray[np.int16]:
        """The year of each position's game, of shape (N,), 0 when unknown."""
        return self.games.year[self.game]

    @property
    def black(self) -> NDArray[np.str_]:
        """Who had black in each position's game, of shape (N,)."""
        return self.games.black[self.game]

    @property
    def white(self) -> NDArray[np.str_]:
        """Who had white in each position's game, of shape (N,)."""
        return self.games.white[self.game]

    @property
    def margin(self) -> NDArray[np.float32]:
        """Discs by which the side to move won, empties to the winner; else NaN."""
        score = self.games.score.astype(np.float32)
        score[~self.games.finished] = np.nan
        black = (2 * score - np.float32(self.size**2))[self.game]
        return np.where(self.mover == BLACK, black, -black)

    @property
    def outcome(self) -> NDArray[np.float32]:
        """1 when the side to move won, 0 for a draw, -1; NaN when unfinished."""
        return np.sign(self.margin)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the positions and of what is known about their games."""
        compact = self.compact()
        columns = {**compact.columns(), **compact.games.columns()}
        return columns_digest(columns, size=self.size)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that have one entry a position, by name."""
        return {name: getattr(self, name) for name in POSITION_COLUMNS}

    def compact(self) -> "Corpus":
        """Leave out the games that no position comes from."""
        used, game = np.unique(self.game, return_inverse=True)
        if len(used) == len(self.games):
            return self
        rows = game.astype(np.int32)
        return replace(self, game=rows, games=self.games.take(used))

    def unique(self, *, symmetry: bool = False) -> "Corpus":
        """Keep the first of positions with the same discs, in the order of this corpus.

        Who is to move, black or white, is no difference, since a network does not see
        it; with ``symmetry``, nor is how a position is turned.
        """
        own, opponent = self.own, self.opponent
        if symmetry:
            own, opponent, _ = canonical(own, opponent)
        return self[first_of_equal(own, opponent)]

    def sample(self, count: int, *, seed: int = 0) -> "Corpus":
        """Draw some positions, or all if there are no more, in their order here.

        The same seed draws the same positions.
        """
        if count < 0:
            msg = f"sample of {count} positions, expected 0 or more"
            raise ValueError(msg)
        if count >= len(self):
            return self
        rows = np.random.default_rng(seed).choice(len(self), count, replace=False)
        return self[np.sort(rows)]

    def turn(self, *, seed: int = 0) -> "Corpus":
        """Turn each position by a random symmetry of its own; a seed repeats them.

        Game files record every game with the same first move, so that without
        this a corpus shows each opening in one orientation only.
        """
        return self.turned_by(np.random.default_rng(seed).integers(0, 8, len(self)))

    def turned_by(self, s: ArrayLike) -> "Corpus":
        """Turn positions by given symmetries 0 to 7, one for all or one for each."""
        return replace(
            self,
            own=turn(self.own, s),
            opponent=turn(self.opponent, s),
            played=turn_squares(self.played, s),
            symmetry=compose(self.symmetry, s),
        )

    def position(self, i: int) -> Position:
        """Return the position of a row, as turned here, with its last move."""
        i = self._row(i)
        before = self._moves_before(i)
        return Position(
            int(self.own[i]),
            int(self.opponent[i]),
            int(self.mover[i]),
            self.size,
            before[-1] if before else NO_MOVE,
        )

    def transcript(self, i: int) -> str:
        """Return the moves that led to a row's position, turned as it is."""
        return transcript_text(self._moves_before(self._row(i)), self.size)

    def describe(self, i: int) -> str:
        """Say which game a row's position is from, and which move comes next.

        Such as ``Tamenori - Shaman, 1995, move 23``; where nobody is named, the file
        and the number of the game in it.
        """
        i = self._row(i)
        game = int(self.game[i])
        black, white = str(self.games.black[game]), str(self.games.white[game])
        source, number = str(self.games.source[game]), int(self.games.index[game]) + 1
        parts = [f"{source}, game {number}" if source else f"game {number}"]
        if black or white:
            parts = [f"{black or '?'} - {white or '?'}"]
        if self.games.year[game]:
            parts.append(str(self.games.year[game]))
        return ", ".join([*parts, f"move {int(self.ply[i]) + 1}"])

    def frame(self) -> "pd.DataFrame":
        """Return what is known about each position as a table, one row each."""
        import pandas as pd

        games = {
            name: getattr(self.games, name)[self.game]
            for name in ("black", "white", "tournament", "year", "source", "index")
        }
        return pd.DataFrame(
            {
                "game": self.game,
                "ply": self.ply,
                "mover": np.where(self.mover == BLACK, "black", "white"),
                "played": square_names(self.size)[self.played],
                "outcome": self.outcome,
                "margin": self.margin,
                "symmetry": self.symmetry,
                **games,
            }
        )

    def _row(self, i: int) -> int:
        try:
            row = operator.index(i)
        except TypeError:
            msg = f"row is {i!r}, expected a whole number below {len(self)}"
            raise TypeError(msg) from None
        if not -len(self) <= row < len(self):
            msg = f"row is {row}, but the corpus has {len(self)} positions"
            raise IndexError(msg)
        return row

    def _moves_before(self, i: int) -> list[int]:
        recorded = self.games.moves[self.game[i], : self.ply[i]]
        turned: list[int] = turn_squares(recorded, int(self.symmetry[i])).tolist()
        return [move for move in turned if move != NO_MOVE]


@cache
def demo_games(name: str) -> Corpus:
    """Return games that ship as they were recorded, read once in a process."""
    shipped = SHIPPED[name]
    return Corpus.read(demo_path(shipped.games), size=shipped.size)


def _checked_path(path: PathLike) -> Path:
    """Return a path, or refuse what is none."""
    check_type(path, str | os.PathLike, "path", "a str or Path")
    return Path(path)


def _checked_paths(paths: PathLike | Iterable[PathLike]) -> list[Path]:
    """Return one path or several as a list that is not empty."""
    if isinstance(paths, str | os.PathLike) or not isinstance(paths, Iterable):
        return [_checked_path(paths)]
    listed = [_checked_path(path) for path in paths]
    if not listed:
        msg = "no game files given, expected .wtb, .txt, .ggf, .gam or .jsonl files"
        raise GameFileError(msg)
    return listed


def _without_games(
    own: NDArray[np.uint64], opponent: NDArray[np.uint64], mover: Any, size: int
) -> Corpus:
    n, discs = len(own), count(own | opponent).astype(np.int64)
    moves = np.full((1, size * size - 4), NO_MOVE, np.int8)
    columns: dict[str, Any] = {
        "own": own,
        "opponent": opponent,
        "mover": mover,
        "ply": np.clip(discs - 4, 0, None),
        "played": np.full(n, NO_MOVE),
        "game": np.zeros(n),
        "symmetry": np.zeros(n),
    }
    return Corpus(**columns, games=Games.from_moves(moves, size=size))


def _boards(boards: ArrayLike) -> NDArray[Any]:
    """Return boards (N, n, n) of +1, -1 and 0, or refuse what is none."""
    try:
        array = np.asarray(boards)
    # Lists of unequal lengths, and tensors that are not on the processor.
    except (TypeError, ValueError, RuntimeError) as error:
        msg = f"boards are no array of shape (N, 8, 8) or (N, 6, 6): {error}"
        raise ValueError(msg) from error
    if array.ndim == 2:
        array = array[None]
    shape = array.shape
    if array.ndim != 3 or shape[1] != shape[2] or shape[1] not in REGION:
        msg = f"boards have shape {shape}, expected (N, 8, 8) or (N, 6, 6)"
        raise ValueError(msg)
    wrong = ~np.isin(array, (-1, 0, 1))
    if wrong.any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        msg = (
            f"board {at[0]} holds {array[at]} in row {at[1]}, column {at[2]}, expected "
            "+1 (side to move), -1 (other side) or 0 (empty)"
        )
        raise ValueError(msg)
    return array
