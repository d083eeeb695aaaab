"""Clustering at scale: time and peak memory against plain k-means on all rows.

    python tests/benchmarks/clustering.py [--quick] [--rows N] [--json FILE]
    python tests/benchmarks/clustering.py --truth [STORE]

The second compares the methods on what is known, and on the relevance of a store: how
well classes planted through a network with 0 to 4 distractor channels, and few vectors
repeated thousands of times, are found again (adjusted Rand index), and how alike
clusterings of games drawn again are.

Every contestant runs in a process of its own, so that its peak memory is its own,
and reads the same file of planted relevance: 32 ways to use the channels, channels
of very different size, noise. All but plain k-means read it in blocks.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from rich.console import Console
from rich.table import Table

# As a script this file sees its own folder alone, not the tests beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp.clustering import (
    cluster,
    cluster_channels,
)
from conceptlrp.clustering.estimators import (
    ESTIMATORS,
    cluster_stability,
    fit_labels,
    make_estimator,
)
from conceptlrp.clustering.features import position_features, relevance_features
from conceptlrp.othello.twins import position_keys
from conceptlrp.store import open_store
from tests.benchmarks.report import machine
from tests.planted.classes import planted_classes, repeated_vectors

CLUSTERS = 32
SMALLEST = 8192


class FileStore:
    """The part of a store that clustering reads, in a file of float32 rows."""

    layers = ("layer",)
    targets = ("played",)

    def __init__(self, path: Path, rows: int, columns: int) -> None:
        self.path, self.rows, self.columns = path, rows, columns
        self.arrays = self
        self.manifest = SimpleNamespace(network={}, corpus={})
        self.positions = SimpleNamespace(game=np.arange(rows) // 60)

    def __len__(self) -> int:
        return self.rows

    def channels(self, _layer: str) -> int:
        return self.columns

    def relevance(self, _layer: str, *, rows: np.ndarray, **_options: object):
        """Read rows in ascending order, a stretch of the file at a time."""
        found = np.empty((len(rows), self.columns), np.float32)
        for start in range(rows[0], rows[-1] + 1, SMALLEST):
            stop = min(start + SMALLEST, self.rows)
            first, last = np.searchsorted(rows, [start, stop])
            stretch = self._stretch(start, stop)
            found[first:last] = stretch[rows[first:last] - start]
        return found

    def _stretch(self, start: int, stop: int) -> np.ndarray:
        return np.fromfile(
            self.path,
            np.float32,
            (stop - start) * self.columns,
            offset=4 * start * self.columns,
        ).reshape(-1, self.columns)


@dataclass(frozen=True)
class Result:
    """What one contestant took and found."""

    what: str
    seconds: float
    cpu_seconds: float
    mebibytes: float
    agreement: float | None


def plain_k_means(store: FileStore) -> np.ndarray:
    from sklearn.cluster import KMeans

    features = position_features(store, "layer")[slice(None)]
    return KMeans(CLUSTERS, n_init=1, random_state=0).fit_predict(features)


def named(name: str) -> Callable[[FileStore], np.ndarray]:
    def contestant(store: FileStore) -> np.ndarray:
        found = cluster(store, "layer", estimator=name, n_clusters=CLUSTERS, save=False)
        return found.labels

    return contestant


def channels(store: FileStore) -> None:
    cluster_channels(position_features(store, "layer"), 16)


CONTESTANTS: dict[str, Callable[[FileStore], np.ndarray | None]] = {
    "nothing but imports": lambda _store: None,
    "plain KMeans, all rows": plain_k_means,
    "spectral": named("spectral"),
    "kmeans": named("kmeans"),
    "hierarchical": named("hierarchical"),
    "hdbscan": named("hdbscan"),
    "mixture": named("mixture"),
    "16 channel groups": channels,
}


def write_rows(path: Path, rows: int, columns: int) -> np.ndarray:
    """Write planted relevance and return the way that each row uses channels."""
    random = np.random.default_rng(0)
    scales = random.lognormal(sigma=1.0, size=columns)
    ways = random.normal(size=(CLUSTERS, columns)) * scales
    truth = random.integers(0, CLUSTERS, rows)
    with path.open("wb") as file:
        for start in range(0, rows, SMALLEST):
            chosen = truth[start : start + SMALLEST]
            noise = random.normal(size=(len(chosen), columns)) * scales
            size = random.lognormal(size=(len(chosen), 1))
            file.write((size * (ways[chosen] + 0.7 * noise)).astype(np.float32))
    return truth


def measure(name: str, path: Path, truth: np.ndarray, columns: int) -> Result:
    """Run one contestant in this process."""
    from sklearn.metrics import adjusted_rand_score

    store = FileStore(path, len(truth), columns)
    start, cpu_start = time.perf_counter(), time.process_time()
    labels = CONTESTANTS[name](store)
    cpu_seconds = time.process_time() - cpu_start
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    agreement = None if labels is None else adjusted_rand_score(truth, labels)
    return Result(name, seconds, cpu_seconds, peak, agreement)


def results(rows: int, columns: int, console: Console) -> list[Result]:
    """Run every contestant in a process of its own."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows"
        np.save(Path(folder) / "truth.npy", write_rows(path, rows, columns))
        for name in CONTESTANTS:
            command = [sys.executable, __file__, "--worker", name, folder, str(columns)]
            output = subprocess.run(command, capture_output=True, text=True, check=True)
            found.append(Result(**json.loads(output.stdout)))
            console.log(found[-1])
    return found


