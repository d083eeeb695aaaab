"""What is read was compared with the manifest first: bytes, files, number of rows."""

import base64
import os
import pickle
import shutil
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from xxhash import xxh3_64_intdigest

from conceptlrp.errors import StoreError
from conceptlrp.store import Store, check_store, open_store
from conceptlrp.store.format import integrity
from conceptlrp.store.format.integrity import BLOCK, block_sums
from conceptlrp.store.format.manifest import read_sealed, seal
from conceptlrp.store.results.kinds import KINDS
from conceptlrp.store.writing.finish import finish_run
from conceptlrp.store.writing.shard_writer import pending
from conceptlrp.store.writing.writer import create_run
from tests.store.conftest import Arrays, MakeStore, fill, planted_plan
from tests.store.damage import make_whole, put, read_all, refusal

#: How files begin that are damaged, of every kind.
NAMES = (
    *("shard-00000", "shard-00002", "index", "statistics", "references", "corpus-0"),
    *("baseline-0", "columns-", *(f"{kind}-" for kind in KINDS)),
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_whole(tmp_path_factory.mktemp("whole") / "run.crp").path


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "run.crp"))


def named(folder: Path, start: str) -> Path:
    (found,) = [p for p in folder.iterdir() if p.name.startswith(start)]
    return found


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1 << at % 8
    put(path, bytes(content))


def count(monkeypatch: pytest.MonkeyPatch, compared: list[int]) -> None:
    monkeypatch.setattr(
        integrity,
        "xxh3_64_intdigest",
        lambda block: compared.append(1) or xxh3_64_intdigest(block),
    )


def edit(folder: Path, change) -> None:
    """Change a manifest and seal it again."""
    path = folder / "manifest.json"
    content = read_sealed(path, "a manifest")
    change(content)
    path.write_bytes(seal(content))


def test_a_whole_store_is_read_and_is_good(whole: Path) -> None:
    assert check_store(whole).is_good
    assert refusal(whole) == ""


@pytest.mark.parametrize("start", NAMES)
def test_a_changed_byte_is_refused_by_check_and_by_reading_with_one_remedy(
    start: str, copy: Path
) -> None:
    path = named(copy, start)
    size = path.stat().st_size
    flip(path, int(np.random.default_rng(0).integers(size)))

    (problem,) = check_store(copy).problems
    message = refusal(copy)

    assert problem.file == path.name
    assert message.startswith(f"{path}: ")
    assert message.endswith(problem.remedy)


