"""What a benchmark found: rows with goals, as a table and as JSON."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

_COLUMNS = ("what", "against", "ours", "theirs", "ratio", "of best", "goal", "note")


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    network : str
        Which network it is about.
    what : str
        What was measured.
    against : str
        What it is compared with.
    ours, theirs : str
        The two figures, with their units.
    ratio : float or None
        Of medians; None for what could not be measured.
    ratio_of_best : float or None
        Of the shortest times.
    goal : float or None
        What the ratio must reach, None for a figure that is only shown.
    at_most : bool
        Whether the ratio must stay below the goal instead.
    unit : str
        Behind the ratio: "x", or "" for a relative difference.
    note : str
        What else there is to say.
    """

    network: str
    what: str
    against: str
    ours: str = ""
    theirs: str = ""
    ratio: float | None = None
    ratio_of_best: float | None = None
    goal: float | None = None
    at_most: bool = False
    unit: str = "x"
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is reached, None where there is nothing to compare."""
        if self.ratio is None or self.goal is None:
            return None
        return self.ratio <= self.goal if self.at_most else self.ratio >= self.goal


def machine() -> dict[str, object]:
    """Describe the machine and how much of it torch may use."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "load": [round(load, 2) for load in os.getloadavg()],
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text().splitlines() if listing.is_file() else []
    names = [x.split(":")[1].strip() for x in lines if x.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def as_table(rows: Sequence[Row]) -> Table:
    """Lay out rows for a terminal, network by network."""
    table = Table(*_COLUMNS[:4])
    for name in _COLUMNS[4:7]:
        table.add_column(name, justify="right")
    table.add_column(_COLUMNS[7])
    for network, found in groupby(rows, key=lambda row: row.network):
        table.add_section()
        table.add_row(f"[bold]{network}[/]")
        for row in found:
            table.add_row(*_cells(row))
    return table


def _cells(row: Row) -> tuple[str, ...]:
    mark = {True: " [green]met[/]", False: " [red]missed[/]", None: ""}[row.is_met]
    sign = "≤" if row.at_most else "≥"
    goal = "" if row.goal is None else f"{sign} {row.goal:.4g}{row.unit}{mark}"
    ratios = (_number(row.ratio, row.unit), _number(row.ratio_of_best, row.unit))
    return (row.what, row.against, row.ours, row.theirs, *ratios, goal, row.note)


def _number(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:.3g}{unit}"


def print_rows(
    rows: Sequence[Row], json_file: Path | None, *, width: int | None = None
) -> None:
    """Print rows and what they were measured on, and write them too if asked."""
    console, about = Console(width=width), machine()
    console.print(", ".join(f"{name} {value}" for name, value in about.items()))
    console.print(as_table(rows))
    if json_file is not None:
        write_json(rows, about, json_file)


def write_json(rows: Sequence[Row], about: dict[str, object], path: Path) -> None:
    """Write rows and what they were measured on."""
    found = [asdict(row) | {"is_met": row.is_met} for row in rows]
    path.write_text(json.dumps({"machine": about, "rows": found}, indent=1) + "\n")
