"""The verb ablate."""

import shutil
from pathlib import Path

import pytest

from conceptlrp.ablation import Ablation, ablate as ablate_channels
from conceptlrp.networks import load_network
from conceptlrp.store import check_store, open_store
from conceptlrp.store.writing.writer import create_run, read_corpus, read_plan
from tests.command_line import Result, assert_one_line, run


@pytest.fixture
def store(folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(folder / "run.crp", tmp_path / "run.crp")
    return tmp_path / "run.crp"


def ablate(folder: Path, store: Path, *options: object) -> Result:
    return run("ablate", store, "--network", folder / "net.safetensors", *options)


def test_effects_are_kept_in_the_store_and_shown(folder: Path, store: Path) -> None:
    options = ("--positions", 5, "--ablation", "zero", "--seed", 4, "--count", 2)

    result = ablate(folder, store, "--target", "value", *options)

    assert (result.code, result.err) == (0, "")
    opened = open_store(store)
    found = opened.results.get(Ablation, target="value")
    assert found is not None
    network = load_network(folder / "net.safetensors")
    expected = ablate_channels(
        opened,
        network,
        save=False,
        target="value",
        ablation="zero",
        n_positions=5,
        seed=4,
    )
    assert found.to_dict() == expected.to_dict()
    assert result.out.count("'value' without one channel") == 2
    assert result.out.endswith("5 positions, ablation 'zero'\n")
    lines = result.out.splitlines()
    heads = [
        i for i, line in enumerate(lines) if line.split()[:2] == ["channel", "change"]
    ]
    for head, layer in zip(heads, ("conv1", "conv4"), strict=True):
        shown = [int(line.split()[0]) for line in lines[head + 2 : head + 4]]
        assert shown == found.layers[layer].order[:2].tolist()
    assert check_store(store).is_good


def test_one_layer_can_be_ablated(folder: Path, store: Path) -> None:
    result = ablate(folder, store, "--layer", "conv4", "--positions", 3)

    found = open_store(store).results.get(Ablation)
    assert result.code == 0
    assert found is not None
    assert list(found.layers) == ["conv4"]
    assert "conv1" not in result.out


def test_effects_that_are_there_are_kept(folder: Path, store: Path) -> None:
    ablate(folder, store, "--positions", 3)

    again = ablate(folder, store, "--positions", 4)
    replaced = ablate(folder, store, "--positions", 4, "--overwrite")

    assert_one_line(again, 1, r"ablation-played-\w+\.h5: exists already; pass")
    assert replaced.code == 0
    found = open_store(store).results.get(Ablation)
    assert found is not None
    assert found.positions == 4


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--network", "demo"), 1, "demo: is network .*, the store explains"),
        (("--network", "nowhere.pt"), 1, "nowhere.pt"),
        (("--layer", "conv9"), 1, "no layer 'conv9', expected one of conv1, conv4"),
        (("--target", "d3"), 1, "no target 'd3', expected one of played, value"),
        (("--ablation", "noise"), 2, "--ablation is 'noise', expected one of zero"),
        (("--positions", 1), 2, "invalid value for .--positions."),
    ],
)
def test_a_wrong_call_is_one_line_and_keeps_nothing(
    folder: Path, store: Path, options: tuple[object, ...], code: int, message: str
) -> None:
    before = sorted(store.iterdir())

    result = ablate(folder, store, *options)

    assert_one_line(result, code, message)
    assert sorted(store.iterdir()) == before


def test_a_run_that_goes_on_is_refused(
    folder: Path, store: Path, tmp_path: Path
) -> None:
    half = tmp_path / "half.crp"
    create_run(half, read_plan(store), read_corpus(store))

    result = ablate(folder, half)

    assert_one_line(result, 1, "the run is not complete; resume it before it gets")
