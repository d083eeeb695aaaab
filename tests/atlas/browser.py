"""A real browser on pages from disk, for tests; they are left out without one.

Every page is watched: an error in its console, or a request for anything but a
file, fails the test that opened it.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

#: Names by which Debian and others have the browser.
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
#: Milliseconds to wait for a page, on a machine that does much else besides.
_PATIENCE = 90_000


@dataclass
class Browser:
    """Opens pages from disk and collects what goes wrong on them."""

    chromium: Any
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @contextmanager
    def page(self, path: Path, place: str = "", **options: Any) -> Iterator[Any]:
        """Open a page in a context of its own; `place` is what follows its name."""
        context = self.chromium.new_context(**options)
        try:
            context.set_default_timeout(_PATIENCE)
            opened = context.new_page()
            opened.on("console", self._hear)
            opened.on("pageerror", lambda error: self.errors.append(str(error)))
            opened.on("request", lambda asked: self.requests.append(asked.url))
            opened.goto(path.resolve().as_uri() + place)
            yield opened
        finally:
            context.close()

    def check(self) -> None:
        """Assert that nothing went wrong, and that nothing but files was asked for."""
        local = ("file:", "data:", "blob:")
        assert self.errors == []
        assert [url for url in self.requests if not url.startswith(local)] == []

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)


def violations(page: Any) -> list[str]:
    """Return what axe-core finds wrong with a page, with the element."""
    source = Path(pytest.importorskip("axe_core_python").__file__).parent / "axe.min.js"
    # The page allows no script but its own; the tools of the browser may.
    page.evaluate(source.read_text("utf-8"))
    found = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']})")
    return [
        f"{each['id']}: {node['html'][:120]} {node.get('failureSummary', '')[:200]}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


# Each module that imports the fixture has its own; two drivers at once do not go.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The browser, started once a module."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="pip install --group browser"
    )
    found = [path for name in _NAMES if (path := shutil.which(name))]
    if not found:
        pytest.skip("no chromium on the path; apt-get install chromium")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(
            executable_path=found[0], args=list(_ARGUMENTS)
        )
        yield started
        started.close()


@pytest.fixture
def browser(chromium: Any) -> Iterator[Browser]:
    """A browser that fails the test for an error or a request of any of its pages."""
    opened = Browser(chromium)
    yield opened
    opened.check()
