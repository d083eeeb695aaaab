"""HDF5 files of unknown origin are refused before they cost time or memory."""

import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from conceptlrp import hdf5
from conceptlrp.errors import FileFormatError, StoreError
from conceptlrp.hdf5 import dataset, dataset_names, opened, text_attribute

Make = Callable[[h5py.File, Path], object]


def declared_terabytes(file: h5py.File, _folder: Path) -> None:
    file.create_dataset("data", (1 << 40,), "f4", chunks=(1 << 16,))


def chunk_of_gigabytes(file: h5py.File, _folder: Path) -> None:
    file.create_dataset("data", (1 << 30,), "u1", chunks=(1 << 30,))


def packed_zeros(file: h5py.File, _folder: Path) -> None:
    data = file.create_dataset(
        "data", (1 << 28,), "u1", chunks=(1 << 24,), compression="gzip"
    )
    data[: 1 << 24] = 0


def external_storage(file: h5py.File, folder: Path) -> None:
    (folder / "secret").write_bytes(b"x" * 64)
    space = h5py.h5s.create_simple((64,))
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_external(str(folder / "secret").encode(), 0, 64)
    h5py.h5d.create(file.id, b"data", h5py.h5t.NATIVE_UINT8, space, properties)


def virtual_storage(file: h5py.File, folder: Path) -> None:
    with h5py.File(folder / "other.h5", "w") as other:
        other["data"] = np.arange(4.0)
    layout = h5py.VirtualLayout((4,), "f8")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "data", (4,))
    file.create_virtual_dataset("data", layout)


def soft_link(file: h5py.File, _folder: Path) -> None:
    file["real"] = np.arange(4.0)
    file["data"] = h5py.SoftLink("/real")


def external_link(file: h5py.File, folder: Path) -> None:
    with h5py.File(folder / "other.h5", "w") as other:
        other["data"] = np.arange(4.0)
    file["data"] = h5py.ExternalLink(str(folder / "other.h5"), "data")


def objects(file: h5py.File, _folder: Path) -> None:
    file.create_dataset("data", (3,), h5py.ref_dtype)


def text_of_any_length(file: h5py.File, _folder: Path) -> None:
    file["data"] = ["a", "bb"]


def unknown_filter(file: h5py.File, _folder: Path) -> None:
    file.create_dataset("data", data=np.arange(64), chunks=(8,), compression="lzf")


def missing_chunks(file: h5py.File, _folder: Path) -> None:
    file.create_dataset("data", (1 << 20,), "f4", chunks=(1 << 16,))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (declared_terabytes, "declares .* bytes of data where 0 are stored"),
        (chunk_of_gigabytes, "has chunks of shape .*, which are too large"),
        (packed_zeros, "declares .* bytes of data where"),
        (external_storage, "takes its data from another file"),
        (virtual_storage, "takes its data from another file"),
        (soft_link, "/data is missing"),
        (external_link, "/data is missing"),
        (objects, "expected numbers or text of fixed length"),
        (text_of_any_length, "expected numbers or text of fixed length"),
        (unknown_filter, "is packed by the unknown filter 32000"),
        (missing_chunks, "lacks some of its data"),
    ],
)
def test_a_hostile_dataset_is_refused_in_no_time(
    make: Make, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "hostile.h5"
    with h5py.File(path, "w") as file:
        make(file, tmp_path)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()

    with pytest.raises(StoreError, match=reason), opened(path, StoreError) as file:
        dataset(file, "data")

    assert time.process_time() - began < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 100 << 10


def nested(file: h5py.File) -> Iterator[h5py.Group]:
    group: h5py.Group = file
    for _ in range(hdf5._MOST_MEMBERS // 4):
        group = group.create_group("g")
        group.create_group("x")
        group.create_group("y")
        yield group


def test_groups_without_end_are_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hdf5, "_MOST_MEMBERS", 400)
    path = tmp_path / "deep.h5"
    with h5py.File(path, "w") as file:
        last = list(nested(file))[-1]
        last["again"] = file["g"]

    with (
        pytest.raises(StoreError, match="it has more than 400 members"),
        opened(path, StoreError) as file,
    ):
        dataset_names(file)


def test_attributes_of_any_length_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "attributes.h5"
    with h5py.File(path, "w") as file:
        file.attrs["encoding-type"] = "conceptlrp-store"
        file.attrs["many"] = np.zeros(1000)

    with opened(path, StoreError) as file:
        assert text_attribute(file, "encoding-type") == ""
        assert text_attribute(file, "many") == ""


def test_an_old_hdf5_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "plain.h5"
    h5py.File(path, "w").close()
    monkeypatch.setattr(h5py.version, "hdf5_version_tuple", (1, 14, 3))

    with (
        pytest.raises(FileFormatError, match=r"expected 1\.14\.4 or later"),
        opened(path, StoreError),
    ):
        pass


def test_a_file_that_is_open_opens_with_plain_h5py_too(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "some.h5", "w") as file:
        file["data"] = np.arange(3)

    file = tmp_path / "some.h5"

    with hdf5.open_file(file) as ours, h5py.File(file, "r") as theirs:
        assert ours["data"][1] == theirs["data"][1] == 1
