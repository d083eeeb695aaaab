"""How well each composite explains the shipped network, and what it takes to know.

Usage: ``python tests/benchmarks/evaluation.py [GAMES] [--positions N] [--quick]``.
GAMES are game files; without any, the games that ship are used. Prints the chief
numbers of every preset and baseline, the gates that fail, the recommendation, wall
time and peak memory.
"""

import argparse
import resource
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

# As a script this file sees its own folder alone, not the package beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp.evaluation import CompositeEvaluation, evaluate_composites
from conceptlrp.networks import demo_corpus, demo_network
from conceptlrp.othello import Corpus

QUICK_POSITIONS = 20
QUICK_CASCADE = 5


def as_table(found: CompositeEvaluation) -> Table:
    """Return a row for each number and a column for each method."""
    numbers = found.frame()
    table = Table("measured", *(str(name) for name in numbers.index))
    for column in numbers:
        cells = ["" if x != x else f"{x:.2f}" for x in numbers[column]]
        table.add_row(str(column), *cells)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("games", nargs="*")
    parser.add_argument("--positions", type=int, default=500)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    read = Corpus.read(options.games) if options.games else demo_corpus()
    corpus = read.unique().sample(5000).turn()
    positions = QUICK_POSITIONS if options.quick else options.positions
    cascade = QUICK_CASCADE if options.quick else 100

    start = time.perf_counter()
    found = evaluate_composites(
        demo_network(), corpus, n_positions=positions, n_cascade=cascade
    )
    seconds = time.perf_counter() - start

    console = Console(width=220, soft_wrap=True)
    console.print(as_table(found))
    for name in found.composites:
        for warning in found.warnings(name):
            console.print(f"{name}: {warning}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(f"{found.recommendation.words}: {found.recommendation.reason}")
    console.print(f"{found.positions} positions, {seconds:.0f} s, {peak:.0f} MB")


if __name__ == "__main__":
    main()
