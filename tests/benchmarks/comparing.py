"""What it costs to compare a store with its manifest while it is read.

Usage: ``python tests/benchmarks/comparing.py STORE [--few]``. Everything (but with
``--few``), one channel of all rows, one row and the best positions of a channel are
read without comparing, for the first time in a process, and again; processor time in
milliseconds, the least of three.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from rich.console import Console
from rich.table import Table

# As a script this file sees its own folder alone, not the tests beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp.store import Store, open_store, shards
from conceptlrp.store.format import integrity


def everything(store: Store) -> None:
    """Read all datasets of all shards."""
    for spec in store.shards.specs:
        with store.shards.opened(spec.file) as file:
            for name in file.names():
                file.dataset(name)[()]


READS: dict[str, Callable[[Store], object]] = {
    "everything": everything,
    "a channel": lambda s: s.arrays.relevance(s.layers[0], channels=[3]),
    "a row": lambda s: s.arrays.relevance(s.layers[0], rows=[len(s) // 2]),
    "top": lambda s: s.top(s.layers[0], 3),
}


def took(read: Callable[[Store], object], path: Path, *, first: bool) -> float:
    """Return the milliseconds of processor time of a read, the store being open."""
    found = []
    for _ in range(3):
        with open_store(path) as store:
            if first:
                integrity._compared.clear()
            begun = time.process_time()
            read(store)
            found.append(time.process_time() - begun)
    return min(found) * 1e3


def main() -> None:
    """Parse the command line, read, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("--few", action="store_true", help="not everything")
    options = parser.parse_args()
    table = Table("read", "without", "first", "again")
    off = {"compared": lambda path, _: path, "damage": lambda *_, **__: None}
    for name, read in READS.items():
        if name == "everything" and options.few:
            continue
        with mock.patch.multiple(shards, **off):
            plain = took(read, options.store, first=False)
        times = (took(read, options.store, first=first) for first in (True, False))
        table.add_row(name, *(f"{each:,.1f}" for each in (plain, *times)))
    Console().print(table)


if __name__ == "__main__":
    main()
