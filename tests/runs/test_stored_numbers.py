"""Board statistics equal those of the maps that a store keeps, summed by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch

from conceptlrp.errors import RunError
from conceptlrp.networks import OthelloNet
from conceptlrp.networks.planes import board_planes
from conceptlrp.othello import Corpus
from conceptlrp.othello.board import PHASES, board_phases
from conceptlrp.runs.stored_numbers import (
    add_statistics,
    as_words,
    batch_statistics,
    region_masks,
)
from conceptlrp.store import open_store
from conceptlrp.store.arrays import REGIONS, from_words
from tests.lrp.conftest import random_corpus
from tests.runs.computing import explain_corpus
from tests.runs.reading import Arrays, read_arrays

LAYERS = ("conv1", "conv4")


@pytest.fixture(scope="module")
def mapped(
    small_network: OthelloNet,
    random_positions: Corpus,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Return a store with all maps and with statistics."""
    path = tmp_path_factory.mktemp("mapped") / "run.crp"
    explain_corpus(
        small_network,
        random_positions,
        path,
        targets=("played", "value"),
        layers=LAYERS,
        detail="all",
        references=0,
        statistics=True,
        batch_size=4,
        shard_size=8,
    )
    return path


@pytest.fixture(scope="module")
def stored(mapped: Path) -> Arrays:
    return read_arrays(mapped / "statistics.h5")


@pytest.mark.parametrize("layer", LAYERS)
def test_sums_of_maps_equal_those_of_the_stored_maps(
    layer: str, mapped: Path, stored: Arrays, random_positions: Corpus
) -> None:
    shards = [read_arrays(mapped / f"shard-{i:05d}.h5") for i in range(3)]
    maps = np.concatenate([s[f"layers/{layer}/maps"] for s in shards]).astype(float)
    own, opponent = random_positions.own, random_positions.opponent
    phases = board_phases(own, opponent, size=random_positions.size)
    expected = {
        "positive": np.maximum(maps, 0),
        "negative": np.minimum(maps, 0),
        "squared": maps**2,
    }

    for name, values in expected.items():
        found = from_words(stored[f"statistics/{layer}/{name}"])
        for phase in range(len(PHASES)):
            total = values[phases == phase].sum(0)
            np.testing.assert_allclose(found[phase], total, rtol=1e-9, atol=1e-15)


def test_magnitudes_are_summed_over_discs_empty_squares_and_legal_moves(
    mapped: Path, stored: Arrays, random_positions: Corpus
) -> None:
    shards = [read_arrays(mapped / f"shard-{i:05d}.h5") for i in range(3)]
    maps = np.concatenate([s["layers/conv4/maps"] for s in shards]).astype(float)
    planes = board_planes(random_positions.own, random_positions.opponent)[:, 0]
    squares = [np.uint64(1) << np.uint64(s) for s in range(64)]
    legal = np.array([[bool(b & s) for s in squares] for b in random_positions.legal])
    masks = (planes == 1, planes == -1, planes == 0, legal.reshape(-1, 8, 8))

    found = from_words(stored["statistics/conv4/magnitude"]).sum(0)

    for region, mask in enumerate(masks):
        expected = np.einsum("ntcij,nij->tc", np.abs(maps), mask.astype(float))
        np.testing.assert_allclose(found[..., region], expected, rtol=1e-9)
    every = np.abs(maps).sum((0, 3, 4))
    np.testing.assert_allclose(found[..., :3].sum(-1), every, rtol=1e-9)


