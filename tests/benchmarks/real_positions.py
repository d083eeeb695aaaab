"""Every stage on real positions, from game files to reports, as its user would run it.

Usage: ``python tests/benchmarks/real_positions.py GAMES [--positions N] [--out FOLDER]
[--network FILE] [--quick]``. GAMES are game files. Runs the verbs one after the other,
each in a process of its own, shows what they print, and ends in a table of wall time,
processor time and peak memory of each. A folder that holds a finished store goes on
from there.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
QUICK_POSITIONS = 300


@dataclass(frozen=True)
class Stage:
    """What a verb took."""

    verb: str
    wall: float
    processor: float
    peak_mib: float


def run(*words: object) -> Stage:
    """Run a verb, show what it prints, and measure it."""
    command = [sys.executable, "-m", "conceptlrp", *(str(word) for word in words)]
    print(f"\n$ conceptlrp {' '.join(command[3:])}", flush=True)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "160"}
    start = time.perf_counter()
    child = subprocess.Popen(command, env=environment)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{command[3]} ended with {child.returncode}")
    processor = usage.ru_utime + usage.ru_stime
    return Stage(str(words[0]), wall, processor, usage.ru_maxrss / 1024)


def commands(
    games: list[str], options: argparse.Namespace, folder: Path
) -> list[list[object]]:
    """List the verbs with what they are given."""
    number = QUICK_POSITIONS if options.quick else options.positions
    scale = (100, 50, 2, 30, 20) if options.quick else (20_000, 1_000, 5, 500, 500)
    positions, maps, random, ablated, evaluated = scale
    corpus, store = folder / "games.h5", folder / "run.crp"
    judged = ["--network", options.network, "--overwrite"]
    labels = ["--positions", positions, "--maps", maps, "--random-networks", random]
    sample = ["--unique", "symmetry", "--sample", number, "--turn", "--overwrite"]
    targets = ["--target", "played", "--target", "value", "--statistics"]
    evaluation = ["--positions", evaluated, "--out", folder / "evaluation"]
    made: list[list[object]] = [
        ["corpus", *games, *sample, "--out", corpus],
        ["attribute", options.network, corpus, *targets, "--out", store],
    ]
    return [
        *([] if store.exists() else made),
        ["cluster", store, "--stability", "--overwrite"],
        ["label", store, *judged, *labels, "--target", "played"],
        ["label", store, *judged, *labels, "--target", "value"],
        ["ablate", store, *judged, "--positions", ablated],
        ["graph", store, *judged],
        ["evaluate", store, *judged, *evaluation],
        ["report", store, "--all", "--out", folder / "reports", "--overwrite"],
        ["atlas", store, folder / "atlas", *judged],
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("games", nargs="+")
    parser.add_argument("--positions", type=int, default=50_000)
    parser.add_argument("--network", default="demo")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.out or Path(scratch)
        folder.mkdir(exist_ok=True)
        listed = commands(options.games, options, folder)
        found = [run(*words) for words in listed]
    table = Table("stage", "wall s", "processor s", "peak MiB")
    for each in found:
        figures = (each.wall, each.processor, each.peak_mib)
        table.add_row(each.verb, *(f"{figure:,.0f}" for figure in figures))
    Console().print(table)


if __name__ == "__main__":
    main()
