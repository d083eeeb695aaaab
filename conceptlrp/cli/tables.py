"""What verbs print: tables as wide as the terminal at most, facts, and JSON.

Results go to stdout, remarks and progress to stderr.
"""

from collections.abc import Mapping, Sequence
from math import floor, isfinite, isnan, log10
from typing import Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

# Words are broken into lines of this length before columns move to another table.
_NARROW = 12


def print_json(value: object) -> None:
    """Print a result as one JSON value."""
    from conceptlrp import jsontext

    typer.echo(jsontext.dumps(value, indent=True).decode())


def remark(text: str) -> None:
    """Say something on stderr that is no result."""
    typer.echo(f"conceptlrp: {text}", err=True)


def print_text(text: str, *, style: str = "") -> None:
    """Print a paragraph, broken where the terminal ends."""
    Console(highlight=False).print(Text(text, style))


def print_facts(facts: Mapping[str, object], *, title: str = "") -> None:
    """Print names and values, a line each."""
    _title(title)
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, Text(_cell(value)))
    Console(highlight=False).print(table)


def print_table(columns: Mapping[str, Sequence[object]], *, title: str = "") -> None:
    """Print columns, where they are too wide in several tables, each with the first."""
    _title(title)
    console = Console(highlight=False)
    first, *others = columns
    shown, tables = [first], []
    for name in others:
        if len(shown) > 1 and not _fits(columns, [*shown, name], console):
            tables.append(shown)
            shown = [first]
        shown.append(name)
    for place, names in enumerate([*tables, shown]):
        if place:
            console.print()
        console.print(_table(columns, names))


def _title(title: str) -> None:
    if title:
        print_text(title, style="bold")


def _fits(
    columns: Mapping[str, Sequence[object]], names: list[str], console: Console
) -> bool:
    unbounded = console.options.update(width=10_000)
    least = Measurement.get(console, unbounded, _table(columns, names)).minimum
    return least <= console.width


def _table(columns: Mapping[str, Sequence[object]], names: list[str]) -> Table:
    table = Table(
        box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0)
    )
    cells = {name: _cells(columns[name]) for name in names}
    for name in names:
        width = max(len(text) for text in (name, *cells[name]))
        # Sentences and lists are broken, numbers and their intervals are not.
        is_number = not any(sign.isalpha() for sign in "".join(cells[name]))
        table.add_column(
            Text(name),
            justify="right" if is_number else "left",
            no_wrap=is_number,
            min_width=width if is_number else min(width, _NARROW),
            overflow="fold",
        )
    for row in zip(*cells.values(), strict=True):
        table.add_row(*(Text(cell) for cell in row))
    return table


def _cells(values: Sequence[Any]) -> list[str]:
    """Write the values of a column, its numbers with as many decimals as each other."""
    sizes = [abs(v) for v in values if isinstance(v, float) and isfinite(v) and v]
    whole = all(size.is_integer() for size in sizes)
    digits = 0 if whole else 2 - floor(log10(max(sizes)))
    return [_cell(value, max(0, digits)) for value in values]


def _cell(value: Any, decimals: int = 3) -> str:
    if value is None or value == "" or (isinstance(value, float) and isnan(value)):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,.{decimals}f}" if isinstance(value, float) else str(value)
