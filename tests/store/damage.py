"""Stores with a file of every kind, and what reads all of one."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from conceptlrp.errors import StoreError
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.store import Store, open_store
from conceptlrp.store.format.schema import (
    INDEX,
    REFERENCE_KINDS,
    REFERENCES,
    STATISTICS,
)
from conceptlrp.store.metadata import COLUMNS
from conceptlrp.store.results.kinds import KINDS, columns_file
from conceptlrp.store.results.results import SavedResult
from tests.lrp.conftest import random_corpus, randomize
from tests.runs.computing import explain_corpus
from tests.store.results.samples import SAMPLES


def small_corpus() -> Corpus:
    return random_corpus(4).sample(30, seed=1)


def make_whole(path: Path) -> Store:
    """Compute a store in four shards that has a file of every kind."""
    network = randomize(OthelloNet(channels=4))
    kept = {"detail": "sample", "sample": 10, "references": 2, "statistics": True}
    store = explain_corpus(
        network,  # type: ignore[arg-type]
        small_corpus(),
        path,
        targets=("played", "value"),
        baseline="mean",
        batch_size=8,
        shard_size=8,
        **kept,
    )
    for sample in SAMPLES.values():
        store.results.save(sample(store))
    store.columns.add({"even": np.arange(len(store)) % 2 == 0})
    return open_store(path)


def readers(store: Store) -> dict[str, Callable[[], list[Any]]]:
    """Return for every file what reads all of it."""
    manifest, metadata = store.manifest, store.columns.metadata
    labels, maps = store.columns.label_names, store.maps
    found: dict[str, Callable[[], list[Any]]] = {
        spec.file: partial(_datasets, store, spec.file) for spec in store.shards.specs
    }
    # The others of the index are the shards once more.
    found[INDEX] = partial(_datasets, store, INDEX, "tops/")
    found[manifest.corpus_file] = lambda: [
        store.positions.digest,
        *(metadata.column(name) for name in COLUMNS),
    ]
    found[str(manifest.baseline_file)] = lambda: [store.baseline.arrays()]
    found[STATISTICS] = lambda: [maps.statistics(layer) for layer in store.layers]
    found[REFERENCES] = lambda: [
        store.references(layer, kind)
        for layer in store.layers
        for kind in REFERENCE_KINDS
    ]
    columns = str(columns_file(manifest))
    found[columns] = lambda: [store.columns.label(name) for name in labels]
    for each in store.results.list():
        found[each.file] = partial(_result, store, each)
    return found


def read_all(store: Store) -> list[Any]:
    """Read everything that a store holds, all of it from its files."""
    return [read() for read in readers(store).values()]


def _datasets(store: Store, name: str, start: str = "") -> list[Any]:
    with store.shards.opened(name) as file:
        return [file.dataset(n)[()] for n in file.names() if n.startswith(start)]


def _result(store: Store, saved: SavedResult) -> list[Any]:
    result = KINDS[saved.kind].result
    about = {"target": saved.target or 0, "layer": saved.layer or None}
    found = store.results.get(result, **about, name=saved.name)
    return [found, store.results.provenance(result, **about)]


def refusal(path: Path) -> str:
    """Open a store and read all of it; return why that is refused, if it is."""
    try:
        with open_store(path) as store:
            read_all(store)
    except StoreError as error:
        return str(error)
    return ""


def put(path: Path, content: bytes) -> None:
    """Replace a file by another one, of which nothing was compared yet."""
    other = path.with_name("other.bin")
    other.write_bytes(content)
    other.replace(path)
