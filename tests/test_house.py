"""The size of the house: what a newcomer has to find their way through."""

import ast
from collections import Counter
from pathlib import Path

import pytest

import conceptlrp

ROOT = Path(conceptlrp.__path__[0])
MODULES = sorted(ROOT.rglob("*.py"))
FOLDERS = sorted({module.parent for module in MODULES})

#: About what there is, so that what is added has to make room or say why not.
MOST_LINES = 63_930
MOST_MODULES = 20
LONGEST_MODULE = 500
LONGEST_BODY = 60
MOST_NAMES = 25


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def inside(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def bodies(path: Path) -> dict[str, int]:
    """Return the lines of each function's body, its docstring left out."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[ast.get_docstring(node) is not None :]
            last = node.end_lineno or node.lineno
            name = f"{inside(path)}:{node.lineno} {node.name}"
            found[name] = last - first[0].lineno + 1 if first else 0
    return found


def test_the_package_stays_small():
    assert sum(map(lines, MODULES)) <= MOST_LINES


def test_folders_hold_few_modules():
    modules = Counter(inside(m.parent) for m in MODULES if m.name != "__init__.py")

    assert {n: count for n, count in modules.items() if count > MOST_MODULES} == {}


def test_modules_are_short():
    long = {inside(m): lines(m) for m in MODULES if lines(m) > LONGEST_MODULE}

    assert long == {}


def test_functions_are_short():
    found = {n: k for m in MODULES for n, k in bodies(m).items() if k > LONGEST_BODY}

    assert found == {}


def test_the_root_has_few_names():
    assert len(conceptlrp.__all__) <= MOST_NAMES


@pytest.mark.parametrize("name", ["utils", "helpers", "core", "common", "misc"])
def test_no_module_has_a_name_that_says_nothing(name: str):
    assert [inside(m) for m in MODULES if name in (m.stem, m.parent.name)] == []
