"""Networks whose channels are known, and tables of them for scoring."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from conceptlrp.labels import Labels, label_boards
from conceptlrp.lrp import Explainer
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from tests.othello.playouts import random_games
from tests.planted.network import DEFAULT_PATTERNS, PlantedNetwork, planted_network
from tests.planted.patterns import Pattern

Tables = dict[str, dict[str, NDArray]]

#: Besides those that are planted by default, such that random games show them often.
PATTERNS = (
    *DEFAULT_PATTERNS[:4],
    Pattern("file line", (".X.", ".O.", ".*."), "a move down a file"),
    Pattern("diagonal", ("X..", ".O.", "..*"), "a move down a diagonal"),
    Pattern("block", ("XX.", "XX.", "..."), "four own discs in a square"),
    Pattern(
        "long line",
        (".....", ".....", "XOOO*", ".....", "....."),
        "three opponent discs in a rank can be turned",
    ),
)


@dataclass(frozen=True)
class Planted:
    """A planted network, positions of random games, and all there is to score.

    Attributes
    ----------
    network : PlantedNetwork
        With distractors.
    corpus : Corpus
        The positions.
    labels : Labels
        All labels of Othello theory, and one for each pattern.
    trained, random : dict of tables by layer, and a list of such
        Activation and relevance of the planted network and of networks of its shape
        with random weights.
    """

    network: PlantedNetwork
    corpus: Corpus
    labels: Labels
    trained: Tables
    random: list[Tables]

    @property
    def plies(self) -> NDArray:
        return self.labels.position["empty count"]


def make_planted(*, games: int, positions: int, distractors: int) -> Planted:
    """Plant patterns and explain positions of random games by them."""
    network = planted_network(PATTERNS, distractors=distractors, seed=1)
    corpus = Corpus.from_games(random_games(games, seed=21)).sample(positions, seed=1)
    channels = network.network.get_parameter("conv1.weight").shape[0]
    return Planted(
        network,
        corpus,
        label_boards(corpus).joined(pattern_labels(corpus)),
        tables(network.network, corpus),
        [tables(random_network(channels, seed), corpus) for seed in range(4)],
    )


def pattern_labels(corpus: Corpus) -> Labels:
    flags = {
        f"planted: {p.name}": p.fires(corpus.own, corpus.opponent) for p in PATTERNS
    }
    return Labels(flags, {}, {})


def random_network(channels: int, seed: int) -> OthelloNet:
    """Return a network as it is before training."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return OthelloNet(channels).eval()


def tables(network: OthelloNet, corpus: Corpus) -> Tables:
    """Return activation and relevance of every layer, summed over the board."""
    explainer = Explainer(network, layers=["conv2", "conv3"])
    parts = [explainer.summarize(batch, targets=["best"]) for batch in _batches(corpus)]
    return {
        layer: {
            "activation": np.concatenate([p.activation[layer] for p in parts]),
            "relevance": np.concatenate([p.relevance[layer][:, 0] for p in parts]),
        }
        for layer in explainer.layers
    }


def _batches(corpus: Corpus, size: int = 256) -> Iterator[Corpus]:
    for first in range(0, len(corpus), size):
        yield corpus[first : first + size]
