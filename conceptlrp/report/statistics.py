"""Numbers that sum a channel up: how much, how often, when.

Shapes use N positions. The share of a channel at a position is its relevance over
the sum of the magnitudes over the layer's channels.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Histogram:
    """How often a number falls where; zeros are counted apart.

    Attributes
    ----------
    counts : tuple of int
        Numbers other than zero between two edges, the last bin with its upper edge.
    edges : tuple of float
        One more than counts, ascending; none where every number is zero.
    zeros : int
        How many numbers are exactly zero.
    """

    counts: tuple[int, ...]
    edges: tuple[float, ...]
    zeros: int


@dataclass(frozen=True)
class ChannelStatistics:
    """A channel over all positions.

    Attributes
    ----------
    positions : int
        How many, N.
    magnitude : float
        Mean magnitude of the share.
    rank : int
        Place of the channel in its layer by magnitude, 1 being the largest.
    mean_share : float
        Mean of the signed share.
    active, relevant : float
        Part of the positions where the activation, the relevance is not zero.
    dead : bool
        Whether it is active nowhere.
    share_quantiles : tuple of pairs of float
        Quantiles from 0 to 1, each with the share there: that of a position, not
        interpolated.
    relevance, activation : Histogram
        Of relevance in the unit of the explained output, and of activation, both
        summed over the board.
    """

    positions: int
    magnitude: float
    rank: int
    mean_share: float
    active: float
    relevant: float
    dead: bool
    share_quantiles: tuple[tuple[float, float], ...]
    relevance: Histogram
    activation: Histogram


@dataclass(frozen=True)
class PhaseStatistics:
    """A channel on the positions of ten plies.

    Attributes
    ----------
    first, last : int
        Moves played before the position: from `first` to `last`.
    positions : int
        How many there are.
    magnitude, active : float or None
        Mean magnitude of the share, and part where the channel is active; None
        where there are no positions.
    """

    first: int
    last: int
    positions: int
    magnitude: float | None
    active: float | None


@dataclass(frozen=True)
class MoveStatistics:
    """A channel on the positions where one move is explained.

    Attributes
    ----------
    move : str
        The move, "pa" being a pass.
    positions : int
        How many there are.
    magnitude, mean_share : float
        Mean magnitude, and mean, of the share.
    """

    move: str
    positions: int
    magnitude: float
    mean_share: float
