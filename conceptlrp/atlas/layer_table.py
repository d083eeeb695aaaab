"""What the pages say about the channels of a layer, computed for all at once.

Shapes use N positions, C channels, P phases of ten plies and n x n squares.
Everything is read once a layer; pages then only pick columns.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conceptlrp.report.layer_statistics import layer_statistics
from conceptlrp.store import REFERENCE_KINDS, ReferenceTable, Store, top_rows

__all__ = ["LayerTable", "read_layer"]


@dataclass(frozen=True, eq=False)
class LayerTable:
    """Statistics and reference boards of the channels of a layer.

    Attributes
    ----------
    layer : str
        Name of the layer.
    relevance, activation : float32 arrays of shape (N, C)
        Sums over the squares.
    norm : float32 array of shape (N,)
        Sum of the magnitudes of relevance over the channels.
    magnitude : float array of shape (C,)
        Mean magnitude of the channel's share of the layer's relevance.
    mean_share : float array of shape (C,)
        Mean of the signed share.
    active, relevant : float arrays of shape (C,)
        Part of the positions where the activation, the relevance is not zero.
    order : int array of shape (C,)
        Channels by magnitude, largest first.
    phase_sizes : int array of shape (P,)
        Positions with plies 0-9, 10-19 and so on.
    phase_magnitude, phase_active : float arrays of shape (P, C)
        Magnitude and active part within a phase; nan where it is empty.
    neighbours : int array of shape (C, k)
        Channels whose shares are most similar, nearest first.
    similarity : float array of shape (C, k)
        Cosine of the shares of each over all positions.
    references : dict of str to ReferenceTable or None
        Reference boards by kind of `REFERENCE_KINDS`, where the store keeps them.
    """

    layer: str
    relevance: NDArray[np.float32]
    activation: NDArray[np.float32]
    norm: NDArray[np.float32]
    magnitude: NDArray[np.float64]
    mean_share: NDArray[np.float64]
    active: NDArray[np.float64]
    relevant: NDArray[np.float64]
    order: NDArray[np.intp]
    phase_sizes: NDArray[np.int64]
    phase_magnitude: NDArray[np.float64]
    phase_active: NDArray[np.float64]
    neighbours: NDArray[np.intp]
    similarity: NDArray[np.float64]
    references: dict[str, ReferenceTable | None]

    @property
    def channels(self) -> int:
        """Number of channels C."""
        return len(self.magnitude)

    def share(self, channel: int) -> NDArray[np.float32]:
        """Signed share of a channel at every position, of shape (N,).

        Parameters
        ----------
        channel : int
            Number of the channel.

        Returns
        -------
        float32 array of shape (N,)
            Zero at a position without any relevance.
        """
        share: NDArray[np.float32] = self.relevance[:, channel] / self.norm
        return share

    def strip(
        self, channel: int, kind: str, k: int, games: NDArray[np.integer]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32] | None]:
        """Pick the reference boards of a channel, those with a telling score.

        Parameters
        ----------
        channel : int
            Number of the channel.
        kind : str
            One of `REFERENCE_KINDS`.
        k : int
            At most so many boards, or as many as the store keeps.
        games : int array of shape (N,)
            Game of each position; one gives one board at most.

        Returns
        -------
        rows : int64 array of shape (<= k,)
            Rows of the store; no share of the wrong sign, no activation of zero.
        scores : float32 array of shape (<= k,)
            Score of each.
        heatmaps : float32 array of shape (<= k, n, n) or None
            Conditional heatmaps, if the store has them.
        """
        by, lowest = REFERENCE_KINDS[kind]
        kept = self.references[kind]
        if kept is None:
            scores = (
                self.share(channel) if by == "share" else self.activation[:, channel]
            )
            found = top_rows(scores, k, lowest=lowest, groups=games)
            telling = found.scores < 0 if lowest else found.scores > 0
            return found.rows[telling], found.scores[telling], None
        rows, values = kept.rows[channel, :k], kept.scores[channel, :k]
        telling = (rows >= 0) & (values < 0 if lowest else values > 0)
        return rows[telling], values[telling], kept.maps[channel, :k][telling]

    def mean_maps(self) -> NDArray[np.float32] | None:
        """Average the conditional heatmaps of the most relevant boards.

        Returns
        -------
        float32 array of shape (C, n, n) or None
            None where the store has no heatmaps.
        """
        kept = self.references["share-top"]
        if kept is None:
            return None
        there = (kept.rows >= 0) & (kept.scores > 0)
        total = np.einsum("ck,ckyx->cyx", there.astype(np.float32), kept.maps)
        means: NDArray[np.float32] = (
            total / np.maximum(there.sum(axis=1, dtype=np.float32), 1)[:, None, None]
        )
        return means


def read_layer(store: Store, layer: str, *, target: int | str = 0) -> LayerTable:
    """Read a layer and compute its statistics.

    Parameters
    ----------
    store : Store
        Relevance of a corpus.
    layer : str
        Name of the layer.
    target : int or str
        Explained output.

    Returns
    -------
    LayerTable
        With the whole layer in memory.
    """
    relevance = store.relevance(layer, target=target)
    found = layer_statistics(store, layer, target=target)
    return LayerTable(
        layer=layer,
        relevance=relevance,
        activation=store.activation(layer),
        norm=np.abs(relevance).sum(axis=1) + np.float32(1e-10),
        magnitude=found.magnitude,
        mean_share=found.mean_share,
        active=found.active,
        relevant=found.relevant,
        order=found.order,
        phase_sizes=found.phase_sizes,
        phase_magnitude=found.phase_magnitude,
        phase_active=found.phase_active,
        neighbours=found.neighbours,
        similarity=found.similarity,
        references={
            kind: store.references(layer, kind, target=target)
            for kind in REFERENCE_KINDS
        },
    )
