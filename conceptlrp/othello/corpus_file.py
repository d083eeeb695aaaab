"""Corpora on disk, as HDF5: ``positions/`` and ``games/``, one dataset a column.

Every dataset has one dimension but ``games/moves``, which is (G, M). Text is UTF-8
of fixed length. Only filters that come with HDF5 are used. The root attributes
``encoding-type``, ``encoding-version``, ``board-size`` and ``digest`` tell what
the file is; a file that does not agree with its digest is damaged.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import CorpusFileError
from conceptlrp.othello.board import NO_MOVE, PASS, REGION
from conceptlrp.othello.corpus import Corpus
from conceptlrp.othello.games import Games
from conceptlrp.othello.output import written_whole
from conceptlrp.othello.symmetry import SYMMETRIES

_TYPE: Final = "conceptlrp-corpus"
_VERSION: Final = 1
_TEXT: Final = "text"
_POSITIONS: Final = {
    "own": "uint64",
    "opponent": "uint64",
    "mover": "uint8",
    "ply": "uint8",
    "played": "int8",
    "game": "int32",
    "symmetry": "uint8",
}
_GAMES: Final = {
    "black": _TEXT,
    "white": _TEXT,
    "tournament": _TEXT,
    "year": "int16",
    "score": "int8",
    "recorded_score": "int8",
    "theoretical_score": "int8",
    "finished": "bool",
    "source": _TEXT,
    "index": "int32",
}
# From HDF5 1.10 on, what describes the data carries checksums. Without them a
# damaged file can crash the library instead of being refused.
_HDF5_FORMAT: Final = ("v110", "v110")
_CHUNK_BYTES: Final = 1 << 19
# Deflate cannot make data smaller than this, so a dataset that claims to hold more
# than its bytes allow is refused before memory is asked for.
_BEST_RATIO: Final = 1100


def save_corpus(corpus: Corpus, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a corpus with the games that its positions come from.

    Parameters
    ----------
    corpus : Corpus
        The positions. The same corpus gives the same bytes.
    path : str or Path
        The file, usually ``.h5``. It appears once it is complete.
    overwrite : bool
        Replace what stands at the path.

    Raises
    ------
    OutputExistsError
        Something stands at the path and is not to be overwritten.
    CorpusFileError
        The file cannot be written.
    """
    # HDF5 crashes when the disk is full, so it only ever writes to memory.
    content = BytesIO()
    with written_whole(path, overwrite=overwrite, error=CorpusFileError) as unfinished:
        with h5py.File(content, "w", libver=_HDF5_FORMAT) as file:
            _write(file, corpus.compact(), corpus.digest)
        unfinished.write_bytes(content.getbuffer())


def load_corpus(path: str | Path) -> Corpus:
    """Read a corpus.

    Parameters
    ----------
    path : str or Path
        A file that `save_corpus` wrote.

    Returns
    -------
    Corpus
        Equal to what was saved, without games that no position came from.

    Raises
    ------
    CorpusFileError
        The file is missing, damaged, of a newer version, or no corpus.
    """
    path = Path(path)
    if not path.is_file():
        message = f"{path}: is no file" if path.exists() else f"{path}: no such file"
        raise CorpusFileError(message)
    with _clear_errors(path), h5py.File(path, "r") as file:
        size, digest = _read_header(file)
        corpus = Corpus(
            **_read_columns(_group(file, "positions"), _POSITIONS),
            games=_read_games(_group(file, "games"), size),
            problems=tuple(_text(_column(file, "problems", _TEXT)).tolist()),
        )
        _check_values(corpus)
        if corpus.digest != digest:
            message = "is damaged: its content does not agree with its digest"
            raise CorpusFileError(message)
    return corpus


def _write(file: h5py.File, corpus: Corpus, digest: str) -> None:
    header = {
        "encoding-type": _TYPE,
        "encoding-version": str(_VERSION),
        "board-size": str(corpus.size),
        "digest": digest,
    }
    for name, value in header.items():
        file.attrs.create(name, value, dtype=h5py.string_dtype("utf-8", len(value)))
    for name, column in corpus.columns().items():
        _write_column(file, f"positions/{name}", column)
    for name, column in corpus.games.columns().items():
        _write_column(file, f"games/{name}", column)
    _write_column(file, "problems", np.array(corpus.problems, np.str_))


def _write_column(file: h5py.File, name: str, column: NDArray[Any]) -> None:
    dtype: Any = column.dtype
    if column.dtype.kind == "U":
        encoded = np.char.encode(column, "utf-8")
        dtype = h5py.string_dtype("utf-8", max(encoded.itemsize, 1))
        column = encoded.astype(dtype)
    if not column.size:
        file.create_dataset(name, shape=column.shape, dtype=dtype)
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


