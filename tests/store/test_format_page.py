"""The page of the format names everything that a real store holds."""

import re
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

import conceptlrp.store
from conceptlrp.hdf5 import dataset_names
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.runs import KeepOptions, attribute_corpus
from conceptlrp.store import Store
from conceptlrp.store.format.schema import REFERENCE_KINDS
from conceptlrp.store.format_page import format_page
from tests.lrp.conftest import randomize
from tests.othello.playouts import random_games
from tests.store.results.samples import SAMPLES


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Return a store with everything that one can hold."""
    store = attribute_corpus(
        randomize(OthelloNet(channels=3)),
        Corpus.from_games(random_games(2, seed=2)).sample(12, seed=0),
        tmp_path_factory.mktemp("full") / "run.crp",
        layers=["conv1", "conv2"],
        targets=["best", "value"],
        keep=KeepOptions(detail="all", references=2, statistics=True, dtype="float16"),
    )
    store.columns.add({"even": np.arange(len(store)) % 2 == 0})
    for sample in SAMPLES.values():
        store.results.save(sample(store))
    return store


def datasets(store: Store) -> Iterator[tuple[str, str]]:
    for name in store.manifest.files:
        with h5py.File(store.path / name) as file:
            yield from ((name, each) for each in dataset_names(file))


def pattern(name: str) -> str:
    """Put letters for what differs from store to store in the name of a dataset."""
    name = re.sub(r"\b(conv\d|stem%2F0)\b", "<name>", name)
    for kind in REFERENCE_KINDS:
        name = re.sub(rf"^\d/{kind}/<name>/\w+", "<t>/<kind>/<layer>/", name)
    name = re.sub(r"^tops/<name>/\w+/\d/", "tops/<layer>/<score>/<t>/", name)
    name = re.sub(r'/\["<name>", "<name>"\]/', "/<name>/", name)
    name = re.sub(r"/(activation|map %2F share)$", "/<name>", name)
    name = re.sub(r"^curves/[^/]+/", "curves/<name>/", name)
    return name.replace("even/", "<name>/")


def test_the_page_names_every_dataset_of_a_real_store(full: Store) -> None:
    page = format_page()
    missing = set()

    for file, name in datasets(full):
        found = pattern(name) if "layers" in name or "/" in name else name
        names = {found, found.replace("<name>", "<layer>"), name}
        names.add(name.replace("conv1", "<layer>").replace("conv2", "<layer>"))
        if not any(each in page for each in names):
            missing.add((file, name))

    assert not missing


def test_the_page_names_every_file_and_kind(full: Store) -> None:
    page = format_page()

    for kind in SAMPLES:
        assert f"### {kind}, version" in page
    for name in full.manifest.files:
        stem = re.split(r"[-.]", name)[0]
        assert f"{stem}-" in page or f"{stem}." in page
    assert "| `layers/<name>/policy` | float64 | (C, S, S) |" in page


def test_the_page_in_the_repository_is_that_of_this_code() -> None:
    page = Path(conceptlrp.store.__path__[0]) / "FORMAT.md"

    # Otherwise run the command that the page names, from the top of the repository.
    assert page.read_text(encoding="utf-8") == format_page()


def test_the_page_says_what_every_field_of_a_result_means() -> None:
    results = format_page().split("### ", 1)[1]

    rows = [line for line in results.splitlines() if line.startswith("| `")]
    assert [row for row in rows if row.endswith("|  |")] == []
