import json
import os
import pickle
import re
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from conceptlrp.errors import CheckpointError, OutputExistsError
from conceptlrp.networks import OthelloNet, load_network, network_digest, save_network
from conceptlrp.networks.checkpoint import read_header
from tests.networks.azg_twin import OthelloNNet, used_twin


def same_outputs(network: OthelloNet, twin: OthelloNNet) -> bool:
    boards = torch.randint(-1, 2, (16, twin.size, twin.size)).float()
    logits, value = network(boards[:, None])
    log_policy, outcome = twin(boards)
    return torch.allclose(
        logits.log_softmax(1), log_policy, atol=1e-6, rtol=0
    ) and torch.allclose(value.tanh(), outcome, atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", [6, 8])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_of_alpha_zero_general_gives_its_outputs(
    size: int, zipped: bool, tmp_path: Path
) -> None:
    twin = used_twin(size)
    path = tmp_path / "best.pth.tar"
    content = {"state_dict": twin.state_dict()}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)

    network = load_network(path)

    assert (network.channels, network.size) == (4, size)
    assert not network.training
    assert same_outputs(network, twin)


def test_a_file_from_before_batch_counters_is_read(
    twin: OthelloNNet, tmp_path: Path
) -> None:
    state = twin.state_dict()
    old = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    path = tmp_path / "2018.pth.tar"
    torch.save({"state_dict": old}, path, _use_new_zipfile_serialization=False)

    assert same_outputs(load_network(path), twin)


def test_loading_draws_no_random_numbers(azg_file: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)

    load_network(azg_file)

    assert torch.rand(2).equal(expected)


def test_a_loaded_network_can_be_trained_further(azg_file: Path) -> None:
    network = load_network(azg_file)

    logits, _ = network(torch.ones(2, 1, 8, 8))
    logits.sum().backward()

    assert all(
        parameter.grad is not None and parameter.dtype == torch.float32
        for name, parameter in network.named_parameters()
        if not name.startswith("fc4")
    )


