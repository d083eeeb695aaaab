"""The verb that writes files for other programs: export."""

from pathlib import Path
from typing import Annotated, Any

import typer

from conceptlrp.cli import options as opt
from conceptlrp.progress import progress_bars

# These are about all positions.
_GRAPHS = ("graphml", "node-link")
_OF_CHANNELS = ("json", *_GRAPHS)
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
    store: opt.StorePath,
    out: Annotated[Path, typer.Argument(help="File or folder to write.")],
    kind: Annotated[str, typer.Option("--format", help=f"{', '.join(_FORMATS)}.")],
    layer: opt.Layers = None,
    target: opt.Target = None,
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
    seed: opt.Seed = 0,
    overwrite: opt.Overwrite = False,
) -> None:
    """Write what a store holds for another program."""
    from conceptlrp import exports
    from conceptlrp.exports.extract import QUANTITIES
    from conceptlrp.exports.virelay_project import N_POSITIONS
    from conceptlrp.store import open_store

    opt.check_choice("--format", kind, tuple(_FORMATS))
    quantities = quantity or ["relevance"]
    for each in quantities:
        opt.check_choice("--quantity", each, QUANTITIES)
    opt.check_place(out, overwrite=overwrite)
    chosen: dict[str, Any] = {"target": target or 0}
    options: dict[str, Any] = {"overwrite": overwrite}
    if kind in _OF_CHANNELS:
        _refuse(kind, positions=positions, quantity=quantity)
    if kind in _GRAPHS:
        _refuse(kind, layer=layer)
    elif kind != "h5ad":
        chosen["layers"] = layer
    opened = open_store(store)
    subject: list[Any] = [opened, out]
    if kind == "h5ad":
        subject.append(_only("--layer", layer or list(opened.layers)))
        options["quantity"] = _only("--quantity", quantities)
    elif kind in ("parquet", "csv"):
        options["quantities"] = quantities
    with progress_bars() as report:
        if kind in _OF_CHANNELS:
            options |= chosen
        else:
            most = positions or (N_POSITIONS if kind == "virelay" else None)
            chosen |= {"n_positions": most, "seed": seed, "on_progress": report}
            subject.append(exports.Selection(**chosen))
        getattr(exports, kind.replace("-", "_"))(*subject, **options)
    typer.echo(f"open with {_FORMATS[kind].format(out)}")


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
