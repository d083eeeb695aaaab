"""Runs over a corpus: speed, memory, size, growth, workers, and kills.

Usage: ``python tests/benchmarks/store_runs.py [--quick] [--kills | --widths [--against
CHECKOUT]] [--json FILE]``. Positions are those of the games of the WTHOR database,
explained by the network that ships. ``--kills`` kills runs instead of timing them,
``--widths`` compares networks of 64 and 512 channels with random weights, with
conditional heatmaps of reference boards and without, one thread, and with those of
another checkout if asked for, the two at the same time.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

# As a script this file sees its own folder alone, not the tests beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.kills import (
    Outcome,
    contested_starts,
    killed_run,
    killed_workers,
)
from tests.benchmarks.one_run import real_positions
from tests.benchmarks.report import Row, print_rows

_NETWORK = "64 channels, shipped, 4 layers, sums"
_KILLS = "64 channels, shipped, killed"
_SUMS = {"detail": "sums"}


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes
    ----------
    few, many : int
        Positions of the two runs that are compared.
    shared : int
        Positions that one worker and two workers explain.
    rounds : int
        How often each of those runs.
    killed : int
        Positions of a run that is killed.
    kills, worker_kills, starts : int
        How often a run is killed, a worker of a cluster, and two runs started at
        once.
    wide : int
        Positions of the runs that are compared by channels.
    """

    few: int = 30_000
    many: int = 300_000
    shared: int = 30_000
    rounds: int = 2
    killed: int = 1_500
    kills: int = 100
    worker_kills: int = 25
    starts: int = 50
    wide: int = 2_000


_QUICK = Sizes(2_000, 8_000, 6_000, 1, 500, 5, 2, 3, 128)


def run_rows(sizes: Sizes, folder: Path) -> Iterator[Row]:
    """Compare a small and a large run, each in a process of its own."""
    few = _run(folder, sizes.few, _SUMS)
    many = _run(folder, sizes.many, _SUMS)
    rates = [found["positions"] / found["seconds"] for found in (many, few)]
    against = f"{sizes.many:,} positions against {sizes.few:,}"
    yield Row(
        _NETWORK,
        "positions a second",
        against,
        f"{rates[0]:,.0f}/s",
        f"{rates[1]:,.0f}/s",
        ratio=rates[1] / rates[0],
        goal=1.1,
        at_most=True,
        note=f"growth; {many['seconds']:.0f} s, one thread",
    )
    yield Row(
        _NETWORK,
        "share of time in the store",
        against,
        f"{100 * many['store'] / many['seconds']:.1f} %",
        f"{100 * few['store'] / few['seconds']:.1f} %",
        ratio=many["store"] / many["seconds"],
        goal=0.1,
        at_most=True,
        unit="",
    )
    yield Row(
        _NETWORK,
        "most memory",
        against,
        f"{many['memory']:,.0f} MiB",
        f"{few['memory']:,.0f} MiB",
        ratio=many["memory"] / few["memory"],
        goal=1.1,
        at_most=True,
        note="below 2,048 MiB: " + ("yes" if many["memory"] < 2048 else "no"),
    )
    size = many["bytes"] / many["positions"]
    yield Row(
        _NETWORK,
        "bytes a position",
        "layers",
        f"{size:,.0f} B",
        f"{size / many['layers']:,.0f} B a layer",
    )


def worker_rows(sizes: Sizes, folder: Path) -> Iterator[Row]:
    """Let one worker and two explain the same, in turn."""
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(sizes.rounds):
        for workers, found in rates.items():
            options = {**_SUMS, "workers": workers, "shard_size": 512}
            found.append(_run(folder, sizes.shared, options)["rate"])
    one, two = max(rates[1]), max(rates[2])
    yield Row(
        _NETWORK,
        "two workers",
        "one worker",
        f"{two:,.0f}/s",
        f"{one:,.0f}/s",
        ratio=two / one,
        goal=1.8,
        note="once they have started",
    )


def kill_rows(sizes: Sizes, folder: Path) -> Iterator[Row]:
    """Kill runs, and workers of a cluster."""
    corpus = real_positions(sizes.killed)
    for name in ("starts", "runs", "workers"):
        (folder / name).mkdir()
    started = contested_starts(corpus[:200], folder / "starts", sizes.starts)
    yield Row(
        _KILLS,
        "two runs started at once",
        "one run",
        f"{started.kills} starts",
        f"{started.lost} not by one alone",
        ratio=float(started.lost),
        goal=0,
        at_most=True,
        unit="",
        note=f"{started.seconds:.0f} s",
    )
    killed = killed_run(corpus, folder / "runs", sizes.kills)
    yield _kill_row("SIGKILL of a run", killed)
    workers = killed_workers(corpus, folder / "workers", sizes.worker_kills)
    yield _kill_row("SIGKILL of a Dask worker", workers)


def _kill_row(what: str, outcome: Outcome) -> Row:
    return Row(
        _KILLS,
        what,
        "an uninterrupted run",
        f"{outcome.kills} kills",
        f"{outcome.lost} shards lost",
        ratio=float(outcome.lost + (not outcome.same)),
        goal=0,
        at_most=True,
        unit="",
        note=f"final bytes equal: {outcome.same}; {outcome.seconds:.0f} s",
    )


def width_rows(sizes: Sizes, folder: Path, against: Path | None) -> Iterator[Row]:
    """Explain by networks of 64 and 512 channels, with heatmaps and without."""
    for channels in (64, 512):
        for references in (0, 16):
            options = {"channels": channels, "references": references}
            codes = [None, *([against] if against else [])]
            with ThreadPoolExecutor() as pool:
                runs = [
                    pool.submit(_run, folder, sizes.wide, options, code)
                    for code in codes
                ]
                found = [run.result()["processor"] for run in runs]
            rates = [f"{sizes.wide / seconds:,.1f}/s" for seconds in found]
            yield Row(
                f"{channels} channels, random weights, 4 layers",
                f"{references} heatmaps a channel and kind",
                f"{against}" if against else "",
                *rates,
                ratio=found[-1] / found[0] if against else None,
                note=f"{sizes.wide:,} positions, {found[0]:,.0f} s of processor time",
            )


def _run(
    folder: Path, n: int, options: dict[str, Any], code: Path | None = None
) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        command = [
            sys.executable,
            str(Path(__file__).with_name("one_run.py")),
            *(str(Path(place) / "run.crp"), str(n), json.dumps(options)),
        ]
        known = {**os.environ, **({"CHECKOUT": str(code)} if code else {})}
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, env=known
        )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small, goals of no use")
    parser.add_argument("--kills", action="store_true", help="kill runs instead")
    parser.add_argument("--widths", action="store_true", help="64 and 512 channels")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT", help="to compare")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write it there too")
    options = parser.parse_args()
    sizes = _QUICK if options.quick else Sizes()
    progress, rows = Console(stderr=True, log_path=False), []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        measured: list[Callable[..., Iterator[Row]]] = [worker_rows, run_rows]
        if options.kills:
            measured = [kill_rows]
        if options.widths:
            measured = [partial(width_rows, against=options.against)]
        for measure in measured:
            for row in measure(sizes, folder):
                progress.log(row.what, row.ours, row.theirs, row.ratio, row.note)
                rows.append(row)
    print_rows(rows, options.json)


if __name__ == "__main__":
    main()
