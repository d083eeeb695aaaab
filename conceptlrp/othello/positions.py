"""Positions in any form that somebody has them in."""

from collections.abc import Sequence
from os import PathLike
from typing import TypeAlias

from numpy.typing import ArrayLike

from conceptlrp.othello.corpus import Corpus
from conceptlrp.othello.position import Position

#: A corpus, one position or several, boards (N, n, n) or (n, n), or text of moves.
Positions: TypeAlias = Corpus | Position | Sequence[Position] | ArrayLike


def as_corpus(positions: Positions, size: int = 8) -> Corpus:
    """Return positions in any form as a corpus; text is moves or OBF."""
    if isinstance(positions, Corpus):
        return positions
    if isinstance(positions, str):
        return Corpus.from_positions(Position.from_text(positions, size))
    listed = list(positions) if isinstance(positions, list | tuple) else [positions]
    if any(isinstance(each, Position) for each in listed):
        return Corpus.from_positions(listed)  # type: ignore[arg-type]
    if isinstance(positions, list | tuple) or hasattr(positions, "__array__"):
        return Corpus.from_boards(positions)
    msg = (
        f"positions are {type(positions).__name__}, expected a Corpus, Position, "
        "list of Position, array of boards or text of moves; Corpus.read reads files "
        "and Corpus.from_games takes Games"
    )
    raise TypeError(msg)


def given_corpus(corpus: Positions) -> Corpus:
    """Return positions in any form as a corpus; a path is no corpus yet."""
    if isinstance(corpus, str | PathLike):
        msg = f"corpus is {str(corpus)!r}; read game files with Corpus.read"
        raise TypeError(msg)
    return as_corpus(corpus)


def as_position(position: Positions, size: int = 8) -> Position:
    """Return one position: itself, alone in a list or corpus, a board (n, n), text."""
    listed = position if isinstance(position, list | tuple) else ()
    if isinstance(position, Corpus) or any(isinstance(p, Position) for p in listed):
        corpus = as_corpus(position)
        if len(corpus) != 1:
            msg = f"found {len(corpus)} positions, expected one: corpus.position(row)"
            raise ValueError(msg)
        return corpus.position(0)
    if isinstance(position, Position):
        return position
    if isinstance(position, str):
        return Position.from_text(position, size)
    return Position.from_array(position)  # type: ignore[arg-type]
