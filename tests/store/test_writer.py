"""A store is there as a whole or not at all, and never in another's place."""

from hashlib import sha256
from pathlib import Path

import pytest

from conceptlrp.errors import OutputExistsError
from conceptlrp.othello import Corpus
from conceptlrp.store import Store, StoreWriter
from tests.store.conftest import Arrays, MakeStore, fill, planted_manifest


def contents(folder: Path) -> dict[str, str]:
    """Hash every file below a folder."""
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_input_gives_the_same_bytes(
    write_store: MakeStore, tmp_path: Path
) -> None:
    first = write_store(tmp_path / "first.crp")
    second = write_store(tmp_path / "second.crp")

    assert contents(first.path) == contents(second.path)


def test_the_manifest_has_the_hash_of_every_shard(planted_store: Store) -> None:
    for shard in planted_store.manifest.shards:
        content = (planted_store.path / shard["file"]).read_bytes()
        assert shard["sha256"] == sha256(content).hexdigest()
        assert shard["bytes"] == len(content)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_exception_in_the_middle_leaves_nothing(
    error: type[BaseException], corpus: Corpus, arrays: Arrays, tmp_path: Path
) -> None:
    def interrupted() -> None:
        with StoreWriter(tmp_path / "run.crp") as writer:
            fill(writer, corpus, arrays, shard_size=20)
            raise error

    with pytest.raises(error):
        interrupted()

    assert list(tmp_path.iterdir()) == []


def test_a_writer_that_never_finishes_leaves_nothing(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "run.crp") as writer:
        assert writer.staging.is_dir()

    assert list(tmp_path.iterdir()) == []


def test_an_exception_leaves_the_store_that_was_to_be_replaced(
    write_store: MakeStore, tmp_path: Path
) -> None:
    store = write_store(tmp_path / "run.crp")
    before = contents(store.path)

    with pytest.raises(RuntimeError), StoreWriter(store.path, overwrite=True):
        raise RuntimeError

    assert contents(tmp_path / "run.crp") == before
    assert [path.name for path in tmp_path.iterdir()] == ["run.crp"]


@pytest.mark.parametrize("kind", ["store", "folder", "empty folder", "file"])
def test_writing_where_something_stands_leaves_it_untouched(
    kind: str, write_store: MakeStore, tmp_path: Path
) -> None:
    path = tmp_path / "run.crp"
    if kind == "store":
        write_store(path)
    elif kind == "file":
        path.write_text("thesis")
    else:
        path.mkdir()
    if kind == "folder":
        (path / "thesis.tex").write_text("text")
    before = contents(tmp_path)

    with pytest.raises(OutputExistsError, match="already exists"):
        StoreWriter(path)

    assert contents(tmp_path) == before


@pytest.mark.parametrize("kind", ["folder", "empty folder", "file"])
def test_overwrite_replaces_only_a_store(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "run.crp"
    if kind == "file":
        path.write_text("thesis")
    else:
        path.mkdir()
    if kind == "folder":
        (path / "thesis.tex").write_text("text")
    before = contents(tmp_path)

    with pytest.raises(OutputExistsError, match="is no store and not replaced"):
        StoreWriter(path, overwrite=True)

    assert contents(tmp_path) == before


def test_overwrite_replaces_a_store_as_a_whole(
    write_store: MakeStore, tmp_path: Path
) -> None:
    store = write_store(tmp_path / "run.crp", shard_size=10)
    (store.path / "clusters-conv1.h5").write_text("of the former numbers")

    new = write_store(store.path, shard_size=60, overwrite=True)

    assert len(new.manifest.shards) == 2
    assert sorted(path.name for path in new.path.iterdir()) == [
        "corpus.h5",
        "manifest.json",
        "shard-00000.h5",
        "shard-00001.h5",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["run.crp"]


def test_what_appears_during_the_writing_is_not_replaced(
    corpus: Corpus, arrays: Arrays, tmp_path: Path
) -> None:
    path = tmp_path / "run.crp"

    with StoreWriter(path) as writer:
        fill(writer, corpus, arrays, shard_size=60)
        writer.write_manifest(planted_manifest(writer, corpus, 0))
        path.mkdir()
        (path / "thesis.tex").write_text("text")
        with pytest.raises(OutputExistsError, match="already exists"):
            writer.finish()

    assert [entry.name for entry in tmp_path.iterdir()] == ["run.crp"]
    assert [entry.name for entry in path.iterdir()] == ["thesis.tex"]


def test_missing_folders_above_a_store_are_made(
    write_store: MakeStore, tmp_path: Path
) -> None:
    store = write_store(tmp_path / "results" / "first" / "run.crp")

    assert store.path.is_dir()
