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
from conceptlrp.exports.virelay_project import board_pictures, enlarged
from conceptlrp.files import file_stem
from conceptlrp.othello import BLACK, Corpus, square_name
from tests.exports.conftest import HOSTILE_LAYER, PLAIN
from tests.othello.playouts import random_games

FELT = (0xC9, 0xD8, 0xCC)


def middles(pictures, size):
    """Colour of the middle of every square, a third off its centre."""
    side = 128 // size
    edge = (128 - side * size) // 2
    at = edge + side * np.arange(size) + side // 2
    return pictures[:, :, at[:, None], at + side // 4]


@pytest.mark.parametrize("size", [6, 8])
def test_discs_are_black_and_white_on_felt(size):
    corpus = Corpus.from_games(random_games(2, seed=1, size=size))

    colors = middles(board_pictures(corpus), size)

    edge = (8 - size) // 2
    for i in range(len(corpus)):
        position = corpus.position(i)
        for rank in range(size):
            for file in range(size):
                bit = 1 << (8 * (rank + edge) + file + edge)
                black, white = position.black & bit, position.white & bit
                expected = (0, 0, 0) if black else (255, 255, 255) if white else FELT
                assert tuple(colors[i, :, rank, file]) == expected


def test_the_last_move_has_a_dot_of_the_other_colour():
    corpus = Corpus.from_games(random_games(1, seed=1))[5:6]
    position = corpus.position(0)

    picture = board_pictures(corpus)[0]

    rank, file = divmod(position.last, 8)
    is_black = bool(position.black & (1 << position.last))
    dot = 255 if is_black else 0
    assert (picture[:, 16 * rank + 8, 16 * file + 8] == dot).all()


def test_a_board_of_no_game_has_no_dot():
    boards = np.zeros((1, 8, 8), int)
    boards[0, 0, 0] = 1
    corpus = Corpus.from_boards(boards)

    assert corpus.mover[0] == BLACK
    assert (board_pictures(corpus)[0, :, 8, 8] == 0).all()


@pytest.mark.parametrize("size", [6, 8])
def test_enlarged_squares_lie_where_those_of_the_board_do(size):
    maps = np.arange(1, size**2 + 1).reshape(1, size, size)

    large = enlarged(maps)[:, None]

    assert (middles(large, size)[0, 0] == maps[0]).all()
    assert set(np.unique(large)) - {0} == set(range(1, size**2 + 1))


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

    with pytest.raises(OutputExistsError, match="is not replaced"):
        exports.virelay(store, tmp_path / "out", overwrite=True)

    assert (tmp_path / "out" / "project.yaml").read_text() == "project: mine\n"
