"""Time and memory of every verb as a store grows, and with which power of N.

Usage: ``python tests/benchmarks/scale.py [--millions 1 3 10] [--verbs NAME ...]
[--folder DIR] [--json FILE]``. Stores of so many million positions of random games and
16 channels are written as a run writes them, with numbers made up around 12 patterns,
and removed afterwards. Each verb runs in a process of its own: its time, that of the
processor, and the most memory it ever has, what it shares with others included. The
exponent is that of the processor's time from the smallest store to the largest.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

# As a script this file sees its own folder alone, not the tests beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp import ablation, atlas, clustering, labelling, networks, report, runs
from conceptlrp.othello import Corpus, Games
from conceptlrp.store import Store, Where, open_store
from conceptlrp.store.format.manifest import ShardSpec
from conceptlrp.store.writing.finish import finish_run
from conceptlrp.store.writing.shard_writer import pending, write_shard
from conceptlrp.store.writing.writer import create_run, read_corpus
from tests.othello.playouts import random_games

_CHANNELS, _LAYER, _GAMES, _PATTERNS = 16, "conv2", 10_000, 12
_FEW = {"n_positions": 500, "save": False}
_LABELS = ["corner lead", "mobility"]
_WHERE = Where(ply=(20, 30), mover="black")


def write_store(path: Path, n: int) -> None:
    """Write a store of made-up numbers, shard by shard as a run does."""
    from conceptlrp.runs.job import make_spec
    from conceptlrp.runs.stages import make_plan

    corpus, network = _corpus(n), _network()
    run = runs.RunOptions()
    spec, explainer = make_spec(path, network, (None, None), [_LAYER], "played", run)
    keep = runs.KeepOptions(detail="sums", references=0)
    create_run(path, make_plan(spec, explainer, corpus, keep, run, 0), corpus)
    for shard in pending(path):
        write_shard(path, shard, _arrays(shard, corpus))
    finish_run(path)


def _network() -> Any:
    network = networks.OthelloNet(channels=_CHANNELS).eval()
    rng = np.random.default_rng(0)
    for parameter in network.parameters():
        parameter.data.copy_(
            parameter.new_tensor(rng.normal(0, 0.1, tuple(parameter.shape)))
        )
    return network


def _corpus(n: int) -> Corpus:
    parts, positions = [], 0
    while positions < n:
        parts.append(random_games(_GAMES, seed=len(parts)))
        positions += int((parts[-1].moves >= 0).sum())
    return Corpus.from_games(Games.concatenate(parts))[:n]


def _arrays(shard: ShardSpec, corpus: Corpus) -> dict[str, np.ndarray]:
    rng, n = np.random.default_rng(shard.index), len(shard)
    by_channel = (n, _CHANNELS)
    patterns = np.random.default_rng(0).standard_normal((_PATTERNS, _CHANNELS))
    chosen = patterns[rng.integers(0, _PATTERNS, n)].astype(np.float32)
    relevance = chosen + 0.3 * rng.standard_normal(by_channel, np.float32)
    activation = np.maximum(relevance, 0)
    return {
        f"layers/{_LAYER}/relevance": relevance[:, None],
        f"layers/{_LAYER}/norm": np.abs(relevance).sum(1, keepdims=True),
        f"layers/{_LAYER}/activation": activation,
        f"layers/{_LAYER}/peak": activation / 8,
        f"layers/{_LAYER}/peak_square": rng.integers(0, 64, by_channel, np.int8),
        "outputs/logits": np.zeros((n, 65), np.float32),
        "outputs/value": rng.standard_normal(n, np.float32),
        "targets/square": corpus.played[shard.start : shard.stop, None],
        "targets/explained": rng.standard_normal((n, 1), np.float32),
        "targets/heatmap": np.zeros((n, 1, 8, 8), np.float32),
    }


def _atlas(store: Store) -> None:
    with tempfile.TemporaryDirectory() as folder:
        atlas.build_atlas(store, Path(folder) / "atlas")


def _frames(store: Store) -> None:
    for _ in store.columns.frames():
        pass


def _worker(store: Store) -> None:
    corpus = read_corpus(store.path)
    for first in range(0, len(corpus), 1 << 16):
        corpus[first : first + 64].legal.sum()


def _label(store: Store) -> None:
    few = {"n_maps": 100, "n_random": 2, "n_recipients": 100, "n_edits": 50}
    labelling.label(store, _network(), options=labelling.LabelOptions(**few), **_FEW)


VERBS: dict[str, Callable[[Store], object]] = {
    "open": lambda store: store,
    "top 16": lambda store: store.top(_LAYER, 3),
    "top 16 where": lambda store: store.top(_LAYER, 3, where=_WHERE),
    "column": lambda store: store.scores(_LAYER, 3),
    "16 nearest": lambda store: store.nearest(_LAYER, 5),
    "report": lambda store: str(report.channel_report(store, _LAYER, 3)),
    "atlas": _atlas,
    "cluster": lambda store: clustering.cluster(store, _LAYER, save=False),
    "frames": _frames,
    "label 500": _label,
    "ablate 500": lambda store: ablation.ablate(store, _network(), **_FEW),
    "label all": lambda store: labelling.label_positions(store, _LABELS),
    "corpus of a worker": _worker,
}


@dataclass(frozen=True)
class Took:
    """Seconds, seconds of the processor, and megabytes at most."""

    wall: float
    processor: float
    memory: float


def measure(verb: str, path: str) -> Took:
    """Run a verb in this process, which has done nothing else."""
    start = time.perf_counter(), time.process_time()
    VERBS[verb](open_store(path))
    wall, processor = time.perf_counter() - start[0], time.process_time() - start[1]
    # Python's own figure begins with that of the process that started this one.
    lines = Path("/proc/self/status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    return Took(wall, processor, float(status["VmHWM"].split()[0]) / 1e3)


def measure_apart(verb: str, path: Path) -> Took:
    """Run a verb in a process of its own."""
    command = [sys.executable, __file__, "--measure", verb, str(path)]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    return Took(*json.loads(made.stdout.splitlines()[-1]))


def exponent(took: dict[int, Took]) -> float:
    """Return the power of N with which the processor's time grows."""
    least, most = min(took), max(took)
    grown = took[most].processor / max(took[least].processor, 1e-3)
    return math.log(max(grown, 1e-3)) / math.log(most / least) if most > least else 0.0


