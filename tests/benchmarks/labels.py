"""Speed of labelling positions, where the time goes, and labels by chance.

Usage: ``python tests/benchmarks/labels.py [--quick]``. All labels are computed on
one core for positions of random games; the table has what each label adds to those
before it, so that shared results count where they are first needed.

With ``--exchange STORE [--target T] [--positions N] [--maps M]`` the channels of its
network are labelled five times with positions exchanged within their plies: labels of
positions, maps, places, moves and rules, none of which should be found.
"""

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

# As a script this file sees its own folder alone, not the tests beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp.cli.inputs import store_network
from conceptlrp.labelling import LabelOptions
from conceptlrp.labelling.store_labels import prepare_study, score_networks
from conceptlrp.labels import LABELS, label_boards
from conceptlrp.labels.definitions import Facts
from conceptlrp.lrp.one_call import store_explainer
from conceptlrp.othello import Corpus
from conceptlrp.store import open_store
from tests.othello.playouts import random_games

GOAL = 150_000
_BLOCK = 4096
EXCHANGES = 5


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


def by_chance(path: Path, target: str, positions: int, maps: int) -> Table:
    """Return how many channels are labelled, and how many by each exchange."""
    store = open_store(path)
    study = prepare_study(
        store,
        store_explainer(store, store_network(store, None, None), layers=None),
        LabelOptions(n_maps=maps),
        target,
        positions,
        split=0,
        seed=0,
        maps=True,
    )
    scores = score_networks(
        study.networks, study.comparison, lambda *_: None, exchanges=EXCHANGES
    )
    table = Table("layer", "channels", "labelled", "by exchange", "random networks")
    for layer, every in scores.items():
        mine, *found = (round(each.labelled * len(each.channels)) for each in every)
        number = len(every[0].channels)
        random = sum(found[EXCHANGES:]) / number / len(found[EXCHANGES:])
        chance = " ".join(map(str, found[:EXCHANGES]))
        table.add_row(layer, str(number), str(mine), chance, f"{random:.1%}")
    return table


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer positions")
    parser.add_argument("--exchange", type=Path, help="a store")
    parser.add_argument("--target", default="value")
    parser.add_argument("--positions", type=int, default=20_000)
    parser.add_argument("--maps", type=int, default=1000)
    options = parser.parse_args()
    if options.exchange:
        asked = options.target, options.positions, options.maps
        Console().print(by_chance(options.exchange, *asked))
        return
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
