"""The verb that writes files for other programs: export."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conceptlrp.cli.options import (
    Layers,
    Overwrite,
    Seed,
    StorePath,
    Target,
    check_choice,
    check_place,
)

if TYPE_CHECKING:
    from conceptlrp.store import Store

QUANTITIES = ("relevance", "share", "activation")

# These are about all positions.
_OF_CHANNELS = ("json", "graphml", "node-link")
# What is written, and how it is opened.
_FORMATS = {
    "virelay": "virelay {0}/project.yaml",
    "h5ad": "anndata.read_h5ad('{0}')",
    "parquet": "pandas.read_parquet('{0}/positions.parquet')",
    "csv": "pandas.read_csv('{0}/positions.csv')",
    "json": "pandas.read_json('{0}/features.jsonl', lines=True)",
    "graphml": "networkx.read_graphml('{0}')",
    "node-link": "networkx.node_link_graph(json.load(open('{0}')), edges='edges')",
    "npz": "numpy.load('{0}')['README']",
}


def export(
    store: StorePath,
    out: Annotated[Path, typer.Argument(help="File or folder to write.")],
    kind: Annotated[str, typer.Option("--format", help=f"{', '.join(_FORMATS)}.")],
    layer: Layers = None,
    target: Target = None,
    quantity: Annotated[
        list[str] | None,
        typer.Option(
            help="relevance, share or activation, for h5ad, parquet and csv; "
            "relevance by default."
        ),
    ] = None,
    positions: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Positions to draw at random; all by default, 10,000 for virelay.",
        ),
    ] = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Write what a store holds for another program."""
    from conceptlrp.store import open_store

    check_choice("--format", kind, tuple(_FORMATS))
    quantities = quantity or ["relevance"]
    for each in quantities:
        check_choice("--quantity", each, QUANTITIES)
    check_place(out, overwrite=overwrite)
    options: dict[str, Any] = {"target": target or 0, "overwrite": overwrite}
    if kind in _OF_CHANNELS:
        _refuse(kind, positions=positions, quantity=quantity)
    else:
        options["seed"] = seed
    if positions is not None:
        options["positions"] = positions
    _write(kind, open_store(store), out, layer, quantities, options)
    typer.echo(f"open with {_FORMATS[kind].format(out)}")


def _write(
    kind: str,
    store: "Store",
    out: Path,
    layers: list[str] | None,
    quantities: list[str],
    options: dict[str, Any],
) -> None:
    from conceptlrp import exports
    from conceptlrp.exports.concept_graph import GRAPH_FORMATS

    if kind in GRAPH_FORMATS:
        _refuse(kind, layer=layers)
        exports.export_graph(store, out, kind=kind, **options)
    elif kind == "json":
        exports.export_json(store, out, layers, **options)
    elif kind == "virelay":
        exports.export_virelay(store, out, layers, **options)
    elif kind == "npz":
        exports.export_npz(store, out, layers, **options)
    elif kind == "h5ad":
        layer = _only("--layer", layers or list(store.layers))
        quantity = _only("--quantity", quantities)
        exports.export_h5ad(store, out, layer, quantity=quantity, **options)
    else:
        exports.export_tables(
            store, out, layers, kind=kind, quantities=quantities, **options
        )


def _refuse(kind: str, **options: Any) -> None:
    """Refuse options that mean nothing to a format."""
    for name, value in options.items():
        if value is not None:
            msg = f"--{name} has no meaning for --format {kind}; leave it out"
            raise typer.BadParameter(msg)


def _only(option: str, values: list[str]) -> str:
    """Refuse several values where a file holds one."""
    if len(values) > 1:
        names = ", ".join(values)
        msg = f"an .h5ad file holds one of {names}; name it with {option}"
        raise typer.BadParameter(msg)
    return values[0]
