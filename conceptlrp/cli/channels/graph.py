"""The verb that averages the concept graph of a store."""

from dataclasses import asdict
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conceptlrp.cli import options as opt
from conceptlrp.cli.inputs import check_row, store_network, store_result
from conceptlrp.cli.tables import print_json, print_table
from conceptlrp.errors import ConceptLRPError, FileFormatError
from conceptlrp.files import write_whole

if TYPE_CHECKING:
    from conceptlrp.concept_graph import ConceptPath, MeanConceptGraph
    from conceptlrp.store import Store

#: What tells an export of a graph from a file of somebody else.
GRAPH_MARK = b"conceptlrp-graph"
_FORMATS = (".json", ".graphml", ".gexf")


def graph(
    store: opt.StorePath,
    network: opt.StoreNetwork = None,
    weights: opt.Weights = None,
    positions: Annotated[
        int, typer.Option(min=1, help="Positions of the store to average over.")
    ] = 2000,
    target: opt.Target = None,
    position: Annotated[
        int | None, typer.Option(help="Look at this row of the store alone.")
    ] = None,
    move: Annotated[
        str | None, typer.Option(help="Move to explain there, such as d3.")
    ] = None,
    count: Annotated[int, opt.how_many("Paths to show.")] = 8,
    out: Annotated[
        Path | None, typer.Option(help="Export as .json, .graphml or .gexf.")
    ] = None,
    strongest: Annotated[
        int, typer.Option(min=1, help="Edges of each channel to export.")
    ] = 8,
    seed: opt.Seed = 0,
    as_json: opt.Json = False,
    overwrite: opt.Overwrite = False,
) -> None:
    """Average relevance between channels, and show its strongest paths.

    One that the store already has is shown, unless --network or --overwrite is given.
    """
    from conceptlrp.concept_graph import MeanConceptGraph, node_link
    from conceptlrp.store import open_store

    _check_options(position, move, target)
    if out is not None:
        check_export(out, overwrite=overwrite)
    opened = open_store(store)
    name = opened.targets[opened.target_index(target or 0)]
    known = overwrite or network or opened.results.get(MeanConceptGraph)
    if position is not None:
        found = _of_position(opened, network, weights, position, move or name)
        name = found.targets[0]
    elif isinstance(known, MeanConceptGraph):
        found = known
    else:
        # It needs torch, which one that is shown does not.
        from conceptlrp.concept_graph import graph as average

        found = store_result(
            MeanConceptGraph,
            average,
            opened,
            network,
            weights,
            n_positions=positions,
            seed=seed,
            overwrite=overwrite,
        )
    if out is not None:
        content = exported(
            node_link(found, target=name, strongest=strongest), out.suffix
        )
        write_whole(
            out, content, overwrite=overwrite, error=FileFormatError, token=GRAPH_MARK
        )
    _show(found, name, count, as_json=as_json)


def _check_options(position: int | None, move: str | None, target: str | None) -> None:
    if move is not None and position is None:
        msg = "--move needs a --position"
        raise typer.BadParameter(msg)
    if move is not None and target is not None:
        msg = "give one of --move and --target"
        raise typer.BadParameter(msg)


def check_export(out: Path, *, overwrite: bool) -> None:
    """Refuse an export that cannot be written before anything is computed."""
    opt.check_choice("--out", out.suffix, _FORMATS)
    opt.check_place(out, overwrite=overwrite)
    if out.suffix != ".json" and find_spec("networkx") is None:
        msg = f"{out}: needs networkx; pip install 'conceptlrp[export]', or take .json"
        raise ConceptLRPError(msg)


def _of_position(
    store: "Store", network: str | None, weights: Path | None, row: int, target: str
) -> "MeanConceptGraph":
    from conceptlrp.concept_graph import mean_concept_graph
    from conceptlrp.concept_graph.averaging import graph_explainer

    rows = slice(check_row(store, row), row + 1)
    explainer = graph_explainer(store, store_network(store, network, weights))
    return mean_concept_graph(
        explainer,
        store.positions[rows],
        targets=[target],
        baseline=store.baseline.take(rows),
    )


def exported(node_link: dict[str, Any], suffix: str) -> bytes:
    """Return nodes and edges as the content of a file."""
    from conceptlrp import jsontext

    if suffix == ".json":
        about = {**node_link["graph"], "encoding-type": GRAPH_MARK.decode()}
        return jsontext.dumps({**node_link, "graph": about}, indent=True) + b"\n"
    import networkx as nx  # type: ignore[import-untyped]

    content = BytesIO()
    write = nx.write_gexf if suffix == ".gexf" else nx.write_graphml
    write(nx.node_link_graph(node_link, edges="edges"), content)
    return content.getvalue() + b"<!-- " + GRAPH_MARK + b" -->\n"


def _show(graph: "MeanConceptGraph", target: str, count: int, *, as_json: bool) -> None:
    from conceptlrp.concept_graph import strongest_paths

    paths = strongest_paths(graph, count, target=target)
    if as_json:
        print_json(
            {
                "target": target,
                "positions": graph.positions,
                "layers": graph.layers,
                "paths": [{"strength": p.strength, **asdict(p)} for p in paths],
            }
        )
        return
    columns = {
        "share": [f"{path.strength:.2%}" for path in paths],
        "channels from the top down, with relevance": [_steps(path) for path in paths],
    }
    number = f"{graph.positions:,} position{'s' * (graph.positions != 1)}"
    print_table(columns, title=f"strongest paths of '{target}' over {number}")


def _steps(path: "ConceptPath") -> str:
    """Write the channels of a path, each with the relevance that it gets."""
    steps = zip(path.nodes, path.relevance, strict=True)
    return " > ".join(f"{n}:{c} ({r:+.3g})" for (n, c), r in steps)
