"""A small store with hostile names, planted statistics and reference boards."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conceptlrp.clustering import Clustering
from conceptlrp.othello import Corpus
from conceptlrp.store import Plan, Store, open_store
from conceptlrp.store.format.schema import REFERENCE_KINDS
from conceptlrp.store.ranking import top_rows
from conceptlrp.store.writing.finish import finish_run
from conceptlrp.store.writing.shard_writer import shards_of, write_shard
from conceptlrp.store.writing.writer import create_run
from tests.othello.playouts import random_games

HOSTILE = [
    "<script>alert(1)</script>",
    "\" onload='x' &amp; ",
    "\u202eevil\u202c",
    "a" * 300,
]
LAYERS = {"conv1": 6, "trunk/<b>3": 4}
DEAD = 2
KEPT = 5


def hostile_corpus(count: int, size: int, players=HOSTILE) -> Corpus:
    games = random_games(count, seed=3, size=size)
    names = np.array([players[n % len(players)] for n in range(count)])
    return Corpus.from_games(replace(games, black=names))


def layer_arrays(corpus: Corpus, channels: int, seed: int) -> dict[str, np.ndarray]:
    """Relevance of two targets and activation, the channel DEAD all zero."""
    random = np.random.default_rng(seed)
    relevance = random.normal(size=(len(corpus), 2, channels)).astype(np.float32)
    relevance[np.arange(len(corpus)), :, corpus.game % 2] += 3
    activation = np.maximum(0, random.normal(size=(len(corpus), channels)))
    relevance[:, :, DEAD] = activation[:, DEAD] = 0
    return {
        "relevance": relevance,
        "norm": np.abs(relevance).sum(axis=2),
        "activation": activation.astype(np.float32),
        "peak": activation.astype(np.float32),
        "peak_square": np.zeros(activation.shape, np.int8),
    }


def reference_arrays(
    store: Store, seed: int, kept: int = KEPT
) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    side = store.positions.size
    found = {}
    for target in range(len(store.targets)):
        for kind, (by, lowest) in REFERENCE_KINDS.items():
            for layer in store.layers:
                ranked = [
                    top_rows(
                        store.scores(layer, channel, by=by, target=target),
                        kept,
                        lowest=lowest,
                        groups=store.positions.game,
                    )
                    for channel in range(store.channels(layer))
                ]
                place = f"{target}/{kind}/{layer}"
                found[f"{place}/rows"] = np.stack([each.rows for each in ranked])
                found[f"{place}/scores"] = np.stack([each.scores for each in ranked])
                found[f"{place}/maps"] = random.normal(
                    size=(len(ranked), kept, side, side)
                ).astype(np.float32)
    return found


def write_store(
    path,
    *,
    games=8,
    size=8,
    references=True,
    layers=LAYERS,
    players=HOSTILE,
    kept=KEPT,
) -> Store:
    corpus = hostile_corpus(games, size, players)
    n = len(corpus)
    random = np.random.default_rng(0)
    arrays = {
        "outputs/logits": np.zeros((n, size * size + 1), np.float32),
        "outputs/value": np.zeros(n, np.float32),
        "targets/square": np.stack([corpus.played, np.full(n, -1)], 1).astype(np.int8),
        "targets/explained": np.ones((n, 2), np.float32),
        "targets/heatmap": random.normal(size=(n, 2, size, size)).astype(np.float32),
    }
    for seed, (layer, channels) in enumerate(layers.items()):
        found = layer_arrays(corpus, channels, seed)
        arrays |= {f"layers/{layer}/{name}": each for name, each in found.items()}
    plan = Plan(
        network={"name": "<i>net</i>", "digest": "5f1c" * 8, "size": size},
        corpus={"digest": corpus.digest, "positions": n, "games": games},
        composite={"name": "epsilon-flat"},
        targets=("played", "value"),
        layers={
            layer: {"channels": channels, "height": size, "width": size}
            for layer, channels in layers.items()
        },
        references=kept if references else 0,
        versions={"conceptlrp": "0"},
        command="conceptlrp attribute <x>",
    )
    create_run(path, plan, corpus)
    for spec in shards_of(path):
        rows = slice(spec.start, spec.stop)
        write_shard(path, spec, {name: each[rows] for name, each in arrays.items()})
    found = reference_arrays(Store(path), 7, kept) if references else None
    return Store(finish_run(path, references=found))


def with_clusters(store: Store, folder: Path, *clusterings: Clustering) -> Store:
    """Copy a store into a folder and keep clusters in it."""
    copy = open_store(shutil.copytree(store.path, folder / "clustered.crp"))
    for each in clusterings:
        copy.results.save(each)
    return copy


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    return write_store(tmp_path_factory.mktemp("store") / "run.crp")


@pytest.fixture(scope="session")
def store_without_maps(tmp_path_factory):
    return write_store(tmp_path_factory.mktemp("store") / "run.crp", references=False)


@pytest.fixture(scope="session")
def small_board_store(tmp_path_factory):
    return write_store(tmp_path_factory.mktemp("store") / "run.crp", size=6)
