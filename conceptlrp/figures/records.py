"""An evaluation as plain records, whether it was just made or read from a file."""

from collections.abc import Mapping
from typing import Any

#: What `CompositeEvaluation.to_dict` returns.
Record = Mapping[str, Any]


def chosen_composite(record: Record, composite: str | None) -> str:
    """Return a composite's name, by default the one that is recommended."""
    if composite is None:
        return str(record["recommendation"]["composite"])
    if composite not in record["composites"]:
        known = ", ".join(record["composites"])
        msg = f"composite '{composite}' was not evaluated, expected one of {known}"
        raise ValueError(msg)
    return composite


def found(values: list[Record], **asked: str) -> list[Record]:
    """Return the records whose fields are as asked for, in their order."""
    return [v for v in values if all(v[key] == each for key, each in asked.items())]


def number(value: float | None) -> float:
    """Return a number of a record, nan for None."""
    return float("nan") if value is None else float(value)
