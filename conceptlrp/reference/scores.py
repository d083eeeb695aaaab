"""Scores that rank the positions of a channel (RelMax and ActMax).

Shapes use N positions and C channels. With ``r[n, c]`` the relevance of channel c
at position n, summed over the squares:

========== ================================================================
share      ``r[n, c] / (sum_k |r[n, k]| + 1e-10)``, zennit-crp's RelMax
relevance  ``r[n, c]``
positive   ``max(r[n, c], 0)``
absolute   ``|r[n, c]|``
activation sum of the feature map (ActMax)
peak       largest activation in the feature map (ActMax by maximum)
========== ================================================================
"""

import numpy as np
from numpy.typing import NDArray

from conceptlrp.store import Store
from conceptlrp.store.ranking import CHANNEL_SCORES

#: Scores by which reference boards can be ranked.
REFERENCE_SCORES = (*CHANNEL_SCORES, "positive", "absolute")


def reference_scores(
    store: Store, layer: str, channel: int, *, by: str, target: int | str = 0
) -> NDArray[np.float32]:
    """Return one channel's score at every position.

    Returns (N,): the scores, row by row.
    """
    if by not in REFERENCE_SCORES:
        known = ", ".join(REFERENCE_SCORES)
        msg = f"unknown score '{by}', expected one of {known}"
        raise ValueError(msg)
    if by in CHANNEL_SCORES:
        return store.scores(layer, channel, by=by, target=target)
    relevance = store.scores(layer, channel, by="relevance", target=target)
    return np.maximum(relevance, 0) if by == "positive" else np.abs(relevance)
