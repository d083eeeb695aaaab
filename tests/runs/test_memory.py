"""Memory of a run: what a position adds is what says where it comes from."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, resource, sys
import numpy as np
from conceptlrp.networks import OthelloNet, demo_corpus
from conceptlrp.runs import KeepOptions, RunOptions, attribute_corpus

corpus = demo_corpus()
n = int(sys.argv[1])
attribute_corpus(
    OthelloNet(channels=4).eval(), corpus[:n], sys.argv[2],
    keep=KeepOptions(detail="sums"), run=RunOptions(shard_size=1024),
)
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
"""


def peak(positions: int, path: Path) -> int:
    """Return the most bytes that a run of so many positions had."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(positions), str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return 1024 * int(json.loads(done.stdout))


@pytest.mark.slow
def test_memory_grows_by_little_more_than_the_corpus(tmp_path: Path) -> None:
    few, many = 4_096, 40_960

    grown = peak(many, tmp_path / "many.crp") - peak(few, tmp_path / "few.crp")

    # Games, players and boards of a position take some hundred bytes.
    assert grown / (many - few) < 500