def test_a_network_survives_its_file(tiny_network: OthelloNet, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"

    save_network(tiny_network, path, training={"samples": 7})

    loaded = load_network(path)
    digest = network_digest(tiny_network)
    assert network_digest(loaded) == digest
    assert read_header(path) == {
        "format": "conceptlrp-network",
        "encoding-version": "1",
        "architecture": {"name": "OthelloNet", "channels": 3, "size": 8},
        "digest": digest,
        "training": {"samples": 7},
    }
    assert [p.name for p in tmp_path.iterdir()] == ["net.safetensors"]


def test_half_precision_is_rounded_once_and_loaded_as_float32(
    tiny_network: OthelloNet, tmp_path: Path
) -> None:
    path = tmp_path / "half.safetensors"

    save_network(tiny_network, path, dtype=torch.float16)

    loaded = load_network(path)
    assert loaded.fc1.weight.dtype == torch.float32
    assert read_header(path)["digest"] == network_digest(loaded)
    assert network_digest(loaded) != network_digest(tiny_network)
    save_network(loaded, tmp_path / "again.safetensors", dtype=torch.float16)
    assert read_header(tmp_path / "again.safetensors") == read_header(path)


def test_weights_too_large_for_half_precision_are_refused(
    tiny_network: OthelloNet, tmp_path: Path
) -> None:
    tiny_network.fc4.weight.data[0, 0] = 1e6

    with pytest.raises(ValueError, match="holds numbers that are not finite"):
        save_network(tiny_network, tmp_path / "n", dtype=torch.float16)


def test_a_network_that_could_not_be_loaded_again_is_not_saved(tmp_path: Path) -> None:
    class Wider(OthelloNet):
        pass

    with pytest.raises(ValueError, match="class Wider, expected OthelloNet or Res"):
        save_network(Wider(channels=2), tmp_path / "net.safetensors")


def test_the_digest_ignores_memory_layout_and_batch_counters(
    tiny_network: OthelloNet,
) -> None:
    digest = network_digest(tiny_network)

    tiny_network.to(memory_format=torch.channels_last)
    tiny_network.bn1.num_batches_tracked += 1

    assert network_digest(tiny_network) == digest


def test_the_digest_changes_with_a_single_weight(tiny_network: OthelloNet) -> None:
    digest = network_digest(tiny_network)

    tiny_network.bn4.running_mean[2] += 1e-3

    assert network_digest(tiny_network) != digest


def test_a_file_that_stands_there_is_kept_unless_overwriting_is_allowed(
    tiny_network: OthelloNet, tmp_path: Path
) -> None:
    path = tmp_path / "net.safetensors"
    path.write_text("mine")

    with pytest.raises(OutputExistsError, match="already exists"):
        save_network(tiny_network, path)

    with pytest.raises(OutputExistsError, match="not a file that conceptlrp"):
        save_network(tiny_network, path, overwrite=True)

    assert path.read_text() == "mine"
    path.unlink()
    save_network(tiny_network, path)
    save_network(tiny_network, path, overwrite=True)
    assert load_network(path).channels == 3


def test_changed_weights_are_noticed(tiny_network: OthelloNet, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_network(tiny_network, path)
    with safe_open(path, framework="pt") as opened:
        header = opened.metadata()
    tensors = load_file(path)
    tensors["fc4.bias"] += 1
    save_file(tensors, path, metadata=header)

    with pytest.raises(CheckpointError, match="the file was changed"):
        load_network(path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", "other", "not one of a conceptlrp network"),
        ("encoding-version", "9", "encoding version 9, this release reads version 1"),
        ("training", "{", "the header's training is not JSON"),
        ("architecture", json.dumps({"channels": 5}), "the header says"),
        ("digest", None, "the header lacks digest"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(
    key: str, value: str | None, message: str, tiny_network: OthelloNet, tmp_path: Path
) -> None:
    path = tmp_path / "net.safetensors"
    save_network(tiny_network, path)
    with safe_open(path, framework="pt") as opened:
        header = opened.metadata() | {key: value}
    kept = {k: v for k, v in header.items() if v is not None}
    save_file(load_file(path), path, metadata=kept)

    with pytest.raises(CheckpointError, match=message):
        load_network(path)


def test_the_first_tensor_of_another_shape_is_named(
    twin: OthelloNNet, tmp_path: Path
) -> None:
    state = twin.state_dict()
    state["bn2.bias"] = torch.zeros(5)
    state["fc1.weight"] = torch.zeros(1024, 7)
    path = tmp_path / "odd.pth.tar"
    torch.save({"state_dict": state}, path)

    with pytest.raises(
        CheckpointError, match=re.escape("bn2.bias has shape (5,), expected (4,)")
    ):
        load_network(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fc3.weight": torch.zeros(101, 512)}, "101 actions, expected 37"),
        ({"conv1.weight": torch.zeros(4)}, r"conv1.weight: \(4,\), expected 4 dim"),
        ({"conv1.weight": torch.zeros(0, 1, 3, 3)}, "0 channels"),
        ({"conv9.weight": torch.zeros(4)}, "holds the unknown tensor conv9.weight"),
        ({"fc4.bias": torch.tensor([torch.nan])}, "fc4.bias holds nan or infinity"),
        ({"bn1.running_var": -torch.ones(4)}, "running_var holds a negative variance"),
        ({"fc4.bias": torch.zeros(1, dtype=torch.int64)}, "fc4.bias holds torch.int64"),
        ({"fc2.weight": torch.zeros(1).expand(512, 1024)}, "stores fewer numbers"),
        ({"fc4.bias": "text"}, "'fc4.bias' is no tensor"),
    ],
)
def test_weights_of_another_network_are_refused(
    change: dict[str, object], message: str, twin: OthelloNNet, tmp_path: Path
) -> None:
    path = tmp_path / "odd.pth.tar"
    torch.save({"state_dict": dict(twin.state_dict()) | change}, path)

    with pytest.raises(CheckpointError, match=message):
        load_network(path)


def test_a_missing_tensor_is_named(twin: OthelloNNet, tmp_path: Path) -> None:
    state = twin.state_dict()
    del state["fc_bn2.running_mean"], state["fc4.bias"]
    path = tmp_path / "short.pth.tar"
    torch.save({"state_dict": state}, path)

    with pytest.raises(CheckpointError, match=r"lacks fc_bn2.running_mean and 1 more"):
        load_network(path)


class Malicious:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("run-by-the-pickle",)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_runs_code_is_refused_and_runs_nothing(
    zipped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.pth.tar"
    content = {"state_dict": Malicious()}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)

    with pytest.raises(CheckpointError, match=r"mkdir, which is no part of a network"):
        load_network(path)

    assert not (tmp_path / "run-by-the-pickle").exists()


def test_a_bare_pickle_that_runs_code_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps(Malicious()))

    with pytest.raises(CheckpointError, match="nothing was loaded"):
        load_network(path)

    assert not (tmp_path / "run-by-the-pickle").exists()


def test_an_archive_that_unpacks_to_more_than_it_is_is_refused(
    azg_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "bomb.pth.tar"
    with (
        zipfile.ZipFile(azg_file) as source,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for name in source.namelist():
            bomb.writestr(name, source.read(name))
        bomb.writestr("archive/data/999", bytes(50_000_000))

    with pytest.raises(CheckpointError, match="does not compress"):
        load_network(path)


def test_a_storage_that_claims_more_than_is_stored_is_refused(
    azg_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "liar.pth.tar"
    with zipfile.ZipFile(azg_file) as source, zipfile.ZipFile(path, "w") as liar:
        for name in source.namelist():
            kept = source.read(name)
            liar.writestr(name, kept[:8] if name.endswith("/data/0") else kept)

    with pytest.raises(CheckpointError, match="claims 144 bytes of numbers where 8"):
        load_network(path)


def test_an_older_file_that_claims_more_than_it_is_is_refused(
    twin: OthelloNNet, tmp_path: Path
) -> None:
    path = tmp_path / "short.pth.tar"
    content = {"state_dict": twin.state_dict()}
    torch.save(content, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:20_000])

    with pytest.raises(CheckpointError, match="bytes of numbers where 20000 are"):
        load_network(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "neither a safetensors file nor"),
        (b"f5d6c3d3c4\n", "neither a safetensors file nor"),
        (b"PK\x03\x04 and no more", "damaged"),
        (b"\x80\x02}q\x00.", "damaged"),
    ],
)
def test_a_file_of_something_else_is_refused(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "what.bin"
    path.write_bytes(content)

    with pytest.raises(CheckpointError, match=message):
        load_network(path)


@pytest.mark.parametrize("name", ["net.safetensors", "best.pth.tar"])
def test_a_truncated_file_is_refused(
    name: str, azg_file: Path, tiny_network: OthelloNet, tmp_path: Path
) -> None:
    path = tmp_path / name
    if name.endswith("tar"):
        path.write_bytes(azg_file.read_bytes())
    else:
        save_network(tiny_network, path)
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(CheckpointError, match=name):
        load_network(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        load_network(tmp_path / "none.safetensors")
