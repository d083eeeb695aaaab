import json
import re
import zlib
from base64 import b64decode, b64encode
from hashlib import sha256

import pytest

from conceptlrp.atlas import build, build_atlas, build_single_file
from conceptlrp.errors import ConceptLRPError, OutputExistsError
from tests.atlas.conftest import LAYERS
from tests.atlas.pages_read import Page


@pytest.fixture(scope="module")
def page(store, tmp_path_factory):
    return build_single_file(store, tmp_path_factory.mktemp("one") / "atlas.html")


def packed(path):
    """Read the pages as the script does: title, header, content and looks of each."""
    text = path.read_text("utf-8")
    known = re.search(r"ATLAS_START\]=(\[.*?\]);</script>", text)
    pages, begun, shared = json.loads(known[1])
    found = {}
    for address, content in pages.items():
        stream = b64decode(begun) + b64decode(content)
        whole = zlib.decompress(stream, wbits=-15)[shared:]
        (title, top, main, looks), boards = json.loads(whole)
        assert main.count("\0") == len(boards)
        for board in boards:
            main = main.replace("\0", board, 1)
        found[address] = title, top, main, looks
    return found


def test_one_file_holds_every_page(page):
    pages = packed(page)

    assert "index.html" in pages
    assert sum(address.startswith("layers/") for address in pages) == len(LAYERS)
    concepts = [a for a in pages if a.startswith("concepts/")]
    assert len(concepts) == sum(LAYERS.values())
    for title, top, main, _ in pages.values():
        assert title
        assert "crumbs" in top
        assert "<h1" in main


def test_pages_of_one_file_are_those_of_the_folder(store, page, tmp_path):
    folder = build_atlas(store, tmp_path / "atlas")

    for address, (title, top, main, _) in packed(page).items():
        text = (folder / address).read_text("utf-8")
        assert all(part in text for part in (title, top, main))


def test_one_file_asks_for_no_other(page):
    found = Page(page)

    assert not [
        v for tag, v in found.tags if tag == "link" and v["rel"] == "stylesheet"
    ]
    assert not [v for tag, v in found.tags if tag == "script" and "src" in v]
    text = page.read_text("utf-8")
    assert not re.search(r'url\((?!"data:)', text)


def test_only_its_own_scripts_may_run(page):
    text = page.read_text("utf-8")
    policy = re.search(r"script-src ([^;]*);", text)[1].split()
    scripts = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)

    digests = [b64encode(sha256(s.encode()).digest()).decode() for s in scripts]

    assert policy == [f"'sha256-{digest}'" for digest in digests]


def test_the_same_store_gives_the_same_file(store, page, tmp_path):
    again = build_single_file(store, tmp_path / "again.html")

    assert again.read_bytes() == page.read_bytes()


def test_a_file_that_is_too_large_is_refused(store, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "LARGEST", 10_000)

    with pytest.raises(ConceptLRPError, match="expected at most 0; write a folder"):
        build_single_file(store, tmp_path / "atlas.html")

    assert not list(tmp_path.iterdir())


def test_a_file_that_exists_is_left_alone(store, tmp_path):
    (tmp_path / "atlas.html").write_text("mine")

    with pytest.raises(OutputExistsError):
        build_single_file(store, tmp_path / "atlas.html")

    assert (tmp_path / "atlas.html").read_text() == "mine"
