"""Estimators: what names stand for, how they run, and how stable their clusters are.

Shapes use n positions, C features, K clusters and B repetitions. Positions of one game
are alike, so whole games are drawn with replacement; each repetition is fitted on the
games drawn and labels all positions.
"""

import warnings
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from conceptlrp.clustering.features import FeatureTable, feature_blocks, sample_rows
from conceptlrp.errors import check_known
from conceptlrp.statistics.intervals import LEAST_GAMES
from conceptlrp.store.results.codec import Shape

#: Names of estimators, and what they stand for; see `make_estimator`.
ESTIMATORS = ("spectral", "kmeans", "hdbscan", "hierarchical", "mixture")


class Estimator(Protocol):
    """What a clustering estimator must do: scikit-learn's own all do."""

    def fit(self, X: Any, y: Any = None) -> Any:  # noqa: N803
        """Learn the clusters of the rows of X."""


def make_estimator(
    estimator: str | Estimator, *, n_clusters: int | None, seed: int
) -> Any:
    """Make the estimator that a name stands for, or a seeded copy of a given one.

    ============== ==========================================================
    spectral       `LandmarkSpectral`
    kmeans         `sklearn.cluster.MiniBatchKMeans`
    hdbscan        `sklearn.cluster.HDBSCAN` on 5,000 landmarks, clusters of
                   50 of them or more, the others noise
    hierarchical   `sklearn.cluster.AgglomerativeClustering` (Ward) on 5,000
                   landmarks, each other position to the nearest mean
    mixture        `sklearn.mixture.GaussianMixture`, diagonal covariances
    ============== ==========================================================
    """
    if not isinstance(estimator, str):
        return _seeded_clone(estimator, seed)
    check_known("estimator", estimator, ESTIMATORS)
    if estimator == "spectral":
        from conceptlrp.clustering.landmarks import LandmarkSpectral

        return LandmarkSpectral(n_clusters, random_state=seed)
    if estimator == "hdbscan":
        from sklearn.cluster import HDBSCAN

        from conceptlrp.clustering.landmarks import LandmarkClustering

        # "brute" holds the distances of the landmarks, 200 MB, and is six times as
        # quick as a tree in as many dimensions as there are channels.
        density = HDBSCAN(
            min_cluster_size=50, min_samples=5, algorithm="brute", copy=True
        )
        return LandmarkClustering(density, assign="landmark", random_state=seed)
    if n_clusters is None:
        msg = (
            f"n_clusters is None, expected a number for {estimator!r}; only 'spectral' "
            "and 'hdbscan' can choose one"
        )
        raise ValueError(msg)
    return _with_clusters(estimator, n_clusters, seed)


def _with_clusters(name: str, n_clusters: int, seed: int) -> Any:
    if name == "kmeans":
        from sklearn.cluster import MiniBatchKMeans

        return MiniBatchKMeans(
            n_clusters, batch_size=4096, n_init=10, random_state=seed
        )
    if name == "mixture":
        from sklearn.mixture import GaussianMixture

        return GaussianMixture(n_clusters, covariance_type="diag", random_state=seed)
    from sklearn.cluster import AgglomerativeClustering

    from conceptlrp.clustering.landmarks import LandmarkClustering

    return LandmarkClustering(AgglomerativeClustering(n_clusters), random_state=seed)


def _seeded_clone(estimator: Estimator, seed: int) -> Any:
    if not hasattr(estimator, "fit") or not hasattr(estimator, "get_params"):
        kind = type(estimator).__name__
        msg = f"estimator is a {kind}, expected a scikit-learn estimator"
        raise TypeError(msg)
    from sklearn.base import clone

    model = clone(estimator)
    unseeded = [
        name
        for name, value in model.get_params(deep=True).items()
        if name.split("__")[-1] == "random_state" and value is None
    ]
    return model.set_params(**dict.fromkeys(unseeded, seed)) if unseeded else model


