"""Bytes of a store's files, compared with its manifest before they are used.

A shard is compared block by block, those alone that are read, by their XXH3: rows of a
large store do not cost its whole. Once a part was compared, the rest is too, and HDF5
then reads the file itself. It finds any damage but 1 in 2**64; another who means harm
is found by `check_store` alone. All other files are compared whole, by their SHA-256.
What was compared stays so for a process until the file is another one or has been
written to.
"""

import base64
import io
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from xxhash import xxh3_64_intdigest

from conceptlrp.errors import StoreError
from conceptlrp.files import file_digest

#: Bytes that have a sum of their own.
BLOCK: Final = 1 << 16
# Blocks that are compared at once where a file is read on and on.
_MOST_AHEAD = 4
# Of this part of a file on, it is cheaper to compare all of it.
_ENOUGH = 1 / 4
_MOST_FILES = 1 << 16
# Within this time two writes may leave the same times on a file, in nanoseconds.
_TICK = 50_000_000
Stamp = tuple[int, ...]
_compared: dict[tuple[Path, Stamp, str], bytearray] = {}


@dataclass(frozen=True)
class FileEntry:
    """How large a file is and what its bytes are.

    `rounding`, of a shard, is the largest rounding error of each quantity that is
    stored with fewer digits than it was computed with, relative to the largest value of
    the same position. `about`, of a file that was added later, has its "kind", and the
    "target" and "layer" that it is about. `xxh3`, of a shard, has that of its blocks.
    """

    bytes: int
    sha256: str
    rounding: dict[str, float] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)
    xxh3: str = ""


def block_sums(content: bytes | memoryview) -> str:
    """Return the XXH3 (64 bits) of every block, little-endian, in base64."""
    found = np.array(_sums(memoryview(content)), "<u8")
    return base64.b64encode(found.tobytes()).decode()


def _sums(content: memoryview) -> list[int]:
    starts = range(0, len(content), BLOCK)
    return [xxh3_64_intdigest(content[i : i + BLOCK]) for i in starts]


def stamp(found: os.stat_result) -> Stamp:
    """Return what changes when a file is replaced or written to."""
    times = (found.st_mtime_ns, found.st_ctime_ns)
    return (found.st_size, found.st_dev, found.st_ino, *times)


def damage(path: Path, entry: FileEntry, *, again: bool = True) -> str | None:
    """Say how a file differs from its entry, `again` even if it was compared before."""
    if path.is_symlink():
        return "is a link, expected a file"
    if not path.is_file():
        return "is a folder, expected a file" if path.is_dir() else "is missing"
    try:
        found = stamp(path.stat())
        if found[0] != entry.bytes:
            return f"has {found[0]} bytes, expected {entry.bytes}"
        marks = _marks(path, found, entry.sha256, 1)
        if marks[0] and not again:
            return None
        digest = file_digest(path)
    except OSError as error:
        return f"cannot be read: {(error.strerror or str(error)).lower()}"
    if digest != entry.sha256:
        return f"has the SHA-256 {digest[:12]}…, expected {entry.sha256[:12]}…"
    if again and entry.xxh3 and block_sums(path.read_bytes()) != entry.xxh3:
        return "has other sums of its blocks than are listed"
    marks[0] = 1
    return None


def _marks(path: Path, found: Stamp, digest: str, n: int) -> bytearray:
    """Return which of n blocks of a file were compared in this process."""
    if 0 <= time.time_ns() - max(found[-2:]) < _TICK:
        return bytearray(n)
    if len(_compared) > _MOST_FILES:
        _compared.clear()
    return _compared.setdefault((path, found, digest), bytearray(n))


def compared(path: Path, entry: FileEntry) -> "Path | ComparedFile":
    """Return what to read a shard from; the file itself once all was compared."""
    file = ComparedFile(path, entry)
    return path if all(file.good) else file


class ComparedFile(io.RawIOBase):
    """A file for HDF5 to read, each block of which is compared before it is used."""

    def __init__(self, path: Path, entry: FileEntry) -> None:
        try:
            self._file = os.open(path, os.O_RDONLY)
        except OSError as error:
            msg = f"{path}: cannot be read: {(error.strerror or str(error)).lower()}"
            raise StoreError(msg) from error
        self._size, self._at = entry.bytes, 0
        self._sums = np.frombuffer(base64.b64decode(entry.xxh3), "<u8").tolist()
        found = stamp(os.fstat(self._file))
        self.good = _marks(path, found, entry.sha256, len(self._sums))
        # The block after the last one that was compared, and how many at once.
        self._next, self._ahead = 0, 1
        if found[0] != entry.bytes or len(self._sums) != -(-entry.bytes // BLOCK):
            msg = f"{path}: has {found[0]} bytes, expected {entry.bytes}"
            raise StoreError(msg)

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            os.close(self._file)
        super().close()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place in the file."""
        self._at = offset + (self._size if whence == os.SEEK_END else 0)
        return self._at

    def tell(self) -> int:
        """Return the place in the file."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; less than that, or a block of another sum, is an error."""
        size = len(buffer)
        first, last = self._at // BLOCK, -(-(self._at + size) // BLOCK)
        if self.good.find(0, first, last) >= 0:
            goes_on = self._next - 1 <= first <= self._next
            self._ahead = min(2 * self._ahead, _MOST_AHEAD) if goes_on else 1
            self._next = min(max(last, first + self._ahead), len(self._sums))
            self._compare(first, self._next)
        if os.preadv(self._file, [buffer], self._at) != size:
            msg = "is damaged: it ends too early"
            raise StoreError(msg)
        return size

    @property
    def is_much_read(self) -> bool:
        """Whether so much was compared that HDF5 had better read the file itself."""
        return self.good.count(1) > _ENOUGH * len(self.good)

    def compare_rest(self) -> None:
        """Compare all blocks that were not yet."""
        self._compare(0, len(self._sums))

    def _compare(self, first: int, last: int) -> None:
        whole = np.empty(BLOCK * _MOST_AHEAD, np.uint8).data
        while (start := self.good.find(0, first, last)) >= 0:
            first = min(start + _MOST_AHEAD, last)
            part = whole[: BLOCK * (first - start)]
            found = _sums(part[: os.preadv(self._file, [part], BLOCK * start)])
            if found != self._sums[start:first]:
                self._refuse(start, found)
            self.good[start:first] = b"\1" * len(found)

    def _refuse(self, start: int, found: list[int]) -> None:
        """Name the first block whose sum is another one."""
        for number, expected in enumerate(self._sums[start:], start):
            sum_ = found[number - start] if number - start < len(found) else None
            if sum_ != expected:
                begin, end = BLOCK * number, min(BLOCK * (number + 1), self._size)
                has = "are missing" if sum_ is None else f"have the XXH3 {sum_:016x}"
                msg = (
                    f"is damaged: bytes {begin} to {end - 1} {has}, expected "
                    f"{expected:016x}"
                )
                raise StoreError(msg)
