"""The description of a store's files, for readers of other languages.

``python -m conceptlrp.store.format_page`` prints it as Markdown. It is made
of the very docstrings and type hints that files are written and read by.
"""

from collections.abc import Iterator
from inspect import cleandoc, getdoc
from types import ModuleType
from typing import Final

import numpy as np

from conceptlrp.othello.arguments import POSITION_COLUMNS
from conceptlrp.othello.files import corpus_file
from conceptlrp.othello.games import GAME_COLUMNS
from conceptlrp.store.format import schema
from conceptlrp.store.results import codec
from conceptlrp.store.results.codec import FIELDS, described
from conceptlrp.store.results.kinds import KINDS, Kind
from conceptlrp.store.writing import index

_TABLE: Final = "| dataset or field | type | shape |\n|---|---|---|\n"


def format_page() -> str:
    """Describe every file, dataset and attribute of a store, as Markdown."""
    parts = [
        _section("A relevance store", schema),
        _section("The index", index),
        _section("The positions", corpus_file),
        _TABLE + "\n".join(_corpus_rows()),
        _section("Results", codec),
        *(_kind(kind) for kind in KINDS.values()),
    ]
    return "\n\n".join(parts) + "\n"


def _corpus_rows() -> Iterator[str]:
    """Describe the columns of positions and games."""
    columns = {"positions": POSITION_COLUMNS, "games": GAME_COLUMNS}
    for group, known in columns.items():
        for name, kind in known.items():
            dtype = "text" if kind is np.str_ else np.dtype(kind).name
            shape = "(N)" if group == "positions" else "(G)"
            yield f"| `{group}/{name}` | {dtype} | {shape} |"
    yield "| `problems` | text | (P), what could not be read of the games |"


def _section(title: str, module: ModuleType) -> str:
    return f"## {title}\n\n{cleandoc(module.__doc__ or '')}"


def _kind(kind: Kind) -> str:
    """Describe the file of a kind of results, a row a dataset or field."""
    name = "-".join([kind.name, *(f"<{each}>" for each in kind.about), "<hash>.h5"])
    first = (getdoc(kind.result) or "").partition("\n\n")[0]
    rows = [
        f"| `{place}` | {'in ' + FIELDS if dtype == 'JSON' else dtype} | {shape} |"
        for place, dtype, shape in described(kind.result)
    ]
    return (
        f"### {kind.name}, version {kind.version}\n\n"
        f"{first} File `{name}`; 'conceptlrp {kind.verb}' writes it. Attributes of the "
        "root: encoding-type, encoding-version, kind, version, network, corpus "
        "(digests), conceptlrp (the version that wrote it).\n\n"
        f"{_TABLE}" + "\n".join(rows)
    )


if __name__ == "__main__":
    print(format_page())  # noqa: T201
