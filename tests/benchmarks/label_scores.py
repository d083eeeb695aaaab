"""Time of scoring channels against labels.

Usage: ``python tests/benchmarks/label_scores.py [--quick]``. Channels are random
numbers that follow the ply, labels are those of random games; one core.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

# As a script this file sees its own folder alone, not the tests beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp.labelling import LabelCriteria, score_channels
from conceptlrp.labels import Labels, label_boards
from conceptlrp.othello import Corpus
from conceptlrp.statistics import stratified_auroc
from tests.othello.playouts import random_games


def timed(work: Callable[[], object]) -> float:
    """Return seconds of processor time."""
    start = time.process_time()
    work()
    return time.process_time() - start


def channels(empties: np.ndarray, number: int, seed: int) -> np.ndarray:
    """Return channels (N, C) that follow how many squares are empty, and noise."""
    noise = np.random.default_rng(seed).normal(size=(len(empties), number))
    return (empties[:, None] / 15 + noise).astype(np.float32)


def maps(words: np.ndarray, number: int, seed: int) -> np.ndarray:
    """Return maps (N, C, 8, 8) that are zero on empty squares."""
    discs = words[:, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)
    found = np.random.default_rng(seed).normal(size=(len(words), number, 64))
    return (found * discs[:, None]).reshape(-1, number, 8, 8).astype(np.float32)


def flags(labels: Labels, number: int) -> np.ndarray:
    """Return so many labels as flags (N, K)."""
    columns = [words != 0 for words in labels.masks.values()]
    return np.stack(columns[:number], axis=1)


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer positions")
    quick = parser.parse_args().quick
    n, c, boards = (5_000, 50, 500) if quick else (50_000, 200, 2_000)
    corpus = Corpus.from_games(random_games(n // 40, seed=7)).sample(n, seed=0)
    labels, game = label_boards(corpus), corpus.game
    empties = labels.position["empty count"]
    strata = empties
    networks = [{"relevance": channels(empties, c, seed)} for seed in range(6)]
    occupied = corpus.own[:boards] | corpus.opponent[:boards]
    drawn = [{"map": maps(occupied, c, seed)} for seed in range(3)]
    part = slice(0, boards)
    asked = LabelCriteria()
    table = Table("what", "seconds of processor time")
    for what, work in {
        f"stratified AUROC, {c} channels x 30 labels x {n:,}": lambda: stratified_auroc(
            networks[0]["relevance"], flags(labels, 30), strata
        ),
        f"all scores, {c} channels x {len(labels.names)} labels x {n:,}, "
        f"{asked.permutations} permutations, 5 random networks": lambda: score_channels(
            networks[0], networks[1:], labels, game, strata
        ),
        f"all scores of maps, {c} channels x {len(labels.masks)} labels x {boards:,} "
        f"boards, 2 random networks": lambda: score_channels(
            drawn[0], drawn[1:], labels.take(part), game[part], strata[part]
        ),
    }.items():
        table.add_row(what, f"{timed(work):.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
