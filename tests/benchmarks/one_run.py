"""One run over real positions in a process of its own, measured from inside.

Usage: ``python tests/benchmarks/one_run.py OUT POSITIONS [OPTIONS as JSON]``; prints
seconds, those spent in the store, the most memory used, and bytes on disk. With
the option "channels" the network is one of random weights; the variable CHECKOUT names
a folder whose package is measured in place of this one's.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, os.environ.get("CHECKOUT", str(Path(__file__).parents[2])))

from conceptlrp.networks import OthelloNet, demo_network
from conceptlrp.othello import Corpus
from conceptlrp.runs import parts, stages
from tests.lrp.conftest import randomize
from tests.runs.computing import explain_corpus

GAMES = Path(__file__).parents[3] / "shared" / "games"


def real_positions(n: int) -> Corpus:
    """Return positions of tournament games, the newest first."""
    parts: list[Corpus] = []
    for file in sorted(GAMES.glob("WTH_*.wtb"), reverse=True):
        parts.append(Corpus.read(file))
        if sum(map(len, parts)) >= n:
            break
    found = Corpus.concatenate(parts)[:n].compact()
    if len(found) < n:
        message = f"{GAMES}: {len(found)} positions, expected {n}"
        raise SystemExit(message)
    return found


class Clock:
    """Counts the seconds inside of functions."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def around(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            begun = time.perf_counter()
            try:
                return work(*arguments, **options)
            finally:
                self.seconds += time.perf_counter() - begun

        return timed


def measured_run(out: Path, n: int, options: dict[str, Any]) -> dict[str, float]:
    """Explain so many positions with one thread, or in processes."""
    corpus, clock, channels = real_positions(n), Clock(), options.pop("channels", None)
    network = randomize(OthelloNet(channels=channels)) if channels else demo_network()
    stored = [
        patch.object(parts, "write_shard", clock.around(parts.write_shard)),
        patch.object(stages, "finish_run", clock.around(stages.finish_run)),
        patch("conceptlrp.runs.executors._cores", return_value=1),
    ]
    for each in stored:
        each.start()
    steps: list[tuple[float, int]] = []
    begun, worked = time.perf_counter(), time.process_time()
    store = explain_corpus(
        network,
        corpus,
        out,
        on_progress=lambda _, done, __: steps.append((time.perf_counter(), done)),
        **options,
    )
    seconds = time.perf_counter() - begun
    sizes = [path.stat().st_size for path in out.iterdir()]
    return {
        "positions": n,
        "seconds": seconds,
        "processor": time.process_time() - worked,
        "rate": _rate(steps),
        "store": clock.seconds,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "bytes": sum(sizes),
        "layers": len(store.layers),
    }


def _rate(steps: list[tuple[float, int]]) -> float:
    """Return positions a second, once all workers are at work."""
    (begun, first), (ended, last) = steps[len(steps) // 8], steps[-1]
    return (last - first) / (ended - begun)


if __name__ == "__main__":
    chosen = json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}
    print(json.dumps(measured_run(Path(sys.argv[1]), int(sys.argv[2]), chosen)))
