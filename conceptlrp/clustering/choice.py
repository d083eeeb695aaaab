"""How many clusters: the stability of each number, beside eigengap and silhouette.

Shapes use n positions and M numbers of clusters that are tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.clustering.blocks import FeatureTable, sample_rows
from conceptlrp.clustering.estimators import (
    Estimator,
    label_from_sample,
    make_estimator,
)
from conceptlrp.clustering.stability import cluster_stability, sample_games

__all__ = ["ClusterChoice", "choose_clusters", "largest_stable"]

# Differences of agreement below this say nothing, even where all repetitions agree.
_SMALLEST_ERROR = 0.005
_SILHOUETTE_ROWS = 2000


@dataclass(frozen=True, eq=False)
class ClusterChoice:
    """What speaks for each number of clusters.

    Attributes
    ----------
    numbers : tuple of int
        The M numbers that were tried, ascending.
    agreement, errors : float64 array of shape (M,)
        Bootstrap agreement of each and its standard error, see `Stability`.
    silhouette : float64 array of shape (M,)
        Mean silhouette of a seeded sample; nan where one cluster has it all.
    eigengap : int
        Number before the largest gap of the landmarks' Laplacian.
    chosen : int
        Largest number whose agreement is within one standard error of the best.
    """

    numbers: tuple[int, ...]
    agreement: NDArray[np.float64]
    errors: NDArray[np.float64]
    silhouette: NDArray[np.float64]
    eigengap: int
    chosen: int


def choose_clusters(
    features: FeatureTable,
    games: NDArray[np.integer],
    numbers: Sequence[int],
    *,
    estimator: str | Estimator = "spectral",
    repeats: int = 20,
    fit_rows: int = 10_000,
    seed: int = 0,
) -> ClusterChoice:
    """Choose the number of clusters by how stable each is.

    Parameters
    ----------
    features : table of shape (n, C)
        Features of positions.
    games : int array of shape (n,)
        Game of each position.
    numbers : sequence of int
        Numbers of clusters to try, each two or more.
    estimator : str or scikit-learn estimator
        A name that takes a number of clusters, see `make_estimator`, or an
        estimator with a parameter ``n_clusters`` or ``n_components``.
    repeats : int
        Repetitions of the bootstrap over games.
    fit_rows : int
        Positions, of whole games, that are looked at in about.
    seed : int
        Seed of everything random.

    Returns
    -------
    ClusterChoice
        The choice and what it rests on.

    Raises
    ------
    ValueError
        If no number or one below two is given.
    """
    tried = tuple(sorted(set(numbers)))
    if not tried or tried[0] < 2:
        msg = f"numbers are {list(numbers)}, expected one or more, each 2 or more"
        raise ValueError(msg)
    rows = sample_games(games, fit_rows, seed)
    sample, drawn = np.asarray(features[rows]), games[rows]
    agreement, errors, silhouette = [], [], []
    for number in tried:
        model = _with_number(estimator, number, seed)
        found = cluster_stability(
            model, sample, drawn, repeats=repeats, fit_rows=len(rows), seed=seed
        )
        agreement.append(found.agreement)
        errors.append(found.error)
        silhouette.append(_silhouette(model, sample, seed))
    return ClusterChoice(
        numbers=tried,
        agreement=np.array(agreement),
        errors=np.array(errors),
        silhouette=np.array(silhouette),
        eigengap=_eigengap(sample, tried[-1], seed),
        chosen=largest_stable(tried, agreement, errors),
    )


def largest_stable(
    numbers: Sequence[int], agreement: Sequence[float], errors: Sequence[float]
) -> int:
    """Take the largest number whose agreement is near the best.

    Returns: Largest number within one standard error of the best, taken as 0.005 at
    least.

    Examples
    --------
    >>> largest_stable([4, 8, 12], [0.95, 0.94, 0.70], [0.02, 0.01, 0.01])
    8
    """
    values = np.asarray(agreement)
    best = int(values.argmax())
    limit = values[best] - max(errors[best], _SMALLEST_ERROR)
    return int(np.asarray(numbers)[values >= limit].max())


def _with_number(estimator: str | Estimator, number: int, seed: int) -> Any:
    model = make_estimator(estimator, n_clusters=number, seed=seed)
    if isinstance(estimator, str):
        return model
    names = [n for n in ("n_clusters", "n_components") if n in model.get_params()]
    if not names:
        msg = f"{type(model).__name__} takes no number of clusters to choose"
        raise ValueError(msg)
    return model.set_params(**{names[0]: number})


def _silhouette(model: Any, sample: NDArray[np.float32], seed: int) -> float:
    from sklearn.metrics import silhouette_score

    labels = label_from_sample(model, sample, sample)
    clustered = np.flatnonzero(labels >= 0)
    chosen = clustered[sample_rows(len(clustered), _SILHOUETTE_ROWS, seed)]
    if not 2 <= len(np.unique(labels[chosen])) < len(chosen):
        return float("nan")
    return float(silhouette_score(sample[chosen], labels[chosen]))


def _eigengap(sample: NDArray[np.float32], largest: int, seed: int) -> int:
    from conceptlrp.clustering.landmarks import LandmarkSpectral

    spectral = LandmarkSpectral(None, max_clusters=max(2, largest), random_state=seed)
    return int(spectral.fit(sample).n_clusters_)
