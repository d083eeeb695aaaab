"""The result of evaluating composites: numbers, gates, a recommendation.

A method is a composite, or what composites are held against ("random", "center" ...).
Reading a saved result imports nothing but this module, so that reports start without
torch and pandas.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from conceptlrp.drawing.notebook import html_table
from conceptlrp.jsontext import Plain
from conceptlrp.late import pd
from conceptlrp.statistics.estimates import Estimate
from conceptlrp.statistics.intervals import FEW_GAMES, LEAST_GAMES

#: Above these a heatmap shows the board rather than the network.
RANDOM_LOGIT_LIMIT: Final = 0.5
CHANNEL_LIMIT: Final = 0.8
#: States of a gate, and signs of them for narrow tables.
PASSED: Final = "passed"
FAILED: Final = "failed"
UNDECIDED: Final = "undecided"
MARKS: Final = {PASSED: "✓", FAILED: "✗", UNDECIDED: "?"}
_ABOUT: Final = ("method", "metric", "target", "part", "baseline")


@dataclass(frozen=True)
class Chief:
    """A figure: heading, measurements it is the mean of (no part: all), question."""

    heading: str
    metric: str
    target: str
    part: str | None
    asks: str


_FAITHFUL: Final = (
    ("order of discs", "square_gain", "best", "empty",
     "how much sooner the logit falls as discs go in the order of relevance"),
    ("recoloured", "square_gain", "best", "flip",
     "the same when discs change colour"),
    ("in the corpus", "square_gain", "best", "swap",
     "the same when squares come from other positions"),
    ("for the value", "square_gain", "value", None,
     "how much sooner the value falls as discs go, mean of the three ways"),
    ("order of channels", "channel_gain", "best", None,
     "how much sooner the logit falls as channels go, mean over layers and ablations"),
    ("channels, value", "channel_gain", "value", None,
     "how much sooner the value falls as channels go"),
    ("flip lines", "flip_line_mass", "best", "",
     "positive relevance on the discs that make the move legal"),
)  # fmt: skip
_DEPENDENT: Final = (
    ("two moves", "random_logit_cosine", "best", "",
     "how alike heatmaps of two moves are"),
    ("two channels", "channel_cosine", "best", None,
     "how alike heatmaps of two channels are"),
    ("random weights", "cascade_excess", "best", "top-down",
     "how alike heatmaps stay when every layer is random"),
    ("empty squares", "empty_square_share", "best", "",
     "part of a heatmap on empty squares"),
    ("empty board", "empty_board_share", "best", "",
     "part of a heatmap that an empty board gets as well"),
    ("turned boards", "symmetry_cosine", "best", "",
     "likeness to the turned heatmap: more is better here"),
)  # fmt: skip
#: More is better in the first, less in the second, but for turned boards.
FAITHFUL, DEPENDENT = (
    tuple(Chief(*row) for row in rows) for rows in (_FAITHFUL, _DEPENDENT)
)
#: Orders that composites are held against.
SQUARE_RIVALS: Final = ("random", "center", "occlusion")
CHANNEL_RIVALS: Final = ("activation", "gradient x activation", "random")
#: Agreements of scores of channels with their ablation: heading, ablation, and the
#: ending of the metric.
AGREEMENTS: Final = tuple(
    (f"{words}{heading}", ablation, ending)
    for ablation, words in (("mean", "mean: "), ("resample", "another map: "))
    for heading, ending in (
        ("one position", ""),
        ("signed", "_signed"),
        ("overall", "_overall"),
        ("overall, signed", "_signed_overall"),
        ("of another position", "_exchanged"),
    )
)
_MATCHING: Final = {"mean": "mean", "resample": "donor"}


@dataclass(frozen=True)
class Measurement:
    """One number of a method, which is a composite or a baseline, with its interval.

    The target is "best", "value", or empty where it is about no single output; the part
    is a layer, a perturbation or another detail, or empty; the baseline is what
    relevance of channels is measured from, empty where it is not about them.
    """

    method: str
    metric: str
    target: str
    part: str
    estimate: Estimate
    baseline: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return one flat record, ready for JSON."""
        return _about(self) | self.estimate.to_dict()


@dataclass(frozen=True)
class Curve:
    """How an output falls, step by step, as squares or channels are taken away."""

    method: str
    metric: str
    target: str
    part: str
    steps: tuple[dict[str, Any], ...]
    baseline: str = ""


