"""Receipts: what says that a shard, or a block of maps, is finished.

A receipt is written after the file that it is about, so a file without one, or
with one of another plan, counts as not written.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from conceptlrp.errors import StoreError
from conceptlrp.files import file_digest, write_whole
from conceptlrp.store.format.manifest import FileEntry, read_sealed, seal
from conceptlrp.store.format.schema import ENCODING_VERSION

_TYPE = "conceptlrp-receipt"


@dataclass(frozen=True)
class Receipt:
    """A file that was written, by which plan, and its rounding; see `FileEntry`."""

    file: str
    bytes: int
    sha256: str
    plan: str
    rounding: dict[str, float] = field(default_factory=dict)

    @property
    def entry(self) -> FileEntry:
        """What the manifest says of the file."""
        return FileEntry(self.bytes, self.sha256, self.rounding)


def receipt_path(folder: Path, file: str) -> Path:
    """Where the receipt of a file lies."""
    return folder / f"{Path(file).stem}.json"


def write_receipt(folder: Path, receipt: Receipt) -> None:
    """Say that a file is finished."""
    header = {"encoding-type": _TYPE, "encoding-version": ENCODING_VERSION}
    content = seal({**header, **asdict(receipt)})
    path = receipt_path(folder, receipt.file)
    write_whole(path, content, overwrite=True, error=StoreError)


def read_receipt(folder: Path, file: str, plan: str) -> Receipt | None:
    """Return the receipt of a file, None where it has none of this plan."""
    path = receipt_path(folder, file)
    if not path.is_file():
        return None
    try:
        content: dict[str, Any] = read_sealed(path, "a receipt")
        header = (content.pop("encoding-type"), content.pop("encoding-version"))
        receipt = Receipt(**content)
    except (StoreError, TypeError, KeyError):
        return None
    is_ours = header == (_TYPE, ENCODING_VERSION) and receipt.file == file
    return receipt if is_ours and receipt.plan == plan else None


def is_intact(folder: Path, file: str, entry: FileEntry, *, verify: bool) -> bool:
    """Tell whether a file is there with its size and, if asked for, its hash.

    Returns: False for a link or a folder in its place.
    """
    path = folder / file
    if path.is_symlink() or not path.is_file():
        return False
    if path.stat().st_size != entry.bytes:
        return False
    return not verify or file_digest(path) == entry.sha256
