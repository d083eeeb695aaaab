"""The concept atlas: a folder of pages that opens from disk.

    index.html                      the network, the corpus, all channels on a map
    layers/<layer>.html             one layer: its channels, labels, clusters
    concepts/<layer>/c0012.html     one channel: reference boards and statistics
    clusters/<layer>/k03.html       one cluster: markers and typical boards
    positions/p0000123.html         one position: policy, value, channels; list beside
    evaluation.html, graph.html     how far to believe it; which channels feed which
    compare.html, compare-2.html    other stores of the same positions beside this one
    thumbnails/<layer>.png          mean heatmaps of a layer's channels
    index.js                        all channels, for the search of the first page
    style.css, atlas.js             the looks, and what a script adds to them
    atlas.json                      where the numbers come from; the list of files

Nothing is fetched from a network, and everything but the search can be read without
the script. The same store gives the same bytes.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from torch import nn

from conceptlrp.atlas.index_script import index_script
from conceptlrp.atlas.pages.layer_work import LayerPart, write_layer, write_layer_apart
from conceptlrp.atlas.pages.whole_pages import write_whole_pages
from conceptlrp.atlas.single_file import single_page
from conceptlrp.atlas.site import Site
from conceptlrp.atlas.strength_table import strength_rows
from conceptlrp.atlas.updating import updated_folder
from conceptlrp.clustering import Clustering
from conceptlrp.errors import FileFormatError
from conceptlrp.evaluation import load_evaluation
from conceptlrp.files import write_whole
from conceptlrp.labelling import load_label_scores
from conceptlrp.labelling.channel_name import channel_names
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.store_explainer import store_explainer
from conceptlrp.report import Note
from conceptlrp.report.channel_places import places_of_columns
from conceptlrp.runs.processes import start_context
from conceptlrp.store import Store

__all__ = ["build_atlas", "build_single_file"]

Progress = Callable[[int, int], None]


def build_atlas(
    store: Store,
    out: str | os.PathLike[str],
    *,
    clusterings: Sequence[Clustering] = (),
    k: int = 8,
    target: int | str = 0,
    title: str | None = None,
    notes: Mapping[tuple[str, int], Note] | None = None,
    strength: Mapping[str, Any] | None = None,
    network: nn.Module | None = None,
    others: Sequence[Store] = (),
    workers: int = 1,
    overwrite: bool = False,
    on_page: Progress | None = None,
) -> Path:
    """Write the atlas of a store: a page a layer, a channel and a cluster.

    Parameters
    ----------
    store : Store
        Relevance of a corpus.
    out : path
        Folder to write; it appears when it is complete.
    clusterings : sequence of Clustering
        Clusters of the store's positions, at most one for each layer.
    k : int
        Boards in a strip, or fewer where the store keeps fewer heatmaps.
    target : int or str
        Explained output that the pages are about.
    title : str, optional
        Title of the atlas; by default it names the network.
    notes : mapping of (layer, channel) to Note, optional
        Remarks that the channels' pages show, see `conceptlrp.report.read_notes`.
    strength : mapping, optional
        Strength card of the network, as `conceptlrp.selfplay.read_card` returns it.
    network : Module, optional
        The network of the store, by which some of its positions get pages, and boards
        that it keeps no heatmaps of get theirs.
    others : sequence of Store
        Stores of the same positions, such as of a snapshot or another composite, which
        get a page beside this one.
    workers : int
        Processes that write layers at the same time; the pages are the same.
    overwrite : bool
        Bring an atlas that stands at `out` up to date: files that stay the same are
        not touched, those it has no more are removed, and no others.
    on_page : callable, optional
        Called with the channels done and their total after each layer.

    Returns
    -------
    Path
        The folder; open its ``index.html``.

    Raises
    ------
    OutputExistsError
        If something stands at `out` that must not be replaced.
    ValueError
        If a clustering is of another store, two are of one layer, or the strength
        card or the network is another than the store's.
    """
    known = _known(store, clusterings, k, target, title, notes, strength)
    with updated_folder(out, overwrite=overwrite) as draft:
        site = Site(folder=draft.folder, former=draft.former, store=store, **known)
        _write_pages(site, network, others, workers, on_page or _ignore)
    return Path(out)


def build_single_file(
    store: Store,
    out: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    on_page: Progress | None = None,
    workers: int = 1,
    **options: Any,
) -> Path:
    """Write the atlas of a store as one page, to be sent to somebody.

    Parameters
    ----------
    store : Store
        Relevance of a corpus.
    out : path
        File to write, such as ``atlas.html``.
    overwrite : bool
        Replace a file that is there.
    on_page, workers, **options
        As for `build_atlas`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OutputExistsError
        If something stands at `out` and must not be replaced.
    ConceptLRPError
        If the page would be larger than 25 MB.
    ValueError
        As for `build_atlas`.
    """
    with TemporaryDirectory() as folder:
        made = build_atlas(
            store,
            Path(folder) / "atlas",
            on_page=on_page,
            workers=workers,
            **options,
        )
        content = single_page(made, name=str(out))
    write_whole(out, content, overwrite=overwrite, error=FileFormatError)
    return Path(out)


def _ignore(_done: int, _total: int) -> None:
    """Report to nobody."""


def _known(
    store: Store,
    clusterings: Sequence[Clustering],
    k: int,
    target: int | str,
    title: str | None,
    notes: Mapping[tuple[str, int], Note] | None,
    strength: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Check what the pages are made from, and name it as `Site` does."""
    network = str(store.manifest.network.get("name", "an Othello network"))
    return {
        "target": store.targets[store.target_index(target)],
        "title": title or f"Concept atlas of {network}",
        # Longer strips than the store keeps heatmaps of would have none.
        "k": min(k, store.manifest.references or k),
        "clusterings": _check_clusterings(store, clusterings),
        "notes": dict(notes or {}),
        "strength": strength_rows(strength, store),
    }


