"""A run that fills a store: whole files only, resumed by what it was started with."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from conceptlrp.errors import OutputExistsError, StoreError
from conceptlrp.files import hidden_name
from conceptlrp.othello import Corpus
from conceptlrp.store import Store, open_store
from conceptlrp.store.format.manifest import ShardSpec
from conceptlrp.store.writing.finish import finish_run
from conceptlrp.store.writing.shard_writer import pending, shards_of, write_shard
from conceptlrp.store.writing.writer import (
    append_run,
    create_run,
    read_corpus,
    read_plan,
    resume_run,
)
from tests.store.conftest import Arrays, MakeStore, fill, planted_plan


def contents(folder: Path) -> dict[str, str]:
    """Hash every file below a folder."""
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rows_of(arrays: Arrays, spec: ShardSpec) -> Arrays:
    return {name: each[spec.start : spec.stop] for name, each in arrays.items()}


@pytest.fixture
def started(corpus: Corpus, tmp_path: Path) -> Path:
    """A run without any shard."""
    path = tmp_path / "run.crp"
    create_run(path, planted_plan(corpus), corpus)
    return path


def test_the_same_input_gives_the_same_bytes(
    write_store: MakeStore, tmp_path: Path
) -> None:
    first = write_store(tmp_path / "first.crp")
    second = write_store(tmp_path / "second.crp")

    assert contents(first.path) == contents(second.path)


def test_shards_in_any_order_and_written_twice_give_the_same_bytes(
    started: Path, planted_store: Store, arrays: Arrays
) -> None:
    specs = shards_of(started)

    fill(started, arrays, [specs[2], specs[0], specs[2], specs[1]])
    finish_run(started)

    assert contents(started) == contents(planted_store.path)


def test_a_run_that_is_resumed_gives_the_same_bytes(
    started: Path, planted_store: Store, corpus: Corpus, arrays: Arrays
) -> None:
    fill(started, arrays, shards_of(started)[1:2])
    # What a killed writer leaves, in the midst of its work.
    (started / hidden_name("shard-00002.h5")).write_bytes(b"half a sh")
    (started / "shard-00000.h5").write_bytes(b"a shard without receipt")

    resume_run(started, planted_plan(corpus), corpus)
    assert [spec.index for spec in pending(started)] == [0, 2]
    fill(started, arrays)
    finish_run(started)

    assert contents(started) == contents(planted_store.path)


def test_the_manifest_has_size_and_hash_of_every_other_file(
    planted_store: Store,
) -> None:
    files = planted_store.manifest.files

    found = {p.name for p in planted_store.path.iterdir()} - {"manifest.json"}
    assert set(files) == found
    for name, entry in files.items():
        content = (planted_store.path / name).read_bytes()
        assert entry.sha256 == sha256(content).hexdigest()
        assert entry.bytes == len(content)


def test_every_file_says_what_it_is(started: Path, arrays: Arrays) -> None:
    fill(started, arrays)

    for path in (started / "manifest.json", started / "shard-00000.json"):
        first, second, *_ = json.loads(path.read_text()).items()
        assert first[0] == "encoding-type"
        assert second == ("encoding-version", "1")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"network": {"digest": "9ab0"}},
            r"its network is planted \(5f1c\), not another one \(9ab0\)",
        ),
        ({"composite": {"name": "zz"}}, "composite.name is none in the store, zz now"),
        ({"targets": ("played",)}, "targets is played, value in the store, played now"),
        ({"dtype": "float16"}, "dtype is float32 in the store, float16 now"),
        ({"detail": "sums"}, "detail is references in the store, sums now"),
        ({"compute": {"batch_size": 5}}, "compute is {} in the store"),
        ({"versions": {"torch": "9"}}, "versions.torch is None in the store, 9 now"),
        ({"statistics": True}, "statistics is False in the store, True now"),
    ],
)
def test_a_run_of_another_plan_is_refused_with_the_field(
    change: dict[str, object], message: str, started: Path, corpus: Corpus
) -> None:
    before = contents(started)

    with pytest.raises(StoreError, match=message):
        resume_run(started, planted_plan(corpus, **change), corpus)

    assert contents(started) == before


def test_a_run_of_another_corpus_is_refused(started: Path, corpus: Corpus) -> None:
    other = corpus[5:]

    with pytest.raises(StoreError, match=r"corpus\.digest is .* in the store"):
        resume_run(started, planted_plan(other), other)
    with pytest.raises(ValueError, match="the plan is of a corpus whose digest is"):
        resume_run(started, planted_plan(corpus), other)


def test_shard_size_and_command_may_differ_on_resuming(
    started: Path, corpus: Corpus
) -> None:
    plan = planted_plan(corpus, shard_size=9, command="again")

    resume_run(started, plan, corpus)

    assert read_plan(started).shard_size == 50
    assert len(shards_of(started)) == 3


def test_a_shard_of_another_plan_is_not_finished(
    corpus: Corpus, arrays: Arrays, tmp_path: Path
) -> None:
    create_run(tmp_path / "one.crp", planted_plan(corpus), corpus)
    other = planted_plan(corpus, composite={"name": "z+"})
    create_run(tmp_path / "other.crp", other, corpus)
    fill(tmp_path / "other.crp", arrays)

    for name in ("shard-00000.h5", "shard-00000.json"):
        (tmp_path / "other.crp" / name).rename(tmp_path / "one.crp" / name)

    assert len(pending(tmp_path / "one.crp")) == 3


def test_a_corpus_that_was_lost_is_written_again(started: Path, corpus: Corpus) -> None:
    before = contents(started)
    (started / "corpus-0.h5").unlink()

    resume_run(started, planted_plan(corpus), corpus)

    assert contents(started) == before
    assert read_corpus(started).digest == corpus.digest


@pytest.mark.parametrize(
    "damage", ["missing", "truncated", "flipped", "folder", "link"]
)
def test_a_damaged_shard_of_a_complete_store_is_computed_again(
    damage: str, write_store: MakeStore, arrays: Arrays, corpus: Corpus, tmp_path: Path
) -> None:
    store = write_store(tmp_path / "run.crp")
    before = contents(store.path)
    shard = store.path / "shard-00001.h5"
    content = bytearray(shard.read_bytes())
    shard.unlink()
    if damage == "truncated":
        shard.write_bytes(content[:-1])
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
        shard.write_bytes(content)
    elif damage == "folder":
        shard.mkdir()
    elif damage == "link":
        shard.symlink_to(tmp_path / "nowhere")

    resume_run(store.path, planted_plan(corpus), corpus)
    found = pending(store.path, verify=True)
    fill(store.path, arrays, found)
    finish_run(store.path)

    assert [spec.index for spec in found] == [1]
    assert contents(store.path) == before


def test_appending_computes_only_the_new_positions(
    corpus: Corpus, arrays: Arrays, tmp_path: Path
) -> None:
    path = tmp_path / "run.crp"
    create_run(path, planted_plan(corpus[:60]), corpus[:60])
    fill(path, arrays)
    finish_run(path)
    before = contents(path)

    append_run(path, planted_plan(corpus), corpus)
    todo = pending(path)
    fill(path, arrays, todo)
    store = open_store(finish_run(path))

    assert [(spec.start, spec.stop) for spec in todo] == [
        (60, 110),
        (110, len(corpus)),
    ]
    after = contents(path)
    assert {
        n: after[n] for n in before if n.startswith("shard")
    }.items() <= before.items()
    assert "corpus-0.h5" not in after
    assert store.positions.digest == corpus.digest
    np.testing.assert_array_equal(store.arrays.value(), arrays["outputs/value"])


def test_only_what_begins_with_the_stored_positions_is_appended(
    write_store: MakeStore, corpus: Corpus, tmp_path: Path
) -> None:
    store = write_store(tmp_path / "run.crp")
    before = contents(store.path)
    other = Corpus.concatenate([corpus[1:], corpus[:5]])

    for positions in (other, corpus):
        with pytest.raises(StoreError, match="do not begin with the"):
            append_run(store.path, planted_plan(positions), positions)
    longer = Corpus.concatenate([corpus, corpus[:5]])
    with pytest.raises(StoreError, match=r"composite\.name is none"):
        append_run(store.path, planted_plan(longer, composite={"name": "z+"}), longer)

    assert contents(store.path) == before


def test_a_run_that_is_not_complete_is_not_appended_to(
    started: Path, corpus: Corpus
) -> None:
    longer = Corpus.concatenate([corpus, corpus[:5]])

    with pytest.raises(StoreError, match="resume it before positions are added"):
        append_run(started, planted_plan(longer), longer)


def test_a_run_with_a_shard_left_is_not_finished(started: Path, arrays: Arrays) -> None:
    fill(started, arrays, shards_of(started)[:2])

    with pytest.raises(StoreError, match=r"shard-00002\.h5 is not computed \(1 of 3"):
        finish_run(started)


def test_a_shard_that_does_not_fit_the_plan_is_refused(
    started: Path, arrays: Arrays
) -> None:
    spec = shards_of(started)[0]
    rows = rows_of(arrays, spec)

    with pytest.raises(ValueError, match=r"peak has the shape None, expected \(50"):
        write_shard(
            started, spec, {n: a for n, a in rows.items() if n != "layers/conv1/peak"}
        )
    with pytest.raises(ValueError, match=r"value has the shape \(40,\), expected"):
        write_shard(started, spec, {**rows, "outputs/value": np.zeros(40)})


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(
    number: float, started: Path, arrays: Arrays
) -> None:
    spec = shards_of(started)[0]
    rows = rows_of(arrays, spec)
    relevance = rows["layers/conv1/relevance"].copy()
    relevance[7, 0, 2] = number

    with pytest.raises(ValueError, match="relevance holds numbers that are not finite"):
        write_shard(started, spec, {**rows, "layers/conv1/relevance": relevance})


def test_sums_beyond_float16_are_refused_with_the_remedy(
    corpus: Corpus, arrays: Arrays, tmp_path: Path
) -> None:
    path = tmp_path / "run.crp"
    create_run(path, planted_plan(corpus, dtype="float16"), corpus)
    spec = shards_of(path)[0]
    rows = rows_of(arrays, spec)

    with pytest.raises(ValueError, match=r"not finite in float16; .*keep float32"):
        write_shard(
            path, spec, {**rows, "layers/conv1/peak": rows["layers/conv1/peak"] + 7e4}
        )


def test_a_batch_must_not_depend_on_the_shard(corpus: Corpus) -> None:
    with pytest.raises(ValueError, match="expected a multiple of the batch_size 7"):
        planted_plan(corpus, compute={"batch_size": 7})


@pytest.mark.parametrize("kind", ["store", "folder", "file"])
def test_writing_where_something_stands_leaves_it_untouched(
    kind: str, write_store: MakeStore, corpus: Corpus, tmp_path: Path
) -> None:
    path = tmp_path / "run.crp"
    if kind == "store":
        write_store(path)
    elif kind == "file":
        path.write_text("thesis")
    else:
        path.mkdir()
        (path / "thesis.tex").write_text("text")
    before = contents(tmp_path)

    with pytest.raises(OutputExistsError, match=r"already exists|is no store"):
        create_run(path, planted_plan(corpus), corpus)
    if kind != "store":
        with pytest.raises(OutputExistsError, match="is no store and not replaced"):
            create_run(path, planted_plan(corpus), corpus, overwrite=True)

    assert contents(tmp_path) == before


def test_overwrite_removes_all_of_the_former_store_and_nothing_else(
    write_store: MakeStore, tmp_path: Path
) -> None:
    store = write_store(tmp_path / "run.crp", shard_size=10)
    mine = {
        "notes.yaml": "mine",
        ".git/config": "mine",
        "atlas/index.html": "made into the store's folder",
        "evaluation.json": "mine, with the name of a former result",
        ".draft.tmp": "mine",
        ".draft.1a2b3c4d.tmp": "mine",
        "clustering-played-conv1-01234567.h5": "its hash is another",
    }
    for name, text in mine.items():
        (store.path / name).parent.mkdir(exist_ok=True)
        (store.path / name).write_text(text)
    left = store.path / f"ablation-played-{sha256(b'of a kill').hexdigest()[:8]}.h5"
    left.write_bytes(b"of a kill")
    finish_run(store.path)

    new = write_store(store.path, shard_size=60, overwrite=True)

    assert len(new.manifest.shards()) == 2
    assert {n: (new.path / n).read_text() for n in mine} == mine
    others = {name.partition("/")[0] for name in mine}
    names = {path.name for path in new.path.iterdir()}
    assert names == {"manifest.json", *new.manifest.files, *others}


@pytest.mark.parametrize("text", ['{"name": "a web page"}', "", "{"])
def test_a_folder_with_a_manifest_of_something_else_is_no_store(
    text: str, write_store: MakeStore, tmp_path: Path
) -> None:
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "manifest.json").write_text(text)

    with pytest.raises(OutputExistsError, match="is no store and not replaced"):
        write_store(folder, overwrite=True)

    assert [path.name for path in folder.iterdir()] == ["manifest.json"]
    assert (folder / "manifest.json").read_text() == text


def test_missing_folders_above_a_store_are_made(
    write_store: MakeStore, tmp_path: Path
) -> None:
    store = write_store(tmp_path / "results" / "first" / "run.crp")

    assert store.path.is_dir()


def test_a_running_store_shows_its_finished_shards(
    started: Path, arrays: Arrays, corpus: Corpus
) -> None:
    assert len(open_store(started)) == 0
    fill(started, arrays, [shards_of(started)[i] for i in (0, 2)])

    store = open_store(started)

    expected = [*range(50), *range(100, len(corpus))]
    assert store.ids.tolist() == expected
    np.testing.assert_array_equal(
        store.arrays.value(), arrays["outputs/value"][expected]
    )
    assert store.positions.digest == corpus[expected].digest
    best = store.top("conv1", 3, 5, one_per_game=False)
    shares = store.arrays.share("conv1")[:, 3]
    assert best.rows.tolist() == np.argsort(-shares, kind="stable")[:5].tolist()
