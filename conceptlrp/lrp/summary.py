"""What a store keeps of an attribution: sums over the board, row by row.

Shapes use n positions, T targets and C channels of a layer.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.lrp.attribution import Attribution

Arrays = dict[str, NDArray[Any]]


def summarize(attribution: Attribution) -> Arrays:
    """Return the datasets of a shard for one batch.

    Parameters
    ----------
    attribution : Attribution
        Of n positions.

    Returns
    -------
    dict of str to ndarray of shape (n, ...)
        Contents by dataset name, as `conceptlrp.store` lays them out.
    """
    arrays: Arrays = {
        "outputs/logits": attribution.logits,
        "outputs/value": attribution.value,
        "targets/square": attribution.squares,
        "targets/explained": attribution.explained,
        "targets/heatmap": attribution.heatmap,
    }
    for layer, relevance in attribution.channel_relevance.items():
        arrays[f"layers/{layer}/relevance"] = relevance
        arrays[f"layers/{layer}/norm"] = np.abs(relevance).sum(axis=2)
    for layer, feature in attribution.activation.items():
        flat = feature.reshape(*feature.shape[:2], -1)
        arrays[f"layers/{layer}/activation"] = flat.sum(axis=2)
        arrays[f"layers/{layer}/peak"] = flat.max(axis=2)
        arrays[f"layers/{layer}/peak_square"] = flat.argmax(axis=2).astype(np.int8)
    return arrays


def layer_shapes(attribution: Attribution) -> dict[str, dict[str, int]]:
    """Return channels, height and width of every layer."""
    names = ("channels", "height", "width")
    return {
        layer: dict(zip(names, feature.shape[1:], strict=True))
        for layer, feature in attribution.activation.items()
    }


def concatenate_rows(parts: list[Arrays]) -> Arrays:
    """Join the datasets of consecutive batches."""
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
