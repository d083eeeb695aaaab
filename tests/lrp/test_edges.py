"""Edges of the concept graph through biases, gates, norms and poolings."""

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

from conceptlrp.lrp import Explainer
from conceptlrp.lrp.engine import propagation
from conceptlrp.lrp.engine.flows import adjacent_layers
from conceptlrp.othello import Corpus
from tests.lrp.conftest import random_corpus, randomize
from tests.lrp.test_engine import assert_close
from tests.lrp.test_norms import exact

if TYPE_CHECKING:
    import numpy as np


class Blocks(nn.Module):
    """A stem, two blocks and a head, of what a subclass has between."""

    def __init__(self, *, bias: bool = True) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 5, 3, padding=1, bias=bias)
        for name in ("1", "2"):
            for place in "ab":
                conv = nn.Conv2d(5, 5, 3, padding=1, bias=bias)
                self.add_module(f"conv{name}{place}", conv)
            self.add_module(f"squeeze{name}", nn.Linear(5, 3, bias=bias))
            self.add_module(f"excite{name}", nn.Linear(3, 5, bias=bias))
        self.fc = nn.Linear(320, 65, bias=bias)
        self.between(bias=bias)
        randomize(self.double())

    def between(self, *, bias: bool) -> None:
        pass

    def step(self, name: str, maps: Tensor) -> Tensor:
        return self.get_submodule(name)(maps)

    def pooled(self, name: str, maps: Tensor) -> Tensor:
        squeezed = torch.relu(self.step(f"squeeze{name}", maps.mean((2, 3))))
        return self.step(f"excite{name}", squeezed)[:, :, None, None]

    def block(self, name: str, maps: Tensor) -> Tensor:
        hidden = torch.relu(self.step(f"conv{name}a", maps))
        return torch.relu(maps + self.step(f"conv{name}b", hidden))

    def forward(self, planes: Tensor) -> Tensor:
        maps = self.block("2", self.block("1", torch.relu(self.stem(planes))))
        return self.fc(maps.flatten(1))


class PreActivation(Blocks):
    """Batch norms before activations, and one on the input."""

    def between(self, *, bias: bool) -> None:
        del bias
        for name in ("1", "2", "12", "22"):
            self.add_module(f"bn{name}", nn.BatchNorm2d(5))
        self.bn = nn.BatchNorm2d(1)

    def block(self, name: str, maps: Tensor) -> Tensor:
        hidden = self.step(f"conv{name}a", torch.relu(self.step(f"bn{name}", maps)))
        hidden = torch.relu(self.step(f"bn{name}2", hidden))
        return maps + self.step(f"conv{name}b", hidden)

    def forward(self, planes: Tensor) -> Tensor:
        maps = self.block("2", self.block("1", self.stem(self.bn(planes))))
        return self.fc(torch.relu(maps).flatten(1))


class Excited(Blocks):
    def block(self, name: str, maps: Tensor) -> Tensor:
        hidden = torch.relu(self.step(f"conv{name}a", maps))
        hidden = self.step(f"conv{name}b", hidden)
        gate = torch.sigmoid(self.pooled(name, hidden))
        return nn.functional.mish(maps + gate * hidden)


class PooledBias(Blocks):
    def block(self, name: str, maps: Tensor) -> Tensor:
        hidden = self.step(f"conv{name}a", maps)
        hidden = torch.relu(hidden + self.pooled(name, hidden))
        return torch.relu(maps + self.step(f"conv{name}b", hidden))


class Grouped(Blocks):
    def between(self, *, bias: bool) -> None:
        for name in ("1a", "1b", "2a", "2b"):
            self.add_module(f"norm{name}", nn.GroupNorm(1, 5, affine=bias))

    def block(self, name: str, maps: Tensor) -> Tensor:
        hidden = self.step(f"norm{name}a", self.step(f"conv{name}a", maps))
        hidden = self.step(f"conv{name}b", torch.relu(hidden))
        return torch.relu(maps + self.step(f"norm{name}b", hidden))


NETWORKS: dict[str, type[Blocks]] = {
    "plain": Blocks,
    "pre-activation": PreActivation,
    "squeeze and excitation": Excited,
    "pooled bias": PooledBias,
    "group norm": Grouped,
}


@pytest.fixture(scope="module")
def positions() -> Corpus:
    return random_corpus(2, seed=5).sample(6, seed=2)


@pytest.mark.parametrize("composite", ["epsilon", "epsilon-gamma-flat"])
@pytest.mark.parametrize("above", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_what_a_channel_gets_is_its_relevance(
    name: str, above: bool, composite: str, positions: Corpus
) -> None:
    if above and "flat" in composite:
        composite = "epsilon-gamma"
    explainer = Explainer(NETWORKS[name](), composite=composite, dtype="float64")
    options: dict[str, Any] = {
        "targets": ["best"],
        "baseline": positions[3:] if above else None,
    }

    graph = explainer.concept_graph(positions[:3], per_position=True, **options)

    found = explainer.attribute(positions[:3], **options)
    arriving: dict[str, np.ndarray] = {}
    for (_, lower), edges in graph.edges.items():
        arriving[lower] = arriving.get(lower, 0.0) + edges.sum(2)
    assert set(arriving) == set(explainer.layers[:-1])
    for layer, edges in arriving.items():
        assert_close(edges, found.channel_relevance[layer])


@pytest.mark.parametrize("name", NETWORKS)
def test_a_channel_sends_all_of_its_relevance_where_nothing_absorbs(
    name: str, positions: Corpus
) -> None:
    network = NETWORKS[name](bias=False)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.zeros_(module.bias)
            nn.init.zeros_(module.running_mean)  # type: ignore[arg-type]
    explainer = Explainer(network, composite=exact(), dtype="float64")

    graph = explainer.concept_graph(positions, targets=["best"], per_position=True)

    found = explainer.attribute(positions, targets=["best"])
    sent: dict[str, np.ndarray] = {}
    for (upper, _), edges in graph.edges.items():
        sent[upper] = sent.get(upper, 0.0) + edges.sum(3)
    for layer, edges in sent.items():
        assert_close(edges, found.channel_relevance[layer])


@pytest.mark.parametrize("above", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_wires_are_as_each_channel_sent_by_itself(
    name: str, above: bool, positions: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    explainer = Explainer(NETWORKS[name](), composite="epsilon-gamma", dtype="float64")
    options: dict[str, Any] = {
        "targets": ["best"],
        "baseline": positions[3:] if above else None,
    }

    wired = explainer.concept_graph(positions[:3], **options)
    monkeypatch.setattr(
        propagation,
        "adjacent_layers",
        lambda *given: dict.fromkeys(adjacent_layers(*given)),
    )
    single = explainer.concept_graph(positions[:3], **options)

    assert list(wired.edges) == list(single.edges)
    for pair, edges in wired.edges.items():
        assert_close(edges, single.edges[pair])
