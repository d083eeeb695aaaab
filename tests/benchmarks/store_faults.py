"""Damage to a store: how much of it is found, and what resuming repairs.

Usage: ``python tests/benchmarks/store_faults.py [--quick] [--flips]``. Bytes of a file
of every kind and of checkpoints are changed, one at a time, and a small store of the
network that ships is damaged, a byte or a file at a time. Then every verb that writes
is killed, or told of an error, at the calls of the system that it makes, and processes
that save derived results are killed at random moments.
"""

import argparse
import os
import pickle
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.table import Table

# As a script this file sees its own folder alone, not the tests beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp.errors import CheckpointError, StoreError
from conceptlrp.networks import demo_corpus, demo_network
from conceptlrp.networks.digest import network_digest
from conceptlrp.store import check_store, open_store
from tests.networks.test_damaged_checkpoints import BARE, GUARDED, load, note, write
from tests.runs.computing import explain_corpus
from tests.store.damage import make_whole, put, readers
from tests.store.faults import System
from tests.store.results.samples import SAMPLES
from tests.store.verbs import FAULTS, LACKING, Trial, make_store as make_dressed, verbs

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


#: Calls of one kind of failure that a verb is failed at which takes long.
_MOST = 12


def failed_verbs(folder: Path, *, quick: bool) -> Table:
    """Fail every verb at calls that it makes, from the first to the last."""
    store = make_dressed(folder)
    whats = [*(f"no {each}" for each in LACKING), *FAULTS]
    table = Table("verb", *whats, title="tried, and what went wrong")
    totals = dict.fromkeys(whats, (0, 0))
    for verb in verbs(store):
        place = folder / verb.name.translate({ord(c): "-" for c in " :."})
        place.mkdir()
        trial = Trial(verb, place, store.path)
        begun = time.monotonic()
        with System().running() as system:
            verb.write(trial.place, 1)
        is_slow = time.monotonic() - begun > 0.1
        most = 2 if quick else _MOST if is_slow else 10_000
        step = max(1, system.calls // most)
        found = [trial.lack(each) for each in LACKING]
        found += [trial.run(each, step=step) for each in FAULTS]
        table.add_row(verb.name, *(f"{f.tried}, {len(f.wrong)}" for f in found))
        for each in found:
            tried, wrong = totals[each.what]
            totals[each.what] = tried + each.tried, wrong + len(each.wrong)
            for problem in each.wrong:
                sys.stderr.write(f"{verb.name}, {each.what}, {problem}\n")
        shutil.rmtree(place)
        shutil.rmtree(trial.former)
    table.add_row("all", *(f"{tried}, {wrong}" for tried, wrong in totals.values()))
    return table


def killed_saves(folder: Path, times: int) -> Outcome:
    """Kill processes that save one result over the other without end."""
    moments, right = random.Random(0), 0
    for number in range(times):
        # Check reads the whole file by its hash, so that either one is whole.
        kind = [*SAMPLES][number % len(SAMPLES)]
        path = folder / f"killed-{number}.crp"
        shutil.copytree(folder / "run.crp", path)
        store = open_store(path)
        samples = [SAMPLES[kind](store, version) for version in range(2)]
        store.results.save(samples[0], overwrite=True)
        n = len(store.results.list())
        child = os.fork()
        if not child:
            while True:
                for each in (*samples[1:], samples[0]):
                    store.results.save(each, overwrite=True)
        time.sleep(moments.uniform(0.001, 0.1))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        reader = open_store(path)
        is_good = check_store(path).is_good and len(reader.results.list()) == n
        reader.results.save(samples[1], overwrite=True)
        right += is_good and not check_store(path).leftovers
        shutil.rmtree(path)
    return Outcome("saves killed (SIGKILL)", times, right, "old or new whole")


def flipped_kinds(folder: Path, rng: np.random.Generator, times: int) -> Table:
    """Change bytes of a file of every kind in a store, and check and read it."""
    path = make_whole(folder / "kinds.crp").path
    expected = {
        n: pickle.dumps(read()) for n, read in readers(open_store(path)).items()
    }
    table = Table("file", "tried", "check", "reading", "wrong", title="a byte changed")
    for name in ("manifest.json", *expected):
        whole, counts = (path / name).read_bytes(), Counter[str]()
        for _ in range(times):
            put(path / name, changed(whole, rng))
            counts["check"] += name in {p.file for p in check_store(path).problems}
            try:
                found = pickle.dumps(readers(open_store(path))[name]())
                counts["wrong"] += found != expected[name]
            except StoreError:
                counts["read"] += 1
        put(path / name, whole)
        row = (counts[each] for each in ("check", "read", "wrong"))
        table.add_row(name, str(times), *map(str, row))
    return table


def flipped_checkpoints(folder: Path, rng: np.random.Generator, times: int) -> Table:
    """Change bytes of checkpoints of every format, without and with a digest."""
    table = Table(
        *("checkpoint", "tried", "noticed", "same weights", "wrong"),
        title="one byte changed",
    )
    for kind in (*GUARDED, *BARE):
        path = write(kind, folder / f"{kind.replace(' ', '-')}.net")
        whole, digest = path.read_bytes(), network_digest(load(kind, path))
        for beside in (False, True):
            counts: Counter[str] = Counter()
            if beside:
                note(path)
            for _ in range(times):
                path.write_bytes(changed(whole, rng))
                try:
                    found = network_digest(load(kind, path))
                    counts["same" if found == digest else "wrong"] += 1
                except CheckpointError:
                    counts["noticed"] += 1
                except ValueError:
                    # Weights that are no numbers.
                    counts["wrong"] += 1
            path.write_bytes(whole)
            name = f"{kind}, digest beside" if beside else kind
            row = (counts[each] for each in ("noticed", "same", "wrong"))
            table.add_row(name, str(times), *map(str, row))
    return table


def changed(whole: bytes, rng: np.random.Generator) -> bytes:
    """Return the bytes with one of them changed."""
    content = bytearray(whole)
    content[rng.integers(len(content))] ^= int(rng.integers(1, 256))
    return bytes(content)


def main() -> None:
    """Parse the command line, damage, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a twentieth")
    parser.add_argument("--verbs", action="store_true", help="only the verbs")
    parser.add_argument("--flips", action="store_true", help="only changed bytes")
    options = parser.parse_args()
    share = 20 if options.quick else 1
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder, console = Path(name), Console(width=240)
        if options.flips or not options.verbs:
            console.print(flipped_kinds(folder, rng, 1000 // share))
            console.print(flipped_checkpoints(folder, rng, 1000 // share))
        if options.flips:
            return
        failed = failed_verbs(folder, quick=options.quick)
        outcomes = [killed_saves(folder, 100 // share)]
        if not options.verbs:
            path = make_store(folder / "whole.crp")
            outcomes += [
                flipped(path, rng, 1000 // share),
                truncated(path, rng, 200 // share),
                replaced(path),
                repaired(path),
            ]
            assert check_store(path).is_good
    table = Table("damage", "done", "found or repaired", "note")
    for each in outcomes:
        table.add_row(each.what, str(each.done), str(each.found), each.note)
    console.print(failed)
    console.print(table)


if __name__ == "__main__":
    main()
