"""What labelling finds where there is nothing to find, and misses where there is.

In the same-ply exchange whole positions of the trained network's tables change places
with others of the same ply. Everything about the channels stays but what they have to
do with the positions, so that labels of such tables are labels of the ply. The power
is the part of planted detectors that get their label. Shapes use N positions, C
channels, D detectors and n x n squares.
"""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.labelling.channel_name import ACTIVATION, RELEVANCE
from conceptlrp.labelling.measures import Compared, score_measure
from conceptlrp.labelling.result import PLANTED, LabelScores
from conceptlrp.labels import MOVE_LABELS
from conceptlrp.othello.symmetry import SYMMETRIES, turn_maps
from conceptlrp.statistics.estimates import exchanged_within
from conceptlrp.statistics.ranks import centered_ranks
from conceptlrp.statistics.significance import effect_intervals


def exchange_positions(
    table: NDArray[Any], plies: NDArray[np.intp], *, seed: int
) -> NDArray[Any]:
    """Exchange rows (N, C) or maps (N, C, n, n) within plies; maps are turned too."""
    rows = exchanged_within(plies, seed=seed)
    if table.ndim == 2:
        return np.asarray(table[rows])
    turns = np.random.default_rng(seed + 1).integers(0, SYMMETRIES, len(table))
    return turn_maps(table[rows], turns)


def detector_power(
    compared: Compared, layers: Sequence[LabelScores], controls: Sequence[str] = ()
) -> float:
    """Return which part of planted detectors would get their label.

    For every label one channel is made that follows it with an effect of 0.8, and
    judged by all that was asked of the channels of layers: an effect in both halves and
    an interval beyond their random networks, and a p-value as small as those that
    passed, or as would pass alone. Controls are left out, and labels of moves, which
    are found on the strongest boards.
    """
    asked, names = layers[0].criteria, compared.labels.names
    left_out = {*controls, *MOVE_LABELS}
    asked_for = np.array([name not in left_out for name in names], np.bool_)
    # What is the same at all positions of a ply is no label that could be found.
    labels = np.flatnonzero(asked_for & (compared.numbers.bottom > 0))
    values = [
        np.nan_to_num(reached[[scores.labels.index(name) for name in names]])
        for scores in layers
        for measure, reached in scores.random.items()
        if measure in (RELEVANCE, ACTIVATION)
    ]
    random = np.max([np.zeros(len(names)), *values], axis=0)
    table = _detectors(compared, labels, seed=asked.seed)
    score = score_measure([table], compared)[0]
    at = np.arange(len(labels)), labels
    needed = np.maximum(asked.effect, random[labels] + asked.over_random)
    half = score.confirming
    least = [
        effect_intervals(
            table[half.positions, place],
            [half.columns.columns[k]],
            half.columns.strata,
            half.columns.games,
            confidence=asked.confidence,
            prevalence=asked.prevalence,
        )[0][0]
        for place, k in enumerate(labels)
    ]
    found = (score.p[at] <= max(map(_largest_p, layers))) & (score.effect[at] >= needed)
    found &= score.held_out[at] >= needed
    found &= np.array(least) >= random[labels] + asked.over_random
    return float(found.mean()) if len(labels) else 0.0


def _detectors(
    compared: Compared, labels: NDArray[np.intp], *, seed: int
) -> NDArray[np.float64]:
    """Return a channel (N, D) for each of D labels: the label, and normal noise."""
    generator = np.random.default_rng(seed)
    table = np.empty((len(compared.labels), len(labels)))
    for half in compared.halves:
        size = np.bincount(half.columns.strata)[half.columns.strata]
        for place, k in enumerate(labels):
            column, noise = half.columns.columns[k], generator.normal(size=len(size))
            if column.dtype == np.bool_:
                distance = np.sqrt(2) * NormalDist().inv_cdf((1 + PLANTED) / 2)
                table[half.positions, place] = distance * column + noise
                continue
            ranks = centered_ranks(column[:, None], half.columns.strata)[:, 0] / size
            # The correlation of normal numbers whose ranks have this one.
            r = 2 * np.sin(np.pi / 6 * PLANTED)
            follows = ranks / (ranks.std() or 1)
            table[half.positions, place] = r * follows + np.sqrt(1 - r**2) * noise
    return table


def _largest_p(scores: LabelScores) -> float:
    """Return the largest p-value that passed, or that one alone would pass with."""
    asked, tested = scores.criteria.false_discoveries, 1
    largest = 0.0
    for measure, p in scores.p.items():
        tested += int(np.isfinite(p).sum())
        passed = p[scores.q[measure] <= asked]
        largest = max(largest, float(passed.max(initial=0)))
    return max(largest, asked / tested)
