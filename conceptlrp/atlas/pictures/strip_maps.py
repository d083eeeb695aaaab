"""Conditional heatmaps of the boards that a store keeps none of.

A store keeps heatmaps of reference boards; those of boards over the quantiles and at
random take the network that it was made with. Shapes use n x n squares.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from conceptlrp.lrp import Explainer
from conceptlrp.lrp.targets import Target
from conceptlrp.reference import ReferenceBoards
from conceptlrp.report import ChannelReport
from conceptlrp.runs.parts import conditional_heatmaps
from conceptlrp.store import Store

# Channels whose boards are explained together: most boards are of one channel only,
# and reports hold what they describe.
_TOGETHER = 64
_BATCH = 64

Maps = NDArray[np.float32]


def mapped_reports(
    reports: Iterable[ChannelReport], store: Store, explainer: Explainer
) -> Iterator[ChannelReport]:
    """Compute the heatmaps that reports of a layer lack."""
    upcoming = iter(reports)
    while together := list(islice(upcoming, _TOGETHER)):
        pairs = np.array(list(_wanted(together)), dtype=np.int64).reshape(-1, 3)
        maps = _maps(np.unique(pairs, axis=0), together[0], store, explainer)
        for report in together:
            yield replace(report, strips=_filled(report, maps))


def _wanted(reports: Iterable[ChannelReport]) -> Iterator[tuple[int, int, int]]:
    """Yield row, number of the layer and channel of the maps that are missing."""
    for report in reports:
        for boards in report.strips.values():
            if boards.heatmaps is None:
                yield from ((row, 0, report.channel) for row in boards.rows.tolist())


def _maps(
    pairs: NDArray[np.int64], report: ChannelReport, store: Store, explainer: Explainer
) -> dict[tuple[int, int], Maps]:
    found: dict[tuple[int, int], Maps] = {}
    if not len(pairs):
        return found
    size = store.manifest.board_size
    # Rows that are not wanted are not read: a corpus can be large.
    rows, places = np.unique(pairs[:, 0], return_inverse=True)
    local = np.column_stack([places, pairs[:, 1:]])
    target = Target.parse(report.target, size)
    for chosen, maps in conditional_heatmaps(
        explainer, store.positions[rows], target, local, [report.layer], _BATCH
    ):
        for pair, each in zip(pairs[chosen].tolist(), maps, strict=True):
            found[pair[0], pair[2]] = each
    return found


def _filled(
    report: ChannelReport, maps: dict[tuple[int, int], Maps]
) -> dict[str, ReferenceBoards]:
    strips = dict(report.strips.items())
    for name, boards in strips.items():
        if boards.heatmaps is None and len(boards):
            keys = [(row, report.channel) for row in boards.rows.tolist()]
            found = np.stack([maps[key] for key in keys])
            strips[name] = replace(boards, heatmaps=found)
    return strips
