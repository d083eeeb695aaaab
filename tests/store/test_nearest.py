"""Nearest positions equal a comparison with every position by itself."""

from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, strategies as st

from conceptlrp.errors import LayerError
from conceptlrp.store import Store, Where, ranking
from tests.store.conftest import MakeStore


def one_by_one(
    vectors: np.ndarray, vector: np.ndarray, metric: str, rows: list[int]
) -> list[int]:
    """Sort rows by how near they are, if alike at all, then by their number."""
    keys = []
    wanted = vector.astype(np.float64)
    for row in rows:
        found = vectors[row].astype(np.float64)
        if metric == "l2":
            key = float(np.sqrt(((found - wanted) ** 2).sum()))
        else:
            lengths = np.sqrt((found**2).sum()) * np.sqrt((wanted**2).sum())
            key = -float((found * wanted).sum() / lengths) if lengths else 0.0
            if key == 0:
                continue
        keys.append((key, row))
    return [row for _, row in sorted(keys)]


@pytest.mark.parametrize("by", ["relevance", "share"])
@pytest.mark.parametrize("metric", ["cosine", "l2"])
@pytest.mark.parametrize("layer", ["conv1", "conv2"])
def test_the_nearest_are_those_of_a_full_sort(
    layer: str, metric: str, by: str, planted_store: Store
) -> None:
    read = (
        planted_store.arrays.relevance
        if by == "relevance"
        else planted_store.arrays.share
    )
    vectors = read(layer, target=1)
    rows = [row for row in range(len(vectors)) if row != 17]

    found = planted_store.nearest(layer, 17, 40, metric=metric, by=by, target="value")

    expected = one_by_one(vectors, vectors[17], metric, rows)[:40]
    assert found.rows.tolist() == expected
    scores = found.scores if metric == "l2" else -found.scores
    assert (np.diff(scores) >= 0).all()


@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_a_vector_is_compared_with_all_positions(
    metric: str, planted_store: Store
) -> None:
    vector = np.array([1.0, -2, 0, 0.5, 3])

    found = planted_store.nearest("conv1", vector, 500, metric=metric)

    vectors = planted_store.arrays.relevance("conv1")
    rows = list(range(len(vectors)))
    assert found.rows.tolist() == one_by_one(vectors, vector, metric, rows)


@pytest.mark.parametrize(
    "shard_size", [pytest.param(1, marks=pytest.mark.slow), 7, 1000]
)
@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_shards_of_any_size_give_the_same_scores(
    metric: str,
    shard_size: int,
    planted_store: Store,
    write_store: MakeStore,
    tmp_path: Path,
) -> None:
    store = write_store(tmp_path / "run.crp", shard_size=shard_size)

    found = store.nearest("conv2", 3, 60, metric=metric)

    expected = planted_store.nearest("conv2", 3, 60, metric=metric)
    np.testing.assert_array_equal(found.rows, expected.rows)
    np.testing.assert_array_equal(found.scores, expected.scores)


@given(
    seed=st.integers(0, 1 << 20),
    metric=st.sampled_from(["cosine", "l2"]),
    power=st.integers(-40, 37),
    k=st.integers(0, 12),
)
def test_what_single_precision_rules_out_is_farther(
    seed: int, metric: str, power: int, k: int
) -> None:
    rng = np.random.default_rng(seed)
    vector = rng.normal(size=4)
    # Ties and numbers next to each other, zeros, and lengths of which no square exists.
    near = vector + rng.choice([0, 1e-7, 1e-3, 1], (60, 1)) * rng.normal(size=(60, 4))
    with np.errstate(all="ignore"):
        vectors = (near * rng.choice([0, 1, 1, 10.0**power], (60, 1))).astype("f4")
        vectors[~np.isfinite(vectors)] = 0
    met = rng.random(60) < 0.9
    cuts = sorted(rng.integers(0, 60, 3).tolist())
    parts = zip([0, *cuts], np.split(vectors, cuts), strict=True)

    with patch.object(ranking, "_AT_ONCE", 28):
        found = ranking.nearest_rows(parts, vector, k, metric=metric, met=met)

    expected = one_by_one(vectors, vector, metric, np.flatnonzero(met).tolist())[:k]
    assert found.rows.tolist() == expected


def test_conditions_hold_for_the_nearest_too(planted_store: Store) -> None:
    found = planted_store.nearest("conv1", 3, 30, where=Where(ply=(20, None)))

    assert len(found) == 30
    assert (planted_store.positions.ply[found.rows] >= 20).all()


def test_a_vector_of_zeros_is_like_nothing(planted_store: Store) -> None:
    found = planted_store.nearest("conv1", np.zeros(5), 4)

    assert len(found) == 0
    assert found.note == "no position is like it"


def test_what_cannot_be_compared_is_refused(planted_store: Store) -> None:
    with pytest.raises(ValueError, match="unknown metric 'l1', expected one of cosine"):
        planted_store.nearest("conv1", 0, metric="l1")
    with pytest.raises(ValueError, match="unknown score 'peak'"):
        planted_store.nearest("conv1", 0, by="peak")
    with pytest.raises(ValueError, match=r"shape \(4,\), expected 5 finite numbers"):
        planted_store.nearest("conv1", np.zeros(4))
    with pytest.raises(ValueError, match="5 finite numbers"):
        planted_store.nearest("conv1", np.full(5, np.nan))
    with pytest.raises(IndexError, match="no row -1, expected 0 to"):
        planted_store.nearest("conv1", -1)
    with pytest.raises(LayerError, match="no layer 'conv9'"):
        planted_store.nearest("conv9", 0)
