"""Directions: combinations of channels that are used together, as concepts.

Shapes use n positions, C channels and K directions. Non-negative matrix
factorization writes every position as a sum of a few directions with weights that
are never negative. Relevance has a sign, so each channel enters twice, once with
what it says for the output and once with what it says against it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conceptlrp.clustering.blocks import FeatureTable, feature_blocks, sample_rows
from conceptlrp.store.ranking import top_rows

__all__ = ["ConceptDirections", "concept_directions"]

_STEPS = 200
_SWEEPS = 60


@dataclass(frozen=True, eq=False)
class ConceptDirections:
    """Directions among channels and how much each position uses them.

    Attributes
    ----------
    supporting, opposing : float32 array of shape (K, C)
        How much of each channel a direction has, for and against the output; never
        negative, both together of length one.
    weights : float32 array of shape (n, K)
        How much of each direction a position has; never negative.
    explained : float
        One less the squared error of the reconstruction over the squares of the
        features.
    """

    supporting: NDArray[np.float32]
    opposing: NDArray[np.float32]
    weights: NDArray[np.float32]
    explained: float

    def __len__(self) -> int:
        return len(self.supporting)

    def reconstruction(self, rows: NDArray[np.int64] | slice) -> NDArray[np.float32]:
        """Add up the directions of some positions, into features (m, C)."""
        found: NDArray[np.float32] = self.weights[rows] @ (
            self.supporting - self.opposing
        )
        return found

    def top_positions(
        self, direction: int, k: int = 16, *, games: NDArray[np.integer] | None = None
    ) -> NDArray[np.int64]:
        """Find the positions with most of a direction.

        Parameters
        ----------
        direction : int
            Number of the direction.
        k : int
            Positions wanted.
        games : int array of shape (n,), optional
            Game of each position; only the best of a game counts.

        Returns
        -------
        int64 array of shape (<= k,)
            Rows of the table that was factorized, the most first.
        """
        return top_rows(self.weights[:, direction], k, groups=games).rows

    def top_channels(
        self, direction: int, k: int = 8
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Find the channels that a direction has most of.

        Parameters
        ----------
        direction : int
            Number of the direction.
        k : int
            Channels wanted.

        Returns
        -------
        channels : int64 array of shape (<= k,)
            By magnitude, the lower channel first where two are equal.
        shares : float32 array of shape (<= k,)
            Supporting less opposing part of each.
        """
        signed = self.supporting[direction] - self.opposing[direction]
        channels = np.argsort(-np.abs(signed), kind="stable")[:k]
        return channels, signed[channels]


def concept_directions(
    features: FeatureTable,
    n_directions: int = 8,
    *,
    fit_rows: int = 20_000,
    seed: int = 0,
) -> ConceptDirections:
    """Factorize channel relevance into directions that are never subtracted.

    Parameters
    ----------
    features : table of shape (n, C)
        Features of positions, signed or not.
    n_directions : int
        Number of directions K.
    fit_rows : int
        Positions that directions are found on at most, a seeded sample; the weights
        of all follow block by block.
    seed : int
        Seed of the sample and the start.

    Returns
    -------
    ConceptDirections
        The one with the largest sum of weights first.

    Raises
    ------
    ValueError
        If there are fewer positions or channels than directions.

    References
    ----------
    Lee and Seung, Nature 401 (1999), doi:10.1038/44565.
    """
    if not 1 <= n_directions <= min(len(features), 2 * features.shape[1]):
        msg = (
            f"{n_directions} directions of {len(features)} positions with "
            f"{features.shape[1]} channels, expected 1 to the lesser of positions and "
            "twice the channels"
        )
        raise ValueError(msg)
    chosen = sample_rows(len(features), fit_rows, seed)
    basis = _fit_basis(_parts(features[chosen]), n_directions, seed)
    weights = np.empty((len(features), n_directions), dtype=np.float32)
    squares = error = 0.0
    for rows, block in feature_blocks(features):
        parts = _parts(block)
        found = _fit_weights(parts, basis)
        weights[rows] = found
        squares += float(np.square(parts).sum())
        error += float(np.square(parts - found @ basis).sum())
    order = np.argsort(-weights.sum(axis=0, dtype=np.float64), kind="stable")
    supporting, opposing = np.split(basis[order].astype(np.float32), 2, axis=1)
    explained = 1 - error / squares if squares > 0 else 1.0
    return ConceptDirections(supporting, opposing, weights[:, order], explained)


def _parts(block: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return what channels say for and against the output, (m, 2 C)."""
    values = block.astype(np.float64)
    return np.concatenate([np.maximum(values, 0), np.maximum(-values, 0)], axis=1)


def _fit_basis(
    parts: NDArray[np.float64], n_directions: int, seed: int
) -> NDArray[np.float64]:
    """Find the directions (K, 2 C), each of length one."""
    import warnings

    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    init = "nndsvda" if n_directions <= min(parts.shape) else "random"
    model = NMF(n_directions, init=init, max_iter=_STEPS, random_state=seed)
    with warnings.catch_warnings():
        # A basis that still moves a little is a basis; the error is reported.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(parts)
    length = np.linalg.norm(model.components_, axis=1, keepdims=True)
    basis: NDArray[np.float64] = model.components_ / np.where(length > 0, length, 1)
    return basis


def _fit_weights(
    parts: NDArray[np.float64], basis: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Find the weights (m, K) of least squared error by coordinate descent.

    Each row is a problem of its own and all take the same number of steps, so that
    weights do not depend on which rows stand together.
    """
    gram, target = basis @ basis.T, parts @ basis.T
    weights = np.zeros_like(target)
    used = np.flatnonzero(np.diag(gram) > 0)
    for _ in range(_SWEEPS):
        for k in used:
            step = (target[:, k] - weights @ gram[k]) / gram[k, k]
            np.maximum(weights[:, k] + step, 0, out=weights[:, k])
    return weights
