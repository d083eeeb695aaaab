"""Speed of labelling positions, and where the time goes.

Usage: ``python tests/benchmarks/labels.py [--quick]``. All labels are computed on
one core for positions of random games; the table has what each label adds to those
before it, so that shared results count where they are first needed.
"""

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

# As a script this file sees its own folder alone, not the tests beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp.labels import LABELS, label_boards
from conceptlrp.labels.definitions import Facts
from conceptlrp.othello import Corpus
from tests.othello.playouts import random_games

GOAL = 150_000
_BLOCK = 4096


def throughput(corpus: Corpus, rounds: int) -> tuple[float, float]:
    """Return positions per second of wall time and of processor time, the best."""
    wall, processor = [], []
    for _ in range(rounds):
        start = time.perf_counter(), time.process_time()
        label_boards(corpus)
        wall.append(time.perf_counter() - start[0])
        processor.append(time.process_time() - start[1])
    return len(corpus) / min(wall), len(corpus) / min(processor)


def shares(corpus: Corpus, rounds: int) -> dict[str, float]:
    """Return seconds of processor time that each label adds, over all rounds."""
    spent = dict.fromkeys(LABELS, 0.0)
    for _ in range(rounds):
        for first in range(0, len(corpus), _BLOCK):
            block = slice(first, first + _BLOCK)
            facts = Facts(corpus.own[block], corpus.opponent[block], corpus.size)
            for name, concept in LABELS.items():
                start = time.process_time()
                concept.compute(facts)
                spent[name] += time.process_time() - start
    return spent


def as_table(spent: dict[str, float], *, rows: int = 15) -> Table:
    """Return the labels that take the most time."""
    table = Table("label", "kind", "share of time", title="where the time goes")
    total = sum(spent.values())
    ranked = sorted(spent.items(), key=lambda item: -item[1])
    for name, seconds in ranked[:rows]:
        table.add_row(name, LABELS[name].kind, f"{seconds / total:.1%}")
    rest = sum(seconds for _, seconds in ranked[rows:])
    table.add_row(f"{len(ranked) - rows} others", "", f"{rest / total:.1%}")
    return table


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer positions")
    options = parser.parse_args()
    games = 400 if options.quick else 4000
    corpus = Corpus.from_games(random_games(games, seed=5))
    wall, processor = throughput(corpus, 2 if options.quick else 5)
    console = Console()
    console.print(
        f"{len(LABELS)} labels of {len(corpus):,} positions: {wall:,.0f} positions/s "
        f"of wall time, {processor:,.0f} of processor time, one core (goal {GOAL:,})"
    )
    console.print(as_table(shares(corpus, 1)))


if __name__ == "__main__":
    main()
