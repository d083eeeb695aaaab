"""Boards as the script draws them, beside those of Python, and what they open."""

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from conceptlrp.atlas import build_atlas
from conceptlrp.atlas.pictures.page_boards import map_only, page_board
from conceptlrp.drawing import board_svg
from conceptlrp.drawing.colors import AGAINST, FOR, symmetric_limit
from conceptlrp.othello import PASS, Position, square_name
from tests.atlas.browser import browser, chromium, violations  # noqa: F401
from tests.atlas.conftest import write_store
from tests.othello.playouts import random_games
from tests.report.conftest import fill

pytestmark = pytest.mark.slow
PAGE = "concepts/conv1/c0001.html"


@pytest.fixture(scope="module")
def atlas(tmp_path_factory):
    store = fill(write_store(tmp_path_factory.mktemp("boards") / "run.crp"))
    return build_atlas(store, tmp_path_factory.mktemp("site") / "atlas")


def shown(page, markup):
    """Let the script draw a board, and return its picture and its words."""
    page.evaluate(
        "text => { const place = document.getElementById('main');"
        " place.innerHTML = `<div data-strip>${text}</div>`;"
        " Boards.drawOne(place.querySelector('.bd')); }",
        str(markup),
    )
    board = page.locator(".bd")
    return board.inner_html(), board.get_attribute("aria-label")


def colored(svg):
    """Squares and discs in colour: sign, place, and opacity or width to two digits."""
    text = re.sub(r"<svg[^>]*>", "<svg>", svg)
    found = {}
    for path in ET.fromstring(text).iter("path"):
        sign = {FOR: "for", AGAINST: "against"}.get(
            path.get("stroke"), path.get("class")
        )
        if sign not in ("for", "against"):
            continue
        kind = "stroke-opacity" if path.get("stroke-opacity") else "stroke-width"
        for part in re.findall(r"M[^M]+", path.get("d")):
            found[sign, part, kind] = float(path.get(kind))
    return found


def discs(svg, width=None, name=None):
    text = re.sub(r"<svg[^>]*>", "<svg>", svg)
    for path in ET.fromstring(text).iter("path"):
        if (width and path.get("stroke-width") == width) or (
            name and path.get("class") == name
        ):
            return set(re.findall(r"M(\d) (\d)", path.get("d")))
    return set()


@pytest.mark.parametrize("size", [8, 6])
def test_the_script_draws_what_python_draws(browser, atlas, size):  # noqa: F811
    random = np.random.default_rng(size)
    games = random_games(3, seed=2, size=size)
    with browser.page(atlas / "index.html") as page:
        for moves, scale in zip(games.moves, (1e-4, 1.0, 300.0), strict=True):
            position = Position.start(size)
            for move in moves[:25].tolist():
                position = position.play(move)
            heat = np.round(random.normal(size=(size, size)) * scale, 6)
            heat[random.random((size, size)) < 0.5] = 0
            mark = position.legal_moves[0]

            svg, words = shown(page, page_board(position, heatmap=heat, mark=mark))

            # Python is told what the script can know: thirtieths of the largest.
            largest = float(f"{np.abs(heat).max():.3g}")
            known = np.rint(heat / largest * 30).clip(-30, 30) / 30 * largest
            limit = symmetric_limit(largest)
            drawn = board_svg(position, heatmap=known, limit=limit, mark=mark)
            drawn = drawn.replace('xmlns="http://www.w3.org/2000/svg"', "")
            assert colored(svg) == pytest.approx(colored(drawn), abs=0.011)
            assert discs(svg, name="w") == discs(drawn, width="0.74")
            assert discs(svg, name="k") == discs(drawn, width="0.82")
            assert discs(svg, name="l") == discs(drawn, width=".16")
            side = "White" if position.mover else "Black"
            assert words.startswith(f"{side} to move, explained move ")


def test_what_the_script_plays_is_what_python_plays(browser, atlas):  # noqa: F811
    games = random_games(6, seed=5)
    with browser.page(atlas / "index.html") as page:
        for moves in games.moves:
            position, text = Position.start(), ""
            boards = [position.obf()]
            for move in [m for m in moves.tolist() if m >= 0]:
                if position.must_pass:
                    position = position.play(PASS)
                    boards[-1] = position.obf()
                position = position.play(move)
                text += square_name(move)
                boards.append(position.obf())
            for s in range(8):
                played = page.evaluate(
                    "([text, s]) => Boards.game(text, 8).map((b) => Boards.turn(b, s))"
                    ".map((b) => `${b.squares} ${b.mover}`.toUpperCase())",
                    [text, s],
                )
                turned = [Position.from_obf(each).turned(s).obf() for each in boards]
                # Who moves when the game is over is nobody's business.
                assert played[:-1] == turned[:-1]
                assert played[-1].split()[0] == turned[-1].split()[0]