def fit_labels(
    model: Any,
    features: FeatureTable,
    *,
    fit_rows: int,
    seed: int = 0,
    threads: int | None = None,
) -> NDArray[np.int64]:
    """Fit an estimator and return its cluster of each position, negative for noise.

    Of more than `fit_rows` positions a seeded sample is fitted; the others, block
    by block, get the cluster that the estimator predicts, or that with the nearest
    mean where it predicts none.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    chosen = sample_rows(len(features), fit_rows, seed)
    with threadpool_limits(limits=threads, user_api="openmp"):
        sample = features[chosen]
        found = _fit(model, sample)
        if len(chosen) == len(features):
            return found
        return _extend(model, sample, found, features)


def label_from_sample(
    model: Any, sample: NDArray[np.float32], features: FeatureTable
) -> NDArray[np.int64]:
    """Fit a copy of an estimator on some positions (m, C) and label others (n, C)."""
    from sklearn.base import clone
    from threadpoolctl import threadpool_limits

    fitted = clone(model)
    with threadpool_limits(limits=1, user_api="openmp"):
        return _extend(fitted, sample, _fit(fitted, sample), features)


def _fit(model: Any, sample: NDArray[np.float32]) -> NDArray[np.int64]:
    from sklearn.exceptions import ConvergenceWarning

    # In float32 the spread of a vector that is repeated rounds to less than nothing.
    mixture = type(model).__name__ == "GaussianMixture"
    points = sample.astype(np.float64) if mixture else sample
    with warnings.catch_warnings():
        # Fewer distinct vectors than clusters: fewer clusters are reported.
        fewer = "Number of distinct clusters"
        warnings.filterwarnings("ignore", fewer, ConvergenceWarning)
        if hasattr(model, "fit_predict"):
            return np.asarray(model.fit_predict(points), dtype=np.int64)
        model.fit(points)
    found = model.labels_ if hasattr(model, "labels_") else model.predict(points)
    return np.asarray(found, dtype=np.int64)


def _extend(
    model: Any,
    sample: NDArray[np.float32],
    found: NDArray[np.int64],
    features: FeatureTable,
) -> NDArray[np.int64]:
    """Label all positions by an estimator that was fitted on a sample."""
    labels = np.empty(len(features), dtype=np.int64)
    predict = getattr(model, "predict", None) or _nearest_mean(sample, found)
    for rows, block in feature_blocks(features):
        labels[rows] = predict(block)
    return labels


def _nearest_mean(sample: NDArray[np.float32], found: NDArray[np.int64]) -> Any:
    from conceptlrp.clustering.landmarks import nearest_center

    names = np.unique(found[found >= 0])
    if len(names) == 0:
        return lambda block: np.full(len(block), -1)
    means = np.stack([sample[found == name].mean(axis=0) for name in names])
    return lambda block: names[nearest_center(block, means)]


Labels = NDArray[np.integer[Any]]

_STABLE = 0.75


@dataclass(frozen=True, eq=False)
class Stability:
    """Agreement of clusterings of games that were drawn again.

    Attributes
    ----------
    agreement : float
        Mean adjusted Rand index of all pairs of repetitions: 1 where all agree, 0
        where they agree as chance does.
    error : float
        Its standard error, by the jackknife over repetitions.
    jaccard : float64 array of shape (K,)
        For each cluster that was given, the mean over repetitions of its overlap
        with the cluster most like it (size of the intersection over that of the
        union). Below 0.5 it dissolves, from 0.75 on it is stable.

    References
    ----------
    Hubert and Arabie, J. Classif. 2 (1985), doi:10.1007/BF01908075; Hennig, Comput.
    Stat. Data Anal. 52 (2007), doi:10.1016/j.csda.2006.11.025.
    """

    agreement: float
    error: float
    jaccard: Annotated[NDArray[np.float64], Shape("K")]

    @property
    def n_stable(self) -> int:
        """Number of clusters whose overlap is 0.75 or more."""
        return int((self.jaccard >= _STABLE).sum())

    def text(self) -> str:
        """Say in one line how stable the clusters are."""
        return (
            f"agreement {self.agreement:.2f} \N{PLUS-MINUS SIGN} {self.error:.2f}, "
            f"{self.n_stable} of {len(self.jaccard)} clusters stable"
        )


def cluster_stability(
    model: Any,
    features: FeatureTable,
    games: NDArray[np.integer],
    *,
    labels: Labels | None = None,
    repeats: int = 20,
    fit_rows: int = 10_000,
    seed: int = 0,
) -> Stability:
    """Measure how stable an estimator's clusters are.

    Parameters
    ----------
    model : scikit-learn estimator
        What clusters; see `make_estimator`.
    features : table of shape (n, C)
        Features of positions.
    games : int array of shape (n,)
        Game of each position.
    labels : int array of shape (n,), optional
        Clusters to find again, -1 for noise; without it `jaccard` is empty.
    repeats : int
        Repetitions B, at least 3.
    fit_rows : int
        Positions, of whole games, that are looked at in about.
    seed : int
        Seed of the games that are drawn.

    Returns
    -------
    Stability
        Agreement of all repetitions, and of each given cluster with them.
    """
    rows = sample_games(games, fit_rows, seed)
    sample = np.asarray(features[rows])
    found = bootstrap_labels(model, sample, games[rows], repeats=repeats, seed=seed)
    agreement, error = _agreement(found)
    given = np.empty(0, np.int64) if labels is None else np.asarray(labels)[rows]
    count = 0 if labels is None else int(np.max(labels, initial=-1)) + 1
    overlaps = [_overlaps(given, each, count) for each in found] if count else []
    jaccard = np.mean(overlaps, axis=0) if overlaps else np.empty(0)
    return Stability(agreement, error, jaccard)


def bootstrap_labels(
    model: Any,
    sample: NDArray[np.float32],
    games: NDArray[np.integer],
    *,
    repeats: int,
    seed: int,
) -> list[NDArray[np.int64]]:
    """Cluster games drawn with replacement and label all positions (n,), B times."""
    names, inverse = np.unique(games, return_inverse=True)
    if repeats < 3 or len(names) < LEAST_GAMES:
        msg = (
            f"{repeats} repetitions of {len(names)} games, expected 3 of "
            f"{LEAST_GAMES} or more; leave out the stability"
        )
        raise ValueError(msg)
    order = np.argsort(inverse, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(inverse))[:-1])
    random = np.random.default_rng(seed)
    found = []
    for _ in range(repeats):
        drawn = random.integers(0, len(names), len(names))
        rows = np.concatenate([members[game] for game in drawn])
        found.append(label_from_sample(model, sample[rows], sample))
    return found


def sample_games(games: NDArray[np.integer], size: int, seed: int) -> NDArray[np.int64]:
    """Draw whole games until they have the positions wanted; ascending rows."""
    if size >= len(games):
        return np.arange(len(games))
    _, inverse, counts = np.unique(games, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(counts))
    needed = int(np.searchsorted(np.cumsum(counts[order]), size)) + 1
    chosen = np.zeros(len(counts), dtype=np.bool_)
    chosen[order[:needed]] = True
    return np.flatnonzero(chosen[inverse])


def _agreement(found: list[NDArray[np.int64]]) -> tuple[float, float]:
    """Return the mean adjusted Rand index of all pairs and its standard error."""
    from sklearn.metrics import adjusted_rand_score

    count = len(found)
    table = np.zeros((count, count))
    for i in range(count):
        for j in range(i):
            table[i, j] = table[j, i] = adjusted_rand_score(found[i], found[j])
    total = table.sum()
    # The jackknife: the mean over pairs again, without each repetition in turn.
    left_out = (total - 2 * table.sum(axis=0)) / ((count - 1) * (count - 2))
    error = np.sqrt((count - 1) / count * np.square(left_out - left_out.mean()).sum())
    return float(total / (count * (count - 1))), float(error)


def _overlaps(given: Labels, found: Labels, count: int) -> NDArray[np.float64]:
    """Jaccard index of each given cluster with the most similar found one."""
    others = int(found.max(initial=-1)) + 1
    # Noise goes into a row and a column of its own, which are then left out.
    table = np.zeros((count + 1, others + 1))
    np.add.at(table, (given, found), 1)
    sizes, other_sizes = table.sum(axis=1), table.sum(axis=0)
    union = sizes[:, None] + other_sizes - table
    overlap = table / np.maximum(union, 1)
    return np.asarray(overlap[:count, :others].max(axis=1, initial=0))
