"""What should agree: turned boards, the two heads, one composite and another.

Agreement is described, not judged: a network need not treat turned boards alike, and
its heads need not look at the same discs.

Shapes use N positions, S squares in a row and C channels.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
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
from conceptlrp.statistics.estimates import known_mean
from conceptlrp.statistics.similarity import cosine, rank_correlation

Array = NDArray[Any]


@dataclass(frozen=True)
class SymmetryConsistency:
    """How a board turned by the seven symmetries is explained, means (N,) over them.

    ``heatmaps`` is the cosine with those of the turned boards, turned back, ``moves``
    how often the best move is the same one, turned, and ``outputs`` the size of the
    change of its logit.
    """

    heatmaps: Array
    moves: Array
    outputs: Array


def symmetry_consistency(
    explainer: Explainer, sample: Sample, relevance: Relevance
) -> SymmetryConsistency:
    """Explain each board as it stands and turned."""
    cosines, moves, changes = [], [], []
    original = relevance.one_hot[:, 0]
    start = sample.outputs.of(sample.best)
    for s in range(1, 8):
        turned = turned_sample(sample, s)
        found = explain_boards(explainer, turned.boards, turned.best[:, None])
        boards = found.one_hot[:, 0].reshape(sample.boards.shape)
        back = turn_maps(boards, int(inverse(s))).reshape(len(sample), -1)
        outputs = ask(explainer, turned.boards)
        chosen = best_actions(outputs.logits, turned.legal)
        cosines.append(cosine(original, back))
        moves.append(chosen == turned.best)
        changes.append(np.abs(outputs.of(turned.best) - start))
    return SymmetryConsistency(
        *(np.array(each, np.float64).mean(0) for each in (cosines, moves, changes))
    )


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


def policy_against_value(
    relevance: Relevance, *, policy: int = 0, value: int = 2
) -> dict[str, Array]:
    """Compare what the heads rest on: squares of the board and channels.

    It is the cosine (N,) of the heatmaps ("input") and of the channel relevance of
    every layer, each started as 1.
    """
    maps = relevance.one_hot
    found = {"input": cosine(maps[:, policy], maps[:, value])}
    sign = np.sign(relevance.explained[:, policy] * relevance.explained[:, value])
    for layer, channels in relevance.channels.items():
        found[layer] = sign * cosine(channels[:, policy], channels[:, value])
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
