"""Readers while another process replaces what they read: old or new, and no error."""

import multiprocessing
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conceptlrp.errors import StoreError
from conceptlrp.store import Store, open_store
from conceptlrp.store.format import manifest as manifests
from conceptlrp.store.format.manifest import read_manifest
from conceptlrp.store.results.kinds import columns_file
from conceptlrp.store.writing.writer import append_run
from tests.store.conftest import MakeStore, planted_plan
from tests.store.damage import put
from tests.store.results.samples import SAMPLES
from tests.store.results.test_results import get

COLUMNS = "columns"
KINDS = pytest.mark.parametrize("kind", [COLUMNS, *SAMPLES])


@pytest.fixture(scope="module")
def whole(write_store: MakeStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "run.crp"
    store = write_store(path)
    for kind in (COLUMNS, *SAMPLES):
        replace(store, kind, 0)
    return path


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Store:
    return open_store(shutil.copytree(whole, tmp_path / "run.crp"))


def replace(store: Store, kind: str, seed: int) -> None:
    if kind == COLUMNS:
        store.columns.add({"seed": np.full(len(store), seed)}, overwrite=True)
    else:
        store.results.save(SAMPLES[kind](store, seed), overwrite=True)


def readers(store: Store, kind: str) -> dict[str, Callable[[], str]]:
    """Return what reads a kind in every way, each as text."""
    if kind == COLUMNS:
        return {
            "label": lambda: str(set(store.columns.label("seed").tolist())),
            "names": lambda: str(store.columns.label_names),
            "frame": lambda: str(store.columns.frame(["seed"])),
        }
    sample = SAMPLES[kind](store)
    about = {"target": 0, "layer": getattr(sample, "layer", None)}
    return {
        "get": lambda: repr(vars(get(store, sample))),
        "provenance": lambda: str(store.results.provenance(type(sample), **about)),
    }


def both(store: Store, kind: str) -> dict[str, set[str]]:
    """Return what each reader may find: what the seeds 0 and 1 save."""
    found: dict[str, set[str]] = {}
    for seed in (1, 0):
        replace(store, kind, seed)
        for name, read in readers(store, kind).items():
            found.setdefault(name, set()).add(read())
    return found


@contextmanager
def replaced(number: int, change: Callable[[], Any]) -> Iterator[list[int]]:
    """Let a change come after it was asked n times which manifest there is."""
    calls, plain = [0], manifests.written

    def asked(folder: Path) -> Any:
        found = plain(folder)
        calls[0] += 1
        if calls[0] == number:
            change()
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifests, "written", asked)
        yield calls


@KINDS
def test_what_is_replaced_after_the_manifest_was_read_is_read_anew(
    kind: str, store: Store
) -> None:
    expected = both(store, kind)
    for way in expected:
        number, calls = 0, [1]
        while number < calls[0]:
            number += 1
            replace(store, kind, 0)
            reader = open_store(store.path)
            with replaced(number, lambda: replace(store, kind, 1)) as calls:
                found = readers(reader, kind)[way]()
            assert found in expected[way], (way, number)
            assert readers(reader, kind)[way]() in expected[way]


@KINDS
@pytest.mark.parametrize("way", ["gone", "other"])
def test_what_is_damaged_meanwhile_is_refused(
    kind: str, way: str, store: Store
) -> None:
    manifest = store.manifest
    name = columns_file(manifest) if kind == COLUMNS else None
    name = name or next(
        n for n, e in manifest.files.items() if kind in e.about.values()
    )
    path = store.path / name

    def change() -> None:
        path.unlink() if way == "gone" else put(
            path, path.read_bytes()[:-9] + b"9 of them"
        )

    read = next(iter(readers(open_store(store.path), kind).values()))
    with replaced(1, change), pytest.raises(StoreError, match=name):
        read()


def test_a_ranking_goes_on_while_its_index_goes(
    write_store: MakeStore, corpus: Any, tmp_path: Path
) -> None:
    store = write_store(tmp_path / "run.crp")
    expected = store.top("conv1", 0, one_per_game=False).rows.tolist()
    more = type(corpus).concatenate([corpus, corpus[:2]])
    for number in range(1, 5):
        copy = open_store(shutil.copytree(store.path, tmp_path / f"{number}.crp"))

        def change(path: Path = copy.path) -> None:
            append_run(path, planted_plan(more), more)

        with replaced(number, change):
            found = copy.top("conv1", 0, one_per_game=False)
        assert found.rows.tolist() == expected
        if read_manifest(copy.path) != copy.manifest:
            with pytest.raises(StoreError, match="open the store again"):
                copy.columns.read(["ply"])


def keep_replacing(path: Path, kind: str, stop: Event) -> None:
    """Replace a kind again and again, by turns with what two seeds say."""
    store, seed = open_store(path), 0
    while not stop.is_set():
        seed = 1 - seed
        replace(store, kind, seed)


@pytest.mark.slow
def test_a_writer_in_a_loop_costs_no_reader_anything(store: Store) -> None:
    spawn = multiprocessing.get_context("spawn")
    reads, odd, errors = 0, [], []
    for kind in (COLUMNS, *SAMPLES):
        expected, stop = both(store, kind), spawn.Event()
        writer = spawn.Process(target=keep_replacing, args=(store.path, kind, stop))
        before = {path.name for path in store.path.iterdir()}
        writer.start()
        while writer.is_alive() and before == {p.name for p in store.path.iterdir()}:
            pass
        for _ in range(8):
            for way, read in readers(open_store(store.path), kind).items():
                reads += 1
                try:
                    found = read()
                except StoreError as error:
                    errors.append(str(error))
                else:
                    odd += [found] if found not in expected[way] else []
        stop.set()
        writer.join()

    assert (errors, odd) == ([], []), f"{reads} reads"
