"""A small store with everything in it, its atlas, and its exports, made once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conceptlrp import exports
from conceptlrp.atlas import build_atlas
from conceptlrp.clustering import Stability
from conceptlrp.labelling import ChannelLabels, ScoredLabels
from conceptlrp.labels import LABELS
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.report import layer_report
from conceptlrp.runs import KeepOptions, attribute_corpus
from conceptlrp.store import Store, open_store
from tests.atlas import whole_atlas
from tests.lrp.conftest import randomize
from tests.othello.playouts import random_games
from tests.report.conftest import planted_clustering, planted_effects
from tests.report.planted_labels import held, planted_interchange, planted_labels

#: Layers with their channels; every channel of LAYER is looked at.
SIZES = {"conv1": 6, "conv2": 6}
LAYER = "conv2"
COUNT = 8


def network() -> OthelloNet:
    return randomize(OthelloNet(channels=6))


def signed_labels() -> ScoredLabels:
    """Name channel 0 by a label, and channel 3 by one that it is low on."""
    found = planted_labels(SIZES, "mobility")
    low = held("own corners", -0.9)
    layers = {}
    for layer, scores in found.layers.items():
        channels = list(scores.channels)
        channels[3] = ChannelLabels(3, (low,), 1)
        layers[layer] = replace(scores, channels=tuple(channels))
    assert {"mobility", "own corners"} < set(LABELS)
    return replace(found, layers=layers)


def fill(store: Store) -> Store:
    """Add everything that can be added to a store."""
    store.results.save(signed_labels())
    store.results.save(planted_interchange(store, SIZES, "mobility"))
    store.results.save(whole_atlas._graph())
    store.results.save(planted_effects(store, SIZES))
    stability = Stability(0.8125, 0.0125, np.array([0.9, 0.625, 0.25]))
    clustering = replace(planted_clustering(store), layer=LAYER, stability=stability)
    store.results.save(clustering)
    store.results.save(whole_atlas._evaluation(store))
    return open_store(store.path)


def write_store(path: Path, *, statistics: bool) -> Store:
    corpus = Corpus.from_games(random_games(10, seed=3)).sample(80, seed=1)
    store = attribute_corpus(
        network(),
        corpus,
        path,
        targets=["played", "value"],
        # By these rules some reference boards are of the wrong sign.
        composite="epsilon-gamma",
        layers=tuple(SIZES),
        keep=KeepOptions(references=COUNT, statistics=statistics),
    )
    return fill(store)


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """With maps of all positions."""
    path = tmp_path_factory.mktemp("agreement") / "run.crp"
    return write_store(path, statistics=True)


@pytest.fixture(scope="session")
def kept_store(tmp_path_factory):
    """With maps of reference boards only, some of them of the wrong sign."""
    path = tmp_path_factory.mktemp("agreement") / "run.crp"
    return write_store(path, statistics=False)


@pytest.fixture(scope="session")
def reports(store):
    return list(layer_report(store, LAYER, count=COUNT))


@pytest.fixture(scope="session")
def atlas(store, tmp_path_factory):
    """Without anything said again that the store holds."""
    return build_atlas(store, tmp_path_factory.mktemp("atlas") / "out", count=COUNT)


@pytest.fixture(scope="session")
def value_atlas(store, tmp_path_factory):
    out = tmp_path_factory.mktemp("atlas") / "value"
    return build_atlas(store, out, count=COUNT, target="value")


@pytest.fixture(scope="session")
def exported(store, tmp_path_factory):
    """Folder with what other programs read: json, parquet and h5ad."""
    folder = tmp_path_factory.mktemp("exports")
    exports.json(store, folder / "json")
    exports.parquet(store, folder / "parquet")
    exports.h5ad(store, folder / "conv2.h5ad", LAYER)
    return folder
