import json
import re
import zlib
from base64 import b64decode, b64encode
from hashlib import sha256

import pytest

from conceptlrp.atlas import build, build_single_file
from conceptlrp.errors import ConceptLRPError, OutputExistsError
from tests.atlas.conftest import LAYERS
from tests.atlas.pages_read import Page


@pytest.fixture(scope="module")
def page(store, tmp_path_factory):
    return build_single_file(store, tmp_path_factory.mktemp("one") / "atlas.html")


def packed(path):
    text = path.read_text("utf-8")
    found = re.search(r"window\.ATLAS_PAGES=(\{.*?\});</script>", text)
    return {
        address: json.loads(zlib.decompress(b64decode(content), wbits=-15))
        for address, content in json.loads(found[1]).items()
    }


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
