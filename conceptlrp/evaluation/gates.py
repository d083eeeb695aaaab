"""Gates that a composite has to pass.

A gate that fails is shown with its figures, and its sentence is meant for every
report that the composite makes.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from conceptlrp.evaluation.measurements import Findings
from conceptlrp.statistics.estimates import Estimate

#: Above these a heatmap shows the board rather than the network.
RANDOM_LOGIT_LIMIT: Final = 0.5
CHANNEL_LIMIT: Final = 0.8

_SQUARE_BASELINES: Final = ("random", "center")


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


def gates_of(findings: Findings, composite: str) -> tuple[Gate, ...]:
    """Judge one composite.

    Returns: Two of model dependence, three of faithfulness.
    """
    return (
        _moves_gate(findings, composite),
        _channels_gate(findings, composite),
        _squares_gate(findings, composite),
        _ablation_gate(findings, composite),
        _flip_line_gate(findings, composite),
    )


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
    figures = f"{_text(mine)} against {_text(rival)}"
    passed = all(one.above(other) for one, other, _ in pairs)
    return Gate(
        name, passed, f"{figures} of {against}", f"{warning} {against}: {figures}"
    )


def _text(found: Estimate) -> str:
    return f"{found.mean:.2f} [{found.low:.2f}, {found.high:.2f}]"
