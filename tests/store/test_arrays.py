"""Maps and statistics that a store keeps, read through its reader."""

from pathlib import Path

import numpy as np
import pytest

from conceptlrp.errors import StoreError
from conceptlrp.othello import Corpus
from conceptlrp.othello.board import PHASES
from conceptlrp.store import Store, open_store
from conceptlrp.store.arrays import REGIONS, WORD_BITS
from conceptlrp.store.writing.finish import finish_run
from conceptlrp.store.writing.shard_writer import pending, shards_of, write_shard
from conceptlrp.store.writing.writer import create_run
from tests.store.conftest import LAYERS, Arrays, planted_plan

#: Some of each shard but the second.
MAPPED = np.array([0, 3, 4, 49, 100, 101, 117])


def mapped_arrays(dtype: str) -> Arrays:
    """Return maps of the mapped positions by layer, and their scales."""
    rng = np.random.default_rng(3)
    arrays: Arrays = {}
    for layer, channels in LAYERS.items():
        maps = rng.normal(size=(len(MAPPED), 2, channels, 8, 8)).astype(np.float32)
        if dtype == "float16":
            scale = rng.uniform(0.5, 1e6, (len(MAPPED), 2)).astype(np.float32)
            arrays[f"layers/{layer}/map_scale"] = scale
            maps = maps.astype(np.float16)
        arrays[f"layers/{layer}/maps"] = maps
    return arrays


def start_mapped(path: Path, corpus: Corpus, dtype: str, **changes: object) -> None:
    sample = {"positions": len(MAPPED), "seed": 0, "of": len(corpus)}
    plan = planted_plan(corpus, detail="sample", sample=sample, dtype=dtype, **changes)
    create_run(path, plan, corpus)


def fill_mapped(path: Path, arrays: Arrays, maps: Arrays, shards: list[int]) -> None:
    for spec in (s for s in pending(path) if s.index in shards):
        rows = slice(spec.start, spec.stop)
        inside = (spec.start <= MAPPED) & (spec.stop > MAPPED)
        write_shard(
            path,
            spec,
            {
                **{name: each[rows] for name, each in arrays.items()},
                **{name: each[inside] for name, each in maps.items()},
                "maps/rows": MAPPED[inside],
            },
        )


def expected_maps(maps: Arrays, layer: str, target: int) -> np.ndarray:
    found = maps[f"layers/{layer}/maps"][:, target].astype(np.float32)
    scale = maps.get(f"layers/{layer}/map_scale", np.ones((len(found), 2), np.float32))
    return found * scale[:, target, None, None, None]


@pytest.mark.parametrize("shard_size", [7, 50, 1000])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_maps_are_read_in_the_unit_of_the_output(
    dtype: str, shard_size: int, corpus: Corpus, arrays: Arrays, tmp_path: Path
) -> None:
    path, maps = tmp_path / "run.crp", mapped_arrays(dtype)
    start_mapped(path, corpus, dtype, shard_size=shard_size)
    fill_mapped(path, arrays, maps, list(range(len(shards_of(path)))))
    store = Store(finish_run(path))

    assert store.maps.rows.tolist() == MAPPED.tolist()
    for layer in LAYERS:
        expected = expected_maps(maps, layer, 1)
        found = store.maps.read(layer, target="value")
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)
        some = store.maps.read(layer, rows=[101, 0, 101], channels=[4, 1], target=1)
        np.testing.assert_array_equal(some, expected[[5, 0, 5]][:, [4, 1]])


def test_a_running_store_gives_the_maps_of_its_finished_shards(
    corpus: Corpus, arrays: Arrays, tmp_path: Path
) -> None:
    path, maps = tmp_path / "run.crp", mapped_arrays("float32")
    start_mapped(path, corpus, "float32")
    fill_mapped(path, arrays, maps, [2])

    store = open_store(path)

    assert store.maps.rows.tolist() == [0, 1, 17]
    expected = expected_maps(maps, "conv1", 0)[[6]]
    np.testing.assert_array_equal(store.maps.read("conv1", rows=[17]), expected)


