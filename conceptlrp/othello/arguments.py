"""What a corpus is made of, checked: paths, boards and positions.

Shapes use N positions and boards of n x n squares.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.errors import GameFileError, check_type
from conceptlrp.othello.board import BLACK, NO_MOVE, REGION, count, from_boards
from conceptlrp.othello.position import Position

#: What is kept of each position.
POSITION_COLUMNS: Final[dict[str, type[np.generic]]] = {
    "own": np.uint64,
    "opponent": np.uint64,
    "mover": np.uint8,
    "ply": np.uint8,
    "played": np.int8,
    "game": np.int32,
    "symmetry": np.uint8,
}

Columns: TypeAlias = dict[str, NDArray[Any]]
PathLike: TypeAlias = str | os.PathLike[str]


def checked_path(path: PathLike) -> Path:
    """Return a path, or refuse what is none."""
    check_type(path, str | os.PathLike, "path", "a str or Path")
    return Path(path)


def checked_paths(paths: PathLike | Iterable[PathLike]) -> list[Path]:
    """Return one path or several as a list that is not empty."""
    if isinstance(paths, str | os.PathLike) or not isinstance(paths, Iterable):
        return [checked_path(paths)]
    listed = [checked_path(path) for path in paths]
    if not listed:
        msg = "no game files given, expected .wtb, .txt, .ggf, .gam or .jsonl files"
        raise GameFileError(msg)
    return listed


def columns_of_boards(boards: ArrayLike) -> tuple[Columns, int]:
    """Return the columns of a corpus of boards, black to move, and their size."""
    array = _boards(boards)
    own, opponent = from_boards(array == 1), from_boards(array == -1)
    return _columns(own, opponent, np.full(len(own), BLACK)), array.shape[1]


def columns_of_positions(
    positions: Position | Iterable[Position],
) -> tuple[Columns, int]:
    """Return the columns of a corpus of single positions, and their size."""
    listed = _positions(positions)
    sizes = {position.size for position in listed}
    if len(sizes) != 1:
        msg = f"positions are of sizes {sorted(sizes)}, expected one size"
        raise ValueError(msg)
    own = np.array([position.own for position in listed], np.uint64)
    opponent = np.array([position.opponent for position in listed], np.uint64)
    movers = np.array([position.mover for position in listed])
    return _columns(own, opponent, movers), sizes.pop()


def _columns(
    own: NDArray[np.uint64], opponent: NDArray[np.uint64], mover: NDArray[Any]
) -> Columns:
    n, discs = len(own), count(own | opponent).astype(np.int64)
    return {
        "own": own,
        "opponent": opponent,
        "mover": mover,
        "ply": np.clip(discs - 4, 0, None),
        "played": np.full(n, NO_MOVE),
        "game": np.zeros(n),
        "symmetry": np.zeros(n),
    }


def _positions(positions: Position | Iterable[Position]) -> list[Position]:
    if isinstance(positions, Position):
        return [positions]
    check_type(positions, Iterable, "positions", "a list of Position")
    listed = list(positions)
    for i, found in enumerate(listed):
        check_type(found, Position, f"position {i}", "a Position")
    return listed


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
