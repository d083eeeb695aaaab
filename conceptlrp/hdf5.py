"""HDF5 files of unknown origin: looked at before anything in them is read.

A file of a few bytes can declare a dataset of terabytes, unpack without end, or
take its data from any other file of the machine. Nothing here asks for memory
before the declared sizes agree with what is stored, and nothing follows a link.
"""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from io import RawIOBase
from math import ceil, prod
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import FileFormatError

#: From HDF5 1.10 on, what describes the data carries checksums. Without them a
#: damaged file can crash the library instead of being refused.
HDF5_FORMAT: Final = ("v110", "v110")
# Before this a damaged file could overflow a buffer (CVE-2026-26200).
_OLDEST_HDF5: Final = (1, 14, 4)
_LARGEST_CHUNK: Final = 1 << 26
_MOST_MEMBERS: Final = 20_000
_LARGEST_DATASET: Final = 1 << 38
# Real tables shrink to a tenth at best; what is small may be all alike.
_BEST_RATIO: Final = 100
_SMALL: Final = 1 << 26
_MAPPED: Final = 1 << 20
_FILTERS: Final = {
    h5py.h5z.FILTER_DEFLATE: "gzip",
    h5py.h5z.FILTER_SHUFFLE: "shuffle",
    h5py.h5z.FILTER_FLETCHER32: "fletcher32",
    32015: "zstd",
}
_KINDS: Final = frozenset("biufS")
_IDS: Final = {h5py.Group: h5py.h5g.GroupID, h5py.Dataset: h5py.h5d.DatasetID}


@contextmanager
def opened(path: Path, error: type[FileFormatError]) -> Iterator[h5py.File]:
    """Open a file for reading; every failure inside is one clear error."""
    with clear_errors(path, error), open_file(path) as file:
        yield file


def open_file(path: Path | RawIOBase) -> h5py.File:
    """Open a file for reading, without a cache of chunks.

    Files are complete when they appear, so a lock protects nothing and may fail, as
    on the many shared file systems that have none. It is still asked for: a process
    cannot open a file twice with other wishes, and plain h5py has this one.
    """
    if h5py.version.hdf5_version_tuple < _OLDEST_HDF5:
        msg = (
            f"HDF5 {h5py.version.hdf5_version} is not safe with damaged files, "
            f"expected {'.'.join(map(str, _OLDEST_HDF5))} or later; upgrade h5py"
        )
        raise FileFormatError(msg)
    return h5py.File(path, "r", locking="best-effort", rdcc_nbytes=0)


@contextmanager
def clear_errors(path: Path, error: type[FileFormatError]) -> Iterator[None]:
    """Name the file in every error that reading it can raise."""
    try:
        yield
    except FileFormatError as failure:
        msg = str(failure)
        named = msg if msg.startswith(str(path)) else f"{path}: {msg}"
        raise error(named) from failure
    except (OSError, LookupError, TypeError, ValueError, RuntimeError) as failure:
        msg = f"{path}: is damaged or no HDF5 file: {_first_line(failure)}"
        raise error(msg) from failure
    except (ArithmeticError, MemoryError) as failure:
        msg = f"{path}: is damaged: {_first_line(failure)}"
        raise error(msg) from failure


def dataset(
    file: h5py.Group, name: str, *, best_ratio: int = _BEST_RATIO
) -> h5py.Dataset:
    """Return a dataset, once it is certain that it can be read.

    It is stored in this very file, in chunks of moderate size that are all there.
    """
    place, _, last = name.rpartition("/")
    found: h5py.Dataset = member(inner_group(file, place), last, h5py.Dataset)
    if problem := _problem(found, best_ratio):
        msg = f"is refused: {found.name} {problem}"
        raise FileFormatError(msg)
    if not _is_whole(found):
        msg = f"is damaged: {found.name} lacks some of its data"
        raise FileFormatError(msg)
    return found


def inner_group(file: h5py.Group, place: str) -> h5py.Group:
    """Return a group that lies in this very file, such as "layers/conv1"."""
    for name in filter(None, place.split("/")):
        file = member(file, name, h5py.Group)
    return file


