"""A page for every cluster of positions, and one for the noise.

What the pages of a clustering say is computed once for all of its clusters.

Shapes use N positions, n of them clustered, K clusters and C channels.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from conceptlrp.atlas.pictures.charts import plies_svg, scatter_svg
from conceptlrp.atlas.pictures.page_boards import CardMaker
from conceptlrp.atlas.site import Site, cluster_page
from conceptlrp.clustering import ClusterDescription, Clustering, describe_clusters
from conceptlrp.clustering.clustering import typical_rows
from conceptlrp.clustering.features import (
    FeatureTable,
    held_in_memory,
    position_features,
    sample_rows,
)
from conceptlrp.drawing.colors import symmetric_limit
from conceptlrp.reference.boards import describe_boards
from conceptlrp.report.words.numbers import compact, signed_percent
from conceptlrp.statistics.intervals import LEAST_GAMES
from conceptlrp.store import Ranking, Store

#: The number by which noise goes.
NOISE = -1
_MARKERS = 8

_STRIPS = {
    "typical": (
        "Typical boards",
        "Nearest to the mean of the cluster, the medoid first; with their distance.",
    ),
    "atypical": (
        "Atypical boards",
        "Least likely under a Gaussian around the mean; the number is the log-density.",
    ),
    "random": (
        "Boards at random",
        "Drawn from the cluster; the number is the distance.",
    ),
}
_SILHOUETTE_ROWS = 2000
_NEAREST = 4
# Positions whose density within the cluster is looked at.
_LIKELIHOOD_ROWS = 20_000


@dataclass(frozen=True, eq=False)
class ClusterFacts:
    """A clustering of K clusters, described; K in each tuple.

    `silhouette` (K,) is the mean of a seeded sample; `likelihood` (n,) the log-density
    of each position in a Gaussian around its cluster's mean with the variance of each
    channel. Both are nan where unknown. `nearest` has other clusters with the distance
    of centres.
    """

    clustering: Clustering
    descriptions: tuple[ClusterDescription, ...]
    labelled: int
    few: bool
    silhouette: NDArray[np.float64]
    likelihood: NDArray[np.float64]
    nearest: tuple[tuple[tuple[int, float], ...], ...]

    def atypical(self, cluster: int, k: int) -> NDArray[np.int64]:
        """Find the least likely positions of a cluster, one per game, as indices."""
        members = np.flatnonzero(self.clustering.labels == cluster)
        members = members[np.isfinite(self.likelihood[members])]
        members = members[np.argsort(self.likelihood[members], kind="stable")]
        first = np.unique(self.clustering.games[members], return_index=True)[1]
        return members[np.sort(first)[:k]]


def cluster_facts(
    store: Store, clustering: Clustering, *, count: int = 8
) -> ClusterFacts:
    """Describe the clusters of a store; the same again for the same clustering."""
    features = held_in_memory(
        position_features(
            store,
            clustering.layer,
            target=clustering.target,
            feature=clustering.feature,
            rows=clustering.rows,
        )
    )
    labels = {name: store.columns.label(name) for name in store.columns.label_names}
    columns = {name: each for name, each in labels.items() if each.dtype == bool}
    return ClusterFacts(
        clustering=clustering,
        descriptions=describe_clusters(
            clustering, store.positions, columns=columns, count=count
        ),
        labelled=len(columns),
        few=len(np.unique(clustering.games)) < LEAST_GAMES,
        silhouette=_silhouette(clustering, features),
        likelihood=_likelihood(clustering, features),
        nearest=_nearest(clustering.centers),
    )


def _silhouette(clustering: Clustering, features: FeatureTable) -> NDArray[np.float64]:
    from sklearn.metrics import silhouette_samples

    found = np.full(clustering.n_clusters, np.nan)
    clustered = np.flatnonzero(clustering.labels >= 0)
    chosen = clustered[sample_rows(len(clustered), _SILHOUETTE_ROWS, 0)]
    labels = clustering.labels[chosen]
    if not 2 <= len(np.unique(labels)) < len(chosen):
        return found
    values = silhouette_samples(features[chosen], labels)
    for cluster in np.unique(labels).tolist():
        found[cluster] = values[labels == cluster].mean()
    return found


def _likelihood(clustering: Clustering, features: FeatureTable) -> NDArray[np.float64]:
    found = np.full(len(clustering), np.nan)
    for cluster in range(clustering.n_clusters):
        members = np.flatnonzero(clustering.labels == cluster)
        members = members[sample_rows(len(members), _LIKELIHOOD_ROWS, 0)]
        if len(members) < 2:
            continue
        found[members] = _log_density(features[members].astype(np.float64))
    return found


def _log_density(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-density of rows (n, C) in the Gaussian with their mean and variances."""
    # A floor well below the features' own spread: a channel that hardly ever moves
    # would make any other position an outlier.
    variance = values.var(axis=0)
    variance = variance + 1e-3 * variance.mean() + 1e-12
    distance = np.square(values - values.mean(axis=0)) / variance
    found: NDArray[np.float64] = (distance + np.log(2 * np.pi * variance)).sum(axis=1)
    return -found / 2


def _nearest(centers: NDArray[np.float32]) -> tuple[tuple[tuple[int, float], ...], ...]:
    """List the other clusters by the distance of their centres."""
    found = []
    for cluster, center in enumerate(centers.astype(np.float64)):
        distances = np.linalg.norm(centers - center, axis=1)
        order = np.argsort(distances, kind="stable")
        others = [(int(i), float(distances[i])) for i in order if i != cluster]
        found.append(tuple(others[:_NEAREST]))
    return tuple(found)


