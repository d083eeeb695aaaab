import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest
from sklearn.cluster import DBSCAN, KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline

from conceptlrp.clustering import features, positions
from conceptlrp.clustering.estimators import ESTIMATORS
from conceptlrp.clustering.positions import plane_embedding
from conceptlrp.errors import ClusteringError
from tests.clustering.conftest import clustered, planted
from tests.planted.classes import planted_classes


@pytest.mark.parametrize("estimator", ["spectral", "kmeans"])
def test_planted_strategies_are_found_again(blob_store, blobs, estimator):
    found = clustered(blob_store, "conv1", n_clusters=6, estimator=estimator)

    assert adjusted_rand_score(blobs[1], found.labels) >= 0.95
    assert found.sizes.sum() == len(blob_store)


@pytest.mark.parametrize(
    ("distractors", "seeds"),
    [
        (2, range(1)),
        *(pytest.param(d, range(5), marks=pytest.mark.slow) for d in range(5)),
    ],
)
def test_classes_planted_through_a_network_are_found_by_default(
    make_store, distractors, seeds
):
    for seed in seeds:
        values, truth = planted_classes(3, distractors=distractors, seed=seed)

        found = clustered(make_store(values), "conv1", n_clusters=3, seed=seed)

        assert adjusted_rand_score(truth, found.labels) >= 0.95


@pytest.mark.parametrize("name", ESTIMATORS)
def test_fewer_vectors_than_clusters_are_a_cluster_each(make_store, name):
    vectors = np.array([[0, 0, 0, 0], [1, 0, 0, 0], [0, -2, 1, 0]])
    truth = np.random.default_rng(0).integers(0, 3, 900)

    found = clustered(make_store(vectors[truth]), "conv1", estimator=name)

    assert found.n_clusters == 3
    assert adjusted_rand_score(truth, found.labels) == 1.0


@pytest.mark.parametrize(
    "estimator",
    [
        KMeans(6, n_init=10),
        GaussianMixture(6, covariance_type="diag", n_init=3),
        make_pipeline(PCA(8), KMeans(6, n_init=10)),
    ],
    ids=["k-means", "mixture", "pipeline"],
)
def test_any_estimator_is_accepted_and_seeded(blob_store, blobs, estimator):
    found = [
        clustered(blob_store, "conv1", estimator=estimator, seed=3) for _ in range(2)
    ]

    assert adjusted_rand_score(blobs[1], found[0].labels) >= 0.8
    np.testing.assert_array_equal(found[0].labels, found[1].labels)
    assert "random_state=3" in found[0].method
    assert not hasattr(estimator, "labels_")