def as_table(found: list[Result]) -> Table:
    table = Table("what", "seconds", "of CPU", "peak MiB", "agreement with the planted")
    for each in found:
        agreement = "" if each.agreement is None else f"{each.agreement:.3f}"
        times = f"{each.seconds:.1f}", f"{each.cpu_seconds:.1f}"
        table.add_row(each.what, *times, f"{each.mebibytes:.0f}", agreement)
    return table


def truth_table() -> Table:
    """Compare methods on planted classes: the mean and the least index of 5 seeds."""
    table = Table("planted", *ESTIMATORS)
    for name, make in _PLANTED.items():
        found = {method: [] for method in ESTIMATORS}
        for seed in range(5):
            values, truth = make(seed)
            for method in ESTIMATORS:
                found[method].append(agreement(method, values, truth, seed))
        cells = [f"{np.mean(each):.2f} ({min(each):.2f})" for each in found.values()]
        table.add_row(name, *cells)
    return table


_PLANTED = {
    f"{classes} classes, {d} distractors": partial(
        lambda classes, d, seed: planted_classes(classes, distractors=d, seed=seed),
        *(classes, d),
    )
    for classes in (3, 5)
    for d in range(5)
} | {
    f"3 classes of {count} vectors, noise {noise}": partial(
        lambda count, noise, seed: repeated_vectors(3, count, noise=noise, seed=seed),
        *(count, noise),
    )
    for count in (3, 6, 10)
    for noise in (0.0, 0.001, 0.03)
}


def agreement(method: str, values: np.ndarray, truth: np.ndarray, seed: int) -> float:
    """Cluster relevance as `cluster` does, and compare with what was planted."""
    from sklearn.metrics import adjusted_rand_score

    model = make_estimator(method, n_clusters=int(truth.max()) + 1, seed=seed)
    found = fit_labels(model, relevance_features(values), fit_rows=100_000, threads=1)
    return adjusted_rand_score(truth, found)


def stability_table(path: Path) -> Table:
    """Compare methods by the agreement of 12 clusters of 10 resampled corpora."""
    store = open_store(path)
    games = position_keys(store.positions[np.arange(len(store))]).astype(np.int32)
    table = Table("layer, target", *ESTIMATORS)
    for target in store.targets:
        for layer in store.layers:
            features = position_features(store, layer, target=target)[slice(None)]
            found = [
                cluster_stability(
                    make_estimator(method, n_clusters=12, seed=0),
                    features,
                    games,
                    repeats=10,
                )
                for method in ESTIMATORS
            ]
            cells = [f"{each.agreement:.2f} ± {each.error:.2f}" for each in found]
            table.add_row(f"{layer}, {target}", *cells)
    return table


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="50,000 rows of 64")
    parser.add_argument("--rows", type=int, help="1,000,000 by default")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write it there too")
    parser.add_argument("--truth", nargs="*", metavar="STORE", help="compare methods")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        name, folder, columns = options.worker
        truth = np.load(Path(folder) / "truth.npy")
        result = measure(name, Path(folder) / "rows", truth, int(columns))
        print(json.dumps(asdict(result)))
        return
    if options.truth is not None:
        tables = truth_table(), *(stability_table(Path(each)) for each in options.truth)
        Console(width=120).print(*tables)
        return
    rows, columns = (50_000, 64) if options.quick else (1_000_000, 256)
    rows = options.rows or rows
    found = results(rows, columns, Console(stderr=True, log_path=False))
    console = Console()
    about = {**machine(), "rows": rows, "columns": columns, "clusters": CLUSTERS}
    console.print(", ".join(f"{name} {value}" for name, value in about.items()))
    console.print(as_table(found))
    if options.json is not None:
        content = {"about": about, "results": [asdict(each) for each in found]}
        options.json.write_text(json.dumps(content, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
