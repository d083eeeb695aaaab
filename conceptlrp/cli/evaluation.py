"""The verb that judges composites on the network and positions of a store."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from conceptlrp.cli.figures import write_evaluation_figures
from conceptlrp.cli.inputs import check_addition, store_network
from conceptlrp.cli.options import Overwrite, Seed, StorePath, check_choice, check_place
from conceptlrp.progress import progress_bars

if TYPE_CHECKING:
    from conceptlrp.evaluation import CompositeEvaluation
    from conceptlrp.store import Store


def evaluate(
    store: StorePath,
    network: Annotated[
        str, typer.Option(help="The network that the store explains, or 'demo'.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="A folder for JSON, tables and figures as well.")
    ] = None,
    composite: Annotated[
        list[str] | None, typer.Option(help="Composite to judge; all by default.")
    ] = None,
    positions: Annotated[
        int, typer.Option(min=2, help="Positions of the store to draw.")
    ] = 300,
    cascade: Annotated[
        int, typer.Option(min=1, help="Positions to explain with random weights.")
    ] = 100,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Judge composites on a store's network, and keep the verdict in the store."""
    from conceptlrp.evaluation import evaluate as evaluate_store
    from conceptlrp.evaluation.file import EVALUATION
    from conceptlrp.lrp import COMPOSITES
    from conceptlrp.store import open_store

    if out is not None:
        check_place(out, overwrite=overwrite)
    for name in composite or ():
        check_choice("--composite", name, COMPOSITES)
    opened = open_store(store)
    kept = check_addition(opened, EVALUATION, overwrite=overwrite)
    net = store_network(opened, network)
    with progress_bars() as report:
        found = evaluate_store(
            opened,
            net,
            composites=composite or COMPOSITES,
            n_positions=positions,
            n_cascade=cascade,
            seed=seed,
            overwrite=overwrite,
            on_progress=report,
        )
    if out is not None:
        write_evaluation(found, out)
        write_evaluation_figures(found, out)
    _show(found, opened)
    typer.echo(
        f"{out or kept}: {found.positions} positions, "
        f"{len(found.composites)} composites"
    )


def write_evaluation(found: "CompositeEvaluation", folder: Path) -> None:
    """Write an evaluation as JSON and its tables as CSV."""
    folder.mkdir(exist_ok=True)
    text = json.dumps(found.to_dict(), indent=1, allow_nan=False)
    (folder / "evaluation.json").write_text(text + "\n", encoding="utf-8")
    for name, table in found.tables().items():
        table.to_csv(folder / f"{name}.csv", index=False)


def _show(found: "CompositeEvaluation", store: "Store") -> None:
    """Print the recommendation, and what is wrong with the store's own composite."""
    console = Console(soft_wrap=True, highlight=False)
    chosen = found.recommendation
    console.print(f"recommended: {chosen.composite} ({chosen.reason})", markup=False)
    own = store.manifest.composite.get("name")
    if own in found.composites:
        for warning in found.warnings(str(own)):
            console.print(f"warning: {warning}", markup=False)
