"""The verb evaluate."""

import json
from pathlib import Path

import pandas as pd
import pytest

from conceptlrp.evaluation import evaluate_composites
from conceptlrp.networks import load_network
from conceptlrp.store import open_store
from tests.command_line import Result, assert_one_line, run

OPTIONS = ("--positions", 4, "--cascade", 1, "--seed", 3)


def evaluate(folder: Path, out: Path, *options: object) -> Result:
    network = ("--network", folder / "net.safetensors")
    return run("evaluate", folder / "run.crp", *network, "--out", out, *options)


@pytest.mark.slow
def test_a_store_is_evaluated_into_json_and_tables(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "judged"

    result = evaluate(folder, out, "--composite", "epsilon", *OPTIONS)

    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("recommended: epsilon (")
    assert result.out.endswith(f"{out}: 4 positions, 1 composites\n")
    expected = evaluate_composites(
        load_network(folder / "net.safetensors"),
        open_store(folder / "run.crp").positions,
        composites=["epsilon"],
        n_positions=4,
        n_cascade=1,
        layers=["conv1", "conv4"],
        seed=3,
    )
    content = json.loads((out / "evaluation.json").read_text())
    assert content == json.loads(json.dumps(expected.to_dict()))
    assert sorted(path.stem for path in out.glob("*.csv")) == sorted(expected.tables())
    read = pd.read_csv(out / "measurements.csv", keep_default_na=False)
    assert len(read) == len(expected.findings.measurements)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--composite", "zeta"), 2, "--composite is 'zeta', expected one of"),
        (("--network", "demo"), 1, "demo: is network .*, the store explains"),
        (("--network", "nowhere.pt"), 1, "nowhere.pt"),
        (("--positions", 1), 2, "invalid value for .--positions."),
    ],
)
def test_a_wrong_call_is_one_line_and_writes_nothing(
    folder: Path,
    tmp_path: Path,
    options: tuple[object, ...],
    code: int,
    message: str,
) -> None:
    result = evaluate(folder, tmp_path / "judged", *options)

    assert_one_line(result, code, message)
    assert not (tmp_path / "judged").exists()


def test_what_stands_at_the_output_is_kept(folder: Path, tmp_path: Path) -> None:
    result = evaluate(folder, tmp_path)

    assert_one_line(result, 1, "already exists; choose another name")
    assert list(tmp_path.iterdir()) == []
