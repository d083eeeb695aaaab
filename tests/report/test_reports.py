from collections import Counter

import numpy as np
import pytest

from conceptlrp.reference import quantile_boards, random_boards, reference_boards
from conceptlrp.report import channel_report, layer_report, reports as module
from conceptlrp.report.channel import STRIPS
from conceptlrp.report.reports import LayerStrips
from conceptlrp.report.statistics import Column
from tests.atlas.conftest import DEAD, KEPT

EXTREMES = {
    "relevant": ("share", False),
    "opposed": ("share", True),
    "active": ("activation", False),
}


def best_by_hand(store, scores, k, *, lowest):
    """Rank rows one by one: best score, then lowest row, one board a game."""
    sign = 1 if lowest else -1
    order = sorted(range(len(scores)), key=lambda row: (sign * scores[row], row))
    seen, rows = set(), []
    for row in order:
        game = int(store.positions.game[row])
        telling = scores[row] < 0 if lowest else scores[row] > 0
        if telling and game not in seen and len(rows) < k:
            seen.add(game)
            rows.append(row)
    return rows


@pytest.mark.parametrize("k", [1, KEPT, KEPT + 2, 100])
@pytest.mark.parametrize("kind", ["bare_store", "kept_store"])
def test_strips_are_those_that_a_search_by_hand_finds(kind, k, request):
    store = request.getfixturevalue(kind)
    for report in layer_report(store, "conv1", count=k):
        for name, (by, lowest) in EXTREMES.items():
            scores = store.scores("conv1", report.channel, by=by)
            expected = best_by_hand(store, scores, k, lowest=lowest)

            strip = report.strips[name]

            assert strip.rows.tolist() == expected
            np.testing.assert_array_equal(strip.scores, scores[expected])
            assert (strip.by, strip.channel) == (by, report.channel)


def test_strips_are_those_that_reference_boards_finds_one_by_one(kept_store):
    report = channel_report(kept_store, "conv1", 1, count=4)
    found = {
        "relevant": reference_boards(kept_store, "conv1", 1, 4),
        "opposed": reference_boards(kept_store, "conv1", 1, 4, lowest=True),
        "active": reference_boards(kept_store, "conv1", 1, 4, by="activation"),
        "quantiles": quantile_boards(kept_store, "conv1", 1, 10),
        "random": random_boards(kept_store, "conv1", 1, 4),
    }

    assert tuple(report.strips) == STRIPS
    for name, expected in found.items():
        strip = report.strips[name]
        assert strip.boards == expected.boards
        assert strip.strip == expected.strip
        if expected.heatmaps is not None:
            np.testing.assert_array_equal(strip.heatmaps, expected.heatmaps)


def test_quantiles_fall_from_the_highest_share_to_the_lowest(bare_store):
    strip = channel_report(bare_store, "conv1", 3).strips["quantiles"]

    share = np.sort(bare_store.scores("conv1", 3))[::-1]
    assert len(strip) == 10
    assert strip.scores[0] == share[0]
    assert strip.scores[-1] == share[-1]
    assert (np.diff(strip.scores) <= 0).all()


def test_random_boards_are_of_different_games_and_the_same_for_all_channels(bare_store):
    strips = [r.strips["random"] for r in layer_report(bare_store, "conv1", count=6)]

    games = [board.game for board in strips[0].boards]
    assert len(set(games)) == 6
    assert len({tuple(strip.rows.tolist()) for strip in strips}) == 1


def test_the_least_active_boards_are_drawn_from_those_that_tie(bare_store):
    strips = LayerStrips(layer_report(bare_store, "conv1").stored, 4)
    activation = np.arange(len(bare_store), dtype=np.float32)
    tied = activation.copy()
    tied[20:70] = 0

    rows, drawn = strips._least(activation), strips._least(tied)

    assert rows.note == ""
    assert rows.scores.tolist() == sorted(rows.scores.tolist())
    assert f"0 at 51 of {len(activation)} positions; these are drawn at" in drawn.note
    assert set(drawn.rows.tolist()) <= {0, *range(20, 70)}
    assert drawn.rows.tolist() == strips._least(tied).rows.tolist()


def test_boards_that_tie_with_others_that_are_not_shown_say_so(bare_store):
    report = layer_report(bare_store, "conv1", count=3)
    strips = LayerStrips(report.stored, 3)
    rising = np.arange(len(bare_store), dtype=np.float32)
    level, kind = np.ones_like(rising), module._KINDS["active"]

    unlike = strips._extreme(Column(0, rising, rising, rising), kind)
    assert unlike.ranking.note == ""
    note = strips._extreme(Column(0, level, level, level), kind).ranking.note
    assert note == "more positions tie at 1, and the first in the store are shown"


def test_a_dead_channel_stands_for_no_board(kept_store):
    strips = channel_report(kept_store, "conv1", DEAD).strips

    lengths = {name: len(strip) for name, strip in strips.items()}
    assert lengths.pop("random") == 8
    assert set(lengths.values()) == {0}


def test_no_board_is_described_before_it_is_looked_at_and_none_twice(
    kept_store, monkeypatch
):
    described = []
    original = module.describe_board
    monkeypatch.setattr(
        module,
        "describe_board",
        lambda corpus, row, *rest: (
            described.append(row) or original(corpus, row, *rest)
        ),
    )
    reports = list(layer_report(kept_store, "conv1"))
    before = len(described)

    for report in reports:
        for strip in report.strips.values():
            assert len(strip.boards) == len(strip)

    assert before == 0
    assert max(Counter(described).values()) == 1


def test_heatmaps_are_those_that_the_store_keeps_for_any_position(mapped_store):
    report = channel_report(mapped_store, "conv2", 2, count=3)

    for name in STRIPS:
        strip = report.strips[name]
        expected = mapped_store.maps.read("conv2", rows=strip.rows, channels=[2])
        np.testing.assert_allclose(strip.heatmaps, expected[:, 0], atol=1e-6)


def test_a_store_without_maps_has_strips_without_heatmaps(bare_store):
    report = channel_report(bare_store, "conv1", 0)

    assert [name for name in STRIPS if report.strips[name].heatmaps is not None] == []
    assert report.mean_positive is report.mean_negative is report.regions is None
    assert report.maps_of == ""
