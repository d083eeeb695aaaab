"""The verb that puts two stores of the same positions side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conceptlrp.cli import options as opt
from conceptlrp.cli.tables import print_json, print_table, print_text
from conceptlrp.progress import progress_bars
from conceptlrp.statistics.intervals import between, percentage

if TYPE_CHECKING:
    from conceptlrp.report import StoreComparison


def compare(
    store: opt.StorePath,
    other: Annotated[
        Path, typer.Argument(help="A store of the same positions.", readable=False)
    ],
    layer: opt.Layers = None,
    by: Annotated[str, typer.Option(help="share, relevance or activation.")] = "share",
    target: opt.Target = None,
    positions: Annotated[
        int, typer.Option(min=2, help="Positions to compare, drawn at random.")
    ] = 20_000,
    count: Annotated[int, opt.how_many("Pairs of channels of each layer to show.")] = 4,
    seed: opt.Seed = 0,
    as_json: opt.Json = False,
) -> None:
    """Match the channels of two networks, snapshots, composites or baselines."""
    from conceptlrp.report import compare
    from conceptlrp.report.comparison import MATCHED_BY
    from conceptlrp.store import open_store

    opt.check_choice("--by", by, MATCHED_BY)
    with progress_bars() as report:
        found = compare(
            open_store(store),
            open_store(other),
            layers=layer,
            target=target or 0,
            by=by,
            n_positions=positions,
            seed=seed,
            on_progress=report,
        )
    if as_json:
        print_json(found.to_dict())
    else:
        _show(found, count)


def _show(found: "StoreComparison", count: int) -> None:
    move, heat = found.same_move, found.heatmap_cosine
    first, second = found.names
    ends = (
        between(move.low, move.high, percentage, 1, games=move.games),
        between(heat.low, heat.high, games=heat.games),
    )
    print_text(
        f"{first} and {second}: {found.positions:,} positions, "
        f"same best move in {move.mean:.1%} {ends[0]}, "
        f"values correlate {found.value_correlation:.2f}, heatmaps of "
        f"{found.target} have cosine {heat.mean:.2f} {ends[1]}"
    )
    for remark in found.remarks:
        print_text(remark)
    columns: dict[str, list[object]] = {
        "layer": [match.layer for match in found.layers],
        "matched": [len(match.first) for match in found.layers],
        "mean": [f"{match.correlation.mean():.2f}" for match in found.layers],
        "unrelated": [f"{match.chance:.2f}" for match in found.layers],
        "above 0.7": [
            f"{(match.correlation > 0.7).mean():.0%}" for match in found.layers
        ],
        "best pairs": [
            ", ".join(
                f"{a} with {b} ({c:.2f})"
                for a, b, c in zip(
                    match.first[:count],
                    match.second[:count],
                    match.correlation,
                    strict=False,
                )
            )
            for match in found.layers
        ],
    }
    print_table(columns)
