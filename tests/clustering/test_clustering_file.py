import errno
from dataclasses import fields
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from conceptlrp.clustering import (
    Clustering,
    load_clustering,
    save_clustering,
)
from conceptlrp.clustering.clustering_file import (
    clustered_layers,
    clustering_path,
    file_stem,
)
from conceptlrp.errors import OutputExistsError, StoreError
from conceptlrp.store import check_store
from conceptlrp.store.finish import finish_run
from conceptlrp.store.writer import create_run
from tests.clustering.conftest import clustered
from tests.store.conftest import (
    fill,
    planted_arrays,
    planted_corpus,
    planted_plan,
)


@pytest.fixture
def blob_store(blob_store, tmp_path):
    """Return the store of blobs, in the folder of a complete store."""
    corpus = planted_corpus()
    blob_store.path = tmp_path / "run.crp"
    create_run(blob_store.path, planted_plan(corpus), corpus)
    fill(blob_store.path, planted_arrays(corpus))
    finish_run(blob_store.path)
    return blob_store


@pytest.fixture
def clustering(blob_store):
    return clustered(blob_store, "conv2", n_clusters=6)


@pytest.mark.parametrize("embedding", ["pca", None])
def test_a_loaded_clustering_equals_the_saved_one(blob_store, embedding):
    saved = clustered(blob_store, "conv2", embedding=embedding)
    save_clustering(saved, blob_store)

    loaded = load_clustering(blob_store, "conv2")

    for field in fields(Clustering):
        np.testing.assert_array_equal(
            getattr(loaded, field.name), getattr(saved, field.name)
        )
    assert clustered_layers(blob_store) == ("conv2",)


def test_a_saved_clustering_is_replaced_only_when_asked(blob_store, clustering):
    path = save_clustering(clustering, blob_store)

    with pytest.raises(OutputExistsError, match="exists already"):
        save_clustering(clustering, blob_store)

    assert save_clustering(clustering, blob_store, overwrite=True) == path
    assert list(blob_store.path.glob("clusters-*")) == [path]
    assert check_store(blob_store.path).is_good


def test_the_same_clustering_gives_the_same_bytes(blob_store, clustering):
    path = save_clustering(clustering, blob_store)
    first = path.read_bytes()

    save_clustering(clustering, blob_store, overwrite=True)

    assert path.read_bytes() == first


def test_nothing_is_left_on_a_full_disk(blob_store, clustering, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("conceptlrp.files.os.write", full)
        with pytest.raises(StoreError, match="no space left on device"):
            save_clustering(clustering, blob_store)

    assert not list(blob_store.path.glob("clusters-*"))
    assert check_store(blob_store.path).is_good


def test_a_clustering_stays_when_a_store_is_finished_again(blob_store, clustering):
    path = save_clustering(clustering, blob_store)

    finish_run(blob_store.path)

    assert path.exists()
    assert check_store(blob_store.path).is_good
    path.write_bytes(b"damaged")
    assert [p.file for p in check_store(blob_store.path).problems] == [path.name]


def test_a_clustering_of_another_corpus_is_refused(blob_store, clustering):
    save_clustering(clustering, blob_store)
    blob_store.manifest.corpus = {"digest": "other"}

    with pytest.raises(StoreError, match="made from corpus corcorco, the store has o"):
        load_clustering(blob_store, "conv2")


def test_a_missing_clustering_names_the_command(blob_store):
    with pytest.raises(StoreError, match="run 'conceptlrp cluster' for layer 'conv1'"):
        load_clustering(blob_store, "conv1")


def test_a_file_that_is_not_ours_is_refused(blob_store):
    path = clustering_path(blob_store.path, "conv1")
    path.write_text("text")
    with pytest.raises(StoreError, match="is damaged or no HDF5 file"):
        load_clustering(blob_store, "conv1")

    with h5py.File(path, "w") as file:
        file.attrs["encoding-type"] = "anndata"
    with pytest.raises(
        StoreError, match="holds something of version unknown, expected concept"
    ):
        load_clustering(blob_store, "conv1")


def test_layers_with_odd_names_have_safe_and_different_files():
    names = ["conv1", "Conv1", "trunk/3", "trunk-3", "../../etc", "<b>", "é", "", "."]
    names += ["a" * 300, "con.", "layer one"]

    stems = [file_stem(name) for name in names]

    assert len({stem.casefold() for stem in stems}) == len(names)
    assert all(stem.isascii() and "/" not in stem and len(stem) <= 41 for stem in stems)
    assert not any(stem.startswith(".") or stem.endswith(".") for stem in stems)


def test_the_store_folder_holds_the_file():
    path = clustering_path("run.crp", "trunk/3")

    assert path.parent.name == "run.crp"
    assert SimpleNamespace(name=path.name).name.startswith("clusters-trunk-3-")
