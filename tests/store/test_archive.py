"""Stores of former versions stay readable.

`data/format-1.crp` was written by ``SmallRun.of(3).go_on(path)`` of `faults.py`: three
positions, one layer of two channels, in two shards. It is never written again; another
format gets an archive of its own beside it.
"""

from pathlib import Path

import numpy as np

from conceptlrp.store import check_store, open_store, store_info

ARCHIVE = Path(__file__).parent / "data" / "format-1.crp"


def test_a_store_of_format_1_is_still_whole() -> None:
    assert check_store(ARCHIVE).is_good
    assert store_info(ARCHIVE).finished == 2


def test_a_store_of_format_1_is_still_readable() -> None:
    store = open_store(ARCHIVE)

    assert (len(store), store.layers, store.targets) == (3, ("conv1",), ("value",))
    rows = np.arange(3, dtype=np.float32)
    np.testing.assert_array_equal(
        store.arrays.relevance("conv1"), np.stack([rows, rows], 1)
    )
    np.testing.assert_array_equal(store.arrays.value(), rows)
    assert store.arrays.heatmap().shape == (3, 8, 8)
    assert store.positions.position(0).size == 8
    best = store.top("conv1", 0, 2, by="relevance", one_per_game=False)
    assert best.rows.tolist() == [2, 1]
    assert store.columns.frame(["ply", "mover"]).shape[0] == 3
