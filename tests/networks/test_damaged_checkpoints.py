"""Damaged checkpoints: no byte that is changed gives a network of other weights."""

import hashlib
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from conceptlrp.errors import CheckpointError
from conceptlrp.networks import OthelloNet, load_network, save_network
from conceptlrp.networks.digest import network_digest

MADE = "tests.networks.test_damaged_checkpoints:made"
#: Formats with a checksum, and those without one.
GUARDED = ("archive", "ours")
BARE = ("pickle", "archive without sums", "safetensors")


def made() -> OthelloNet:
    return OthelloNet(channels=3).eval()


def write(format_: str, path: Path) -> Path:
    """Write the weights of a tiny network in one of the formats."""
    torch.manual_seed(0)
    state = made().state_dict()
    if format_ == "ours":
        network = made()
        network.load_state_dict(state)
        save_network(network, path)
    elif format_ == "safetensors":
        save_file(state, path)
    else:
        torch.serialization.set_crc32_options(format_ == "archive")
        is_zip = format_ != "pickle"
        torch.save({"state_dict": state}, path, _use_new_zipfile_serialization=is_zip)
        torch.serialization.set_crc32_options(compute_crc32=True)
    return path


def load(format_: str, path: Path) -> OthelloNet:
    if format_ == "safetensors":
        return load_network(MADE, weights=path)
    return load_network(path)


def note(path: Path) -> Path:
    """Write down the digest of a file as sha256sum does."""
    beside = path.with_name(f"{path.name}.sha256")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    beside.write_text(f"{digest}  {path.name}\n")
    return beside


def flips(path: Path, times: int) -> list[bytes]:
    """Return the content of a file with one byte changed, again and again."""
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    found = []
    for _ in range(times):
        content = bytearray(whole)
        content[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
        found.append(bytes(content))
    return found


@pytest.mark.parametrize("format_", GUARDED)
def test_a_changed_byte_never_gives_other_weights(format_: str, tmp_path: Path) -> None:
    path = write(format_, tmp_path / "net")
    whole, told = network_digest(load(format_, path)), []

    for content in flips(path, 100):
        path.write_bytes(content)
        try:
            assert network_digest(load(format_, path)) == whole
        except CheckpointError as error:
            told.append(str(error))

    assert len(told) > 90
    assert all(str(path) in text for text in told)


@pytest.mark.parametrize("format_", [*GUARDED, *BARE])
def test_every_changed_byte_is_noticed_by_a_digest_beside(
    format_: str, tmp_path: Path
) -> None:
    path = write(format_, tmp_path / "net")
    note(path)
    load(format_, path)

    for content in flips(path, 100):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"SHA-256 .*net\.sha256"):
            load(format_, path)


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "64 hexadecimal"), ("feed  net\n", "64 hexadecimal"), ("é" * 64, "cannot")],
)
def test_a_digest_beside_that_is_none_is_refused(
    text: str, message: str, tmp_path: Path
) -> None:
    path = write("archive", tmp_path / "net")
    (tmp_path / "net.sha256").write_text(text, "utf-8")

    with pytest.raises(CheckpointError, match=message):
        load_network(path)


@pytest.mark.parametrize("format_", [*GUARDED, *BARE])
def test_a_network_tells_what_guards_its_file(format_: str, tmp_path: Path) -> None:
    path = write(format_, tmp_path / "net")
    words = {"archive": "CRC-32 of every part", "ours": "SHA-256 of the weights"}

    origin = load(format_, path).origin

    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert origin["file_sha256"] == digest
    assert origin["checksum"].startswith(words.get(format_, "none; 'sha256sum net"))
    note(path)
    assert load(format_, path).origin["checksum"] == "SHA-256 in net.sha256"


def test_loading_leaves_nothing_beside_a_file(tmp_path: Path) -> None:
    for format_ in (*GUARDED, *BARE):
        load(format_, write(format_, tmp_path / format_.replace(" ", "-")))

    assert len([*tmp_path.iterdir()]) == len(GUARDED) + len(BARE)


def test_a_member_of_an_archive_that_was_exchanged_is_named(tmp_path: Path) -> None:
    path = write("archive", tmp_path / "net")
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda member: member.file_size)
        head = largest.header_offset
    content = bytearray(path.read_bytes())
    content[head + 400 : head + 464] = bytes(64)
    path.write_bytes(content)

    with pytest.raises(CheckpointError, match=largest.filename):
        load_network(path)
