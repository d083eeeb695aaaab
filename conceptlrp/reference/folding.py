"""Orientation folding: turn boards so that one channel's maps lie on each other.

Shapes use k boards and n x n squares. A channel that looks at one corner shows it
in any of four corners of its reference boards where the network has learned the
game's symmetry; folded, all boards show it in one.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from conceptlrp.othello import (
    NO_MOVE,
    Position,
    parse_square,
    parse_transcript,
    square_name,
    transcript_text,
)
from conceptlrp.othello.symmetry import turn, turn_maps, turn_squares


def fold_orientations(heatmaps: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Find how to turn each map so that it agrees best with the first.

    Two maps agree by their scalar product, which among the turnings of one map
    orders as their cosine does. Returns the symmetry of each map (k, n, n), 0 for the
    first; the lowest where several agree as well.

    Examples
    --------
    >>> corners = np.zeros((2, 8, 8))
    >>> corners[0, 0, 0] = corners[1, 0, 7] = 1.0
    >>> fold_orientations(corners)
    array([0, 1], dtype=uint8)
    """
    maps = np.asarray(heatmaps, dtype=np.float64)
    if len(maps) == 0:
        return np.empty(0, np.uint8)
    turnings = np.stack([turn_maps(maps, s) for s in range(8)])
    # Turning keeps the length of a map, so the product orders as the cosine does.
    agreement = np.einsum("skxy,xy->ks", turnings, maps[0])
    # Sums in another order differ by rounding, which must not decide between equals.
    scale = np.linalg.norm(maps, axis=(1, 2)) * np.linalg.norm(maps[0])
    best = agreement.max(axis=1) - 1e-12 * scale
    reached = agreement >= best[:, None]
    symmetries: NDArray[np.uint8] = reached.argmax(axis=1).astype(np.uint8)
    symmetries[0] = 0
    return symmetries


def turned_position(position: Position, s: int) -> Position:
    """Turn a position, its last move included."""
    return replace(
        position,
        own=int(turn(position.own, s)),
        opponent=int(turn(position.opponent, s)),
        last=int(turn_squares(position.last, s)),
    )


def turned_transcript(text: str, s: int, size: int) -> str:
    """Turn the moves of a transcript."""
    moves = np.array(parse_transcript(text, size), dtype=np.int8)
    return transcript_text(turn_squares(moves, s).tolist(), size)


def turned_move(name: str, s: int, size: int) -> str:
    """Turn a move by name; a pass and no move stay what they are."""
    square = parse_square(name, size) if name else NO_MOVE
    return square_name(int(turn_squares(square, s)), size) if name else ""
