"""Circuits of planted networks, whose units and edges are known."""

import itertools

import numpy as np
import pytest
import torch

from conceptlrp.ablation.sample import FollowedSample
from conceptlrp.concept_graph.circuits import find_circuit
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.baselines import mean_baseline
from conceptlrp.lrp.probing import boards_of
from conceptlrp.networks.planes import legal_actions
from tests.lrp.conftest import random_corpus
from tests.planted.network import planted_network
from tests.planted.patterns import Pattern

DISTRACTORS = 6
PATTERNS = (
    Pattern("corner", ("###", "#X*", "#.."), "an own corner with room beside it"),
    Pattern("line", ("...", "XO*", "..."), "a disc that a move flips"),
    Pattern(
        "X-square", ("..#..", ".*...", "#.O..", "...X.", "....."), "a way to a corner"
    ),
    Pattern(
        "edge", ("...#...", ".XXXXX*", *("." * 7,) * 5), "five on the edge, and room"
    ),
)


def sample_of(corpus, actions):
    legal = legal_actions(corpus.own, corpus.opponent, size=8)
    return FollowedSample(
        np.arange(len(corpus)),
        corpus,
        boards_of(corpus),
        torch.from_numpy(legal.copy()),
        torch.from_numpy(np.asarray(actions, np.int64)),
        torch.full((len(corpus),), -2),
    )


@pytest.fixture(scope="module")
def corpus():
    return random_corpus(40)


def planted_explainer(pattern, corpus):
    """One pattern a network: its logits read no detector that is off."""
    network = planted_network([pattern], distractors=DISTRACTORS).network
    with torch.no_grad():
        # Distractors are busy, but no output reads them.
        network.fc3.weight[:, -DISTRACTORS:] = 0
        network.fc4.weight[:, -DISTRACTORS:] = 0
    explainer = Explainer(network, composite="epsilon", dtype="float64")
    return explainer, mean_baseline(explainer, corpus)


def linear_map(conv, shape):
    """The matrix (outputs, inputs) of a convolution on a map of a shape."""
    inputs = torch.eye(int(np.prod(shape)), dtype=torch.float64)
    out = torch.nn.functional.conv2d(
        inputs.reshape(-1, *shape), conv.weight, padding=conv.padding
    )
    return out.flatten(1).T.numpy()


def known_circuit(explainer, baseline, corpus, action):
    """Walk down from an output along weights; units at their baseline are no part."""
    network, layers = explainer.network, explainer.layers
    maps = {n: f.numpy()[0] for n, f in explainer.maps(corpus).items()}
    read = network.fc3.weight[[action]] @ network.fc2.weight @ network.fc1.weight
    wanted = read.numpy()[0] != 0
    units, edges = set(), set()
    # The input has no units.
    for upper, lower in itertools.pairwise((*reversed(layers), "")):
        differs = maps[upper] != baseline.maps[upper]
        kept = wanted & differs.ravel()
        units |= {(upper, int(u)) for u in np.flatnonzero(kept)}
        if not lower:
            break
        weights = linear_map(network.get_submodule(upper), maps[lower].shape)
        live = kept & (maps[upper].ravel() > 0)
        gives = (maps[lower] != baseline.maps[lower]).ravel()
        carries = (weights[live] != 0) & gives
        edges |= {
            (upper, int(u), lower, int(v))
            for u, row in zip(np.flatnonzero(live), carries, strict=True)
            for v in np.flatnonzero(row)
        }
        wanted = carries.any(0)
    return units, edges


def found_edges(circuit):
    return {
        (up, int(u), low, int(v))
        for (up, low), found in circuit.edges.items()
        for u, v in zip(found.upper, found.lower, strict=True)
    }


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda p: p.name)
def test_the_circuit_of_a_planted_detector_is_found_exactly(pattern, corpus):
    explainer, baseline = planted_explainer(pattern, corpus)
    row = int(np.flatnonzero(pattern.fires(corpus.own, corpus.opponent))[0])
    position = corpus[row : row + 1]
    action = int(pattern.moves(position.own, position.opponent)[0])
    units, edges = known_circuit(explainer, baseline, position, action)

    found = find_circuit(
        explainer,
        baseline,
        sample_of(position, [action]),
        target="move",
        part=1.0,
        n_edges=10_000,
    )

    kept = {
        (layer, int(u))
        for layer, each in found.layers.items()
        for u in np.flatnonzero(each.kept)
    }
    assert found_edges(found) == edges
    assert kept == units
    assert found.at()["kept"] == pytest.approx(1)
    assert found.at(curve="activation")["kept"] < 0.5
