"""The result of evaluating composites: numbers, gates, a recommendation.

A method is a composite, or what composites are held against ("random", "center" ...).
Reading a saved result imports nothing but this module, so that reports start without
torch and pandas.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from conceptlrp import jsontext
from conceptlrp.drawing.notebook import html_table
from conceptlrp.statistics.estimates import Estimate

if TYPE_CHECKING:
    import pandas as pd

#: Above these a heatmap shows the board rather than the network.
RANDOM_LOGIT_LIMIT: Final = 0.5
CHANNEL_LIMIT: Final = 0.8
#: States of a gate, and signs of them for narrow tables.
PASSED: Final = "passed"
FAILED: Final = "failed"
UNDECIDED: Final = "undecided"
MARKS: Final = {PASSED: "✓", FAILED: "✗", UNDECIDED: "?"}
_ABOUT: Final = ("method", "metric", "target", "part", "baseline")
#: Columns of the summary: metric, target, part and baseline. None is the mean over
#: parts, an ending in a blank that over the parts that end so.
_SUMMARY: Final = (
    ("random_logit_cosine", "best", "", None),
    ("channel_cosine", "best", None, None),
    ("flip_line_mass", "best", "", None),
    ("flip_line_rank_accuracy", "best", "", None),
    ("square_gain", "best", "empty", None),
    ("square_gain", "best", "flip", None),
    ("square_gain", "best", "swap", None),
    ("square_gain", "value", "empty", None),
    ("square_gain", "value", "flip", None),
    ("square_gain", "value", "swap", None),
    ("channel_gain", "best", None, None),
    ("channel_gain", "value", None, None),
    *(
        ("channel_agreement", target, ablation, baseline)
        for target in ("best", "value")
        for ablation, baselines in (
            (" mean", ("zero", "mean")),
            (" resample", ("zero", "mean", "donor")),
        )
        for baseline in baselines
    ),
    ("empty_board_share", "best", "", None),
    ("empty_square_share", "best", "", None),
    ("symmetry_cosine", "best", "", None),
    ("cascade_excess", "best", "top-down", None),
)


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
    """How an output falls as squares or channels are taken away.

    For every step it has how many are gone, mean and interval of the fall in either
    order, and how often the best move is another one.
    """

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
        import pandas as pd

        columns = [*_ABOUT, "mean", "low", "high", "n"]
        return pd.DataFrame([m.to_dict() for m in self.measurements], columns=columns)


@dataclass(frozen=True)
class Gate:
    """Whether a composite does what a heatmap must do.

    Attributes
    ----------
    name : str
        What is asked for.
    state : str
        "passed", "failed", or "undecided" where the interval leaves both open.
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

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, ready for JSON."""
        fields: dict[str, Any] = jsontext.plain(self)
        return fields


@dataclass(frozen=True)
class Recommendation:
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
        fields: dict[str, Any] = jsontext.plain(self)
        return fields | {"words": self.words, "first": self.first}


@dataclass(frozen=True)
class HeatmapAgreement:
    """Mean likeness of the heatmaps of two composites on the same positions."""

    composite: str
    other: str
    cosine: float
    rank_correlation: float


@dataclass(frozen=True)
class CompositeEvaluation:
    """How well each composite explains a network.

    Attributes
    ----------
    network, corpus : str
        Digests of what was evaluated.
    positions : int
        Positions that were drawn.
    seed : int
        Seed of everything random.
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

    def frame(self) -> "pd.DataFrame":
        """Return the chief means, a row for each composite and baseline.

        A channel's metrics are averaged over layers and ablations.
        """
        import pandas as pd

        frame = self.findings.frame()
        columns = {}
        for metric, target, part, baseline in _SUMMARY:
            chosen = frame[(frame["metric"] == metric) & (frame["target"] == target)]
            if part is not None:
                parts = chosen["part"]
                is_it = parts.str.endswith(part) if part[:1] == " " else parts == part
                chosen = chosen[is_it]
            if baseline is not None:
                chosen = chosen[chosen["baseline"] == baseline]
            above = f"above {baseline}" if baseline else ""
            name = " ".join(filter(None, (metric, target, (part or "").strip(), above)))
            columns[name] = chosen.groupby("method", sort=False)["mean"].mean()
        table = pd.DataFrame(columns)
        rest = [name for name in table.index if name not in self.composites]
        order = [*(c for c in self.composites if c in table.index), *rest]
        return table.loc[order].rename_axis("method")

    def tables(self) -> "dict[str, pd.DataFrame]":
        """Return everything as tables by name, all but the summary in long form."""
        import pandas as pd

        gates = [
            {"composite": name} | gate.to_dict()
            for name, found in self.gates.items()
            for gate in found
        ]
        steps = [_about(c) | step for c in self.findings.curves for step in c.steps]
        return {
            "summary": self.frame().reset_index(),
            "measurements": self.findings.frame(),
            "curves": pd.DataFrame(steps),
            "gates": pd.DataFrame(gates),
            "agreement": pd.DataFrame(self.agreement),
        }

    def to_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        found: dict[str, Any] = jsontext.plain(self)
        found["curves"] = found.pop("findings")["curves"]
        found["recommendation"] = self.recommendation.to_dict()
        found["measurements"] = [m.to_dict() for m in self.findings.measurements]
        found["warnings"] = {name: [*self.warnings(name)] for name in self.composites}
        return found

    def __repr__(self) -> str:
        passed = [n for n in self.composites if all(g.passed for g in self.gates[n])]
        return (
            f"CompositeEvaluation(recommended={self.recommendation.words!r}, "
            f"{len(passed)} of {len(self.composites)} composites pass every gate, "
            f"positions={self.positions})"
        )


def _about(found: Measurement | Curve) -> dict[str, Any]:
    return {name: getattr(found, name) for name in _ABOUT}
