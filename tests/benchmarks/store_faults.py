"""Damage to a store: how much of it is found, and what resuming repairs.

Usage: ``python tests/benchmarks/store_faults.py [--quick]``. A small store of the
network that ships is damaged again and again, a byte or a file at a time.
"""

import argparse
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.table import Table

# As a script this file sees its own folder alone, not the tests beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp.networks import demo_corpus, demo_network
from conceptlrp.store import check_store
from tests.runs.computing import explain_corpus

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Outcome:
    """How often damage of one kind was done, and how often it was found."""

    what: str
    done: int
    found: int
    note: str = ""


def make_store(path: Path) -> Path:
    """Compute a store with every kind of file in it."""
    explain_corpus(
        demo_network(),
        demo_corpus().sample(192, seed=0),
        path,
        references=2,
        statistics=True,
        shard_size=64,
    )
    return path


def flipped(path: Path, rng: np.random.Generator, times: int) -> Outcome:
    """Change single bytes, drawn over all bytes of the store, one at a time."""
    files = sorted(path.iterdir())
    sizes = np.array([file.stat().st_size for file in files])
    found = 0
    for _ in range(times):
        file = files[rng.choice(len(files), p=sizes / sizes.sum())]
        whole = file.read_bytes()
        content = bytearray(whole)
        content[rng.integers(len(content))] ^= int(rng.integers(1, 256))
        file.write_bytes(content)
        found += file.name in {p.file for p in check_store(path).problems}
        file.write_bytes(whole)
    return Outcome("single bytes changed", times, found, f"{len(files)} files")


def truncated(path: Path, rng: np.random.Generator, times: int) -> Outcome:
    """Cut files off at random lengths, one at a time."""
    files = sorted(path.iterdir())
    found = 0
    for _ in range(times):
        file = files[rng.integers(len(files))]
        whole = file.read_bytes()
        file.write_bytes(whole[: rng.integers(len(whole))])
        found += file.name in {p.file for p in check_store(path).problems}
        file.write_bytes(whole)
    return Outcome("files cut off", times, found)


def replaced(path: Path) -> Outcome:
    """Put nothing, a folder, a dangling and a real link in the place of each file."""
    harms: dict[str, Callable[[Path], object]] = {
        "deleted": lambda _: None,
        "empty": Path.touch,
        "folder": Path.mkdir,
        "dangling": lambda place: place.symlink_to("nowhere"),
        "link": lambda place: place.symlink_to(sys.executable),
    }
    done = found = 0
    for file in sorted(path.iterdir()):
        whole = file.read_bytes()
        for harm in harms.values():
            file.unlink()
            harm(file)
            done += 1
            found += file.name in {p.file for p in check_store(path).problems}
            file.rmdir() if file.is_dir() else file.unlink(missing_ok=True)
            file.write_bytes(whole)
    return Outcome("files replaced", done, found, ", ".join(harms))


def repaired(path: Path) -> Outcome:
    """Damage each file but the manifest and resume the run."""
    files = [file for file in sorted(path.iterdir()) if file.suffix == ".h5"]
    equal = 0
    for file in files:
        copy = Path(shutil.copytree(path, path.with_name("copy.crp")))
        (copy / file.name).write_bytes(file.read_bytes()[:-50])
        explain_corpus(
            demo_network(),
            demo_corpus().sample(192, seed=0),
            copy,
            references=2,
            statistics=True,
            shard_size=64,
            mode="resume",
        )
        equal += all(
            (copy / each.name).read_bytes() == each.read_bytes()
            for each in path.iterdir()
        )
        shutil.rmtree(copy)
    return Outcome("files repaired to the same bytes", len(files), equal)


def main() -> None:
    """Parse the command line, damage, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a twentieth")
    share = 20 if parser.parse_args().quick else 1
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = make_store(Path(folder) / "run.crp")
        outcomes = [
            flipped(path, rng, 1000 // share),
            truncated(path, rng, 200 // share),
            replaced(path),
            repaired(path),
        ]
        assert check_store(path).is_good
    table = Table("damage", "done", "found or repaired", "note")
    for each in outcomes:
        table.add_row(each.what, str(each.done), str(each.found), each.note)
    Console().print(table)


if __name__ == "__main__":
    main()
