import csv
import json
import sys

import anndata
import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from conceptlrp import exports
from conceptlrp.clustering import Clustering
from conceptlrp.errors import ConceptLRPError, OutputExistsError
from conceptlrp.exports import Selection
from conceptlrp.files import file_stem
from tests.exports.conftest import HOSTILE_LAYER, PLAIN

STEM = file_stem(HOSTILE_LAYER)
READ = {"parquet": pd.read_parquet, "csv": pd.read_csv}


@pytest.fixture(scope="module", params=["parquet", "csv"])
def tables(request, store, tmp_path_factory):
    """Every table as pandas reads it, by name."""
    out = tmp_path_factory.mktemp("tables") / request.param
    quantities = ("relevance", "share")
    getattr(exports, request.param)(store, out, quantities=quantities)
    return {
        path.stem: READ[request.param](path) for path in out.glob(f"*.{request.param}")
    }


def test_there_is_a_table_for_each_thing(tables):
    assert set(tables) == {
        "positions",
        "labels",
        "clusters",
        "channels",
        "relevance-conv1",
        "share-conv1",
        f"relevance-{STEM}",
        f"share-{STEM}",
    }


@pytest.mark.parametrize(("stem", "layer"), [("conv1", PLAIN), (STEM, HOSTILE_LAYER)])
def test_relevance_is_a_matrix_with_a_column_a_channel(store, tables, stem, layer):
    found = tables[f"relevance-{stem}"].set_index("row")

    assert list(found) == [f"c{c:04d}" for c in range(store.channels(layer))]
    assert (found.to_numpy(np.float32) == store.arrays.relevance(layer)).all()


def test_hostile_names_of_players_come_back(store, tables):
    found = tables["positions"]

    assert found["black"].tolist() == store.positions.black.tolist()
    assert found["obf"].tolist()[-1] == store.positions.position(len(store) - 1).obf()
    assert (found["explained"].astype(np.float32) == store.arrays.explained()).all()


def test_labels_and_clusters_join_by_row(store, tables):
    labels, clusters = tables["labels"], tables["clusters"]

    mine = clusters[clusters["layer"] == HOSTILE_LAYER].merge(labels, on="row")

    clustering = store.results.get(Clustering, layer=HOSTILE_LAYER)
    assert (mine["cluster"] == clustering.labels).all()
    assert (mine["x"].astype(np.float32) == clustering.embedding[:, 0]).all()
    assert (mine["corner"] == store.columns.label("corner")).all()
    part = mine["part"].to_numpy(np.float32)
    np.testing.assert_array_equal(part, store.columns.label("part"))


def test_channels_of_all_layers_are_summed_up(store, tables):
    found = tables["channels"].set_index(["layer", "channel"])

    assert len(found) == 10
    share = store.arrays.share(HOSTILE_LAYER)[:, 3]
    assert found.loc[HOSTILE_LAYER, 3]["mean_share"] == pytest.approx(share.mean())


def test_a_parquet_reader_reads_one_channel_alone(store, tmp_path):
    out = exports.parquet(store, tmp_path / "out", Selection([PLAIN]))
    path = out / "relevance-conv1.parquet"

    table = pq.read_table(path, columns=["c0003"])

    assert table.column_names == ["c0003"]
    assert str(table.schema.field("c0003").type) == "float"
    about = json.loads(pq.read_schema(path).metadata[b"conceptlrp"])
    assert about["target"] == "played"


def test_the_csv_module_reads_plain_lines(store, tmp_path):
    out = exports.csv(store, tmp_path / "out", Selection(n_positions=4))

    with (out / "positions.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))

    rows = [int(line["row"]) for line in lines]
    assert len(rows) == 4
    assert [line["white"] for line in lines] == store.positions.white[rows].tolist()


def test_blocks_make_one_table(store, tmp_path, monkeypatch):
    whole = exports.csv(store, tmp_path / "whole")
    monkeypatch.setattr("conceptlrp.exports.extract.Extract.blocks", cut_in_hundreds)

    cut = exports.csv(store, tmp_path / "cut")
    pieces = exports.parquet(store, tmp_path / "pieces")

    for name in ("positions", "labels", "relevance-conv1"):
        assert (cut / f"{name}.csv").read_text() == (whole / f"{name}.csv").read_text()
    table = pq.ParquetFile(pieces / "relevance-conv1.parquet")
    assert table.num_row_groups == -(-len(store) // 100)
    assert table.metadata.num_rows == len(store)


def cut_in_hundreds(self, size=None):
    del size
    for start in range(0, len(self), 100):
        yield slice(start, min(start + 100, len(self)))


def test_the_same_store_gives_the_same_bytes(store, tmp_path):
    for kind in ("parquet", "csv"):
        first = getattr(exports, kind)(store, tmp_path / f"{kind} 1")
        second = getattr(exports, kind)(store, tmp_path / f"{kind} 2")

        for path in first.iterdir():
            assert path.read_bytes() == (second / path.name).read_bytes()


def test_a_store_without_extras_has_no_tables_of_them(bare_store, tmp_path):
    out = exports.parquet(
        bare_store, tmp_path / "out", Selection([PLAIN], n_positions=3)
    )

    assert sorted(path.name for path in out.iterdir()) == [
        "channels.parquet",
        "conceptlrp-export.json",
        "positions.parquet",
        "relevance-conv1.parquet",
    ]


def test_the_marker_lists_the_files(store, tmp_path):
    out = exports.csv(store, tmp_path / "out", Selection([PLAIN], n_positions=3))

    found = json.loads((out / "conceptlrp-export.json").read_text())

    assert found["format"] == "csv"
    assert found["positions"] == 3
    assert set(found["files"]) == {p.name for p in out.glob("*.csv")}


def test_a_foreign_folder_is_never_replaced(store, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.csv").touch()

    with pytest.raises(OutputExistsError, match=r"it has no conceptlrp-export\.json"):
        exports.parquet(store, tmp_path / "out", overwrite=True)

    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.csv"]


def test_a_missing_pyarrow_is_named_with_its_remedy(store, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(ConceptLRPError, match=r"pyarrow; pip install 'conceptlrp\["):
        exports.parquet(store, tmp_path / "out")

    assert not list(tmp_path.iterdir())


def test_an_unknown_quantity_is_refused(store, tmp_path):
    for write in (exports.parquet, exports.csv):
        with pytest.raises(ValueError, match="unknown quantity 'maps', expected one"):
            write(store, tmp_path / "out", quantities=["maps"])


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


def test_the_same_layer_gives_the_same_bytes(store, path, tmp_path):
    again = exports.h5ad(store, tmp_path / "again.h5ad", PLAIN)

    assert again.read_bytes() == path.read_bytes()


def test_a_missing_anndata_is_named_with_its_remedy(store, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "anndata", None)

    with pytest.raises(ConceptLRPError, match=r"anndata; pip install 'conceptlrp\["):
        exports.h5ad(store, tmp_path / "x.h5ad", PLAIN)


def test_an_unknown_quantity_of_a_layer_is_refused(store, tmp_path):
    with pytest.raises(ValueError, match="unknown quantity 'maps'"):
        exports.h5ad(store, tmp_path / "x.h5ad", PLAIN, quantity="maps")


def test_a_file_of_another_program_is_never_replaced(store, path, tmp_path):
    with h5py.File(tmp_path / "mine.h5ad", "w") as file:
        file["X"] = np.zeros(3)

    with pytest.raises(OutputExistsError, match="is not replaced"):
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
