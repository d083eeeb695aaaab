"""Public names: a stub beside each folder's __init__ lists them, and they resolve."""

import ast
import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

import pytest

import conceptlrp

FOLDERS = sorted(
    module.name for module in pkgutil.iter_modules(conceptlrp.__path__) if module.ispkg
)
STUBS = sorted(Path(conceptlrp.__path__[0]).rglob("__init__.pyi"))


def folder(name: str) -> ModuleType:
    return importlib.import_module(f"conceptlrp.{name}")


def order(name: str) -> tuple[int, str]:
    """Sort constants first, then classes, then functions, as ruff does."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def names_of(stub: Path) -> tuple[list[str], list[str]]:
    """Return the names that a stub imports, and those that it lists."""
    body = ast.parse(stub.read_text(encoding="utf-8")).body
    imported = [
        alias.name
        for node in body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    listed = next(
        ast.literal_eval(node.value) for node in body if isinstance(node, ast.Assign)
    )
    return imported, listed


def test_all_stages_are_looked_at() -> None:
    assert {"atlas", "clustering", "lrp", "othello", "store"} < set(FOLDERS)


@pytest.mark.parametrize("stub", STUBS, ids=lambda stub: stub.parent.name)
def test_a_stub_lists_what_it_imports_sorted(stub: Path) -> None:
    imported, listed = names_of(stub)

    assert sorted(imported) == sorted(listed)
    assert listed == sorted(set(listed), key=order)
    assert [name for name in listed if name.startswith("_")] == []


@pytest.mark.parametrize("name", FOLDERS)
def test_the_names_of_a_folder_resolve(name: str) -> None:
    module = folder(name)

    assert [n for n in module.__all__ if not hasattr(module, n)] == []


@pytest.mark.parametrize("name", FOLDERS)
def test_no_public_name_is_also_a_module_of_its_folder(name: str) -> None:
    modules = {each.name for each in pkgutil.iter_modules(folder(name).__path__)}

    # Importing the module would put it in the place of the function.
    assert modules & set(folder(name).__all__) == set()


def test_the_names_of_the_root_are_few_and_resolve() -> None:
    names = conceptlrp.__all__

    assert len(names) <= 25
    assert set(dir(conceptlrp)) == {*names, "__version__"}
    assert [n for n in names if not hasattr(conceptlrp, n)] == []
    assert set(names) & set(FOLDERS) == set()


@pytest.mark.parametrize("name", conceptlrp.__all__)
def test_a_name_of_the_root_is_that_of_a_folder(name: str) -> None:
    found = getattr(conceptlrp, name)

    home = found.__module__.split(".")[1]
    assert getattr(importlib.import_module(f"conceptlrp.{home}"), name) is found
    if home in FOLDERS:
        assert name in folder(home).__all__


def test_folders_are_loaded_when_they_are_asked_for() -> None:
    assert (
        conceptlrp.figures.references.__module__ == "conceptlrp.figures.store_figures"
    )
    assert conceptlrp.exports.csv.__module__ == "conceptlrp.exports.tables"


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="attribut"):
        _ = conceptlrp.attribut  # type: ignore[attr-defined]
