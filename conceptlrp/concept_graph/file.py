"""The concept graph of a corpus on disk: one HDF5 file in the folder of its store.

Shapes use T targets, C channels above and D channels below. Means are kept in
float32: their error from the choice of positions is far larger.
"""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from conceptlrp.concept_graph.mean_graph import Flow, MeanConceptGraph
from conceptlrp.errors import StoreError
from conceptlrp.hdf5 import clear_errors
from conceptlrp.store import Store
from conceptlrp.store.derived import check_origin, derived_file, save_derived
from conceptlrp.store.tables import Table, encode_tables, read_tables

#: Name of the file.
GRAPH: Final = "concept-graph.h5"
_KIND: Final = "conceptlrp-concept-graph"
_REMEDY: Final = "conceptlrp graph"


def save_graph(
    graph: MeanConceptGraph, store: Store, *, overwrite: bool = False
) -> Path:
    """Save a concept graph in the folder of the store that it belongs to.

    Parameters
    ----------
    graph : MeanConceptGraph
        Of the targets and at least the layers of the store, averaged over positions
        of it. Layers between those of the store join them.
    store : Store
        The store.
    overwrite : bool
        Replace the graph that is there.

    Returns
    -------
    Path
        ``concept-graph.h5`` in the folder of the store.

    Raises
    ------
    OutputExistsError
        When there is a graph and it must not be replaced.
    StoreError
        When the graph has other targets than the store or lacks a layer, or cannot
        be written.
    """
    path = store.path / GRAPH
    _check(path, graph, store)
    nodes = [Table({"layer": n}, _arrays(flow)) for n, flow in graph.nodes.items()]
    edges = [
        Table({"upper": upper, "lower": lower}, _arrays(flow))
        for (upper, lower), flow in graph.edges.items()
    ]
    texts = {
        "targets": json.dumps(graph.targets),
        "layers": json.dumps(graph.layers),
        "positions": str(graph.positions),
        "network": str(store.manifest.network.get("digest", "")),
        "corpus": str(store.manifest.corpus.get("digest", "")),
    }
    content = encode_tables(_KIND, texts, nodes + edges)
    save_derived(store.path, GRAPH, content, overwrite=overwrite)
    return path


def load_graph(store: Store) -> MeanConceptGraph | None:
    """Load the concept graph of a store.

    Parameters
    ----------
    store : Store
        The store.

    Returns
    -------
    MeanConceptGraph or None
        What was saved, rounded to float32; None where nothing was.

    Raises
    ------
    StoreError
        When the file is damaged, or of another network, corpus, targets or layers.
    """
    path = derived_file(store.path, GRAPH)
    if path is None:
        return None
    texts, tables = read_tables(path, _KIND)
    check_origin(path, texts, store.manifest, remedy=_REMEDY)
    with clear_errors(path, StoreError):
        graph = MeanConceptGraph(
            targets=_names(texts["targets"]),
            layers=_names(texts["layers"]),
            nodes={t.texts["layer"]: _flow(t) for t in tables if "layer" in t.texts},
            edges={
                (t.texts["upper"], t.texts["lower"]): _flow(t)
                for t in tables
                if "layer" not in t.texts
            },
            positions=int(texts["positions"]),
        )
        _check(path, graph, store)
    return graph


def _arrays(flow: Flow) -> dict[str, Any]:
    return {
        "signed": flow.signed.astype(np.float32),
        "absolute": flow.absolute.astype(np.float32),
    }


def _flow(table: Table) -> Flow:
    signed, absolute = (
        table.arrays[name].astype(np.float64) for name in ("signed", "absolute")
    )
    return Flow(signed, absolute)


def _names(text: str) -> tuple[str, ...]:
    return tuple(str(name) for name in json.loads(text))


def _check(path: Path, graph: MeanConceptGraph, store: Store) -> None:
    """Refuse a graph of other targets, layers or channels than those of a store."""
    missing = [layer for layer in store.layers if layer not in graph.layers]
    if graph.targets != store.targets or missing:
        msg = (
            f"{path}: the graph has targets {', '.join(graph.targets)} and layers "
            f"{', '.join(graph.layers)}, the store has {', '.join(store.targets)} and "
            f"{', '.join(store.layers)}; run '{_REMEDY}'"
        )
        raise StoreError(msg)
    sizes = {layer: graph.nodes[layer].signed.shape[-1] for layer in graph.layers}
    sizes |= {layer: store.channels(layer) for layer in store.layers}
    shapes: dict[Any, tuple[int, ...]] = {layer: (c,) for layer, c in sizes.items()}
    shapes |= {pair: (sizes[pair[0]], sizes[pair[1]]) for pair in graph.edges}
    flows: dict[Any, Flow] = {**graph.nodes, **graph.edges}
    for name, shape in shapes.items():
        _check_shape(path, name, flows[name], (len(store.targets), *shape))


def _check_shape(path: Path, name: Any, flow: Flow, expected: tuple[int, ...]) -> None:
    for array in (flow.signed, flow.absolute):
        if array.shape != expected:
            msg = (
                f"{path}: relevance of {name} has shape {array.shape}, expected "
                f"{expected}; run '{_REMEDY}'"
            )
            raise StoreError(msg)
