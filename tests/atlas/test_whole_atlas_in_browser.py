"""Every kind of page, of a folder and of one file, in a real browser from disk."""

import pytest

from conceptlrp.atlas import build_atlas, build_single_file
from conceptlrp.report.words.numbers import visible
from tests.atlas.browser import browser, chromium, violations
from tests.atlas.pages_read import Page
from tests.atlas.whole_atlas import (
    LABEL,
    PAGES,
    TITLE,
    whole_options,
    write_whole_store,
)

__all__ = ["browser", "chromium"]

pytestmark = pytest.mark.slow
KINDS = (*PAGES, "position")
TOO_WIDE = "() => document.documentElement.scrollWidth - innerWidth"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return write_whole_store(tmp_path_factory.mktemp("whole") / "run.crp")


@pytest.fixture(scope="module")
def atlas(store, tmp_path_factory):
    out = tmp_path_factory.mktemp("site") / "atlas"
    return build_atlas(store, out, **whole_options(store))


@pytest.fixture(scope="module")
def single(store, tmp_path_factory):
    out = tmp_path_factory.mktemp("one") / "atlas.html"
    return build_single_file(store, out, **whole_options(store))


def path_of(atlas, kind):
    return (
        atlas / PAGES[kind] if kind in PAGES else min(atlas.glob("positions/p*.html"))
    )


def squeezed(text):
    return "".join(text.split())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_have_no_accessibility_violations(browser, atlas, kind, scheme):
    with browser.page(path_of(atlas, kind), color_scheme=scheme) as page:
        assert violations(page) == []


@pytest.mark.parametrize("kind", KINDS)
def test_pages_are_no_wider_than_the_window(browser, atlas, kind):
    with browser.page(path_of(atlas, kind)) as page:
        for width in (360, 1300):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate(TOO_WIDE) <= 0, width


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_text_is_shown_as_text(browser, atlas, kind):
    with browser.page(path_of(atlas, kind)) as page:
        shown = squeezed(page.inner_text("body"))

        assert squeezed(visible(TITLE)) in shown
        assert not page.evaluate("() => 'hurt' in window")
        assert page.locator("main script, [onmouseover]").count() == 0
        if kind == "concept":
            assert squeezed(visible(LABEL)) in shown


def test_one_file_holds_every_page_of_the_folder_and_no_dead_link(
    browser, atlas, single
):
    expected = {p.relative_to(atlas).as_posix() for p in atlas.rglob("*.html")}
    with browser.page(single) as page:
        assert set(page.evaluate("() => Object.keys(ATLAS_PAGES)")) == expected
        for kind in KINDS:
            address = path_of(atlas, kind).relative_to(atlas).as_posix()
            page.evaluate("address => { location.hash = '#/' + address }", address)
            heading = Page(atlas / address).headings[0][1].rstrip()
            page.wait_for_function(
                "start => document.querySelector('h1').textContent.startsWith(start)",
                arg=heading,
            )
            links = page.evaluate(
                "() => [...document.querySelectorAll('main a[href^=\"#/\"]')]"
                ".map(a => a.getAttribute('href').slice(2).split(/[#?]/)[0])"
            )
            assert set(links) <= expected, kind
            assert links or kind == "evaluation", kind


@pytest.mark.parametrize("kind", ["graph", "evaluation", "comparison", "positions"])
def test_links_of_the_first_page_of_one_file_lead_to_the_page(browser, single, kind):
    with browser.page(single) as page:
        page.click(f"main a[href='#/{PAGES[kind]}'] >> nth=0")
        page.wait_for_function("() => !document.querySelector('#finder')")

        assert page.locator("main h1").count() == 1
        assert violations(page) == []
