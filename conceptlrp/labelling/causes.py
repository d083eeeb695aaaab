"""Causal checks of the labels of channels: ablation with the label and without.

Shapes use N positions, n of them ablated, and C channels of an H x W map.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from conceptlrp.ablation.channel_deletion import run_from
from conceptlrp.ablation.probing import Outputs, forward
from conceptlrp.ablation.sample import FollowedSample
from conceptlrp.labelling.causality import causal_check, phase_matched
from conceptlrp.labelling.results import LabelScores
from conceptlrp.labelling.stored import ChannelCause
from conceptlrp.labels import Labels
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.summary import as_array

# Positions of either kind that a channel is ablated on, and the fewest to judge by.
_MOST: Final = 128
_FEWEST: Final = 10
_BATCH: Final = 256
# Sets of squares that more positions than this have are told apart by size.
_COMMON: Final = 0.9


def label_causes(
    explainer: Explainer,
    sample: FollowedSample,
    scores: Mapping[str, LabelScores],
    labels: Labels,
    phases: NDArray[Any],
    rows: NDArray[np.intp],
    *,
    seed: int = 0,
) -> dict[str, dict[int, ChannelCause]]:
    """Check the best label of every channel that has one.

    The channel's map becomes its mean over positions, square by square, and the
    explained output must change more where the label holds.

    Shapes: `phases` (N,). Returns: without channels whose label too few positions have,
    or lack.
    """
    means = _mean_maps(explainer, sample, rows[: 2 * _BATCH])
    found: dict[str, dict[int, ChannelCause]] = {layer: {} for layer in scores}
    for layer, scored in scores.items():
        for channel in scored.channels:
            if not channel.labels:
                continue
            name = channel.labels[0].label
            flags = holds(labels, name, phases)[rows]
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
    """Tell at which positions a label holds, numbers being large for their phase.

    Shapes: `phases` (N,). Returns (N,): for a number, whether it is above the median of
    the position's phase.
    """
    if name in labels.position:
        column = labels.position[name]
    else:
        column = labels.counts()[name]
        if (column > 0).mean() <= _COMMON:
            column = column > 0
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
