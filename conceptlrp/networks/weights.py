"""Weights out of files that may be damaged or hostile, and the network they are of.

``8x8_best.pth.tar`` of alpha-zero-general is what `torch.save` makes of
``{"state_dict": ...}``: a zip archive or, from torch before 1.6, a bare sequence of
pickles. A pickle can call any function, claim storages of any size, and repeat one
number to any length. The file is therefore looked through first, with every name in
it replaced by something inert; only then does `torch.load` with
``weights_only=True`` see it.

Which network the weights are of follows from themselves: a tensor that only one
architecture has says which, and the shapes of a few tensors say how large.
"""

import re
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from math import isqrt
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from conceptlrp.errors import CheckpointError
from conceptlrp.files import file_digest
from conceptlrp.networks.architectures import (
    SIZES,
    BoardNetwork,
    OthelloNet,
    ResidualTower,
)
from conceptlrp.othello.files.plain_pickle import Machine, PickleError

#: The networks that a file can hold.
ARCHITECTURES: tuple[type[BoardNetwork], ...] = (OthelloNet, ResidualTower)

_Weights = Mapping[str, Tensor]
_Builder = Callable[[], BoardNetwork]

# torch stores members uncompressed: more content than file is an archive bomb.
_LARGEST_RATIO = 1.5
_LARGEST_PICKLE = 1 << 22
_DIGITS = 64

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
#: Under which keys of a checkpoint people keep the weights.
_KEYS = ("state_dict", "model_state_dict", "model", "network", "net")
_PREFIXES = ("module.", "_orig_mod.")
_POINTER = b"version https://git-lfs.github.com/spec/"
# Stands for whatever a pickle makes.
_INERT = object()
_REBUILDERS = ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter")


def is_pickle(file: Path) -> bool:
    """Tell torch's files: a zip archive, or a bare pickle of protocol 2 and up."""
    with file.open("rb") as opened:
        start = opened.read(4)
    return start == b"PK\x03\x04" or (start[:1] == b"\x80" and start[1:2] <= b"\x05")


def check_given(file: Path) -> None:
    """Refuse a missing file, the pointer that Git leaves of a large one, and damage.

    Damage is told by a file ``NAME.sha256`` beside it, as sha256sum writes it.
    """
    if not file.is_file():
        msg = f"{file}: no such file"
        raise CheckpointError(msg)
    if (expected := _noted_digest(file)) and (found := file_digest(file)) != expected:
        msg = (
            f"{file}: has the SHA-256 {found[:12]}…, {_note(file).name} says "
            f"{expected[:12]}…; get the file again, or write {_note(file).name} anew "
            "where it was changed on purpose"
        )
        raise CheckpointError(msg)
    with file.open("rb") as opened:
        if opened.read(len(_POINTER)) == _POINTER:
            msg = (
                f"{file}: a Git LFS pointer, not the weights that it stands for; run "
                "'git lfs pull' where it was cloned"
            )
            raise CheckpointError(msg)


def _note(file: Path) -> Path:
    return file.with_name(f"{file.name}.sha256")


def _noted_digest(file: Path) -> str:
    """Return the digest that stands beside a file, "" where there is none."""
    note = _note(file)
    try:
        with note.open("rb") as opened:
            word = (opened.read(_DIGITS + 1).split() or [b""])[0].decode("ascii")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeError) as error:
        msg = f"{note}: cannot be read ({error}); write it anew by sha256sum"
        raise CheckpointError(msg) from error
    if not re.fullmatch(r"[0-9a-fA-F]{64}", word):
        msg = f"{note}: expected to begin with {_DIGITS} hexadecimal digits"
        raise CheckpointError(msg)
    return word.lower()


def provenance(file: Path, *, has_digest: bool = False) -> dict[str, str]:
    """Say what a file of weights is, and by what damage to it is noticed, in words."""
    guard = "SHA-256 of the weights" if has_digest else ""
    if not guard and zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            guard = "CRC-32 of every part" if _has_sums(archive) else ""
    if _note(file).is_file():
        guard = f"SHA-256 in {_note(file).name}"
    cure = f"none; 'sha256sum {file.name} > {_note(file).name}' adds one"
    return {"file_sha256": file_digest(file), "checksum": guard or cure}