@pytest.mark.parametrize("target", ["played", "value"])
def test_means_moments_and_shares_are_those_of_the_maps(
    target: str, mapped: Path
) -> None:
    store = open_store(mapped)
    shards = [read_arrays(mapped / f"shard-{i:05d}.h5") for i in range(3)]
    every = np.concatenate([s["layers/conv4/maps"] for s in shards]).astype(float)
    maps = every[:, store.target_index(target)]

    by_phase = store.maps.statistics("conv4", target=target)

    assert by_phase is not None
    found = by_phase.pooled()
    assert found.positions.tolist() == [24]
    np.testing.assert_allclose(found.mean[0], maps.mean(0), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(found.variance[0], maps.var(0), rtol=1e-6, atol=1e-12)
    speaks = np.abs(maps).sum((0, 2, 3)) > 0
    assert speaks.sum() > 1
    np.testing.assert_allclose(found.region_share[:, speaks, :3].sum(-1), 1)
    assert (found.region_share[:, speaks, 3] <= found.region_share[:, speaks, 2]).all()
    assert not found.region_share[:, ~speaks].any()


def test_phases_without_positions_are_zero(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    early = random_positions[random_positions.ply < 15]
    store = explain_corpus(
        small_network,
        early,
        tmp_path / "run.crp",
        layers=["conv4"],
        detail="sums",
        statistics=True,
    )

    found = store.maps.statistics("conv4")

    assert found is not None
    assert found.positions.tolist() == [len(early), 0, 0]
    assert found.mean[0].any()
    assert not found.mean[1:].any()


def test_a_store_without_statistics_has_none(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    store = explain_corpus(
        small_network, random_positions[:3], tmp_path / "run.crp", detail="sums"
    )

    assert store.maps.statistics("conv1") is None


def test_positions_are_counted_by_phase(
    stored: Arrays, random_positions: Corpus
) -> None:
    discs = np.bitwise_count(random_positions.own | random_positions.opponent)

    counts = stored["statistics/positions"]

    assert counts.tolist() == [
        (discs < 24).sum(),
        ((discs >= 24) & (discs < 44)).sum(),
        (discs >= 44).sum(),
    ]


def test_regions_of_a_small_board_lie_on_its_squares() -> None:
    corpus = random_corpus(1, size=6)

    masks = region_masks(corpus)

    assert masks.shape == (len(corpus), len(REGIONS), 6, 6)
    np.testing.assert_array_equal(masks[:, :3].sum(1), 1)
    assert (masks[:, 3] <= masks[:, 2]).all()
    assert masks[0].sum((1, 2)).tolist() == [2, 2, 32, 4]


def test_any_grouping_of_batches_gives_the_same_integers() -> None:
    rng = np.random.default_rng(0)
    parts = []
    for n, seed in enumerate((5, 17, 2, 9)):
        corpus = random_corpus(1, seed=seed)[: 6 * n + 3]
        scale = 10.0 ** rng.uniform(-6, 3, (len(corpus), 1, 4, 1, 1))
        maps = rng.normal(size=(len(corpus), 1, 4, 8, 8)) * scale
        parts.append(batch_statistics({"conv": torch.from_numpy(maps)}, corpus))

    one_by_one: dict[str, np.ndarray] = {}
    for part in parts:
        add_statistics(one_by_one, part)
    halves: list[dict[str, np.ndarray]] = [{}, {}]
    for half, part in zip((1, 0, 1, 0), parts, strict=True):
        add_statistics(halves[half], part)
    add_statistics(halves[1], halves[0])

    for name, words in one_by_one.items():
        np.testing.assert_array_equal(halves[1][name], words)


@pytest.mark.parametrize("value", [0.0, 1e-15, -0.37, 123456.789, -(2.0**41)])
def test_two_words_hold_small_and_large_numbers(value: float) -> None:
    found = float(from_words(as_words(np.array(value))))

    assert found == pytest.approx(value, rel=1e-12, abs=2.0**-61)


@pytest.mark.parametrize("value", [2.0**43, -np.inf, np.nan])
def test_a_sum_that_no_word_can_hold_is_an_error(value: float) -> None:
    with pytest.raises(RunError, match="too large for board statistics"):
        as_words(np.array([1.0, value]))


def test_sums_that_grow_too_large_are_an_error() -> None:
    total: dict[str, np.ndarray] = {}
    part = {"sum": as_words(np.array([2.0**41 + 1]))}
    add_statistics(total, part)

    with pytest.raises(RunError, match="too large for board statistics"):
        add_statistics(total, part)
