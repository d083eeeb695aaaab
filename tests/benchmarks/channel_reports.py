"""Reports of all channels of a large store: time of the processor and peak memory.

Usage: ``python tests/benchmarks/channel_reports.py [--quick] [--json FILE]``. Stores
of random numbers are written as a run writes them, one of four layers of 512 channels
with reference boards, one of a million positions and 256 channels without, and
reported by a process of their own, whose memory is that of nothing else.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

# As a script this file sees its own folder alone, not the tests beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp.othello import Corpus, Games
from conceptlrp.report import layer_report
from conceptlrp.store import Plan, Store, open_store
from conceptlrp.store.format.manifest import ShardSpec
from conceptlrp.store.format.schema import REFERENCE_KINDS
from conceptlrp.store.writing.finish import finish_run
from conceptlrp.store.writing.shard_writer import pending, write_shard
from conceptlrp.store.writing.writer import create_run
from tests.benchmarks.report import Row, print_rows
from tests.othello.playouts import random_games

_KEPT = 16
_SECONDS = 20


def write_store(path: Path, n: int, layers: int, channels: int, kept: int) -> None:
    """Write a store of random numbers, shard by shard as a run does."""
    corpus = _corpus(n)
    names = [f"conv{number + 1}" for number in range(layers)]
    shape = {"channels": channels, "height": 8, "width": 8}
    plan = Plan(
        network={"name": "random", "digest": "0"},
        corpus={"digest": corpus.digest, "positions": n, "games": len(corpus.games)},
        composite={"name": "none"},
        targets=("played",),
        layers=dict.fromkeys(names, shape),
        detail="references" if kept else "sums",
        references=kept,
    )
    create_run(path, plan, corpus)
    for spec in pending(path):
        write_shard(path, spec, _arrays(spec, names, channels))
    found = _references(open_store(path), kept) if kept else None
    finish_run(path, references=found)


def _corpus(n: int) -> Corpus:
    """Return positions of random games, the same games under other years."""
    few = random_games(min(2_000, n // 50), seed=0)
    known = {name: getattr(few, name) for name in ("black", "white", "tournament")}
    parts = [
        Games.from_moves(few.moves, **known, year=1980 + i, source="playouts")
        for i in range(-(-n // (55 * len(few))))
    ]
    return Corpus.from_games(Games.concatenate(parts))[:n]


def _arrays(spec: ShardSpec, layers: list[str], channels: int) -> dict[str, Any]:
    rng, n = np.random.default_rng(spec.index), len(spec)
    found: dict[str, Any] = {
        "outputs/logits": np.zeros((n, 65), np.float32),
        "outputs/value": rng.standard_normal(n, np.float32),
        "targets/square": rng.integers(0, 64, (n, 1), np.int8),
        "targets/explained": rng.standard_normal((n, 1), np.float32),
        "targets/heatmap": np.zeros((n, 1, 8, 8), np.float32),
    }
    for layer in layers:
        relevance = rng.standard_normal((n, 1, channels), np.float32)
        activation = np.maximum(relevance[:, 0], 0)
        found |= {
            f"layers/{layer}/relevance": relevance,
            f"layers/{layer}/norm": np.abs(relevance).sum(2),
            f"layers/{layer}/activation": activation,
            f"layers/{layer}/peak": activation / 8,
            f"layers/{layer}/peak_square": np.zeros((n, channels), np.int8),
        }
    return found


def _references(store: Store, kept: int) -> dict[str, np.ndarray]:
    rng, found = np.random.default_rng(0), {}
    for kind, (by, lowest) in REFERENCE_KINDS.items():
        for layer in store.layers:
            ranked = store.rank_channels(layer, kept, by=by, lowest=lowest)
            place = f"0/{kind}/{layer}"
            found[f"{place}/rows"] = ranked.rows
            found[f"{place}/scores"] = ranked.scores
            shape = (*ranked.rows.shape, 8, 8)
            found[f"{place}/maps"] = rng.standard_normal(shape, np.float32)
    return found


def report_all(path: Path) -> dict[str, float]:
    """Report every channel of a store; seconds of the processor, and memory in GB."""
    took = {"reports": 0.0, "text": 0.0, "JSON": 0.0}
    took["before, GB"] = _peak()
    store = open_store(path)
    for layer in store.layers:
        start = time.process_time()
        reports = iter(layer_report(store, layer))
        for report in reports:
            took["reports"] += time.process_time() - start
            start = time.process_time()
            report.text()
            took["text"] += time.process_time() - start
            start = time.process_time()
            json.dumps(report.to_dict(), allow_nan=False)
            took["JSON"] += time.process_time() - start
            start = time.process_time()
    took["peak, GB"] = _peak()
    return took


def _peak() -> float:
    """Return the largest size of this process; rusage would add its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(kilobytes) / 1e6


def rows(folder: Path, *, quick: bool) -> Iterator[Row]:
    """Write each store, report it in a process of its own, and remove it."""
    cases = [(20_000, 4, 512, _KEPT), (1_000_000, 1, 256, 0)]
    if quick:
        cases = [(2_000, 2, 64, _KEPT), (20_000, 1, 64, 0)]
    for n, layers, channels, kept in cases:
        path = folder / f"{n}.crp"
        write_store(path, n, layers, channels, kept)
        command = [sys.executable, __file__, "--ask", str(path)]
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, env=os.environ
        )
        found = json.loads(done.stdout)
        what = f"{n:,} positions, {layers} x {channels} channels"
        what += f", {kept} boards kept" if kept else ", no boards kept"
        for name in ("reports", "text", "JSON"):
            goal = _SECONDS if name == "reports" and kept else None
            seconds = found[name]
            per_channel = f"{1e3 * seconds / (layers * channels):.2f} ms a channel"
            yield Row(
                what,
                name,
                "",
                f"{seconds:.2f} s",
                ratio=seconds,
                goal=goal,
                at_most=True,
                unit=" s",
                note=per_channel,
            )
        table = n * channels * 4 / 1e9
        note = f"{found['before, GB']:.2f} GB before; one table of a layer {table:.2f}"
        yield Row(what, "peak memory", "", f"{found['peak, GB']:.2f} GB", note=note)


def main() -> None:
    """Parse the command line, write stores, report them, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="smaller stores")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write it there too")
    parser.add_argument("--folder", type=Path, help="where stores are written")
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask is not None:
        sys.stdout.write(json.dumps(report_all(options.ask)))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        found = list(rows(Path(place), quick=options.quick))
    print_rows(found, options.json, width=140)


if __name__ == "__main__":
    main()
