"""The manifest of a store: its plan, its parts and the hash of every file.

While a run goes on, a receipt says that a shard, or a block of maps, is finished. It is
written after the file that it is about, so a file without one, or with one of another
plan, counts as not written.
"""

import hashlib
import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from conceptlrp.errors import StoreError
from conceptlrp.files import write_whole
from conceptlrp.jsontext import loads
from conceptlrp.store.format import schema
from conceptlrp.store.format.integrity import (
    FileEntry,
    Stamp,
    block_sums,
    damage,
    stamp,
)
from conceptlrp.store.format.plan import Plan

RUNNING, COMPLETE = "running", "complete"
# Names that stay in the folder, on every file system.
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,199}")
_CORPUS = re.compile(r"corpus-\d{1,9}\.h5")
_BASELINE = re.compile(r"baseline-\d{1,9}\.h5")
_SHARD = "shard-"
_HASH = re.compile(r"[0-9a-f]{64}")
_MOST_ROWS = 1 << 32
_BEGINNING = 256
_MOST_SHARDS = 1 << 18
_MOST_REPLACED = 32
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class ShardSpec:
    """Which positions a shard holds, from `start` to before `stop`."""

    index: int
    start: int
    stop: int

    @property
    def file(self) -> str:
        """Name of its file."""
        return f"{_SHARD}{self.index:05d}.h5"

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Part:
    """Positions that came together: those of the first run, or appended ones.

    From `start` on they are cut into shards of `shard_size`.
    """

    start: int
    stop: int
    shard_size: int


@dataclass(frozen=True)
class Manifest:
    """What a store holds and where it came from.

    Attributes
    ----------
    plan : Plan
        What is computed, and with what.
    state : str
        "running" until all shards and what is derived from them are there, then
        "complete".
    board_size, codec : int, str
        Side of the board, and how the arrays are packed: one of `CODECS`.
    corpus_file : str
        Name of the file of the positions.
    parts : tuple of Part
        The positions in order.
    files : dict of str to FileEntry
        Every file that is complete, by name.
    """

    plan: Plan
    state: str
    board_size: int
    codec: str
    corpus_file: str
    parts: tuple[Part, ...]
    files: dict[str, FileEntry] = field(default_factory=dict)

    @property
    def network(self) -> dict[str, Any]:
        """Name, architecture, size and digest of the network."""
        return self.plan.network

    @property
    def corpus(self) -> dict[str, Any]:
        """Digest, number of positions and of games."""
        return self.plan.corpus

    @property
    def composite(self) -> dict[str, Any]:
        """Name of the composite and the rule of every module."""
        return self.plan.composite

    @property
    def baseline(self) -> dict[str, Any]:
        """Kind and digest of what relevance is above, empty for zero."""
        return self.plan.baseline

    @property
    def baseline_file(self) -> str | None:
        """Name of the file of the baseline, None where it is zero."""
        return next((name for name in self.files if _BASELINE.fullmatch(name)), None)

    @property
    def layers(self) -> dict[str, dict[str, int]]:
        """Channels, height and width of every layer."""
        return self.plan.layers

    @property
    def rounding(self) -> dict[str, float]:
        """The largest rounding error of each quantity in any shard."""
        found: dict[str, float] = {}
        for entry in self.files.values():
            for name, error in entry.rounding.items():
                found[name] = max(error, found.get(name, 0.0))
        return found

    @property
    def positions(self) -> int:
        """Number of positions, N."""
        return self.parts[-1].stop

    @property
    def is_complete(self) -> bool:
        """Whether the run has finished."""
        return self.state == COMPLETE

    def shards(self) -> list[ShardSpec]:
        """Return which positions every shard holds, in order."""
        bounds = [
            (start, min(start + part.shard_size, part.stop))
            for part in self.parts
            for start in range(part.start, part.stop, part.shard_size)
        ]
        return [ShardSpec(i, start, stop) for i, (start, stop) in enumerate(bounds)]

    def with_files(self, files: dict[str, FileEntry], **changes: Any) -> "Manifest":
        """Return the manifest with another table of files, sorted by name."""
        return replace(self, files=dict(sorted(files.items())), **changes)


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the text of `manifest.json`."""
    content = {**asdict(manifest), "plan": manifest.plan.to_json()}
    for entry in content["files"].values():
        for name in ("about", "xxh3"):
            if not entry[name]:
                del entry[name]
    content["parts"] = [[p.start, p.stop, p.shard_size] for p in manifest.parts]
    header = {
        "encoding-type": schema.ENCODING_TYPE,
        "encoding-version": schema.ENCODING_VERSION,
    }
    return seal({**header, **content})


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put a manifest in the place of the one that stands there, if any."""
    write_file(folder, schema.MANIFEST, manifest_bytes(manifest))