def main() -> None:
    """Parse the command line, write stores, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--millions", type=float, nargs="+", default=[1, 3, 10])
    parser.add_argument("--verbs", nargs="+", choices=VERBS, default=list(VERBS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write it there too")
    parser.add_argument("--folder", type=Path, help="where the stores are written")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        took = measure(*options.measure)
        print(json.dumps([took.wall, took.processor, took.memory]))
        return
    found: dict[str, dict[int, Took]] = {verb: {} for verb in options.verbs}
    progress = Console(stderr=True)
    for n in sorted(int(1e6 * each) for each in options.millions):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            path, start = Path(folder) / "run.crp", time.perf_counter()
            write_store(path, n)
            size = sum(each.stat().st_size for each in path.iterdir())
            seconds = time.perf_counter() - start
            progress.log(f"{n:,} rows written: {size / 1e9:.1f} GB in {seconds:.0f} s")
            for verb in options.verbs:
                found[verb][n] = measure_apart(verb, path)
                progress.log(f"{verb}: {found[verb][n]}")
    _print(found, options.json)


def _print(found: dict[str, dict[int, Took]], file: Path | None) -> None:
    sizes = sorted(next(iter(found.values())))
    columns = (f"{n / 1e6:g} million" for n in sizes)
    table = Table("verb", *columns, "exponent", title="seconds (processor), MB")
    for verb, took in found.items():
        cells = (
            f"{each.wall:.2f} ({each.processor:.2f}), {each.memory:.0f}"
            for each in took.values()
        )
        table.add_row(verb, *cells, f"{exponent(took):.2f}")
    Console(width=120).print(table)
    if file is not None:
        rows = {v: {n: vars(t) for n, t in took.items()} for v, took in found.items()}
        file.write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
