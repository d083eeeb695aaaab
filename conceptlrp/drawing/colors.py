"""The colours of relevance: one diverging map, blue - white - orange.

Zero is white, positive relevance orange to brown, negative relevance blue.
Blue and orange stay apart for every common kind of colour blindness, and equal
magnitudes have equal lightness (CIE L* from 100 to 31), so that no sign looks
stronger in print. The limits are symmetric and belong beside every picture.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: What speaks for and against an output on a board, and the board itself.
FOR, AGAINST, FELT = "#d65a0c", "#2a78c4", "#dfe7de"

#: Steps on either side of zero where colours are counted rather than mixed.
LEVELS = 12

# Even steps of L* at hues that turn from cyan to blue and from yellow to red
# (OKLCH 239-255 and 61-45 degrees).
_BLUE = ("#184983", "#196cb7", "#4092d7", "#7db8e6", "#bddcf2")
_ORANGE = ("#f7d1b1", "#e9a26c", "#d67326", "#ae4e00", "#793512")
_ANCHORS = np.array(
    [list(bytes.fromhex(c[1:])) for c in (*_BLUE, "#ffffff", *_ORANGE)], dtype=float
)


def symmetric_limit(values: ArrayLike) -> float:
    """Choose the limit of a scale: the largest magnitude, rounded up to two digits.

    It is 0 when all values are zero or there are none.

    >>> symmetric_limit([0.0312, -0.02])
    0.032
    """
    magnitude = np.abs(np.asarray(values, dtype=float))
    largest = float(np.nanmax(magnitude, initial=0.0))
    if largest == 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(largest)) - 1)
    # A magnitude that has two digits already must not be raised by rounding.
    return float(f"{math.ceil(round(largest / unit, 6)) * unit:.1e}")


def to_rgb(values: ArrayLike, limit: float) -> NDArray[np.uint8]:
    """Colour signed values (*S) as (*S, 3): red, green and blue.

    Values beyond the limit get the colour of the limit.

    >>> to_rgb([-1.0, 0.0, 1.0], limit=1.0).tolist()
    [[24, 73, 131], [255, 255, 255], [121, 53, 18]]
    """
    clipped = _relative(values, limit)
    at = np.linspace(-1, 1, len(_ANCHORS))
    mixed = [np.interp(clipped, at, _ANCHORS[:, band]) for band in range(3)]
    colors: NDArray[np.uint8] = np.rint(np.stack(mixed, axis=-1)).astype(np.uint8)
    return colors


def levels(values: ArrayLike, limit: float) -> NDArray[np.int8]:
    """Round signed values to steps of 1/12 of the limit, from -12 to 12."""
    steps: NDArray[np.int8] = np.rint(_relative(values, limit) * LEVELS).astype(np.int8)
    return steps


def level_colors() -> tuple[str, ...]:
    """Return the colours of the steps as ``#ffffff``; step ``s`` at ``s + 12``."""
    steps = np.linspace(-1, 1, 2 * LEVELS + 1)
    return tuple(f"#{bytes(rgb).hex()}" for rgb in to_rgb(steps, 1.0).tolist())


def _relative(values: ArrayLike, limit: float) -> NDArray[np.float64]:
    """Divide by the limit and cut off at -1 and 1; nan becomes zero."""
    relative = np.asarray(values, dtype=float) / (limit or np.inf)
    # minimum and maximum, unlike clip, cost little for a single board.
    clipped = np.minimum(np.maximum(relative, -1.0), 1.0)
    return np.where(np.isnan(clipped), 0.0, clipped)
