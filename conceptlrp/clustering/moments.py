"""First and second moments of features, exact and gathered block by block.

Shapes use n rows and C columns. Moments of two tables merge into those of both, so
a corpus of any size costs one C x C matrix.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conceptlrp.clustering.blocks import FeatureTable, feature_blocks

__all__ = ["Moments", "feature_moments"]

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and scatter of features.

    Attributes
    ----------
    count : int
        Rows n.
    mean : float64 array of shape (C,)
        Mean of each column.
    scatter : float64 array of shape (C, C)
        Sum over rows of the products of deviations from the mean.
    """

    count: int
    mean: Matrix
    scatter: Matrix

    def merge(self, other: "Moments") -> "Moments":
        """Return the moments of both tables together."""
        count = self.count + other.count
        step = other.mean - self.mean
        weight = other.count / max(count, 1)
        between = np.outer(step, step) * (self.count * weight)
        return Moments(
            count, self.mean + weight * step, self.scatter + other.scatter + between
        )

    @property
    def variance(self) -> Matrix:
        """Variance of each column, of shape (C,)."""
        found: Matrix = np.maximum(np.diag(self.scatter), 0) / max(self.count, 1)
        return found

    @property
    def products(self) -> Matrix:
        """Sum over rows of the products of columns themselves, of shape (C, C)."""
        found: Matrix = self.scatter + self.count * np.outer(self.mean, self.mean)
        return found

    def principal_axes(self, k: int) -> tuple[Matrix, Matrix]:
        """Find the directions of largest variance.

        Returns `axes` (k, C): of length one, the largest entry positive; `variances`
        (k,): variance along each, descending.
        """
        values, vectors = np.linalg.eigh(self.scatter / max(self.count, 1))
        axes = vectors[:, ::-1][:, :k].T
        peaks = np.abs(axes).argmax(axis=1)
        axes = axes * np.where(axes[np.arange(len(axes)), peaks] < 0, -1, 1)[:, None]
        return axes, np.maximum(values[::-1][:k], 0)


def feature_moments(features: FeatureTable) -> Moments:
    """Gather the moments of a table.

    Shapes: `features` (n, C). Returns: in float64, whatever the features are.
    """
    columns = features.shape[1]
    total = Moments(0, np.zeros(columns), np.zeros((columns, columns)))
    for _, block in feature_blocks(features):
        values = block.astype(np.float64)
        mean = values.mean(axis=0)
        values -= mean
        total = total.merge(Moments(len(block), mean, values.T @ values))
    return total
