"""The page that describes a store to readers without Python, made from the code.

python -m conceptlrp.store.results.format_page > conceptlrp/store/FORMAT.md
"""

import re
import sys
from collections.abc import Iterator
from inspect import getdoc
from textwrap import dedent
from typing import Any, Final, get_args

import numpy as np

from conceptlrp.othello.arguments import POSITION_COLUMNS
from conceptlrp.othello.files import corpus_file
from conceptlrp.othello.games import GAME_COLUMNS
from conceptlrp.store import schema
from conceptlrp.store.results import codec
from conceptlrp.store.results.kinds import KINDS, Kind

_READING: Final = """\
This page is written by `python -m conceptlrp.store.results.format_page`.

Everything is HDF5 (1.10 or later) or JSON, so that any language reads it, such as

    h5dump -d layers/conv3/relevance NAME.crp/shard-00000.h5

The arrays of shards are packed with Zstandard, whose filter (32015) comes with
[hdf5plugin](https://github.com/silx-kit/hdf5plugin) and most distributions of HDF5.
`conceptlrp repack NAME.crp OTHER.crp --codec gzip` writes a store that needs no
filter. `index.h5` shows the shards as one array each by HDF5's virtual datasets, which
look for the shards in the same folder. A bitboard is a word of 64 bits: a1 is bit 0,
h1 bit 7 and h8 bit 63.
"""
_SHAPES: Final = """\
What has the type JSON is in the dataset `fields.json` of the file. In shapes, C stands
for channels, D for those of the layer below, T for targets, S for squares of a side; an
axis with "?" may lack.
"""


def format_page() -> str:
    """Return the description of all files of a store, as Markdown."""
    title, rest = (schema.__doc__ or "").split("\n", 1)
    _, corpus = (corpus_file.__doc__ or "").split("\n", 1)
    parts = [
        f"# {title.rstrip('.')}",
        _READING,
        _dedented(rest),
        "## The corpus",
        _dedented(corpus),
        _table(("dataset", "type", "shape"), _corpus_rows()),
        "## Results",
        (codec.__doc__ or "").split("\n\n")[1],
        _SHAPES,
        *(_of_kind(kind) for kind in KINDS.values()),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _dedented(text: str) -> str:
    """Return a docstring without its margin."""
    return dedent(text.strip("\n"))


def _corpus_rows() -> Iterator[tuple[str, str, str]]:
    for folder, columns in (("positions", POSITION_COLUMNS), ("games", GAME_COLUMNS)):
        for name, kind in columns.items():
            text = "UTF-8" if kind is np.str_ else np.dtype(kind).name
            yield f"{folder}/{name}", text, "(N)" if folder == "positions" else "(G)"
    yield "games/moves", "int8", "(G, M)"
    yield "problems", "UTF-8", "(P)"


def _of_kind(kind: Kind) -> str:
    """Describe the file of a kind of result."""
    result: Any = kind.result
    title = f"### {kind.name}, version {kind.version}: `conceptlrp {kind.verb}`"
    summary = (getdoc(result) or "").split("\n")[0]
    # A kind without arrays is JSON alone.
    described = [each for each in codec.described(result) if each[0]] or [
        (name, "JSON", "") for name in codec.hints(result)
    ]
    places: dict[tuple[str, str, str], list[str]] = {}
    for place, type_, letters in described:
        said = _meaning(result, place)
        places.setdefault((type_, letters, said), []).append(f"`{place}`")
    rows = [(", ".join(names), *about) for about, names in places.items()]
    table = _table(("place", "type", "shape", "what"), rows)
    return f"{title}\n\n{summary}\n\n{table}"


def _meaning(result: Any, place: str) -> str:
    """Return what the docstring of a dataclass says of the field at a place."""
    said = ""
    for part in place.split("/"):
        if part == "<name>":
            result = codec.bare(get_args(result)[1])[0]
        elif part:
            said = _attributes(result).get(part, said)
            result = codec.bare(codec.hints(result)[part])[0]
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


def _table(columns: tuple[str, ...], rows: Any) -> str:
    lines = [columns, ("---",) * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(format_page())
