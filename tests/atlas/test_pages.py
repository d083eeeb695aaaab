import re
import time
from urllib.parse import unquote

import pytest
from sklearn.cluster import DBSCAN

from conceptlrp.atlas import build_atlas
from conceptlrp.atlas.pages import concept_pages as concepts
from conceptlrp.clustering import Clustering, cluster
from conceptlrp.errors import OutputExistsError, TargetError
from conceptlrp.report import Note
from tests.atlas.conftest import DEAD, HOSTILE, LAYERS, with_clusters, write_store
from tests.atlas.pages_read import Page


@pytest.fixture(scope="module")
def clustered(store, tmp_path_factory):
    found = [cluster(store, layer, n_clusters=3, save=False) for layer in LAYERS]
    return with_clusters(store, tmp_path_factory.mktemp("clustered"), *found)


@pytest.fixture(scope="module")
def atlas(clustered, tmp_path_factory):
    out = tmp_path_factory.mktemp("site") / "atlas"
    notes = {("conv1", 1): Note("Corner <img src=x onerror=alert(1)>")}
    return build_atlas(clustered, out, title="Atlas of <net>", notes=notes)


@pytest.fixture(scope="module")
def pages(atlas):
    return {path: Page(path) for path in sorted(atlas.rglob("*.html"))}


def test_every_channel_and_every_cluster_has_a_page(atlas, pages):
    names = [path.relative_to(atlas).as_posix() for path in pages]

    assert sum(name.startswith("concepts/") for name in names) == sum(LAYERS.values())
    assert sum(name.startswith("clusters/") for name in names) == 3 * len(LAYERS)
    assert "concepts/conv1/c0005.html" in names
    assert "clusters/conv1/k02.html" in names


def test_every_layer_has_a_page_with_all_its_channels(atlas, pages):
    page = pages[atlas / "layers/conv1.html"]

    assert sum("layers" in path.parts for path in pages) == len(LAYERS)
    for channel in range(LAYERS["conv1"]):
        link = f"../concepts/conv1/c{channel:04d}.html"
        assert page.links.count(link) >= 2, channel


def test_every_link_leads_to_a_file_or_a_place_on_a_page(atlas, pages):
    for path, page in pages.items():
        # The icon is empty, and no file.
        for link in set(page.links) - {"data:,"}:
            name, _, place = unquote(link).partition("#")
            target = (path.parent / name).resolve() if name else path
            assert target.is_file(), (path, link)
            assert target.is_relative_to(atlas.resolve())
            if place:
                ids = pages[target].ids if target in pages else Page(target).ids
                assert place in ids, (path, link)


def test_nothing_comes_from_a_network(atlas):
    for path in atlas.rglob("*"):
        if path.suffix in (".html", ".css", ".js"):
            text = path.read_text(encoding="utf-8")
            # The explorer runs on the reader's own machine.
            for known in ('xmlns="http://www.w3.org/2000/svg"', "http://127.0.0.1"):
                text = text.replace(known, "")
            assert not re.search(
                r"https?:|[\"'(]//[a-z]+\.|@import|javascript:", text
            ), path


def test_scripts_are_files_of_the_atlas_and_know_no_modules(atlas, pages):
    scripts = {
        (path.parent / values["src"]).resolve()
        for path, page in pages.items()
        for tag, values in page.tags
        if tag == "script"
    }

    names = ("atlas.js", "board.js", "home.js", "index.js")
    assert scripts == {(atlas / name).resolve() for name in names}
    assert (atlas / "atlas.js").stat().st_size < 30_000
    text = (atlas / "atlas.js").read_text()
    assert not re.search(r"\b(fetch|import|Worker|XMLHttpRequest|eval)\b *\(", text)


def test_every_page_has_its_landmarks_and_a_name(pages):
    for path, page in pages.items():
        tags = [tag for tag, _ in page.tags]
        assert ("html", "en") in [(tag, each.get("lang")) for tag, each in page.tags]
        for tag in ("main", "h1", "title", "footer", "header"):
            assert tags.count(tag) == 1 or tag == "title", (path, tag)
        assert len(page.ids) == len(set(page.ids)), path


def test_every_picture_has_a_description(pages):
    for page in pages.values():
        for tag, values in page.tags:
            if tag == "svg":
                assert values.get("aria-label") or values.get("aria-hidden") == "true"


def test_hostile_names_are_shown_as_text(atlas, pages):
    shown = "".join(pages[atlas / "concepts/conv1/c0000.html"].text)

    assert "Atlas of <net>" in shown
    assert "<i>net</i>" in shown
    assert HOSTILE[0] in "".join("".join(page.text) for page in pages.values())
    for page in pages.values():
        assert not any(tag == "img" for tag, _ in page.tags)
        assert not any(
            name.startswith("on") for _, values in page.tags for name in values
        )


def test_a_layer_with_an_odd_name_has_a_safe_folder(atlas):
    folders = {path.name for path in (atlas / "concepts").iterdir()}

    assert folders == {"conv1", "trunk-b-3-" + folders.difference({"conv1"}).pop()[-8:]}


def test_channels_are_chained_by_previous_and_next(pages, atlas):
    for channel in range(6):
        page = pages[atlas / f"concepts/conv1/c{channel:04d}.html"]
        found = {
            values["rel"]: values["href"]
            for tag, values in page.tags
            if tag == "link" and values["rel"] in ("prev", "next")
        }
        assert ("prev" in found) == (channel > 0)
        assert ("next" in found) == (channel < 5)
        if channel < 5:
            assert found["next"].endswith(f"c{channel + 1:04d}.html")


