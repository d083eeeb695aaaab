"""Rows and columns of a store equal those of the arrays that were written."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from conceptlrp.store import Store, shards as module
from conceptlrp.store.format.manifest import Manifest, ShardSpec, write_file
from conceptlrp.store.format.schema import SHARD, encode_arrays
from conceptlrp.store.shards import OpenFiles, Shards, selected
from tests.store.conftest import Arrays, MakeStore, planted_arrays, planted_corpus

N = len(planted_corpus())
WIDE = planted_arrays(planted_corpus())["layers/conv2/relevance"]


def masked(length: int, every: int) -> np.ndarray:
    return np.arange(length) % every == 0


ROWS = {
    "all": None,
    "a slice": slice(7, 93),
    "a slice with steps": slice(3, None, 11),
    "a slice backwards": slice(None, None, -1),
    "an empty slice": slice(5, 5),
    "a list": [3, 60, 61],
    "scattered": np.array([0, 99, 17, 50, 49]),
    "repeated": np.array([70, 2, 70, 70, 2]),
    "counted from the end": np.array([-1, 0, -N]),
    "a mask": masked(N, 7),
    "an empty mask": np.zeros(N, bool),
    "no numbers": np.array([], int),
}
COLUMNS = {
    "all": None,
    "a slice": slice(30, 40),
    "a slice backwards": slice(60, 10, -3),
    "an empty slice": slice(0, 0),
    "unsorted and repeated": np.array([69, 0, 33, 69]),
    "ascending but not all": np.array([1, 2, 68]),
    "a mask": masked(70, 9),
    "all of them turned round": np.arange(70)[::-1],
}


@pytest.mark.parametrize("columns", COLUMNS.values(), ids=COLUMNS)
@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_a_selection_equals_that_of_the_plain_array(
    rows: object, columns: object, planted_store: Store
) -> None:
    found = planted_store.arrays.relevance(
        "conv2", rows=rows, channels=columns, target="value"
    )

    all_if_none = [slice(None) if s is None else s for s in (rows, columns)]
    expected = WIDE[:, 1][all_if_none[0]][:, all_if_none[1]]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


@given(
    st.lists(st.integers(-N, N - 1), max_size=30),
    st.lists(st.integers(-70, 69), max_size=10),
)
def test_any_rows_and_channels_can_be_read(
    planted_store: Store, rows: list[int], columns: list[int]
) -> None:
    found = planted_store.arrays.relevance("conv2", rows=rows, channels=columns)

    expected = WIDE[:, 0][np.array(rows, int)][:, np.array(columns, int)]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("shard_size", [7, 33, N - 1, N, 10 * N])
def test_shards_of_any_size_give_the_same_arrays(
    shard_size: int, write_store: MakeStore, arrays: Arrays, tmp_path: Path
) -> None:
    store = write_store(tmp_path / "run.crp", shard_size=shard_size)

    assert len(store.manifest.shards()) == -(-N // shard_size)
    np.testing.assert_array_equal(store.arrays.logits(), arrays["outputs/logits"])
    np.testing.assert_array_equal(store.arrays.value(), arrays["outputs/value"])
    for index, target in enumerate(store.targets):
        for found, name in (
            (store.arrays.explained(target=target), "targets/explained"),
            (store.arrays.explained_square(target=target), "targets/square"),
            (store.arrays.heatmap(target=target), "targets/heatmap"),
            (store.arrays.relevance("conv1", target=target), "layers/conv1/relevance"),
        ):
            np.testing.assert_array_equal(found, arrays[name][:, index])
    for found, name in (
        (store.arrays.activation("conv1"), "activation"),
        (store.arrays.peak("conv1"), "peak"),
        (store.arrays.peak_square("conv1"), "peak_square"),
    ):
        np.testing.assert_array_equal(found, arrays[f"layers/conv1/{name}"])


def with_shards(
    store: Store, folder: Path, contents: Sequence[bytes | memoryview]
) -> Manifest:
    """Write files of shards, and return a manifest that lists them."""
    files = {f"shard-{i:05d}.h5": content for i, content in enumerate(contents)}
    listed = {n: write_file(folder, n, content) for n, content in files.items()}
    return store.manifest.with_files(listed)


def test_rows_of_several_chunks_of_a_shard_are_put_together(
    planted_store: Store, tmp_path: Path
) -> None:
    tall = np.random.default_rng(0).normal(size=(9000, 3)).astype(np.float32)
    content = encode_arrays({"layers/conv1/peak": tall}, SHARD)
    manifest = with_shards(planted_store, tmp_path, [content])
    rows = np.array([8999, 0, 4095, 4096, 0, 8191, 8192, 5])

    shards = Shards(OpenFiles(tmp_path, manifest), (ShardSpec(0, 0, 9000),))
    found = shards.read("layers/conv1/peak", rows)

    np.testing.assert_array_equal(found, tall[rows])


@pytest.mark.parametrize("rows", [[N], [-N - 1], np.ones(N - 1, bool)])
def test_a_row_that_is_not_there_is_refused(rows: object, planted_store: Store) -> None:
    with pytest.raises(IndexError, match=r"out of bounds|did not match"):
        planted_store.arrays.value(rows=rows)


def test_one_number_is_no_selection() -> None:
    with pytest.raises(IndexError, match="0 dimensions, expected one"):
        selected(3, 5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "few",
    [slice(7, 9), slice(9, 1, -4), [7, -8], np.array([5]), []],
    ids=["a slice", "backwards", "a list", "an array", "nothing"],
)
def test_few_of_a_trillion_rows_take_the_memory_of_few(few: object) -> None:
    expected = [range(10**12)[i] for i in few] if isinstance(few, list) else None

    found = selected(few, 10**12)  # type: ignore[arg-type]

    assert len(found) <= 2
    if expected is not None:
        assert found.tolist() == expected


BLOCKS: dict[str, Callable[[Shards, range], object]] = {
    "slices": lambda shards, run: shards.read("v", slice(run.start, run.stop)),
    "numbers": lambda shards, run: shards.read("v", np.array(run)),
}


@pytest.mark.parametrize("read", BLOCKS.values(), ids=BLOCKS)
def test_blocks_together_read_every_row_once_and_open_every_file_once(
    read: Callable[[Shards, range], object],
    planted_store: Store,
    tmp_path: Path,
    monkeypatch,
) -> None:
    tall = np.arange(3000, dtype=np.float32)
    specs = tuple(ShardSpec(i, 100 * i, 100 * i + 100) for i in range(30))
    contents = [encode_arrays({"v": tall[s.start : s.stop]}, SHARD) for s in specs]
    manifest = with_shards(planted_store, tmp_path, contents)
    n_rows, n_files = [], []
    plain_part, plain_open = module._part, OpenFiles._open
    monkeypatch.setattr(
        module, "_part", lambda *a: n_rows.append(len(p := plain_part(*a))) or p
    )
    monkeypatch.setattr(
        OpenFiles, "_open", lambda *a: n_files.append(1) or plain_open(*a)
    )
    shards = Shards(OpenFiles(tmp_path, manifest, most=2), specs)

    parts = [read(shards, range(i, i + 250)) for i in range(0, 3000, 250)]

    np.testing.assert_array_equal(np.concatenate(parts), tall)
    assert (sum(n_rows), len(n_files)) == (3000, 30)
