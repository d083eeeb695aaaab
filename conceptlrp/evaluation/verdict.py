"""What the figures say of composites: gates to pass, and which one to use.

A gate that fails is shown with its figures, and its sentence is meant for every report
that the composite makes. For the recommendation faithfulness decides first, as far as
intervals tell composites apart, and dependence on the network decides among those that
are equally faithful.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from conceptlrp.evaluation.result import (
    CHANNEL_LIMIT,
    RANDOM_LOGIT_LIMIT,
    Findings,
    Gate,
    Measurement,
    Recommendation,
)
from conceptlrp.lrp.composites import GRADIENT
from conceptlrp.statistics.estimates import Estimate

_SQUARE_BASELINES: Final = ("random", "center")
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


def gates_of(findings: Findings, composite: str) -> tuple[Gate, ...]:
    """Judge one composite: two gates of dependence, three of faithfulness."""
    return (
        _moves_gate(findings, composite),
        _channels_gate(findings, composite),
        _squares_gate(findings, composite),
        _ablation_gate(findings, composite),
        _flip_line_gate(findings, composite),
    )


def _moves_gate(findings: Findings, composite: str) -> Gate:
    (found,) = findings.find("random_logit_cosine", method=composite)
    return Gate(
        "heatmaps of two moves differ",
        found.estimate.mean <= RANDOM_LOGIT_LIMIT,
        f"mean absolute cosine {_text(found.estimate)}, limit {RANDOM_LOGIT_LIMIT}",
        f"{composite} draws nearly the same picture whatever move is explained (cosine "
        f"{found.estimate.mean:.2f}): its heatmaps say little about the network",
    )


def _channels_gate(findings: Findings, composite: str) -> Gate:
    found = findings.find("channel_cosine", method=composite)
    worst = max(found, key=lambda m: m.estimate.mean)
    mean = worst.estimate.mean
    return Gate(
        "heatmaps of two channels differ",
        mean <= CHANNEL_LIMIT,
        f"mean absolute cosine {_text(worst.estimate)} at {worst.part}, limit "
        f"{CHANNEL_LIMIT}",
        f"{composite} draws nearly the same picture whatever channel of "
        f"{worst.part} it is conditioned on (cosine {mean:.2f}): its conditional "
        "heatmaps say little about channels",
    )


def _squares_gate(findings: Findings, composite: str) -> Gate:
    mine = _by_part(findings, "square_gain", composite)
    rivals = {
        name: _by_part(findings, "square_gain", name) for name in _SQUARE_BASELINES
    }
    rivals["same class"] = _by_part(findings, "square_gain_same_class", composite)
    pairs = [
        (found, rival[part], f"{name} ({part})")
        for part, found in mine.items()
        for name, rival in rivals.items()
    ]
    return _compared(
        "discs matter in the order of relevance",
        pairs,
        f"the order in which {composite} ranks discs is not clearly better than",
    )


def _ablation_gate(findings: Findings, composite: str) -> Gate:
    random = _by_part(findings, "channel_gain", "random")
    pairs = [
        (found, random[part], f"random ({part})")
        for part, found in _by_part(findings, "channel_gain", composite).items()
    ]
    return _compared(
        "channels matter in the order of relevance",
        pairs,
        f"the order in which {composite} ranks channels is not clearly better than",
    )


def _flip_line_gate(findings: Findings, composite: str) -> Gate:
    (mass,) = findings.find("flip_line_mass", method=composite)
    (chance,) = findings.find("flip_line_mass", method="chance")
    return _compared(
        "relevance lies on the discs that make a move legal",
        [(mass.estimate, chance.estimate, "chance")],
        f"the share of relevance that {composite} puts on the discs that make a move "
        "legal is not clearly above",
    )


def _by_part(findings: Findings, metric: str, method: str) -> dict[str, Estimate]:
    found = findings.find(metric, method=method, target="best")
    return {each.part: each.estimate for each in found}


def _compared(
    name: str, pairs: Sequence[tuple[Estimate, Estimate, str]], warning: str
) -> Gate:
    """Ask that every first estimate lies above the second, intervals apart."""
    # The closest pair speaks for the gate.
    mine, rival, against = min(pairs, key=lambda p: p[0].low - p[1].high)
    figures = f"{_text(mine)} against {_text(rival)}"
    passed = all(one.above(other) for one, other, _ in pairs)
    return Gate(
        name, passed, f"{figures} of {against}", f"{warning} {against}: {figures}"
    )


def _text(found: Estimate) -> str:
    return f"{found.mean:.2f} [{found.low:.2f}, {found.high:.2f}]"


def recommend(
    findings: Findings, gates: Mapping[str, tuple[Gate, ...]]
) -> Recommendation:
    """Choose among the composites that fail the fewest gates.

    The most faithful by `mean_ranks` and those within half a rank of it are taken
    for equal; of these, the one whose heatmaps depend most on the network is chosen.
    Gradient times input comes behind a composite that equals it, as it has no rules
    that reports could name.
    """
    failed = {name: sum(not g.passed for g in found) for name, found in gates.items()}
    fewest = min(failed.values())
    able = [name for name, number in failed.items() if number == fewest]
    # Means alone would rank noise: only composites within half a rank are equal.
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
    gates: Mapping[str, tuple[Gate, ...]],
    able: list[str],
    fewest: int,
    ranks: dict[str, float],
    alike: dict[str, float],
) -> str:
    if fewest:
        passing = f"no composite passes every gate; the best fail {fewest}"
    else:
        passing = f"{len(able)} of {len(gates)} composites pass every gate"
    order = sorted(able, key=lambda name: ranks[name])
    listed = ", ".join(f"{name} {ranks[name]:.2f}" for name in order)
    equal = ", ".join(f"{name} {value:.2f}" for name, value in alike.items())
    return (
        f"{passing}; mean rank by faithfulness: {listed}; likeness of heatmaps "
        f"whatever the network, among those within {_EQUAL_RANKS} of the best: {equal}"
    )


def _ranks(
    found: Sequence[Measurement], part: str, composites: Sequence[str]
) -> list[int]:
    known = {m.method: m.estimate for m in found if m.part == part}
    return [
        1 + sum(known[other].above(known[name]) for other in composites)
        for name in composites
    ]
