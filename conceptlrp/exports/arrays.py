"""Arrays for numpy: one archive of plain arrays that says what it holds.

Shapes use N positions, C channels, A actions and n x n squares. Arrays are written
block by block and without compression, so memory stays that of one block; dates are
left out, so the same store gives the same bytes.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray

from conceptlrp.exports.extract import QUANTITIES, Extract, Selection, extract
from conceptlrp.files import file_stem
from conceptlrp.lrp.targets import unit_of
from conceptlrp.networks.planes import crop
from conceptlrp.othello.board import to_boards
from conceptlrp.staging import staged_file
from conceptlrp.store.reader import AnyStore

_README = "README.npy"
_FIRST_DATE = (1980, 1, 1, 0, 0, 0)
_OF_POSITIONS = {
    "own": "discs of the side to move, bit 8 * rank + file of an 8 x 8 board",
    "opponent": "discs of the other side",
    "mover": "0 black, 1 white",
    "ply": "moves played before",
    "played": "square of the move that was played, negative where unknown",
    "game": "number of the game",
}
_OF_CHANNELS = {
    "relevance": "summed over the feature map, in the unit of the explained output",
    "share": "relevance over the sum of its magnitudes over the layer",
    "activation": "summed over the feature map",
}


@dataclass(frozen=True)
class _Array:
    """One array with a row for each position: what it is and how it is read."""

    name: str
    about: str
    read: Callable[[slice], NDArray[Any]]


def npz(
    store: AnyStore,
    path: str | os.PathLike[str],
    chosen: Selection | None = None,
    *,
    overwrite: bool = False,
) -> Path:
    """Write positions, outputs and channel relevance as arrays.

    ``numpy.load(path, allow_pickle=False)`` reads them; its key ``README`` says what
    each of the others is and where the numbers come from.

    Parameters
    ----------
    store, path, chosen, overwrite
        As for `parquet`, and the file to write.

    Returns
    -------
    Path
        The file.
    """
    found = extract(store, chosen)
    with (
        staged_file(path, is_kind=_is_export, overwrite=overwrite) as staging,
        ZipFile(staging, "w") as archive,
    ):
        lines = [_write(archive, found, array) for array in _arrays(found)]
        lines += [f"{name}: {value}" for name, value in found.provenance().items()]
        with archive.open(_member(_README), "w") as file:
            np.lib.format.write_array(file, np.array("\n".join(lines)))
    return Path(path)


def _arrays(chosen: Extract) -> Iterator[_Array]:
    store, corpus = chosen.store, chosen.store.positions

    def of_rows(read: Callable[..., Any], **asked: Any) -> Callable[..., Any]:
        return lambda block: read(rows=chosen.rows[block], **asked)

    yield _Array("row", "row of the store", lambda block: chosen.rows[block])
    yield _Array("id", "place in the corpus", lambda b: store.ids[chosen.rows[b]])
    for name, about in _OF_POSITIONS.items():
        column = getattr(corpus, name)[chosen.rows]
        yield _Array(name, about, column.__getitem__)
    about = "1 a disc of the side to move, -1 one of the other side; row 0 is rank 1"
    yield _Array("board", about, lambda block: _boards(chosen, block))
    yield _Array("logits", "of the policy", of_rows(store.arrays.logits))
    about = unit_of("value", store.manifest.plan.value_kind)
    yield _Array("value", about, of_rows(store.arrays.value))
    about, asked = f"the explained output '{chosen.target}'", {"target": chosen.target}
    yield _Array("explained", about, of_rows(store.arrays.explained, **asked))
    about = "relevance of the squares for the explained output"
    yield _Array("heatmap", about, of_rows(store.arrays.heatmap, **asked))
    for layer in chosen.layers:
        for quantity in QUANTITIES:
            yield _of_channels(chosen, quantity, layer)


def _of_channels(chosen: Extract, quantity: str, layer: str) -> _Array:
    plan = chosen.store.manifest.plan
    is_above = bool(plan.baseline) and quantity != "activation"
    above = f", above {plan.above}" if is_above else ""
    return _Array(
        f"{quantity}.{file_stem(layer)}",
        f"layer {layer}, {_OF_CHANNELS[quantity]}{above}",
        lambda block: chosen.read(quantity, layer, block),
    )


def _boards(chosen: Extract, block: slice) -> NDArray[np.int8]:
    corpus, rows = chosen.store.positions, chosen.rows[block]
    boards = to_boards(corpus.own[rows], corpus.opponent[rows])
    return crop(boards, size=corpus.size)[:, 0]


def _write(archive: ZipFile, chosen: Extract, array: _Array) -> str:
    """Write an array and return the line that describes it."""
    first = array.read(slice(0, 1))
    shape = (len(chosen), *first.shape[1:])
    header = {
        "descr": np.lib.format.dtype_to_descr(first.dtype),
        "fortran_order": False,
        "shape": shape,
    }
    with archive.open(_member(f"{array.name}.npy"), "w", force_zip64=True) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for block in chosen.blocks(array.name):
            file.write(np.ascontiguousarray(array.read(block)).data)
    return f"{array.name}, {first.dtype} {shape}: {array.about}"


def _member(name: str) -> ZipInfo:
    return ZipInfo(name, date_time=_FIRST_DATE)


def _is_export(path: Path) -> bool:
    try:
        with ZipFile(path) as archive:
            # Text in numpy's files has four bytes a letter.
            return "exported by: conceptlrp".encode("utf-32-le") in archive.read(
                _README
            )
    except (BadZipFile, KeyError):
        return False
