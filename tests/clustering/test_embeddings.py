import sys
from types import ModuleType

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from conceptlrp.clustering import positions
from conceptlrp.clustering.positions import plane_embedding
from conceptlrp.errors import ClusteringError
from tests.clustering.conftest import planted


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
    with pytest.raises(ValueError, match="'mds' is not known, expected one of pca"):
        plane_embedding(np.eye(4, dtype=np.float32), kind="mds")
