"""Boards and heatmaps as small pictures of pixels, for programs without SVG.

Shapes use N positions, n x n squares and P x P pixels.
"""

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.networks.planes import bits, crop
from conceptlrp.othello import BLACK, NO_MOVE, Corpus

__all__ = ["PIXELS", "board_pictures", "enlarged"]

#: Width and height of a picture.
PIXELS = 128

Color = tuple[int, int, int]

_FELT, _LINE = (0xC9, 0xD8, 0xCC), (0x8A, 0x99, 0x8D)
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
# Radii in squares: the rim under a disc, the disc, the dot on the last move.
_RIM, _DISC, _DOT = 0.41, 0.37, 0.1
# Points that are looked at in each pixel, along either axis.
_FINE = 8


def board_pictures(positions: Corpus) -> NDArray[np.uint8]:
    """Draw positions: black and white discs on felt, the last move dotted.

    Returns (N, 3, P, P): Red, green and blue; the first rank on top.
    """
    n, size = len(positions), positions.size
    tiles = _tiles(PIXELS // size)[_tile_numbers(positions)]
    boards = tiles.transpose(0, 5, 1, 3, 2, 4).reshape(n, 3, size * tiles.shape[3], -1)
    pictures = np.empty((n, 3, PIXELS, PIXELS), np.uint8)
    pictures[:] = np.array(_FELT, np.uint8)[:, None, None]
    pictures[..., _middle(boards), _middle(boards)] = boards
    return pictures


def enlarged(maps: ArrayLike) -> NDArray[np.float32]:
    """Give every square of maps the pixels that `board_pictures` gives it.

    Shapes: `maps` (N, n, n). Returns (N, P, P): zero beside the board.
    """
    values = np.asarray(maps, np.float32)
    side = PIXELS // values.shape[-1]
    boards = values.repeat(side, axis=1).repeat(side, axis=2)
    pictures = np.zeros((len(values), PIXELS, PIXELS), np.float32)
    pictures[..., _middle(boards), _middle(boards)] = boards
    return pictures


def _middle(boards: NDArray[np.generic]) -> slice:
    edge = (PIXELS - boards.shape[-1]) // 2
    return slice(edge, edge + boards.shape[-1])


def _tile_numbers(positions: Corpus) -> NDArray[np.int64]:
    """Return the number of each square's tile, of shape (N, n, n)."""
    own, opponent = (
        crop(bits(words), size=positions.size)[:, 0].astype(np.int64)
        for words in (positions.own, positions.opponent)
    )
    is_black = (positions.mover == BLACK)[:, None, None]
    black = np.where(is_black, own, opponent)
    white = np.where(is_black, opponent, own)
    last = np.array([positions.position(i).last for i in range(len(positions))])
    words = np.where(last == NO_MOVE, 0, 1 << np.maximum(last, 0).astype(np.uint64))
    dotted = crop(bits(words), size=positions.size)[:, 0]
    numbers: NDArray[np.int64] = black + 2 * white + 2 * dotted * (black + white)
    return numbers


@cache
def _tiles(side: int) -> NDArray[np.uint8]:
    """Draw an empty square, discs and dotted discs, of shape (5, side, side, 3)."""
    black, white = [(_RIM, _BLACK)], [(_RIM, _BLACK), (_DISC, _WHITE)]
    rings = [[], black, white, [*black, (_DOT, _WHITE)], [*white, (_DOT, _BLACK)]]
    return np.stack([_tile(side, each) for each in rings])


def _tile(side: int, rings: list[tuple[float, Color]]) -> NDArray[np.uint8]:
    points = (np.arange(side * _FINE) + 0.5) / (side * _FINE) - 0.5
    distance = np.hypot(points[:, None], points)
    fine = np.empty((*distance.shape, 3))
    fine[:] = _FELT
    fine[:_FINE] = fine[:, :_FINE] = _LINE
    for radius, color in rings:
        fine[distance < radius] = color
    mixed = fine.reshape(side, _FINE, side, _FINE, 3).mean(axis=(1, 3))
    tile: NDArray[np.uint8] = np.rint(mixed).astype(np.uint8)
    return tile
