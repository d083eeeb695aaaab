import re

import pytest

from conceptlrp.errors import FileFormatError, OutputExistsError
from conceptlrp.figures.boards import board
from conceptlrp.figures.style import figure_bytes, save
from conceptlrp.othello import Position


@pytest.fixture(scope="module")
def figure():
    return board(Position.start(), title="Start")


@pytest.mark.parametrize(
    ("name", "magic"), [("a.png", b"\x89PNG"), ("a.SVG", b"<?xml"), ("a.pdf", b"%PDF")]
)
def test_the_suffix_decides_the_format(figure, tmp_path, name, magic):
    path = save(figure, tmp_path / name)

    assert path.read_bytes().startswith(magic)
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_an_unknown_suffix_is_refused_with_those_that_are_known(figure, tmp_path):
    with pytest.raises(FileFormatError, match=r"suffix is '\.gif', expected one of"):
        save(figure, tmp_path / "a.gif")


def test_what_stands_there_is_kept_unless_it_may_be_replaced(figure, tmp_path):
    path = tmp_path / "a.svg"
    path.write_text("mine")

    with pytest.raises(OutputExistsError, match="already exists"):
        save(figure, path)
    assert path.read_text() == "mine"

    with pytest.raises(OutputExistsError, match="not a file that conceptlrp has"):
        save(figure, path, overwrite=True)
    assert path.read_text() == "mine"

    path.write_bytes(figure_bytes(figure, ".svg") + b" of former numbers")
    save(figure, path, overwrite=True)
    assert path.read_bytes() == figure_bytes(figure, ".svg")


def test_a_missing_folder_is_named(figure, tmp_path):
    with pytest.raises(FileFormatError, match=re.escape(f"{tmp_path / 'none'}: ")):
        save(figure, tmp_path / "none" / "a.svg")


def test_no_file_has_the_time_it_was_written_at(figure):
    assert b"<dc:date>" not in figure_bytes(figure, ".svg")
    assert b"CreationDate" not in figure_bytes(figure, ".pdf")


def test_letters_are_text_in_svg_and_embedded_in_pdf(figure):
    assert b">Start</text>" in figure_bytes(figure, ".svg")
    assert b"/FontFile2" in figure_bytes(figure, ".pdf")
    assert b"/Type3" not in figure_bytes(figure, ".pdf")
