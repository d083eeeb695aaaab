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


def stages(games: list[str], options: argparse.Namespace, folder: Path) -> list[Stage]:
    """Run all verbs on a sample of the games."""
    quick, network = options.quick, options.network
    number = QUICK_POSITIONS if quick else options.positions
    corpus, store = folder / "games.h5", folder / "run.crp"
    found = []
    if not store.exists():
        sample = ["--unique", "symmetry", "--sample", number, "--turn"]
        found.append(run("corpus", *games, *sample, "--out", corpus, "--overwrite"))
        targets = ["--target", "played", "--target", "value"]
        found.append(run("attribute", network, corpus, *targets, "--out", store))
    judged = ["--network", network, "--overwrite"]
    scale = [100, 50, 2, 30, 20] if quick else [20_000, 1_000, 5, 500, 500]
    positions, maps, random, ablated, evaluated = scale
    found.append(
        run("cluster", store, "--clusters", 12, "--stability", "--overwrite")
    )  # fmt: skip
    found.append(
        run("label", store, *judged, "--positions", positions, "--maps", maps,
            "--random-networks", random)
    )  # fmt: skip
    found.append(run("ablate", store, *judged, "--positions", ablated))
    found.append(run("graph", store, *judged, "--positions", ablated))
    cascade = ["--cascade", min(100, evaluated)]
    found.append(
        run("evaluate", store, *judged, "--positions", evaluated, *cascade,
            "--out", folder / "evaluation")
    )  # fmt: skip
    out = folder / "reports"
    found.append(run("report", store, "--all", "--out", out, "--overwrite"))
    found.append(run("atlas", store, folder / "atlas", "--overwrite"))
    return found


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
        found = stages(options.games, options, folder)
    table = Table("stage", "wall s", "processor s", "peak MiB")
    for each in found:
        figures = (each.wall, each.processor, each.peak_mib)
        table.add_row(each.verb, *(f"{figure:,.0f}" for figure in figures))
    Console().print(table)


if __name__ == "__main__":
    main()
