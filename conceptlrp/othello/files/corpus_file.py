"""Corpora on disk, as HDF5: ``positions/`` and ``games/``, one dataset a column.

Every dataset has one dimension but ``games/moves``, which is (G, M). Text is UTF-8
of fixed length. Only filters that come with HDF5 are used, and none at all in a store,
whose processes map the columns instead of reading them. The root attributes
``encoding-type``, ``encoding-version``, ``board-size`` and ``digest`` tell what
the file is; a file that does not agree with its digest is damaged. Version 1 had
neither ``notes`` nor the starts of games, all of which began from the usual one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.errors import CorpusFileError
from conceptlrp.hdf5 import (
    HDF5_FORMAT,
    dataset,
    mapped,
    member,
    opened,
    set_text_attributes,
    text_attribute,
)
from conceptlrp.othello.board import NO_MOVE, PASS, REGION
from conceptlrp.othello.games import (
    GAME_COLUMNS,
    POSITION_COLUMNS,
    STARTS,
    Columns,
    Games,
)
from conceptlrp.othello.replay import usual_starts
from conceptlrp.othello.symmetry import SYMMETRIES

_TYPE: Final = "conceptlrp-corpus"
_VERSION: Final = 2
_TEXT: Final = "text"
#: Types of the columns of positions and of games, but the moves of these.
COLUMNS: Final = {
    place: {n: _TEXT if k is np.str_ else np.dtype(k).name for n, k in kinds.items()}
    for place, kinds in (("positions", POSITION_COLUMNS), ("games", GAME_COLUMNS))
}
_CHUNK_BYTES: Final = 1 << 19
# Numbers are read several times as quickly where they begin at multiples of their size.
_ALIGNED: Final = {"alignment_threshold": 1 << 12, "alignment_interval": 64}
# Entries that are looked at together.
_AT_ONCE: Final = 1 << 18


class StoredGames(Games):
    """Games of a file, whose names are decoded when they are first asked for."""

    def __init__(self, columns: Columns, size: int) -> None:
        text = {n: c for n, c in columns.items() if c.dtype.kind == "S"}
        plain = {n: c for n, c in columns.items() if n not in text}
        vars(self).update(plain, size=size, _text=text)
        self.__post_init__()

    def __getattr__(self, name: str) -> NDArray[np.str_]:
        text = vars(self).get("_text", {})
        if name not in text:
            raise AttributeError(name)
        vars(self)[name] = found = _text(text[name])
        return found

    def raw_columns(self) -> Columns:
        """Return the columns by name, text as it is in the file."""
        known = {**vars(self), **vars(self)["_text"]}
        return {f.name: known[f.name] for f in fields(self) if f.name != "size"}

    def take(self, indices: ArrayLike) -> Games:
        """Choose games by rows or by a mask of shape (G,), with all columns."""
        chosen = np.asarray(indices)
        taken = {name: c[chosen] for name, c in self.raw_columns().items()}
        text = {n: _text(c) for n, c in taken.items() if c.dtype.kind == "S"}
        return Games(**{**taken, **text}, size=self.size)


def corpus_bytes(
    corpus: Mapping[str, Any], digest: str, *, packed: bool = True
) -> memoryview:
    """Return the bytes of the file of a corpus, given its fields by name."""
    # HDF5 crashes when the disk is full, so it only ever writes to memory.
    content, how = BytesIO(), {} if packed else _ALIGNED
    with h5py.File(content, "w", libver=HDF5_FORMAT, **how) as file:
        _write(file, corpus, digest, packed=packed)
    return content.getbuffer()


def read_corpus(path: Path) -> tuple[dict[str, Any], str]:
    """Read the fields of a corpus and its digest, which are not yet compared."""
    if not path.is_file():
        msg = f"{path}: is no file" if path.exists() else f"{path}: no such file"
        raise CorpusFileError(msg)
    with opened(path, CorpusFileError) as file:
        size, digest, version = _read_header(file)
        found = _read_columns(file, COLUMNS["positions"], "positions")
        games = _read_games(file, size, version)
        _check_values(found, games)
        notes = _lines(file, "notes") if version > 1 else ()
        texts = {"problems": _lines(file, "problems"), "notes": notes}
    return {**found, "games": games, **texts}, digest


def load_columns(path: str | Path, names: Iterable[str], *, digest: str) -> Columns:
    """Read some columns of a corpus by name, and nothing else of it."""
    path = Path(path)
    with opened(path, CorpusFileError) as file:
        _, found, _ = _read_header(file)
        if found != digest:
            msg = f"is of the corpus {found[:8]}, expected {digest[:8]}"
            raise CorpusFileError(msg)
        return {name: _named_column(file, name) for name in names}


def _named_column(file: h5py.File, name: str) -> NDArray[Any]:
    place = "games" if name in GAME_COLUMNS else "positions"
    kind = COLUMNS[place][name]
    column = _column(member(file, place, h5py.Group), name, kind)
    return _text(column) if kind == _TEXT else column


def _write(
    file: h5py.File, corpus: Mapping[str, Any], digest: str, *, packed: bool
) -> None:
    header = {
        "encoding-type": _TYPE,
        "encoding-version": str(_VERSION),
        "board-size": str(corpus["games"].size),
        "digest": digest,
    }
    set_text_attributes(file, header)
    for name in POSITION_COLUMNS:
        _write_column(file, f"positions/{name}", corpus[name], packed=packed)
    for name, column in corpus["games"].raw_columns().items():
        _write_column(file, f"games/{name}", column, packed=packed)
    for name in ("problems", "notes"):
        _write_column(file, name, np.array(corpus[name], np.str_), packed=packed)


def _write_column(
    file: h5py.File, name: str, column: NDArray[Any], *, packed: bool
) -> None:
    dtype: Any = column.dtype
    if column.dtype.kind in "US":
        encoded = np.char.encode(column, "utf-8") if dtype.kind == "U" else column
        dtype = h5py.string_dtype("utf-8", max(encoded.itemsize, 1))
        column = encoded.astype(dtype)
    if not column.size:
        file.create_dataset(name, shape=column.shape, dtype=dtype)
        return
    if not packed:
        file.create_dataset(name, data=column, dtype=dtype)
        return
    rows = max(1, _CHUNK_BYTES * len(column) // max(column.nbytes, 1))
    file.create_dataset(
        name,
        data=column,
        dtype=dtype,
        chunks=(min(rows, len(column)), *column.shape[1:]),
        compression="gzip",
        compression_opts=4,
        shuffle=True,
    )


def _lines(file: h5py.File, name: str) -> tuple[str, ...]:
    return tuple(_text(_column(file, name, _TEXT)).tolist())


def _read_header(file: h5py.File) -> tuple[int, str, int]:
    """Return the size of the board, the digest and the version of the format."""
    kind, version = text_attribute(file, "encoding-type"), 0
    if kind != _TYPE:
        msg = f"is no corpus, expected encoding-type {_TYPE!r}, found {kind!r}"
        raise CorpusFileError(msg)
    text = text_attribute(file, "encoding-version")
    if text.isdecimal() and len(text) < 10:
        version = int(text)
    if version > _VERSION:
        msg = (
            f"is a corpus of version {version}, this conceptlrp reads up to "
            f"{_VERSION}; install a newer conceptlrp"
        )
        raise CorpusFileError(msg)
    size, digest = text_attribute(file, "board-size"), text_attribute(file, "digest")
    if version < 1 or size not in map(str, REGION):
        msg = f"is damaged: encoding-version {text!r}, board-size {size!r}"
        raise CorpusFileError(msg)
    return int(size), digest, version


def _read_games(file: h5py.File, size: int, version: int) -> Games:
    kinds = COLUMNS["games"]
    if version == 1:
        kinds = {n: kind for n, kind in kinds.items() if n not in STARTS}
    columns = _read_columns(file, kinds, "games")
    moves = _column(member(file, "games", h5py.Group), "moves", "int8", ndim=2)
    if version == 1:
        columns |= zip(STARTS, usual_starts(len(moves), size), strict=True)
    return StoredGames({**columns, "moves": moves}, size)


def _read_columns(file: h5py.File, kinds: dict[str, str], place: str) -> Columns:
    group, columns = member(file, place, h5py.Group), {}
    for name, kind in kinds.items():
        columns[name] = _column(group, name, kind)
        for first in range(0, len(columns[name]) * (kind == _TEXT), _AT_ONCE):
            b"\0".join(columns[name][first : first + _AT_ONCE].tolist()).decode()
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        msg = f"is damaged: columns of {group.name} have lengths {lengths}"
        raise CorpusFileError(msg)
    return columns


def _column(group: h5py.Group, name: str, kind: str, *, ndim: int = 1) -> NDArray[Any]:
    """Read a dataset, once it is certain that it is what the format says."""
    found = dataset(group, name)
    fits = found.dtype.kind == "S" if kind == _TEXT else found.dtype == kind
    if not fits or found.ndim != ndim:
        msg = (
            f"is damaged: {found.name} is {found.dtype} of shape {found.shape}, "
            f"expected {kind} of {ndim} dimension{'s' * (ndim > 1)}"
        )
        raise CorpusFileError(msg)
    return mapped(found)


def _check_values(positions: Columns, games: Games) -> None:
    """Refuse values that would make later stages fail in unclear ways."""
    in_order = {
        "own, opponent": _are_boards(
            positions["own"], positions["opponent"], games.size
        ),
        "start_black, start_white": _are_boards(
            games.start_black, games.start_white, games.size
        ),
        "start_mover": _between(games.start_mover, 0, 1),
        "mover": _between(positions["mover"], 0, 1),
        "ply": _between(positions["ply"], 0, games.moves.shape[1]),
        "played": _between(positions["played"], NO_MOVE, PASS),
        "game": _between(positions["game"], 0, len(games) - 1),
        "symmetry": _between(positions["symmetry"], 0, SYMMETRIES - 1),
        "moves": _between(games.moves, NO_MOVE, PASS - 1),
        "score": _between(games.score, -1, games.size**2),
    }
    wrong = [name for name, fine in in_order.items() if not fine]
    if wrong:
        msg = f"is damaged: values out of range in {', '.join(wrong)}"
        raise CorpusFileError(msg)


def _are_boards(one: NDArray[np.uint64], other: NDArray[np.uint64], size: int) -> bool:
    for first in range(0, len(one), _AT_ONCE):
        mine, theirs = (side[first : first + _AT_ONCE] for side in (one, other))
        outside = (mine | theirs) & ~np.uint64(REGION[size])
        if (mine & theirs | outside).any():
            return False
    return True


def _between(column: NDArray[Any], low: int, high: int) -> bool:
    return not column.size or bool(low <= column.min() and column.max() <= high)


def _text(column: NDArray[Any]) -> NDArray[np.str_]:
    return np.char.decode(column, "utf-8").astype(np.str_)
