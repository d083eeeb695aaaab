"""Prototypes: typical ways to use the channels, and how a position differs.

Shapes use n positions, C channels and K prototypes. A Gaussian mixture over
channel relevance, as in prototypical concept explanations (PCX): its means are the
prototypes, its density tells outliers, and the nearest prototype tells which
channels a new position uses more or less than usual.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conceptlrp.clustering.blocks import FeatureTable, feature_blocks, sample_rows

__all__ = ["Deviation", "Prototypes", "fit_prototypes"]

_LEVELS = np.linspace(0, 1, 1001)


@dataclass(frozen=True, eq=False)
class Deviation:
    """How positions differ from the prototypes they are nearest to.

    Attributes
    ----------
    prototypes : int64 array of shape (n,)
        Prototype of each position.
    difference : float32 array of shape (n, C)
        Features less those of the prototype: above zero a channel is used more than
        the prototype uses it, below zero less.
    standardized : float32 array of shape (n, C)
        The same in standard deviations of the channel around the prototype.
    """

    prototypes: NDArray[np.int64]
    difference: NDArray[np.float32]
    standardized: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Prototypes:
    """A mixture of K Gaussians with diagonal covariances.

    Attributes
    ----------
    weights : float64 array of shape (K,)
        Share of the positions, descending.
    means : float64 array of shape (K, C)
        The prototypes.
    variances : float64 array of shape (K, C)
        Variance of each channel around each prototype.
    levels : float64 array of shape (1001,)
        Quantiles of the log-likelihood of the positions that were fitted, in steps
        of one in a thousand.

    References
    ----------
    Dreyer et al., CVPR Workshops (2024), arXiv:2311.16681.
    """

    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    variances: NDArray[np.float64]
    levels: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.weights)

    def log_likelihood(self, features: FeatureTable) -> NDArray[np.float64]:
        """Compute the log-density of positions under the mixture.

        Parameters
        ----------
        features : table of shape (n, C)
            Features of positions, scaled as those that were fitted.

        Returns
        -------
        float64 array of shape (n,)
            Natural logarithm; low where nothing alike was fitted.
        """
        found = np.empty(len(features))
        for rows, block in feature_blocks(features):
            joint = self._joint(block)
            peak = joint.max(axis=1)
            found[rows] = peak + np.log(np.exp(joint - peak[:, None]).sum(axis=1))
        return found

    def outliers(
        self, features: FeatureTable, *, level: float = 0.01
    ) -> NDArray[np.bool_]:
        """Find positions less likely than nearly all that were fitted.

        Parameters
        ----------
        features : table of shape (n, C)
            Features of positions.
        level : float
            Part of the fitted positions that count as outliers, to 1/1000.

        Returns
        -------
        bool array of shape (n,)
            Whether the log-likelihood lies below that quantile.
        """
        limit = np.interp(level, _LEVELS, self.levels)
        return np.asarray(self.log_likelihood(features) < limit, dtype=np.bool_)

    def nearest(self, features: FeatureTable) -> NDArray[np.int64]:
        """Find the prototype that most likely made each position, of shape (n,)."""
        found = np.empty(len(features), dtype=np.int64)
        for rows, block in feature_blocks(features):
            found[rows] = self._joint(block).argmax(axis=1)
        return found

    def deviation(self, features: NDArray[np.float32]) -> Deviation:
        """Tell which channels positions use more or less than their prototype.

        Parameters
        ----------
        features : float32 array of shape (n, C)
            Features of positions.

        Returns
        -------
        Deviation
            From the nearest prototype of each.
        """
        nearest = self.nearest(features)
        difference = features - self.means[nearest]
        standardized = difference / np.sqrt(self.variances[nearest])
        return Deviation(
            nearest, difference.astype(np.float32), standardized.astype(np.float32)
        )

    def _joint(self, block: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log of weight times density of each prototype, (m, K)."""
        values = block.astype(np.float64)
        precision = 1 / self.variances
        # (x - m)^2 p = x^2 p - 2 x m p + m^2 p, as three matrix products.
        distance = np.square(values) @ precision.T
        distance -= 2 * values @ (self.means * precision).T
        distance += (np.square(self.means) * precision).sum(axis=1)
        normalizer = np.log(2 * np.pi * self.variances).sum(axis=1)
        joint: NDArray[np.float64] = np.log(self.weights) - (distance + normalizer) / 2
        return joint


def fit_prototypes(
    features: FeatureTable,
    n_prototypes: int = 8,
    *,
    fit_rows: int = 100_000,
    seed: int = 0,
) -> Prototypes:
    """Fit a mixture of Gaussians to positions.

    Parameters
    ----------
    features : table of shape (n, C)
        Features of positions, best those of one kind: one target, one phase.
    n_prototypes : int
        Number of prototypes K.
    fit_rows : int
        Positions that are fitted at most, a seeded sample.
    seed : int
        Seed of the sample and the mixture.

    Returns
    -------
    Prototypes
        The heaviest first.

    Raises
    ------
    ValueError
        If there are fewer positions than prototypes.
    """
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    if len(features) < max(2, n_prototypes):
        msg = f"{len(features)} positions, expected at least {max(2, n_prototypes)}"
        raise ValueError(msg)
    sample = features[sample_rows(len(features), fit_rows, seed)].astype(np.float64)
    # Variances far below those of the features would make any new position an
    # outlier; what scikit-learn adds by default suits features of size one.
    floor = 1e-3 * float(sample.var(axis=0).mean()) + 1e-12
    mixture = GaussianMixture(
        n_prototypes, covariance_type="diag", reg_covar=floor, random_state=seed
    )
    # k-means, which starts the mixture, adds up in the order its threads finish.
    with threadpool_limits(limits=1, user_api="openmp"):
        mixture.fit(sample)
    order = np.argsort(-mixture.weights_, kind="stable")
    return Prototypes(
        weights=mixture.weights_[order],
        means=mixture.means_[order],
        variances=mixture.covariances_[order],
        levels=np.quantile(mixture.score_samples(sample), _LEVELS),
    )
