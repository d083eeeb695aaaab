"""How well features of networks tell what the rules of Othello say of a board.

Usage: ``python tests/benchmarks/rules_truth.py [STORE ...] [--positions N] [--quick]``.
Coverage and reconstruction as `conceptlrp.evaluation.truth` defines them, by layer,
kind of feature and kind of property, beside random weights and the discs themselves.
Without stores, of the network that ships on the games that ship. Stores are only read.
"""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

# As a script this file sees its own folder alone, not the package beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp.evaluation import RulesTruth, rules_truth
from conceptlrp.evaluation.truth_result import NUMBERS, PUBLISHED
from conceptlrp.networks import demo_corpus, load_network
from conceptlrp.runs import attribute_corpus
from conceptlrp.store import Store, open_store


def as_table(found: RulesTruth, number: str) -> Table:
    """Return a row for each kind of feature of each layer."""
    heads, rows = found.table(number)
    table = Table(*heads, title=number)
    for row in rows:
        table.add_row(*row)
    return table


def measure(store: Store, positions: int, console: Console) -> None:
    """Print both tables of the network of a store."""
    made = store.manifest.network
    network = load_network(str(made["reference"]), weights=made.get("weights"))
    start = time.process_time()
    found = rules_truth(store, network, n_positions=positions, save=False)
    seconds = time.process_time() - start
    for number in NUMBERS:
        console.print(as_table(found, number))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(
        f"{made['name']}: {found.positions} held-out positions of {found.games} games, "
        f"{found.learned} learned ones; {seconds:.0f} s of one core, {peak:.0f} MB"
    )


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stores", nargs="*")
    parser.add_argument("--positions", type=int, default=5000)
    parser.add_argument("--quick", action="store_true", help="few positions")
    options = parser.parse_args()
    positions = 300 if options.quick else options.positions
    console = Console(width=160)
    for path in options.stores:
        measure(open_store(path), positions, console)
    if not options.stores:
        corpus = demo_corpus().unique().sample(positions)
        with tempfile.TemporaryDirectory() as folder:
            store = attribute_corpus(
                "demo", corpus, Path(folder) / "a.crp", targets=["best"]
            )
            measure(store, positions, console)
    console.print(PUBLISHED)


if __name__ == "__main__":
    main()
