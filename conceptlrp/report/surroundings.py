"""What stands next to a channel: channels it is wired to or like, and clusters."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Edge:
    """Mean relevance between a channel and one of an adjacent layer.

    Attributes
    ----------
    layer, channel : str, int
        The other channel.
    relevance, absolute : float
        Mean over positions of the relevance that the upper channel sends to the
        lower one, with its sign and as a magnitude.
    share : float
        Part of the magnitude: of all that this channel sends to the layers below,
        or of all that it receives from those above.
    """

    layer: str
    channel: int
    relevance: float
    absolute: float
    share: float


@dataclass(frozen=True)
class Neighbour:
    """A channel of the same layer whose relevance goes along.

    Attributes
    ----------
    channel : int
        The other channel.
    cosine : float
        Of the shares of both over all positions.
    """

    channel: int
    cosine: float


@dataclass(frozen=True)
class MarkedCluster:
    """A cluster of positions that a channel is among the markers of.

    Attributes
    ----------
    cluster : int
        Its number.
    positions : int
        Its size.
    effect : float
        Standardised mean difference of the channel between the cluster and all
        other positions; negative where the cluster has less of it.
    place : int
        Place among the cluster's markers, 1 being the strongest.
    """

    cluster: int
    positions: int
    effect: float
    place: int
