import numpy as np
import pytest

from conceptlrp.othello import Position
from conceptlrp.report import channel_report
from conceptlrp.report.stored_layer import crop
from tests.atlas.conftest import DEAD, KEPT


def masks(position: Position) -> dict[str, np.ndarray]:
    """Squares of each kind, by walking over the board."""
    found = {name: np.zeros((8, 8), bool) for name in ("own", "opponent", "legal")}
    for square in range(64):
        place = divmod(square, 8)
        found["own"][place] = position.own >> square & 1
        found["opponent"][place] = position.opponent >> square & 1
        found["legal"][place] = square in position.legal_moves
    return found | {"empty": ~(found["own"] | found["opponent"])}


def test_mean_maps_of_references_are_those_of_the_most_relevant_boards(kept_store):
    report = channel_report(kept_store, "conv1", 1, count=KEPT)

    maps = report.strips["relevant"].heatmaps.astype(float)
    assert report.maps_of == "references"
    np.testing.assert_allclose(report.mean_positive, np.maximum(maps, 0).mean(0))
    np.testing.assert_allclose(report.mean_negative, np.minimum(maps, 0).mean(0))


def test_regions_of_references_are_counted_square_by_square(kept_store):
    report = channel_report(kept_store, "conv1", 4, count=KEPT)
    strip = report.strips["relevant"]

    sizes = np.abs(strip.heatmaps.astype(float))
    by_board = [masks(position) for position in strip.positions]
    for name, found in report.regions.items():
        inside = np.stack([each[name] for each in by_board])
        assert found.relevance == pytest.approx(sizes[inside].sum() / sizes.sum())
        assert found.squares == pytest.approx(inside.mean())


def test_statistics_of_a_store_come_before_its_reference_boards(mapped_store):
    report = channel_report(mapped_store, "conv2", 3)

    maps = mapped_store.maps.read("conv2", channels=[3])[:, 0].astype(float)
    assert report.maps_of == "positions"
    np.testing.assert_allclose(
        report.mean_positive, np.maximum(maps, 0).mean(0), atol=1e-5
    )
    np.testing.assert_allclose(
        report.mean_negative, np.minimum(maps, 0).mean(0), atol=1e-5
    )
    corpus = mapped_store.positions
    boards = [masks(corpus.position(row)) for row in range(len(corpus))]
    for name, found in report.regions.items():
        inside = np.stack([each[name] for each in boards])
        share = np.abs(maps)[inside].sum() / np.abs(maps).sum()
        assert found.relevance == pytest.approx(share, abs=1e-4)
        assert found.squares == pytest.approx(inside.mean())


def test_a_dead_channel_looks_nowhere(kept_store):
    report = channel_report(kept_store, "conv1", DEAD)

    assert not report.mean_positive.any()
    assert {each.relevance for each in report.regions.values()} == {0}
    assert "where" not in report.text()


def test_a_small_board_is_cut_out_of_the_middle():
    maps = np.arange(64.0).reshape(8, 8)

    assert crop(maps, 6).shape == (6, 6)
    assert crop(maps, 6)[0, 0] == 9
    np.testing.assert_array_equal(crop(maps, 8), maps)
