"""The verb that judges composites on the network and positions of a store."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conceptlrp.cli import options as opt
from conceptlrp.cli.inputs import store_result
from conceptlrp.cli.tables import print_json, print_table, print_text, remark
from conceptlrp.errors import ConceptLRPError
from conceptlrp.lrp.composites import CANDIDATES, COMPOSITES, split_pair

if TYPE_CHECKING:
    from conceptlrp.evaluation import CompositeEvaluation
    from conceptlrp.store import Store

#: The file by which a folder is known to hold an evaluation.
_MARKER, _KIND = "files.json", "conceptlrp-evaluation"


def evaluate(
    store: opt.StorePath,
    network: opt.StoreNetwork = None,
    weights: opt.Weights = None,
    out: Annotated[
        Path | None, typer.Option(help="A folder for JSON, tables and figures as well.")
    ] = None,
    composite: opt.Composites = None,
    positions: Annotated[
        int, typer.Option(min=2, help="Positions of the store to draw.")
    ] = 300,
    cascade: Annotated[
        int, typer.Option(min=1, help="Positions to explain with random weights.")
    ] = 100,
    seed: opt.Seed = 0,
    as_json: opt.Json = False,
    overwrite: opt.Overwrite = False,
) -> None:
    """Judge composites on the network of a store."""
    from conceptlrp.evaluation import CompositeEvaluation, evaluate as evaluate_store
    from conceptlrp.staging import check_folder, staged_folder
    from conceptlrp.store import open_store

    if out is not None:
        opt.check_place(out, overwrite=overwrite)
        check_folder(out, _MARKER, _KIND, overwrite=overwrite)
    for name in composite or ():
        for part in split_pair(name):
            opt.check_choice("--composite", part, COMPOSITES)
    opened = open_store(store)
    found = store_result(
        CompositeEvaluation,
        evaluate_store,
        opened,
        network,
        weights,
        composites=composite or CANDIDATES,
        n_positions=positions,
        n_cascade=cascade,
        seed=seed,
        overwrite=overwrite,
    )
    if out is not None:
        with staged_folder(
            out, marker=_MARKER, kind=_KIND, overwrite=overwrite
        ) as folder:
            _write(found, opened, folder)
    if as_json:
        print_json(found.to_dict())
        return
    _show(found, opened)
    place = out or opened.results.find(CompositeEvaluation)
    typer.echo(
        f"{place}: {found.positions} positions, {len(found.composites)} composites"
    )


def _write(found: "CompositeEvaluation", store: "Store", folder: Path) -> None:
    """Write an evaluation as JSON, its tables as CSV, and its figures."""
    from conceptlrp import jsontext

    text = jsontext.dumps(found.to_dict(), indent=True)
    (folder / "evaluation.json").write_bytes(text + b"\n")
    for name, table in found.tables().items():
        table.to_csv(folder / f"{name}.csv", index=False)
    try:
        from conceptlrp import figures
    except ConceptLRPError as error:
        remark(f"without figures: {error}")
        return
    place = folder / "figures"
    place.mkdir()
    own = str(store.manifest.composite.get("name"))
    drawn = own if own in found.composites else found.recommendation.first
    for name, each in (
        ("faithfulness", figures.faithfulness(store, composite=drawn)),
        ("sanity", figures.sanity(store)),
    ):
        for suffix in ("png", "svg"):
            figures.save(each, place / f"{name}.{suffix}", overwrite=True)


def _show(found: "CompositeEvaluation", store: "Store") -> None:
    """Print the recommendation, and what is wrong with the store's own composite."""
    chosen = found.recommendation
    print_text(f"recommended: {chosen.words} ({chosen.reason})")
    own = store.manifest.composite.get("name")
    if own in found.composites:
        for warning in found.warnings(str(own)):
            print_text(f"warning: {warning}")
    _show_figures(found)


def _show_figures(found: "CompositeEvaluation") -> None:
    """Print the chief figures, and how well scores of channels predict ablation."""
    from conceptlrp.evaluation.result import AGREEMENTS

    frame = found.frame()
    columns: dict[str, list[object]] = {"method": list(frame.index)}
    columns |= {str(name): frame[name].tolist() for name in frame}
    print_table(columns, title="faithfulness and dependence")
    for target in ("best", "value"):
        rows = found.channel_agreement(target)
        columns = {"score": list(rows)}
        for heading, *_ in AGREEMENTS:
            cells = [row[heading] for row in rows.values()]
            columns[heading] = [each.mean if each else None for each in cells]
        title = f"channels, {target}: order by score and by effect of ablation"
        if rows:
            print_table(columns, title=title)
