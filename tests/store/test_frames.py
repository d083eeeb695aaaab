"""Tables of positions and channels equal what the corpus and the arrays say."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conceptlrp.errors import StoreError
from conceptlrp.othello import Corpus, square_name
from conceptlrp.store import COLUMNS, Store, Where, metadata, open_store
from conceptlrp.store.writing.shard_writer import shards_of
from conceptlrp.store.writing.writer import create_run
from tests.store.conftest import Arrays, MakeStore, fill, planted_plan


@pytest.mark.parametrize(
    "name",
    [
        *("game", "ply", "mover", "played", "outcome", "margin"),
        *("theoretical_margin", "black", "year"),
    ],
)
def test_a_column_is_that_of_the_corpus(
    name: str, planted_store: Store, corpus: Corpus
) -> None:
    found = planted_store.columns.frame([name])

    assert list(found) == [name]
    np.testing.assert_array_equal(found[name], corpus.frame()[name])


def test_all_columns_are_there(planted_store: Store, arrays: Arrays) -> None:
    found = planted_store.columns.frame(
        [*COLUMNS, "id", "explained", "square", "value"], rows=[9, 60], target="value"
    )

    assert found.index.tolist() == found["id"].tolist() == [9, 60]
    explained = arrays["targets/explained"][[9, 60], 1]
    np.testing.assert_array_equal(found["explained"], explained)
    np.testing.assert_array_equal(found["value"], arrays["outputs/value"][[9, 60]])
    squares = arrays["targets/square"][[9, 60], 1]
    assert found["square"].tolist() == [
        square_name(s) if s >= 0 else "" for s in squares
    ]
    assert set(found["phase"]) <= {"opening", "midgame", "endgame"}


def test_a_frame_reads_nothing_that_was_not_asked_for(planted_store: Store) -> None:
    store = Store(planted_store.path)

    store.columns.frame(["id", "ply"])

    assert store.shards.files._files == {}
    assert list(store.columns.metadata._stored) == ["ply"]


def test_a_column_that_is_not_there_is_refused(planted_store: Store) -> None:
    with pytest.raises(ValueError, match="no column 'elo', expected one of black, exp"):
        planted_store.columns.frame(["ply", "elo"])


def test_a_running_store_has_the_columns_of_its_finished_shards(
    corpus: Corpus, arrays: Arrays, tmp_path: Path
) -> None:
    path = tmp_path / "run.crp"
    create_run(path, planted_plan(corpus), corpus)
    fill(path, arrays, shards_of(path)[1:2])

    found = open_store(path).columns.frame(["id", "ply", "played"])

    assert found["id"].tolist() == list(range(50, 100))
    np.testing.assert_array_equal(found["ply"], corpus.ply[50:100])


def test_columns_of_another_corpus_are_an_error(
    planted_store: Store, corpus: Corpus, tmp_path: Path
) -> None:
    path = tmp_path / "run.crp"
    create_run(path, planted_plan(corpus), corpus)
    store = open_store(path)
    corpus[::-1].save(path / "corpus-0.h5", overwrite=True)

    with pytest.raises(StoreError, match=r"corpus-0\.h5: has [0-9]+ bytes"):
        store.columns.frame(["ply"])


@pytest.mark.parametrize("lowest", [False, True])
@pytest.mark.parametrize("by", ["share", "relevance", "activation", "peak"])
def test_the_channels_of_a_position_are_ranked(
    by: str, lowest: bool, planted_store: Store
) -> None:
    found = planted_store.channels_frame("conv2", 30, by=by, lowest=lowest, target=1)

    scores = [planted_store.scores("conv2", c, by=by, target=1)[30] for c in range(70)]
    sign = 1 if lowest else -1
    order = sorted(range(70), key=lambda channel: (sign * scores[channel], channel))
    assert found.index.tolist() == order
    np.testing.assert_array_equal(found[by], np.array(scores)[order])


def test_the_peak_of_a_channel_is_a_row_and_a_column(
    planted_store: Store, arrays: Arrays
) -> None:
    found = planted_store.channels_frame("conv1", 4).sort_index()

    squares = arrays["layers/conv1/peak_square"][4]
    names = [square_name(each) for each in squares.tolist()]
    assert found["peak_square"].tolist() == names


def test_a_row_that_is_not_there_is_refused(planted_store: Store) -> None:
    with pytest.raises(IndexError, match="no row 1000, expected 0 to"):
        planted_store.channels_frame("conv1", 1000)


@pytest.fixture(scope="module")
def own_store(
    write_store: MakeStore, tmp_path_factory: pytest.TempPathFactory
) -> Store:
    store = write_store(tmp_path_factory.mktemp("own") / "run.crp")
    store.columns.add({"half": np.arange(len(store)) / 2})
    return store


@pytest.mark.parametrize("where", [None, Where(ply=(3, 40))])
@pytest.mark.parametrize("count", [1, 33, 10**6])
def test_frames_are_the_frame_in_parts(
    count: int, where: Where | None, own_store: Store
) -> None:
    columns = own_store.columns
    met = columns.mask(where)
    names = [*COLUMNS, "id", "explained", "square", "value", "half"]

    parts = list(columns.frames(names, count=count, where=where))

    rows = np.flatnonzero(met)
    pd.testing.assert_frame_equal(pd.concat(parts), columns.frame(names, rows=rows))
    assert all(0 < len(part) <= count for part in parts)


def test_a_part_of_the_frame_touches_no_more_than_its_rows(
    own_store: Store, monkeypatch
) -> None:
    store = Store(own_store.path)
    names = [*COLUMNS, "explained", "square", "half"]
    frames = store.columns.frames(names, count=5)
    next(frames)
    touched: list[int] = []
    plain = metadata.Metadata._of
    monkeypatch.setattr(
        metadata.Metadata, "_of", lambda *a: touched.append(len(f := plain(*a))) or f
    )
    margins = metadata.black_margins
    monkeypatch.setattr(
        metadata, "black_margins", lambda *a: touched.append(len(a[0])) or margins(*a)
    )

    next(frames)

    assert set(touched) == {5}
