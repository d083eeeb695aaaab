"""Concepts as JSON, a file and a line a channel, and their graph for networkx.

The files hold all that a report of the channel holds. The lines have the names of
Neuronpedia's records of features, so that what reads those finds its way here:
a board stands for a text, its squares for tokens, its heatmap for activations.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from conceptlrp import concept_graph, jsontext
from conceptlrp.errors import StoreError
from conceptlrp.exports.extract import Selection, export_folder, extract, optional
from conceptlrp.files import file_stem
from conceptlrp.networks.planes import squares_of_actions
from conceptlrp.othello import square_name
from conceptlrp.reference import ReferenceBoards
from conceptlrp.report import ChannelReport, Note, layer_report
from conceptlrp.report.statistics import Histogram
from conceptlrp.staging import staged_file
from conceptlrp.store import Store, open_store
from conceptlrp.store.reader import AnyStore

# Moves that are listed on either side.
_MOVES = 10


def json(
    store: AnyStore,
    out: str | os.PathLike[str],
    *,
    layers: Sequence[str] | None = None,
    target: int | str = 0,
    count: int = 8,
    notes: dict[tuple[str, int], Note] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write what is known of every channel as JSON.

    ``concepts/LAYER/c0012.json`` is the report of a channel in full, see
    `ChannelReport`: statistics, reference boards with OBF, transcript, score and
    heatmap, labels, effects, edges, clusters. ``features.jsonl`` has a line for each
    channel, with the names that Neuronpedia uses.

    Parameters
    ----------
    store, out, layers : Store or path, path-like, sequence of str
        Relevance of a corpus, the folder to write, and the layers; all by default.
    target, count, notes
        As for `conceptlrp.report.layer_report`.
    overwrite : bool
        Replace an earlier export.

    Returns
    -------
    Path
        The folder.
    """
    store = open_store(store)
    found = extract(store, Selection(layers, target))
    network = str(store.manifest.network.get("name", ""))
    with (
        export_folder(out, found, "json", overwrite=overwrite) as folder,
        (folder / "features.jsonl").open("wb") as lines,
    ):
        for layer in found.layers:
            place = folder / "concepts" / file_stem(layer)
            place.mkdir(parents=True)
            for report in layer_report(
                store, layer, target=found.target, count=count, notes=notes
            ):
                path = place / f"c{report.channel:04d}.json"
                path.write_bytes(jsontext.dumps(report.to_dict()) + b"\n")
                lines.write(jsontext.dumps(feature_record(report, network)) + b"\n")
    return Path(out)


def feature_record(report: ChannelReport, network: str) -> dict[str, Any]:
    """Put a report, its boards with heatmaps in order, in the words of Neuronpedia."""
    statistics = report.statistics
    place = {"modelId": network, "layer": report.layer, "index": str(report.channel)}
    return {
        **place,
        "source": report.citation,
        "explanations": list(_explanations(report)),
        "frac_nonzero": statistics.active,
        **_histogram(statistics.activation),
        **_moves(report),
        "topkCosSimIndices": [each.channel for each in report.nearest],
        "topkCosSimValues": [each.cosine for each in report.nearest],
        "activations": [
            {**place, "dataSource": name, **record}
            for name, boards in report.strips.items()
            for record in _boards(boards)
        ],
    }


def _explanations(report: ChannelReport) -> Iterator[dict[str, Any]]:
    for each in report.labels.labels if report.labels else ():
        yield {
            "description": each.text,
            "typeName": f"conceptlrp {each.measure}",
            "score": each.held_out,
        }
    if report.note is not None:
        author = report.note.author or "unknown"
        yield {"description": report.note.text, "typeName": f"note by {author}"}


def _histogram(found: Histogram) -> dict[str, Any]:
    edges = np.array(found.edges)
    middles = (edges[1:] + edges[:-1]) / 2
    return {
        "maxActApprox": max(found.edges, default=0.0),
        "freq_hist_data_bar_values": middles.tolist(),
        "freq_hist_data_bar_heights": list(found.counts),
    }


def _moves(report: ChannelReport) -> dict[str, Any]:
    """List the moves whose logit the channel raises and lowers most."""
    if report.effects is None:
        return {}
    policy = report.effects.policy
    size = len(policy)
    flat = policy.ravel()
    order = np.argsort(-np.nan_to_num(flat), kind="stable")
    raised = [int(i) for i in order if flat[i] > 0][:_MOVES]
    lowered = [int(i) for i in order[::-1] if flat[i] < 0][:_MOVES]
    return {
        "pos_str": [_move(i, size) for i in raised],
        "pos_values": flat[raised].tolist(),
        "neg_str": [_move(i, size) for i in lowered],
        "neg_values": flat[lowered].tolist(),
    }


def _move(action: int, size: int) -> str:
    return square_name(int(squares_of_actions(action, size=size)), size)


def _boards(boards: ReferenceBoards) -> Iterator[dict[str, Any]]:
    if boards.heatmaps is None:
        return
    for board, heatmap in zip(boards.boards, boards.heatmaps, strict=True):
        yield {
            "dataIndex": board.row,
            "tokens": list(board.position.obf()[: heatmap.size]),
            "values": heatmap.ravel().tolist(),
            "maxValue": float(heatmap.max()),
            "minValue": float(heatmap.min()),
            "maxValueTokenIndex": int(heatmap.argmax()),
        }


_MARK = "conceptlrp-graph"


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
    link: dict[str, Any]
    if circuit is not None:
        kept = store.results.get(concept_graph.Circuit, target=target, name=circuit)
        if kept is None:
            msg = f"{store.path}: has no circuit '{circuit}' of this target"
            raise StoreError(msg)
        link, positions = kept.node_link(), len(kept.rows)
    elif (graph := chosen.results.graph) is not None:
        link, positions = (
            concept_graph.node_link(graph, target=chosen.target, strongest=strongest),
            graph.positions,
        )
        names, badges = chosen.results.names, chosen.results.badges
        for node in link["nodes"]:
            if name := names.get((node["layer"], node["channel"])):
                node |= {"name": name, "badge": badges[node["layer"], node["channel"]]}
    else:
        msg = (
            f"{store.path}: has no concept graph; run 'conceptlrp graph' with its "
            "network first"
        )
        raise StoreError(msg)
    about = chosen.provenance() | {"positions": positions}
    known = {"encoding-type": _MARK, "conceptlrp": jsontext.dumps(about).decode()}
    return {**link, "graph": {**link["graph"], **known}}


def _is_export(path: Path) -> bool:
    return _MARK.encode() in path.read_bytes()
