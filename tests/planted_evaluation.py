"""Evaluations of composites from records like those of their `to_dict`."""

from collections.abc import Mapping
from typing import Any

from conceptlrp.evaluation import CompositeEvaluation, Gate, Recommendation
from conceptlrp.evaluation.result import Curve, Findings, HeatmapAgreement, Measurement
from conceptlrp.statistics.estimates import Estimate
from conceptlrp.store import Store

_GATE = {"figures": "", "warning": ""}
_ABOUT = ("method", "metric", "target", "part")


def planted_evaluation(
    record: Mapping[str, Any], store: Store | None = None
) -> CompositeEvaluation:
    """Return the evaluation that a record is of, with the digests of a store."""
    manifest = None if store is None else store.manifest
    return CompositeEvaluation(
        network="" if manifest is None else manifest.network["digest"],
        corpus="" if manifest is None else manifest.corpus["digest"],
        positions=record.get("positions", 9),
        games=record.get("games", 50),
        seed=record.get("seed", 0),
        composites=tuple(record["composites"]),
        findings=Findings(
            tuple(_measurement(each) for each in record["measurements"]),
            tuple(
                Curve(**{n: each[n] for n in _ABOUT}, steps=tuple(each["steps"]))
                for each in record["curves"]
            ),
        ),
        gates={
            name: tuple(Gate(**(_GATE | each)) for each in found)
            for name, found in record["gates"].items()
        },
        recommendation=Recommendation(**_recommended(record["recommendation"])),
        details=dict(record["details"]),
        agreement=tuple(HeatmapAgreement(**e) for e in record.get("agreement", ())),
    )


def _recommended(record: Mapping[str, Any]) -> dict[str, Any]:
    return {"reason": "", "among": (record["composite"],)} | record


def _measurement(record: Mapping[str, Any]) -> Measurement:
    numbers = {
        name: float("nan") if record[name] is None else record[name]
        for name in ("mean", "low", "high", "n")
    }
    names = {name: record[name] for name in _ABOUT}
    baseline = record.get("baseline", "")
    return Measurement(
        **names,
        estimate=Estimate(**numbers, games=record.get("games", numbers["n"])),
        baseline=baseline,
    )
