"""Stores with a file of every kind, and what reads all of one."""

from pathlib import Path
from typing import Any

import numpy as np

from conceptlrp.errors import StoreError
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.store import Store, open_store
from conceptlrp.store.format.schema import INDEX, REFERENCE_KINDS
from conceptlrp.store.metadata import COLUMNS
from conceptlrp.store.results.kinds import KINDS
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


def read_all(store: Store) -> list[Any]:
    """Read everything that a store holds, all of it from its files."""
    found: list[Any] = []
    for name in [*(spec.file for spec in store.shards.specs), INDEX]:
        with store.shards.opened(name) as file:
            # The others of the index are the shards once more.
            names = [n for n in file.names() if name != INDEX or n.startswith("tops/")]
            found += [file.dataset(each)[()] for each in names]
    found += [store.positions.digest, store.baseline.digest]
    found += [store.columns.metadata.column(name) for name in COLUMNS]
    found += [store.columns.label(name) for name in store.columns.label_names]
    for layer in store.layers:
        found.append(store.maps.statistics(layer))
        found += [store.references(layer, kind) for kind in REFERENCE_KINDS]
    for each in store.results.list():
        result = KINDS[each.kind].result
        about = {"target": each.target or 0, "layer": each.layer or None}
        found.append(store.results.get(result, **about, name=each.name))
        found.append(store.results.provenance(result, **about))
    return found


def refusal(path: Path) -> str:
    """Open a store and read all of it; return why that is refused, if it is."""
    try:
        with open_store(path) as store:
            read_all(store)
    except StoreError as error:
        return str(error)
    return ""
