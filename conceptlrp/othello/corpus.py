"""A corpus: positions from games, with where each one comes from.

Shapes use N positions and G games. Positions are seen by the side to move, and
each may be turned by a symmetry of the board: ``own``, ``opponent`` and ``played``
are as turned, while the games keep their moves as recorded.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.errors import GameFileError
from conceptlrp.othello.board import BLACK, NO_MOVE, PASS, REGION, legal_moves
from conceptlrp.othello.equality import first_of_equal
from conceptlrp.othello.formats import read_games
from conceptlrp.othello.games import Games
from conceptlrp.othello.notation import square_name, transcript_text
from conceptlrp.othello.position import Position
from conceptlrp.othello.replay import replay
from conceptlrp.othello.symmetry import canonical, compose, turn, turn_squares

if TYPE_CHECKING:
    import pandas as pd

Rows: TypeAlias = slice | Sequence[int] | NDArray[np.integer[Any]] | NDArray[np.bool_]

_DTYPES: Final[dict[str, type[np.generic]]] = {
    "own": np.uint64,
    "opponent": np.uint64,
    "mover": np.uint8,
    "ply": np.uint8,
    "played": np.int8,
    "game": np.int32,
    "symmetry": np.uint8,
}


@dataclass(frozen=True, eq=False)
class Corpus:
    """Positions in which a move was chosen, and the games they come from.

    Attributes
    ----------
    own, opponent : uint64 of shape (N,)
        Discs of the side to move and of the other side.
    mover : uint8 of shape (N,)
        `BLACK` or `WHITE`.
    ply : uint8 of shape (N,)
        Moves played before.
    played : int8 of shape (N,)
        The move that was played, `NO_MOVE` when unknown.
    game : int32 of shape (N,)
        Row of ``games``.
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
        for name, dtype in _DTYPES.items():
            column = np.asarray(getattr(self, name), dtype)
            if column.shape != (len(self.own),):
                message = f"{name} has shape {column.shape}, expected ({len(self)},)"
                raise ValueError(message)
            object.__setattr__(self, name, column)
        if len(self) and not 0 <= self.game.min() <= self.game.max() < len(self.games):
            message = f"positions are of games beyond the {len(self.games)} given"
            raise ValueError(message)

    def __len__(self) -> int:
        return len(self.own)

    def __getitem__(self, rows: Rows) -> "Corpus":
        if isinstance(rows, int | np.integer):
            message = f"corpus[{rows}] is one position; call corpus.position({rows})"
            raise TypeError(message)
        chosen = rows if isinstance(rows, slice) else np.asarray(rows)
        if not isinstance(chosen, slice) and not chosen.size:
            chosen = chosen.astype(np.intp)
        taken: dict[str, Any] = {n: c[chosen] for n, c in self.columns().items()}
        return replace(self, **taken)

    @staticmethod
    def read(paths: str | Path | Iterable[str | Path], *, size: int = 8) -> "Corpus":
        """Read the positions of game files.

        Parameters
        ----------
        paths : path or paths
            WTHOR files (``.wtb``), transcripts (``.txt``), GGF (``.ggf``), game books
            of Logistello (``.gam``) and self-play (``.jsonl``).
        size : int
            Side of the board, 8 or 6.

        Returns
        -------
        Corpus
            Every position before a recorded move, files and games in order.

        Raises
        ------
        GameFileError
            A file cannot be read, or is of another kind.
        """
        listed = [paths] if isinstance(paths, str | Path) else list(paths)
        if not listed:
            message = "no game files given, expected .wtb, .txt or .jsonl files"
            raise GameFileError(message)
        files = [read_games(path, size=size) for path in listed]
        games = Games.concatenate([file.games for file in files])
        problems = tuple(line for file in files for line in file.problems)
        return Corpus.from_games(games, problems=problems)

    @staticmethod
    def load(path: str | Path) -> "Corpus":
        """Read a corpus that `save` wrote.

        Parameters
        ----------
        path : str or Path
            The file.

        Returns
        -------
        Corpus
            Equal to what was saved, without games that no position came from.

        Raises
        ------
        CorpusFileError
            The file is missing, damaged, of a newer version, or no corpus.
        """
        from conceptlrp.othello.corpus_file import load_corpus

        return load_corpus(path)

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the corpus as HDF5, with the games that its positions come from.

        Parameters
        ----------
        path : str or Path
            The file, usually ``.h5``. It appears once it is complete.
        overwrite : bool
            Replace what stands at the path.

        Raises
        ------
        OutputExistsError
            Something stands at the path and is not to be overwritten.
        CorpusFileError
            The file cannot be written.
        """
        from conceptlrp.othello.corpus_file import save_corpus

        save_corpus(self, path, overwrite=overwrite)

    @staticmethod
    def from_games(games: Games, *, problems: tuple[str, ...] = ()) -> "Corpus":
        """Return every position of some games before a recorded move.

        Parameters
        ----------
        games : Games
            The games.
        problems : tuple of str
            One line for each game that was left out before.

        Returns
        -------
        Corpus
            Positions ordered by game, then by ply, none of them turned.
        """
        found = replay(games.moves, size=games.size)
        unturned = np.zeros(len(found.own), np.uint8)
        columns = {n: getattr(found, n) for n in _DTYPES if n != "symmetry"}
        return Corpus(**columns, symmetry=unturned, games=games, problems=problems)

    @staticmethod
    def concatenate(parts: Sequence["Corpus"]) -> "Corpus":
        """Join corpora; those that share a table of games go on sharing it.

        Parameters
        ----------
        parts : sequence of Corpus
            The corpora, of one board size.

        Returns
        -------
        Corpus
            Their positions, one corpus after the other.

        Raises
        ------
        ValueError
            There are none, or their boards differ in size.
        """
        tables = list({id(part.games): part.games for part in parts}.values())
        games = Games.concatenate(tables) if len(tables) != 1 else tables[0]
        firsts = np.cumsum([0, *(len(table) for table in tables)])
        first = {id(table): firsts[i] for i, table in enumerate(tables)}
        columns = {
            name: np.concatenate([part.columns()[name] for part in parts])
            for name in _DTYPES
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
        """By how many discs the side to move won, of shape (N,).

        The winner is given the empty squares. NaN when the game is unfinished.
        """
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
        digest = hashlib.sha256(f"conceptlrp corpus 1, size {self.size}".encode())
        for name, column in {**compact.columns(), **compact.games.columns()}.items():
            digest.update(f"\n{name} {column.shape}\n".encode())
            digest.update(_plain_bytes(column))
        return digest.hexdigest()

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that have one entry a position, by name."""
        return {name: getattr(self, name) for name in _DTYPES}

    def compact(self) -> "Corpus":
        """Leave out the games that no position comes from."""
        used, game = np.unique(self.game, return_inverse=True)
        if len(used) == len(self.games):
            return self
        rows = game.astype(np.int32)
        return replace(self, game=rows, games=self.games.take(used))

    def unique(self, *, symmetry: bool = False) -> "Corpus":
        """Keep the first of positions with the same discs.

        Parameters
        ----------
        symmetry : bool
            Take positions that are turnings of each other for the same.

        Returns
        -------
        Corpus
            In the order of this one. Who is to move, black or white, is no
            difference, since a network does not see it.
        """
        own, opponent = self.own, self.opponent
        if symmetry:
            own, opponent, _ = canonical(own, opponent)
        return self[first_of_equal(own, opponent)]

    def sample(self, n: int, *, seed: int = 0) -> "Corpus":
        """Draw positions at random without replacement.

        Parameters
        ----------
        n : int
            How many; if there are no more, all are kept.
        seed : int
            The same seed draws the same positions.

        Returns
        -------
        Corpus
            The positions in the order of this corpus.

        Raises
        ------
        ValueError
            The number is negative.
        """
        if n < 0:
            message = f"sample of {n} positions, expected 0 or more"
            raise ValueError(message)
        if n >= len(self):
            return self
        rows = np.random.default_rng(seed).choice(len(self), n, replace=False)
        return self[np.sort(rows)]

    def turn(self, *, seed: int = 0) -> "Corpus":
        """Turn each position by a random symmetry of its own.

        Game files record every game with the same first move, so that without
        this a corpus shows each opening in one orientation only.

        Parameters
        ----------
        seed : int
            The same seed gives the same symmetries.

        Returns
        -------
        Corpus
            As many positions, in the same order.
        """
        return self.turned_by(np.random.default_rng(seed).integers(0, 8, len(self)))

    def turned_by(self, s: ArrayLike) -> "Corpus":
        """Turn positions by given symmetries.

        Parameters
        ----------
        s : int or int array of shape (N,)
            One symmetry for all positions, or one for each.

        Returns
        -------
        Corpus
            ``symmetry`` tells how the positions are turned in all.
        """
        return replace(
            self,
            own=turn(self.own, s),
            opponent=turn(self.opponent, s),
            played=turn_squares(self.played, s),
            symmetry=compose(self.symmetry, s),
        )

    def position(self, i: int) -> Position:
        """Return one position.

        Parameters
        ----------
        i : int
            Row of the corpus.

        Returns
        -------
        Position
            As it is turned here, with the move that led to it as its last.
        """
        before = self._moves_before(i)
        return Position(
            int(self.own[i]),
            int(self.opponent[i]),
            int(self.mover[i]),
            self.size,
            before[-1] if before else NO_MOVE,
        )

    def transcript(self, i: int) -> str:
        """Return the moves that led to a position.

        Parameters
        ----------
        i : int
            Row of the corpus.

        Returns
        -------
        str
            A transcript, turned as the position is.
        """
        return transcript_text(self._moves_before(i), self.size)

    def describe(self, i: int) -> str:
        """Say which game a position is from, and which move comes next.

        Parameters
        ----------
        i : int
            Row of the corpus.

        Returns
        -------
        str
            Such as ``Tamenori - Shaman, 1995, move 23``; where nobody is named,
            the file and the number of the game in it.
        """
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
        region = REGION[self.size]
        on_board = [region >> square & 1 for square in range(PASS)] + [1, 0]
        names = np.array(
            [square_name(s, self.size) if on else "" for s, on in enumerate(on_board)]
        )
        return pd.DataFrame(
            {
                "game": self.game,
                "ply": self.ply,
                "mover": np.where(self.mover == BLACK, "black", "white"),
                "played": names[self.played],
                "outcome": self.outcome,
                "margin": self.margin,
                "symmetry": self.symmetry,
                **games,
            }
        )

    def _moves_before(self, i: int) -> list[int]:
        recorded = self.games.moves[self.game[i], : self.ply[i]]
        turned: list[int] = turn_squares(recorded, int(self.symmetry[i])).tolist()
        return [move for move in turned if move != NO_MOVE]


def _plain_bytes(column: NDArray[Any]) -> bytes:
    """Return the content of a column, whatever the width of its strings."""
    if column.dtype.kind == "U":
        return "\0".join(column.tolist()).encode()
    return np.ascontiguousarray(column, column.dtype.newbyteorder("<")).tobytes()
