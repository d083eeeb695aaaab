"""Networks that a function makes, with weights from a file of any habit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn

from conceptlrp.errors import CheckpointError, NetworkError
from conceptlrp.lrp import attribute
from conceptlrp.networks import BoardNetwork, adapt, load_network
from tests.networks.test_adapting import Module

HERE = "tests.networks.test_references"
OTHER = {key: tensor + 1 for key, tensor in Module(value=3).state_dict().items()}


def adapted() -> BoardNetwork:
    return adapt(Module(value=3).eval(), value="wdl")


def plain() -> nn.Module:
    return Module().eval()


def failing() -> nn.Module:
    msg = "no luck"
    raise RuntimeError(msg)


def asking(path: str) -> str:
    return path


def nothing() -> None:
    pass


def test_a_function_makes_the_network() -> None:
    planes = torch.rand(2, 2, 8, 8)

    network = load_network(f"{HERE}:plain")

    torch.testing.assert_close(network(planes), plain()(planes), rtol=0, atol=0)
    assert network.encoding.name == "own-opponent"


def planes(boards: NDArray[Any]) -> NDArray[Any]:
    return np.stack([boards > 0, boards < 0, np.ones_like(boards)], axis=1)


def encoded() -> BoardNetwork:
    return adapt(Module(planes=3).eval(), encode=planes)


def test_a_function_encodes_for_a_network_of_code(tmp_path: Path) -> None:
    file = tmp_path / "w.pt"
    torch.save(Module(planes=3).state_dict(), file)

    network = load_network(f"{HERE}:encoded", weights=file)

    named = adapt(Module(planes=3).eval(), encode="own-opponent-ones")
    found = attribute(network, "f5d6c3", targets=["best"]).input_relevance
    expected = attribute(named, "f5d6c3", targets=["best"]).input_relevance
    assert network.encoding.name == "planes"
    assert found.shape == (1, 1, 3, 8, 8)
    np.testing.assert_array_equal(found, expected)


PACKED: dict[str, Any] = {
    "bare": lambda w: w,
    "state_dict": lambda w: {"state_dict": w},
    "training": lambda w: {"model_state_dict": w, "optimizer": {"lr": 0.1}, "epoch": 3},
    "parallel": lambda w: {"model": {f"module.{k}": t for k, t in w.items()}},
    "compiled": lambda w: {"network": {f"_orig_mod.{k}": t for k, t in w.items()}},
    "both": lambda w: {"net": {f"module._orig_mod.{k}": t for k, t in w.items()}},
    "turned": lambda w: {"net": {f"_orig_mod.module.{k}": t for k, t in w.items()}},
    "safetensors": None,
}


@pytest.mark.parametrize("kind", PACKED)
def test_weights_are_found_under_any_of_the_usual_keys(
    kind: str, tmp_path: Path
) -> None:
    file = tmp_path / "weights"
    if PACKED[kind] is None:
        save_file(OTHER, file)
    else:
        torch.save(PACKED[kind](OTHER), file)

    network = load_network(f"{HERE}:adapted", weights=file)

    torch.testing.assert_close(
        network.get_parameter("conv.bias").data, OTHER["conv.bias"]
    )
    head = OTHER["v.weight"]
    torch.testing.assert_close(
        network.get_parameter("v.weight").data, head[:1] - head[2:]
    )


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("no_such_package:make", "cannot be imported"),
        (f"{HERE}:no_such_function", "cannot be imported"),
        (f"{HERE}:failing", r"fails .*\(no luck\)"),
        (f"{HERE}:asking", "fails when it is called without arguments"),
        (f"{HERE}:nothing", "nothing: returns NoneType, expected a torch module or"),
        (f"{HERE}:HERE", "HERE: is a str, expected a function that returns a torch"),
    ],
)
def test_a_reference_to_nothing_is_refused(reference: str, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        load_network(reference)


def test_a_network_refused_by_adapt_is_refused_with_its_sentence() -> None:
    with pytest.raises(NetworkError, match=r"shape \(N, 3\), .*value='wdl'"):
        load_network("tests.networks.test_references:unfinished")


def unfinished() -> nn.Module:
    return Module(value=3).eval()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"p.weight": torch.zeros(1)}, r"of Module: Missing key.*conv\.weight"),
        (OTHER | {"x": torch.zeros(1)}, r'of Module: Unexpected key.*"x"'),
        (OTHER | {"p.bias": torch.zeros(64)}, r"of Module: size mismatch for p\.bias"),
    ],
    ids=["missing", "unknown", "shape"],
)
def test_weights_of_another_network_are_refused(
    weights: dict[str, torch.Tensor], message: str, tmp_path: Path
) -> None:
    torch.save(weights, tmp_path / "w.pt")

    with pytest.raises(CheckpointError, match=message):
        load_network(f"{HERE}:adapted", weights=tmp_path / "w.pt")


def test_weights_of_a_file_are_its_own(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"named as package\.module:function"):
        load_network("demo", weights=tmp_path / "w.pt")


@pytest.mark.parametrize("named", ["file", "weights"])
def test_a_pointer_of_git_lfs_is_named_as_such(named: str, tmp_path: Path) -> None:
    file = tmp_path / "best.pth.tar"
    file.write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    )
    options = {"weights": file} if named == "weights" else {}

    with pytest.raises(CheckpointError, match=r"a Git LFS pointer.*git lfs pull"):
        load_network(f"{HERE}:plain" if options else file, **options)


def test_a_file_of_another_network_says_how_to_name_one(tmp_path: Path) -> None:
    torch.save({"model": OTHER}, tmp_path / "w.pt")

    with pytest.raises(
        CheckpointError, match=r"name its network as package\.module:func"
    ):
        load_network(tmp_path / "w.pt")
