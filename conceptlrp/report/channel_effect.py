"""What ablating a channel does, beside a control of the same size.

Shapes use n x n squares.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ChannelEffect:
    """One channel's part of the effects of ablation.

    Attributes
    ----------
    ablation : str
        What the channel is replaced by, such as "mean".
    positions : int
        On how many positions.
    fall, fall_low, fall_high : float
        By how much the explained output falls, in its unit, with an interval.
    size, size_low, size_high : float
        Mean magnitude of its change.
    value, value_low, value_high : float or None
        By how much the network's value before tanh falls; None without value head.
    moves_changed : float
        Part of the positions where another legal move becomes the best.
    control, control_low, control_high : float
        Mean magnitude of the change by a change of the same size elsewhere in the
        layer.
    rank : int
        Place of the channel in its layer by `size`, 1 being the largest.
    policy : float array of shape (n, n)
        By how much the logit of each square falls, where it is a legal move; nan
        where it never is.
    """

    ablation: str
    positions: int
    fall: float
    fall_low: float
    fall_high: float
    size: float
    size_low: float
    size_high: float
    value: float | None
    value_low: float | None
    value_high: float | None
    moves_changed: float
    control: float
    control_low: float
    control_high: float
    rank: int
    policy: NDArray[np.float64]

    @property
    def beats_control(self) -> bool:
        """Whether it changes the output more than its control, intervals apart."""
        return self.size_low > self.control_high
