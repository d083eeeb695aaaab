"""The explorer in a real browser: clicks, keys, history, and nothing from elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from conceptlrp.networks import demo_network
from conceptlrp.othello import Position
from conceptlrp.report import position_report
from tests.atlas.browser import chromium as chromium, violations
from tests.explorer.running import running

pytestmark = pytest.mark.slow

TRANSCRIPT = "f5d6c3d3c4f4"
CHANGES = "change:conv4:3=0.5&change:conv1:2=mean"
EVERYTHING = (
    f"?moves={TRANSCRIPT}&layer=conv4&channel=3&against=c5&search=25&similar=conv4"
    f"&{CHANGES}"
)


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

        visit.page.click(
            "#channels ~ * .boards.small a.board, .headline ~ section a.board"
        )
        visit.page.wait_for_selector("#channel h2")
        # The page may scroll smoothly to it.
        visit.page.wait_for_function(
            "() => Math.abs(document.querySelector('#channel')"
            ".getBoundingClientRect().top) < 100"
        )
        focused = visit.page.evaluate("document.activeElement.id")
        visit.page.click("#reference-1-1")
        visit.page.wait_for_function("() => location.search.includes('ply=')")

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

        for _ in range(90):
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
        f"?moves={TRANSCRIPT}&layer=conv4&channel=3&{CHANGES}",
        f"?moves={TRANSCRIPT}&against=c5&show=contrast&search=25&similar=conv4",
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


@pytest.mark.parametrize("width", [360, 800, 1300])
def test_pages_are_as_wide_as_the_window(chromium, address, width) -> None:
    size = {"width": width, "height": 800}
    with visiting(chromium, address, viewport=size) as visit:
        visit.go(EVERYTHING)

        wide = visit.page.evaluate("document.documentElement.scrollWidth")

        assert wide <= width


WIDTHS = pytest.mark.parametrize("width", [360, 1300])


def sized(width: int) -> dict[str, Any]:
    return {"viewport": {"width": width, "height": 900}}


def policy_of(visit: Visit) -> list[str]:
    return visit.page.locator("table.policy tbody th a").all_inner_texts()


@WIDTHS
def test_a_game_is_gone_through_by_keys_and_slider(chromium, address, width) -> None:
    with visiting(chromium, address, **sized(width)) as visit:
        visit.go(f"?moves={TRANSCRIPT}")
        visit.page.evaluate("window.same = true")
        seen = {6: policy_of(visit)}

        for key, ply in [("ArrowLeft", 5), ("Home", 0), ("ArrowRight", 1), ("End", 6)]:
            visit.page.keyboard.press(key)
            visit.page.wait_for_function(
                "ply => document.querySelector('#ply').value == ply"
                " && !document.querySelector('main[aria-busy]')",
                arg=str(ply),
            )
            seen[ply] = policy_of(visit)
        # While it moves, and once it is left, the slider says the same as the keys.
        slide(visit, "#ply", 5)
        visit.page.wait_for_function("() => location.search.includes('ply=5')")
        visit.page.wait_for_selector("main:not([aria-busy])")
        live = policy_of(visit)
        visit.page.locator("#ply").dispatch_event("change")
        visit.page.wait_for_selector("main:not([aria-busy])")
        visit.page.go_back()
        visit.page.wait_for_function("() => !location.search.includes('ply=')")

        assert live == policy_of_game(5) == seen[5]
        assert seen == {ply: policy_of_game(ply) for ply in (6, 5, 0, 1)}
        assert visit.page.evaluate("window.same")


def policy_of_game(ply: int) -> list[str]:
    position = Position.from_transcript(TRANSCRIPT[: 2 * ply])
    return [each.move for each in position_report(demo_network(), position).policy]


def slide(visit: Visit, slider: str, value: float) -> None:
    """Move a slider as a hand does that has not let go of it."""
    visit.page.focus(slider)
    visit.page.eval_on_selector(
        slider,
        "(each, value) => { each.value = value;"
        " each.dispatchEvent(new Event('input', { bubbles: true })); }",
        value,
    )


def test_pointing_at_a_channel_shows_its_map_on_the_large_board(
    chromium, address
) -> None:
    with visiting(chromium, address, **sized(1300)) as visit:
        visit.go(f"?moves={TRANSCRIPT}&against=c5")
        board = visit.page.locator(".on-board .bd")
        own = board.get_attribute("data-h")
        link = visit.page.locator("table.differences a").first
        card = visit.page.locator("a.board[href*='layer=conv4']").first

        for each in (link, card):
            each.scroll_into_view_if_needed()
            each.hover()
            visit.page.wait_for_selector(".explained[data-over^='conv']")
            shown = board.get_attribute("data-h")
            assert shown != own
            assert board.bounding_box()["y"] > -10
            assert "logits" in visit.page.inner_text("#over")
            visit.page.mouse.move(3, 3)
            visit.page.wait_for_selector(".explained[data-over='']")
            assert board.get_attribute("data-h") == own
        assert card.locator(".bd").get_attribute("data-h") == shown
        link.focus()
        visit.page.wait_for_selector(".explained[data-over^='conv']")


@WIDTHS
def test_channels_are_changed_while_a_slider_moves(chromium, address, width) -> None:
    with visiting(chromium, address, **sized(width)) as visit:
        visit.go(f"?moves={TRANSCRIPT}&layer=conv4&channel=3")
        visit.page.evaluate("window.same = true")

        visit.page.click("#change-it-2")
        visit.page.wait_for_selector("#factor-1")
        zero = visit.page.inner_text("table.policy")
        told = []
        for factor in (0.5, 1, 3):
            slide(visit, "#factor-1", factor)
            visit.page.wait_for_function(
                "factor => location.search.endsWith('=' + factor)", arg=str(factor)
            )
            visit.page.wait_for_selector("main:not([aria-busy])")
            told.append(visit.page.inner_text("table.policy"))
        visit.page.locator("#factor-1").dispatch_event("change")
        visit.page.click("#channel-next")
        visit.settled("")
        visit.page.wait_for_function("() => location.search.includes('channel=4')")
        visit.page.click("#change-it-5")
        visit.page.wait_for_selector("text=set to its mean")
        rows = visit.page.locator(".changes li").count()
        visit.page.click("#change-4-of-conv4-3")
        visit.page.wait_for_function(
            "() => document.querySelectorAll('.changes li').length == 1"
        )

        assert len({zero, *told}) == 4
        assert rows == 2
        assert "best move" in visit.page.inner_text("#steered")
        assert visit.page.evaluate("window.same")


@WIDTHS
def test_a_search_and_similar_positions_are_opened(chromium, address, width) -> None:
    with visiting(chromium, address, **sized(width)) as visit:
        visit.go(f"?moves={TRANSCRIPT}")

        visit.page.click("#simulations-3")
        visit.page.wait_for_selector("#searched")
        visit.page.click(".tree summary >> nth=0")
        visit.page.click(".tree details[open] ul a >> nth=0")
        visit.page.wait_for_function(
            "() => location.search.match(/moves=(\\w+)/)[1].length == 16"
        )
        visit.page.wait_for_selector("#searched")
        visit.page.click("#by-the-channels-of-3")
        visit.page.wait_for_selector("#similar-1")
        boards = visit.page.locator("#similar a.board .bd.drawn").count()
        visit.page.click("#similar a.board >> nth=0")
        visit.page.wait_for_function("() => location.search.includes('similar=conv4')")

        assert boards == 8
        assert visit.page.locator("#ply").count() == 1


@WIDTHS
def test_two_moves_stand_side_by_side(chromium, address, width) -> None:
    with visiting(chromium, address, **sized(width)) as visit:
        visit.go(f"?moves={TRANSCRIPT}")

        visit.page.click("#against-c5")
        visit.page.wait_for_selector("#two-title")
        visit.page.locator(".three").scroll_into_view_if_needed()
        visit.page.wait_for_function(
            "() => document.querySelectorAll('.three .bd.drawn').length == 3"
        )
        boards = visit.page.locator(".three .bd").all()
        first, second, _ = (each.bounding_box() for each in boards)
        limits = visit.page.eval_on_selector_all(
            ".three .bd", "all => all.map((each) => each.limit)"
        )

        assert first["y"] == second["y"]
        assert first["x"] + first["width"] < second["x"]
        assert len(set(limits)) == 1
