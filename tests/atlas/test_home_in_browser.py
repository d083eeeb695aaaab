"""The first page and the pages of layers in a real browser, opened from disk."""

import pytest

from conceptlrp.atlas import build_atlas, build_single_file
from conceptlrp.report import Note, read_notes
from tests.atlas.browser import browser, chromium, violations
from tests.atlas.conftest import write_store
from tests.report.conftest import fill

__all__ = ["browser", "chromium"]

pytestmark = pytest.mark.slow
PAGES = ("index.html", "index.html#view=table", "layers/conv1.html")
PAIR = "#compare=conv1:1,conv1:4"
BOARDS = "#tiles .bd.drawn svg"


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


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wide")
    layers = {"conv1": 60, "conv2": 60}
    store = write_store(folder / "run.crp", games=20, layers=layers, kept=2)
    return build_atlas(store, folder / "atlas", count=2)


def opened(browser, atlas, address, **options):
    path, _, place = address.partition("#")
    return browser.page(atlas / path, f"#{place}" if place else "", **options)


def tiles(page):
    return page.locator("#tiles > li b").all_inner_texts()


@pytest.mark.parametrize("address", [*PAGES, f"index.html{PAIR}"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_have_no_accessibility_violations(browser, atlas, address, scheme):
    with opened(browser, atlas, address, color_scheme=scheme) as page:
        assert violations(page) == []


@pytest.mark.parametrize("address", [*PAGES, f"index.html{PAIR}"])
@pytest.mark.parametrize("width", [360, 800, 1300])
def test_pages_are_no_wider_than_the_window(browser, atlas, address, width):
    viewport = {"width": width, "height": 800}
    with opened(browser, atlas, address, viewport=viewport) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_board_is_seen_before_anything_is_scrolled(browser, atlas):
    viewport = {"width": 1300, "height": 900}
    with browser.page(atlas / "index.html", viewport=viewport) as page:
        page.wait_for_selector(BOARDS)
        box = page.locator(BOARDS).first.bounding_box()

        assert box["y"] + box["height"] < 900
        assert 100 <= box["width"] <= 120


def test_boards_of_tiles_are_those_of_the_layer_page(browser, atlas):
    script = """(root) => [...document.querySelectorAll(root + ' a')].map((a) => {
        const board = a.querySelector('.bd');
        return [a.href, board.text, board.dataset.m, board.dataset.k, board.dataset.l];
    }).filter(([href]) => href.includes('/conv1/')).sort()"""
    heat = "(root) => [...document.querySelectorAll(root + ' .bd')].map(b => b.dataset)"
    with browser.page(atlas / "index.html") as page:
        page.wait_for_selector(BOARDS)
        found, shown = page.evaluate(script, "#tiles"), page.evaluate(heat, "#tiles")
        page.goto((atlas / "layers/conv1.html").as_uri())
        page.wait_for_selector(".tiles .bd.drawn")
        expected = page.evaluate(script, ".tiles")

        assert found == expected
        assert len(found) == 6
        assert all("h" in each for each in shown if "s" in each)


@pytest.mark.parametrize("text", ["conv1:3", "conv1/3", "conv1 3", "CONV1:c3"])
def test_a_search_names_a_channel_in_several_ways(browser, atlas, text):
    with browser.page(atlas / "index.html") as page:
        assert len(tiles(page)) == 10
        page.fill("[name=q]", text)

        assert tiles(page) == ["conv1:3"]
        assert page.inner_text("#count") == "1 of 10 channels."
        page.keyboard.press("Enter")
        page.wait_for_url("**/concepts/conv1/c0003.html")


def test_numbers_squares_names_and_levels_are_found(browser, atlas):
    with browser.page(atlas / "index.html") as page:
        book = page.evaluate("ATLAS.levels")
        page.fill("[name=q]", "3")
        assert [each.endswith(":3") for each in tiles(page)] == [True, True]
        square = page.evaluate(
            "(() => { const t = document.querySelector('#tiles');"
            " return t.textContent.match(/looks at ([a-h][1-8])/)?.[1] || '' })()"
        )
        page.fill("[name=q]", square or "a")
        assert tiles(page)
        page.fill("[name=q]", book[0])
        found = page.locator("#tiles > li").all_inner_texts()
        assert all(book[0] in each for each in found)
        page.fill("[name=q]", "no such thing")
        assert tiles(page) == []
        page.keyboard.press("Enter")


def test_the_stroke_leads_to_the_search_of_every_page(browser, atlas):
    with browser.page(atlas / "index.html") as page:
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.name") == "q"
        page.keyboard.type("/")
        assert page.input_value("[name=q]") == "/"
        for address in ("layers/conv1.html", "concepts/conv1/c0001.html"):
            page.goto((atlas / address).as_uri())
            page.keyboard.press("/")
            page.wait_for_selector(".seeker[open] .tile .bd.drawn")
            page.keyboard.type("conv1:4")
            page.keyboard.press("Enter")
            page.wait_for_url("**/concepts/conv1/c0004.html")


def test_words_that_fit_several_lead_to_the_gallery(browser, atlas):
    with browser.page(atlas / "layers/conv1.html") as page:
        page.click("#seek")
        page.keyboard.type("conv1")
        page.wait_for_selector(".seeker .tile")
        assert violations(page) == []
        page.keyboard.press("Enter")
        page.wait_for_url("**/index.html#q=conv1")

        assert len(tiles(page)) == 6


def test_an_address_restores_the_search(browser, atlas):
    place = "#q=conv1&active=50&sort=channel&colour=share&view=table"
    with browser.page(atlas / "index.html", place) as page:
        channels = page.locator("#found tbody tr th").all_inner_texts()

        assert page.input_value("[name=q]") == "conv1"
        assert page.input_value("[name=active]") == "50"
        assert page.input_value("[name=colour]") == "share"
        assert 0 < len(channels) < 10
        assert channels == sorted(channels)
        assert page.locator("th[aria-sort=ascending]").inner_text() == "channel"


def test_the_address_follows_and_going_back_returns_it(browser, atlas):
    with browser.page(atlas / "index.html") as page:
        page.fill("[name=q]", "conv1")
        page.select_option("[name=sort]", "channel")
        page.click("[data-view=table]")
        assert page.evaluate("location.hash") == "#q=conv1&sort=channel&view=table"
        page.click("#found tbody a >> nth=0")
        page.wait_for_url("**/c0000.html")
        page.go_back()
        page.wait_for_selector("#found tbody tr")

        assert page.locator("#found tbody tr").count() == 6


def test_an_address_of_nonsense_is_harmless(browser, atlas):
    place = (
        "#q=%00%3Cb%3E&layer=none&score=x&phase=99&colour=z&sort=constructor"
        "&compare=a:1,,conv1:99&view=x&square=%F0"
    )
    with browser.page(atlas / "index.html", place) as page:
        page.click("button[type=reset]")
        page.wait_for_function(
            "() => document.querySelectorAll('#tiles > li').length > 9"
        )

        assert page.is_hidden("#compare")


def test_filters_combine_and_are_cleared(browser, atlas):
    with browser.page(atlas / "index.html") as page:
        page.select_option("[name=layer]", label="conv1")
        page.select_option("[name=label]", "+")
        named = len(tiles(page))
        page.click("button[type=reset]")
        page.wait_for_function(
            "() => document.querySelectorAll('#tiles > li').length > 9"
        )

        assert 0 < named < 6
        assert page.evaluate("location.hash") == ""


def test_the_table_is_sorted_by_keyboard(browser, atlas):
    with browser.page(atlas / "index.html", "#view=table") as page:
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
        page.keyboard.press("/")
        page.keyboard.type("c2 conv1")
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.closest('#tiles') !== null"):
                break
        page.keyboard.press("Enter")
        page.wait_for_url("**/concepts/conv1/c0002.html")

        assert page.locator("h1").count() == 1


def test_arrows_lead_from_tile_to_tile(browser, atlas):
    focused = "document.activeElement.querySelector('b')?.textContent"
    with browser.page(atlas / "index.html") as page:
        page.focus("#tiles a >> nth=0")
        shown = tiles(page)
        page.keyboard.press("ArrowRight")
        assert page.evaluate(focused) == shown[1]
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")
        assert page.evaluate(focused) == shown[0]
        page.keyboard.press("ArrowDown")
        assert shown.index(page.evaluate(focused)) >= 2


def test_focus_is_always_visible(browser, atlas):
    with browser.page(atlas / "index.html") as page:
        for _ in range(25):
            page.keyboard.press("Tab")
            style = page.evaluate(
                "(s => s.outlineStyle + s.outlineWidth)"
                "(getComputedStyle(document.activeElement))"
            )
            assert style == "solid2px"


def place_on_map(page, channel):
    size = page.locator("#map").bounding_box()
    place = page.evaluate(
        f"[ATLAS.columns.x[{channel}] / 999, ATLAS.columns.y[{channel}] / 999]"
    )
    return {
        axis: 12 + part * (size[side] - 24)
        for axis, side, part in zip("xy", ("width", "height"), place, strict=True)
    }


def test_the_map_shows_a_board_and_opens_the_channel(browser, atlas):
    with browser.page(atlas / "index.html") as page:
        page.locator("#map").hover(position=place_on_map(page, 0))
        page.wait_for_selector(".hover .bd.drawn")
        assert "conv1:0" in page.inner_text(".hover")
        page.locator("#map").click(position=place_on_map(page, 0))
        page.wait_for_url("**/concepts/conv1/c0000.html")


def test_two_channels_stand_side_by_side_on_one_scale(browser, atlas):
    with browser.page(atlas / "index.html") as page:
        page.click("[aria-label='Compare conv1:1']")
        page.click("[aria-label='Compare conv1:4']")
        page.wait_for_selector("#compare .bd.drawn")
        limits = page.evaluate(
            "[...document.querySelectorAll('#compare .bd')].map(b => b.limit)"
        )

        assert page.evaluate("location.hash") == "#compare=conv1%3A1%2Cconv1%3A4"
        assert page.locator("#compare h3").all_inner_texts() == [
            "conv1:1 ☆",
            "conv1:4 ☆",
        ]
        assert len(limits) == 2
        assert limits[0] == limits[1] > 0
        page.fill("[name=q]", "conv1:0 conv1:3")
        page.keyboard.press("Enter")
        assert "conv1:3" in page.inner_text("#compare")


def test_stars_and_notes_are_kept_and_read_by_read_notes(browser, atlas, tmp_path):
    text = 'Seeks "corners": \\ é \u2028 😀\nand x'
    with browser.page(atlas / "concepts/conv1/c0003.html") as page:
        page.click(".keep .star")
        page.click(".keep button:has-text('Note')")
        page.fill(".my-note textarea", text)
        assert violations(page) == []
        page.goto((atlas / "index.html").as_uri())
        page.click("[aria-label='Star trunk/<b>3:1']")
        page.check("[name=mine]")
        assert sorted(tiles(page)) == ["conv1:3", "trunk/<b>3:1"]
        with page.expect_download() as download:
            page.click("#export")
        download.value.save_as(tmp_path / "notes.yaml")
        page.click("[aria-label='Star trunk/<b>3:1']")
        assert "Export my 1 note" in page.inner_text("#export")

    found = read_notes(tmp_path / "notes.yaml", layers={"conv1": 6, "trunk/<b>3": 4})

    assert set(found) == {("conv1", 3), ("trunk/<b>3", 1)}
    assert found["conv1", 3].text == text
    assert found["trunk/<b>3", 1].text == "starred"
    assert isinstance(found["conv1", 3], Note)


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
        page.click("ol.layers a:has-text('conv1')")
        assert page.locator(".tile .bd").count() == 6
        page.click("ol.tiles a[href$='c0001.html']")

        assert page.url.endswith("concepts/conv1/c0001.html")


def test_one_file_leads_through_all_kinds_of_pages_and_back(browser, single):
    with browser.page(single) as page:
        page.fill("[name=q]", "c1 conv1")
        page.click("#tiles a")
        page.wait_for_selector("#boards .bd.drawn")
        page.click("header .crumbs a >> nth=1")
        page.wait_for_selector("ol.tiles .bd.drawn")
        assert violations(page) == []
        page.go_back()
        page.wait_for_selector("#boards .bd.drawn")
        page.go_back()
        page.wait_for_selector("#finder:not([hidden])")

        assert tiles(page) == ["conv1:1"]


def test_back_from_the_first_link_of_one_file_is_the_first_page(browser, single):
    with browser.page(single) as page:
        page.click("#tiles a >> nth=0")
        page.wait_for_selector("#boards .bd.drawn")
        page.go_back()
        page.wait_for_selector("#finder:not([hidden])")

        assert len(tiles(page)) == 10


def test_one_file_is_searched_from_any_page(browser, single):
    with browser.page(single, "#/concepts/conv1/c0003.html") as page:
        page.wait_for_selector("#boards .bd.drawn")
        assert "channel 3" in page.title()
        page.click("a[rel=next] >> nth=0")
        page.wait_for_function("() => document.title.includes('channel 4')")
        page.keyboard.press("/")
        page.keyboard.type("conv1:5")
        page.keyboard.press("Enter")
        page.wait_for_function("() => document.title.includes('channel 5')")
        page.keyboard.press("/")
        page.keyboard.type("conv1")
        page.keyboard.press("Enter")
        page.wait_for_selector("#finder:not([hidden])")

        assert len(tiles(page)) == 6


@pytest.mark.parametrize("width", [360, 1300])
def test_words_on_the_map_lie_inside_it_and_apart(browser, wide, width):
    viewport = {"width": width, "height": 900}
    with browser.page(wide / "index.html", viewport=viewport) as page:
        words = page.evaluate("document.getElementById('map').regions")
        size = page.locator("#map").bounding_box()

        assert words
        for one, word in enumerate(words):
            assert word["half"] <= word["x"] <= size["width"] - word["half"]
            assert 0 < word["y"] < size["height"]
            for other in words[:one]:
                apart = abs(word["x"] - other["x"]) > word["half"] + other["half"]
                assert apart or abs(word["y"] - other["y"]) > 12


def test_many_channels_are_shown_in_parts(browser, wide):
    with browser.page(wide / "index.html") as page:
        assert len(tiles(page)) == 48
        page.click("#more")
        assert len(tiles(page)) == 120
        assert page.is_hidden("#more")
        page.fill("[name=move]", "a")
        found = page.locator("#tiles > li").all_inner_texts()
        page.fill("[name=move]", "")
        page.select_option("[name=phase]", "3")
        assert 0 < len(tiles(page)) < 120
        assert len(found) < 120
