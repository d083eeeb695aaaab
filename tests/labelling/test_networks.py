"""Networks of the same shape with random weights."""

import copy

import numpy as np
import pytest

from conceptlrp.evaluation.sample import Sample
from conceptlrp.labelling.channel_name import MAP
from conceptlrp.labelling.networks import Networks, random_network, randomize
from conceptlrp.lrp import (
    Contrast,
    Explainer,
    Moves,
    Neuron,
    Played,
    Value,
)
from conceptlrp.lrp.probing import ask, planes_of
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.runs import attribute_corpus
from conceptlrp.store import Store
from tests.othello.playouts import random_games


def test_a_layer_alone_gets_new_weights_of_the_old_size(explainer: Explainer) -> None:
    network = copy.deepcopy(explainer.network)

    randomize(network, "fc1", seed=1)

    before, after = explainer.network.state_dict(), network.state_dict()
    changed = [name for name in before if not before[name].equal(after[name])]
    assert changed == ["fc1.weight", "fc1.bias"]
    old, new = before["fc1.weight"], after["fc1.weight"]
    assert float(new.std()) == pytest.approx(
        float(old.square().mean().sqrt()), rel=0.02
    )
    assert abs(float((old * new).mean())) < 0.02 * float(old.square().mean())


def test_a_random_network_has_no_weight_of_the_trained_one(
    explainer: Explainer, sample: Sample
) -> None:
    found = random_network(explainer)

    before, after = explainer.network.state_dict(), found.network.state_dict()
    assert not any(before[name].equal(after[name]) for name in before)
    logits = ask(found, sample.boards).logits
    with found.propagation.forward(planes_of(found, sample.boards)) as passed:
        np.testing.assert_allclose(passed.outputs["policy"], logits, atol=1e-9)


@pytest.fixture(scope="module")
def store(network: OthelloNet, tmp_path_factory: pytest.TempPathFactory) -> Store:
    corpus = Corpus.from_games(random_games(8, seed=3)).sample(90, seed=1)
    corpus = corpus[corpus.played < 64]
    return attribute_corpus(
        network,
        corpus,
        tmp_path_factory.mktemp("networks") / "run.crp",
        targets=["best", "value", "best-played", "played", "conv2:1"],
        layers=["conv2"],
    )


def networks_of(store: Store, network: OthelloNet, target: str) -> Networks:
    explainer = Explainer(network, layers=["conv2"])
    rows = np.arange(0, len(store), 2)
    return Networks(
        store,
        (explainer, random_network(explainer, seed=1)),
        store.target_index(target),
        rows,
        store.positions[rows],
        np.array([1, 5, 40]),
    )


@pytest.mark.parametrize("target", ["best", "best-played", "played", "value"])
def test_a_random_network_explains_the_moves_of_the_trained_one(
    target: str, store: Store, network: OthelloNet
) -> None:
    found = networks_of(store, network, target)
    best = store.arrays.explained_square(rows=found.rows, target="best")
    moves, played = Moves(tuple(best.tolist())), Played()
    same = {"best": moves, "best-played": Contrast(moves, played), "played": played}
    random, corpus = found.explainers[1], found.corpus

    expected = random.attribute(
        corpus, targets=[same.get(target, target)], conditional=True
    )

    said = found.values(lambda *_: None)
    sums = expected.relevance["conv2"][:, 0].sum(axis=(2, 3))
    np.testing.assert_allclose(said[1]["conv2"]["relevance"], sums, atol=1e-5)
    maps = found.maps(("conv2",), lambda *_: None)[1]["conv2"][MAP]
    exact = np.abs(expected.conditional["conv2"][found.mapped, 0])
    scale = maps.max() / exact.max()
    np.testing.assert_allclose(maps / scale, exact, atol=2e-3 * exact.max())
    own = random.summarize(corpus, targets=["best"]).squares[:, 0]
    assert (own != best).any(), "the networks agree on every best move"


def test_neurons_and_the_value_stay_what_they_are(
    store: Store, network: OthelloNet
) -> None:
    assert networks_of(store, network, "value").explained == Value()
    assert networks_of(store, network, "conv2:1").explained == Neuron("conv2", 1)
