"""What a store answers, and how it says that something is wrong with it."""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from conceptlrp.errors import LayerError, StoreError, TargetError
from conceptlrp.othello import Corpus
from conceptlrp.store import Store, open_store
from conceptlrp.store.format.manifest import read_sealed, seal
from tests.store.conftest import (
    LAYERS,
    TARGETS,
    Arrays,
    MakeStore,
    ranked_by_hand,
)


@pytest.fixture
def broken(planted_store: Store, tmp_path: Path) -> Path:
    """A copy of a store, to be broken."""
    return Path(shutil.copytree(planted_store.path, tmp_path / "broken.crp"))


def edit_manifest(folder: Path, **changes: object) -> None:
    """Change entries of a manifest and seal it again, as a forger would."""
    path = folder / "manifest.json"
    content = read_sealed(path, "a manifest")
    for name, value in changes.items():
        *groups, last = name.replace("encoding_", "encoding-").split("__")
        place = content
        for group in groups:
            place = place[group]
        place[last] = value
    path.write_bytes(seal(content))


def test_a_store_tells_what_it_holds(planted_store: Store, corpus: Corpus) -> None:
    assert len(planted_store) == len(corpus)
    assert planted_store.layers == tuple(LAYERS)
    assert planted_store.targets == TARGETS
    assert planted_store.channels("conv2") == 70
    assert planted_store.positions.digest == corpus.digest
    assert "conv1 (5), conv2 (70)" in repr(planted_store)


def test_a_share_is_relevance_over_the_sum_of_magnitudes(
    planted_store: Store, arrays: Arrays
) -> None:
    found = planted_store.arrays.share("conv1", target=1)

    relevance = arrays["layers/conv1/relevance"][:, 1]
    expected = relevance / (np.abs(relevance).sum(1, keepdims=True) + 1e-10)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_share_does_not_depend_on_the_channels_read(planted_store: Store) -> None:
    rows, channels = [9, 3], [4, 0]

    found = planted_store.arrays.share("conv1", rows=rows, channels=channels)

    np.testing.assert_array_equal(
        found, planted_store.arrays.share("conv1")[rows][:, channels]
    )


@pytest.mark.parametrize("by", ["share", "relevance", "activation", "peak"])
@pytest.mark.parametrize("lowest", [False, True])
def test_the_top_of_a_channel_is_that_of_all_scores_sorted(
    by: str, lowest: bool, planted_store: Store
) -> None:
    found = planted_store.top(
        "conv2", 33, 12, by=by, lowest=lowest, one_per_game=False, target="value"
    )

    everything = {
        "share": planted_store.arrays.share("conv2", target="value"),
        "relevance": planted_store.arrays.relevance("conv2", target="value"),
        "activation": planted_store.arrays.activation("conv2"),
        "peak": planted_store.arrays.peak("conv2"),
    }
    column = everything[by][:, 33]
    expected = ranked_by_hand(column, 12, by=by, lowest=lowest)
    assert found.rows.tolist() == expected
    np.testing.assert_array_equal(found.scores, column[expected])


@pytest.mark.parametrize("shard_size", [9, 1000])
def test_shards_of_any_size_give_the_same_ranking(
    shard_size: int, planted_store: Store, write_store: MakeStore, tmp_path: Path
) -> None:
    store = write_store(tmp_path / "run.crp", shard_size=shard_size)

    for by in ("share", "peak"):
        found = store.top("conv2", 5, 20, by=by, one_per_game=False)
        expected = planted_store.top("conv2", 5, 20, by=by, one_per_game=False)
        np.testing.assert_array_equal(found.rows, expected.rows)
        np.testing.assert_array_equal(found.scores, expected.scores)


def test_one_board_of_each_game_is_ranked(planted_store: Store) -> None:
    found = planted_store.top("conv1", 0, 100)

    games = planted_store.positions.game[found.rows]
    assert sorted(games) == sorted(set(planted_store.positions.game))


def test_targets_are_known_by_name_and_by_number(planted_store: Store) -> None:
    assert planted_store.target_index("value") == 1
    assert planted_store.target_index(1) == 1
    assert planted_store.target_index(np.int64(1)) == 1


def test_a_store_without_reference_boards_gives_none(planted_store: Store) -> None:
    assert planted_store.references("conv1") is None


def test_what_a_store_does_not_hold_is_refused_with_what_it_holds(
    planted_store: Store,
) -> None:
    with pytest.raises(LayerError, match="no layer 'conv9', expected one of conv1"):
        planted_store.arrays.relevance("conv9")
    with pytest.raises(LayerError, match="no channel 5, expected 0 to 4"):
        planted_store.top("conv1", 5)
    with pytest.raises(LayerError, match="no channel -1"):
        planted_store.scores("conv1", -1)
    with pytest.raises(TargetError, match="no target 'd3', expected one of played"):
        planted_store.arrays.share("conv1", target="d3")
    with pytest.raises(TargetError, match="no target 2"):
        planted_store.arrays.heatmap(target=2)
    with pytest.raises(ValueError, match="unknown score 'nonsense', expected one of"):
        planted_store.top("conv1", 0, by="nonsense")
    with pytest.raises(ValueError, match="unknown kind of reference boards 'best'"):
        planted_store.references("conv1", "best")


