"""The result of evaluating composites: numbers, gates, a recommendation."""

from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from conceptlrp.drawing.notebook import html_table
from conceptlrp.evaluation.gates import Gate
from conceptlrp.evaluation.measurements import Findings, steps_frame
from conceptlrp.evaluation.recommendation import Recommendation

#: Columns of the summary: metric, target and part (None for the mean over parts).
_SUMMARY: Final = (
    ("random_logit_cosine", "best", ""),
    ("channel_cosine", "best", None),
    ("flip_line_mass", "best", ""),
    ("flip_line_rank_accuracy", "best", ""),
    ("square_gain", "best", "empty"),
    ("square_gain", "best", "flip"),
    ("square_gain", "best", "swap"),
    ("square_gain", "value", "empty"),
    ("channel_gain", "best", None),
    ("empty_board_share", "best", ""),
    ("empty_square_share", "best", ""),
    ("symmetry_cosine", "best", ""),
    ("cascade_excess", "best", "top-down"),
)


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
    gates : dict of str to tuple of Gate
        What each composite has to pass.
    recommendation : Recommendation
        The composite that the figures support.
    details : dict of str to dict
        For each composite its rules, conservation, additivity and cascades.
    agreement : DataFrame
        How alike the heatmaps of every two composites are.
    """

    network: str
    corpus: str
    positions: int
    seed: int
    composites: tuple[str, ...]
    findings: Findings
    gates: dict[str, tuple[Gate, ...]]
    recommendation: Recommendation
    details: dict[str, dict[str, Any]]
    agreement: pd.DataFrame

    def warnings(self, composite: str) -> tuple[str, ...]:
        """Return what reports made with a composite have to say.

        Parameters
        ----------
        composite : str
            One of those evaluated.

        Returns
        -------
        tuple of str
            A sentence for each gate that it fails.
        """
        return tuple(g.warning for g in self.gates[composite] if not g.passed)

    def _repr_html_(self) -> str:
        gates = next(iter(self.gates.values()), ())
        rows = [
            (name, *("✓" if gate.passed else "✗" for gate in self.gates[name]))
            for name in self.composites
        ]
        columns = ("composite", *(gate.name for gate in gates))
        chosen = self.recommendation
        title = f"Recommended: {chosen.composite} ({self.positions} positions)"
        return html_table(title, columns, rows, note=chosen.reason)

    def table(self) -> pd.DataFrame:
        """Return the chief numbers, a row for each composite and baseline.

        Returns
        -------
        DataFrame
            Means; a channel's metrics are averaged over layers and ablations.
        """
        frame = self.findings.frame()
        columns = {}
        for metric, target, part in _SUMMARY:
            chosen = frame[(frame["metric"] == metric) & (frame["target"] == target)]
            if part is not None:
                chosen = chosen[chosen["part"] == part]
            name = " ".join(filter(None, (metric, target, part)))
            columns[name] = chosen.groupby("method", sort=False)["mean"].mean()
        table = pd.DataFrame(columns)
        rest = [name for name in table.index if name not in self.composites]
        order = [*(c for c in self.composites if c in table.index), *rest]
        return table.loc[order].rename_axis("method")

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return everything as tables: summary, measurements, curves, gates, agreement.

        Returns
        -------
        dict of str to DataFrame
            By name; all but the summary in long form.
        """
        gates = [
            {"composite": name} | gate.to_dict()
            for name, found in self.gates.items()
            for gate in found
        ]
        return {
            "summary": self.table().reset_index(),
            "measurements": self.findings.frame(),
            "curves": steps_frame(self.findings.curves),
            "gates": pd.DataFrame(gates),
            "agreement": self.agreement,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        return {
            "network": self.network,
            "corpus": self.corpus,
            "positions": self.positions,
            "seed": self.seed,
            "composites": list(self.composites),
            "recommendation": self.recommendation.to_dict(),
            "gates": {n: [g.to_dict() for g in f] for n, f in self.gates.items()},
            "warnings": {name: list(self.warnings(name)) for name in self.composites},
            "measurements": [m.to_dict() for m in self.findings.measurements],
            "curves": [c.to_dict() for c in self.findings.curves],
            "details": self.details,
            "agreement": self.agreement.to_dict(orient="records"),
        }
