"""The README: its commands, files and names exist (its Python is a doctest)."""

import importlib
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

import conceptlrp
from conceptlrp.cli.program import app

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
# What is said of former names stands in the first of two columns.
TEXT = re.sub(r"^\|[^|]*\|([^|]*\|)$", r"\1", TEXT, flags=re.MULTILINE)
VERBS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]

SHELL = "\n".join(re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL))
CODE = re.findall(
    r"`([^`\n]+(?:\n[^`\n]+)?)`", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)
)
COMMANDS = dict.fromkeys(
    line[line.index("conceptlrp ") :].split("#")[0].strip()
    for line in [*SHELL.splitlines(), *(" ".join(code.split()) for code in CODE)]
    if re.search(r"(^|&& )conceptlrp \w", line)
)
FILES = {
    *re.findall(r"\]\(([\w./-]+)\)", TEXT),
    *re.findall(r"(?<![\w/.])([a-z_]+/[\w/]+\.py)\b", TEXT),
}
NAMES = {
    name
    for code in [*CODE, *re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)]
    for name in re.findall(r"\b(?:cl|conceptlrp)(?:\.[A-Za-z_]\w*)+", code)
    if not name.endswith(".py")
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_has_its_verb_and_options(command: str):
    _, verb, *words = shlex.split(command.replace("…", "X"))

    known = {option for each in VERBS[verb].params for option in each.opts}
    assert [word for word in words if word.startswith("-") and word not in known] == []


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_exists(name: str):
    # Modules are named from the package on.
    assert (ROOT / name).exists() or (ROOT / "conceptlrp" / name).exists()


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_name_resolves(name: str):
    found: Any = conceptlrp
    for part in name.split(".")[1:]:
        try:
            found = getattr(found, part)
        except AttributeError:
            found = importlib.import_module(f"{found.__name__}.{part}")
