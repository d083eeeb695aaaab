"""Networks and files that the tests of this folder share."""

from pathlib import Path

import pytest
import torch

from conceptlrp.networks import OthelloNet
from tests.networks.azg_twin import OthelloNNet, used_twin


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tiny networks are faster so, and much faster on a busy machine."""
    torch.set_num_threads(1)


@pytest.fixture
def twin() -> OthelloNNet:
    return used_twin()


@pytest.fixture
def azg_file(twin: OthelloNNet, tmp_path: Path) -> Path:
    path = tmp_path / "8x8_best.pth.tar"
    torch.save({"state_dict": twin.state_dict()}, path)
    return path


@pytest.fixture
def tiny_network() -> OthelloNet:
    torch.manual_seed(1)
    network = OthelloNet(channels=3)
    network(torch.randint(-1, 2, (16, 1, 8, 8)).float())
    return network.eval()