def write_cluster_pages(site: Site, clustering: Clustering, maker: CardMaker) -> None:
    """Write the pages of all clusters of a layer, and of its noise if it has any."""
    facts = cluster_facts(site.store, clustering, count=_MARKERS)
    numbers = [*range(clustering.n_clusters), *([NOISE] if clustering.noise else [])]
    for number in numbers:
        _write_page(site, facts, maker, number)


def _write_page(site: Site, facts: ClusterFacts, maker: CardMaker, number: int) -> None:
    clustering = facts.clustering
    inside = clustering.labels == number
    plies = np.asarray(site.store.positions.ply)[clustering.rows]
    strips = _strips(site, facts, maker, number)
    name = "noise" if number == NOISE else f"cluster {number}"
    site.write(
        cluster_page(clustering.layer, number),
        "cluster.html",
        clustering=clustering,
        facts=facts,
        number=number,
        name=name,
        names=site.names,
        board_size=site.store.manifest.board_size,
        size=int(inside.sum()),
        described=None if number == NOISE else facts.descriptions[number],
        plies=plies_svg(plies[inside], plies, name=name),
        middle=int(np.median(plies[inside])) + 1,
        phases=_phases(plies, inside),
        map=cluster_map(clustering, root="../../", highlight=number),
        markers=() if number == NOISE else marker_rows(clustering, number, _MARKERS),
        strips=strips,
    )


def _strips(
    site: Site, facts: ClusterFacts, maker: CardMaker, number: int
) -> list[dict[str, Any]]:
    """Collect the strips, each with the limit of its scale of colours."""
    chosen = _chosen(facts, number, site.count)
    rows = {name: facts.clustering.rows[places] for name, (places, _) in chosen.items()}
    maps = {
        name: site.store.arrays.heatmap(rows=each, target=site.target)
        for name, each in rows.items()
    }
    strips = []
    for name, (_, scores) in chosen.items():
        ranking = Ranking(rows[name].astype(np.int64), scores.astype(np.float32))
        boards = describe_boards(site.store, ranking)
        cards = maker.cards(boards, write=_score, heatmaps=maps[name])
        title, text = _STRIPS[name]
        known = {"name": name, "title": title, "text": text, "cards": cards}
        strips.append({**known, "limit": symmetric_limit(maps[name])})
    return strips


def _chosen(
    facts: ClusterFacts, number: int, k: int
) -> dict[str, tuple[NDArray[np.int64], NDArray[np.floating]]]:
    """Choose positions by strip, as indices into those clustered, with scores."""
    clustering = facts.clustering
    random = np.random.default_rng(clustering.seed)
    drawn = random.permutation(np.flatnonzero(clustering.labels == number))[:k]
    if number == NOISE:
        return {"random": (drawn, np.full(len(drawn), np.nan))}
    typical = typical_rows(
        clustering.labels,
        clustering.distances,
        clustering.games,
        n_clusters=clustering.n_clusters,
        count=k,
    )[number]
    atypical = facts.atypical(number, k)
    return {
        "typical": (typical, clustering.distances[typical]),
        "atypical": (atypical, facts.likelihood[atypical]),
        "random": (drawn, clustering.distances[drawn]),
    }


def _score(value: float) -> str:
    return compact(value) if np.isfinite(value) else ""


def _phases(
    plies: NDArray[np.integer], inside: NDArray[np.bool_]
) -> tuple[tuple[str, int, float, float], ...]:
    """Count positions by ten moves: here, as a part of the cluster, and of all."""
    here, everywhere = (
        np.bincount(p // 10, minlength=6) for p in (plies[inside], plies)
    )
    rows = zip(here.tolist(), everywhere.tolist(), strict=False)
    return tuple(
        (f"{10 * n + 1}\N{EN DASH}{10 * n + 10}", a, a / inside.sum(), b / len(plies))
        for n, (a, b) in enumerate(rows)
    )


def cluster_map(
    clustering: Clustering, *, root: str, highlight: int | None = None
) -> Markup | None:
    """Draw the positions in the plane, if the clustering has coordinates."""
    if clustering.embedding is None:
        return None
    pages = range(clustering.n_clusters)
    return scatter_svg(
        clustering.embedding,
        clustering.labels,
        hrefs=[root + cluster_page(clustering.layer, number) for number in pages],
        highlight=highlight,
    )


def marker_rows(clustering: Clustering, number: int, k: int) -> list[dict[str, Any]]:
    """List marker channels: effect, mean in the cluster and in the others, and bar."""
    markers = clustering.markers(k)[number]
    sizes = clustering.sizes.astype(float)
    others = np.arange(len(sizes)) != number
    rest = (
        np.average(clustering.centers[others], axis=0, weights=sizes[others])
        if others.any()
        else np.zeros(clustering.centers.shape[1])
    )
    write = signed_percent if clustering.feature == "share" else compact
    largest = float(np.abs(markers.effects).max(initial=0)) or 1.0
    return [
        {
            "channel": channel,
            "effect": effect,
            "inside": write(float(clustering.centers[number, channel])),
            "rest": write(float(rest[channel])),
            "width": abs(effect) / largest,
        }
        for channel, effect in zip(
            markers.channels.tolist(), markers.effects.tolist(), strict=True
        )
    ]
