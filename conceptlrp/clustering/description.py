"""What can be said about each cluster of positions, in one record.

Shapes use N positions in the store, n of them clustered, C channels and K
clusters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.clustering.clustering import Clustering
from conceptlrp.clustering.enrichment import LabelEnrichment, label_enrichment
from conceptlrp.clustering.stability import Stability
from conceptlrp.othello import Corpus

__all__ = ["ClusterDescription", "MarkerChannel", "describe_clusters"]

_PLIES = 10
_PHASES = 6


@dataclass(frozen=True)
class MarkerChannel:
    """A channel that sets a cluster apart.

    Attributes
    ----------
    channel : str
        Layer and number, such as "conv3:17".
    effect : float
        Standardised mean difference from the other positions.
    """

    channel: str
    effect: float


@dataclass(frozen=True)
class ClusterDescription:
    """A cluster as it is reported.

    Attributes
    ----------
    cluster, size : int
        Its number and its positions.
    part : float
        Its part of all clustered positions.
    medoid : int
        Row of the store of the position with the least squared distance to all of
        the cluster, which is the one nearest to its mean.
    typical : tuple of int
        Rows nearest to the mean, one a game.
    random : tuple of int
        Rows drawn at random, for comparison.
    phases : tuple of int
        Positions by phase, ten moves to each.
    markers : tuple of MarkerChannel
        Channels that set it apart, strongest first.
    enriched : tuple of LabelEnrichment
        Labels that it has more or less often than positions of its phases.
    jaccard : float or None
        Its stability when games are drawn again, see `Stability`; None where that
        was not measured.
    """

    cluster: int
    size: int
    part: float
    medoid: int
    typical: tuple[int, ...]
    random: tuple[int, ...]
    phases: tuple[int, ...]
    markers: tuple[MarkerChannel, ...]
    enriched: tuple[LabelEnrichment, ...]
    jaccard: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, ready for JSON."""
        return asdict(self)


def describe_clusters(
    clustering: Clustering,
    corpus: Corpus,
    *,
    columns: Mapping[str, NDArray[np.bool_]] | None = None,
    stability: Stability | None = None,
    names: Sequence[str] | None = None,
    k: int = 8,
    level: float = 0.05,
    test: str = "games",
    seed: int = 0,
) -> tuple[ClusterDescription, ...]:
    """Describe every cluster.

    Parameters
    ----------
    clustering : Clustering
        The clusters.
    corpus : Corpus
        The N positions of the store.
    columns : mapping of str to bool array of shape (N,), optional
        Labels of positions in which clusters may be rich.
    stability : Stability, optional
        Measured with the labels of this clustering.
    names : sequence of C str, optional
        Names of the channels; by default the layer and the number.
    k : int
        Boards and markers of each cluster.
    level : float
        Largest corrected p-value of a label.
    test : {"games", "fisher"}
        See `label_enrichment`.
    seed : int
        Seed of the random boards.

    Returns
    -------
    tuple of K ClusterDescription
        In the order of the clusters.
    """
    rows = clustering.rows
    plies = np.asarray(corpus.ply)[rows].astype(np.int64)
    enrichment = label_enrichment(
        clustering.labels,
        {name: np.asarray(column)[rows] for name, column in (columns or {}).items()},
        plies=plies,
        games=clustering.games,
        n_clusters=clustering.n_clusters,
        test=test,
    )
    markers, typical = clustering.markers(k), clustering.typical(k)
    medoids = clustering.typical(1)
    random = np.random.default_rng(seed)
    found = []
    for cluster, size in enumerate(clustering.sizes.tolist()):
        members = clustering.members(cluster)
        drawn = np.sort(random.choice(members, min(k, size), replace=False))
        inside = plies[clustering.labels == cluster]
        phases = np.bincount(inside // _PLIES, minlength=_PHASES)
        description = ClusterDescription(
            cluster=cluster,
            size=size,
            part=size / len(clustering),
            medoid=int(medoids[cluster][0]),
            typical=tuple(typical[cluster].tolist()),
            random=tuple(drawn.tolist()),
            phases=tuple(phases.tolist()),
            markers=_markers(clustering, markers[cluster], names),
            enriched=enrichment.of(cluster, level=level),
            jaccard=None if stability is None else float(stability.jaccard[cluster]),
        )
        found.append(description)
    return tuple(found)


def _markers(
    clustering: Clustering, found: Any, names: Sequence[str] | None
) -> tuple[MarkerChannel, ...]:
    pairs = zip(found.channels.tolist(), found.effects.tolist(), strict=True)
    if names is None:
        return tuple(MarkerChannel(f"{clustering.layer}:{c}", e) for c, e in pairs)
    return tuple(MarkerChannel(names[c], effect) for c, effect in pairs)
