"""A network that is trained so that a known circuit carries which moves are legal.

Six of twelve channels of every convolution are the circuit of the policy, the others
that of the value, the lead in discs. In training the channels outside are exchanged
with those of other positions, layer by layer at random, so that the output must not
depend on them (interchange intervention training, Geiger et al., ICML 2022;
InterpBench, arXiv:2407.14494, calls its strict form SIIT).
"""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from conceptlrp.concept_graph import unit_edges
from conceptlrp.concept_graph.circuits import find_circuit
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.baselines import mean_baseline
from conceptlrp.lrp.probing import ask, best_actions, boards_of, planes_of
from conceptlrp.networks.planes import legal_actions
from tests.concept_graph.test_planted_circuits import sample_of
from tests.lrp.conftest import random_corpus

CHANNELS, INSIDE, STEPS = 12, 6, 600


class Legal(nn.Module):
    """Three convolutions, a logit for every square, and a value."""

    size, planes = 8, 2

    def __init__(self):
        super().__init__()
        for i, inputs in enumerate((2, CHANNELS, CHANNELS), 1):
            self.add_module(f"conv{i}", nn.Conv2d(inputs, CHANNELS, 3, padding=1))
            self.add_module(f"relu{i}", nn.ReLU())
            # None is dead from the start.
            nn.init.constant_(self.get_parameter(f"conv{i}.bias"), 0.2)
        self.flatten = nn.Flatten()
        self.policy = nn.Linear(CHANNELS * 64, 65)
        self.value = nn.Linear(CHANNELS * 64, 1)

    def forward(self, x):
        for i in (1, 2, 3):
            x = getattr(self, f"relu{i}")(getattr(self, f"conv{i}")(x))
        x = self.flatten(x)
        return self.policy(x), self.value(x)

    def exchanged(self, x, donors, outside):
        """Run with channels from other positions."""
        for i in (1, 2, 3):
            conv = getattr(self, f"conv{i}")
            x, donors = torch.relu(conv(x)), torch.relu(conv(donors))
            if torch.rand(()) < 0.7:
                x = torch.where(outside[:, None, None], donors, x)
            # So that every channel learns something.
            x = nn.functional.dropout2d(x, 0.2)
        x = self.flatten(x)
        return self.policy(x), self.value(x)


@pytest.fixture(scope="module")
def corpus():
    return random_corpus(150)


@pytest.fixture(scope="module")
def network(corpus):
    torch.manual_seed(0)
    network = Legal()
    boards = boards_of(corpus)
    planes = torch.from_numpy(np.stack([boards > 0, boards < 0], 1)).float()
    legal = legal_actions(corpus.own, corpus.opponent, size=8)
    wanted = torch.from_numpy(legal.astype(np.float32))
    lead = torch.from_numpy(boards.sum((1, 2)) / 10).float()[:, None]
    outside = torch.arange(CHANNELS) >= INSIDE
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, STEPS)
    for _ in range(STEPS):
        rows, others = torch.randint(len(planes), (2, 128))
        pair = planes[rows], planes[others]
        found = network.exchanged(*pair, outside)[0]
        value = network.exchanged(*pair, ~outside)[1]
        loss = nn.functional.binary_cross_entropy_with_logits(found, wanted[rows])
        loss = loss + 0.1 * nn.functional.mse_loss(value, lead[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
    return network.eval()


@pytest.mark.slow
def test_the_edges_of_a_trained_circuit_are_told_from_all_others(network, monkeypatch):
    # All edges are ranked, and none is cut.
    monkeypatch.setattr(unit_edges, "_tested", lambda *ends: np.zeros(len(ends[-1])))
    held_out = random_corpus(30, seed=9).sample(100, seed=1)
    explainer = Explainer(network, composite="epsilon")
    sample = sample_of(held_out, np.zeros(len(held_out)))
    logits = ask(explainer, boards_of(held_out)).logits
    assert roc_auc_score(sample.legal.numpy().ravel(), logits.ravel()) > 0.9
    with torch.no_grad():
        features = explainer.network.conv1(planes_of(explainer, boards_of(held_out)))
    outside = features[:, INSIDE:].relu().mean()
    assert outside > 0.2 * features[:, :INSIDE].relu().mean()
    best = best_actions(logits, sample.legal.numpy())

    found = find_circuit(
        explainer,
        mean_baseline(explainer, held_out),
        sample_of(held_out, best),
        target="best",
        each=True,
        n_edges=200_000,
    )

    truth, scores = [], []
    inside = np.arange(CHANNELS) < INSIDE
    for edges in found.edges.values():
        sent = np.zeros((CHANNELS, CHANNELS))
        np.add.at(sent, (edges.upper // 64, edges.lower // 64), np.abs(edges.relevance))
        truth.append(inside[:, None] & inside)
        scores.append(sent)
    auroc = roc_auc_score(np.ravel(truth), np.ravel(scores))
    assert auroc >= 0.95
