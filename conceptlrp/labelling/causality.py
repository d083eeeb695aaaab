"""The causal check of a label: its channel must matter more where it holds.

Shapes use n positions.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.statistics.resampling import interval


@dataclass(frozen=True)
class CausalCheck:
    """What ablating a channel does with a label and without.

    Attributes
    ----------
    with_label, without_label : float
        Mean size of the effect of ablation on positions of either kind.
    ratio : float
        The former by the latter; infinite if the latter is 0.
    low, high : float
        Bootstrap interval of the ratio.
    passed : bool
        Whether the ratio is as large as asked for and its interval above 1.
    """

    with_label: float
    without_label: float
    ratio: float
    low: float
    high: float
    passed: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, ready for JSON: what is not finite is None."""
        fields = asdict(self)
        return {
            name: None if isinstance(value, float) and not np.isfinite(value) else value
            for name, value in fields.items()
        }


def causal_check(
    with_label: ArrayLike,
    without_label: ArrayLike,
    *,
    ratio: float = 2.0,
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
) -> CausalCheck:
    """Compare effects of ablating a channel on positions with and without a label.

    Returns: Not passed if the channel has no effect at all.

    Examples
    --------
    >>> causal_check([3.0, -5.0, 4.0], [1.0, 1.0, -1.0]).ratio
    4.0
    """
    sides = [np.abs(np.asarray(e, np.float64)) for e in (with_label, without_label)]
    if not all(side.size for side in sides):
        message = f"{sides[0].size} positions with the label, {sides[1].size} without"
        raise ValueError(message)
    generator = np.random.default_rng(seed)
    drawn = [
        side[generator.integers(0, side.size, (replicates, side.size))].mean(axis=1)
        for side in sides
    ]
    mine, others = (float(side.mean()) for side in sides)
    low, high = (float(end) for end in interval(_ratio(*drawn), confidence))
    found = float(_ratio(np.array([mine]), np.array([others]))[0])
    return CausalCheck(mine, others, found, low, high, found >= ratio and low > 1)


def phase_matched(
    flags: ArrayLike, phases: ArrayLike, *, seed: int = 0
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Choose positions with a label and as many without it of every phase.

    Shapes: `flags` (n,), `phases` (n,). Returns `with_label, without_label`: Rows; of
    the kind that a phase has more of, some are drawn.
    """
    having, phase = np.asarray(flags, np.bool_), np.asarray(phases)
    generator = np.random.default_rng(seed)
    chosen: tuple[list[NDArray[np.intp]], ...] = ([], [])
    for each in np.unique(phase):
        kinds = [np.flatnonzero((phase == each) & (having == kind)) for kind in (1, 0)]
        number = min(rows.size for rows in kinds)
        for rows, found in zip(kinds, chosen, strict=True):
            found.append(np.sort(generator.choice(rows, number, replace=False)))
    empty = [np.empty(0, np.intp)]
    with_label, without_label = (np.concatenate(empty + rows) for rows in chosen)
    return with_label, without_label


def _ratio(top: NDArray[Any], bottom: NDArray[Any]) -> NDArray[np.float64]:
    """Divide, 0 by 0 being 1: as much with the label as without."""
    safe = np.where(bottom > 0, bottom, 1)
    large = np.where(top > 0, np.inf, 1.0)
    return np.where(bottom > 0, top / safe, large)