@pytest.mark.parametrize("estimator", ["spectral", "kmeans"])
def test_the_same_seed_gives_the_same_clustering(blob_store, estimator):
    first, second = (
        clustered(blob_store, "conv1", estimator=estimator, seed=5) for _ in range(2)
    )

    for name in ("labels", "centers", "effects", "distances", "embedding"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_the_method_names_every_parameter(blob_store):
    found = clustered(blob_store, "conv1", n_clusters=6, seed=5)

    assert found.method == (
        "LandmarkSpectral(max_clusters=30, n_clusters=6, n_landmarks=2000, "
        "n_neighbors=10, random_state=5)"
    )


def test_the_package_is_imported_without_scikit_learn():
    code = "import sys, conceptlrp.clustering; print('sklearn' in sys.modules)"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert found.stdout.strip() == "False"


@pytest.mark.parametrize("name", ESTIMATORS)
def test_nothing_depends_on_whether_the_features_are_held(
    blob_store, monkeypatch, name
):
    options = {"n_clusters": 6, "estimator": name}
    held = clustered(blob_store, "conv1", **options)
    monkeypatch.setattr(features, "_HELD_BYTES", 0)

    read = clustered(blob_store, "conv1", **options)

    for array in ("labels", "centers", "effects", "distances", "embedding"):
        np.testing.assert_array_equal(getattr(held, array), getattr(read, array))


def test_the_store_is_read_in_blocks(blob_store, monkeypatch):
    whole = clustered(blob_store, "conv1", n_clusters=6)
    blob_store.reads.clear()
    monkeypatch.setattr(features, "BLOCK", 71)
    monkeypatch.setattr(features, "_HELD_BYTES", 0)

    found = clustered(blob_store, "conv1", n_clusters=6, fit_rows=300)

    assert sorted(set(blob_store.reads))[-2:] == [71, 300]
    assert adjusted_rand_score(whole.labels, found.labels) >= 0.95


@pytest.mark.parametrize(
    "estimator",
    [*ESTIMATORS, make_pipeline(PCA(6), KMeans(6, n_init=5)), DBSCAN(eps=0.1)],
    ids=[*ESTIMATORS, "pipeline", "dbscan"],
)
def test_a_fitted_sample_labels_all_positions(make_store, estimator):
    values, truth = planted(4000, 12, 6, spread=0.02)

    found = clustered(
        make_store(values),
        "conv1",
        estimator=estimator,
        n_clusters=6,
        fit_rows=1500,
        embedding=None,
    )

    assert len(found) == 4000
    assert adjusted_rand_score(truth, found.labels) >= 0.95


def test_several_layers_stand_side_by_side(make_store):
    values, truth = planted(600, 5, 3)
    store = make_store(values)

    found = clustered(store, ["conv1", "conv2"], n_clusters=3)

    assert found.layer == "conv1+conv2"
    assert found.centers.shape == (3, 10)
    assert adjusted_rand_score(truth, found.labels) >= 0.95


def test_a_list_without_layers_is_refused(blob_store):
    with pytest.raises(ClusteringError, match="no layer is given"):
        clustered(blob_store, [])


def test_clusters_are_numbered_by_size(blob_store):
    found = clustered(blob_store, "conv1", n_clusters=6)

    assert (np.diff(found.sizes) <= 0).all()
    assert np.bincount(found.labels).tolist() == found.sizes.tolist()


def test_noise_keeps_its_label_and_is_no_cluster(make_store):
    values, _ = planted(600, 8, 3, spread=0.02)
    values[:5] = np.random.default_rng(9).normal(size=(5, 8))

    found = clustered(make_store(values), "conv1", estimator=DBSCAN(eps=0.05))

    assert found.noise == len(found.members(-1)) > 0
    assert found.n_clusters == len(found.sizes) == len(found.typical(2))
    assert np.isinf(found.distances[found.labels == -1]).all()


def test_noise_alone_makes_no_cluster(blob_store):
    found = clustered(blob_store, "conv1", estimator=DBSCAN(eps=1e-9, min_samples=99))

    assert found.n_clusters == 0
    assert found.noise == len(found) == len(blob_store)
    assert found.markers() == found.typical() == ()


def test_chosen_rows_are_clustered_alone(blob_store):
    mask = np.arange(len(blob_store)) % 5 == 0

    by_mask = clustered(blob_store, "conv1", rows=mask, n_clusters=6)
    by_index = clustered(
        blob_store, "conv1", rows=np.flatnonzero(mask)[::-1], n_clusters=6
    )

    assert by_mask.rows.tolist() == list(range(0, 900, 5))
    np.testing.assert_array_equal(by_mask.labels, by_index.labels)


def test_typical_positions_are_rows_of_the_store_of_different_games(blob_store):
    found = clustered(blob_store, "conv1", rows=np.arange(300, 900), n_clusters=6)

    for cluster, rows in enumerate(found.typical(5)):
        assert len(set(blob_store.game[rows])) == 5
        assert set(rows) <= set(found.members(cluster))


def test_the_marker_of_a_planted_cluster_is_its_channel(make_store):
    random = np.random.default_rng(0)
    values = 0.1 * random.normal(size=(400, 6))
    values[np.arange(400), np.arange(400) % 3] += 1

    found = clustered(make_store(values), "conv1", n_clusters=3)

    assert sorted(each.channels[0] for each in found.markers(2)) == [0, 1, 2]


@pytest.mark.parametrize("embedding", ["pca", "tsne"])
def test_the_layout_has_two_finite_coordinates(make_store, embedding):
    values, _ = planted(120, 5, 3)

    found = clustered(make_store(values), "conv1", n_clusters=3, embedding=embedding)

    assert found.embedding.shape == (120, 2)
    assert np.isfinite(found.embedding).all()


def test_no_layout_is_made_when_none_is_wanted(blob_store):
    assert clustered(blob_store, "conv1", embedding=None).embedding is None


def test_an_empty_store_is_refused(make_store):
    with pytest.raises(ClusteringError, match="the store holds no positions"):
        clustered(make_store(np.zeros((0, 4))), "conv1")


def test_fewer_positions_than_clusters_are_refused_with_both_numbers(make_store):
    with pytest.raises(ClusteringError, match="5 positions, expected at least 12"):
        clustered(make_store(np.eye(5)), "conv1")


def test_constant_relevance_is_refused_with_the_layer(make_store):
    store = make_store(np.ones((50, 4)))

    with pytest.raises(ClusteringError, match="layer 'conv1' has the same channel rel"):
        clustered(store, "conv1")


def test_relevance_that_is_not_finite_is_refused_with_its_count(make_store):
    values, _ = planted(50, 4, 2)
    values[7, 2] = np.nan

    with pytest.raises(ClusteringError, match="not finite at 1 of 50 positions"):
        clustered(make_store(values), "conv1")


def test_a_row_outside_the_store_is_refused(blob_store):
    with pytest.raises(ValueError, match="row 900 is not in the store, expected 0 to"):
        clustered(blob_store, "conv1", rows=[900])


def test_an_unknown_estimator_is_refused(blob_store):
    with pytest.raises(ValueError, match="unknown estimator 'leiden'"):
        clustered(blob_store, "conv1", estimator="leiden")
    with pytest.raises(TypeError, match="estimator is a int, expected a scikit-learn"):
        clustered(blob_store, "conv1", estimator=7)


def test_a_frame_has_a_row_for_each_position(blob_store):
    found = clustered(blob_store, "conv1", n_clusters=6)

    frame = found.frame()

    assert frame["cluster"].tolist() == found.labels.tolist()
    assert frame["x"].tolist() == found.embedding[:, 0].tolist()
    assert found.to_dict()["sizes"] == found.sizes.tolist()


def test_stages_are_told(blob_store):
    told = []

    clustered(
        blob_store,
        "conv1",
        n_clusters=6,
        on_progress=lambda *step: told.append(step),
    )

    assert told == [("cluster conv1", done, 3) for done in range(4)]


def test_principal_components_keep_the_most_variance_of_all_planes():
    points, _ = planted(500, 7, 3)

    layout = plane_embedding(points)

    centered = points - points.mean(axis=0, dtype=np.float64)
    values = np.linalg.svd(centered, compute_uv=False)
    np.testing.assert_allclose(
        np.square(layout, dtype=np.float64).sum(axis=0), values[:2] ** 2, rtol=1e-4
    )
    np.testing.assert_allclose(layout.mean(axis=0), 0, atol=1e-4)


def test_one_channel_has_one_coordinate():
    layout = plane_embedding(np.arange(10, dtype=np.float32)[:, None])

    assert layout[:, 1].tolist() == [0] * 10
    assert (np.diff(layout[:, 0]) > 0).all()


class FirstColumns:
    """Stands for UMAP, which is an extra."""

    def __init__(self, **options):
        assert options["n_jobs"] == 1
        assert options["random_state"] == 7

    def fit_transform(self, features):
        return features[:, :2]


@pytest.mark.parametrize("sample", [50, 5000])
def test_umap_lays_out_a_sample_and_places_the_others(monkeypatch, sample):
    module = ModuleType("umap")
    module.UMAP = FirstColumns
    monkeypatch.setitem(sys.modules, "umap", module)
    monkeypatch.setattr(positions, "_SAMPLE", sample)
    points, _ = planted(400, 5, 3, spread=0.001, scale=False)

    layout = plane_embedding(points, kind="umap", seed=7)

    np.testing.assert_allclose(layout, points[:, :2], atol=0.02)


@pytest.mark.slow
# numba warns of what it compiles, umap of the seed that leaves one thread.
@pytest.mark.filterwarnings("default")
def test_umap_keeps_separated_groups_apart_and_repeats_itself():
    pytest.importorskip("umap", reason="needs conceptlrp[umap]")
    points, groups = planted(300, 8, 3, spread=0.01, scale=False)

    layout = plane_embedding(points, kind="umap", seed=7)

    again = plane_embedding(points, kind="umap", seed=7)
    assert layout.tobytes() == again.tobytes()
    assert silhouette_score(layout, groups) > 0.7


def test_umap_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)

    with pytest.raises(ClusteringError, match=r"pip install 'conceptlrp\[umap\]'"):
        plane_embedding(np.eye(8, dtype=np.float32), kind="umap")


def test_an_unknown_layout_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown embedding 'mds', expected one"):
        plane_embedding(np.eye(4, dtype=np.float32), kind="mds")
