"""Conditions on positions equal a look at every position by itself."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from conceptlrp.errors import NotationError
from conceptlrp.othello import Corpus
from conceptlrp.store import Store, Where
from tests.store.conftest import MakeStore, ranked_by_hand

if TYPE_CHECKING:
    import pandas as pd

Row = Any
CONDITIONS: list[tuple[Where, Callable[[Row], bool]]] = [
    (Where(), lambda row: bool(row)),
    (Where(ply=(20, 30)), lambda row: 20 <= row.ply <= 30),
    (Where(ply=(None, 9)), lambda row: row.ply <= 9),
    (Where(ply=(50, None)), lambda row: row.ply >= 50),
    (Where(ply=12), lambda row: row.ply == 12),
    (Where(phase="midgame"), lambda row: 24 <= row.ply + 4 < 44),
    (Where(mover="white"), lambda row: row.mover == "white"),
    (Where(player="Black 2"), lambda row: "Black 2" in (row.black, row.white)),
    (Where(black="White 1"), lambda row: row.black == "White 1"),
    (Where(white="White 1"), lambda row: row.white == "White 1"),
    (Where(year=(1991, 1992)), lambda row: 1991 <= row.year <= 1992),
    (Where(year=1990), lambda row: row.year == 1990),
    (Where(tournament="Playouts"), lambda row: row.tournament == "Playouts"),
    (Where(tournament="Other"), lambda row: row.tournament == "Other"),
    (Where(played="d3"), lambda row: row.played == "d3"),
    (Where(outcome="win"), lambda row: row.outcome == 1),
    (
        Where(outcome="loss", mover="black"),
        lambda r: (r.outcome, r.mover) == (-1, "black"),
    ),
    (Where(games=(0, 3)), lambda row: row.game in (0, 3)),
    (Where(labels={"even": True}), lambda row: row.Index % 2 == 0),
    (Where(labels={"even": False}), lambda row: row.Index % 2 == 1),
    (Where(labels={"third": 2, "even": True}), lambda row: row.Index % 6 == 2),
    (Where(labels={"part": (0.25, None)}), lambda row: row.Index >= 100),
    (Where(labels={"part": True}), lambda row: row.Index >= 50),
]


@pytest.fixture(scope="module")
def labelled(write_store: MakeStore, tmp_path_factory: pytest.TempPathFactory) -> Store:
    return with_labels(write_store(tmp_path_factory.mktemp("labelled") / "run.crp"))


def with_labels(store: Store) -> Store:
    rows = np.arange(len(store))
    part = np.where(rows < 50, np.nan, rows / 400).astype(np.float32)
    store.columns.add({"even": rows % 2 == 0, "third": rows % 3, "part": part})
    return store


def met_one_by_one(corpus: Corpus, meets: Callable[[Row], bool]) -> list[bool]:
    table: pd.DataFrame = corpus.frame()
    return [bool(meets(row)) for row in table.itertuples()]


@pytest.mark.parametrize(("where", "meets"), CONDITIONS)
def test_a_condition_is_met_by_the_positions_that_meet_it_alone(
    where: Where, meets: Callable[[Row], bool], labelled: Store, corpus: Corpus
) -> None:
    assert labelled.columns.mask(where).tolist() == met_one_by_one(corpus, meets)


@pytest.mark.parametrize("one_per_game", [False, True])
@pytest.mark.parametrize(("where", "meets"), CONDITIONS[::3])
def test_the_top_of_some_positions_is_that_of_their_scores_sorted(
    where: Where,
    meets: Callable[[Row], bool],
    one_per_game: bool,
    labelled: Store,
    corpus: Corpus,
) -> None:
    met = np.flatnonzero(met_one_by_one(corpus, meets))
    for by, lowest in (("share", False), ("relevance", True), ("peak", False)):
        options = {"by": by, "lowest": lowest, "one_per_game": one_per_game}

        found = labelled.top("conv2", 11, 9, where=where, **options)

        column = labelled.scores("conv2", 11, by=by)
        groups = corpus.game[met] if one_per_game else None
        best = ranked_by_hand(column[met], 9, by=by, lowest=lowest, groups=groups)
        assert found.rows.tolist() == met[best].tolist()
        np.testing.assert_array_equal(found.scores, column[found.rows])


@pytest.mark.parametrize("shard_size", [7, 1000])
def test_shards_of_any_size_give_the_same_top_of_some_positions(
    shard_size: int, labelled: Store, write_store: MakeStore, tmp_path: Path
) -> None:
    store = with_labels(write_store(tmp_path / "run.crp", shard_size=shard_size))

    for where, _ in CONDITIONS:
        found = store.top("conv2", 3, 20, where=where, one_per_game=False)
        expected = labelled.top("conv2", 3, 20, where=where, one_per_game=False)
        np.testing.assert_array_equal(found.rows, expected.rows)
        np.testing.assert_array_equal(found.scores, expected.scores)


def test_a_mask_is_a_condition(planted_store: Store) -> None:
    mask = np.zeros(len(planted_store), np.bool_)
    mask[[5, 60, 110]] = True

    found = planted_store.top("conv1", 0, where=mask, one_per_game=False)

    assert sorted(found.rows.tolist()) == [5, 60, 110]


def test_a_mask_of_another_shape_or_type_is_refused(planted_store: Store) -> None:
    n = len(planted_store)
    for mask in (np.ones(n + 1, np.bool_), np.arange(n), np.ones((n, 1), np.bool_)):
        with pytest.raises(ValueError, match=rf"expected bool of shape \({n},\)"):
            planted_store.top("conv1", 0, where=mask)


def test_conditions_that_cannot_be_met_are_refused(planted_store: Store) -> None:
    with pytest.raises(ValueError, match="phase is 'late', expected one of opening"):
        Where(phase="late")
    with pytest.raises(ValueError, match="mover is 'red', expected one of black"):
        Where(mover="red")
    with pytest.raises(ValueError, match="outcome is 'won', expected one of win"):
        Where(outcome="won")
    with pytest.raises(NotationError, match="x9"):
        planted_store.columns.mask(Where(played="x9"))
    with pytest.raises(ValueError, match="no label 'corner' as none was written yet"):
        planted_store.columns.mask(Where(labels={"corner": True}))


def test_a_condition_reads_only_the_columns_that_it_needs(
    planted_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    store = Store(planted_store.path)
    load = store.columns.metadata._load
    monkeypatch.setattr(
        store.columns.metadata, "_load", lambda n: read.append(n) or load(n)
    )

    store.top("conv1", 0, where=Where(ply=(0, 9)), one_per_game=False)
    store.top("conv1", 1, where=Where(ply=(0, 9)), one_per_game=False)
    store.top("conv1", 2)

    assert read == ["ply"]
    assert "positions" not in vars(store)