def _read_header(file: h5py.File) -> tuple[int, str]:
    kind, version = _attribute(file, "encoding-type"), 0
    if kind != _TYPE:
        message = f"is no corpus, expected encoding-type {_TYPE!r}, found {kind!r}"
        raise CorpusFileError(message)
    text = _attribute(file, "encoding-version")
    if text.isdecimal() and len(text) < 10:
        version = int(text)
    if version > _VERSION:
        message = (
            f"is a corpus of version {version}, this conceptlrp reads up to "
            f"{_VERSION}; install a newer conceptlrp"
        )
        raise CorpusFileError(message)
    size, digest = _attribute(file, "board-size"), _attribute(file, "digest")
    if version < 1 or size not in map(str, REGION):
        message = f"is damaged: encoding-version {text!r}, board-size {size!r}"
        raise CorpusFileError(message)
    return int(size), digest


def _attribute(file: h5py.File, name: str) -> str:
    """Return an attribute that is text of fixed length, else an empty text."""
    if name not in file.attrs:
        return ""
    found = file.attrs.get_id(name)
    # Text of variable length is not even read: damaged, it can crash HDF5.
    if found.dtype.kind != "S" or found.shape != ():
        return ""
    return bytes(file.attrs[name]).decode("utf-8")


def _read_games(group: h5py.Group, size: int) -> Games:
    columns = _read_columns(group, _GAMES)
    return Games(moves=_column(group, "moves", "int8", ndim=2), **columns, size=size)


def _read_columns(group: h5py.Group, kinds: dict[str, str]) -> dict[str, NDArray[Any]]:
    columns = {}
    for name, kind in kinds.items():
        column = _column(group, name, kind)
        columns[name] = _text(column) if kind == _TEXT else column
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        message = f"is damaged: columns of {group.name} have lengths {lengths}"
        raise CorpusFileError(message)
    return columns


def _column(group: h5py.Group, name: str, kind: str, *, ndim: int = 1) -> NDArray[Any]:
    """Read a dataset, once it is certain that it is what the format says."""
    dataset = _child(group, name, h5py.Dataset)
    fits = dataset.dtype.kind == "S" if kind == _TEXT else dataset.dtype == kind
    if not fits or dataset.ndim != ndim:
        message = (
            f"is damaged: {dataset.name} is {dataset.dtype} of shape {dataset.shape}, "
            f"expected {kind} of {ndim} dimension{'s' * (ndim > 1)}"
        )
        raise CorpusFileError(message)
    if dataset.is_virtual or dataset.external:
        message = f"is refused: {dataset.name} takes its data from another file"
        raise CorpusFileError(message)
    if not _is_whole(dataset):
        message = f"is damaged: {dataset.name} lacks some of its data"
        raise CorpusFileError(message)
    column: NDArray[Any] = dataset[()]
    return column


def _is_whole(dataset: h5py.Dataset) -> bool:
    """Tell whether the bytes in the file can hold what the dataset declares."""
    stored = dataset.id.get_storage_size()
    if dataset.chunks is None:
        return bool(stored >= dataset.nbytes)
    grid = [ceil(n / c) for n, c in zip(dataset.shape, dataset.chunks, strict=True)]
    if dataset.nbytes > _BEST_RATIO * stored:
        return False
    return bool(dataset.id.get_num_chunks() == int(np.prod(grid, dtype=object)))


def _group(file: h5py.File, name: str) -> h5py.Group:
    return _child(file, name, h5py.Group)


def _child(group: h5py.Group, name: str, kind: type) -> Any:
    link = group.get(name, getlink=True)
    if not isinstance(link, h5py.HardLink) or not isinstance(group[name], kind):
        message = f"is damaged: {group.name.rstrip('/')}/{name} is missing"
        raise CorpusFileError(message)
    return group[name]


def _check_values(corpus: Corpus) -> None:
    """Refuse values that would make later stages fail in unclear ways."""
    games, outside = corpus.games, ~np.uint64(REGION[corpus.size])
    in_order = {
        "own, opponent": not (corpus.own & corpus.opponent).any()
        and not ((corpus.own | corpus.opponent) & outside).any(),
        "mover": _between(corpus.mover, 0, 1),
        "ply": _between(corpus.ply, 0, games.moves.shape[1]),
        "played": _between(corpus.played, NO_MOVE, PASS),
        "symmetry": _between(corpus.symmetry, 0, SYMMETRIES - 1),
        "moves": _between(games.moves, NO_MOVE, PASS - 1),
        "score": _between(games.score, -1, corpus.size**2),
    }
    wrong = [name for name, fine in in_order.items() if not fine]
    if wrong:
        message = f"is damaged: values out of range in {', '.join(wrong)}"
        raise CorpusFileError(message)


def _between(column: NDArray[Any], low: int, high: int) -> bool:
    return not column.size or bool(low <= column.min() and column.max() <= high)


def _text(column: NDArray[Any]) -> NDArray[np.str_]:
    return np.char.decode(column, "utf-8").astype(np.str_)


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    """Name the file in every error that reading it can raise."""
    try:
        yield
    except CorpusFileError as error:
        message = f"{path}: {error}"
        raise CorpusFileError(message) from error
    except (OSError, LookupError, TypeError, ValueError, RuntimeError) as error:
        message = f"{path}: is damaged or no HDF5 file: {_first_line(error)}"
        raise CorpusFileError(message) from error
    except (ArithmeticError, MemoryError) as error:
        message = f"{path}: is damaged: {_first_line(error)}"
        raise CorpusFileError(message) from error


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