def test_every_board_opens_with_its_game(browser, atlas):  # noqa: F811
    with browser.page(atlas / PAGE, viewport={"width": 1300, "height": 900}) as page:
        board = page.locator(".trio .bd").first
        board.focus()
        page.keyboard.press("Enter")
        box = page.locator("dialog.lightbox")
        assert box.is_visible()
        ply = int(board.get_attribute("data-y"))
        assert f"After {ply} of " in box.inner_text()
        page.keyboard.press("ArrowLeft")
        assert f"After {ply - 1} moves" in box.inner_text()
        assert not box.locator(".picture .for, .picture .against").count()
        page.keyboard.press("ArrowRight")
        colours = box.locator(".picture .for, .picture .against")
        assert colours.count()
        page.keyboard.press("h")
        assert not colours.count()
        page.keyboard.press("d")
        assert not box.locator(".picture .k").count()
        page.keyboard.press("d")
        page.keyboard.press("ArrowDown")
        second = page.locator(".trio .bd").nth(1)
        assert f"After {second.get_attribute('data-y')} of " in box.inner_text()
        links = [each.get_attribute("href") for each in box.locator("a").all()]
        assert any(link.startswith("http://127.0.0.1:8000/?text=") for link in links)
        assert violations(page) == []
        page.keyboard.press("Escape")
        assert not box.is_visible()
        assert second.evaluate("board => board === document.activeElement")


def test_scales_sizes_and_filters_change_the_boards(browser, atlas):  # noqa: F811
    with browser.page(atlas / PAGE, viewport={"width": 1300, "height": 900}) as page:
        page.evaluate(
            "document.querySelectorAll('.bd:not(.drawn)').forEach(Boards.drawOne)"
        )
        boards = "[...document.querySelectorAll('#boards .bd[data-s]')]"
        limits = f"{boards}.map(b => b.limit)"
        strips = page.evaluate(limits)
        page.locator(".board-tools select").select_option("page")
        whole = page.evaluate(limits)
        assert len(set(whole)) == 1
        assert max(strips) == pytest.approx(whole[0])
        page.locator(".board-tools select").select_option("board")
        own = page.evaluate(f"{boards}.map(b => +b.dataset.s)")
        for limit, largest in zip(page.evaluate(limits), own, strict=True):
            assert limit == pytest.approx(symmetric_limit(largest))
        every = page.locator("#boards li:visible").count()
        page.locator(".board-tools input[type=search]").fill("white")
        some = page.locator("#boards li:visible").count()
        movers = page.evaluate(
            "[...document.querySelectorAll('#boards li:not([hidden]) .bd')]"
            ".map(b => b.dataset.m)"
        )
        assert 0 < some < every
        assert set(movers) == {"o"}
        page.locator(".board-tools input[type=search]").fill("move 1-10")
        plies = page.evaluate(
            "[...document.querySelectorAll('#boards li:not([hidden]) .bd')]"
            ".map(b => +b.dataset.y)"
        )
        assert all(ply < 10 for ply in plies)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1300])
def test_a_page_of_boards_fits_and_is_accessible(
    browser,  # noqa: F811
    atlas,
    width,
    scheme,
):
    options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    with browser.page(atlas / PAGE, **options) as page:
        page.evaluate(
            "document.querySelectorAll('.bd:not(.drawn)').forEach(Boards.drawOne)"
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        first = page.locator(".trio .bd").first.bounding_box()
        assert first["y"] + first["height"] <= 900
        assert violations(page) == []


def test_without_the_script_a_board_is_eight_lines_of_letters(
    browser,  # noqa: F811
    atlas,
):
    with browser.page(atlas / PAGE, java_script_enabled=False) as page:
        board = page.locator(".trio .bd").first
        box = board.bounding_box()
        assert re.fullmatch(r"[-XO]{64}", board.inner_text().replace("\n", ""))
        assert box["height"] == pytest.approx(8 * 12, abs=16)


def test_a_map_without_discs_is_no_door(browser, atlas):  # noqa: F811
    with browser.page(atlas / "index.html") as page:
        _, words = shown(page, map_only(8, np.eye(8)))

        assert words.startswith("Map of a board, strongest a1 for")
        assert page.locator(".bd").get_attribute("role") == "img"