def mapped(found: h5py.Dataset) -> NDArray[Any]:
    """Return a dataset, which stays in the file if it is large and not packed.

    Processes then share its pages, which the system takes back when it needs memory.
    """
    place = found.id.get_offset()
    if found.chunks or place is None or found.nbytes < _MAPPED:
        whole: NDArray[Any] = found[()]
        return whole
    # The file that is open, not another one that has its name by now.
    handle = found.file.id.get_vfd_handle()
    content = mmap.mmap(handle, 0, access=mmap.ACCESS_READ)
    flat = np.frombuffer(content, found.dtype, found.size, place)
    return flat.reshape(found.shape)


def dataset_names(file: h5py.Group) -> list[str]:
    """Return the full names of all datasets in a file, sorted; links are skipped."""
    found: list[str] = []
    groups, visited = [(file, "")], 0
    while groups:
        group, place = groups.pop()
        visited += 1 + len(group)
        # A group can hold itself.
        if visited > _MOST_MEMBERS:
            msg = f"is refused: it has more than {_MOST_MEMBERS} members"
            raise FileFormatError(msg)
        for name in group:
            kind = group.get(name, getclass=True, getlink=True)
            if kind is not h5py.HardLink:
                continue
            if group.get(name, getclass=True) is h5py.Dataset:
                found.append(f"{place}{name}")
            elif group.get(name, getclass=True) is h5py.Group:
                groups.append((group[name], f"{place}{name}/"))
    return sorted(found)


def member(group: h5py.Group, name: str, kind: type) -> Any:
    """Return what lies in a group itself, not behind a link."""
    # The classes above these look everything up several times.
    links, word = group.id.links, name.encode()
    if links.exists(word) and links.get_info(word).type == h5py.h5l.TYPE_HARD:
        found = h5py.h5o.open(group.id, word)
        if isinstance(found, _IDS[kind]):
            return kind(found)
    msg = f"is damaged: {group.name.rstrip('/')}/{name} is missing"
    raise FileFormatError(msg)


def text_attribute(file: h5py.Group, name: str) -> str:
    """Return an attribute that is text of fixed length, else an empty text."""
    if not h5py.h5a.exists(file.id, name.encode()):
        return ""
    found = h5py.h5a.open(file.id, name.encode())
    # Text of variable length is not even read: damaged, it can crash HDF5.
    if found.dtype.kind != "S" or found.shape != ():
        return ""
    content = np.empty((), found.dtype)
    found.read(content)
    return bytes(content.item()).decode("utf-8")


def add_dataset(file: h5py.Group, name: str, data: Any, **options: Any) -> None:
    """Add a dataset to a file that is being written, without the time."""
    created = file.create_dataset(name, data=data, track_times=False, **options)
    # HDF5 gives chunks their place when a dataset is closed, and a profiler in
    # another thread may keep it open a little longer.
    created.flush()


def set_text_attributes(file: h5py.Group, values: dict[str, str]) -> None:
    """Write attributes as text of fixed length, which any reader understands."""
    for name, value in values.items():
        size = max(len(value.encode()), 1)
        file.attrs.create(name, value, dtype=h5py.string_dtype("utf-8", size))


def _problem(found: h5py.Dataset, best_ratio: int) -> str:
    """Say why a dataset is not read, in a few words, or nothing."""
    properties = found.id.get_create_plist()
    filters = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
    unknown = [str(code) for code in filters if code not in _FILTERS]
    if found.is_virtual or found.external:
        return "takes its data from another file"
    if found.dtype.kind not in _KINDS:
        return f"holds {found.dtype}, expected numbers or text of fixed length"
    if unknown:
        return f"is packed by the unknown filter {unknown[0]}"
    if found.chunks and prod(found.chunks) * found.dtype.itemsize > _LARGEST_CHUNK:
        return f"has chunks of shape {found.chunks}, which are too large"
    declared = prod(found.shape) * found.dtype.itemsize
    stored = found.id.get_storage_size()
    if declared > min(_LARGEST_DATASET, best_ratio * stored + _SMALL):
        return f"declares {declared} bytes of data where {stored} are stored"
    return ""


def _is_whole(found: h5py.Dataset) -> bool:
    """Tell whether every part of a dataset is in the file."""
    if found.chunks is None:
        return bool(found.id.get_storage_size() >= found.nbytes)
    grid = [ceil(n / c) for n, c in zip(found.shape, found.chunks, strict=True)]
    return bool(found.id.get_num_chunks() == prod(grid))


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
