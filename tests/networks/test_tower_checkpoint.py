"""Files of a `ResidualTower`: what holds for every network is in test_checkpoint."""

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from conceptlrp.errors import CheckpointError
from conceptlrp.networks import (
    ResidualTower,
    load_network,
    network_digest,
    save_network,
)
from conceptlrp.networks.checkpoint import read_header


@pytest.fixture
def tiny_tower() -> ResidualTower:
    torch.manual_seed(1)
    network = ResidualTower(channels=3, blocks=2, value_units=4)
    network(torch.randint(-1, 2, (16, 1, 8, 8)).float())
    return network.eval()


@pytest.mark.parametrize(
    ("size", "planes", "blocks"), [(6, 1, 1), (8, 2, 3), (8, 1, 12)]
)
def test_a_tower_survives_its_file(
    size: int, planes: int, blocks: int, tmp_path: Path
) -> None:
    network = ResidualTower(3, blocks, size, planes=planes, value_units=7).eval()
    path = tmp_path / "tower.safetensors"

    save_network(network, path, training={"samples": 7})

    loaded, header = load_network(path), read_header(path)
    assert isinstance(loaded, ResidualTower)
    assert not loaded.training
    assert header["digest"] == network_digest(loaded) == network_digest(network)
    assert header["training"] == {"samples": 7}
    assert header["architecture"] == {
        "name": "ResidualTower",
        "channels": 3,
        "blocks": blocks,
        "size": size,
        "planes": planes,
        "value_units": 7,
    }


def test_half_precision_is_rounded_once_and_loaded_as_float32(
    tiny_tower: ResidualTower, tmp_path: Path
) -> None:
    path = tmp_path / "half.safetensors"

    save_network(tiny_tower, path, dtype=torch.float16)

    loaded = load_network(path)
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    assert read_header(path)["digest"] == network_digest(loaded)
    assert network_digest(loaded) != network_digest(tiny_tower)


def test_a_file_of_torch_save_is_read(
    tiny_tower: ResidualTower, tmp_path: Path
) -> None:
    path = tmp_path / "tower.pth.tar"
    torch.save({"state_dict": tiny_tower.state_dict()}, path)

    assert network_digest(load_network(path)) == network_digest(tiny_tower)


def rewrite(path: Path, *, header: dict[str, str], weights: dict[str, Tensor]) -> None:
    """Change the header and tensors of a file, as no `save_network` would."""
    with safe_open(path, framework="pt") as opened:
        metadata = opened.metadata()
    save_file(load_file(path) | weights, path, metadata=metadata | header)


@pytest.mark.parametrize(
    "architecture",
    [
        {"name": "OthelloNet", "channels": 3, "size": 8},
        {"name": "ResidualTower", "channels": 3, "size": 8},
        {"name": ["ResidualTower"]},
        "ResidualTower",
        None,
    ],
)
def test_a_header_of_another_architecture_is_refused(
    architecture: object, tiny_tower: ResidualTower, tmp_path: Path
) -> None:
    path = tmp_path / "tower.safetensors"
    save_network(tiny_tower, path)
    rewrite(path, header={"architecture": json.dumps(architecture)}, weights={})

    with pytest.raises(CheckpointError, match=r"the header says .*, the weights are"):
        load_network(path)


def test_changed_weights_are_noticed(tiny_tower: ResidualTower, tmp_path: Path) -> None:
    path = tmp_path / "tower.safetensors"
    save_network(tiny_tower, path)
    changed = tiny_tower.value_head.fc2.bias.detach() + 1
    rewrite(path, header={}, weights={"value_head.fc2.bias": changed})

    with pytest.raises(CheckpointError, match="the file was changed"):
        load_network(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"policy_head.fc.weight": torch.zeros(64, 128)}, "64 actions, expected 37"),
        ({"policy_head.fc.weight": torch.zeros(4)}, r"fc.weight: \(4,\), expected 2"),
        ({"stem.conv.weight": torch.zeros(3, 3, 3, 3)}, "3 input planes, expected 1"),
        ({"stem.conv.weight": torch.zeros(0, 1, 3, 3)}, "0 channels, expected at"),
        ({"value_head.fc1.weight": torch.zeros(0, 64)}, "0 value units, expected at"),
        ({"tower.9.conv1.weight": torch.zeros(3)}, "lacks tower.2.conv1.weight and 9"),
        ({"conv1.weight": torch.zeros(3)}, "holds the unknown tensor conv1.weight"),
        (
            {"tower.1.bn2.bias": torch.zeros(5)},
            re.escape("tower.1.bn2.bias has shape (5,), expected (3,)"),
        ),
        ({"stem.bn.running_var": -torch.ones(3)}, "holds a negative variance"),
        ({"policy_head.fc.bias": torch.full((65,), torch.nan)}, "holds nan or infini"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    change: dict[str, Tensor], message: str, tiny_tower: ResidualTower, tmp_path: Path
) -> None:
    path = tmp_path / "tower.safetensors"
    save_network(tiny_tower, path)
    rewrite(path, header={}, weights=change)

    with pytest.raises(CheckpointError, match=message):
        load_network(path)


def test_a_tower_without_blocks_is_refused(
    tiny_tower: ResidualTower, tmp_path: Path
) -> None:
    state = tiny_tower.state_dict()
    kept = {name: t for name, t in state.items() if not name.startswith("tower")}
    path = tmp_path / "tower.pth.tar"
    torch.save(kept, path)

    with pytest.raises(CheckpointError, match="0 blocks, expected at least 1"):
        load_network(path)
