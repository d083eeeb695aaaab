"""A corpus: positions from games, with where each one comes from.

Shapes use N positions and G games. Positions are seen by the side to move, and
each may be turned by a symmetry of the board: ``own``, ``opponent`` and ``played``
are as turned, while the games keep their starts and moves as recorded.
"""

import operator
import os
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.drawing.notebook import html_table
from conceptlrp.errors import CorpusFileError, GameFileError, check_least, check_type
from conceptlrp.files import checked_path, checked_paths, write_whole
from conceptlrp.late import pd
from conceptlrp.othello.board import (
    BLACK,
    NO_MOVE,
    check_size,
    count,
    from_boards,
    given_boards,
    legal_moves,
)
from conceptlrp.othello.files.formats import read_all
from conceptlrp.othello.games import (
    POSITION_COLUMNS,
    STARTS,
    Games,
    black_margins,
    columns_digest,
)
from conceptlrp.othello.given import given_columns
from conceptlrp.othello.position import Position, square_names, transcript_text
from conceptlrp.othello.replay import replay
from conceptlrp.othello.symmetry import (
    canonical,
    compose,
    first_of_equal,
    turn,
    turn_squares,
)
from conceptlrp.shipped import SHIPPED, demo_name, demo_path

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
        `BLACK` or `WHITE`, and the moves played before: the discs less four.
    played, game : int8 and int32 of shape (N,)
        The move that was played, `NO_MOVE` when unknown, and the row of ``games``.
    symmetry : uint8 of shape (N,)
        How the position is turned from what was recorded.
    games : Games
        The games.
    problems, notes : tuple of str
        One line for each game that reading left out, and what else it has to say.
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
    notes: tuple[str, ...] = ()

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
            ("left out", f"{len(self.problems):,}"),
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

        `paths` is one or several files of games or positions, whose formats are told
        by their content; or "demo" or "demo6" for the self-played games that ship, on
        8 x 8 or 6 x 6, each of whose positions is turned by a random symmetry of its
        own, the same at every call. `size` is for files that do not tell it, which are
        8 x 8 without. A file in which nothing can be read, or which is of another size,
        raises `GameFileError`; what is left out is told in `problems`.
        """
        if isinstance(paths, str) and paths in SHIPPED:
            if size not in (None, played := SHIPPED[paths].size):
                msg = (
                    f"the games '{paths}' are {played} x {played}, not {size} x "
                    f"{size}; '{demo_name(size)}' names those of that size"
                )
                raise GameFileError(msg)
            return demo_games(paths).turn()
        listed = checked_paths(paths, "game files", GameFileError)
        found = read_all(listed, size=size)
        texts = {"problems": found.problems, "notes": found.notes}
        return Corpus.from_games(found.games, **texts)

    @staticmethod
    def load(path: PathLike) -> "Corpus":
        """Read a corpus that `save` wrote, without games that no position came from.

        A file that is missing, damaged, of a newer version, or no corpus raises
        `CorpusFileError`.
        """
        from conceptlrp.othello.files.corpus_file import read_corpus

        stored, digest = read_corpus(checked_path(path))
        corpus = Corpus(**stored)
        if corpus.digest != digest:
            msg = f"{path}: is damaged: its content does not agree with its digest"
            raise CorpusFileError(msg)
        return corpus

    def save(self, path: PathLike, *, overwrite: bool = False) -> None:
        """Write the corpus as HDF5, with the games that its positions come from.

        The file, usually ``.h5``, appears once it is complete. One that is there
        already, and not to be overwritten, raises `OutputExistsError`, one that cannot
        be written `CorpusFileError`.
        """
        data, own = self.to_bytes(packed=True), b"conceptlrp-corpus"
        write_whole(path, data, overwrite=overwrite, error=CorpusFileError, token=own)

    def to_bytes(self, *, packed: bool = False) -> memoryview:
        """Return the bytes of a file of the corpus; `save` writes it packed."""
        from conceptlrp.othello.files.corpus_file import corpus_bytes

        return corpus_bytes(vars(self.compact()), self.digest, packed=packed)

    @staticmethod
    def from_boards(
        boards: ArrayLike,
        *,
        mover: ArrayLike | None = None,
        played: ArrayLike | None = None,
        game: Iterable[Hashable] | None = None,
        size: int | None = None,
    ) -> "Corpus":
        """Make a corpus of boards (N, n, n), or (n, n), each a game of its own.

        +1 is a disc of the side to move, -1 one of the other side, 0 empty; n is 6 or 8
        and row 0 is rank 1. Arrays, tensors and lists are read alike. `mover` is 0
        or "black" (as without), 1 or "white", one for all or one a board. `played` are
        the moves that were chosen, squares or names, one a board, -1, "" or None where
        it is not known. `game` are labels of any kind, one a board: boards with one
        label are of one game. `size` only checks the boards. Other shapes and values
        raise `ValueError`, a move that is not legal `IllegalMoveError`.

        >>> boards = np.zeros((1, 8, 8), int)
        >>> boards[0, 0, :2] = 1, -1
        >>> Corpus.from_boards(boards, played=["c1"]).position(0).obf()[:4]
        'XO--'
        """
        array = given_boards(boards, size)
        sides = from_boards(array == 1), from_boards(array == -1)
        return Corpus(**given_columns(*sides, mover, array.shape[1], played, game))

    @staticmethod
    def from_positions(
        positions: Position | Iterable[Position],
        *,
        played: ArrayLike | None = None,
        game: Iterable[Hashable] | None = None,
        size: int | None = None,
    ) -> "Corpus":
        """Make a corpus of positions, each a game of its own.

        The options are those of `from_boards`. No position at all, or several sizes,
        raise `ValueError`.
        """
        if isinstance(positions, Position):
            positions = [positions]
        check_type(positions, Iterable, "positions", "a list of Position")
        listed = list(positions)
        for i, found in enumerate(listed):
            check_type(found, Position, f"position {i}", "a Position")
        sizes = {position.size for position in listed}
        if len(sizes) != 1:
            are = f"positions are of sizes {sorted(sizes)}" if sizes else "no positions"
            msg = f"{are}, expected one size"
            raise ValueError(msg)
        check_size(listed[0].size, size)
        rows = [(each.own, each.opponent, each.mover) for each in listed]
        own, opponent, movers = np.array(rows, np.uint64).T
        return Corpus(**given_columns(own, opponent, movers, sizes.pop(), played, game))

    @staticmethod
    def from_games(
        games: Games, *, problems: tuple[str, ...] = (), notes: tuple[str, ...] = ()
    ) -> "Corpus":
        """Return every position before a recorded move, by game, then by ply.

        A game without moves gives the board it begins from, unless that is the usual
        start.
        """
        found = replay(games.moves, size=games.size, starts=games.starts)
        columns = {n: getattr(found, n) for n in POSITION_COLUMNS if n != "symmetry"}
        columns["symmetry"] = np.zeros(len(found.own), np.uint8)
        return Corpus(**columns, games=games, problems=problems, notes=notes)

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
        notes = tuple(dict.fromkeys(line for p in parts for line in p.notes))
        return Corpus(**columns, games=games, problems=problems, notes=notes)

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
        return self._seen(self.games.score, self.games.finished)

    @property
    def theoretical_margin(self) -> NDArray[np.float32]:
        """The margin under perfect play that the game's file gives; else NaN."""
        score = self.games.theoretical_score
        return self._seen(score, score >= 0)

    @property
    def last(self) -> NDArray[np.int8]:
        """The move before each position, as turned, of shape (N,).

        `NO_MOVE` before the first move of a game and where it is not known.
        """
        games, moves = self.games, self.games.moves
        begun = count(games.start_black | games.start_white)[self.game]
        place = np.subtract(count(self.own | self.opponent), begun, dtype=np.int16)
        recorded = moves[self.game, np.clip(place - 1, 0, moves.shape[1] - 1)]
        return turn_squares(np.where(place > 0, recorded, NO_MOVE), self.symmetry)

    @property
    def outcome(self) -> NDArray[np.float32]:
        """1 when the side to move won, 0 for a draw, -1; NaN when unfinished."""
        return np.sign(self.margin)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the positions and of what is known about their games."""
        compact = self.compact()
        columns = {**compact.columns(), **compact.games.raw_columns()}
        # Most corpora keep the digest that they had when no game had its own start.
        if compact.games.standard.all():
            columns = {n: c for n, c in columns.items() if n not in STARTS}
        return columns_digest(columns, size=self.size)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that have one entry a position, by name."""
        return {name: getattr(self, name) for name in POSITION_COLUMNS}

    def compact(self) -> "Corpus":
        """Leave out the games that no position comes from."""
        is_used = np.zeros(len(self.games), np.bool_)
        is_used[self.game] = True
        if is_used.all():
            return self
        number = np.cumsum(is_used, dtype=np.int32) - 1
        return replace(self, game=number[self.game], games=self.games.take(is_used))

    def unique(self, *, symmetry: bool = False) -> "Corpus":
        """Keep the first of positions with the same discs, in the order of this corpus.

        Who is to move, black or white, is no difference, since a network does not see
        it; with ``symmetry``, nor is how a position is turned. A note counts what is
        left out.
        """
        own, opponent = self.own, self.opponent
        if symmetry:
            own, opponent, _ = canonical(own, opponent)
        kept = self[first_of_equal(own, opponent)]
        left = f"{len(self) - len(kept):,} of {len(self):,} positions are left out"
        how = "equal to one before" + " up to symmetry" * symmetry
        return replace(kept, notes=(*self.notes, f"{left}, {how}"))

    def sample(self, count: int, *, seed: int = 0) -> "Corpus":
        """Draw some positions, or all if there are no more, in their order here.

        The same seed draws the same positions.
        """
        check_least("count", count, 0)
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
        sides = int(self.own[i]), int(self.opponent[i]), int(self.mover[i])
        last = turn_squares([NO_MOVE, *self._moves_before(i)], self.symmetry[i])[-1]
        return Position(*sides, self.size, last)

    def transcript(self, i: int, *, whole: bool = False) -> str:
        """Return the moves that led to a row's position, or its whole game.

        They are played from the usual start, and ``symmetry`` turns what they lead to
        into the position here. Empty where they are not known, or where there are none.
        """
        i = self._row(i)
        game = int(self.game[i])
        known = self.games.starts.take(slice(game, game + 1)).standard(self.size)[0]
        moves = self.games.moves[game] if whole else self._moves_before(i)
        return transcript_text(moves, self.size) if known else ""

    def describe(self, i: int) -> str:
        """Say which game a row's position is from, and which move comes next.

        Such as ``Tamenori - Shaman, 1995, move 23``; where nobody is named, the file
        and the number of the game in it. A board that no game is known of has its
        number alone, such as ``board 12``.
        """
        i = self._row(i)
        game = int(self.game[i])
        black, white = str(self.games.black[game]), str(self.games.white[game])
        source, loose = str(self.games.source[game]), self.is_loose[game]
        name = f"{'board' if loose else 'game'} {int(self.games.index[game]) + 1}"
        parts = [f"{source}, {name}" if source else name]
        if black or white:
            parts = [f"{black or '?'} - {white or '?'}"]
        if self.games.year[game]:
            parts.append(str(self.games.year[game]))
        return ", ".join([*parts, *[f"move {int(self.ply[i]) + 1}"] * (not loose)])

    def frame(self) -> "pd.DataFrame":
        """Return what is known about each position as a table, one row each."""
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
                "theoretical_margin": self.theoretical_margin,
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
        """Return the moves before a position as recorded, none where not all are."""
        game = self.game[i]
        begun = int(self.games.start_black[game] | self.games.start_white[game])
        place = int(self.own[i] | self.opponent[i]).bit_count() - begun.bit_count()
        moves: list[int] = self.games.moves[game, : max(place, 0)].tolist()
        return [] if NO_MOVE in moves else moves

    @cached_property
    def is_loose(self) -> NDArray[np.bool_]:
        """Whether each game is but a board: the only one here, with a move at most."""
        moves = (self.games.moves[:, :2] >= 0).sum(axis=1)
        # NumPy counts copies of eight bytes a position.
        step, counts = max(1 << 20, len(self.games)), np.zeros(len(self.games), int)
        for first in range(0, len(self), step):
            counts += np.bincount(
                self.game[first : first + step], minlength=len(counts)
            )
        single = counts == 1
        return np.asarray(single & (moves <= ~self.games.standard))

    def _seen(
        self, score: NDArray[np.int8], known: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Return scores of the games as margins of the side to move."""
        black = black_margins(score, known, self.size)[self.game]
        return np.where(self.mover == BLACK, black, 0 - black)


@cache
def demo_games(name: str) -> Corpus:
    """Return games that ship as they were recorded, read once in a process."""
    shipped = SHIPPED[name]
    return Corpus.read(demo_path(shipped.games), size=shipped.size)
