"""The concept atlas: a folder of pages that opens from disk.

    index.html                      the network, the corpus, all channels on a map
    layers/<layer>.html             one layer: its channels, labels, clusters; from
    layers/<layer>/2.html           96 channels on, more pages
    concepts/<layer>/c0012.html     one channel: reference boards and statistics
    clusters/<layer>/k03.html       one cluster: markers and typical boards
    positions/p0000123.html         one position: policy, value, channels; list beside
    games/g00012.html               one game, move by move; list beside
    evaluation.html, graph.html     how far to believe it; which channels feed which
    compare.html, compare-2.html    other stores of the same positions beside this one
    index.js, home.js               all channels, for search, gallery and map
    style.css                       the looks
    board.js, atlas.js, circuit.js  what scripts add to them
    atlas.json                      where the numbers come from; the list of files

Nothing is fetched from a network, and everything but the search can be read without
the script. The same store gives the same bytes.
"""

import json
import os
import re
import zlib
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from conceptlrp.atlas.pages.home_page import SCRIPTS, strength_rows, write_home_page
from conceptlrp.atlas.pages.layer_pages import (
    LayerPart,
    made_explainer,
    write_layer,
    write_layer_apart,
)
from conceptlrp.atlas.site import Site, updated_folder
from conceptlrp.errors import ConceptLRPError, FileFormatError
from conceptlrp.files import write_whole
from conceptlrp.processes import end_with_parent
from conceptlrp.progress import OnProgress
from conceptlrp.report import Note
from conceptlrp.staging import staging_folder
from conceptlrp.store import Store, open_store
from conceptlrp.store.reader import AnyStore

if TYPE_CHECKING:
    from conceptlrp.lrp import Explainer
    from conceptlrp.networks.checkpoint import AnyNetwork

#: Bytes that a page may have: more than this, browsers and mail refuse.
LARGEST: Final = 25_000_000

# Title, header and content of a page.
_PARTS: Final = (
    re.compile(r"<title>(.*?)</title>", re.DOTALL),
    re.compile(r'<header class="top">\n?(.*?)</header>', re.DOTALL),
    re.compile(r"<main[^>]*>\n?(.*)</main>", re.DOTALL),
)
_STYLE: Final = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_BOARD: Final = re.compile(r'<span class="bd[^>]*>[^<]*</span>')
_WINDOW: Final = 32_000
_LINKED: Final = re.compile(
    r'<(?:link rel="stylesheet"|script src=)[^>]*>(?:</script>)?\n?'
)
_POLICY: Final = re.compile(r'(Content-Security-Policy" content=")[^"]*')


