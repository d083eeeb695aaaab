"""What can be said about each cluster of positions, in one record.

Shapes use N positions in the store, n of them clustered, C channels and K
clusters.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.clustering.clustering import Clustering
from conceptlrp.clustering.enrichment import LabelEnrichment, label_enrichment
from conceptlrp.othello import Corpus

__all__ = ["ClusterDescription", "MarkerChannel", "describe_clusters"]

_PLIES = 10
_PHASES = 6


@dataclass(frozen=True)
class MarkerChannel:
    """A channel such as "conv3:17" and its standardised mean difference."""

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
    count: int = 8,
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
    count : int
        Boards and markers of each cluster.

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
    )
    markers, typical = clustering.markers(count), clustering.typical(count)
    medoids, stability = clustering.typical(1), clustering.stability
    random = np.random.default_rng(0)
    found = []
    for cluster, size in enumerate(clustering.sizes.tolist()):
        members = clustering.members(cluster)
        drawn = np.sort(random.choice(members, min(count, size), replace=False))
        inside = plies[clustering.labels == cluster]
        phases = np.bincount(inside // _PLIES, minlength=_PHASES)
        description = ClusterDescription(
            cluster=cluster,
            size=size,
            part=size / len(clustering),
            # The position nearest to the mean has the least squared distance to all.
            medoid=int(medoids[cluster][0]),
            typical=tuple(typical[cluster].tolist()),
            random=tuple(drawn.tolist()),
            phases=tuple(phases.tolist()),
            markers=tuple(
                MarkerChannel(f"{clustering.layer}:{channel}", effect)
                for channel, effect in zip(
                    markers[cluster].channels.tolist(),
                    markers[cluster].effects.tolist(),
                    strict=True,
                )
            ),
            enriched=enrichment.of(cluster),
            jaccard=None if stability is None else float(stability.jaccard[cluster]),
        )
        found.append(description)
    return tuple(found)
