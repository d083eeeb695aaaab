"""Reading alpha-zero-general's checkpoints without running code from them.

``8x8_best.pth.tar`` is what `torch.save` makes of ``{"state_dict": ...}``: a zip
archive or, from torch before 1.6, a bare sequence of pickles. A pickle can call any
function, claim storages of any size, and repeat one number to any length. The file
is therefore looked through first, with every name in it replaced by something
inert; only then does `torch.load` with ``weights_only=True`` see it.
"""

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from conceptlrp.errors import CheckpointError

# torch stores members uncompressed: more content than file is an archive bomb.
_LARGEST_RATIO = 1.5
_LARGEST_PICKLE = 1 << 22

_ITEM_BYTES = {
    "BoolStorage": 1,
    "ByteStorage": 1,
    "CharStorage": 1,
    "HalfStorage": 2,
    "BFloat16Storage": 2,
    "ShortStorage": 2,
    "IntStorage": 4,
    "FloatStorage": 4,
    "LongStorage": 8,
    "DoubleStorage": 8,
}
_REBUILDERS = ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter")


def is_pickle(file: Path) -> bool:
    """Tell torch's files: a zip archive, or a bare pickle of protocol 2 and up."""
    with file.open("rb") as opened:
        start = opened.read(4)
    return start == b"PK\x03\x04" or (start[:1] == b"\x80" and start[1:2] <= b"\x05")


def read_azg(file: Path) -> Mapping[str, Tensor]:
    """Read the weights of a checkpoint that alpha-zero-general wrote, on the CPU."""
    try:
        _look_through(file)
        content = torch.load(file, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    # Whatever a damaged pickle or archive makes torch raise, the remedy is the same.
    except Exception as error:
        msg = f"{file}: damaged, or not written by torch.save ({error})"
        raise CheckpointError(msg.splitlines()[0]) from error
    return _state_dict(content, file)


def _state_dict(content: object, file: Path) -> Mapping[str, Tensor]:
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not state:
        msg = f"{file}: expected a dict with the key 'state_dict'"
        raise CheckpointError(msg)
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            msg = (
                f"{file}: {name!r} is no tensor; expected a dict with the key "
                "'state_dict' that holds tensors"
            )
            raise CheckpointError(msg)
    return state


@dataclass(frozen=True)
class _Storage:
    """Stands for a storage class of torch."""

    item_bytes: int


class _Inert:
    """Stands for whatever rebuilds a tensor: takes anything, does nothing."""

    def __init__(self, *_: object) -> None:
        pass


class _Inventory(pickle.Unpickler):
    """Reads a pickle of tensors, notes its storages, and calls nothing."""

    def __init__(self, opened: IO[bytes], file: Path) -> None:
        super().__init__(opened, encoding="utf-8")
        self.file = file
        self.bytes_of: dict[str, int] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name in _ITEM_BYTES:
            return _Storage(_ITEM_BYTES[name])
        if module == "torch._utils" and name in _REBUILDERS:
            return _Inert
        msg = (
            f"{self.file}: asks for {module}.{name}, which is no part of a network's "
            "weights and could run code; nothing was loaded"
        )
        raise CheckpointError(msg)

    def persistent_load(self, pid: Any) -> _Inert:
        _, storage, key, _, count = pid[:5]
        claimed = int(count) * storage.item_bytes
        self.bytes_of[str(key)] = max(claimed, self.bytes_of.get(str(key), 0))
        return _Inert()


def _look_through(file: Path) -> None:
    """Refuse a file that names other things than tensors or claims too much."""
    if zipfile.is_zipfile(file):
        _look_through_archive(file)
    else:
        _look_through_pickles(file)


def _look_through_archive(file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        sizes = {member.filename: member.file_size for member in archive.infolist()}
        content = sum(sizes.values())
        if content > _LARGEST_RATIO * file.stat().st_size:
            msg = (
                f"{file}: {file.stat().st_size} bytes that unpack to {content}; "
                "torch.save does not compress, so this is no checkpoint"
            )
            raise CheckpointError(msg)
        names = [name for name in sizes if name.endswith("/data.pkl")]
        if len(names) != 1 or sizes[names[0]] > _LARGEST_PICKLE:
            msg = f"{file}: a zip archive, but not one of torch.save"
            raise CheckpointError(msg)
        inventory = _Inventory(io.BytesIO(archive.read(names[0])), file)
    inventory.load()
    folder = names[0].removesuffix(".pkl")
    for key, claimed in inventory.bytes_of.items():
        stored = sizes.get(f"{folder}/{key}", 0)
        if claimed > stored:
            _refuse_claim(file, claimed, stored)


def _look_through_pickles(file: Path) -> None:
    """Look through the older format: magic, version, system, then the content."""
    with file.open("rb") as opened:
        for _ in range(3):
            _Inventory(opened, file).load()
        inventory = _Inventory(opened, file)
        inventory.load()
    claimed = sum(inventory.bytes_of.values())
    if claimed > file.stat().st_size:
        _refuse_claim(file, claimed, file.stat().st_size)


def _refuse_claim(file: Path, claimed: int, stored: int) -> None:
    msg = f"{file}: claims {claimed} bytes of numbers where {stored} are stored"
    raise CheckpointError(msg)
