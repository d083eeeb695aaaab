"""Queries of a large store: median times, beside what this machine can do at all.

Times in parentheses are those of the processor, which a busy machine does not change.

Usage: ``python tests/benchmarks/store_queries.py [--quick] [--json FILE]``. A store
of a million random positions and 256 channels is written as a run writes it, asked,
and removed. Random numbers pack worse than relevance, so more bytes are read.
"""

import argparse
import ctypes
import ctypes.util
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  the filter of the chunks
import numpy as np
from rich.console import Console

# As a script this file sees its own folder alone, not the tests beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp.othello import Corpus, Games
from conceptlrp.store import Plan, Store, Where, open_store
from conceptlrp.store.format.manifest import ShardSpec
from conceptlrp.store.writing.finish import finish_run
from conceptlrp.store.writing.shard_writer import pending, write_shard
from conceptlrp.store.writing.writer import create_run
from tests.benchmarks.report import Row, print_rows
from tests.othello.playouts import random_games

_CHANNELS = 256
_LAYER = "conv"
_RELEVANCE = f"layers/{_LAYER}/relevance"


@dataclass(frozen=True)
class Query:
    """A question, what it may take, and the chunks that it has to read.

    Attributes
    ----------
    name : str
        What is asked.
    ask : callable
        Asks a store about a channel and a row.
    goal : float or None
        Milliseconds.
    chunks : callable or None
        Tells for an array's offsets of chunks (rows, channels), a channel and a row
        which of them it reads; None where that is not compared.
    """

    name: str
    ask: Callable[[Store, int, int], object]
    goal: float | None
    chunks: Callable[[np.ndarray, int, int], np.ndarray] | None = None


def _column(offsets: np.ndarray, channel: int, _: int) -> np.ndarray:
    first = np.unique(offsets[:, 2])
    return offsets[:, 2] == first[first <= channel].max()


def _row(offsets: np.ndarray, _: int, row: int) -> np.ndarray:
    first = np.unique(offsets[:, 0])
    return offsets[:, 0] == first[first <= row].max()


_WHERE = Where(ply=(20, 30), mover="black", year=(1982, 1986), labels={"even": True})
_SELECTIVE = Where(player="Black 7", ply=(40, 59))
QUERIES = (
    Query(
        "column of relevance",
        lambda store, c, _: store.scores(_LAYER, c, by="relevance"),
        50,
        _column,
    ),
    Query("column of share", lambda store, c, _: store.scores(_LAYER, c), 50, _column),
    Query("top 16", lambda store, c, _: store.top(_LAYER, c, 16), 5),
    Query(
        "top 16 where ply, mover, year and label",
        lambda store, c, _: store.top(_LAYER, c, 16, where=_WHERE),
        200,
        _column,
    ),
    Query(
        "top 16 where player and ply",
        lambda store, c, _: store.top(_LAYER, c, 16, where=_SELECTIVE),
        200,
    ),
    Query(
        "one row", lambda store, _, r: store.arrays.relevance(_LAYER, rows=[r]), 5, _row
    ),
    Query(
        "one row, channels ranked",
        lambda store, _, r: store.channels_frame(_LAYER, r),
        None,
    ),
)


def write_store(path: Path, n: int) -> None:
    """Write a store of random numbers, shard by shard as a run does."""
    corpus = _corpus(n)
    plan = Plan(
        network={"name": "random", "digest": "0"},
        corpus={"digest": corpus.digest, "positions": n, "games": len(corpus.games)},
        composite={"name": "none"},
        targets=("played",),
        layers={_LAYER: {"channels": _CHANNELS, "height": 8, "width": 8}},
        detail="sums",
    )
    create_run(path, plan, corpus)
    for spec in pending(path):
        write_shard(path, spec, _arrays(spec))
    finish_run(path)
    open_store(path).columns.add({"even": np.arange(n) % 2 == 0})


