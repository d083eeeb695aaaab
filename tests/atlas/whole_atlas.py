"""A small store of a real network from which an atlas gets every kind of page.

Whoever names anything in it is hostile: layers, players, tournaments, labels, notes.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from conceptlrp.concept_graph import MeanConceptGraph
from conceptlrp.concept_graph.mean_graph import Flow
from conceptlrp.evaluation import CompositeEvaluation
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.report import Note
from conceptlrp.runs import KeepOptions, RunOptions, attribute_corpus
from conceptlrp.store import Store, open_store
from tests.atlas.test_evaluation_page import evaluation
from tests.lrp.conftest import randomize
from tests.othello.playouts import random_games
from tests.planted_evaluation import planted_evaluation
from tests.report.conftest import planted_clustering
from tests.report.planted_labels import planted_interchange, planted_labels

SCRIPT = "<script>window.hurt = 1</script>"
QUOTES = "\"' onmouseover='window.hurt=1' x=\""
LONG = "w" * 300
TURNED = "\u202egnp.exe\u202c שלום"
CONTROLS = "a\x1b[31mb\x7f"
TITLE = f"{SCRIPT} {QUOTES} {TURNED} {CONTROLS} {LONG}"
LABEL = f"{SCRIPT} {QUOTES} {TURNED} {CONTROLS} {LONG}"
NOTE = Note(TITLE, TURNED + SCRIPT, CONTROLS, QUOTES + LONG)
SIZES = {"conv1": 6, "conv2": 6}
PAGES = {
    "home": "index.html",
    "layer": "layers/conv1.html",
    "concept": "concepts/conv1/c0000.html",
    "cluster": "clusters/conv1/k00.html",
    "noise cluster": "clusters/conv1/noise.html",
    "positions": "positions/index.html",
    "graph": "graph.html",
    "evaluation": "evaluation.html",
    "comparison": "compare.html",
}


def network() -> OthelloNet:
    return randomize(OthelloNet(channels=6))


def write_whole_store(path: Path) -> Store:
    """Attribute a few positions, and add everything that can be added."""
    games = random_games(6, seed=3)
    names = np.array([SCRIPT, QUOTES, TURNED, CONTROLS, LONG, "x"])
    games = replace(games, black=names, white=names[::-1], tournament=names)
    corpus = Corpus.from_games(games).sample(40, seed=1)
    store = attribute_corpus(
        network(),
        corpus,
        path,
        targets=["played", "value"],
        layers=tuple(SIZES),
        keep=KeepOptions(references=4),
        run=RunOptions(name=SCRIPT),
    )
    store.results.save(planted_labels(SIZES, LABEL))
    store.results.save(planted_interchange(store, SIZES, LABEL))
    store.results.save(_graph())
    clustering = planted_clustering(store)
    noisy = (clustering.labels - 1).astype(np.int32)
    store.results.save(
        replace(
            clustering,
            labels=noisy,
            sizes=clustering.sizes[1:],
            centers=clustering.centers[1:],
            effects=clustering.effects[1:],
        )
    )
    store.results.save(_evaluation(store))
    return open_store(store.path)


def whole_options(store: Store) -> dict[str, Any]:
    """What an atlas with every kind of page is built with."""
    return {
        "notes": {("conv1", 0): NOTE},
        "title": TITLE,
        "network": network(),
        "others": [store],
    }


def _graph() -> MeanConceptGraph:
    random = np.random.default_rng(6)

    def flow(*shape: int) -> Flow:
        signed = random.normal(size=shape)
        return Flow(signed, np.abs(signed))

    return MeanConceptGraph(
        targets=("played", "value"),
        layers=tuple(SIZES),
        nodes={layer: flow(2, channels) for layer, channels in SIZES.items()},
        edges={("conv2", "conv1"): flow(2, *SIZES.values())},
        positions=20,
    )


def _evaluation(store: Store) -> CompositeEvaluation:
    own = str(store.manifest.composite["name"])
    text = json.dumps(evaluation(passed=False)).replace("epsilon-flat", own)
    return planted_evaluation(json.loads(text), store)
