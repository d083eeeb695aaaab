"""Statistics of every channel of a layer, as one table.

Shapes use N positions and C channels.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from conceptlrp.exports.extract import Extract
from conceptlrp.labelling import ScoredLabels
from conceptlrp.labelling.channel_labels import UNNAMED
from conceptlrp.labelling.channel_name import channel_names

if TYPE_CHECKING:
    import pandas as pd

_LEAST = np.float32(-np.inf)


def channel_table(chosen: Extract, layer: str) -> "pd.DataFrame":
    """Sum up every channel of a layer over the exported positions."""
    import pandas as pd

    channels = chosen.store.channels(layer)
    summed = (
        "magnitude",
        "mean_share",
        "mean_relevance",
        "relevant",
        "active",
        "mean_activation",
    )
    sums = {name: np.zeros(channels) for name in summed}
    largest = np.full(channels, _LEAST)
    for block in chosen.blocks():
        for name, values in _terms(chosen, layer, block).items():
            sums[name] += values.sum(axis=0, dtype=np.float64)
        activation = chosen.read("activation", layer, block)
        largest = np.maximum(largest, activation.max(axis=0))
    means = {name: total / max(1, len(chosen)) for name, total in sums.items()}
    table = pd.DataFrame(means, index=pd.RangeIndex(channels, name="channel"))
    order = np.argsort(-means["magnitude"], kind="stable")
    table.insert(1, "rank", np.argsort(order, kind="stable") + 1)
    table.insert(6, "dead", means["active"] == 0)
    table["max_activation"] = largest
    names = channel_names(chosen.store.results.get(ScoredLabels, target=chosen.target))
    table["name"] = [names.get((layer, c), UNNAMED) for c in range(channels)]
    return table


def _terms(chosen: Extract, layer: str, block: slice) -> dict[str, NDArray[np.generic]]:
    """Return what is averaged over positions, each of shape (positions, C)."""
    share = chosen.read("share", layer, block)
    relevance = chosen.read("relevance", layer, block)
    activation = chosen.read("activation", layer, block)
    return {
        "magnitude": np.abs(share),
        "mean_share": share,
        "mean_relevance": relevance,
        "relevant": relevance != 0,
        "active": activation != 0,
        "mean_activation": activation,
    }
