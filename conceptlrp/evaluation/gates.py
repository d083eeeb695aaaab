"""Gates that a composite has to pass, and which composite to recommend.

A gate that fails is shown with its figures, and its sentence is meant for every
report that the composite makes.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from conceptlrp.evaluation.estimates import Estimate
from conceptlrp.evaluation.measurements import Findings, Measurement
from conceptlrp.lrp.composites import GRADIENT

#: Above these a heatmap shows the board rather than the network.
RANDOM_LOGIT_LIMIT: Final = 0.5
CHANNEL_LIMIT: Final = 0.8

_SQUARE_BASELINES: Final = ("random", "center")
_FAMILIES: Final = ("square_gain", "channel_gain", "flip_line_mass")


@dataclass(frozen=True)
class Gate:
    """Whether a composite does what a heatmap must do.

    Attributes
    ----------
    name : str
        What is asked for.
    passed : bool
        Whether it is so.
    figures : str
        The numbers behind it, the worst of several.
    warning : str
        What a report has to say where it is not so.
    """

    name: str
    passed: bool
    figures: str
    warning: str

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, ready for JSON."""
        return asdict(self)


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


def gates_of(findings: Findings, composite: str) -> tuple[Gate, ...]:
    """Judge one composite.

    Parameters
    ----------
    findings : Findings
        Measurements of the composite and of the baselines.
    composite : str
        Its name.

    Returns
    -------
    tuple of Gate
        Two of model dependence, three of faithfulness.
    """
    return (
        _moves_gate(findings, composite),
        _channels_gate(findings, composite),
        _squares_gate(findings, composite),
        _ablation_gate(findings, composite),
        _flip_line_gate(findings, composite),
    )


def recommend(findings: Findings, gates: dict[str, tuple[Gate, ...]]) -> Recommendation:
    """Choose the composite that passes most gates and, among those, ranks best.

    Composites are ranked by every gain and by the mass on flip lines, for the best
    move; ranks are averaged within squares, channels and flip lines, then over the
    three. Composites of one mean rank keep their order, gradient times input coming
    last, as a composite has rules that reports can name.

    Parameters
    ----------
    findings : Findings
        Measurements of all composites.
    gates : dict of str to tuple of Gate
        The gates of each.
    """
    failed = {name: sum(not g.passed for g in found) for name, found in gates.items()}
    fewest = min(failed.values())
    ranks = mean_ranks(findings, tuple(gates))
    able = [name for name, number in failed.items() if number == fewest]
    chosen = min(able, key=lambda name: (round(ranks[name], 6), name == GRADIENT))
    others = ", ".join(f"{name} {ranks[name]:.2f}" for name in able if name != chosen)
    among = f"against {others}" if others else "the only one"
    passing = (
        f"{len(able)} of {len(gates)} composites pass every gate"
        if fewest == 0
        else f"no composite passes every gate, and the fewest that fail are {fewest}"
    )
    reason = (
        f"{passing}; of these, {chosen} has the best mean rank by faithfulness of "
        f"squares, of channels and by mass on flip lines: {ranks[chosen]:.2f} ({among})"
    )
    return Recommendation(chosen, reason)


def mean_ranks(findings: Findings, composites: Sequence[str]) -> dict[str, float]:
    """Return the mean rank of each composite, 1 being the best.

    Differences below a thousandth of the best value count as none.

    Parameters
    ----------
    findings : Findings
        Measurements of all composites.
    composites : sequence of str
        Who is compared.
    """
    families = []
    for metric in _FAMILIES:
        found = findings.find(metric, target="best")
        parts = sorted({m.part for m in found})
        ranks = [_ranks(found, part, composites) for part in parts]
        families.append(np.mean(ranks, axis=0) if ranks else np.ones(len(composites)))
    means = np.mean(families, axis=0)
    return {name: float(rank) for name, rank in zip(composites, means, strict=True)}


def _ranks(
    found: Sequence[Measurement], part: str, composites: Sequence[str]
) -> list[float]:
    known = {m.method: m.estimate.mean for m in found if m.part == part}
    values = np.array([known.get(name, -np.inf) for name in composites])
    step = max(abs(float(values.max())) / 1000, 1e-12)
    better = values[None, :] - values[:, None] > step
    equal = np.abs(values[None, :] - values[:, None]) <= step
    ranks: list[float] = (1 + better.sum(1) + (equal.sum(1) - 1) / 2).tolist()
    return ranks


def _moves_gate(findings: Findings, composite: str) -> Gate:
    (found,) = findings.find("random_logit_cosine", method=composite)
    mean = found.estimate.mean
    return Gate(
        "heatmaps of two moves differ",
        mean <= RANDOM_LOGIT_LIMIT,
        f"mean size of the cosine {_text(found.estimate)}, limit {RANDOM_LOGIT_LIMIT}",
        f"{composite} draws nearly one picture a board whatever move is explained "
        f"(cosine {mean:.2f}): its heatmaps say little about the network",
    )


def _channels_gate(findings: Findings, composite: str) -> Gate:
    found = findings.find("channel_cosine", method=composite)
    worst = max(found, key=lambda m: m.estimate.mean)
    mean = worst.estimate.mean
    return Gate(
        "heatmaps of two channels differ",
        mean <= CHANNEL_LIMIT,
        f"mean size of the cosine {_text(worst.estimate)} at {worst.part}, limit "
        f"{CHANNEL_LIMIT}",
        f"{composite} draws nearly one picture a board whatever channel of "
        f"{worst.part} it is conditioned on (cosine {mean:.2f}): its conditional "
        "heatmaps say little about channels",
    )


def _squares_gate(findings: Findings, composite: str) -> Gate:
    rivals = {
        name: {
            m.part: m.estimate
            for m in findings.find("square_gain", method=name, target="best")
        }
        for name in _SQUARE_BASELINES
    }
    rivals["same class"] = {
        m.part: m.estimate
        for m in findings.find(
            "square_gain_same_class", method=composite, target="best"
        )
    }
    pairs = [
        (m.estimate, rivals[name][m.part], f"{name} ({m.part})")
        for m in findings.find("square_gain", method=composite, target="best")
        for name in rivals
    ]
    return _compared(
        "discs matter in the order of relevance",
        pairs,
        f"the order in which {composite} ranks discs is not clearly better than",
    )


def _ablation_gate(findings: Findings, composite: str) -> Gate:
    random = {
        m.part: m.estimate
        for m in findings.find("channel_gain", method="random", target="best")
    }
    pairs = [
        (m.estimate, random[m.part], f"random ({m.part})")
        for m in findings.find("channel_gain", method=composite, target="best")
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


def _compared(
    name: str, pairs: Sequence[tuple[Estimate, Estimate, str]], warning: str
) -> Gate:
    """Ask that every first estimate lies above the second, intervals apart."""
    mine, rival, against = min(pairs, key=lambda p: p[0].low - p[1].high)
    figures = f"{_text(mine)} against {_text(rival)} of {against}"
    passed = all(one.above(other) for one, other, _ in pairs)
    return Gate(name, passed, figures, f"{warning} {against}: {figures}")


def _text(found: Estimate) -> str:
    return f"{found.mean:.2f} [{found.low:.2f}, {found.high:.2f}]"
