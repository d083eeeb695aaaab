"""Places: whether a channel looks, or fires, at the same squares on every board.

A place is a set of squares that does not change: a square, a part of the board, or a
class of squares that symmetries take into each other. Squares are compared with others
of the same ply and content, so that a channel of own discs, wherever they are, has no
place. By chance a map would lie as well if it were turned and moved: each is, by a
random symmetry and around the board, over whose edges it comes back. A turn alone
would leave a channel of all corners where it is. Shapes use M positions with maps, C
channels, K places and n x n squares.
"""

from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conceptlrp.labelling.columns import Columns, mask_bits
from conceptlrp.labels import Labels
from conceptlrp.labels.geometry import places
from conceptlrp.othello.symmetry import SYMMETRIES, turn_maps
from conceptlrp.statistics.ranks import codes

# Unlike labels of theory, places are found in nearly every map or in none.
_EXCHANGES: Final = 20


def place_labels(size: int, m: int) -> Labels:
    """Return the places as sets of squares, the same (M,) at every position."""
    words = {n: np.uint64(mask) for n, (_, mask) in places(size).items()}
    return Labels({}, {n: np.broadcast_to(w, m) for n, w in words.items()}, {})


def place_columns(
    plies: NDArray[np.intp],
    games: NDArray[np.intp],
    size: int,
    within: NDArray[Any] | None = None,
) -> Columns:
    """Return places, a row a square, compared within plies and values of `within`."""
    masks = np.array([mask for _, mask in places(size).values()], np.uint64)
    on_board = mask_bits(masks[None], size)[0]
    strata, mixed = np.repeat(plies, size**2), None
    if within is not None:
        mixed = strata
        kinds = codes(within).ravel()
        strata = strata * (int(kinds.max(initial=0)) + 1) + kinds
    columns = [np.tile(each, len(plies)) for each in on_board.T]
    repeated = np.repeat(games, size**2)
    return Columns(tuple(places(size)), columns, strata, repeated, size**2, mixed)


def place_exchanges(columns: Columns, size: int, *, seed: int) -> NDArray[np.int32]:
    """Return rows (B, n) of moved maps, alike within a game."""
    moved = _moved_squares(size)
    first = np.arange(0, len(columns.games), size**2)
    game = codes(columns.games[first])
    rng = np.random.default_rng(seed)
    found = np.empty((_EXCHANGES, len(columns.games)), np.int32)
    for rows in found:
        lots = rng.integers(0, len(moved), int(game.max(initial=-1)) + 1)
        rows[:] = (first[:, None] + moved[lots[game]]).ravel()
    return found


def moved_maps(maps: NDArray[Any], *, seed: int) -> NDArray[Any]:
    """Move each map (M, C, n, n) around the board and turn it, at random."""
    moved = _moved_squares(maps.shape[-1])
    lots = np.random.default_rng(seed).integers(0, len(moved), len(maps))
    flat = maps.reshape(*maps.shape[:2], -1)
    found = np.take_along_axis(flat, moved[lots][:, None], axis=2)
    return found.reshape(maps.shape)


@cache
def _moved_squares(size: int) -> NDArray[np.intp]:
    """Return squares (8 n n, n n) as every symmetry and every step takes them."""
    board = np.arange(size**2).reshape(size, size)
    turned = [turn_maps(board, s) for s in range(SYMMETRIES)]
    steps = [(down, right) for down in range(size) for right in range(size)]
    moved = [np.roll(each, step, (0, 1)).ravel() for each in turned for step in steps]
    return np.array(moved)