def _check_clusterings(
    store: Store, clusterings: Sequence[Clustering]
) -> dict[str, Clustering]:
    digest = str(store.manifest.corpus.get("digest", ""))
    by_layer: dict[str, Clustering] = {}
    for found in clusterings:
        if found.layer not in store.layers or found.corpus != digest:
            msg = (
                f"a clustering of layer {found.layer!r} and corpus {found.corpus[:8]} "
                f"is not of this store ({digest[:8]}); cluster its positions again"
            )
            raise ValueError(msg)
        if found.layer in by_layer:
            msg = f"two clusterings of layer {found.layer!r}, expected at most one"
            raise ValueError(msg)
        by_layer[found.layer] = found
    return by_layer


def _write_pages(
    site: Site,
    network: nn.Module | None,
    others: Sequence[Store],
    workers: int,
    report: Progress,
) -> None:
    total = sum(site.store.channels(layer) for layer in site.store.layers)
    parts: list[LayerPart] = []
    explainer = None if network is None else store_explainer(site.store, network)
    for part in _parts(site, network, explainer, workers):
        parts.append(part)
        site.digests.update(part.digests)
        report(sum(len(each.facts) for each in parts), total)
    places = places_of_columns(np.concatenate([part.columns for part in parts], axis=1))
    site.write_bytes("index.js", index_script(parts, places, unit=site.unit))
    examples = [part.example for part in parts if part.example]
    site.write(
        "index.html",
        "index.html",
        parts=parts,
        on_map=int((places[:, 0] >= 0).sum()),
        example=examples[-1] if examples else None,
        warnings=_composite_warnings(site.store),
        mean_output=float(site.store.explained(target=site.target).mean()),
        pages=write_whole_pages(site, explainer, others),
    )
    for name in ("style.css", "atlas.js"):
        site.write_bytes(name, files("conceptlrp.atlas").joinpath(name).read_bytes())
    site.write_marker()


def _parts(
    site: Site, network: nn.Module | None, explainer: Explainer | None, workers: int
) -> Iterator[LayerPart]:
    """Write the layers, some at the same time, and return them in their order."""
    layers = site.store.layers
    names = channel_names(load_label_scores(site.store, target=site.target))
    if workers < 2 or len(layers) < 2:
        for layer in layers:
            yield write_layer(site, layer, names, explainer)
        return
    known = {each.name: getattr(site, each.name) for each in fields(site)}
    path = str(known.pop("store").path)
    with ProcessPoolExecutor(
        min(workers, len(layers)), mp_context=start_context()
    ) as pool:
        waiting = [
            pool.submit(
                write_layer_apart, path, {**known, "digests": {}}, layer, names, network
            )
            for layer in layers
        ]
        try:
            for each in waiting:
                yield each.result()
        finally:
            # After an error nobody waits for the layers that have not begun.
            pool.shutdown(cancel_futures=True)


def _composite_warnings(store: Store) -> tuple[str, ...] | None:
    """Sentences about the composite's failures; None where it was not evaluated."""
    evaluation = load_evaluation(store)
    composite = str(store.manifest.composite.get("name", ""))
    if evaluation is None or composite not in evaluation.get("warnings", {}):
        return None
    return tuple(
        f"{each[:1].upper()}{each[1:].rstrip('.')}."
        for each in evaluation["warnings"][composite]
    )
