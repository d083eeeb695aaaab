"""Stores of planted relevance: bare, with reference boards, and with everything."""

from collections.abc import Mapping

import numpy as np
import pytest

from conceptlrp.ablation import Ablation
from conceptlrp.ablation.result import LayerEffects
from conceptlrp.clustering import Clustering
from conceptlrp.concept_graph import MeanConceptGraph
from conceptlrp.concept_graph.mean_graph import Flow
from conceptlrp.evaluation import CompositeEvaluation
from conceptlrp.store import Store, open_store
from tests.atlas.conftest import LAYERS, write_store
from tests.planted_evaluation import planted_evaluation
from tests.report.planted_labels import planted_interchange, planted_labels

UPPER = "trunk/<b>3"


def planted_effects(store: Store, sizes: Mapping[str, int] = LAYERS) -> Ablation:
    random = np.random.default_rng(5)
    layers = {}
    for layer, channels in sizes.items():
        names = [
            n for n in LayerEffects.__dataclass_fields__ if n not in ("policy", "games")
        ]
        arrays = {name: random.normal(size=channels) for name in names}
        size = np.abs(arrays["size"]) + 1
        arrays |= {"size": size, "size_low": size - 0.5, "size_high": size + 0.5}
        arrays |= {n: np.full(channels, np.nan) for n in names if n[:5] == "value"}
        policy = random.normal(size=(channels, 8, 8))
        policy[:, 3, 3] = np.nan
        layers[layer] = LayerEffects(**arrays, policy=policy, games=50)
    return Ablation(
        target="played",
        ablation="mean",
        positions=50,
        seed=0,
        layers=layers,
        network=store.manifest.network["digest"],
        corpus=store.manifest.corpus["digest"],
    )


def planted_graph() -> MeanConceptGraph:
    random = np.random.default_rng(6)

    def flow(*shape: int) -> Flow:
        signed = random.normal(size=shape).astype(np.float32).astype(np.float64)
        return Flow(signed, np.abs(signed))

    return MeanConceptGraph(
        targets=("played", "value"),
        layers=tuple(LAYERS),
        nodes={layer: flow(2, channels) for layer, channels in LAYERS.items()},
        edges={(UPPER, "conv1"): flow(2, LAYERS[UPPER], LAYERS["conv1"])},
        positions=20,
    )


def planted_clustering(store: Store) -> Clustering:
    random, n = np.random.default_rng(7), len(store)
    labels = (np.arange(n) % 3).astype(np.int32)
    return Clustering(
        layer="conv1",
        target="played",
        feature="share",
        method="planted",
        seed=0,
        rows=np.arange(n),
        labels=labels,
        sizes=np.bincount(labels).astype(np.int64),
        centers=np.zeros((3, 6), np.float32),
        effects=random.normal(size=(3, 6)).astype(np.float32),
        distances=random.random(n).astype(np.float32),
        games=np.asarray(store.positions.game, np.int32),
        embedding=None,
        network=store.manifest.network["digest"],
        corpus=store.manifest.corpus["digest"],
    )


def evaluation(store: Store, composite: str = "epsilon-flat") -> CompositeEvaluation:
    gate = {
        "name": "heatmaps of two moves differ",
        "state": "failed",
        "figures": "cosine 0.9",
        "warning": "epsilon-flat draws one picture",
    }
    record = {
        "composites": [composite],
        "recommendation": {"composite": composite, "reason": "it is alone"},
        "gates": {composite: [gate]},
        "measurements": [
            {
                "method": composite,
                "metric": "channel_agreement",
                "target": "best",
                "part": "conv1 mean",
                "baseline": baseline,
                "mean": mean,
                "low": mean,
                "high": mean,
                "n": 9,
            }
            for baseline, mean in (("zero", 0.5), ("mean", 0.9))
        ],
        "curves": [],
        "details": {composite: {"conservation": {"arrived": 0.4, "layers": {}}}},
    }
    return planted_evaluation(record, store)


def fill(store: Store) -> Store:
    """Add everything that can be added to a store."""
    store.results.save(planted_labels())
    store.results.save(planted_interchange(store))
    store.results.save(planted_effects(store))
    store.results.save(planted_graph())
    store.results.save(planted_clustering(store))
    store.results.save(evaluation(store))
    return open_store(store.path)


@pytest.fixture(scope="session")
def bare_store(tmp_path_factory):
    """Without reference boards, or anything else that is derived."""
    return write_store(tmp_path_factory.mktemp("bare") / "run.crp", references=False)


@pytest.fixture(scope="session")
def kept_store(tmp_path_factory):
    """With five reference boards of every channel and their heatmaps."""
    return write_store(tmp_path_factory.mktemp("kept") / "run.crp")


@pytest.fixture(scope="session")
def full_store(tmp_path_factory):
    """With everything that a report can speak of."""
    return fill(write_store(tmp_path_factory.mktemp("full") / "run.crp"))


@pytest.fixture(scope="session")
def mapped_store(tmp_path_factory):
    """Of a tiny network, with the maps of every position and their statistics."""
    from conceptlrp.networks import OthelloNet
    from conceptlrp.othello import Corpus
    from conceptlrp.runs import KeepOptions, attribute_corpus
    from tests.lrp.conftest import randomize
    from tests.othello.playouts import random_games

    corpus = Corpus.from_games(random_games(3, seed=2)).sample(40, seed=0)
    path = tmp_path_factory.mktemp("mapped") / "run.crp"
    network = randomize(OthelloNet(channels=5))
    return attribute_corpus(
        network,
        corpus,
        path,
        layers=["conv2"],
        keep=KeepOptions(detail="all", statistics=True),
    )