def test_a_folder_that_is_no_store_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing.crp"):
        with pytest.raises(StoreError, match="no relevance store here"):
            open_store(path)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "3", '{"encoding-type": "x"}', "\x00", "[" * 100_000],
)
def test_a_manifest_that_is_no_manifest_is_refused(text: str, broken: Path) -> None:
    (broken / "manifest.json").write_text(text)

    with pytest.raises(StoreError, match="not the manifest of a relevance store"):
        open_store(broken)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoding_version": "2"}, "version 2, expected .* version 1"),
        ({"encoding_type": "recipe"}, "recipe of version 1"),
        ({"recipe": "cake"}, "damaged manifest .*recipe"),
        ({"plan__recipe": "cake"}, "the plan lacks or adds recipe"),
        ({"plan__corpus": {"positions": 7}}, "parts hold [0-9]+ positions, expected 7"),
        ({"parts": []}, "damaged manifest"),
        ({"parts": [[0, 10, 0]]}, "damaged manifest"),
        ({"parts": [[5, 10, 1]]}, "holds positions 5 to 10"),
        (
            {"parts": [[0, 1 << 30, 1]], "plan__corpus__positions": 1 << 30},
            "shards, expected 262144 at most",
        ),
        ({"parts": 5}, "damaged manifest"),
        ({"files": {"../a": {"bytes": 1, "sha256": "a" * 64}}}, "damaged manifest"),
        ({"files__/etc/passwd": {"bytes": 1, "sha256": "a" * 64}}, "no name of a file"),
        ({"files__shard-00000.h5": {"bytes": 1, "sha256": "a"}}, "with the hash 'a'"),
        ({"files__shard-00000.h5": 3}, "damaged manifest"),
        ({"corpus_file": "../corpus-0.h5"}, "file of the positions is named"),
        ({"state": "asleep"}, "state is 'asleep'"),
        ({"plan__layers": {"conv1": {}}}, "damaged manifest .*channels"),
        ({"plan__layers": None}, "damaged manifest"),
        ({"plan__targets": 1}, "damaged manifest"),
        ({"plan__targets": [3]}, "targets are .*expected names"),
    ],
)
def test_a_damaged_manifest_is_refused_with_the_reason(
    changes: dict[str, object], message: str, broken: Path
) -> None:
    edit_manifest(broken, **changes)

    with pytest.raises(StoreError, match=message):
        open_store(broken)


@pytest.mark.parametrize("name", ["shard-00001.h5", "corpus-0.h5"])
def test_a_missing_part_is_noticed_when_the_store_is_opened(
    name: str, broken: Path
) -> None:
    (broken / name).unlink()

    with pytest.raises(StoreError, match=rf"{name}: is missing"):
        open_store(broken)


@pytest.mark.parametrize("kept", [0, 100, -1])
def test_a_truncated_shard_is_noticed_when_the_store_is_opened(
    kept: int, broken: Path
) -> None:
    shard = broken / "shard-00002.h5"
    shard.write_bytes(shard.read_bytes()[:kept])

    with pytest.raises(StoreError, match=r"shard-00002\.h5: has [0-9]+ bytes, exp"):
        open_store(broken)


def test_a_shard_without_a_dataset_is_damaged(broken: Path) -> None:
    shard = broken / "shard-00000.h5"
    with h5py.File(shard, "a") as file:
        del file["layers/conv1/peak"]
    entry = {"bytes": shard.stat().st_size, "sha256": "0" * 64}
    edit_manifest(broken, **{"files__shard-00000.h5": entry})

    with pytest.raises(StoreError, match=r"shard-00000\.h5: has the SHA-256.*--resume"):
        open_store(broken).arrays.peak("conv1")


def test_damaged_bytes_give_an_error_and_never_other_numbers(
    broken: Path, arrays: Arrays
) -> None:
    shard = broken / "shard-00001.h5"
    whole = shard.read_bytes()
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(100):
        damaged = bytearray(whole)
        at = int(rng.integers(len(whole) - 16))
        damaged[at : at + 16] = rng.bytes(16)
        shard.write_bytes(damaged)
        try:
            found = open_store(broken).arrays.relevance("conv2")
        except StoreError as error:
            errors.append(str(error))
        else:
            expected = arrays["layers/conv2/relevance"][:, 0]
            np.testing.assert_array_equal(found, expected)

    assert errors
    assert all("shard-00001.h5" in error for error in errors)


@pytest.mark.parametrize("damage", [b"", b"no corpus", b"\x89HDF\r\n\x1a\n"])
def test_a_damaged_corpus_is_an_error_of_the_store(damage: bytes, broken: Path) -> None:
    (broken / "corpus-0.h5").write_bytes(damage)

    with pytest.raises(StoreError, match=r"corpus-0\.h5"):
        _ = open_store(broken).positions


def test_the_corpus_of_another_store_is_noticed(broken: Path, corpus: Corpus) -> None:
    path = broken / "corpus-0.h5"
    corpus[:5].save(path, overwrite=True)
    entry = {"bytes": path.stat().st_size, "sha256": "0" * 64}
    edit_manifest(broken, **{"files__corpus-0.h5": entry})

    with pytest.raises(StoreError, match=r"corpus-0\.h5 has 5"):
        _ = open_store(broken).positions
