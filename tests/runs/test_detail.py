"""Which maps a store keeps, and in how many digits."""

from pathlib import Path

import numpy as np
import pytest

from conceptlrp.errors import RunError
from conceptlrp.lrp import Neuron, attribute
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.runs.parts import mapped_rows
from conceptlrp.runs.stored_numbers import Rounding
from conceptlrp.store import Store, open_store
from conceptlrp.store.writing.writer import read_plan
from tests.runs.computing import explain_corpus
from tests.runs.conftest import OPTIONS, assert_same_bytes
from tests.runs.reading import Arrays, read_arrays


def shards(path: Path) -> list[Arrays]:
    return [read_arrays(shard) for shard in sorted(path.glob("shard-*.h5"))]


def joined(path: Path, name: str) -> np.ndarray:
    return np.concatenate([shard[name] for shard in shards(path)])


def expected_maps(network: OthelloNet, corpus: Corpus, layer: str) -> np.ndarray:
    found = attribute(
        network,
        corpus,
        targets=OPTIONS["targets"],
        layers=[layer],
        conditional=True,
    )
    return found.conditional[layer]


def test_a_sample_keeps_the_maps_of_the_drawn_positions(
    whole: Store, small_network: OthelloNet, random_positions: Corpus
) -> None:
    rows = joined(whole.path, "maps/rows")
    drawn = np.random.default_rng(3).choice(24, 7, replace=False)

    maps = joined(whole.path, "layers/conv4/maps")

    np.testing.assert_array_equal(rows, np.sort(drawn))
    expected = expected_maps(small_network, random_positions, "conv4")[rows]
    np.testing.assert_allclose(maps, expected, rtol=1e-4, atol=1e-6)


def test_all_maps_are_kept_when_that_is_asked_for(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    options = {**OPTIONS, "detail": "all", "sample": 0, "references": 0}

    explain_corpus(small_network, random_positions[:9], tmp_path / "run.crp", **options)

    assert joined(tmp_path / "run.crp", "maps/rows").tolist() == list(range(9))
    found = joined(tmp_path / "run.crp", "layers/conv1/maps")
    expected = expected_maps(small_network, random_positions[:9], "conv1")
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert not (tmp_path / "run.crp" / "references.h5").exists()


@pytest.mark.parametrize("detail", ["sums", "references"])
def test_other_levels_keep_no_maps_of_positions(
    detail: str,
    small_network: OthelloNet,
    random_positions: Corpus,
    tmp_path: Path,
) -> None:
    path = tmp_path / "run.crp"

    explain_corpus(
        small_network, random_positions[:6], path, detail=detail, layers=["conv1"]
    )

    assert not any("maps" in name for shard in shards(path) for name in shard)
    assert (path / "references.h5").exists() == (detail == "references")
    assert read_plan(path).references == (16 if detail == "references" else 0)


@pytest.mark.parametrize(
    "options", [{"detail": "sample"}, {"detail": "all", "sample": 3}, {"detail": "few"}]
)
def test_a_level_that_makes_no_sense_is_refused(
    options: dict[str, object],
    small_network: OthelloNet,
    random_positions: Corpus,
    tmp_path: Path,
) -> None:
    with pytest.raises(ValueError, match="detail is '"):
        explain_corpus(small_network, random_positions, tmp_path / "run.crp", **options)


def test_a_sample_does_not_change_when_positions_are_appended(whole: Store) -> None:
    plan = read_plan(whole.path)
    rows = mapped_rows(plan, 0, 4000)

    np.testing.assert_array_equal(mapped_rows(plan, 0, 24), rows[rows < 24])
    np.testing.assert_array_equal(
        np.concatenate([mapped_rows(plan, s, s + 500) for s in range(0, 4000, 500)]),
        rows,
    )
    # Behind the first 24 positions, each is drawn with probability 7 / 24.
    assert abs((rows >= 24).sum() / (4000 - 24) - 7 / 24) < 0.03


def test_float16_is_as_exact_as_its_manifest_says(
    whole: Store, small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    path = tmp_path / "half.crp"
    half = explain_corpus(
        small_network, random_positions, path, dtype="float16", **OPTIONS
    )

    stated = half.manifest.rounding
    for name in ("relevance", "activation", "peak"):
        assert joined(path, f"layers/conv4/{name}").dtype == np.float16
        worst = max(
            _error(
                joined(path, f"layers/{layer}/{name}"),
                joined(whole.path, f"layers/{layer}/{name}"),
            )
            for layer in ("conv1", "conv4")
        )
        assert stated[name] == pytest.approx(worst, rel=1e-3)
        assert 0 < stated[name] <= 2.0**-11
    assert whole.manifest.rounding.get("relevance", 0) == 0


def _error(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest error relative to the largest value of its position."""
    flat = expected.reshape(len(expected), -1).astype(float)
    errors = np.abs(found.reshape(flat.shape).astype(float) - flat).max(1)
    return float((errors / np.abs(flat).max(1)).max())


def test_float16_maps_times_their_scale_are_the_maps(
    whole: Store, small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    path = tmp_path / "half.crp"
    explain_corpus(small_network, random_positions, path, dtype="float16", **OPTIONS)
    maps, scale = (
        joined(path, f"layers/conv4/{name}") for name in ("maps", "map_scale")
    )
    expected = joined(whole.path, "layers/conv4/maps")

    assert maps.dtype == np.float16
    assert np.abs(maps).max() == 1
    found = maps.astype(np.float32) * scale[:, :, None, None, None]
    largest = np.abs(expected).max((2, 3, 4), keepdims=True)
    assert (np.abs(found - expected) <= 2.0**-11 * largest).all()


def test_a_number_beyond_float16_is_an_error_that_names_it(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    large = OthelloNet(channels=6).eval()
    large.load_state_dict(small_network.state_dict())
    large.bn1.weight.data *= 1e6

    with pytest.raises(RunError, match=r"layers/conv\d/.* at position \d+ reaches"):
        explain_corpus(
            large, random_positions, tmp_path / "run.crp", dtype="float16", references=0
        )


def test_a_value_of_zero_has_no_rounding_error() -> None:
    rounding = Rounding("float16")

    maps, scale = rounding.store_maps(np.zeros((2, 1, 3, 8, 8), np.float32))

    assert scale is not None
    np.testing.assert_array_equal(scale, 1)
    assert not maps.any()
    assert rounding.errors == {"maps": 0.0}


def test_double_precision_is_stored_as_float32(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    store = explain_corpus(
        small_network,
        random_positions[:5],
        tmp_path / "run.crp",
        compute_dtype="float64",
        layers=["conv1"],
        targets=["value", Neuron("conv1", 0)],
        references=1,
    )

    assert store.arrays.relevance("conv1").dtype == np.float32
    assert 0 < store.manifest.rounding["relevance"] <= 2.0**-24
    assert store.manifest.plan.compute["dtype"] == "float64"


def test_the_same_options_give_the_same_bytes(
    whole: Store, small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    explain_corpus(small_network, random_positions, tmp_path / "run.crp", **OPTIONS)

    assert_same_bytes(tmp_path / "run.crp", whole.path)
    assert len(open_store(tmp_path / "run.crp")) == 24