@dataclass(frozen=True)
class Findings:
    """Measurements, and the curves behind some of them, in the order of making."""

    measurements: tuple[Measurement, ...] = ()
    curves: tuple[Curve, ...] = ()

    def find(
        self, metric: str, *, method: str | None = None, target: str | None = None
    ) -> list[Measurement]:
        """Return the measurements of a metric, of one method or target only."""
        return [
            m
            for m in self.measurements
            if m.metric == metric
            and method in (None, m.method)
            and target in (None, m.target)
        ]

    def frame(self) -> "pd.DataFrame":
        """Return a row for each measurement."""
        columns = [*_ABOUT, *Estimate.__dataclass_fields__]
        return pd.DataFrame([m.to_dict() for m in self.measurements], columns=columns)


@dataclass(frozen=True)
class Gate(Plain):
    """Whether a composite does what a heatmap must do.

    Attributes
    ----------
    name : str
        What is asked for.
    state : str
        "passed", "failed", or "undecided" where the interval leaves both open, or
        there is none.
    figures : str
        The numbers behind it, the worst of several.
    warning : str
        What a report has to say where it is not passed.
    needed : int
        Positions that would decide an undecided gate, 0 where that is unknown.
    """

    name: str
    state: str
    figures: str
    warning: str
    needed: int = 0

    @property
    def passed(self) -> bool:
        """Whether the interval lies where it must."""
        return self.state == PASSED


