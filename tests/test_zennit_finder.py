"""zennit can be imported beside any torchvision, before conceptlrp or after it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import conceptlrp

BROKEN = "raise RuntimeError('operator torchvision::nms does not exist')"
MISSING = "raise ModuleNotFoundError('No module named torchvision')"
NO_OPERATORS = "raise OSError('libcudart.so: cannot open shared object file')"

# What zennit 1.0 does with torchvision, and a module that is imported before it fails.
ZENNIT = {
    "__init__.py": "from . import core\nfrom . import types\nfrom . import torchvision",
    "core.py": "class Hook: pass",
    "types.py": (
        "import torchvision\nBLOCKS = (torchvision.ops.FrozenBatchNorm2d,)\n"
        "from .core import Hook"
    ),
    "torchvision.py": "from torchvision.models.resnet import BasicBlock, Bottleneck",
}
HEALTHY = {
    "__init__.py": "from . import extension, models, ops",
    "extension.py": "",
    "models/__init__.py": "from . import resnet",
    "models/resnet.py": "class BasicBlock: pass\nclass Bottleneck: pass",
    "ops.py": "class FrozenBatchNorm2d: pass",
}

IMPORTS = "from zennit.types import BLOCKS, Hook"
FAILS = """
try:
    {}
except Exception as error:
    assert str(error) == {!r}, error
else:
    raise AssertionError("imported")
"""


def write(folder: Path, package: str, modules: dict[str, str]) -> None:
    for name, text in modules.items():
        path = folder / package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def run(folder: Path, *lines: str) -> None:
    """Run a program in a process of its own, where the folder's packages win."""
    root = Path(conceptlrp.__file__).parents[1]
    found = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{root}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr


def fails(statement: str, error: str) -> str:
    return FAILS.format(statement, error.split("'")[1])


@pytest.fixture(params=[BROKEN, MISSING, NO_OPERATORS])
def error(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The line by which the folder's torchvision fails, half imported."""
    torchvision = {**HEALTHY, "ops.py": request.param}
    write(tmp_path, "torchvision", torchvision)
    write(tmp_path, "zennit", ZENNIT)
    return str(request.param)


def test_zennit_after_conceptlrp(error: str, tmp_path: Path) -> None:
    own = fails("import torchvision.ops", error)

    run(tmp_path, "import conceptlrp", IMPORTS, own, "from zennit.core import Hook")


def test_zennit_before_conceptlrp(error: str, tmp_path: Path) -> None:
    own = fails("import torchvision.ops", error)

    run(tmp_path, fails(IMPORTS, error), "import conceptlrp", IMPORTS, own)


def test_what_half_a_torchvision_left_stays(error: str, tmp_path: Path) -> None:
    own = fails("import torchvision.ops", error)
    left = "sorted((n, id(m)) for n, m in sys.modules.items() if 'torchvision' in n)"

    run(
        tmp_path,
        "import sys, conceptlrp",
        own,
        f"before = {left}",
        IMPORTS,
        "del sys.modules['zennit.torchvision']",
        f"assert {left} == before",
        own,
    )


@pytest.mark.parametrize("first", ["import conceptlrp", IMPORTS, "import torchvision"])
def test_a_healthy_torchvision_is_used_and_stays(first: str, tmp_path: Path) -> None:
    write(tmp_path, "torchvision", HEALTHY)
    write(tmp_path, "zennit", ZENNIT)

    run(
        tmp_path,
        first,
        "import conceptlrp",
        IMPORTS,
        "import torchvision",
        "assert (torchvision.ops.FrozenBatchNorm2d,) == BLOCKS",
        "assert torchvision.models.resnet.BasicBlock",
    )


def test_placeholders_of_others_are_left_to_them(tmp_path: Path) -> None:
    write(tmp_path, "zennit", ZENNIT)

    run(
        tmp_path,
        "import sys, types",
        "theirs = sys.modules['torchvision'] = types.ModuleType('torchvision')",
        "import conceptlrp",
        IMPORTS,
        "assert sys.modules['torchvision'] is theirs",
        "assert 'torchvision.ops' not in sys.modules",
    )


def test_an_error_of_zennit_itself_is_raised(tmp_path: Path) -> None:
    write(tmp_path, "torchvision", HEALTHY)
    write(tmp_path, "zennit", {"__init__.py": "raise ImportError('no click')"})

    run(
        tmp_path,
        "import torchvision, conceptlrp",
        fails("import zennit", "'no click'"),
        "import torchvision.ops as ops",
        "assert torchvision.ops is ops",
    )


def test_the_installed_zennit_beside_a_broken_torchvision(tmp_path: Path) -> None:
    write(tmp_path, "torchvision", {"__init__.py": BROKEN})

    run(
        tmp_path,
        fails("from zennit.composites import EpsilonPlus", BROKEN),
        "import conceptlrp",
        "from zennit.composites import EpsilonPlus",
        "from conceptlrp.lrp._zennit import Composite, Epsilon",
        "from zennit.rules import Epsilon as same",
        "assert isinstance(EpsilonPlus(), Composite) and Epsilon is same",
        fails("import torchvision.ops", BROKEN),
    )
