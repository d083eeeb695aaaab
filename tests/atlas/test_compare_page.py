"""Another store stands beside that of the atlas."""

import pytest

from conceptlrp.atlas.pages.compare_page import compare_page, write_compare_page
from conceptlrp.atlas.site import Site
from conceptlrp.errors import StoreError
from tests.atlas.conftest import LAYERS, write_store
from tests.atlas.test_pages import Page


@pytest.fixture
def site(store, tmp_path):
    return Site(tmp_path, store, "played", "Atlas", 4, {}, {})


def test_a_store_beside_itself_matches_every_channel_with_itself(site, store):
    found = write_compare_page(site, store)

    page = Page(site.folder / compare_page(0))
    text = " ".join("".join(page.text).split())
    assert [match.layer for match in found.layers] == list(LAYERS)
    assert all((match.first == match.second).all() for match in found.layers)
    assert "same best move100%" in text
    assert "conv1:0 here, conv1:0 there" in text
    assert not any(tag == "b" for tag, _ in page.tags)


def test_best_and_worst_pairs_are_drawn_side_by_side(site, store):
    write_compare_page(site, store, 1)

    page = Page(site.folder / "compare-2.html")
    strips = sum("data-strip" in values for _, values in page.tags)
    boards = sum(values.get("class") == "bd" for _, values in page.tags)
    # Half of the pairs are drawn as alike, half as not, with two boards of each; the
    # dead channel of a layer has none.
    assert strips == sum(2 * min(6, n // 2) - 1 for n in LAYERS.values())
    assert boards == 4 * strips


def test_stores_without_heatmaps_are_compared_without_pictures(
    site, store_without_maps
):
    write_compare_page(site, store_without_maps)

    page = Page(site.folder / compare_page(0))
    assert not any(values.get("class") == "bd" for _, values in page.tags)


def test_a_store_of_other_positions_is_refused_and_nothing_written(
    site, tmp_path_factory
):
    other = write_store(tmp_path_factory.mktemp("other") / "run.crp", games=3)

    with pytest.raises(StoreError, match="attribute the same positions"):
        write_compare_page(site, other)
    assert not (site.folder / compare_page(0)).exists()
