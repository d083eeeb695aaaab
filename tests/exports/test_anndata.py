import json
import sys

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest

from conceptlrp import exports
from conceptlrp.clustering import Clustering
from conceptlrp.errors import ConceptLRPError, OutputExistsError
from conceptlrp.exports import Selection
from tests.exports.conftest import HOSTILE_LAYER, PLAIN


@pytest.fixture(scope="module")
def path(store, tmp_path_factory):
    return exports.h5ad(store, tmp_path_factory.mktemp("h5ad") / "conv1.h5ad", PLAIN)


@pytest.mark.parametrize("quantity", ["relevance", "share", "activation"])
def test_anndata_reads_the_quantity_that_was_asked_for(store, tmp_path, quantity):
    path = exports.h5ad(store, tmp_path / "x.h5ad", HOSTILE_LAYER, quantity=quantity)

    found = anndata.read_h5ad(path)

    assert found.X.dtype == np.float32
    assert (getattr(store.arrays, quantity)(HOSTILE_LAYER) == found.X).all()


def test_a_backed_file_reads_rows_from_disk(store, path):
    found = anndata.read_h5ad(path, backed="r")

    assert found.isbacked
    assert (found.X[5:9] == store.arrays.relevance(PLAIN, rows=slice(5, 9))).all()
    found.file.close()


def test_observations_say_where_positions_come_from(store, path):
    found = anndata.read_h5ad(path).obs

    corpus = store.positions
    assert (found["row"] == np.arange(len(store))).all()
    assert found["obf"].iloc[3] == corpus.position(3).obf()
    assert found["transcript"].iloc[3] == corpus.transcript(3)
    assert found["black"].astype(str).tolist() == corpus.black.tolist()
    assert (found["explained"] == store.arrays.explained()).all()


def test_labels_keep_their_types_and_clusters_are_categories(store, path):
    found = anndata.read_h5ad(path).obs

    assert found["label_corner"].dtype == bool
    assert (found["label_frontier +2"] == store.columns.label("frontier +2")).all()
    part = store.columns.label("part")
    np.testing.assert_array_equal(found["label_part"].to_numpy(), part)
    clusters = store.results.get(Clustering, layer=PLAIN).labels
    assert isinstance(found["cluster_conv1"].dtype, pd.CategoricalDtype)
    assert (found["cluster_conv1"].astype(int) == clusters).all()


def test_variables_are_summed_up(store, path):
    found = anndata.read_h5ad(path).var

    share = store.arrays.share(PLAIN)
    np.testing.assert_allclose(found["magnitude"], np.abs(share).mean(0), rtol=1e-5)
    np.testing.assert_allclose(found["mean_share"], share.mean(0), atol=1e-6)
    assert found["dead"].tolist() == [c == 2 for c in range(6)]
    assert sorted(found["rank"]) == [1, 2, 3, 4, 5, 6]
    assert found["rank"].idxmin() == found["magnitude"].idxmax()
    assert found.index.tolist()[:2] == ["c0000", "c0001"]


def test_the_layout_of_the_clustering_comes_along(store, path):
    found = anndata.read_h5ad(path)

    layout = store.results.get(Clustering, layer=PLAIN).embedding
    assert (found.obsm["X_plane"] == layout).all()


def test_provenance_is_json_in_uns(store, path):
    found = json.loads(anndata.read_h5ad(path).uns["conceptlrp"])

    assert found["layer"] == PLAIN
    assert found["target"] == "played"
    assert found["network"] == store.manifest.network


def test_a_store_without_labels_and_clusterings_is_exported(bare_store, tmp_path):
    path = exports.h5ad(
        bare_store, tmp_path / "x.h5ad", PLAIN, Selection(n_positions=5)
    )

    found = anndata.read_h5ad(path)

    assert found.shape == (5, 6)
    assert list(found.obsm) == []
    assert not [n for n in found.obs if n.startswith(("label_", "cluster_"))]


def test_a_sample_has_its_own_clusters_and_layout(store, tmp_path):
    path = exports.h5ad(
        store, tmp_path / "x.h5ad", PLAIN, Selection(n_positions=11, seed=3)
    )

    found = anndata.read_h5ad(path)

    rows, clustering = (
        found.obs["row"].to_numpy(),
        store.results.get(Clustering, layer=PLAIN),
    )
    assert (found.obs["cluster_conv1"].astype(int) == clustering.labels[rows]).all()
    assert (found.obsm["X_plane"] == clustering.embedding[rows]).all()


def test_the_same_store_gives_the_same_bytes(store, path, tmp_path):
    again = exports.h5ad(store, tmp_path / "again.h5ad", PLAIN)

    assert again.read_bytes() == path.read_bytes()


def test_a_missing_anndata_is_named_with_its_remedy(store, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "anndata", None)

    with pytest.raises(ConceptLRPError, match=r"anndata; pip install 'conceptlrp\["):
        exports.h5ad(store, tmp_path / "x.h5ad", PLAIN)


def test_an_unknown_quantity_is_refused(store, tmp_path):
    with pytest.raises(ValueError, match="unknown quantity 'maps'"):
        exports.h5ad(store, tmp_path / "x.h5ad", PLAIN, quantity="maps")


def test_a_file_of_another_program_is_never_replaced(store, path, tmp_path):
    with h5py.File(tmp_path / "mine.h5ad", "w") as file:
        file["X"] = np.zeros(3)

    with pytest.raises(OutputExistsError, match="not of the kind to be written"):
        exports.h5ad(store, tmp_path / "mine.h5ad", PLAIN, overwrite=True)
    again = exports.h5ad(store, path, PLAIN, overwrite=True)

    assert anndata.read_h5ad(again).shape == (len(store), 6)


def test_nothing_is_left_when_the_store_cannot_be_read(store, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(5, "input/output error")

    monkeypatch.setattr(type(store.arrays), "relevance", fail)

    with pytest.raises(OSError, match="input/output error"):
        exports.h5ad(store, tmp_path / "x.h5ad", PLAIN)

    assert not list(tmp_path.iterdir())
