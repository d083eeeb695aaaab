"""The verb that puts two stores of the same positions side by side."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from conceptlrp.cli.options import Seed, StorePath, Target, check_choice

if TYPE_CHECKING:
    from conceptlrp.report import StoreComparison


def compare(
    store: StorePath,
    other: Annotated[
        Path, typer.Argument(help="A store of the same positions.", readable=False)
    ],
    layer: Annotated[
        list[str] | None, typer.Option(help="Layer of both; all by default.")
    ] = None,
    by: Annotated[str, typer.Option(help="share, relevance or activation.")] = "share",
    target: Target = None,
    positions: Annotated[
        int, typer.Option(min=2, help="Positions to compare, drawn at random.")
    ] = 20_000,
    seed: Seed = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Match the channels of two networks, snapshots or composites."""
    from conceptlrp.report import compare
    from conceptlrp.report.comparison import MATCHED_BY
    from conceptlrp.store import open_store

    check_choice("--by", by, MATCHED_BY)
    found = compare(
        open_store(store),
        open_store(other),
        layers=layer,
        target=target or 0,
        by=by,
        n_positions=positions,
        seed=seed,
    )
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2, allow_nan=False))
    else:
        _show(found)


def _show(found: "StoreComparison") -> None:
    console = Console(soft_wrap=True, highlight=False)
    move, heat = found.same_move, found.heatmap_cosine
    first, second = (escape(name) for name in found.names)
    console.print(
        f"{first} and {second}: {found.positions:,} positions, "
        f"same best move in {move.mean:.1%} [{move.low:.1%}, {move.high:.1%}], "
        f"values correlate {found.value_correlation:.2f}, heatmaps of "
        f"{escape(found.target)} have cosine {heat.mean:.2f} "
        f"[{heat.low:.2f}, {heat.high:.2f}]"
    )
    table = Table("layer", "matched", "mean", "unrelated", "above 0.7", "best pairs")
    for match in found.layers:
        pairs = zip(match.first[:4], match.second[:4], match.correlation, strict=False)
        table.add_row(
            escape(match.layer),
            str(len(match.first)),
            f"{match.correlation.mean():.2f}",
            f"{match.chance:.2f}",
            f"{(match.correlation > 0.7).mean():.0%}",
            ", ".join(f"{a} is {b} ({c:.2f})" for a, b, c in pairs),
        )
    console.print(table)
