"""The best k of many scores equal the first k of all of them sorted."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from conceptlrp.store.ranking import top_rows

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
    with pytest.raises(ValueError, match="the best -1 positions"):
        top_rows(np.zeros(3), -1)
