"""A user's own network: sequential, two planes, no pass, no value head."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from conceptlrp.errors import NetworkError, TargetError
from conceptlrp.lrp import attribute
from conceptlrp.networks.planes import legal_actions
from conceptlrp.othello import Corpus
from conceptlrp.othello.files.formats import read_games

NETWORKS = Path(__file__).parents[3] / "shared" / "networks"


def sequential(channels: int, blocks: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(2, channels, 1), nn.BatchNorm2d(channels)]
    for _ in range(blocks):
        conv = nn.Conv2d(channels, channels, 3, padding=1)
        layers += [nn.ReLU(), conv, nn.BatchNorm2d(channels)]
    return nn.Sequential(*layers, nn.ReLU(), nn.Conv2d(channels, 1, 1), nn.Flatten())


@pytest.mark.filterwarnings("ignore:.*no output for a pass")
def test_its_layers_are_named_by_its_modules(random_positions: Corpus) -> None:
    found = attribute(sequential(4, 2).eval(), random_positions, conditional=True)

    assert list(found.relevance) == ["0", "3", "6"]
    assert found.input_relevance.shape == (24, 1, 2, 8, 8)
    assert np.isnan(found.value).all()
    for layer, heatmaps in found.conditional.items():
        whole = found.layer_heatmap[layer]
        np.testing.assert_allclose(heatmaps.sum(axis=2), whole, atol=1e-4)


@pytest.mark.filterwarnings("ignore:.*no output for a pass")
def test_a_value_that_it_does_not_have_is_refused(random_positions: Corpus) -> None:
    with pytest.raises(TargetError, match="no value head; choose a move"):
        attribute(sequential(4, 1).eval(), random_positions, targets=["value"])


def test_three_planes_are_refused(random_positions: Corpus) -> None:
    network = nn.Sequential(nn.Conv2d(3, 1, 1), nn.Flatten())

    with pytest.raises(NetworkError, match=r"reads 3 planes, expected 1 .* or 2"):
        attribute(network.eval(), random_positions)


def test_a_layer_may_have_the_name_of_an_output(random_positions: Corpus) -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.policy = nn.Conv2d(1, 2, 3, padding=1)
            self.fc = nn.Linear(128, 65)

        def forward(self, planes: Tensor) -> Tensor:
            return self.fc(torch.relu(self.policy(planes)).flatten(1))

    found = attribute(Named().eval(), random_positions, conditional=True)

    assert list(found.relevance) == ["policy_layer"]
    whole = found.conditional["policy_layer"].sum(axis=2)
    np.testing.assert_allclose(whole, found.heatmap, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*no output for a pass")
def test_a_trained_one_explains_the_moves_it_predicts(wthor_folder: Path) -> None:
    path = NETWORKS / "depla-cnn.pt"
    if not path.is_file():
        pytest.skip(f"the third-party network is not at {path}")
    saved = torch.load(path, map_location="cpu", weights_only=True)
    weights = {k.split("block.")[-1]: v for k, v in saved["state_dict"].items()}
    network = sequential(128, saved["depth"])
    network.load_state_dict(weights)
    games = read_games(wthor_folder / "WTH_2012.wtb").games
    corpus = Corpus.from_games(games.take(np.arange(40))).sample(200, seed=0)

    found = attribute(network.eval(), corpus, layers=["0", "12"], targets=["best"])

    legal = legal_actions(corpus.own, corpus.opponent)[:, :64]
    best = np.where(legal, found.logits, -np.inf).argmax(axis=1)
    assert (best == corpus.played).mean() > 0.4
    np.testing.assert_array_equal(best, found.squares[:, 0])
    assert np.abs(found.heatmap).max() > 0
