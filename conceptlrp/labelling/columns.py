"""Labels as columns to score channels by, and maps against sets of squares.

Shapes use N positions, C channels, K labels, n rows of columns and n x n squares of
the board; sets of squares are bitboards as in `conceptlrp.othello`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.labels import LOCATION_CLASSES, Labels, location_classes
from conceptlrp.labels.geometry import places
from conceptlrp.labels.labels import Words
from conceptlrp.othello.board import count
from conceptlrp.othello.symmetry import SYMMETRIES, turn_maps
from conceptlrp.statistics.estimates import ratio
from conceptlrp.statistics.ranks import (
    Floats,
    LabelMatrix,
    centered_ranks,
    codes,
    effects,
    label_matrix,
)

_SIZES = (6, 8)
_BLOCK = 512


def relevance_share(maps: ArrayLike, masks: ArrayLike) -> Floats:
    """Compute which part of a channel's map lies on a set of squares.

    ``share = mean_n sum_{s in mask} |R_n(s)| / sum_s |R_n(s)|`` (C, K) over positions
    with a set that is not empty and a map that is not zero; nan where there are none.
    """

    def shares(weight: NDArray[Any], bits: NDArray[np.bool_]) -> Floats:
        weight = weight.astype(np.float64)
        inside = np.einsum("nsc,nsk->nck", weight, bits, optimize=True)
        mass = weight.sum(axis=1)
        return np.asarray(inside / np.where(mass > 0, mass, 1)[:, :, None])

    return _mean_over_positions(maps, masks, shares)


def relevance_iou(maps: ArrayLike, masks: ArrayLike, *, level: float = 0.25) -> Floats:
    """Compute how well the squares that a channel reads agree with a set of squares.

    ``IoU = mean_n |A_n & mask| / |A_n | mask|`` (C, K) with ``A_n`` the squares that
    have at least ``level`` times the largest ``|R_n(s)|``, over positions as in
    `relevance_share`. See Bau et al., "Network Dissection", CVPR 2017.
    """

    def overlaps(weight: NDArray[Any], bits: NDArray[np.bool_]) -> Floats:
        least = level * weight.max(axis=1)[:, None]
        active = ((weight >= least) & (weight > 0)).astype(np.float32)
        masked = bits.astype(np.float32)
        both = np.einsum("nsc,nsk->nck", active, masked, optimize=True)
        sizes = active.sum(axis=1)[:, :, None] + masked.sum(axis=1)[:, None, :]
        return np.asarray(both / np.maximum(sizes - both, 1))

    return _mean_over_positions(maps, masks, overlaps)


def within_board_auroc(maps: ArrayLike, masks: ArrayLike) -> Floats:
    """Return how often squares of a set exceed others of a board (C, K), else nan."""
    flat, bits = flat_maps(maps), mask_bits(masks, _size(maps))
    boards = np.repeat(np.arange(len(flat)), flat.shape[1])
    ranks = centered_ranks(flat.reshape(len(boards), -1), boards)
    columns = list(bits.reshape(len(boards), -1).T)
    return (effects(ranks, label_matrix(columns, boards)) + 1) / 2


def flat_maps(maps: ArrayLike) -> NDArray[Any]:
    """Return maps (N, C, n, n) with squares before channels, (N, n n, C)."""
    array = np.asarray(maps)
    flat: NDArray[Any] = array.reshape(*array.shape[:2], _size(array) ** 2)
    return np.ascontiguousarray(flat.swapaxes(1, 2))


def mask_bits(masks: ArrayLike, size: int) -> NDArray[np.bool_]:
    """Return sets of squares (N, K) as flags (N, n n, K)."""
    words = np.ascontiguousarray(masks, "<u8")
    bits = np.unpackbits(words[..., None].view(np.uint8), axis=-1, bitorder="little")
    margin = (8 - size) // 2
    board = slice(margin, margin + size)
    square = bits.reshape(*words.shape, 8, 8)[..., board, board]
    flat = square.reshape(*words.shape, size * size).view(np.bool_)
    return np.ascontiguousarray(flat.swapaxes(1, 2))


def _size(maps: ArrayLike) -> int:
    shape = np.shape(maps)
    if len(shape) != 4 or shape[2] != shape[3] or shape[2] not in _SIZES:
        msg = f"maps have shape {shape}, expected (N, C, 8, 8) or (N, C, 6, 6)"
        raise ValueError(msg)
    return int(shape[2])


def _mean_over_positions(
    maps: ArrayLike,
    masks: ArrayLike,
    measure: Callable[[NDArray[Any], NDArray[np.bool_]], Floats],
) -> Floats:
    """Average a measure (n, C, K) of sizes of maps and sets of squares, in blocks."""
    flat, bits = flat_maps(maps), mask_bits(masks, _size(maps))
    total, number = (np.zeros((flat.shape[2], bits.shape[2])) for _ in range(2))
    for first in range(0, len(flat), _BLOCK):
        weight = np.abs(flat[first : first + _BLOCK])
        within = bits[first : first + _BLOCK]
        counted = (weight.max(axis=1) > 0)[:, :, None] & within.max(axis=1)[:, None]
        total += (measure(weight, within) * counted).sum(axis=0)
        number += counted.sum(axis=0)
    return ratio(total, number)


# Sets of squares that more positions than this have are told apart by size.
_COMMON: Final = 0.9
# A label is nested in another if that fails this many times less often with it.
_NESTED: Final = 10
# Labels that correlate this much are alike; with this effect one tells the other.
_ALIKE: Final = 0.9
_TOLD: Final = 0.8


@dataclass(frozen=True, eq=False)
class Columns:
    """Labels of rows, with strata and games; ``squares`` rows a position."""

    names: tuple[str, ...]
    columns: list[NDArray[Any]]
    strata: NDArray[np.intp]
    games: NDArray[np.intp]
    squares: int
    mixed: NDArray[np.intp] | None = None

    def take(self, positions: NDArray[np.intp]) -> "Columns":
        """Return the columns of some positions."""
        rows = positions[:, None] * self.squares + np.arange(self.squares)
        rows = rows.ravel()
        columns = [column[rows] for column in self.columns]
        return replace(
            self,
            columns=columns,
            strata=self.strata[rows],
            games=self.games[rows],
            mixed=None if self.mixed is None else self.mixed[rows],
        )


def position_columns(
    labels: Labels, plies: NDArray[np.intp], games: NDArray[np.intp]
) -> Columns:
    """Return labels of positions: sets as flags, or as sizes if hardly ever empty."""
    sets = {name: presence(words) for name, words in labels.masks.items()}
    columns = {**labels.position, **sets}
    ordered = [columns[name] for name in labels.names]
    return Columns(labels.names, ordered, plies, games, 1)


def square_columns(
    labels: Labels,
    plies: NDArray[np.intp],
    games: NDArray[np.intp],
    size: int,
    within: NDArray[Any] | None = None,
) -> Columns:
    """Return sets of squares, compared in plies, classes, and values of `within`."""
    # A channel that only knows corners from edges must not earn a label of squares.
    classes = location_classes(size)
    on_board = classes[classes >= 0]
    strata = plies[:, None] * len(LOCATION_CLASSES) + on_board
    mixed = None
    if within is not None:
        mixed = strata.ravel()
        kinds = codes(within).reshape(strata.shape)
        strata = strata * (int(kinds.max(initial=0)) + 1) + kinds
    masks = labels.masks
    nothing = np.zeros(strata.size, np.bool_)
    ordered = [
        mask_bits(masks[name][:, None], size).ravel() if name in masks else nothing
        for name in labels.names
    ]
    repeated = np.repeat(games, on_board.size)
    strata = strata.ravel()
    return Columns(labels.names, ordered, strata, repeated, on_board.size, mixed)


def presence(words: Words) -> NDArray[Any]:
    """Tell where sets of squares (N,) are not empty; if hardly any is, their size."""
    present = words != 0
    common = len(words) > 0 and present.mean() > _COMMON
    return np.asarray(count(words).astype(np.int16) if common else present)


def flat_table(table: NDArray[Any]) -> NDArray[Any]:
    """Return values (N, C), or maps (N, C, n, n), one row a position or square."""
    if table.ndim == 2:
        return table
    return flat_maps(table).reshape(-1, table.shape[1])


def testable_labels(
    columns: Columns, matrix: LabelMatrix, games: int
) -> NDArray[np.bool_]:
    """Tell which labels can be compared, and are unusual in enough games."""
    spread = [
        len(np.unique(columns.games[column != _usual(column)]))
        for column in columns.columns
    ]
    return (matrix.bottom > 0) & (np.array(spread, np.intp) >= games)


def nested_labels(columns: Columns) -> NDArray[np.bool_]:
    """Tell which pairs (K, K) say nearly the same, or one more than the other.

    Two labels say the same if their ranks correlate by 0.9 or more within strata. A
    flag a is nested in a flag b if ``P(not b | a) <= P(not b) / 10``, and in a number
    that tells with an AUROC of 0.9 or more where it holds, as mobility tells where a
    move is forced.
    """
    table = np.stack(columns.columns, axis=1).astype(np.float32)
    ranks = centered_ranks(table, columns.strata)
    size = np.sqrt(np.square(ranks).sum(axis=0, dtype=np.float64))
    size[size == 0] = 1
    # Within strata: the ply alone would make most labels alike.
    alike = np.abs(ranks.T @ ranks / size / size[:, None]) >= _ALIKE
    matrix = label_matrix(columns.columns, columns.strata)
    flags, told = ~matrix.numeric, np.nan_to_num(np.abs(effects(ranks, matrix)))
    implied = _implied(table) & flags & flags[:, None]
    implied |= (told >= _TOLD) & flags & ~flags[:, None]
    return np.asarray(alike | implied | implied.T)


def _implied(flags: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell for which pairs the first label hardly ever comes without the second."""
    having = np.maximum(flags.sum(axis=0), 1)
    without: Floats = 1 - (flags.T @ flags) / having[:, None]
    return np.asarray(without <= (1 - flags.mean(axis=0)) / _NESTED)


def _usual(column: NDArray[Any]) -> Any:
    """Return the value that most rows of a column have."""
    if column.dtype == np.bool_:
        return column.mean() > 0.5
    values, number = np.unique(column, return_counts=True)
    return values[number.argmax()]


# Places: whether a channel looks, or fires, at the same squares on every board. Squares
# are compared with others of the same ply and content, so that a channel of own discs,
# wherever they are, has no place. By chance a map would lie as well if it were turned
# and moved: each is, by a random symmetry and around the board, over whose edges it
# comes back. A turn alone would leave a channel of all corners where it is.
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
