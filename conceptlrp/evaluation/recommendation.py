"""Which composite the figures support.

Faithfulness decides first, as far as intervals tell composites apart, and dependence
on the network decides among those that are equally faithful.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from conceptlrp.evaluation.gates import Gate
from conceptlrp.evaluation.measurements import Findings, Measurement
from conceptlrp.lrp.presets import GRADIENT

_FAMILIES: Final = (
    ("square_gain", "best"),
    ("square_gain", "value"),
    ("channel_gain", "best"),
    ("flip_line_mass", "best"),
)
_LIKENESS: Final = (
    "random_logit_cosine",
    "channel_cosine",
    "cascade_excess",
    "empty_board_share",
)
_EQUAL_RANKS: Final = 0.5


@dataclass(frozen=True)
class Recommendation:
    """The composite that the evaluation supports.

    Attributes
    ----------
    composite : str
        Its name.
    reason : str
        Why, in a sentence.
    """

    composite: str
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, ready for JSON."""
        return asdict(self)


def recommend(findings: Findings, gates: dict[str, tuple[Gate, ...]]) -> Recommendation:
    """Choose among the composites that fail the fewest gates.

    The most faithful by `mean_ranks` and those within half a rank of it are taken
    for equal; of these, the one whose heatmaps depend most on the network is chosen.
    Gradient times input comes behind a composite that equals it, as it has no rules
    that reports could name.
    """
    failed = {name: sum(not g.passed for g in found) for name, found in gates.items()}
    fewest = min(failed.values())
    able = [name for name, number in failed.items() if number == fewest]
    ranks = mean_ranks(findings, tuple(gates))
    best = min(ranks[name] for name in able)
    equal = [name for name in able if ranks[name] <= best + _EQUAL_RANKS]
    alike = {name: likeness(findings, name) for name in equal}
    chosen = min(equal, key=lambda name: (round(alike[name], 2), name == GRADIENT))
    return Recommendation(chosen, _reason(gates, able, fewest, ranks, alike))


def mean_ranks(findings: Findings, composites: Sequence[str]) -> dict[str, float]:
    """Rank composites by faithfulness, 1 being the best.

    In each comparison the rank is 1 and how many composites are better with their
    interval wholly above. Ranks are averaged over perturbations, layers and
    ablations, then over four families: squares for the best move, squares for the
    value, channels, and mass on flip lines.
    """
    families = []
    for metric, target in _FAMILIES:
        found = findings.find(metric, target=target)
        parts = sorted({m.part for m in found})
        ranks = [_ranks(found, part, composites) for part in parts]
        if ranks:
            families.append(np.mean(ranks, axis=0))
    means = np.mean(families, axis=0)
    return {name: float(rank) for name, rank in zip(composites, means, strict=True)}


def likeness(findings: Findings, composite: str) -> float:
    """Return how alike a composite's heatmaps are whatever the network, 0 to 1.

    The mean of four measurements: cosine of two moves, cosine of two channels, rank
    correlation in excess of chance with every layer random, and the empty board's
    share.
    """
    means = [
        np.mean([m.estimate.mean for m in found])
        for metric in _LIKENESS
        if (found := findings.find(metric, method=composite))
    ]
    return float(np.mean(means))


def _reason(
    gates: dict[str, tuple[Gate, ...]],
    able: list[str],
    fewest: int,
    ranks: dict[str, float],
    alike: dict[str, float],
) -> str:
    if fewest:
        passing = f"no composite passes every gate, the fewest that fail are {fewest}"
    else:
        passing = f"{len(able)} of {len(gates)} composites pass every gate"
    order = sorted(able, key=lambda name: ranks[name])
    listed = ", ".join(f"{name} {ranks[name]:.2f}" for name in order)
    equal = ", ".join(f"{name} {value:.2f}" for name, value in alike.items())
    return (
        f"{passing}; mean rank by faithfulness: {listed}; likeness of heatmaps "
        f"whatever the network, of those within {_EQUAL_RANKS} of the best: {equal}"
    )


def _ranks(
    found: Sequence[Measurement], part: str, composites: Sequence[str]
) -> list[int]:
    known = {m.method: m.estimate for m in found if m.part == part}
    return [
        1 + sum(known[other].above(known[name]) for other in composites)
        for name in composites
    ]
