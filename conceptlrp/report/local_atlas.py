"""Local concept atlas: which channel matters most where on one board.

Shapes use C channels and n x n squares of the board. A channel's hold on a square
is the magnitude of its conditional relevance there, so that channels that speak for
and against the output count alike.
"""

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "NO_CHANNEL",
    "LocalAtlas",
    "RegionHold",
    "board_regions",
    "local_atlas",
]

#: The channel of a square on which no channel has relevance.
NO_CHANNEL: Final = -1

_NAMES = (
    ("{a}1 corner", "upper edge", "{h}1 corner"),
    ("left edge", "centre", "right edge"),
    ("{a}{n} corner", "lower edge", "{h}{n} corner"),
)


@dataclass(frozen=True)
class RegionHold:
    """The channel that matters most in one region of the board.

    Attributes
    ----------
    region : str
        Name of the region, such as "a1 corner" or "centre".
    channel : int
        The channel, `NO_CHANNEL` where none has relevance there.
    relevance : float
        Its conditional relevance, summed over the squares of the region.
    part : float
        Its magnitude there as a part of that of all channels, 0 to 1.
    """

    region: str
    channel: int
    relevance: float
    part: float


@dataclass(frozen=True, eq=False)
class LocalAtlas:
    """Which channel of a layer matters most on each square and in each region.

    Attributes
    ----------
    channel : int64 array of shape (n, n)
        Channel with the largest magnitude, `NO_CHANNEL` where all are zero; of
        equal ones the first.
    relevance : float array of shape (n, n)
        Conditional relevance of that channel.
    part : float array of shape (n, n)
        Its magnitude as a part of that of all channels, 0 to 1.
    regions : tuple of RegionHold
        The nine regions of the board, row by row.
    """

    channel: NDArray[np.int64]
    relevance: NDArray[np.floating]
    part: NDArray[np.floating]
    regions: tuple[RegionHold, ...]

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels that hold a square, those with the most squares first."""
        held = self.channel[self.channel != NO_CHANNEL]
        found, counts = np.unique(held, return_counts=True)
        return tuple(found[np.argsort(-counts, kind="stable")].tolist())


def board_regions(size: int) -> dict[str, tuple[slice, slice]]:
    """Cut a board into nine regions: four corners, four edges and the centre.

    A corner is its own square with the two C squares and the X square beside it, an
    edge what lies between two corners, two squares deep.

    Returns: rows and columns of each region, by name, row by row.

    Examples
    --------
    >>> list(board_regions(8))[:3]
    ['a1 corner', 'upper edge', 'h1 corner']
    """
    cuts = (slice(0, 2), slice(2, size - 2), slice(size - 2, size))
    ends = {"a": "a", "h": "abcdefgh"[size - 1], "n": size}
    return {
        _NAMES[i][j].format(**ends): (cuts[i], cuts[j])
        for i, j in product(range(3), repeat=2)
    }


def local_atlas(maps: NDArray[np.floating]) -> LocalAtlas:
    """Find the channel that matters most on each square and in each region.

    Shapes: `maps` (C, n, n). Returns: by the magnitude of conditional relevance.
    """
    magnitude = np.abs(maps)
    total = magnitude.sum(axis=0)
    first = magnitude.argmax(axis=0)
    largest = np.take_along_axis(magnitude, first[None], axis=0)[0]
    return LocalAtlas(
        channel=np.where(total > 0, first, NO_CHANNEL),
        relevance=np.take_along_axis(maps, first[None], axis=0)[0],
        part=largest / np.where(total > 0, total, 1),
        regions=tuple(
            _hold(name, maps[:, rows, columns])
            for name, (rows, columns) in board_regions(maps.shape[-1]).items()
        ),
    )


def _hold(region: str, maps: NDArray[np.floating]) -> RegionHold:
    magnitudes = np.abs(maps).sum(axis=(1, 2))
    total = float(magnitudes.sum())
    if total == 0:
        return RegionHold(region, NO_CHANNEL, 0.0, 0.0)
    channel = int(magnitudes.argmax())
    relevance = float(maps[channel].sum())
    return RegionHold(region, channel, relevance, float(magnitudes[channel]) / total)