def entry_of(file: str, content: bytes | memoryview) -> FileEntry:
    """Return the entry of a file with this content."""
    xxh3 = block_sums(content) if file.startswith(_SHARD) else ""
    return FileEntry(len(content), hashlib.sha256(content).hexdigest(), xxh3=xxh3)


def write_file(folder: Path, file: str, content: bytes | memoryview) -> FileEntry:
    """Write a file of a store, and return its entry of the manifest."""
    path = folder / file
    write_whole(path, content, overwrite=True, error=StoreError, token=None)
    return entry_of(file, content)


def is_store(folder: Path) -> bool:
    """Tell whether a folder has a manifest of a store, whole or damaged."""
    try:
        with (folder / schema.MANIFEST).open("rb") as file:
            return schema.ENCODING_TYPE.encode() in file.read(_BEGINNING)
    except OSError:
        return False


def read_manifest(folder: Path) -> Manifest:
    """Read and check the manifest of a store."""
    path = folder / schema.MANIFEST
    if not path.is_file():
        msg = f"{folder}: no relevance store here, expected a folder with {path.name}"
        raise StoreError(msg)
    content = read_sealed(path, "the manifest of a relevance store")
    kind, version = (content.pop(f"encoding-{x}", None) for x in ("type", "version"))
    if (kind, version) != (schema.ENCODING_TYPE, schema.ENCODING_VERSION):
        msg = (
            f"{path}: {kind} of version {version}, expected {schema.ENCODING_TYPE} of "
            f"version {schema.ENCODING_VERSION}"
        )
        raise StoreError(msg)
    try:
        return _parse(content)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        msg = f"{path}: damaged manifest ({error}); compute the store again"
        raise StoreError(msg) from None


def current_manifest(folder: Path) -> Manifest:
    """Return the manifest as it stands now, read again only where it was replaced.

    That of many shards is long, and is asked for at each of them.
    """
    # One that went is told of by reading it.
    return _read_stamped(folder, written(folder))


@lru_cache(maxsize=4)
def _read_stamped(folder: Path, _stamp: tuple[int, ...]) -> Manifest:
    return read_manifest(folder)


def written(folder: Path) -> Stamp:
    """Return what tells a manifest from the one before, empty where there is none."""
    with suppress(FileNotFoundError):
        return stamp((folder / schema.MANIFEST).stat())
    return ()


def rereading(method: Callable[P, R]) -> Callable[P, R]:
    """Let a method of a store, or of a part of one, begin again by a new manifest.

    Between reading the manifest and a file that it names, that may be replaced.
    """

    @wraps(method)
    def read(*args: P.args, **kwargs: P.kwargs) -> R:
        store: Any = getattr(args[0], "_store", args[0])
        for _ in range(_MOST_REPLACED):
            before = written(store.path)
            try:
                return method(*args, **kwargs)
            except StoreError:
                if written(store.path) == before:
                    raise
        return method(*args, **kwargs)

    return read


def _parse(content: dict[str, Any]) -> Manifest:
    plan = Plan.from_json(content.pop("plan"))
    parts = tuple(Part(*part) for part in content.pop("parts"))
    files = {name: _entry(each) for name, each in content.pop("files").items()}
    manifest = Manifest(plan=plan, parts=parts, files=files, **content)
    _check_parts(manifest)
    if not _CORPUS.fullmatch(manifest.corpus_file) or manifest.corpus_file not in files:
        msg = f"the file of the positions is named {manifest.corpus_file!r}"
        raise ValueError(msg)
    if bool(plan.baseline) != (manifest.baseline_file is not None):
        msg = f"the file of the baseline is {manifest.baseline_file}"
        raise ValueError(msg)
    for name in files:
        if not _NAME.fullmatch(name):
            msg = f"a file is named {name!r}, which is no name of a file in the folder"
            raise ValueError(msg)
    for name, entry in files.items():
        if not isinstance(entry.bytes, int) or not _HASH.fullmatch(entry.sha256):
            msg = f"'{name}' has {entry.bytes!r} bytes with the hash {entry.sha256!r}"
            raise ValueError(msg)
        if not all(isinstance(error, float) for error in entry.rounding.values()):
            msg = f"'{name}' has rounding errors {entry.rounding!r}"
            raise ValueError(msg)
        words = (entry.xxh3, *entry.about.values())
        if not all(isinstance(word, str) for word in words):
            msg = f"'{name}' is about {entry.about!r}"
            raise ValueError(msg)
    return manifest


