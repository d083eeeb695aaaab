"""The explorer in a real browser: clicks, keys, history, and nothing from elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.atlas.browser import chromium as chromium, violations
from tests.explorer.running import running

pytestmark = pytest.mark.slow

TRANSCRIPT = "f5d6c3d3c4f4"


class Visit:
    """A page of the explorer and what went wrong on it."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.address = page, address
        self.errors: list[str] = []
        self.hosts: set[str] = set()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._hear)
        page.on("request", lambda asked: self.hosts.add(urlsplit(asked.url).netloc))

    def go(self, query: str = "") -> None:
        self.page.goto(f"{self.address}/{query}")

    def settled(self, text: str) -> None:
        """Wait until the heading has a text."""
        self.page.wait_for_function(
            "text => document.querySelector('h1').textContent.includes(text)"
            " && !document.querySelector('main[aria-busy]')",
            arg=text,
        )

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)


@pytest.fixture(scope="module")
def address(engine) -> Iterator[str]:
    with running(engine) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def visiting(chromium: Any, address: str, **options: Any) -> Iterator[Visit]:
    """Open the explorer; in the end nothing was wrong and nothing foreign asked."""
    context = chromium.new_context(**options)
    context.set_default_timeout(90_000)
    try:
        found = Visit(context.new_page(), address)
        yield found
        assert found.errors == []
        assert found.hosts <= {urlsplit(address).netloc, ""}
    finally:
        context.close()


def test_a_move_is_played_by_a_click_and_taken_back(chromium, address) -> None:
    with visiting(chromium, address) as visit:
        visit.go("?click=play")

        visit.page.click("#square-f5")
        visit.settled("white to move")
        assert "moves=f5" in visit.page.url
        visit.page.click("#place-undo")
        visit.settled("black to move")

        assert "moves" not in visit.page.url


def test_clicks_explain_and_contrast_in_place(chromium, address) -> None:
    with visiting(chromium, address) as visit:
        visit.go(f"?moves={TRANSCRIPT}")
        visit.page.evaluate("window.same = true")

        visit.page.click("#square-e6")
        visit.settled("Move e6")
        visit.page.click("#square-c5", modifiers=["Shift"])
        visit.settled("Move e6 rather than c5")
        visit.page.click("#heatmap-of-2")
        visit.settled("Value")
        visit.page.go_back()
        visit.settled("Move e6 rather than c5")

        assert visit.page.evaluate("window.same")


def test_a_channel_is_looked_at_and_its_board_taken_over(chromium, address) -> None:
    with visiting(chromium, address) as visit:
        visit.go(f"?moves={TRANSCRIPT}")

        visit.page.click(".boards.small a.board >> nth=0")
        visit.page.wait_for_selector("#channel h2")
        # The page may scroll smoothly to it.
        visit.page.wait_for_function(
            "() => Math.abs(document.querySelector('#channel')"
            ".getBoundingClientRect().top) < 100"
        )
        focused = visit.page.evaluate("document.activeElement.id")
        visit.page.click("#reference-1-1")
        visit.page.wait_for_function("() => location.search.includes('start=')")

        assert focused == "channel"
        assert visit.page.query_selector("#channel") is not None


def test_the_keyboard_walks_over_the_board(chromium, address) -> None:
    with visiting(chromium, address) as visit:
        visit.go()
        focused = "document.activeElement.id"

        visit.page.focus("#square-d3")
        visit.page.keyboard.press("ArrowDown")
        first = visit.page.evaluate(focused)
        visit.page.keyboard.press("ArrowDown")
        second = visit.page.evaluate(focused)
        visit.page.keyboard.press("Enter")
        visit.settled("Move e6")

        assert (first, second) == ("square-c4", "square-e6")
        assert visit.page.evaluate(focused) == "square-e6"


def test_everything_is_reached_by_tab(chromium, address) -> None:
    with visiting(chromium, address) as visit:
        visit.go(f"?moves={TRANSCRIPT}")
        reached = set()

        for _ in range(60):
            visit.page.keyboard.press("Tab")
            reached.add(visit.page.evaluate("document.activeElement.id"))

        expected = {"square-f6", "a-click-3", "text", "paste", "play-f6", "against-c5"}
        assert expected <= reached


def test_discs_are_set_and_pasted_text_is_shown(chromium, address) -> None:
    with visiting(chromium, address) as visit:
        visit.go("?click=set&disc=o")

        visit.page.click("#square-a1")
        visit.page.wait_for_function("() => location.search.includes('start=O')")
        visit.page.fill("#text", "f5 d6")
        visit.page.press("#text", "Enter")
        visit.page.wait_for_function("() => location.search.includes('moves=f5d6')")

        assert "start" not in visit.page.url


def test_a_wrong_text_is_a_sentence_and_not_an_error_of_the_page(
    chromium, address
) -> None:
    with visiting(chromium, address) as visit:
        visit.go()

        visit.page.fill("#text", "a1")
        visit.page.click("#paste")
        visit.settled("not possible")

        assert "'a1' is not legal" in visit.page.inner_text(".notice")
        # The browser itself writes of an answer of 400.
        assert all("400" in each for each in visit.errors)
        visit.errors.clear()


def test_without_scripts_links_and_forms_do_the_same(chromium, address) -> None:
    with visiting(chromium, address, java_script_enabled=False) as visit:
        visit.go("?click=play")

        visit.page.click("#square-f5")
        visit.page.fill("#text", "f5d6c3")
        visit.page.click("#paste")
        visit.page.select_option("#layer", "conv4")
        visit.page.fill("#number", "5")
        visit.page.click("#look")

        assert "Channel 5 of conv4" in visit.page.inner_text("#channel-title")
        assert "moves=f5d6c3" in visit.page.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "query",
    [
        f"?moves={TRANSCRIPT}&layer=conv4&channel=3",
        f"?moves={TRANSCRIPT}&against=c5&show=contrast",
        "?click=set",
        "?moves=a1",
    ],
)
def test_pages_pass_the_accessibility_checker(chromium, address, scheme, query) -> None:
    with visiting(chromium, address, color_scheme=scheme) as visit:
        visit.go(query)
        visit.page.eval_on_selector_all(
            "details", "all => all.forEach(e => e.open = true)"
        )

        assert violations(visit.page) == []
        visit.errors = [each for each in visit.errors if "400" not in each]


@pytest.mark.parametrize("width", [390, 800, 1300])
def test_pages_are_as_wide_as_the_window(chromium, address, width) -> None:
    size = {"width": width, "height": 800}
    with visiting(chromium, address, viewport=size) as visit:
        visit.go(f"?moves={TRANSCRIPT}&layer=conv4&channel=3")

        wide = visit.page.evaluate("document.documentElement.scrollWidth")

        assert wide <= width


def test_a_channel_is_changed_in_place(chromium, address) -> None:
    with visiting(chromium, address) as visit:
        visit.go(f"?moves={TRANSCRIPT}&layer=conv4&channel=3")
        visit.page.evaluate("window.same = true")

        visit.page.click("#change-it-2")
        visit.page.wait_for_function("() => location.search.includes('change=zero')")
        visit.page.wait_for_selector("#steered")
        visit.page.fill("#factor", "1.5")
        visit.page.click("#steer")
        visit.page.wait_for_function("() => location.search.includes('change=1.5')")

        assert "best move" in visit.page.inner_text("#steered")
        assert visit.page.evaluate("window.same")