@pytest.mark.parametrize("kind", [*KINDS])
def test_a_damaged_result_is_made_anew_by_its_own_verb(kind: str, copy: Path) -> None:
    path = named(copy, f"{kind}-")
    flip(path, path.stat().st_size // 2)

    finish_run(copy)

    (problem,) = check_store(copy).problems
    assert path.exists()
    assert "--resume" not in problem.remedy + refusal(copy)
    assert f"conceptlrp {KINDS[kind].verb}" in problem.remedy
    assert "--overwrite" in problem.remedy


@pytest.mark.parametrize("codec", ["none", "zstd"])
def test_exchanged_shards_are_refused(
    codec: str, write_store: MakeStore, tmp_path: Path
) -> None:
    path = write_store(tmp_path / "run.crp", codec=codec).path
    first, second = (path / f"shard-0000{i}.h5" for i in range(2))
    contents = [first.read_bytes(), second.read_bytes()]
    if codec == "none":
        assert len(contents[0]) == len(contents[1])
    put(first, contents[1])
    put(second, contents[0])

    assert {p.file for p in check_store(path).problems} == {first.name, second.name}
    assert "shard-0000" in refusal(path)


def test_a_chunk_of_zeros_is_refused(write_store: MakeStore, tmp_path: Path) -> None:
    # A Fletcher checksum of zeros is zero.
    store = write_store(tmp_path / "run.crp", codec="none")
    path = store.path / "shard-00001.h5"
    with store.shards.opened(path.name) as file:
        data = file.dataset("layers/conv2/relevance").id
        place = data.get_chunk_info(0)
    store.close()
    content = bytearray(path.read_bytes())
    content[place.byte_offset : place.byte_offset + place.size] = bytes(place.size)
    put(path, bytes(content))

    with pytest.raises(StoreError, match=r"shard-00001\.h5: .*XXH3.*--resume"):
        store.arrays.relevance("conv2")


@pytest.mark.parametrize("way", ["replaced", "rewritten"])
@pytest.mark.parametrize("start", ["shard-00001", "index", "columns-", "ablation-"])
def test_a_file_that_changes_after_it_was_read_is_compared_again(
    start: str, way: str, copy: Path
) -> None:
    store = open_store(copy)
    read_all(store)
    path = named(copy, start)
    content = path.read_bytes()[:-9] + b"something"
    # Even where its time of modification is put back.
    times = path.stat()
    time.sleep(0.01)

    put(path, content) if way == "replaced" else path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    with pytest.raises(StoreError, match=path.name):
        read_all(store)


def test_what_was_compared_is_not_compared_again(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    time.sleep(0.1)
    compared: list[int] = []
    count(monkeypatch, compared)
    read_all(open_store(copy))
    first = len(compared)
    read_all(open_store(copy))

    assert first > 0
    assert len(compared) == first


def test_few_rows_compare_few_blocks(
    write_store: MakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integrity, "BLOCK", 1 << 12)
    store = write_store(tmp_path / "run.crp", codec="none", shard_size=1000)
    path = store.path / "shard-00000.h5"
    blocks = path.stat().st_size >> 12
    compared: list[int] = []
    monkeypatch.setattr(integrity, "_compared", {})
    count(monkeypatch, compared)

    assert blocks > 50
    store.arrays.value(rows=[3])

    assert 0 < len(compared) < blocks / 4


def test_once_a_part_was_compared_the_rest_is_too(
    write_store: MakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integrity, "BLOCK", 1 << 12)
    store = write_store(tmp_path / "run.crp", codec="none", shard_size=1000)
    path = store.path / "shard-00000.h5"
    with store.shards.opened(path.name) as file:
        place = file.dataset("targets/heatmap").id.get_chunk_info(0).byte_offset
    store.close()
    expected = store.arrays.relevance("conv1")
    flip(path, place)
    monkeypatch.setattr(integrity, "_ENOUGH", 1)
    np.testing.assert_array_equal(store.arrays.relevance("conv1"), expected)
    store.close()
    monkeypatch.setattr(integrity, "_ENOUGH", 0)

    with pytest.raises(StoreError, match=r"shard-00000\.h5: .*XXH3"):
        store.arrays.relevance("conv1")


def test_what_a_later_version_says_of_a_file_is_no_damage(copy: Path) -> None:
    def change(content: dict) -> None:
        for entry in content["files"].values():
            entry.pop("xxh3", None)
            entry["other"] = "sum"

    edit(copy, change)

    assert refusal(copy) == ""
    flip(copy / "shard-00001.h5", 99)
    assert "shard-00001.h5" in refusal(copy)


def test_sums_are_those_of_every_block() -> None:
    content = bytes(range(256)) * (BLOCK // 256) + b"rest"

    found = np.frombuffer(base64.b64decode(block_sums(content)), "<u8").tolist()

    assert found == [xxh3_64_intdigest(each) for each in (content[:BLOCK], b"rest")]
    assert block_sums(b"") == ""


def drop_listed(content: dict) -> None:
    del content["files"]["shard-00003.h5"]


def drop_part(content: dict) -> None:
    """Leave out the last shard, and say so everywhere."""
    drop_listed(content)
    ((start, _, size),) = content["parts"]
    content["parts"] = [[start, 3 * size, size]]
    content["plan"]["corpus"]["positions"] = 3 * size


def claim_more(content: dict) -> None:
    ((start, stop, size),) = content["parts"]
    content["parts"] = [[start, stop + size, size]]


@pytest.mark.parametrize("change", [drop_listed, drop_part, claim_more])
def test_a_manifest_that_is_sealed_again_has_all_rows_or_is_refused(
    change, copy: Path
) -> None:
    edit(copy, change)

    with pytest.raises(StoreError, match=r"shard-00003|manifest\.json"):
        open_store(copy)
    assert not check_store(copy).is_good


def test_other_sums_than_the_blocks_have_are_refused(copy: Path) -> None:
    def change(content: dict) -> None:
        entry = content["files"]["shard-00001.h5"]
        entry["xxh3"] = content["files"]["shard-00000.h5"]["xxh3"]

    edit(copy, change)

    assert [p.file for p in check_store(copy).problems] == ["shard-00001.h5"]
    assert "shard-00001.h5" in refusal(copy)


def test_skipping_leaves_out_what_is_damaged_inside(copy: Path) -> None:
    path = copy / "shard-00001.h5"
    flip(path, path.stat().st_size // 2)
    expected = open_store(copy).ids
    expected = expected[(expected < 8) | (expected >= 16)]

    with pytest.warns(UserWarning, match="shard-00001"):
        store = open_store(copy, damaged="skip")

    np.testing.assert_array_equal(store.ids, expected)
    assert len(store.arrays.value()) == len(expected)


def test_a_run_that_goes_on_is_read_and_compared(
    corpus, arrays: Arrays, tmp_path: Path
) -> None:
    path = tmp_path / "run.crp"
    create_run(path, planted_plan(corpus), corpus)
    specs = pending(path)
    fill(path, arrays, specs[:2])
    store = open_store(path)
    np.testing.assert_array_equal(
        store.arrays.value(), arrays["outputs/value"][: len(store)]
    )

    fill(path, arrays, specs[2:])
    finish_run(path)
    store.close()
    np.testing.assert_array_equal(
        store.arrays.value(), arrays["outputs/value"][: len(store)]
    )
    flip(path / specs[1].file, 5000)
    with pytest.raises(StoreError, match=specs[1].file):
        read_all(store)


def value(store: Store) -> float:
    return float(store.arrays.value().sum())


def test_workers_compare_too(planted_store: Store, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(planted_store.path, tmp_path / "run.crp"))
    store = open_store(copy)
    expected = value(store)

    with ProcessPoolExecutor(1) as pool:
        assert pool.submit(value, store).result() == expected
        path = copy / "shard-00002.h5"
        content = bytearray(path.read_bytes())
        content[:] = bytes(len(content))
        put(path, bytes(content))
        with pytest.raises(StoreError, match="shard-00002"):
            pool.submit(value, pickle.loads(pickle.dumps(store))).result()


def test_another_run_in_the_same_place_is_noticed(
    write_store: MakeStore, tmp_path: Path
) -> None:
    store = write_store(tmp_path / "run.crp")
    value(store)
    write_store(tmp_path / "run.crp", overwrite=True, composite={"name": "other"})

    # Its numbers happen to be the same.
    assert value(store) == value(open_store(store.path))
    write_store(tmp_path / "run.crp", overwrite=True, codec="none", targets=("a", "b"))
    with pytest.raises(StoreError, match="open the store again"):
        value(store)