def test_a_channel_page_has_each_board_to_copy(store, pages, atlas):
    page = pages[atlas / "concepts/conv1/c0000.html"]
    row = int(store.top("conv1", 0, 1).rows[0])

    assert store.positions.position(row).obf().split()[0] in page.text
    shown = next(each for each in page.boards if each.get("data-r") == str(row))
    assert shown["data-g"].startswith(store.positions.transcript(row))
    assert store.positions.describe(row) in page.text


def test_a_dead_channel_is_flagged_on_both_pages(pages, atlas):
    page = " ".join(pages[atlas / f"concepts/conv1/c{DEAD:04d}.html"].text)
    layer = pages[atlas / "layers/conv1.html"]

    assert "Dead channel" in page
    assert "dead" in layer.text


def test_notes_stand_on_the_page_of_their_channel(pages, atlas):
    marked = "Corner <img src=x onerror=alert(1)>"
    texts = {
        path.name: "".join(page.text)
        for path, page in pages.items()
        if "conv1" in str(path)
    }

    assert marked in texts["c0001.html"]
    assert marked not in texts["c0002.html"]


def test_a_cluster_page_lists_its_markers_with_effects(pages, atlas, clustered):
    page = pages[atlas / "clusters/conv1/k00.html"]
    markers = clustered.results.get(Clustering, layer="conv1").markers(1)[0]

    assert f"../../concepts/conv1/c{markers.channels[0]:04d}.html" in page.links
    assert f"{markers.effects[0]:+.2f}".replace("-", "−") in page.text


def test_every_page_says_where_it_comes_from(pages):
    for page in pages.values():
        text = " ".join(page.text)
        assert "5f1c5f1c5f1c" in text
        assert "epsilon-flat" in text
        assert "conceptlrp attribute <x>" in text


def test_pages_are_light(atlas):
    assert max(path.stat().st_size for path in atlas.rglob("*.html")) <= 100_000


@pytest.mark.slow
def test_the_same_store_gives_the_same_bytes(clustered, tmp_path):
    first, second = (
        build_atlas(clustered, tmp_path / str(workers), workers=workers)
        for workers in (1, 2)
    )

    names = [path.relative_to(first) for path in first.rglob("*") if path.is_file()]
    assert names
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_an_output_that_exists_is_left_alone(store, tmp_path):
    (tmp_path / "out").mkdir()

    with pytest.raises(OutputExistsError):
        build_atlas(store, tmp_path / "out")

    assert not list((tmp_path / "out").iterdir())
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_atlas_is_replaced_when_asked(store, tmp_path):
    build_atlas(store, tmp_path / "out", title="first")

    build_atlas(store, tmp_path / "out", title="second", overwrite=True)

    assert "second" in (tmp_path / "out" / "index.html").read_text()


def test_nothing_is_left_when_a_page_cannot_be_written(store, tmp_path, monkeypatch):
    monkeypatch.setattr(concepts, "histogram_svg", lambda *_, **__: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        build_atlas(store, tmp_path / "out")

    assert not list(tmp_path.iterdir())


def test_a_store_without_maps_has_an_atlas_too(store_without_maps, tmp_path):
    out = build_atlas(store_without_maps, tmp_path / "out", count=3)

    page = Page(out / "concepts" / "conv1" / "c0000.html")
    # Three of the first strip are shown large.
    boards = 4 * 3 + 10 + 3
    assert len(page.boards) == boards
    assert sum(values.get("role") == "img" for _, values in page.tags) == 2


def test_a_6x6_store_has_an_atlas_too(small_board_store, tmp_path):
    clustering = cluster(small_board_store, "conv1", n_clusters=3, save=False)
    kept = with_clusters(small_board_store, tmp_path, clustering)

    out = build_atlas(kept, tmp_path / "out")

    assert 'class="bd" data-n="6"' in (out / "index.html").read_text()


def test_the_target_decides_the_boards(store, tmp_path):
    out = build_atlas(store, tmp_path / "out", target="value")

    text = (out / "concepts" / "conv1" / "c0000.html").read_text()
    assert "value before tanh" in text
    assert "to move" in text
    with pytest.raises(TargetError):
        build_atlas(store, tmp_path / "other", target="d3")


def test_clusters_of_another_target_have_no_pages_and_no_links(store, tmp_path):
    clustering = cluster(store, "conv1", target="value", n_clusters=3, save=False)
    kept = with_clusters(store, tmp_path, clustering)

    out = build_atlas(kept, tmp_path / "out")

    assert not (out / "clusters").exists()
    assert "No clusters: run" in Page(out / "layers" / "conv1.html").words


def test_noise_is_counted_and_is_no_cluster(store, tmp_path):
    clustering = cluster(
        store, "conv1", estimator=DBSCAN(eps=1e-9, min_samples=9), save=False
    )

    out = build_atlas(with_clusters(store, tmp_path, clustering), tmp_path / "out")

    page = Page(out / "layers" / "conv1.html")
    assert f"{len(store)} positions belong to no cluster" in page.words
    assert "../clusters/conv1/noise.html" in page.links
    pages = [path.name for path in (out / "clusters" / "conv1").iterdir()]
    assert pages == ["noise.html"]


def test_progress_is_told_after_every_layer(store, tmp_path):
    told = []

    build_atlas(store, tmp_path / "out", on_progress=lambda *step: told.append(step))

    assert told == [("pages", 6, 10), ("pages", 10, 10)]


@pytest.mark.slow
def test_256_channel_pages_take_less_than_30_seconds(tmp_path):
    store = write_store(tmp_path / "run.crp", games=60, layers={"conv1": 256})
    start = time.perf_counter()

    build_atlas(store, tmp_path / "out")

    assert time.perf_counter() - start < 30
