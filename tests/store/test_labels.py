"""Columns that are added to a store: kept, covered by the manifest, in tables."""

import shlex
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from conceptlrp.errors import OutputExistsError, StoreError
from conceptlrp.othello import Corpus
from conceptlrp.store import Store, check_store, open_store
from conceptlrp.store.format.lock import run_lock
from conceptlrp.store.writing.finish import finish_run
from conceptlrp.store.writing.writer import append_run, create_run
from tests.command_line import succeed
from tests.store.conftest import MakeStore, planted_plan


@pytest.fixture
def store(write_store: MakeStore, tmp_path: Path) -> Store:
    return write_store(tmp_path / "run.crp")


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int64", "float32"])
def test_a_label_comes_back_as_it_was_added(dtype: str, store: Store) -> None:
    column = (np.arange(len(store)) % 5).astype(dtype)

    store.columns.add({"stable discs": column})

    for opened in (store, open_store(store.path)):
        assert opened.columns.label_names == ("stable discs",)
        assert opened.columns.label("stable discs").dtype == dtype
        np.testing.assert_array_equal(opened.columns.label("stable discs"), column)


def test_labels_are_added_to_those_that_are_there(store: Store) -> None:
    n = len(store)
    store.columns.add({"corner": np.ones(n, np.bool_), "peak": np.arange(n)})

    store.columns.add({"mobility": np.zeros(n)})

    assert store.columns.label_names == ("corner", "mobility", "peak")
    np.testing.assert_array_equal(store.columns.label("peak"), np.arange(n))


def test_a_label_is_replaced_only_when_that_is_asked_for(store: Store) -> None:
    n = len(store)
    store.columns.add({"corner": np.zeros(n)})
    assert store.columns.label("corner").sum() == 0

    with pytest.raises(OutputExistsError, match="has a label 'corner' already"):
        store.columns.add({"corner": np.ones(n)})
    store.columns.add({"corner": np.ones(n)}, overwrite=True)

    assert store.columns.label("corner").sum() == n


def columns_path(store: Store) -> Path:
    (path,) = store.path.glob("columns-*.h5")
    return path


def test_the_manifest_covers_the_labels(store: Store) -> None:
    store.columns.add({"corner": np.zeros(len(store))})

    path = columns_path(store)
    entry = open_store(store.path).manifest.files[path.name]
    content = path.read_bytes()
    assert (entry.bytes, entry.sha256) == (len(content), sha256(content).hexdigest())
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(StoreError, match=r"columns-.*\.h5: has [0-9]+ bytes"):
        open_store(store.path).columns.label("corner")


def test_the_same_labels_give_the_same_bytes_in_any_order(
    store: Store, write_store: MakeStore, tmp_path: Path
) -> None:
    other = write_store(tmp_path / "other.crp")
    a, b = np.arange(len(store)), np.zeros(len(store))

    store.columns.add({"a": a})
    store.columns.add({"b": b})
    other.columns.add({"b": b, "a": a})

    for name in (columns_path(store).name, "manifest.json"):
        assert (store.path / name).read_bytes() == (other.path / name).read_bytes()


@pytest.mark.parametrize("name", ["", "a/b", "../a", "ply", "id", "value", " x", "é"])
def test_a_name_that_no_label_can_have_is_refused(name: str, store: Store) -> None:
    with pytest.raises(ValueError, match="cannot have this name"):
        store.columns.add({name: np.zeros(len(store))})


def test_a_column_that_is_none_is_refused(store: Store) -> None:
    n = len(store)
    for column in (np.zeros(n - 1), np.zeros((n, 1)), ["a"] * n, np.zeros(n, complex)):
        with pytest.raises(ValueError, match="label 'a' is"):
            store.columns.add({"a": column})
    assert not list(store.path.glob("columns-*"))


def test_labels_wait_for_the_run_to_be_complete(corpus: Corpus, tmp_path: Path) -> None:
    path = tmp_path / "run.crp"
    create_run(path, planted_plan(corpus), corpus)

    with pytest.raises(StoreError, match="not complete"):
        open_store(path).columns.add({"a": np.zeros(len(corpus))})


def test_labels_are_not_added_while_a_run_fills_the_store(store: Store) -> None:
    with run_lock(store.path), pytest.raises(StoreError, match="another run fills it"):
        store.columns.add({"a": np.zeros(len(store))})


def test_labels_outlive_a_repair_but_not_new_positions(
    store: Store, corpus: Corpus
) -> None:
    store.columns.add({"a": np.arange(len(store))})

    finish_run(store.path)
    assert open_store(store.path).columns.label("a")[7] == 7
    longer = Corpus.concatenate([corpus, corpus[:10]])
    append_run(store.path, planted_plan(longer), longer)

    assert not list(store.path.glob("columns-*"))


def test_damaged_labels_outlive_a_repair_until_they_are_overwritten(
    store: Store,
) -> None:
    store.columns.add({"a": np.zeros(len(store))})
    file = columns_path(store)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)

    finish_run(store.path)

    (problem,) = check_store(store.path).problems
    assert problem.file == file.name
    assert "--no-scores --overwrite" in problem.remedy
    with pytest.raises(StoreError, match="has the SHA-256"):
        store.columns.add({"b": np.zeros(len(store))})
    store.columns.add({"b": np.zeros(len(store))}, overwrite=True)
    assert open_store(store.path).columns.label_names == ("b",)
    assert check_store(store.path).is_good


def test_the_remedy_of_damaged_labels_mends_them(store: Store) -> None:
    succeed("label", store.path, "--no-scores")
    known = open_store(store.path).columns.label_names
    for damage in (lambda path: path.write_bytes(b"mine"), Path.unlink):
        damage(columns_path(open_store(store.path)))
        (problem,) = check_store(store.path).problems
        command = problem.remedy.partition("run 'conceptlrp ")[2].partition("'")[0]

        succeed(*shlex.split(command))

        assert check_store(store.path).is_good
        assert open_store(store.path).columns.label_names == known


def test_files_of_others_stay_in_a_store_whatever_their_names(store: Store) -> None:
    names = ("shard-00007.h5", "shard-00007.json", "maps-00003.h5", "corpus-9.h5")
    for name in names:
        (store.path / name).write_text("mine")

    finish_run(store.path)

    assert [(store.path / name).read_text() for name in names] == ["mine"] * 4
