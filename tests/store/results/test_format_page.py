from pathlib import Path

import conceptlrp.store
from conceptlrp.store.results.format_page import format_page
from conceptlrp.store.results.kinds import KINDS

PAGE = Path(conceptlrp.store.__path__[0]) / "FORMAT.md"


def test_the_page_is_that_of_this_code():
    # Otherwise run the command that the page names, from the top of the repository.
    assert PAGE.read_text(encoding="utf-8") == format_page()


def test_the_page_says_what_every_field_means():
    page = format_page()

    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert [row for row in rows if row.endswith("|  |")] == []
    assert all(f"### {kind}, version" in page for kind in KINDS)
