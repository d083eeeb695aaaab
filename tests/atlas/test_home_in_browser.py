"""The first page and the pages of layers in a real browser, opened from disk."""

import pytest

from conceptlrp.atlas import build_atlas, build_single_file
from tests.atlas.browser import browser, chromium, violations
from tests.atlas.conftest import write_store
from tests.report.conftest import fill

__all__ = ["browser", "chromium"]

pytestmark = pytest.mark.slow
PAGES = ("index.html", "layers/conv1.html")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return fill(write_store(tmp_path_factory.mktemp("browser") / "run.crp"))


@pytest.fixture(scope="module")
def atlas(store, tmp_path_factory):
    out = tmp_path_factory.mktemp("site") / "atlas"
    return build_atlas(store, out)


@pytest.fixture(scope="module")
def single(store, tmp_path_factory):
    return build_single_file(store, tmp_path_factory.mktemp("one") / "atlas.html")


def rows(page):
    return page.locator("#found tbody tr").count()


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_have_no_accessibility_violations(browser, atlas, address, scheme):
    with browser.page(atlas / address, color_scheme=scheme) as page:
        assert violations(page) == []


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("width", [360, 800, 1400])
def test_pages_are_no_wider_than_the_window(browser, atlas, address, width):
    viewport = {"width": width, "height": 800}
    with browser.page(atlas / address, viewport=viewport) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_search_narrows_the_table_and_stands_in_the_address(browser, atlas):
    with browser.page(atlas / "index.html") as page:
        everything = rows(page)
        page.fill("[name=q]", "conv1 3")

        assert everything == 10
        assert rows(page) == 1
        assert page.locator("#found tbody tr th").inner_text() == "3"
        assert "q=conv1+3" in page.evaluate("location.hash")
        assert page.inner_text("#count") == "1 of 10 channels."


def test_an_address_restores_the_search(browser, atlas):
    place = "#q=conv1&active=50&sort=channel&colour=share"
    with browser.page(atlas / "index.html", place) as page:
        channels = page.locator("#found tbody tr th").all_inner_texts()

        assert page.input_value("[name=q]") == "conv1"
        assert page.input_value("[name=active]") == "50"
        assert page.input_value("[name=colour]") == "share"
        assert 0 < len(channels) < 10
        assert channels == sorted(channels)
        assert page.locator("th[aria-sort=ascending]").inner_text() == "channel"


def test_an_address_of_nonsense_is_harmless(browser, atlas):
    place = "#q=%00%3Cb%3E&layer=none&score=x&phase=99&colour=z&sort=constructor"
    with browser.page(atlas / "index.html", place) as page:
        page.fill("[name=q]", "")

        assert rows(page) == 10


def test_filters_combine_and_are_cleared(browser, atlas):
    with browser.page(atlas / "index.html") as page:
        page.select_option("[name=layer]", label="conv1")
        page.select_option("[name=label]", "+")
        named = rows(page)
        page.click("button[type=reset]")
        page.wait_for_function(
            "() => document.querySelectorAll('#found tbody tr').length > 9"
        )

        assert 0 < named < 6
        assert page.evaluate("location.hash") == ""


def test_the_table_is_sorted_by_keyboard(browser, atlas):
    with browser.page(atlas / "index.html") as page:
        page.locator("#found th button", has_text="channel").focus()
        page.keyboard.press("Enter")
        up = page.locator("#found tbody th").all_inner_texts()
        page.keyboard.press("Enter")
        down = page.locator("#found tbody th").all_inner_texts()

        assert up == sorted(up)
        assert down == sorted(down, reverse=True)


def test_a_channel_is_found_and_opened_by_keyboard_alone(browser, atlas):
    with browser.page(atlas / "index.html") as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.name") == "q":
                break
        page.keyboard.type("c2 conv1")
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.closest('tbody') !== null"):
                break
        page.keyboard.press("Enter")
        page.wait_for_url("**/concepts/conv1/c0002.html")

        assert page.locator("h1").count() == 1


def test_focus_is_always_visible(browser, atlas):
    with browser.page(atlas / "index.html") as page:
        for _ in range(25):
            page.keyboard.press("Tab")
            style = page.evaluate(
                "(s => s.outlineStyle + s.outlineWidth)"
                "(getComputedStyle(document.activeElement))"
            )
            assert style == "solid2px"


def test_a_click_on_the_map_opens_the_channel(browser, atlas):
    with browser.page(atlas / "index.html") as page:
        box = page.locator("#map")
        size = box.bounding_box()
        place = page.evaluate("[ATLAS.columns.x[0] / 999, ATLAS.columns.y[0] / 999]")
        across, down = (
            12 + part * (size[side] - 24)
            for part, side in zip(place, ("width", "height"), strict=True)
        )
        box.click(position={"x": across, "y": down})
        page.wait_for_url("**/concepts/conv1/c0000.html")


@pytest.mark.parametrize(("scheme", "other"), [("light", "dark"), ("dark", "light")])
def test_the_mode_is_chosen_and_remembered(browser, atlas, scheme, other):
    paper = "getComputedStyle(document.body).backgroundColor"
    with browser.page(atlas / "index.html", color_scheme=scheme) as page:
        before = page.evaluate(paper)
        page.click("#theme")
        after = page.evaluate(paper)
        page.goto((atlas / "layers/conv1.html").as_uri())

        assert before != after
        assert page.evaluate(paper) == after
        assert page.evaluate("document.documentElement.dataset.theme") == other


def test_paper_is_white_in_print(browser, atlas):
    with browser.page(atlas / "index.html", color_scheme="dark") as page:
        page.emulate_media(media="print")

        color = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert color == "rgb(255, 255, 255)"
        assert not page.is_visible("#theme")


def test_pages_can_be_read_without_a_script(browser, atlas):
    with browser.page(atlas / "index.html", java_script_enabled=False) as page:
        assert page.is_visible("text=need JavaScript")
        assert not page.is_visible("#finder")
        assert not page.is_visible("#theme")
        page.click("th a:has-text('conv1')")
        page.click("ol.channels a >> nth=1")

        assert page.url.endswith("concepts/conv1/c0001.html")


def test_one_file_leads_through_all_kinds_of_pages(browser, single):
    with browser.page(single) as page:
        page.fill("[name=q]", "c1 conv1")
        page.click("#found tbody a")
        page.wait_for_selector(".boards svg")
        page.click("header .crumbs a >> nth=1")
        page.wait_for_selector("ol.channels")
        image = page.evaluate(
            "getComputedStyle(document.querySelector('.thumb')).backgroundImage"
        )
        page.click("header .crumbs a >> nth=0")
        page.wait_for_selector("#found tbody tr")
        page.go_back()
        page.wait_for_selector("ol.channels")

        assert image.startswith('url("data:image/png')
        assert violations(page) == []


def test_one_file_opens_at_the_page_of_its_address(browser, single):
    with browser.page(single, "#/concepts/conv1/c0003.html") as page:
        page.wait_for_selector(".boards svg")

        assert "channel 3" in page.title()
        page.click("a[rel=next] >> nth=0")
        page.wait_for_function("() => document.title.includes('channel 4')")
