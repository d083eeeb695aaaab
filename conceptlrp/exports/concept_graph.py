"""The concept graph of a store for networkx, Gephi and yEd."""

import os
from pathlib import Path
from typing import Any

from conceptlrp import concept_graph, jsontext
from conceptlrp.errors import StoreError
from conceptlrp.exports.extract import Selection, extract, optional
from conceptlrp.labelling.result import channel_names
from conceptlrp.staging import staged_file
from conceptlrp.store import Store, open_store
from conceptlrp.store.reader import AnyStore

_OURS = "conceptlrp"


def graphml(
    store: AnyStore,
    path: str | os.PathLike[str],
    *,
    target: int | str = 0,
    strongest: int | None = 8,
    circuit: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the concept graph of a store as GraphML.

    Nodes are channels such as "conv3:17" with their names, and the explained output on
    top, edges the mean relevance that flows between them; both have "relevance" and
    "absolute".

    Parameters
    ----------
    store, path, target : Store or path, path-like, int or str
        A store with a concept graph, the file to write, and the explained output.
    strongest, circuit : int or None, str
        Edges that are kept of each node, all for None; or the name of a circuit of the
        store to write instead, with its units as nodes.
    overwrite : bool
        Replace an earlier export.

    Returns
    -------
    Path
        The file.
    """
    networkx = optional("networkx", "a GraphML file")
    found = _node_link(open_store(store), target, strongest, circuit)
    built = networkx.node_link_graph(found, edges="edges")
    with staged_file(path, is_kind=_is_export, overwrite=overwrite) as staging:
        # The other writer uses lxml where that is installed, and other bytes.
        networkx.write_graphml_xml(built, staging)
    return Path(path)


def node_link(
    store: AnyStore,
    path: str | os.PathLike[str],
    *,
    target: int | str = 0,
    strongest: int | None = 8,
    circuit: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the concept graph of a store as JSON of nodes and links.

    ``networkx.node_link_graph(found, edges="edges")`` reads it.

    Parameters
    ----------
    store, path, target, strongest, circuit, overwrite
        As for `graphml`.

    Returns
    -------
    Path
        The file.
    """
    found = _node_link(open_store(store), target, strongest, circuit)
    with staged_file(path, is_kind=_is_export, overwrite=overwrite) as staging:
        staging.write_bytes(jsontext.dumps(found) + b"\n")
    return Path(path)


def _node_link(
    store: Store, target: int | str, strongest: int | None, circuit: str | None
) -> dict[str, Any]:
    """Return the graph as networkx reads it, with where it comes from."""
    chosen = extract(store, Selection(target=target))
    if circuit is not None:
        kept = store.results.get(concept_graph.Circuit, target=target, name=circuit)
        if kept is None:
            msg = f"{store.path}: has no circuit '{circuit}' of this target"
            raise StoreError(msg)
        link = kept.node_link()
        about = chosen.provenance() | {"positions": len(kept.rows)}
        link["graph"] |= {_OURS: jsontext.dumps(about).decode()}
        return link
    graph = chosen.results.graph
    if graph is None:
        msg = (
            f"{store.path}: has no concept graph; run 'conceptlrp graph' with its "
            "network first"
        )
        raise StoreError(msg)
    found: dict[str, Any] = concept_graph.node_link(
        graph, target=chosen.target, strongest=strongest
    )
    names = channel_names(chosen.results.labels)
    for node in found["nodes"]:
        if name := names.get((node["layer"], node["channel"])):
            node["name"] = name
    about = chosen.provenance() | {"positions": graph.positions}
    found["graph"] = {**found["graph"], _OURS: jsontext.dumps(about).decode()}
    return found


def _is_export(path: Path) -> bool:
    return _OURS.encode() in path.read_bytes()
