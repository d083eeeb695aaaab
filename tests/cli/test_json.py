"""--json: every verb that prints facts prints them as one JSON value."""

import json
import shutil
from pathlib import Path

import pytest

from tests.command_line import run

NET = "--network {in}/net.safetensors"
SHORT = "--simulations 1 --match-games 2 --endgames 1"
CHANNEL = "--layer conv4 --channel 1"
VERBS = {
    "corpus": ("corpus {in}/games.txt --out {new}/c.h5", "positions"),
    "attribute": (
        "attribute {in}/net.safetensors {in}/corpus.h5 --out {new}/b.crp --sample 3",
        "rows",
    ),
    "merge": (f"merge {{store}} {NET}", "rows"),
    "info": ("info {store}", "state"),
    "check": ("check {store}", "is_good"),
    "top": (f"top {{store}} {CHANNEL}", "boards"),
    "query channel": (f"query {{store}} {CHANNEL}", "layers"),
    "query position": ("query {store} --position 2", "layers"),
    "query near": ("query {store} --near 2 --layer conv1", "layers"),
    "cluster": ("cluster {store} --clusters 2 --layer conv1", None),
    "label": ("label {store} --no-scores", "labels"),
    "label scores": (
        f"label {{store}} {NET} --positions 30 --maps 10 --random-networks 1",
        "layers",
    ),
    "ablate": (f"ablate {{store}} {NET} --positions 3", "layers"),
    "graph": (f"graph {{store}} {NET} --positions 2 -n 3", "paths"),
    "evaluate": (
        f"evaluate {{store}} {NET} --positions 12 --cascade 2 --composite epsilon",
        "recommendation",
    ),
    "compare": ("compare {store} {in}/run.crp", "layers"),
    "report": (f"report {{store}} {CHANNEL}", "layer"),
    "report all": ("report {store} --all", None),
    "check-network": ("check-network {in}/net.safetensors {in}/corpus.h5", "steps"),
    "explain": ("explain {in}/net.safetensors f5d6c3d3c4", "policy"),
    "arena": ("arena random greedy -n 2", "first"),
    "selfplay": (
        "selfplay {in}/net.safetensors -n 1 --simulations 0 --out {new}/g.jsonl",
        "games",
    ),
    "strength": (
        f"strength {{in}}/net.safetensors --out {{new}}/s.json {SHORT}",
        "rows",
    ),
}


@pytest.mark.parametrize("name", VERBS)
def test_facts_are_printed_as_one_json_value(
    name: str, folder: Path, tmp_path: Path
) -> None:
    line, key = VERBS[name]
    store = shutil.copytree(folder / "run.crp", tmp_path / "run.crp")
    places = {"in": folder, "new": tmp_path, "store": store}

    result = run(*line.format(**places).split(), "--json")

    assert (result.code, result.err) == (0, "")
    found = json.loads(result.out, parse_constant=pytest.fail)
    assert found if key is None else key in found
