"""Text of unknown origin: nothing but the declared errors comes of it."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings, strategies as st

from conceptlrp.errors import FileFormatError, StoreError
from conceptlrp.othello import Corpus
from conceptlrp.store import check_store, open_store
from conceptlrp.store.format.manifest import (
    manifest_bytes,
    read_manifest,
    read_receipt,
    seal,
)
from tests.store.test_archive import ARCHIVE

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
_MANIFEST = json.loads((ARCHIVE / "manifest.json").read_text())
_NAMES = sorted(set(_MANIFEST) - {"digest"})
_PLAN_NAMES = sorted({*_MANIFEST["plan"], "baseline"})


def read(content: bytes) -> None:
    """Open a folder with this manifest; only a `StoreError` may come of it."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "manifest.json").write_bytes(content)
        refusal = ""
        try:
            open_store(folder)
        except StoreError as error:
            refusal = str(error)
        assert not refusal or str(folder) in refusal
        assert not check_store(folder).is_good


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_no_manifest(content: bytes) -> None:
    read(content)


@given(st.sampled_from(_NAMES), JSON)
@settings(max_examples=150)
def test_a_sealed_manifest_with_any_entry_is_refused_or_read(
    name: str, value: Any
) -> None:
    content = {key: _MANIFEST[key] for key in _NAMES}
    read(seal({**content, name: value}))


@given(st.sampled_from(_PLAN_NAMES), JSON)
@settings(max_examples=150)
def test_a_sealed_plan_with_any_entry_is_refused_or_read(name: str, value: Any) -> None:
    content = {key: _MANIFEST[key] for key in _NAMES}
    read(seal({**content, "plan": {**content["plan"], name: value}}))


@given(st.binary(max_size=200) | JSON.map(lambda value: seal({"file": value})))
def test_any_bytes_are_no_receipt(content: bytes) -> None:
    with TemporaryDirectory() as name:
        (Path(name) / "shard-00000.json").write_bytes(content)

        assert read_receipt(Path(name), "shard-00000.h5", "plan") is None


@given(
    st.sampled_from(["games.txt", "games.wtb", "games.ggf", "games.gam", "g.jsonl"]),
    st.binary(max_size=300) | st.text("abcdefgh12345678 \n\t-;[]()", max_size=200),
)
@settings(max_examples=200)
def test_any_game_file_is_read_or_refused(name: str, content: bytes | str) -> None:
    text = content if isinstance(content, bytes) else content.encode()
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(text)

        refusal = ""
        try:
            Corpus.read([path])
        except FileFormatError as error:
            refusal = str(error)
        assert not refusal or name in refusal


def test_the_archived_manifest_is_written_as_it_is_read() -> None:
    path = ARCHIVE / "manifest.json"

    assert manifest_bytes(read_manifest(ARCHIVE)) == path.read_bytes()
