"""How stable clusters are when games are drawn again.

Shapes use n positions, K clusters and B repetitions. Positions of one game are
alike, so whole games are drawn with replacement; each repetition is fitted on the
games drawn and labels all positions.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.clustering.estimators import label_from_sample
from conceptlrp.clustering.features import FeatureTable
from conceptlrp.store.results.codec import Shape

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
    if repeats < 3 or len(names) < 2:
        msg = f"{repeats} repetitions of {len(names)} games, expected 3 of 2 or more"
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
    best: NDArray[np.float64] = overlap[:count, :others].max(axis=1, initial=0)
    return best
