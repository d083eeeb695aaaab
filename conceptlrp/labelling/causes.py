"""The causal check of a label: its channel must matter more where it holds.

Shapes use N positions, n of them ablated, and C channels of an H x W map.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from conceptlrp.ablation.sample import FollowedSample, run_from
from conceptlrp.labelling.channel_labels import CausalCheck, ChannelCause
from conceptlrp.labelling.columns import presence
from conceptlrp.labelling.result import LabelScores
from conceptlrp.labelling.scores import Comparison
from conceptlrp.labels import Labels
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.batch import as_array
from conceptlrp.lrp.probing import Outputs, forward
from conceptlrp.statistics.significance import interval

# Positions of either kind that a channel is ablated on, and the fewest to judge by.
_MOST: Final = 128
_FEWEST: Final = 10
_BATCH: Final = 256
# The effect with the label by that without, at least, and draws for its interval.
_RATIO: Final = 2.0
_REPLICATES: Final = 1000


def causal_check(
    with_label: ArrayLike, without_label: ArrayLike, *, seed: int = 0
) -> CausalCheck:
    """Compare effects of ablating a channel on positions with and without a label.

    The check is not passed if the channel has no effect at all.

    Examples
    --------
    >>> causal_check([3.0, -5.0, 4.0], [1.0, 1.0, -1.0]).ratio
    4.0
    """
    sides = [np.abs(np.asarray(e, np.float64)) for e in (with_label, without_label)]
    if not all(side.size for side in sides):
        msg = f"{sides[0].size} positions with the label, {sides[1].size} without"
        raise ValueError(msg)
    generator = np.random.default_rng(seed)
    # The ratio has no simple error, so both sides are drawn again independently.
    drawn = [
        side[generator.integers(0, side.size, (_REPLICATES, side.size))].mean(axis=1)
        for side in sides
    ]
    mine, others = (float(side.mean()) for side in sides)
    low, high = (float(end) for end in interval(_quotient(*drawn)))
    found = float(_quotient(np.array([mine]), np.array([others]))[0])
    return CausalCheck(mine, others, found, low, high, found >= _RATIO and low > 1)


def phase_matched(
    flags: ArrayLike, phases: ArrayLike, *, seed: int = 0
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Choose rows with a label and as many without it of every phase.

    Of the kind that a phase has more of, some are drawn.
    """
    having, phase = np.asarray(flags, np.bool_), np.asarray(phases)
    generator = np.random.default_rng(seed)
    chosen: tuple[list[NDArray[np.intp]], ...] = ([], [])
    for each in np.unique(phase):
        kinds = [np.flatnonzero((phase == each) & (having == kind)) for kind in (1, 0)]
        number = min(rows.size for rows in kinds)
        for rows, found in zip(kinds, chosen, strict=True):
            found.append(np.sort(generator.choice(rows, number, replace=False)))
    empty = [np.empty(0, np.intp)]
    with_label, without_label = (np.concatenate(empty + rows) for rows in chosen)
    return with_label, without_label


def label_causes(
    explainer: Explainer,
    sample: FollowedSample,
    scores: Mapping[str, LabelScores],
    comparison: Comparison,
) -> dict[str, dict[int, ChannelCause]]:
    """Check the best label of every channel that has one, on positions held out.

    The channel's map becomes its mean over positions, square by square, and the
    explained output must change more where the label holds. Channels whose label too
    few positions have, or lack, are left out.
    """
    rows, phases = np.flatnonzero(comparison.held_out), comparison.phases
    seed = comparison.criteria.seed
    means = _mean_maps(explainer, sample, rows[: 2 * _BATCH])
    found: dict[str, dict[int, ChannelCause]] = {layer: {} for layer in scores}
    for layer, scored in scores.items():
        for channel in (each for each in scored.channels if each.labels):
            name = channel.labels[0].label
            flags = holds(comparison.labels, name, phases)[rows]
            sides = phase_matched(flags, phases[rows], seed=seed)
            if len(sides[0]) < _FEWEST:
                continue
            changes = _changes(
                explainer,
                sample,
                (layer, channel.channel),
                means[layer],
                [rows[_some(side, seed)] for side in sides],
            )
            check = causal_check(*changes, seed=seed)
            found[layer][channel.channel] = ChannelCause(name, check)
    return found


def holds(labels: Labels, name: str, phases: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell at which positions (N,) a label holds.

    A number holds where it is above the median of the position's phase.
    """
    if name in labels.position:
        column = labels.position[name]
    else:
        column = presence(labels.masks[name])
    if column.dtype == np.bool_:
        return column
    found = np.zeros(len(column), np.bool_)
    for phase in np.unique(phases):
        here = phases == phase
        found[here] = column[here] > np.median(column[here])
    return found


def _some(side: NDArray[np.intp], seed: int) -> NDArray[np.intp]:
    """Return some rows of either side; both are drawn alike, phase by phase."""
    order = np.random.default_rng(seed).permutation(len(side))
    return side[order[:_MOST]]


def _changes(
    explainer: Explainer,
    sample: FollowedSample,
    at: tuple[str, int],
    mean: NDArray[Any],
    sides: list[NDArray[np.intp]],
) -> list[NDArray[Any]]:
    """Return by how much ablation of a channel changes the output on either side."""
    layer, channel = at
    rows = np.concatenate(sides)
    parts = []
    for first in range(0, len(rows), _BATCH):
        here = rows[first : first + _BATCH]
        boards = sample.boards[here]
        with forward(explainer, boards) as passed:
            maps = as_array(passed.features[layer])
        both = np.stack([maps, maps], axis=1)
        both[:, 1, channel] = mean[channel]
        outputs = run_from(explainer, boards, layer, both)
        followed = _followed(sample, outputs, np.repeat(here, 2)).reshape(-1, 2)
        parts.append(followed[:, 0] - followed[:, 1])
    changes = np.concatenate(parts)
    return [changes[: len(sides[0])], changes[len(sides[0]) :]]


def _followed(
    sample: FollowedSample, outputs: Outputs, rows: NDArray[np.intp]
) -> NDArray[Any]:
    logits, value = torch.from_numpy(outputs.logits), torch.from_numpy(outputs.value)
    places = torch.from_numpy(rows).to(sample.plus.device)
    logits, value = logits.to(places.device), value.to(places.device)
    return as_array(sample.explained(logits, value, places))


def _mean_maps(
    explainer: Explainer, sample: FollowedSample, rows: NDArray[np.intp]
) -> dict[str, NDArray[Any]]:
    """Return the mean of every map, (C, H, W)."""
    with forward(explainer, sample.boards[rows]) as passed:
        return {n: as_array(f).mean(axis=0) for n, f in passed.features.items()}


def _quotient(top: NDArray[Any], bottom: NDArray[Any]) -> NDArray[np.float64]:
    """Divide, 0 by 0 being 1: as much with the label as without."""
    safe = np.where(bottom > 0, bottom, 1)
    large = np.where(top > 0, np.inf, 1.0)
    return np.where(bottom > 0, top / safe, large)
