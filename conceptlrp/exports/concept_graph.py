"""The concept graph of a store for networkx, Gephi and yEd."""

import json
import os
from pathlib import Path

from conceptlrp.concept_graph import MeanConceptGraph, node_link
from conceptlrp.errors import StoreError
from conceptlrp.exports.extract import extract, optional
from conceptlrp.staging import staged_file
from conceptlrp.store import Store

__all__ = ["GRAPH_FORMATS", "export_graph"]

#: Formats of graphs.
GRAPH_FORMATS = ("graphml", "node-link")

_OURS = "conceptlrp"


def export_graph(
    store: Store,
    path: str | os.PathLike[str],
    *,
    kind: str = "graphml",
    target: int | str = 0,
    strongest: int | None = 8,
    overwrite: bool = False,
) -> Path:
    """Write the concept graph that a store keeps.

    Nodes are channels such as "conv3:17" and the explained output on top, edges the
    mean relevance that flows between them; both have "relevance" and "absolute".

    Parameters
    ----------
    store : Store
        Relevance of a corpus.
    path : path-like
        File to write.
    kind : {"graphml", "node-link"}
        GraphML, or JSON as ``networkx.node_link_graph(found, edges="edges")`` reads
        it.
    target : int or str
        Index or name of the explained output.
    strongest : int or None
        Edges that are kept of each node; None keeps all.
    overwrite : bool
        Replace an earlier export.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ConceptLRPError
        If networkx is not installed and GraphML is asked for.
    OutputExistsError
        If something stands there that must not be replaced.
    StoreError
        If the store keeps no graph.
    """
    if kind not in GRAPH_FORMATS:
        msg = f"unknown format '{kind}', expected one of {', '.join(GRAPH_FORMATS)}"
        raise ValueError(msg)
    chosen = extract(store, target=target)
    graph = store.results.get(MeanConceptGraph)
    if graph is None:
        msg = (
            f"{store.path}: has no concept graph; run 'conceptlrp graph' with its "
            "network first"
        )
        raise StoreError(msg)
    found = node_link(graph, target=chosen.target, strongest=strongest)
    about = chosen.provenance() | {"positions": graph.positions}
    found["graph"] = {**found["graph"], _OURS: json.dumps(about)}
    with staged_file(path, is_kind=_is_export, overwrite=overwrite) as staging:
        if kind == "graphml":
            networkx = optional("networkx", "a GraphML file")
            built = networkx.node_link_graph(found, edges="edges")
            # The other writer uses lxml where that is installed, and other bytes.
            networkx.write_graphml_xml(built, staging)
        else:
            text = json.dumps(found, ensure_ascii=False, allow_nan=False)
            staging.write_text(f"{text}\n", encoding="utf-8")
    return Path(path)


def _is_export(path: Path) -> bool:
    return _OURS.encode() in path.read_bytes()