def read_saved(file: Path, what: str = "damaged, or not written by torch.save") -> Any:
    """Read what torch.save wrote, on the CPU, once it is known to do no harm."""
    try:
        _look_through(file)
        return torch.load(file, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    # Whatever a damaged pickle or archive makes torch raise, the remedy is the same.
    except Exception as error:
        msg = f"{file}: {what} ({error})"
        raise CheckpointError(msg.partition("\n")[0]) from error


def read_tensors(file: Path) -> Mapping[str, Tensor]:
    """Read the weights in what torch.save wrote, on the CPU."""
    return plain_names(_state_dict(read_saved(file), file))


def plain_names(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Take off what `DataParallel` and `torch.compile` put before every name."""
    for prefix in _PREFIXES * 2:
        if all(name.startswith(prefix) for name in state):
            state = {n.removeprefix(prefix): tensor for n, tensor in state.items()}
    return state


def _state_dict(content: object, file: Path) -> Mapping[str, Tensor]:
    state = content if isinstance(content, dict) else {}
    keys = [key for key in _KEYS if isinstance(state.get(key), dict)]
    state = state[keys[0]] if keys else state
    if not state:
        msg = f"{file}: expected a dict with the key 'state_dict'"
        raise CheckpointError(msg)
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            shown = f"'{name[:80]}'" if isinstance(name, str) else "a number"
            known = ", ".join(f"'{key}'" for key in _KEYS)
            msg = (
                f"{file}: {shown} is no tensor; expected a dict with the key "
                f"'state_dict' that holds tensors (or one of {known})"
            )
            raise CheckpointError(msg)
    return state


@dataclass(frozen=True)
class _Storage:
    item_bytes: int


class _Inventory(Machine):
    """Notes the storages of a pickle of tensors, and makes and calls nothing.

    Keys are text or whole numbers: those of tuples in tuples take torch for ever.
    """

    def __init__(self, data: bytes, file: Path) -> None:
        super().__init__(data)
        self.file = file
        self.bytes_of: dict[str, int] = {}

    def named(self, name: str) -> Any:
        kind = name.removeprefix("torch.")
        if name == "collections.OrderedDict":
            return OrderedDict
        if kind != name and kind in _ITEM_BYTES:
            return _Storage(_ITEM_BYTES[kind])
        if name.removeprefix("torch._utils.") in _REBUILDERS:
            return _INERT
        msg = (
            f"{self.file}: asks for {name[:80]}, which is no part of a network's "
            "weights and could run code; nothing was loaded"
        )
        raise CheckpointError(msg)

    def called(self, maker: Any, arguments: Any) -> Any:
        if maker is OrderedDict:
            _check_keys(pair[0] for pairs in arguments for pair in pairs)
        elif maker is not _INERT:
            msg = "calls what is no function"
            raise PickleError(msg)
        return _INERT

    def other(self, name: str, argument: Any) -> None:
        if name in ("LONG1", "LONG4"):
            self.stack.append(argument)
        elif name == "EMPTY_DICT":
            self.push(_INERT)
        elif name in ("SETITEM", "SETITEMS"):
            n = 2 if name == "SETITEM" else len(self.stack) - self.marks.pop()
            _check_keys(self.popped(n)[::2])
        elif name == "BUILD":
            self.popped(1)
        elif name == "BINPERSID":
            self._note_storage(*self.popped(1)[0])
            self.push(_INERT)
        else:
            super().other(name, argument)

    def _note_storage(
        self, _: Any, kind: Any, key: Any, place: Any, count: Any, view: Any = None
    ) -> None:
        _check_keys((key, place, count))
        if view is not None or not isinstance(key, str):
            msg = "has storages of no checkpoint"
            raise PickleError(msg)
        claimed = int(count) * kind.item_bytes
        self.bytes_of[key] = max(claimed, self.bytes_of.get(key, 0))


def _check_keys(keys: Iterable[object]) -> None:
    if not all(isinstance(key, str | int) for key in keys):
        msg = "has a key that is neither text nor a whole number"
        raise PickleError(msg)


def _look_through(file: Path) -> None:
    if zipfile.is_zipfile(file):
        _look_through_archive(file)
    else:
        _look_through_pickles(file)


def _look_through_archive(file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        sizes = {member.filename: member.file_size for member in members}
        # Of two members of one name, torch may read the other one.
        if len({name.casefold() for name in sizes}) < len(members):
            msg = f"{file}: a zip archive with two members of one name"
            raise CheckpointError(msg)
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
        if _has_sums(archive) and (damaged := archive.testzip()):
            msg = f"{file}: damaged, {damaged} has another CRC-32; get the file again"
            raise CheckpointError(msg)
        member = archive.getinfo(names[0])
        if not _has_sums(archive):
            member.CRC = None  # type: ignore[assignment]
        inventory = _Inventory(archive.read(member), file)
    inventory.run()
    folder = names[0].removesuffix(".pkl")
    for key, claimed in inventory.bytes_of.items():
        stored = sizes.get(f"{folder}/{key}", 0)
        if claimed > stored:
            _refuse_claim(file, claimed, stored)


def _has_sums(archive: zipfile.ZipFile) -> bool:
    """Tell whether torch was asked for checksums, as it is unless told otherwise."""
    return any(member.CRC for member in archive.infolist())


def _look_through_pickles(file: Path) -> None:
    """Look through the older format: magic, version, system, content, storages."""
    with file.open("rb") as opened:
        data = opened.read(_LARGEST_PICKLE)
    claimed = 0
    for _ in range(5):
        inventory = _Inventory(data, file)
        found = inventory.run()
        data = data[inventory.stream.tell() :]
        claimed += sum(inventory.bytes_of.values())
    _check_keys(found)
    if claimed > file.stat().st_size:
        _refuse_claim(file, claimed, file.stat().st_size)


def _refuse_claim(file: Path, claimed: int, stored: int) -> None:
    msg = f"{file}: claims {claimed} bytes of numbers where {stored} are stored"
    raise CheckpointError(msg)


def load_weights(state: Mapping[str, Tensor], file: Path) -> BoardNetwork:
    """Build the network that the weights belong to, in float32 and evaluation mode.

    Every tensor is compared with what a network of that shape has.
    """
    is_tower = "stem.conv.weight" in state
    build = _residual_tower(state, file) if is_tower else _othello_net(state, file)
    # On the meta device a network costs no memory, whatever the file claims, and
    # draws no random numbers.
    with torch.device("meta"):
        network = build()
    expected = network.state_dict()
    _check_names(state, network, file)
    for name, tensor in expected.items():
        if name in state:
            _check_tensor(name, state[name], tensor, file)
    weights = {
        name: state.get(name, torch.zeros(tensor.shape)).to(tensor.dtype).contiguous()
        for name, tensor in expected.items()
    }
    network.load_state_dict(weights, assign=True)
    return network.eval()


def check_architecture(network: BoardNetwork) -> None:
    """Refuse a network of a class that could not be loaded again."""
    if type(network) not in ARCHITECTURES:
        names = " or ".join(known.__name__ for known in ARCHITECTURES)
        msg = f"the network is of class {type(network).__name__}, expected {names}"
        raise ValueError(msg)


def _othello_net(state: _Weights, file: Path) -> _Builder:
    channels = _shape(state, "conv1.weight", 4, file)[0]
    actions = _shape(state, "fc3.weight", 2, file)[0]
    size = _board_size(actions, file, channels=channels)
    return partial(OthelloNet, channels, size)


def _residual_tower(state: _Weights, file: Path) -> _Builder:
    channels, planes = _shape(state, "stem.conv.weight", 4, file)[:2]
    actions = _shape(state, "policy_head.fc.weight", 2, file)[0]
    units = _shape(state, "value_head.fc1.weight", 2, file)[0]
    blocks = sum(name.endswith(".conv1.weight") for name in state)
    counts = {"channels": channels, "blocks": blocks, "value units": units}
    size = _board_size(actions, file, **counts)
    if planes not in (1, 2):
        msg = f"{file}: {planes} input planes, expected 1 or 2"
        raise CheckpointError(msg)
    return partial(
        ResidualTower, channels, blocks, size, planes=planes, value_units=units
    )


def _shape(state: _Weights, name: str, dimensions: int, file: Path) -> tuple[int, ...]:
    """Return the shape of a tensor that an architecture is recognised by."""
    if name not in state or state[name].dim() != dimensions:
        found = tuple(state[name].shape) if name in state else "no such tensor"
        msg = (
            f"{file}: {name}: {found}, expected {dimensions} dimensions; the file "
            "holds neither an OthelloNet nor a ResidualTower, so name its network as "
            "package.module:function, and the file as its weights"
        )
        raise CheckpointError(msg)
    return tuple(state[name].shape)


def _board_size(actions: int, file: Path, **counts: int) -> int:
    for name, count in counts.items():
        if count < 1:
            msg = f"{file}: {count} {name}, expected at least 1"
            raise CheckpointError(msg)
    size = isqrt(max(actions - 1, 0))
    if size not in SIZES or size * size + 1 != actions:
        msg = f"{file}: {actions} actions, expected 37 (a 6 x 6 board) or 65 (8 x 8)"
        raise CheckpointError(msg)
    return size


def _check_names(state: _Weights, network: BoardNetwork, file: Path) -> None:
    expected = network.state_dict()
    counters = {name for name in expected if name.endswith("num_batches_tracked")}
    missing = [name for name in expected if name not in state and name not in counters]
    unknown = [name for name in state if name not in expected]
    for names, what in ((missing, "lacks"), (unknown, "holds the unknown tensor")):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            kind = type(network).__name__
            msg = f"{file}: {what} {names[0]}{more}; expected those of {kind}"
            raise CheckpointError(msg)


def _check_tensor(name: str, found: Tensor, expected: Tensor, file: Path) -> None:
    if found.shape != expected.shape:
        msg = (
            f"{file}: {name} has shape {tuple(found.shape)}, "
            f"expected {tuple(expected.shape)}"
        )
        raise CheckpointError(msg)
    if found.is_floating_point() != expected.is_floating_point():
        msg = f"{file}: {name} holds {found.dtype}, expected {expected.dtype}"
        raise CheckpointError(msg)
    # An expanded tensor repeats one number through a stride of 0.
    if found.untyped_storage().nbytes() < found.numel() * found.element_size():
        msg = f"{file}: {name} stores fewer numbers than its shape needs"
        raise CheckpointError(msg)
    if not torch.isfinite(found).all():
        msg = f"{file}: {name} holds nan or infinity; the network is unusable"
        raise CheckpointError(msg)
    if name.endswith("running_var") and (found < 0).any():
        msg = f"{file}: {name} holds a negative variance"
        raise CheckpointError(msg)
