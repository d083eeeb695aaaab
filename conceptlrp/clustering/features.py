"""Features of positions: what a clustering compares.

Shapes use n positions and C channels. The relevance of a position scales with
the output that is explained, so a confident move would lie far from a doubtful
one although the network used the same channels. Shares and unit vectors take
that scale out and keep the sign: a channel that speaks against the move stays
different from one that speaks for it.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["FEATURES", "relevance_features"]

#: Ways to take out the scale of a position.
FEATURES = ("share", "raw", "l2", "absolute-share", "absolute-raw", "absolute-l2")

_TINY = 1e-10


def relevance_features(
    relevance: ArrayLike, *, kind: str = "share"
) -> NDArray[np.float32]:
    """Turn channel relevance into the vectors that are clustered.

    With ``r[n, c]`` the relevance of channel ``c`` at position ``n``:
    ``share`` is ``r[n, c] / (sum_k |r[n, k]| + 1e-10)``, ``l2`` is
    ``r[n, c] / (sqrt(sum_k r[n, k]^2) + 1e-10)`` and ``raw`` is ``r`` itself. With
    ``absolute-`` before it, the magnitude is taken: how much a channel has to say,
    for or against.

    Shapes: `relevance` (n, C). Returns (n, C): A position without any relevance stays
    zero.

    References
    ----------
    The share is the one by which zennit-crp ranks reference samples: Achtibat
    et al., Nat. Mach. Intell. 5 (2023), doi:10.1038/s42256-023-00711-8.

    Examples
    --------
    >>> relevance_features([[3.0, -1.0], [0.0, 0.0]])
    array([[ 0.75, -0.25],
           [ 0.  ,  0.  ]], dtype=float32)
    """
    values = np.asarray(relevance, dtype=np.float32)
    if values.ndim != 2:
        msg = f"relevance has shape {values.shape}, expected (n, C)"
        raise ValueError(msg)
    if kind not in FEATURES:
        msg = f"feature {kind!r} is not known, expected one of {', '.join(FEATURES)}"
        raise ValueError(msg)
    if kind.startswith("absolute-"):
        values, kind = np.abs(values), kind.removeprefix("absolute-")
    if kind == "raw":
        return values
    if kind == "share":
        scale = np.abs(values).sum(axis=1, keepdims=True, dtype=np.float64)
    else:
        scale = np.sqrt(np.square(values, dtype=np.float64).sum(axis=1, keepdims=True))
    features: NDArray[np.float32] = (values / (scale + _TINY)).astype(np.float32)
    return features