def _entry(content: dict[str, Any]) -> FileEntry:
    """Return an entry; what a version to come says besides is no damage."""
    known = {each.name for each in fields(FileEntry)}
    return FileEntry(**{key: content[key] for key in content if key in known})


def _check_parts(manifest: Manifest) -> None:
    """Raise `ValueError` unless the parts are all positions, in order."""
    stop = 0
    for part in manifest.parts:
        sizes = (part.start, part.stop, part.shard_size)
        in_order = part.start == stop < part.stop and part.shard_size > 0
        if not in_order or not all(type(size) is int for size in sizes):
            msg = f"a part holds positions {part.start} to {part.stop}"
            raise ValueError(msg)
        stop = part.stop
    expected = manifest.plan.corpus.get("positions")
    if stop != expected or not 0 < stop < _MOST_ROWS:
        msg = f"the parts hold {stop} positions, expected {expected}"
        raise ValueError(msg)
    shards = sum(-(-(p.stop - p.start) // p.shard_size) for p in manifest.parts)
    if shards > _MOST_SHARDS:
        msg = f"there are {shards} shards, expected {_MOST_SHARDS} at most"
        raise ValueError(msg)
    known = (
        ("state", manifest.state, (RUNNING, COMPLETE)),
        ("board_size", manifest.board_size, (6, 8)),
        ("codec", manifest.codec, schema.CODECS),
    )
    for name, value, expected in known:
        if value not in expected:
            msg = f"{name} is {value!r}"
            raise ValueError(msg)


_LARGEST = 1 << 28
_TAIL = ',\n  "digest": "{}"\n}}\n'


def seal(content: dict[str, Any]) -> bytes:
    """Return JSON text with the SHA-256 of all that stands before it as last entry."""
    body = json.dumps(content, indent=2).removesuffix("\n}").encode()
    return body + _TAIL.format(hashlib.sha256(body).hexdigest()).encode()


def read_sealed(path: Path, what: str) -> dict[str, Any]:
    """Read what `seal` wrote, without the digest."""
    try:
        if path.stat().st_size > _LARGEST:
            msg = f"{path}: not {what} ({path.stat().st_size} bytes are too many)"
            raise StoreError(msg)
        text = path.read_bytes()
        content = loads(text)
        found = content.pop("digest")
    except OSError as error:
        msg = f"{path}: cannot be read: {(error.strerror or str(error)).lower()}"
        raise StoreError(msg) from error
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        msg = f"{path}: not {what} ({error!r})"
        raise StoreError(msg) from None
    if not _is_intact(text, found):
        msg = f"{path}: damaged, its text does not agree with its digest"
        raise StoreError(msg)
    return dict(content)


def _is_intact(text: bytes, digest: Any) -> bool:
    tail = _TAIL.format(digest).encode(errors="replace")
    body = text.removesuffix(tail)
    return body != text and hashlib.sha256(body).hexdigest() == digest


_TYPE = "conceptlrp-receipt"


def receipt_path(folder: Path, file: str) -> Path:
    """Where the receipt of a file lies."""
    return folder / f"{Path(file).stem}.json"


def write_receipt(folder: Path, file: str, plan: str, entry: FileEntry) -> None:
    """Say that a file is finished, and by which plan, told by its fingerprint."""
    header = {"encoding-type": _TYPE, "encoding-version": schema.ENCODING_VERSION}
    content = seal({**header, "file": file, "plan": plan, **asdict(entry)})
    write_file(folder, receipt_path(folder, file).name, content)


def read_receipt(folder: Path, file: str, plan: str) -> FileEntry | None:
    """Return what the receipt of a file says, None where it has none of this plan."""
    path = receipt_path(folder, file)
    if not path.is_file():
        return None
    names = ("encoding-type", "encoding-version", "file", "plan")
    try:
        content = read_sealed(path, "a receipt")
        found = tuple(content.get(name) for name in names)
        entry = _entry(content)
    except (StoreError, TypeError):
        return None
    return entry if found == (_TYPE, schema.ENCODING_VERSION, file, plan) else None


def entry_now(folder: Path, manifest: Manifest, file: str) -> FileEntry | None:
    """Return what the receipt of a file says of it, or else the manifest."""
    plan = manifest.plan.fingerprint
    return read_receipt(folder, file, plan) or manifest.files.get(file)


def is_intact(folder: Path, file: str, entry: FileEntry, *, verify: bool) -> bool:
    """Tell whether a file, no link, has its size and, if asked for, its hash."""
    path = folder / file
    if verify:
        return damage(path, entry) is None
    is_file = path.is_file() and not path.is_symlink()
    return is_file and path.stat().st_size == entry.bytes
