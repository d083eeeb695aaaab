"""Whether both sides compute the same numbers, in float64.

Shapes use N positions, K channels and a board of n x n squares.
"""

from copy import deepcopy

import numpy as np

from conceptlrp.lrp import Explainer
from tests.benchmarks.case import COMPOSITE, GENERATE, LAYERS, Case
from tests.benchmarks.peers import bare_zennit
from tests.benchmarks.report import Row
from tests.benchmarks.zennit_crp import folded


def agreement_rows(case: Case, *, channels: list[int], n_positions: int) -> list[Row]:
    """Compare the two sides' numbers in float64, each map with its own magnitude."""
    rows = []
    for composite in (COMPOSITE, "epsilon"):
        found, expected = _both_heatmaps(case, composite, channels, n_positions)
        worst = max(_difference(found[layer], expected[layer]) for layer in LAYERS)
        note = f"{len(channels)} channels of 4 layers, {n_positions} positions"
        rows.append(_agreement(case, f"{composite} heatmaps", GENERATE, worst, note))
    worst = _channel_difference(case, n_positions)
    what = f"{COMPOSITE} channel relevance"
    return [*rows, _agreement(case, what, "bare zennit", worst, "4 layers")]


def _agreement(case: Case, what: str, against: str, worst: float, note: str) -> Row:
    return Row(
        case.label,
        f"{what}, float64",
        against,
        ratio=worst,
        goal=1e-9,
        at_most=True,
        unit="",
        note=f"largest difference over the largest value; {note}",
    )


def _precise(case: Case, composite: str) -> Explainer:
    network = deepcopy(case.network).double()
    return Explainer(network, composite=composite, layers=LAYERS, dtype="float64")


def _both_heatmaps(
    case: Case, composite: str, channels: list[int], n_positions: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return conditional heatmaps (N, K, n, n) of conceptlrp and zennit-crp."""
    found = _precise(case, composite).attribute(
        case.positions[:n_positions], conditional=dict.fromkeys(LAYERS, channels)
    )
    expected = case.peer.heatmaps(
        LAYERS,
        composite=composite,
        dtype="float64",
        channels=channels,
        n_positions=n_positions,
    )
    return {layer: found.conditional[layer][:, 0] for layer in LAYERS}, expected


def _channel_difference(case: Case, n_positions: int) -> float:
    positions = case.positions[:n_positions]
    found = _precise(case, COMPOSITE).attribute(positions).channel_relevance
    expected = bare_zennit(folded(case.network), positions)
    return max(
        _difference(found[layer][:, 0], expected[layer].numpy()) for layer in LAYERS
    )


def _difference(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference relative to each map, or each row of sums."""
    axes = tuple(range(2, expected.ndim)) or (1,)
    scale = np.abs(expected).max(axis=axes, keepdims=True)
    return float((np.abs(found - expected) / np.where(scale > 0, scale, 1)).max())
