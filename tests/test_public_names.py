"""Public names: each folder lists them, sorted, and the root resolves its own."""

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


def folder(name: str) -> ModuleType:
    return importlib.import_module(f"conceptlrp.{name}")


def order(name: str) -> tuple[int, str]:
    """Sort constants first, then classes, then functions, as ruff does."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def imported_names(module: ModuleType) -> set[str]:
    """Return the names that a folder's __init__ takes from its modules."""
    assert module.__file__ is not None
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and str(node.module).startswith(f"{module.__name__}.")
        and not str(node.module).rpartition(".")[2].startswith("_")
        for alias in node.names
    }


def test_all_stages_are_looked_at() -> None:
    assert {"atlas", "clustering", "lrp", "othello", "store"} < set(FOLDERS)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_lists_what_it_imports_and_nothing_else(name: str) -> None:
    assert set(folder(name).__all__) == imported_names(folder(name))


@pytest.mark.parametrize("name", FOLDERS)
def test_the_names_of_a_folder_are_sorted_and_exist(name: str) -> None:
    names = folder(name).__all__

    assert names == sorted(set(names), key=order)
    assert [n for n in names if not hasattr(folder(name), n)] == []
    assert [n for n in names if n.startswith("_")] == []


def test_the_names_of_the_root_are_few_sorted_and_exist() -> None:
    names = conceptlrp.__all__

    assert len(names) <= 30
    assert names == sorted(set(names), key=order)
    assert set(dir(conceptlrp)) == {*names, "__version__"}
    assert [n for n in names if not hasattr(conceptlrp, n)] == []


@pytest.mark.parametrize("name", conceptlrp.__all__)
def test_a_name_of_the_root_is_that_of_a_folder(name: str) -> None:
    found = getattr(conceptlrp, name)

    home = found.__module__.split(".")[1]
    assert getattr(importlib.import_module(f"conceptlrp.{home}"), name) is found
    if home in FOLDERS:
        assert name in folder(home).__all__


def test_type_checkers_see_what_the_root_resolves() -> None:
    assert conceptlrp.__file__ is not None
    tree = ast.parse(Path(conceptlrp.__file__).read_text(encoding="utf-8"))

    seen = {
        (alias.name, str(node.module))
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if str(node.module).startswith("conceptlrp.")
    }

    homes = conceptlrp._HOMES.items()
    assert seen == {(name, f"conceptlrp.{home}") for name, home in homes}
    assert {name for name, _ in seen} == set(conceptlrp.__all__)


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'attribut'"):
        _ = conceptlrp.attribut
