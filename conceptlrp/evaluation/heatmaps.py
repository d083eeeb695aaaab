"""What heatmaps depend on, and what they should agree with.

Rules that only keep positive parts draw nearly the same picture of a board, whatever
is explained (Sixt et al., "When Explanations Lie", ICML 2020). Two measures show it:
the cosine of the heatmaps of two moves, and that of the heatmaps of two channels.
Agreement of turned boards, of the two heads, and of composites is described, not
judged: a network need not treat turned boards alike, and its heads need not look at the
same discs.

Shapes use N positions, S squares in a row, C channels, K maps and n x n squares.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.evaluation.result import HeatmapAgreement
from conceptlrp.evaluation.sample import Sample
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.probing import Relevance, ask, best_actions, explain_boards
from conceptlrp.networks.planes import (
    actions_of_squares,
    legal_actions,
    squares_of_actions,
)
from conceptlrp.othello.symmetry import inverse, turn_maps, turn_squares
from conceptlrp.statistics.estimates import cosine, known_mean, rank_correlation, ratio

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
        batch_size=32,
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


def symmetry_consistency(
    explainer: Explainer, sample: Sample, relevance: Relevance
) -> dict[str, Array]:
    """Explain each board as it stands and turned by the seven symmetries.

    Returns means (N,) over them: the cosine with the heatmaps of the turned boards,
    turned back, and how often the best move is the same one, turned.
    """
    cosines, moves = [], []
    original = relevance.one_hot[:, 0]
    for s in range(1, 8):
        turned = turned_sample(sample, s)
        found = explain_boards(explainer, turned.boards, turned.best[:, None])
        boards = found.one_hot[:, 0].reshape(sample.boards.shape)
        back = turn_maps(boards, int(inverse(s))).reshape(len(sample), -1)
        chosen = best_actions(ask(explainer, turned.boards).logits, turned.legal)
        cosines.append(cosine(original, back))
        moves.append(chosen == turned.best)
    return {
        "symmetry_cosine": np.mean(cosines, axis=0),
        "symmetry_moves": np.mean(moves, axis=0),
    }


def turned_sample(sample: Sample, s: int) -> Sample:
    """Turn positions and the moves that are explained, but not their outputs."""
    corpus, size = sample.corpus.turned_by(s), sample.corpus.size
    best, other = (
        actions_of_squares(
            turn_squares(squares_of_actions(actions, size=size), s), size=size
        )
        for actions in (sample.best, sample.other)
    )
    legal = legal_actions(corpus.own, corpus.opponent, size=size)
    return replace(
        sample,
        corpus=corpus,
        boards=turn_maps(sample.boards, s),
        legal=legal[:, : sample.legal.shape[1]],
        best=best,
        other=other,
    )


def policy_against_value(relevance: Relevance) -> dict[str, Array]:
    """Compare what the heads rest on: squares of the board and channels.

    It is the cosine (N,) of the heatmaps ("input") and of the channel relevance of
    every layer, each started as 1; the first target is the move, the third the value.
    """
    maps = relevance.one_hot
    found = {"input": cosine(maps[:, 0], maps[:, 2])}
    sign = np.sign(relevance.explained[:, 0] * relevance.explained[:, 2])
    for layer, channels in relevance.channels.items():
        found[layer] = sign * cosine(channels[:, 0], channels[:, 2])
    return found


def composite_agreement(
    heatmaps: Mapping[str, Array], within: NDArray[np.bool_]
) -> tuple[HeatmapAgreement, ...]:
    """Compare the heatmaps (N, S) of every two composites."""
    return tuple(
        HeatmapAgreement(
            composite=one,
            other=other,
            cosine=float(known_mean(cosine(heatmaps[one], heatmaps[other]))),
            rank_correlation=float(
                known_mean(rank_correlation(heatmaps[one], heatmaps[other], within))
            ),
        )
        for one, other in combinations(heatmaps, 2)
    )
