"""What should agree: turned boards, the two heads, one composite and another.

Agreement is described, not judged: a network need not treat turned boards alike, and
its heads need not look at the same discs.

Shapes use N positions, S squares in a row and C channels.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from conceptlrp.ablation.probing import Relevance, ask, explain_boards
from conceptlrp.ablation.sampling import Sample, best_actions
from conceptlrp.lrp import Explainer
from conceptlrp.networks.planes import (
    actions_of_squares,
    legal_actions,
    squares_of_actions,
)
from conceptlrp.othello.symmetry import inverse, turn_maps, turn_squares
from conceptlrp.statistics.similarity import cosine, rank_correlation

Array = NDArray[Any]


@dataclass(frozen=True)
class SymmetryConsistency:
    """How a board turned by the seven symmetries is explained.

    Attributes
    ----------
    heatmaps : ndarray of shape (N,)
        Mean cosine of the heatmap with those of the turned boards, turned back.
    moves : ndarray of shape (N,)
        Share of the turned boards whose best move is the best one, turned.
    outputs : ndarray of shape (N,)
        Mean size of the change of the move's logit.
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
        *(np.mean(each, axis=0) for each in _lists(cosines, moves, changes))
    )


def turned_sample(sample: Sample, s: int) -> Sample:
    """Turn positions and the moves that are explained by a symmetry.

    Returns: its outputs are still those of the boards as they stood.
    """
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

    Returns (N,): cosine of the heatmaps ("input") and of the channel relevance of every
    layer, each started as 1.
    """
    maps = relevance.one_hot
    found = {"input": cosine(maps[:, policy], maps[:, value])}
    sign = np.sign(relevance.explained[:, policy] * relevance.explained[:, value])
    for layer, channels in relevance.channels.items():
        found[layer] = sign * cosine(channels[:, policy], channels[:, value])
    return found


def composite_agreement(
    heatmaps: Mapping[str, Array], within: NDArray[np.bool_]
) -> pd.DataFrame:
    """Compare the heatmaps of every two composites.

    Shapes: `heatmaps` (N, S), `within` (N, S). Returns: Columns ``composite``,
    ``other``, ``cosine`` and ``rank_correlation``, means over positions; a row for each
    pair.
    """
    names = list(heatmaps)
    rows = [
        {
            "composite": one,
            "other": other,
            "cosine": _mean(cosine(heatmaps[one], heatmaps[other])),
            "rank_correlation": _mean(
                rank_correlation(heatmaps[one], heatmaps[other], within)
            ),
        }
        for i, one in enumerate(names)
        for other in names[i + 1 :]
    ]
    columns = ["composite", "other", "cosine", "rank_correlation"]
    return pd.DataFrame(rows, columns=columns)


def _lists(*parts: list[Array]) -> tuple[Array, ...]:
    return tuple(np.array(part, np.float64) for part in parts)


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