def build_atlas(
    store: AnyStore,
    path: str | os.PathLike[str],
    *,
    network: "AnyNetwork | None" = None,
    target: int | str = 0,
    count: int = 8,
    title: str | None = None,
    notes: Mapping[tuple[str, int], Note] | None = None,
    strength: Mapping[str, Any] | None = None,
    others: Sequence[Store] = (),
    workers: int = 1,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> Path:
    """Write the atlas of a store: a page a layer, a channel and a cluster.

    Clusters, labels, effects of ablation, concept graph and evaluation are those that
    the store holds; the pages say what it lacks and which command adds it.

    Parameters
    ----------
    store : Store or path
        Relevance of a corpus.
    path : path
        Folder to write; it appears when it is complete.
    network : Module or path, optional
        The network of the store, by which some of its positions get pages, and boards
        that it keeps no heatmaps of get theirs.
    target, count : int or str, int
        Explained output that the pages are about, and boards in a strip, or fewer where
        the store keeps fewer heatmaps.
    title, notes : str, mapping of (layer, channel) to Note
        Title of the atlas, which by default names the network, and remarks that the
        channels' pages show, see `conceptlrp.report.read_notes`.
    strength : mapping, optional
        Strength card of the network, as `conceptlrp.selfplay.read_card` returns it.
    others, workers : sequence of Store, int
        Stores of the same positions, such as of a snapshot or another composite, which
        get a page beside this one; and processes that write layers at the same time.
    overwrite : bool
        Bring an atlas at `path` up to date, which otherwise raises `OutputExistsError`:
        files that stay the same are not touched, only those it has no more are removed.
    on_progress : callable, optional
        Called with "pages", the channels done and their total after each layer, then
        with "positions" in full.

    Returns
    -------
    Path
        The folder; open its ``index.html``.
    """
    store = open_store(store)
    name = str(store.manifest.network.get("name", "an Othello network"))
    known: dict[str, Any] = {
        "target": store.targets[store.target_index(target)],
        "title": title or f"Concept atlas of {name}",
        # Longer strips than the store keeps heatmaps of would have none.
        "count": min(count, store.manifest.references or count),
        "notes": dict(notes or {}),
        "strength": strength_rows(strength, store),
        "explains": network is not None,
    }
    with updated_folder(path, overwrite=overwrite) as draft:
        site = Site(folder=draft.folder, former=draft.former, store=store, **known)
        _write_pages(site, network, others, workers, on_progress)
    return Path(path)


def build_single_file(
    store: AnyStore,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    **options: Any,
) -> Path:
    """Write the atlas of a store as one page, to be sent to somebody.

    Parameters
    ----------
    store, path, overwrite, **options
        As for `build_atlas`; the file is such as ``atlas.html``.

    Returns
    -------
    Path
        The file; a page of more than 25 MB raises `ConceptLRPError`.
    """
    store = open_store(store)
    with staging_folder(Path(path)) as folder:
        made = build_atlas(store, folder, **options)
        content = single_page(made, name=str(path))
    write_whole(path, content, overwrite=overwrite, error=FileFormatError)
    return Path(path)


def _write_pages(
    site: Site,
    network: "AnyNetwork | None",
    others: Sequence[Store],
    workers: int,
    on_progress: OnProgress | None,
) -> None:
    total = sum(site.store.channels(layer) for layer in site.store.layers)
    parts: list[LayerPart] = []
    explainer = made_explainer(site.store, network)
    for part in _parts(site, network, explainer, workers):
        parts.append(part)
        site.digests.update(part.digests)
        if on_progress is not None:
            on_progress("pages", sum(len(each.facts) for each in parts), total)
    write_home_page(site, parts, explainer, others, on_progress)
    site.write_marker()


def _parts(
    site: Site,
    network: "AnyNetwork | None",
    explainer: "Explainer | None",
    workers: int,
) -> Iterator[LayerPart]:
    """Write the layers, some at the same time, and return them in their order."""
    layers = site.store.layers
    if workers < 2 or len(layers) < 2:
        for layer in layers:
            yield write_layer(site, layer, explainer)
        return
    from conceptlrp.runs.executors import start_context

    known = {each.name: getattr(site, each.name) for each in fields(site)}
    known |= {"store": str(site.store.path), "digests": {}}
    pool = ProcessPoolExecutor(
        min(workers, len(layers)),
        mp_context=start_context(),
        initializer=end_with_parent,
    )
    try:
        waiting = [
            pool.submit(write_layer_apart, known, layer, network) for layer in layers
        ]
        for each in waiting:
            yield each.result()
    except BaseException:
        # What an error or a signal has made useless is not waited for.
        for process in list((pool._processes or {}).values()):
            process.kill()
        # Nor is it joined, as a signal may come before its thread has started.
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def single_page(folder: Path, *, name: str) -> bytes:
    """Put an atlas into one page: each other `main` is compressed until it is shown."""
    first = (folder / "index.html").read_text("utf-8")
    scripts = [
        (folder / "index.js").read_text("utf-8"),
        f"[window.ATLAS_PAGES,...window.ATLAS_START]={json.dumps(_packed(folder))};",
        *((folder / name).read_text("utf-8") for name in SCRIPTS),
        files("conceptlrp.atlas").joinpath("single.js").read_text("utf-8"),
    ]
    page = _LINKED.sub("", first)
    page = _POLICY.sub(lambda found: found[1] + _policy(scripts), page)
    style = (folder / "style.css").read_text("utf-8")
    head = f"<style>{style}</style>" + "".join(f"<script>{s}</script>" for s in scripts)
    content = page.replace("</head>", head + "</head>", 1).encode()
    if len(content) > LARGEST:
        msg = (
            f"{name}: would be {len(content) / 1e6:.0f} MB, expected at most "
            f"{LARGEST / 1e6:.0f}; write a folder, or explain fewer layers"
        )
        raise ConceptLRPError(msg)
    return content


def _pages(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Yield each page's address, and as JSON its boards, and its parts without them."""
    for path in sorted(folder.rglob("*.html")):
        text = path.read_text("utf-8")
        style = "".join(_STYLE.findall(text))
        title, top, main = (found[1] for p in _PARTS if (found := p.search(text)))
        parts = json.dumps([title, top, _BOARD.sub("\0", main), style])
        address = path.relative_to(folder).as_posix()
        yield address, json.dumps(_BOARD.findall(main)), parts


def _packed(folder: Path) -> tuple[dict[str, str], str, int]:
    """Compress the pages, by address, after what they share, which is packed once.

    Pages of channels are alike but for their boards. Every page is the rest of a
    stream that begins with two of them, cut to the window of deflate.
    """
    pages = list(_pages(folder))
    known = [each for each in pages if each[0].startswith("concepts/")]
    some = known[len(known) // 3], known[len(known) // 2]
    shared = "".join(each[1][-_WINDOW // 3 :] for each in some)
    start = (shared + "".join(each[2] for each in some)).encode()[-_WINDOW:]
    compress = zlib.compressobj(9, wbits=-15)
    begun = compress.compress(start) + compress.flush(zlib.Z_SYNC_FLUSH)
    packed = {}
    for address, boards, parts in pages:
        each = compress.copy()
        content = each.compress(f"[{parts},{boards}]".encode()) + each.flush()
        packed[address] = b64encode(content).decode()
    return packed, b64encode(begun).decode(), len(start)


def _policy(scripts: list[str]) -> str:
    """Allow these scripts, and no others that somebody may have slipped in."""
    digests = (b64encode(sha256(each.encode()).digest()).decode() for each in scripts)
    allowed = " ".join(f"'sha256-{each}'" for each in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data:"
    )
