"""Readers of files: what each gives, and how damaged files end.

Usage: ``python tests/benchmarks/readers.py [--mutations 10000]``. A synthetic file of
each format is read, then changed and read again so many times; then come the files that
do harm. Each must end in games or in an error of ours that names the file. The same is
done with all other files: cards, counts, notes, networks, stores and what runs leave.
"""

import argparse
import resource
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

# As a script this file sees its own folder alone, not the tests beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp.errors import ConceptLRPError, CorpusFileError, GameFileError
from conceptlrp.othello import Corpus
from conceptlrp.othello.files.formats import read_games
from conceptlrp.othello.replay import replay
from tests.atlas.conftest import write_store
from tests.othello.game_writers import csv, scored
from tests.othello.playouts import random_games
from tests.othello.samples import Sample, hostile, mutated, samples
from tests.other_files import OtherFile, harmful, network_of, other_files

SAVED = "a corpus in HDF5"


def outcome(path: Path, data: bytes) -> tuple[str, float]:
    """Read a file: what became of it, and in how many seconds."""
    path.write_bytes(data)
    begun = time.process_time()
    try:
        found = Corpus.load(path) if path.suffix == ".h5" else read_games(path)
    except (GameFileError, CorpusFileError) as error:
        end = "refused" if path.name in str(error) else f"unnamed: {error}"
    except Exception as error:
        end = f"{type(error).__name__}: {error}"
    else:
        end = "in part" if found.problems else "whole"
    return end, time.process_time() - begun


def damage(label: str, sample: Sample, times: int) -> list[str]:
    """Return a row: how damaged files of a format ended."""
    rng, slowest = np.random.default_rng(sum(label.encode())), 0.0
    ends: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / sample.name
        for _ in range(times):
            end, seconds = outcome(path, mutated(sample.data, rng))
            slowest = max(slowest, seconds)
            ends[end] += 1
    known = [ends.pop(end, 0) for end in ("whole", "in part", "refused")]
    counts = (len(sample.data), *known, sum(ends.values()))
    return [
        label,
        *(f"{n:,}" for n in counts),
        f"{1000 * slowest:.0f}",
        "; ".join(ends)[:200],
    ]


def other_outcome(file: OtherFile, path: Path, data: bytes) -> tuple[str, float]:
    """Read a file that is none of games."""
    path.write_bytes(data)
    begun = time.process_time()
    try:
        file.read(path)
    except ConceptLRPError:
        end = "refused"
    except Exception as error:
        end = f"{type(error).__name__}: {error}"
    else:
        end = "whole"
    return end, time.process_time() - begun


def other_damage(label: str, times: int) -> list[str]:
    """Return a row: how damaged files of another format ended."""
    rng, slowest = np.random.default_rng(sum(label.encode())), 0.0
    ends: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        write_store(Path(folder) / "run.crp")
        file = other_files(Path(folder) / "run.crp")[label]
        path = Path(folder) / file.name
        for _ in range(times):
            end, seconds = other_outcome(file, path, mutated(file.data, rng))
            slowest = max(slowest, seconds)
            ends[end] += 1
    known = [ends.pop(end, 0) for end in ("whole", "refused")]
    counts = (len(file.data), *known, sum(ends.values()))
    figures = [*(f"{n:,}" for n in counts), f"{1000 * slowest:.0f}"]
    return [label, *figures, "; ".join(ends)[:200]]


def other_harm(folder: Path) -> list[list[str]]:
    """Return rows: time and memory that other files which do harm have taken."""
    digest = write_store(folder / "run.crp").manifest.network["digest"]
    files, rows = other_files(folder / "run.crp"), []
    for label, (name, data) in harmful().items():
        file, whole = files[name], network_of(digest, data)
        tracemalloc.start()
        end, seconds = other_outcome(file, folder / file.name, whole)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        sizes = (f"{len(whole) / 1e6:.2f}", f"{peak / 1e6:.2f}")
        rows.append([label, name, *sizes, f"{seconds:.2f}", end[:80]])
    return rows


def with_corpus(folder: Path) -> dict[str, Sample]:
    """Return the samples, and a corpus that was saved."""
    path = folder / "games.h5"
    Corpus.from_games(random_games(6, seed=3)).save(path)
    return {**samples(), SAVED: Sample(path.name, path.read_bytes())}


def large() -> list[list[str]]:
    """Return rows: seconds to read many games, and those to replay them alone."""
    played = random_games(1000, seed=0)
    rows = []
    for name, count, write in (
        ("games.csv", 25_000, csv),
        ("games.txt", 100_000, scored),
    ):
        games = played.take(np.arange(count) % len(played))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(write(games))
            begun = time.process_time()
            found = read_games(path).games
            read = time.process_time()
            replay(found.moves)
            alone = time.process_time() - read
        seconds = read - begun
        rows.append(
            [name, f"{len(found):,}", f"{seconds:.2f}", f"{seconds / alone:.1f}"]
        )
    return rows


def show(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """Print a table whose first column is text."""
    table = Table(*columns, title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*row)
    Console(width=150).print(table)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    times, workers = options.mutations, options.workers
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = with_corpus(folder)
        rows = []
        for label, sample in files.items():
            path = folder / sample.name
            path.write_bytes(sample.data)
            found = Corpus.load(path) if label == SAVED else Corpus.read(path)
            reasons = [line.removeprefix(f"{sample.name}: ") for line in found.problems]
            counts = (len(found.games), len(found), len(found.problems))
            rows.append(
                [label, sample.name, *(f"{n:,}" for n in counts), "; ".join(reasons)]
            )
        show("Read", ["format", "file", "games", "positions", "left out", "why"], rows)
        columns = ["file", "games", "seconds", "x replaying them"]
        show("Large files", columns, large())
        with ProcessPoolExecutor(workers) as pool:
            rows = list(pool.map(damage, files, files.values(), repeat(times)))
        columns = [
            "format",
            "bytes",
            "whole",
            "in part",
            "refused",
            "crashed",
            "slowest ms",
            "",
        ]
        show(f"{times:,} damaged files each", columns, rows)
        rows = []
        for label, sample in hostile().items():
            tracemalloc.start()
            end, seconds = outcome(folder / sample.name, sample.data)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            sizes = (len(sample.data) / 1e6, peak / 1e6)
            rows.append(
                [label, *(f"{mb:.2f}" for mb in sizes), f"{seconds:.2f}", end[:80]]
            )
        show("Files that do harm", ["file", "MB", "peak MB", "seconds", "end"], rows)
        rows = other_harm(folder)
        labels = list(other_files(folder / "run.crp"))
        with ProcessPoolExecutor(workers) as pool:
            damaged = list(pool.map(other_damage, labels, repeat(times)))
        columns = ["file", "bytes", "whole", "refused", "crashed", "slowest ms", ""]
        show(f"{times:,} other damaged files each", columns, damaged)
        columns = ["file", "of", "MB", "peak MB", "seconds", "end"]
        show("Other files that do harm", columns, rows)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of all of it: {peak:.0f} MB")


if __name__ == "__main__":
    main()
