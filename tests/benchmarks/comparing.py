"""What it costs to compare a store with its manifest while it is read.

Usage: ``python tests/benchmarks/comparing.py STORE [--few] [--rounds N]``. Everything
(but with ``--few``), all relevance, one channel of all rows, one row and the best
positions of a channel are read without comparing, for the first time in a process, and
again, by turns; processor time in milliseconds, the least of some rounds.
"""

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
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
    "all relevance": lambda s: [s.arrays.relevance(layer) for layer in s.layers],
    "a channel": lambda s: s.arrays.relevance(s.layers[0], channels=[3]),
    "a row": lambda s: s.arrays.relevance(s.layers[0], rows=[len(s) // 2]),
    "top": lambda s: s.top(s.layers[0], 3),
}


def took(
    read: Callable[[Store], object], path: Path, rounds: int
) -> tuple[float, float, float]:
    """Return seconds of processor time without comparing, first and again.

    The store is open. The three take turns, and each has its least.
    """
    found: list[list[float]] = [[], [], []]
    off = {"compared": lambda path, _: path, "damage": lambda *_, **__: None}
    for _ in range(rounds):
        for times, way in zip(found, ("without", "first", "again"), strict=True):
            with ExitStack() as stack:
                store = stack.enter_context(open_store(path))
                if way == "without":
                    stack.enter_context(mock.patch.multiple(shards, **off))
                if way == "first":
                    integrity._compared.clear()
                begun = time.process_time()
                read(store)
                times.append(time.process_time() - begun)
    return min(found[0]), min(found[1]), min(found[2])


def main() -> None:
    """Parse the command line, read, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("--few", action="store_true", help="not everything")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    table = Table("read", "without", "first", "again", "first costs", "again")
    for name, read in READS.items():
        if name == "everything" and options.few:
            continue
        times = took(read, options.store, options.rounds)
        costs = (each / times[0] - 1 for each in times[1:])
        row = (*(f"{each * 1e3:,.1f}" for each in times), *(f"{c:+.1%}" for c in costs))
        table.add_row(name, *row)
    Console().print(table)


if __name__ == "__main__":
    main()
