"""ViRelAy's own server, in an environment of its own, opens what was exported."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from conceptlrp import exports
from conceptlrp.clustering import Clustering
from conceptlrp.exports.virelay_project import board_pictures
from conceptlrp.files import file_stem
from conceptlrp.othello import square_name
from tests.benchmarks.environments import EnvironmentUnavailableError
from tests.exports.conftest import HOSTILE_LAYER, PLAIN
from tests.exports.programs import virelay_python, virelay_server

pytestmark = pytest.mark.slow

PROJECT = "/api/projects/0"
STEM = file_stem(HOSTILE_LAYER)


@pytest.fixture(scope="module")
def server(store, tmp_path_factory):
    try:
        python = virelay_python()
    except EnvironmentUnavailableError as error:
        pytest.skip(f"ViRelAy's environment cannot be made: {error}")
    folder = exports.virelay(store, tmp_path_factory.mktemp("virelay") / "project")
    with virelay_server(python, folder / "project.yaml") as found:
        yield found


def picture(body):
    return np.asarray(Image.open(BytesIO(body)).convert("RGB")).astype(int)


def test_the_project_has_our_analyses_layers_and_clusterings(store, server):
    (listed,) = server.json("/api/projects")
    found = server.json(PROJECT)

    assert listed["name"] == f"<i>net</i>, played, {len(store)} positions"
    assert [each["name"] for each in found["analysisMethods"]] == [
        "clusters",
        "positions",
    ]
    clusters, positions = found["analysisMethods"]
    layers = {
        each["name"]: each["humanReadableName"] for each in clusters["categories"]
    }
    assert layers == {
        PLAIN: f"{PLAIN} (6 channels)",
        STEM: f"{HOSTILE_LAYER} (4 channels)",
    }
    assert clusters["clusterings"] == ["clusters"]
    assert clusters["embeddings"] == ["as clustered", "pca"]
    assert set(positions["clusterings"]) == {"phase", "mover", "corner", "frontier +2"}


@pytest.mark.parametrize("row", [0, 7, 200])
def test_a_sample_is_our_picture_of_the_board(store, server, row):
    found = server.json(f"{PROJECT}/dataset/{row}")
    image = picture(server.get(found["url"]))

    (label,) = found["labels"]
    assert label["name"] == square_name(int(store.arrays.explained_square()[row]))
    ours = board_pictures(store.positions[row : row + 1])[0].transpose(1, 2, 0)
    assert image.shape == ours.shape
    # JPEG of quality 70.
    assert np.abs(image - ours.astype(int)).mean() < 6


@pytest.mark.parametrize("row", [0, 7, 200])
def test_an_attribution_is_drawn_red_and_blue_by_its_sign(store, server, row):
    found = server.json(f"{PROJECT}/attributions/{row}", imageMode="attribution")
    image = picture(server.get(found["urls"]["blue-white-red"]))

    assert found["prediction"] == store.arrays.logits(rows=[row])[0].tolist()
    heat = store.arrays.heatmap(rows=[row])[0]
    red_less_blue = (image[..., 0] - image[..., 2])[8::16, 8::16]
    clear = np.abs(heat) > 0.2 * np.abs(heat).max()
    assert clear.sum() > 8
    assert (np.sign(red_less_blue[clear]) == np.sign(heat[clear])).all()


def test_every_color_map_draws_heatmaps_and_overlays(server):
    maps = [each["name"] for each in server.json("/api/color-maps")]

    assert len(maps) == 8
    for name in maps:
        assert picture(server.get(f"/api/color-maps/{name}")).shape[2] == 3
    for mode in ("input", "overlay", "attribution"):
        listed = server.json(f"{PROJECT}/attributions", indices="3,4", imageMode=mode)
        assert [each["index"] for each in listed] == [3, 4]
        for each in listed:
            assert set(each["urls"]) == set(maps)
            for url in each["urls"].values():
                assert picture(server.get(url)).shape == (128, 128, 3)


@pytest.mark.parametrize(("category", "layer"), [(PLAIN, PLAIN), (STEM, HOSTILE_LAYER)])
def test_an_analysis_holds_our_clusters_and_layout(store, server, category, layer):
    found = server.json(
        f"{PROJECT}/analyses/clusters",
        category=category,
        clustering="clusters",
        embedding="as clustered",
    )["embedding"]

    clustering = store.results.get(Clustering, layer=layer)
    assert [p["cluster"] for p in found] == clustering.labels.tolist()
    assert [p["attributionIndex"] for p in found] == clustering.rows.tolist()
    places = np.array([p["value"] for p in found], np.float32)
    assert (places == clustering.embedding).all()


def test_every_clustering_and_embedding_of_every_layer_answers(store, server):
    answered = 0
    for method in server.json(PROJECT)["analysisMethods"]:
        for category in method["categories"]:
            for clustering in method["clusterings"]:
                for embedding in method["embeddings"]:
                    found = server.json(
                        f"{PROJECT}/analyses/{method['name']}",
                        category=category["name"],
                        clustering=clustering,
                        embedding=embedding,
                    )
                    assert len(found["embedding"]) == len(store)
                    answered += 1

    # Two layers: one clustering in two layouts, four in one.
    assert answered == 2 * (1 * 2 + 4 * 1)


def test_the_front_end_is_served(server):
    assert b"<title>" in server.get("/")
