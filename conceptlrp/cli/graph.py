"""The verb that averages the concept graph of a store."""

import json
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from conceptlrp.cli.inputs import store_network
from conceptlrp.cli.options import (
    Overwrite,
    Seed,
    StorePath,
    Target,
    check_choice,
    check_place,
)
from conceptlrp.errors import (
    CompositeError,
    ConceptLRPError,
    FileFormatError,
    StoreError,
)
from conceptlrp.files import write_whole
from conceptlrp.progress import progress_bars

if TYPE_CHECKING:
    from conceptlrp.concept_graph import ConceptPath, MeanConceptGraph
    from conceptlrp.lrp import Explainer
    from conceptlrp.store import Store

_FORMATS = (".json", ".graphml", ".gexf")


def graph(
    store: StorePath,
    network: Annotated[
        str | None,
        typer.Option(
            help="The network that the store explains, or 'demo'; without one, the "
            "graph that the store has is shown."
        ),
    ] = None,
    positions: Annotated[
        int, typer.Option(min=1, help="Positions of the store to average over.")
    ] = 2000,
    target: Target = None,
    position: Annotated[
        int | None, typer.Option(help="Look at this row of the store alone.")
    ] = None,
    move: Annotated[
        str | None, typer.Option(help="Move to explain there, such as d3.")
    ] = None,
    paths: Annotated[int, typer.Option(min=1, help="Paths to print.")] = 8,
    out: Annotated[
        Path | None, typer.Option(help="Export as .json, .graphml or .gexf.")
    ] = None,
    strongest: Annotated[
        int, typer.Option(min=1, help="Edges of each channel to export.")
    ] = 8,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Average relevance between channels, and show its strongest paths."""
    from conceptlrp.concept_graph import MeanConceptGraph
    from conceptlrp.store import open_store

    _check_options(network, position, move, target)
    if out is not None:
        _check_export(out, overwrite=overwrite)
    opened = open_store(store)
    name = opened.targets[opened.target_index(target or 0)]
    if network is None:
        found = opened.results.get(MeanConceptGraph)
        if found is None:
            msg = f"{store}: has no concept graph; pass --network to make it"
            raise StoreError(msg)
    elif position is None:
        found = _averaged(opened, network, positions, seed, overwrite=overwrite)
    else:
        found = _of_position(opened, network, position, move or name)
        name = found.targets[0]
    if out is not None:
        content = _exported(found, name, strongest, out.suffix)
        write_whole(out, content, overwrite=overwrite, error=FileFormatError)
    _show(found, name, paths)


def _check_options(
    network: str | None, position: int | None, move: str | None, target: str | None
) -> None:
    if network is None and position is not None:
        msg = "--position needs a --network"
        raise typer.BadParameter(msg)
    if move is not None and position is None:
        msg = "--move needs a --position"
        raise typer.BadParameter(msg)
    if move is not None and target is not None:
        msg = "give one of --move and --target"
        raise typer.BadParameter(msg)


def _check_export(out: Path, *, overwrite: bool) -> None:
    """Refuse an export that cannot be written before anything is computed."""
    check_choice("--out", out.suffix, _FORMATS)
    check_place(out, overwrite=overwrite)
    if out.suffix != ".json" and find_spec("networkx") is None:
        msg = f"{out}: needs networkx; pip install 'conceptlrp[export]', or take .json"
        raise ConceptLRPError(msg)


def _averaged(
    store: "Store", network: str, n_positions: int, seed: int, *, overwrite: bool
) -> "MeanConceptGraph":
    """Average over positions of a store, and keep the graph in it."""
    from conceptlrp.concept_graph import MeanConceptGraph, mean_concept_graph

    store.results.check_free(MeanConceptGraph, overwrite=overwrite)
    explainer = _explainer(store, network)
    corpus = store.positions
    if len(corpus) > n_positions:
        corpus = corpus.sample(n_positions, seed=seed)
    with progress_bars() as report:
        found = mean_concept_graph(
            explainer, corpus, targets=store.targets, on_progress=report
        )
    store.results.save(found, overwrite=overwrite)
    return found


def _of_position(
    store: "Store", network: str, row: int, target: str
) -> "MeanConceptGraph":
    from conceptlrp.concept_graph import mean_concept_graph

    if not 0 <= row < len(store):
        msg = f"{store.path}: has no row {row}, expected 0 to {len(store) - 1}"
        raise StoreError(msg)
    corpus = store.positions[row : row + 1]
    return mean_concept_graph(_explainer(store, network), corpus, targets=[target])


def _explainer(store: "Store", network: str) -> "Explainer":
    """Make ready what explained the store, with the layers in between."""
    from conceptlrp.lrp import COMPOSITES, Explainer

    name = store.manifest.composite.get("name")
    if name not in COMPOSITES:
        msg = (
            f"{store.path}: made with the composite '{name}', which is no preset; use "
            "mean_concept_graph and store.results.save from Python"
        )
        raise CompositeError(msg)
    net = store_network(store, network)
    every = Explainer(net, composite=str(name))
    # Relevance between layers is known where one reads the other.
    missing = [layer for layer in store.layers if layer not in every.layers]
    if not missing:
        return every
    return Explainer(net, composite=str(name), layers=[*every.layers, *missing])


def _exported(
    graph: "MeanConceptGraph", target: str, strongest: int, suffix: str
) -> bytes:
    """Return a graph as the content of a file."""
    from conceptlrp.concept_graph import node_link, to_networkx

    if suffix == ".json":
        found = node_link(graph, target=target, strongest=strongest)
        return f"{json.dumps(found, indent=1, allow_nan=False)}\n".encode()
    exported = to_networkx(graph, target=target, strongest=strongest)
    import networkx as nx  # type: ignore[import-untyped]

    content = BytesIO()
    write = nx.write_gexf if suffix == ".gexf" else nx.write_graphml
    write(exported, content)
    return content.getvalue()


def _show(graph: "MeanConceptGraph", target: str, most: int) -> None:
    from conceptlrp.concept_graph import strongest_paths

    number = f"{graph.positions:,} position{'s' * (graph.positions != 1)}"
    title = f"strongest paths of '{target}' over {number}"
    table = Table(title=Text(title), title_justify="left")
    table.add_column("share", justify="right")
    table.add_column("channels, from the top, with relevance", overflow="fold")
    for path in strongest_paths(graph, most, target=target):
        table.add_row(f"{path.strength:.2%}", _steps(path))
    Console().print(table)


def _steps(path: "ConceptPath") -> Text:
    """Write the channels of a path, each with the relevance that it gets."""
    steps = zip(path.nodes, path.relevance, strict=True)
    return Text(" > ".join(f"{n}:{c} ({r:+.3g})" for (n, c), r in steps))
