"""The description of a store's files, for readers of other languages.

It is made of the very docstrings and type hints that files are written and read by:

    python -m conceptlrp.store.format_page > conceptlrp/store/FORMAT.md
"""

import re
import sys
from collections.abc import Iterator
from inspect import cleandoc, getdoc
from types import ModuleType
from typing import Any, Final, get_args

from conceptlrp.othello.files import corpus_file
from conceptlrp.store.format import schema
from conceptlrp.store.results import codec
from conceptlrp.store.results.codec import FIELDS, bare, described, hints
from conceptlrp.store.results.kinds import KINDS, Kind

_TABLE: Final = "| dataset | type | shape |\n|---|---|---|\n"
_FIELDS: Final = "| dataset or field | type | shape | what |\n|---|---|---|---|\n"
_READING: Final = """\
# The format of a store

This page is written by `python -m conceptlrp.store.format_page`.

Everything is HDF5 (1.10 or later) or JSON, so that any language reads it, such as

    h5dump -d layers/conv3/relevance NAME.crp/shard-00000.h5

The arrays of shards are packed with Zstandard, whose filter (32015) comes with
[hdf5plugin](https://github.com/silx-kit/hdf5plugin) and most distributions of HDF5.
`conceptlrp repack NAME.crp OTHER.crp --codec gzip` writes a store that needs no
filter. A bitboard is a word of 64 bits: a1 is bit 0, h1 bit 7 and h8 bit 63. In the
shapes of results, C stands for channels, D for those of the layer below, T for targets,
S for squares of a side; an axis with "?" may lack."""


def format_page() -> str:
    """Describe every file, dataset and attribute of a store, as Markdown."""
    parts = [
        _READING,
        _section("A relevance store", schema),
        _section("The positions", corpus_file),
        _TABLE + "\n".join(_corpus_rows()),
        _section("Results", codec),
        *(_kind(kind) for kind in KINDS.values()),
    ]
    return "\n\n".join(parts) + "\n"


def _corpus_rows() -> Iterator[str]:
    """Describe the columns of positions and games."""
    for group, shape in (("positions", "(N)"), ("games", "(G)")):
        for name, dtype in corpus_file.COLUMNS[group].items():
            yield f"| `{group}/{name}` | {dtype} | {shape} |"
    yield "| `problems` | text | (P), what could not be read of the games |"
    yield "| `notes` | text | (Q), what else reading had to say |"


def _section(title: str, module: ModuleType) -> str:
    return f"## {title}\n\n{cleandoc(module.__doc__ or '')}"


def _kind(kind: Kind) -> str:
    """Describe the file of a kind of results, a row a dataset or field."""
    name = "-".join([kind.name, *(f"<{each}>" for each in kind.about), "<hash>.h5"])
    result: Any = kind.result
    first = (getdoc(result) or "").partition("\n\n")[0]
    # A kind without arrays is JSON alone.
    places = [each for each in described(result) if each[0]] or [
        (field, "JSON", "") for field in hints(result)
    ]
    rows: dict[tuple[str, str, str], list[str]] = {}
    for place, dtype, shape in places:
        about = f"in {FIELDS}" if dtype == "JSON" else dtype, shape
        said = _meaning(result, place)
        rows.setdefault((*about, said), []).append(f"`{place}`")
    lines = [f"| {' | '.join([', '.join(n), *about])} |" for about, n in rows.items()]
    return (
        f"### {kind.name}, version {kind.version}\n\n"
        f"{first} File `{name}`; 'conceptlrp {kind.verb}' writes it. Attributes of the "
        "root: encoding-type, encoding-version, kind, version, network, corpus "
        "and, unless it is zero, baseline (digests), conceptlrp (the version that "
        "wrote it).\n\n"
        f"{_FIELDS}" + "\n".join(lines)
    )


def _meaning(result: Any, place: str) -> str:
    """Return what the docstring of a dataclass says of the field at a place."""
    said = ""
    for part in place.split("/"):
        if part == "<name>":
            result = bare(get_args(result)[1])[0]
        else:
            said = _attributes(result).get(part, said)
            result = bare(hints(result)[part])[0]
    return said


def _attributes(result: type[Any]) -> dict[str, str]:
    """Read the numpydoc section of a dataclass's attributes."""
    section = re.search(r"Attributes\n-+\n(.*?)(\n\n\w|\Z)", getdoc(result) or "", re.S)
    entry = re.compile(r"^(\S[^\n:]*) :[^\n]*\n((?: {4}[^\n]*\n?)+)", re.MULTILINE)
    return {
        name: " ".join(text.split())
        for names, text in entry.findall(section[1] if section else "")
        for name in names.split(", ")
    }


if __name__ == "__main__":
    sys.stdout.write(format_page())
