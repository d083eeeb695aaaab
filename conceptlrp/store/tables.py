"""Small tables as one HDF5 file, each with texts that say what it is.

A file has a kind and texts of its own, and groups ``0``, ``1`` ... that hold arrays
by name. Names of layers and targets are texts and never names of groups, since they
may hold any character.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
from numpy.typing import NDArray

from conceptlrp.errors import StoreError
from conceptlrp.hdf5 import (
    HDF5_FORMAT,
    dataset,
    member,
    opened,
    set_text_attributes,
    text_attribute,
)
from conceptlrp.store.arrays import check_kind, set_kind

_MOST_TEXTS = 64
_MOST_TABLES = 10_000
# A channel without any effect packs to next to nothing.
_BEST_RATIO = 4096
_PACKING: dict[str, Any] = {"compression": "gzip", "fletcher32": True}


@dataclass(frozen=True, eq=False)
class Table:
    """Arrays that belong together.

    Attributes
    ----------
    texts : mapping of str to str
        What they are about, such as a layer.
    arrays : mapping of str to ndarray
        Numbers by name.
    """

    texts: Mapping[str, str]
    arrays: Mapping[str, NDArray[Any]]


def encode_tables(
    kind: str, texts: Mapping[str, str], tables: Sequence[Table]
) -> bytes:
    """Return the content of a file of tables.

    Returns: the same tables give the same bytes.
    """
    # HDF5 crashes when the disk is full, so it only ever writes to memory.
    content = BytesIO()
    with h5py.File(content, "w", libver=HDF5_FORMAT) as file:
        set_kind(file, kind)
        set_text_attributes(file, dict(texts))
        for number, table in enumerate(tables):
            group = file.create_group(str(number))
            set_text_attributes(group, dict(table.texts))
            for name, array in sorted(table.arrays.items()):
                packing = _PACKING if array.size else {}
                created = group.create_dataset(
                    name, data=array, track_times=False, **packing
                )
                created.flush()
    return content.getvalue()


def read_tables(path: Path, kind: str) -> tuple[dict[str, str], list[Table]]:
    """Read a file of tables, which may be of any origin.

    Returns `texts`: what all tables are about; `tables`: the tables, in their order.
    """
    with opened(path, StoreError) as file:
        check_kind(file, kind)
        count = len(file)
        if count > _MOST_TABLES:
            msg = f"is refused: it has {count} tables"
            raise StoreError(msg)
        groups = [member(file, str(number), h5py.Group) for number in range(count)]
        return _texts(file), [Table(_texts(each), _arrays(each)) for each in groups]


def _texts(group: h5py.Group) -> dict[str, str]:
    if len(group.attrs) > _MOST_TEXTS:
        msg = f"is refused: it has {len(group.attrs)} attributes"
        raise StoreError(msg)
    return {str(name): text_attribute(group, name) for name in group.attrs}


def _arrays(group: h5py.Group) -> dict[str, NDArray[Any]]:
    if len(group) > _MOST_TEXTS:
        msg = f"is refused: a table has {len(group)} arrays"
        raise StoreError(msg)
    return {
        str(name): dataset(group, name, best_ratio=_BEST_RATIO)[()] for name in group
    }
