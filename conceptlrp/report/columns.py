"""Columns of a layer: what a channel does at every position.

Shapes use N positions and C channels. Columns are read some channels at a time,
so that memory does not grow with C.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conceptlrp.reference.selection import quantile_rows
from conceptlrp.report.layer_statistics import LayerStatistics
from conceptlrp.report.statistics import ChannelStatistics, Histogram
from conceptlrp.store import Store

__all__ = ["Column", "channel_statistics", "histogram", "read_columns"]

# Numbers of a group of columns, and columns that lie in one chunk of a store.
_GROUP = 1 << 22
_CHUNK = 4
_BINS = 48
_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)

Numbers = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Column:
    """One channel at every position.

    Attributes
    ----------
    channel : int
        The channel.
    relevance, share, activation : float32 arrays of shape (N,)
        Summed over the board; the share is that of the layer's relevance.
    """

    channel: int
    relevance: Numbers
    share: Numbers
    activation: Numbers


def read_columns(
    store: Store, layer: str, channels: Sequence[int], *, target: int | str = 0
) -> Iterator[list[Column]]:
    """Read columns, as many at a time as fit in 100 MB.

    Yields: in the order of the channels.
    """
    width = max(_CHUNK, _GROUP // max(len(store), 1) // _CHUNK * _CHUNK)
    for start in range(0, len(channels), width):
        chosen = np.asarray(channels[start : start + width])
        relevance = store.relevance(layer, channels=chosen, target=target)
        share = store.share(layer, channels=chosen, target=target)
        activation = store.activation(layer, channels=chosen)
        yield [
            Column(channel, *(_column(t, i) for t in (relevance, share, activation)))
            for i, channel in enumerate(chosen.tolist())
        ]


def channel_statistics(column: Column, layer: LayerStatistics) -> ChannelStatistics:
    """Sum a channel up.

    Returns: Exact but for the rounding of means.
    """
    channel = column.channel
    levels = quantile_rows(column.share, _QUANTILES).scores.tolist()
    return ChannelStatistics(
        positions=layer.positions,
        magnitude=float(layer.magnitude[channel]),
        rank=int(layer.ranks[channel]) + 1,
        mean_share=float(layer.mean_share[channel]),
        active=float(layer.active[channel]),
        relevant=float(layer.relevant[channel]),
        dead=bool(layer.active[channel] == 0),
        share_quantiles=tuple(zip(_QUANTILES, levels, strict=True)),
        relevance=histogram(column.relevance),
        activation=histogram(column.activation),
    )


def histogram(values: NDArray[np.floating]) -> Histogram:
    """Count numbers in bins of one width, zeros apart.

    Shapes: `values` (N,). Returns: of 48 bins from the smallest to the largest number
    that is not zero.

    Examples
    --------
    >>> found = histogram(np.array([0.0, 1.0, 1.0, 3.0]))
    >>> found.zeros, found.counts[0], found.counts[-1], found.edges[-1]
    (1, 2, 1, 3.0)
    """
    # In single precision, edges between numbers that hardly differ would coincide.
    shown = values[values != 0].astype(np.float64)
    zeros = len(values) - len(shown)
    if not len(shown):
        return Histogram((), (), zeros)
    counts, edges = np.histogram(shown, bins=_BINS)
    return Histogram(tuple(counts.tolist()), tuple(edges.tolist()), zeros)


def _column(table: Numbers, place: int) -> Numbers:
    return np.ascontiguousarray(table[:, place])
