"""What verbs import: those that only read a store need neither torch nor sklearn."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import succeed

PROGRAM = """
import sys
from conceptlrp.cli.program import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
heavy = {%s} & set(sys.modules)
assert not heavy, heavy
"""
HEAVY = ("torch", "zennit", "sklearn", "pandas", "scipy.stats", "matplotlib", "dask")


@pytest.fixture(scope="module")
def store(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a graph, effects and clusters."""
    path = tmp_path_factory.mktemp("startup") / "run.crp"
    net = folder / "net.safetensors"
    succeed("attribute", net, folder / "corpus.h5", "--out", path, "--references", 2)
    succeed("cluster", path, "--clusters", 2)
    succeed("graph", path, "--network", net, "--positions", 3)
    succeed("ablate", path, "--network", net, "--positions", 4)
    return path


def started(words: list[str], *heavy: str) -> None:
    """Run a verb in a process of its own, which must not import some packages."""
    program = PROGRAM % ", ".join(repr(name) for name in heavy)
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout


@pytest.mark.parametrize("word", ["--help", "--version", "attribute --help"])
def test_help_and_version_need_no_arrays(word: str) -> None:
    started(word.split(), *HEAVY, "numpy", "h5py", "pandas")


CHANNEL = "--layer conv4 --channel 1"
READERS = {
    "info": "info {}",
    "info as JSON": "info {} --json",
    "check": "check {}",
    "top": f"top {{}} {CHANNEL}",
    "top as JSON": f"top {{}} {CHANNEL} --json",
    "query channel": f"query {{}} {CHANNEL}",
    "query position": "query {} --position 3",
    "query near": "query {} --layer conv4 --near 3",
    "report": f"report {{}} {CHANNEL}",
    "report as JSON": f"report {{}} {CHANNEL} --json",
    "graph": "graph {}",
    "graph as JSON": "graph {} --json",
}


@pytest.mark.parametrize("line", READERS.values(), ids=READERS)
def test_a_store_is_read_without_torch(line: str, store: Path) -> None:
    started(line.format(store).split(), *HEAVY)