def test_a_row_without_maps_is_refused(
    corpus: Corpus, arrays: Arrays, planted_store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "run.crp"
    start_mapped(path, corpus, "float32")
    fill_mapped(path, arrays, mapped_arrays("float32"), [0, 1, 2])
    store = Store(finish_run(path))

    with pytest.raises(StoreError, match=r"no maps of row 118 \(7 of 120 rows have"):
        store.maps.read("conv1", rows=[3, 118])
    with pytest.raises(StoreError, match="detail 'references', maps need 'sample' or"):
        planted_store.maps.read("conv1")
    assert planted_store.maps.rows.tolist() == []


def planted_statistics(corpus: Corpus) -> tuple[Arrays, Arrays]:
    """Return maps of all positions, and their sums in words by phase."""
    rng = np.random.default_rng(4)
    discs = np.bitwise_count(corpus.own | corpus.opponent)
    phases = np.digitize(discs, [24, 44])
    n, sums = len(corpus), {"statistics/positions": np.bincount(phases, minlength=3)}
    maps: Arrays = {}
    for layer, channels in LAYERS.items():
        # Multiples of a power of two, so that sums are exact.
        every = rng.integers(-8, 9, (n, 2, channels, 8, 8)) / 16
        regions = rng.integers(0, 9, (n, 2, channels, 4)) / 16
        values = {
            "positive": np.maximum(every, 0),
            "negative": np.minimum(every, 0),
            "squared": every**2,
            "magnitude": regions,
        }
        maps |= {f"{layer}/{name}": value for name, value in values.items()}
        for name, value in values.items():
            words = np.zeros((n, *value.shape[1:], 2), np.int64)
            words[..., 0] = np.floor(value * 2 ** WORD_BITS[0])
            by_phase = np.stack([words[phases == p].sum(0) for p in range(3)])
            sums[f"statistics/{layer}/{name}"] = by_phase
    return maps, sums


def test_statistics_are_means_over_the_positions_of_a_phase(
    corpus: Corpus, arrays: Arrays, tmp_path: Path
) -> None:
    path = tmp_path / "run.crp"
    maps, sums = planted_statistics(corpus)
    plan = planted_plan(corpus, statistics=True, detail="sums", shard_size=1000)
    create_run(path, plan, corpus)
    write_shard(path, shards_of(path)[0], {**arrays, **sums})
    store = Store(finish_run(path))
    phases = np.digitize(np.bitwise_count(corpus.own | corpus.opponent), [24, 44])

    for layer in LAYERS:
        found = store.maps.statistics(layer, target="value")
        assert found is not None
        assert found.phases == PHASES
        assert found.positions.tolist() == np.bincount(phases, minlength=3).tolist()
        for p in range(3):
            means = {
                name: maps[f"{layer}/{name}"][phases == p, 1].mean(0)
                for name in ("positive", "negative", "squared", "magnitude")
            }
            np.testing.assert_allclose(found.positive[p], means["positive"])
            np.testing.assert_allclose(found.negative[p], means["negative"])
            np.testing.assert_allclose(found.second_moment[p], means["squared"])
            every = means["magnitude"][:, :3].sum(1, keepdims=True)
            np.testing.assert_allclose(
                found.region_share[p], means["magnitude"] / every
            )
        whole = (maps[f"{layer}/positive"] + maps[f"{layer}/negative"])[:, 1]
        pooled = found.pooled()
        assert pooled.phases == ("all",)
        np.testing.assert_allclose(pooled.mean[0], whole.mean(0), atol=1e-15)
        np.testing.assert_allclose(pooled.variance[0], whole.var(0), atol=1e-15)
        assert pooled.region_share.shape == (1, LAYERS[layer], len(REGIONS))


def test_a_store_without_statistics_gives_none(planted_store: Store) -> None:
    assert planted_store.maps.statistics("conv1") is None
