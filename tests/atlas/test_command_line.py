import pytest

from tests.atlas.pages_read import Page
from tests.command_line import assert_one_line, run

NOTES = """\
- layer: conv1
  channel: 3
  text: Looks at corners.
  author: Ada
"""


def succeed(*words):
    """Run a verb on a store whose network is an object, so without its positions."""
    result = run(*words)
    assert result.code == 0
    assert "no pages of positions" in result.err
    return result.out


@pytest.fixture
def notes(tmp_path):
    path = tmp_path / "notes.yaml"
    path.write_text(NOTES)
    return path


def test_notes_stand_on_the_page_of_their_channel(store, notes, tmp_path):
    succeed("atlas", store.path, tmp_path / "atlas", "--notes", notes)

    page = Page(tmp_path / "atlas/concepts/conv1/c0003.html")
    assert "Looks at corners." in page.words
    assert "Ada" in page.words
    assert "Looks at corners." in (tmp_path / "atlas/index.js").read_text()


def test_notes_on_a_channel_that_is_not_there_are_refused(store, notes, tmp_path):
    notes.write_text(NOTES.replace("3", "33"))

    result = run("atlas", store.path, tmp_path / "atlas", "--notes", notes)

    assert_one_line(result, 1, r"notes\.yaml.*33")
    assert not (tmp_path / "atlas").exists()


def test_an_atlas_of_one_file_is_written(store, tmp_path):
    out = succeed("atlas", store.path, tmp_path / "one.html", "--single-file")

    assert out == f"open {tmp_path / 'one.html'}\n"
    assert "[window.ATLAS_PAGES," in (tmp_path / "one.html").read_text()


def test_a_file_that_exists_is_replaced_only_when_asked(store, tmp_path):
    (tmp_path / "one.html").write_text("mine")
    line = ("atlas", store.path, tmp_path / "one.html", "--single-file")

    assert_one_line(run(*line), 1, "exists")
    assert "is not a file that conceptlrp" in run(*line, "--overwrite").err
    assert (tmp_path / "one.html").read_text() == "mine"
    (tmp_path / "one.html").write_text("of conceptlrp")
    succeed(*line, "--overwrite")
    assert (tmp_path / "one.html").stat().st_size > 10_000


def test_processes_write_the_same_pages(store, tmp_path):
    succeed("atlas", store.path, tmp_path / "one")
    succeed("atlas", store.path, tmp_path / "two", "--workers", 2)

    for path in (tmp_path / "one").rglob("*"):
        if path.is_file():
            other = tmp_path / "two" / path.relative_to(tmp_path / "one")
            assert path.read_bytes() == other.read_bytes()