@dataclass(frozen=True)
class Recommendation(Plain):
    """The composite that the evaluation supports, if it can tell.

    Attributes
    ----------
    composite : str
        Its name, empty where nothing can be recommended.
    among : tuple of str
        The composites that remain, the most faithful first.
    reason : str
        Why, in a sentence.
    needed : int
        Positions that would tell those that remain apart, 0 where that is unknown.
    """

    composite: str
    among: tuple[str, ...]
    reason: str
    needed: int = 0

    @property
    def words(self) -> str:
        """What is recommended, or what remains undecided and would decide it."""
        if self.composite:
            return self.composite
        names = ", ".join(self.among)
        open_about = "among" if len(self.among) > 1 else "about"
        return f"none yet, undecided {open_about} {names}"

    @property
    def first(self) -> str:
        """The recommended composite, or the most faithful of those that remain."""
        return self.composite or self.among[0]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, ready for JSON."""
        return super().to_dict() | {"words": self.words, "first": self.first}


@dataclass(frozen=True)
class HeatmapAgreement:
    """Mean likeness of the heatmaps of two composites on the same positions."""

    composite: str
    other: str
    cosine: float
    rank_correlation: float


@dataclass(frozen=True)
class CompositeEvaluation(Plain):
    """How well each composite explains a network.

    Attributes
    ----------
    network, corpus : str
        Digests of what was evaluated.
    positions, games, seed : int
        How many positions were drawn, of how many games, and the seed of all that is
        random. Of fewer than ten games there are no intervals, and no gate is decided.
    composites : tuple of str
        Names of the composites.
    findings : Findings
        Every measurement and curve, of composites and baselines.
    gates : mapping of str to tuple of Gate
        What each composite has to pass.
    recommendation : Recommendation
        The composite that the figures support.
    details : mapping of str to mapping
        For each composite its rules, conservation, additivity and cascades.
    agreement : tuple of HeatmapAgreement
        How alike the heatmaps of every two composites are.
    """

    network: str
    corpus: str
    positions: int
    games: int
    seed: int
    composites: tuple[str, ...]
    findings: Findings
    gates: Mapping[str, tuple[Gate, ...]]
    recommendation: Recommendation
    details: Mapping[str, Any]
    agreement: tuple[HeatmapAgreement, ...]

    def warnings(self, composite: str) -> tuple[str, ...]:
        """Return a sentence for each gate that a composite does not pass."""
        return tuple(g.warning for g in self.gates[composite] if not g.passed)

    def _repr_html_(self) -> str:
        gates = next(iter(self.gates.values()), ())
        rows = [
            (name, *(MARKS[gate.state] for gate in self.gates[name]))
            for name in self.composites
        ]
        columns = ("composite", *(gate.name for gate in gates))
        chosen = self.recommendation
        title = f"Recommended: {chosen.words} ({self.positions} positions)"
        return html_table(title, columns, rows, note=chosen.reason)

    def chief(self, method: str, figure: Chief) -> Estimate | None:
        """Return a chief figure of a method, None where it was not measured.

        The mean over several parts has no interval.
        """
        return _mean(
            m.estimate
            for m in self.findings.find(
                figure.metric, method=method, target=figure.target
            )
            if figure.part in (None, m.part)
        )

    def layer_agreement(
        self, composite: str, layer: str, *, target: str, baseline: str
    ) -> Estimate | None:
        """Return how well relevance orders channels by mean ablation at one position.

        None where it was not measured; any target but the value is a move.
        """
        found = self.findings.find(
            "channel_agreement",
            method=composite,
            target="value" if target == "value" else "best",
        )
        about = (f"{layer} mean", baseline)
        return _mean(m.estimate for m in found if (m.part, m.baseline) == about)

    def channel_agreement(self, target: str) -> dict[str, dict[str, Estimate | None]]:
        """Return how well scores of channels predict what ablating the channel does.

        Rows are composites and rivals, once plain and once above what takes the
        channel's place; columns are the headings of `AGREEMENTS`, means over layers.
        """
        found = {}
        for method in (*self.composites, *CHANNEL_RIVALS):
            known = [
                m
                for m in self.findings.measurements
                if m.method == method
                and m.target == target
                and m.metric.startswith("channel_agreement")
            ]
            for above in (False, True):
                row = {
                    heading: _mean(
                        m.estimate
                        for m in known
                        if m.metric == f"channel_agreement{ending}"
                        and m.part.endswith(f" {ablation}")
                        and m.baseline == (_MATCHING[ablation] if above else "zero")
                    )
                    for heading, ablation, ending in AGREEMENTS
                }
                if any(row.values()):
                    name = f"{method} above what replaces it" if above else method
                    found[name] = row
        return found

    def frame(self) -> "pd.DataFrame":
        """Return the chief means, a row for each composite and baseline.

        Figures of channels are means over layers; see `FAITHFUL` and `DEPENDENT`.
        """
        methods = dict.fromkeys(m.method for m in self.findings.measurements)
        rest = [name for name in methods if name not in self.composites]
        rows = {
            method: {
                figure.heading: each.mean if each else float("nan")
                for figure in (*FAITHFUL, *DEPENDENT)
                for each in [self.chief(method, figure)]
            }
            for method in (*self.composites, *rest)
        }
        frame = pd.DataFrame.from_dict(rows, orient="index")
        return frame.rename_axis("method")

    def channel_frame(self) -> "pd.DataFrame":
        """Return `channel_agreement` of both outputs, a row for each score."""
        rows = [
            {"target": target, "score": name}
            | {heading: each.mean if each else None for heading, each in row.items()}
            for target in ("best", "value")
            for name, row in self.channel_agreement(target).items()
        ]
        return pd.DataFrame(rows)

    def tables(self) -> "dict[str, pd.DataFrame]":
        """Return everything as tables by name, all but the summary in long form."""
        gates = [
            {"composite": name} | gate.to_dict()
            for name, found in self.gates.items()
            for gate in found
        ]
        steps = [_about(c) | step for c in self.findings.curves for step in c.steps]
        return {
            "summary": self.frame().reset_index(),
            "channels": self.channel_frame(),
            "measurements": self.findings.frame(),
            "curves": pd.DataFrame(steps),
            "gates": pd.DataFrame(gates),
            "agreement": pd.DataFrame(self.agreement),
        }

    def to_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        found = super().to_dict()
        found["curves"] = found.pop("findings")["curves"]
        found["recommendation"] = self.recommendation.to_dict()
        found["measurements"] = [m.to_dict() for m in self.findings.measurements]
        found["warnings"] = {name: [*self.warnings(name)] for name in self.composites}
        return found

    def __repr__(self) -> str:
        passed = [n for n in self.composites if all(g.passed for g in self.gates[n])]
        passing = f"{len(passed)} of {len(self.composites)} composites pass every gate"
        return (
            f"CompositeEvaluation(recommended={self.recommendation.words!r}, "
            f"{FEW_GAMES if self.games < LEAST_GAMES else passing}, "
            f"positions={self.positions})"
        )


def _about(found: Measurement | Curve) -> dict[str, Any]:
    return {name: getattr(found, name) for name in _ABOUT}


def _mean(found: Iterable[Estimate]) -> Estimate | None:
    """Return the mean of means that are known, and the interval of a single one."""
    known = [each for each in found if each.mean == each.mean]
    if len(known) < 2:
        return known[0] if known else None
    mean = sum(each.mean for each in known) / len(known)
    n, games = (min(getattr(e, name) for e in known) for name in ("n", "games"))
    return Estimate(mean, float("nan"), float("nan"), n, games)
