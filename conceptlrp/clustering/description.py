"""What can be said about each cluster of positions, and the labels it is rich in.

Shapes use N positions in the store, n of them clustered, C channels, K clusters,
L labels, H plies and G games. A cluster of late positions is rich in everything that
comes late; so each cluster is compared with the other positions of the same ply.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.clustering.clustering import Clustering
from conceptlrp.othello import Corpus
from conceptlrp.statistics.intervals import LEAST_GAMES
from conceptlrp.statistics.ranks import codes
from conceptlrp.statistics.significance import false_discovery_rates

Array = NDArray[np.float64]

_PLIES = 10
_PHASES = 6


@dataclass(frozen=True)
class LabelEnrichment:
    """A label that a cluster has more or less often than positions of its plies.

    `inside` and `rest` are the parts of positions with the label, in the cluster and in
    the others, weighted to the cluster's plies; `p` is two-sided, `q` the same
    corrected over all clusters and labels.
    """

    label: str
    inside: float
    rest: float
    odds_ratio: float
    p: float
    q: float


@dataclass(frozen=True, eq=False)
class Enrichment:
    """Enrichment of K clusters in L labels.

    Attributes
    ----------
    labels : tuple of str
        Names of the labels.
    inside, rest : float64 array of shape (K, L)
        Prevalence in the cluster and in the ply-matched rest; nan without any.
    odds_ratio : float64 array of shape (K, L)
        Mantel-Haenszel odds ratio over plies. Where it is zero or infinite, half a
        position is added to each cell, spread over plies as the cluster is. nan
        where there is nothing to compare.
    p, q : float64 array of shape (K, L)
        Two-sided p-value, and corrected over all K L by Benjamini and Hochberg; 1
        where there is nothing to compare, nan of fewer than ten games.
    """

    labels: tuple[str, ...]
    inside: Array
    rest: Array
    odds_ratio: Array
    p: Array
    q: Array

    def of(self, cluster: int, *, level: float = 0.05) -> tuple[LabelEnrichment, ...]:
        """Return the labels in which a cluster differs, by |log odds ratio|."""
        kept = np.flatnonzero(self.q[cluster] <= level)
        size = -np.abs(np.log(self.odds_ratio[cluster, kept]))
        tables = (self.inside, self.rest, self.odds_ratio, self.p, self.q)
        return tuple(
            LabelEnrichment(self.labels[n], *(float(t[cluster, n]) for t in tables))
            for n in kept[np.argsort(size, kind="stable")]
        )


def label_enrichment(
    clusters: NDArray[np.integer],
    columns: Mapping[str, NDArray[np.bool_]],
    *,
    plies: NDArray[np.integer],
    games: NDArray[np.integer],
    n_clusters: int,
) -> Enrichment:
    """Compare how often a label holds in each cluster and in the rest.

    Games are independent, positions of one are not: the score
    ``sum_i (x_i - x_ply) (y_i - y_ply)`` of membership x and label y about their
    means in the ply, over the root of the sum of its squares by game, is compared
    with Student's t with one degree less than there are games.

    Parameters
    ----------
    clusters : int array of shape (n,)
        Cluster of each position; -1, noise, belongs to the rest.
    columns : mapping of str to bool array of shape (n,)
        L labels of positions.
    plies, games : int array of shape (n,)
        Moves played before, and game, of each position.
    n_clusters : int
        Number of clusters K.

    Returns
    -------
    Enrichment
        Of every cluster in every label.

    References
    ----------
    Mantel and Haenszel, J. Natl. Cancer Inst. 22 (1959), doi:10.1093/jnci/22.4.719.
    """
    strata = codes(plies)
    found = np.empty((4, n_clusters, len(columns)))
    for place, (name, column) in enumerate(columns.items()):
        if np.shape(column) != np.shape(clusters):
            expected = np.shape(clusters)
            msg = f"label {name!r} has shape {np.shape(column)}, expected {expected}"
            raise ValueError(msg)
        values = np.asarray(column, dtype=np.bool_)
        tables = _tables(clusters, values, strata, n_clusters)
        p = _p_values(tables, (clusters, values, strata, games))
        found[:, :, place] = *_effects(tables), p
    inside, rest, ratio, p = found
    if len(np.unique(games)) < LEAST_GAMES:
        p = np.full_like(p, np.nan)
    return Enrichment(tuple(columns), inside, rest, ratio, p, false_discovery_rates(p))


def _tables(clusters: Any, values: Any, strata: Any, n_clusters: int) -> Array:
    """Count (H, K, 2, 2): in the cluster or not, with the label or not."""
    count = int(strata.max(initial=0)) + 1
    found = np.zeros((count, n_clusters + 1, 2))
    # Noise, cluster -1, is counted in the last row, which is no cluster.
    np.add.at(found, (strata, clusters, 1 - values.astype(np.int64)), 1)
    inside = found[:, :n_clusters]
    rest = found.sum(axis=1, keepdims=True) - inside
    return np.stack([inside, rest], axis=2)


def _effects(tables: Array) -> tuple[Array, Array, Array]:
    """Prevalence inside and in the matched rest, and odds ratio, each (K,)."""
    sizes = tables.sum(axis=3)
    with np.errstate(invalid="ignore", divide="ignore"):
        inside = tables[:, :, 0, 0].sum(axis=0) / sizes[:, :, 0].sum(axis=0)
        rate = tables[:, :, 1, 0] / sizes[:, :, 1]
        # The rest as it would be with the plies of the cluster.
        weight = np.where(np.isnan(rate), 0, sizes[:, :, 0])
        rest = (weight * np.nan_to_num(rate)).sum(axis=0) / weight.sum(axis=0)
        ratio = _odds_ratio(tables)
        bare = ~np.isfinite(ratio) | (ratio == 0)
        matched = np.where(sizes.min(axis=2) > 0, sizes[:, :, 0], 0)
        half = 0.5 * matched / matched.sum(axis=0)
        filled = _odds_ratio(tables + half[..., None, None])
    return inside, rest, np.where(bare, filled, ratio)


def _odds_ratio(tables: Array) -> Array:
    """Mantel and Haenszel: sum_h a d / n over sum_h b c / n, (K,)."""
    size = tables.sum(axis=(2, 3))
    size = np.where(size > 0, size, 1)
    agree = (tables[:, :, 0, 0] * tables[:, :, 1, 1] / size).sum(axis=0)
    differ = (tables[:, :, 0, 1] * tables[:, :, 1, 0] / size).sum(axis=0)
    return np.asarray(agree / differ, dtype=np.float64)


def _p_values(tables: Array, positions: tuple[Any, Any, Any, Any]) -> Array:
    """Two-sided p-values of clusters (K,), games being independent."""
    from scipy.stats import t  # type: ignore[import-untyped]

    clusters, values, strata, games = positions
    game = np.unique(games, return_inverse=True)[1]
    n_games, n_clusters = int(game.max(initial=-1)) + 1, tables.shape[1]
    size = np.maximum(np.bincount(strata), 1)
    residual = values - (np.bincount(strata, weights=values) / size)[strata]
    expected = tables[:, :, 0].sum(axis=2) / size[:, None]
    # sum_i (x_i - x_ply) r_i by game: members less what their plies expect.
    score = np.zeros((n_games, n_clusters + 1))
    np.add.at(score, (game, clusters), residual)
    by_ply = np.zeros((n_games, len(size)))
    np.add.at(by_ply, (game, strata), residual)
    scores = score[:, :n_clusters] - by_ply @ expected
    spread = np.sqrt(np.square(scores).sum(axis=0))
    known = spread > 1e-9
    statistic = np.where(known, scores.sum(axis=0) / np.where(known, spread, 1), 0)
    return np.asarray(2 * t.sf(np.abs(statistic), max(n_games - 1, 1)))


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
    typical, random : tuple of int
        Rows nearest to the mean, one a game, and others drawn at random.
    phases : tuple of int
        Positions by phase, ten moves to each.
    markers : tuple of MarkerChannel
        Channels that set it apart, strongest first.
    enriched : tuple of LabelEnrichment
        Labels that it has more or less often than positions of its plies.
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
                for channel, effect in markers[cluster]
            ),
            enriched=enrichment.of(cluster),
            jaccard=None if stability is None else float(stability.jaccard[cluster]),
        )
        found.append(description)
    return tuple(found)
