"""The best k of many scores equal the first k of all of them sorted."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays as random_arrays

from conceptlrp.store import Store
from conceptlrp.store.ranking import RunningTop, top_rows
from tests.store.conftest import MakeStore, ranked_by_hand

scores = st.lists(st.integers(-3, 3), max_size=120)


def sorted_rows(
    values: list[int], k: int, *, lowest: bool, groups: list[int] | None
) -> list[int]:
    """Sort all by score, then row, and take the first of each group."""
    sign = 1 if lowest else -1
    rows = sorted(range(len(values)), key=lambda row: (sign * values[row], row))
    if groups is not None:
        seen: set[int] = set()
        rows = [
            row
            for row in rows
            if groups[row] not in seen and not seen.add(groups[row])  # type: ignore[func-returns-value]
        ]
    return rows[:k]


@given(scores, st.integers(0, 140), st.booleans())
def test_the_best_are_those_of_a_full_sort(
    values: list[int], k: int, lowest: bool
) -> None:
    found = top_rows(np.array(values, np.float32), k, lowest=lowest)

    expected = sorted_rows(values, k, lowest=lowest, groups=None)
    assert found.rows.tolist() == expected
    assert found.scores.tolist() == [values[row] for row in expected]


@given(scores, st.integers(0, 40), st.booleans(), st.integers(1, 50), st.randoms())
def test_only_the_best_of_a_group_counts(
    values: list[int], k: int, lowest: bool, n_groups: int, random: object
) -> None:
    groups = [random.randrange(n_groups) for _ in values]  # type: ignore[attr-defined]

    found = top_rows(
        np.array(values, np.float32), k, lowest=lowest, groups=np.array(groups, int)
    )

    expected = sorted_rows(values, k, lowest=lowest, groups=groups)
    assert found.rows.tolist() == expected


def test_one_large_group_does_not_hide_the_others() -> None:
    scores = np.r_[np.full(5000, 9.0), np.arange(20.0) / 10]
    groups = np.r_[np.zeros(5000, int), np.arange(1, 21)]

    found = top_rows(scores, 4, groups=groups)

    assert found.rows.tolist() == [0, 5019, 5018, 5017]


def test_scores_come_back_as_float32() -> None:
    found = top_rows(np.array([0.1, 0.3]), 1)

    assert found.scores.dtype == np.float32
    assert len(found) == 1


def test_a_negative_number_of_positions_is_refused() -> None:
    with pytest.raises(ValueError, match="count is -1, expected at least 0"):
        top_rows(np.zeros(3), -1)


#: Few different numbers, both zeros and the extremes among them.
NUMBERS = st.sampled_from(
    [0.0, -0.0, 1.0, -1.0, 2.5, 1e-45, -1e-45, 3.4028235e38, -3.4028235e38]
)


@given(
    random_arrays(np.float32, (40, 3), elements=NUMBERS),
    st.integers(1, 45),
    st.lists(st.integers(1, 39), max_size=5, unique=True),
    st.booleans(),
    st.one_of(st.none(), st.integers(1, 12)),
)
def test_blocks_of_any_size_give_the_rows_of_a_sort(
    scores: np.ndarray,
    k: int,
    cuts: list[int],
    lowest: bool,
    n_games: int | None,
) -> None:
    games = (
        None if n_games is None else np.random.default_rng(k).integers(0, n_games, 40)
    )
    top = RunningTop(3, k, lowest=lowest, games=games)

    bounds = [0, *sorted(cuts), 40]
    for first, last in pairwise(bounds):
        top.add(first, scores[first:last])

    found = top.result()
    for channel in range(3):
        best = top_rows(scores[:, channel], k, lowest=lowest, groups=games)
        n = len(best)
        assert found.rows[channel, :n].tolist() == best.rows.tolist()
        assert (found.rows[channel, n:] == -1).all()
        np.testing.assert_array_equal(found.scores[channel, :n], best.scores)
        assert (found.scores[channel, n:] == 0).all()


@pytest.mark.parametrize("one_per_game", [False, True])
@pytest.mark.parametrize("lowest", [False, True])
@pytest.mark.parametrize("by", ["share", "relevance", "activation", "peak"])
def test_a_table_gives_what_the_column_gives(
    by: str, lowest: bool, one_per_game: bool, planted_store: Store
) -> None:
    groups = planted_store.positions.game if one_per_game else None
    for channel in (0, 33, 69):
        for k in (0, 1, 16, 64, 100):
            found = planted_store.top(
                *("conv2", channel, k),
                by=by,
                lowest=lowest,
                one_per_game=one_per_game,
                target="value",
            )

            column = planted_store.scores("conv2", channel, by=by, target="value")
            best = ranked_by_hand(column, k, by=by, lowest=lowest, groups=groups)
            assert found.rows.tolist() == best
            np.testing.assert_array_equal(found.scores, column[best])


@pytest.mark.parametrize("one_per_game", [False, True])
def test_channels_are_ranked_in_one_pass(
    one_per_game: bool, planted_store: Store
) -> None:
    found = planted_store.rank_channels(
        "conv1", 7, by="share", lowest=True, target=1, one_per_game=one_per_game
    )

    for channel in range(5):
        best = planted_store.top(
            "conv1", channel, 7, lowest=True, target=1, one_per_game=one_per_game
        )
        n = len(best)
        assert found.rows[channel, :n].tolist() == best.rows.tolist()
        assert (found.rows[channel, n:] == -1).all()


@pytest.mark.parametrize("shard_size", [7, 1000])
def test_the_tables_do_not_depend_on_the_shards(
    shard_size: int, planted_store: Store, write_store: MakeStore, tmp_path: Path
) -> None:
    store = write_store(tmp_path / "run.crp", shard_size=shard_size)

    for by in ("share", "activation"):
        for which in range(4):
            options = {"by": by, "lowest": which % 2 == 1, "one_per_game": which > 1}
            found = store.top("conv2", 3, 50, **options)
            expected = planted_store.top("conv2", 3, 50, **options)
            np.testing.assert_array_equal(found.rows, expected.rows)
