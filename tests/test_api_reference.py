"""The API reference that pdoc makes from the docstrings has a page for each room."""

import importlib
import re
from pathlib import Path

import pytest

import conceptlrp
from tests.test_public_names import FOLDERS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages that the command in the README writes."""
    pdoc = pytest.importorskip("pdoc", reason="the group 'docs' is not installed")
    render = pytest.importorskip("pdoc.render")
    folder = tmp_path_factory.mktemp("reference")
    render.configure(docformat="numpy")
    names = ["conceptlrp", *(f"conceptlrp.{name}" for name in FOLDERS)]
    pdoc.pdoc(*names, output_directory=folder)
    return folder


def names_on(page: Path) -> set[str]:
    return set(re.findall(r' id="(\w+)"', page.read_text(encoding="utf-8")))


def test_the_first_page_has_every_name_of_the_root(reference: Path):
    assert set(conceptlrp.__all__) <= names_on(reference / "conceptlrp.html")


@pytest.mark.parametrize("name", FOLDERS)
def test_the_page_of_a_room_has_its_public_names(reference: Path, name: str):
    public = importlib.import_module(f"conceptlrp.{name}").__all__

    assert set(public) <= names_on(reference / "conceptlrp" / f"{name}.html")