def _corpus(n: int) -> Corpus:
    """Return positions of random games, the same games under other years."""
    few = random_games(min(2_000, n // 50), seed=0)
    known = {name: getattr(few, name) for name in ("black", "white", "tournament")}
    parts = [
        Games.from_moves(few.moves, **known, year=1980 + i, source="playouts")
        for i in range(-(-n // (55 * len(few))))
    ]
    return Corpus.from_games(Games.concatenate(parts))[:n]


def _arrays(spec: ShardSpec) -> dict[str, np.ndarray]:
    rng, n = np.random.default_rng(spec.index), len(spec)
    by_channel = (n, _CHANNELS)
    relevance = rng.standard_normal((n, 1, _CHANNELS), np.float32)
    activation = np.abs(relevance[:, 0]) * rng.random(by_channel, np.float32)
    return {
        _RELEVANCE: relevance,
        f"layers/{_LAYER}/norm": np.abs(relevance).sum(2),
        f"layers/{_LAYER}/activation": activation,
        f"layers/{_LAYER}/peak": activation / 8,
        f"layers/{_LAYER}/peak_square": rng.integers(0, 64, by_channel, np.int8),
        "outputs/logits": np.zeros((n, 65), np.float32),
        "outputs/value": rng.standard_normal(n, np.float32),
        "targets/square": rng.integers(0, 64, (n, 1), np.int8),
        "targets/explained": rng.standard_normal((n, 1), np.float32),
        "targets/heatmap": np.zeros((n, 1, 8, 8), np.float32),
    }


class Ceiling:
    """The chunks of relevance of all shards, read by nothing but plain reads.

    Parameters
    ----------
    folder : Path
        Folder of a store.
    """

    def __init__(self, folder: Path) -> None:
        self._places: list[tuple[Path, int, int, np.ndarray, np.ndarray]] = []
        self.chunk_bytes = first = 0
        for path in sorted(folder.glob("shard-*.h5")):
            with h5py.File(path, "r") as file:
                found = file[_RELEVANCE]
                chunks: list[h5py.h5d.StoreInfo] = []
                found.id.chunk_iter(chunks.append)
                offsets = np.array([chunk.chunk_offset for chunk in chunks])
                places = [(chunk.byte_offset, chunk.size) for chunk in chunks]
                self._places.append(
                    (path, first, len(found), offsets, np.array(places))
                )
                # The last shard can have smaller ones.
                size = int(np.prod(found.chunks)) * found.dtype.itemsize
                self.chunk_bytes = max(self.chunk_bytes, size)
                first += len(found)

    def packed(self, query: Query, channel: int, row: int) -> list[bytes]:
        """Read the chunks of a query as they lie in the files."""
        assert query.chunks is not None
        found = []
        for path, first, count, offsets, places in self._places:
            inside = query.chunks is _column or first <= row < first + count
            wanted = query.chunks(offsets, channel, max(0, row - first)) & inside
            if wanted.any():
                with path.open("rb", buffering=0) as file:
                    for place, size in places[wanted]:
                        file.seek(place)
                        found.append(file.read(size))
        return found


@dataclass(frozen=True)
class Took:
    """Median times in milliseconds: of the clock, and of the processor alone.

    They differ where other programs keep the machine busy; `best` is the shortest.
    """

    wall: float
    processor: float
    best: float

    def __str__(self) -> str:
        return f"{self.wall:.2f} ms ({self.processor:.2f})"


class Zstandard:
    """The library itself, called without anything between."""

    def __init__(self, largest: int) -> None:
        name = ctypes.util.find_library("zstd")
        self._library = ctypes.CDLL(name) if name else None
        if self._library is not None:
            self._library.ZSTD_decompress.restype = ctypes.c_size_t
        self._buffer = ctypes.create_string_buffer(largest)

    def unpack(self, packed: list[bytes]) -> int:
        """Unpack chunks one after the other and count the bytes."""
        if self._library is None:
            return 0
        size, total = len(self._buffer), 0
        for chunk in packed:
            # The last four bytes are the checksum that HDF5 has added.
            lengths = ctypes.c_size_t(size), ctypes.c_size_t(len(chunk) - 4)
            source = ctypes.c_char_p(chunk)
            written = self._library.ZSTD_decompress(
                self._buffer, lengths[0], source, lengths[1]
            )
            assert written <= size, "a chunk does not unpack"
            total += written
        return total


def query_rows(path: Path, n: int, rounds: int) -> Iterator[Row]:
    """Ask every query again and again, of other channels and rows each time."""
    rng = np.random.default_rng(1)
    asked = [
        (int(rng.integers(_CHANNELS)), int(rng.integers(n))) for _ in range(rounds)
    ]
    ceiling = Ceiling(path)
    zstandard = Zstandard(ceiling.chunk_bytes)
    opening = _median([lambda: open_store(path)] * rounds)
    yield _time_row("opening", n, opening, 100)
    store = open_store(path)
    for query in QUERIES:
        # The first answer opens files and reads the columns of conditions.
        first = _median([lambda query=query: query.ask(store, 0, 0)])
        took = _median([lambda q=query, at=at: q.ask(store, *at) for at in asked])
        note, best = f"first {first.wall:.0f} ms", None
        if query.chunks is not None:
            best = _median(
                [
                    lambda q=query, at=at: zstandard.unpack(ceiling.packed(q, *at))
                    for at in asked
                ]
            )
            packed = ceiling.packed(query, *asked[0])
            read, whole = sum(map(len, packed)), zstandard.unpack(packed)
            note += (
                f"; {len(packed)} chunks, {read / 1e6:.1f} MB packed, "
                f"{whole / 1e6:.1f} MB unpacked"
            )
        yield _time_row(query.name, n, took, query.goal, best, note)
    took = _median([lambda: store.nearest(_LAYER, 0, 16)])
    yield _time_row("16 nearest by cosine", n, took, None, None, "reads all relevance")


def _time_row(
    what: str,
    n: int,
    took: Took,
    goal: float | None,
    best: Took | None = None,
    note: str = "",
) -> Row:
    return Row(
        f"{n:,} rows, {_CHANNELS} channels, float32",
        what,
        "plain reads, zstd" if best is not None else "",
        str(took),
        "" if best is None else str(best),
        ratio=took.wall,
        ratio_of_best=took.best,
        goal=goal,
        at_most=True,
        unit=" ms",
        note=note,
    )


def _median(works: Sequence[Callable[[], object]]) -> Took:
    """Return the median times of some works."""
    wall, processor = [], []
    for work in works:
        start = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - start[0])
        processor.append(time.process_time() - start[1])
    medians = (1e3 * statistics.median(times) for times in (wall, processor))
    return Took(*medians, best=1e3 * min(wall))


def main() -> None:
    """Parse the command line, write a store, ask it, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="50,000 rows")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write it there too")
    parser.add_argument("--folder", type=Path, help="where the store is written")
    options = parser.parse_args()
    n, progress = 50_000 if options.quick else 1_000_000, Console(stderr=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        path, start = Path(place) / "run.crp", time.perf_counter()
        write_store(path, n)
        size = sum(each.stat().st_size for each in path.iterdir())
        seconds = time.perf_counter() - start
        progress.log(f"{n:,} rows written: {size / 1e9:.2f} GB in {seconds:.0f} s")
        rows = list(query_rows(path, n, 5 if options.quick else 15))
    print_rows(rows, options.json, width=160)


if __name__ == "__main__":
    main()
