"""Pages of concepts and clusters in a real browser, opened from disk."""

import shutil

import pytest

from conceptlrp.atlas import build_atlas
from tests.atlas.conftest import write_store
from tests.report.conftest import fill

playwright = pytest.importorskip("playwright.sync_api")

CHROMIUM = shutil.which("chromium")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PAGES = ("concepts/conv1/c0001.html", "clusters/conv1/k00.html")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


@pytest.fixture(scope="module")
def atlas(tmp_path_factory):
    store = fill(write_store(tmp_path_factory.mktemp("browser") / "run.crp"))
    out = tmp_path_factory.mktemp("site") / "atlas"
    return build_atlas(store, out)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield found
        found.close()


def opened(browser, atlas, address, **options):
    """Open a page, and collect what it complains about or asks of a network."""
    page = browser.new_context(**options).new_page()
    page.set_default_timeout(90_000)
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("file:", "data:"))
            else page.complaints.append(request.url)
        ),
    )
    page.goto((atlas / address).as_uri())
    return page


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_have_no_accessibility_violations(browser, atlas, address, scheme):
    axe = pytest.importorskip("axe_core_python.sync_playwright")

    page = opened(browser, atlas, address, color_scheme=scheme)

    found = axe.Axe().run(page)["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found] == []
    assert page.complaints == []


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("width", [360, 800, 1400])
def test_pages_are_as_wide_as_the_window(browser, atlas, address, width):
    page = opened(browser, atlas, address, viewport={"width": width, "height": 800})

    overflow = "document.documentElement.scrollWidth - innerWidth"
    assert page.evaluate(overflow) <= 0


def test_arrow_keys_turn_to_the_previous_and_next_channel(browser, atlas):
    page = opened(browser, atlas, PAGES[0])

    page.keyboard.press("ArrowRight")
    page.wait_for_url("**/c0002.html")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**/c0001.html")

    assert page.complaints == []


def test_moves_and_boards_are_copied_by_a_button(browser, atlas):
    page = opened(
        browser, atlas, PAGES[0], permissions=["clipboard-read", "clipboard-write"]
    )
    page.locator("#boards .bd").first.click()
    box = page.locator("dialog.lightbox")
    text = box.locator("code").last.inner_text()

    box.get_by_role("button", name="Copy the board").click()

    box.get_by_role("button", name="Copy the board").get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == text


def test_text_can_be_read_and_selected_without_scripts(browser, atlas):
    page = opened(browser, atlas, PAGES[0], java_script_enabled=False)

    page.locator("summary").first.click()

    assert page.locator("code.copy").first.is_visible()
    assert page.locator("#boards button").count() == 0
