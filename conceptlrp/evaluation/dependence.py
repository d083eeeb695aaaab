"""Dependence on the network: whether heatmaps show more than the board itself.

Rules that only keep positive parts draw nearly the same picture of a board, whatever
is explained (Sixt et al., "When Explanations Lie", ICML 2020). Two measures show it:
the cosine of the heatmaps of two moves, and that of the heatmaps of two channels.

Shapes use N positions, S squares in a row, K channels and n x n squares.
"""

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.evaluation.sample import Sample
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.probing import Relevance, explain_boards
from conceptlrp.statistics.estimates import known_mean, ratio
from conceptlrp.statistics.similarity import cosine

Array = NDArray[Any]


def random_logit_cosine(relevance: Relevance) -> Array:
    """Return the cosine (N,) of the heatmaps of two legal moves of one board."""
    maps = relevance.one_hot
    return cosine(maps[:, 0], maps[:, 1])


def channel_cosines(
    explainer: Explainer,
    sample: Sample,
    relevance: Relevance,
    *,
    n_channels: int = 4,
    batch_size: int = 32,
) -> dict[str, Array]:
    """Return how alike (N,) the conditional heatmaps of one board's channels are."""
    # The channels that matter most to a move should differ, if any do.
    chosen = {
        layer: np.argsort(-np.abs(r[:, 0]), axis=1, kind="stable")[:, :n_channels]
        for layer, r in relevance.channels.items()
    }
    found = explain_boards(
        explainer,
        sample.boards,
        sample.best[:, None],
        conditional=chosen,
        batch_size=batch_size,
    )
    return {
        layer: mean_pair_cosine(maps[:, 0].reshape(*maps.shape[:1], maps.shape[2], -1))
        for layer, maps in found.conditional.items()
    }


def mean_pair_cosine(maps: Array) -> Array:
    """Return the mean size (N,) of the cosine over pairs of maps (N, K, S)."""
    pairs = list(combinations(range(maps.shape[1]), 2))
    if not pairs:
        return np.full(len(maps), np.nan)
    return known_mean(np.abs([cosine(maps[:, i], maps[:, j]) for i, j in pairs]))


def empty_board_share(
    explainer: Explainer, sample: Sample, relevance: Relevance
) -> tuple[Array, Array]:
    """Compute how much of each move's heatmap is there without a single disc.

    What the network draws for the same move on the empty board comes from its biases
    alone; only rules that give relevance to empty squares draw anything there. Returns
    the squared cosine (N,) of both heatmaps, 0 where the empty board has none, and the
    size (N,) of the empty board's heatmap by that of the board's.
    """
    actions, row = np.unique(sample.best, return_inverse=True)
    empty = np.zeros((len(actions), *sample.boards.shape[1:]), np.int8)
    baseline = explain_boards(explainer, empty, actions[:, None]).heatmap[:, 0]
    base = baseline.reshape(len(actions), -1)[row].astype(np.float64)
    maps = relevance.heatmap[:, 0].reshape(len(sample), -1).astype(np.float64)
    sizes = np.abs(base).sum(axis=1), np.abs(maps).sum(axis=1)
    return np.nan_to_num(cosine(base, maps)) ** 2, np.nan_to_num(ratio(*sizes))


def empty_square_share(sample: Sample, heatmaps: Array) -> Array:
    """Return the share (N,) of the size of heatmaps (N, S) that is on empty squares."""
    size = np.abs(heatmaps)
    return ratio(np.where(sample.occupied, 0, size).sum(axis=1), size.sum(axis=1))
