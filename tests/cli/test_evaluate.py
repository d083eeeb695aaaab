"""The verb evaluate."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from conceptlrp.evaluation import CompositeEvaluation, evaluate_composites
from conceptlrp.networks import load_network
from conceptlrp.store import check_store, open_store
from tests.command_line import Result, assert_one_line, run

OPTIONS = ("--positions", 4, "--cascade", 1, "--seed", 3)


@pytest.fixture
def store(folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(folder / "run.crp", tmp_path / "run.crp")
    return tmp_path / "run.crp"


def evaluate(folder: Path, store: Path, *options: object) -> Result:
    network = ("--network", folder / "net.safetensors")
    return run("evaluate", store, *network, *options)


@pytest.mark.slow
def test_a_store_is_evaluated_into_json_and_tables(
    folder: Path, store: Path, tmp_path: Path
) -> None:
    out = tmp_path / "judged"

    result = evaluate(folder, store, "--out", out, "--composite", "epsilon", *OPTIONS)

    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("recommended: none yet, undecided about epsilon (")
    assert result.out.endswith(f"{out}: 4 positions, 1 composites\n")
    expected = evaluate_composites(
        load_network(folder / "net.safetensors"),
        open_store(store).positions,
        composites=["epsilon"],
        n_positions=4,
        n_cascade=1,
        layers=["conv1", "conv4"],
        seed=3,
        baseline=open_store(store).baseline,
    )
    content = json.loads((out / "evaluation.json").read_text())
    assert content == json.loads(json.dumps(expected.to_dict()))
    assert sorted(path.stem for path in out.glob("*.csv")) == sorted(expected.tables())
    kept = open_store(store).results.get(CompositeEvaluation)
    assert kept is not None
    assert json.loads(json.dumps(kept.to_dict())) == content
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
    store: Path,
    tmp_path: Path,
    options: tuple[object, ...],
    code: int,
    message: str,
) -> None:
    before = sorted(store.iterdir())

    result = evaluate(folder, store, "--out", tmp_path / "judged", *options)

    assert_one_line(result, code, message)
    assert not (tmp_path / "judged").exists()
    assert sorted(store.iterdir()) == before


def test_what_stands_at_the_output_is_kept(
    folder: Path, store: Path, tmp_path: Path
) -> None:
    out = tmp_path / "judged"
    out.mkdir()

    result = evaluate(folder, store, "--out", out)

    assert_one_line(result, 1, "already exists; choose another name")
    assert list(out.iterdir()) == []
    assert open_store(store).results.list() == ()


def test_the_store_keeps_an_evaluation_without_a_folder(
    folder: Path, store: Path
) -> None:
    options = ("--composite", "epsilon", *OPTIONS)
    result = evaluate(folder, store, *options)

    assert (result.code, result.err) == (0, "")
    kept = open_store(store).results.find(CompositeEvaluation)
    assert result.out.endswith(f"{kept}: 4 positions, 1 composites\n")
    found = open_store(store).results.get(CompositeEvaluation)
    assert found is not None
    assert found.composites == ("epsilon",)
    assert check_store(store).is_good

    again = evaluate(folder, store, *options)

    assert_one_line(again, 1, "exists already; pass overwrite=True or --overwrite")
    assert open_store(store).results.find(CompositeEvaluation) == kept
