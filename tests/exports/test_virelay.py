"""The files of a ViRelAy project, by the rules that its own code follows."""

import json
import shutil

import h5py
import numpy as np
import pytest
import yaml

from conceptlrp import exports
from conceptlrp.clustering import Clustering
from conceptlrp.errors import OutputExistsError
from conceptlrp.exports import Selection
from conceptlrp.files import file_stem
from conceptlrp.othello import square_name
from tests.exports.conftest import HOSTILE_LAYER, PLAIN

STEM = file_stem(HOSTILE_LAYER)


@pytest.fixture(scope="module")
def project(store, tmp_path_factory):
    return exports.virelay(store, tmp_path_factory.mktemp("virelay") / "project")


def labels_of(folder):
    return json.loads((folder / "label-map.json").read_text(encoding="utf-8"))


def test_the_project_names_files_that_are_there(project):
    found = yaml.safe_load((project / "project.yaml").read_text())["project"]

    sources = [each for a in found["analyses"] for each in a["sources"]]
    files = [found["label_map"], found["dataset"]["path"], *sources]
    files += found["attributions"]["sources"]
    assert all((project / name).is_file() for name in files)
    assert found["model"] == "<i>net</i>"
    assert [a["analysis_method"] for a in found["analyses"]] == [
        "clusters",
        "positions",
    ]


def test_samples_are_pictures_and_their_label_is_the_explained_move(store, project):
    names = {each["index"]: each["name"] for each in labels_of(project)}

    with h5py.File(project / "dataset.h5") as file:
        assert file["data"].shape == (len(store), 3, 128, 128)
        assert file["data"].dtype == np.uint8
        labels = file["label"][()]

    played = store.arrays.explained_square()
    assert [names[n] for n in labels] == [square_name(int(s)) for s in played]


def test_positions_without_an_explained_move_are_labelled_by_the_output(
    store, tmp_path
):
    out = exports.virelay(
        store, tmp_path / "out", Selection(target="value", n_positions=3)
    )

    names = {each["index"]: each["name"] for each in labels_of(out)}
    with h5py.File(out / "attribution.h5") as file:
        assert {names[n] for n in file["label"][()]} == {"value"}


def test_relevance_stands_in_the_first_channel_square_by_square(store, project):
    with h5py.File(project / "attribution.h5") as file:
        found = file["attribution"][7]
        assert "index" not in file
        assert (file["prediction"][()] == store.arrays.logits()).all()

    assert (found[0, 8::16, 8::16] == store.arrays.heatmap(rows=[7])[0]).all()
    assert not found[1:].any()


def test_every_category_is_a_layer_with_the_same_names(project):
    for name in ("analysis-clusters.h5", "analysis-positions.h5"):
        with h5py.File(project / name) as file:
            assert set(file) == {PLAIN, STEM}
            for kind in ("cluster", "embedding"):
                first, second = (set(file[f"{layer}/{kind}"]) for layer in file)
                assert first == second
    known = {each["word_net_id"] for each in labels_of(project)}
    assert {PLAIN, STEM} <= known


def test_clusters_and_layout_are_those_of_the_store(store, project):
    clustering = store.results.get(Clustering, layer=HOSTILE_LAYER)

    with h5py.File(project / "analysis-clusters.h5") as file:
        group = file[STEM]
        assert (group["index"][()] == clustering.rows).all()
        assert (group["cluster/clusters"][()] == clustering.labels).all()
        assert (group["embedding/as clustered"][()] == clustering.embedding).all()
        # The clustering laid positions out by their principal components too.
        layout = group["embedding/pca"][()]
        np.testing.assert_allclose(layout, clustering.embedding, atol=1e-6)


def test_labels_with_few_values_are_clusterings(store, project):
    with h5py.File(project / "analysis-positions.h5") as file:
        found = dict(file[PLAIN]["cluster"])

        assert set(found) == {"phase", "mover", "corner", "frontier +2"}
        assert (found["corner"][()] == store.columns.label("corner")).all()


def test_a_store_without_clusterings_has_the_analysis_of_positions(
    bare_store, tmp_path
):
    out = exports.virelay(
        bare_store, tmp_path / "out", Selection([PLAIN], n_positions=9)
    )

    found = yaml.safe_load((out / "project.yaml").read_text())["project"]
    assert [a["analysis_method"] for a in found["analyses"]] == ["positions"]
    assert not (out / "analysis-clusters.h5").exists()


def test_a_sample_refers_to_its_own_rows(store, tmp_path):
    out = exports.virelay(store, tmp_path / "out", Selection(n_positions=20, seed=5))

    clustering = store.results.get(Clustering, layer=PLAIN)
    rows = np.sort(np.random.default_rng(5).choice(len(store), 20, replace=False))
    with h5py.File(out / "analysis-clusters.h5") as file:
        assert (file[f"{PLAIN}/index"][()] == np.arange(20)).all()
        found = file[f"{PLAIN}/cluster/clusters"][()]
    assert (found == clustering.labels[rows]).all()


def test_the_same_store_gives_the_same_bytes(store, project, tmp_path):
    again = exports.virelay(store, tmp_path / "again")

    for path in project.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name


@pytest.mark.parametrize("export", [exports.virelay, exports.h5ad])
def test_a_full_disk_is_told_and_nothing_is_left(store, tmp_path, monkeypatch, export):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    layer = (PLAIN,) if export is exports.h5ad else ()

    with pytest.raises(OSError, match="No space left") as raised:
        export(store, tmp_path / "out", *layer)

    assert raised.value.filename == str(tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_another_project_is_never_replaced(store, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "project.yaml").write_text("project: mine\n")

    with pytest.raises(OutputExistsError, match="not of the kind to be written"):
        exports.virelay(store, tmp_path / "out", overwrite=True)

    assert (tmp_path / "out" / "project.yaml").read_text() == "project: mine\n"
