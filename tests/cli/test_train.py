"""The verb ``train``: what it writes, and that a kill costs nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from conceptlrp.networks import OthelloNet, ResidualTower, load_network, save_network
from conceptlrp.networks.checkpoint import read_header
from conceptlrp.othello import Corpus
from conceptlrp.selfplay import RunFolder
from tests.command_line import assert_one_line, listing, run, run_line

SMALL = ["--architecture", "tower", "--channels", 2, "--blocks", 1]
QUICK = [*SMALL, "--batch-size", 16, "--threads", 1]


def digest(path: Path) -> str:
    found: str = read_header(path)["digest"]
    return found


def start(*arguments: object) -> "subprocess.Popen[str]":
    """Start the command line in a process that can be stopped."""
    return subprocess.Popen(
        [sys.executable, "-m", "conceptlrp", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A parent that ignores the signal would pass that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def wait_for(path: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert path.exists()


def test_a_training_leaves_network_curve_record_and_snapshots(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "net.safetensors"
    options = ["--held-out-share", 0.25, "--snapshots", 2, "--half", "--epochs", 4]

    result = run("train", folder / "corpus.h5", "--out", out, *QUICK, *options)

    assert result.code == 0, result.err
    shown = read_header(out)["training"]["samples"]
    assert result.out == f"{out}: 2 channels, 1 block, {shown} positions\n"
    run_folder = tmp_path / "net.run"
    names = {path.name for path in run_folder.iterdir()}
    assert names == {"curve.csv", "curve.svg", "run.json", "snapshots"}
    command = read_header(out)["training"]["command"]
    assert command.startswith(f"conceptlrp train {folder / 'corpus.h5'} --out ")
    record = json.loads((run_folder / "run.json").read_text())["record"]
    assert record["samples"] == shown
    assert record["held_out"]["positions"] > 0
    for snapshot in (run_folder / "snapshots").iterdir():
        assert isinstance(load_network(snapshot), ResidualTower)


def test_a_network_learns_on_from_the_weights_of_another(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "more.safetensors"
    options = ["--batch-size", 16, "--start", folder / "net.safetensors"]

    result = run(
        *("train", folder / "games.txt", "--out", out),
        *options,
        *("--learning-rate", 1e-12, "--epochs", 0.1),
    )

    assert result.code == 0, result.err
    before, after = load_network(folder / "net.safetensors"), load_network(out)
    assert isinstance(after, OthelloNet)
    for old, new in zip(before.parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(old, new)


@pytest.mark.parametrize("simulations", [0, 3])
def test_a_network_learns_by_iterations(simulations: int, tmp_path: Path) -> None:
    out = tmp_path / "net.safetensors"
    options = ["--games-per-iteration", 3, "--gate-games", 2, "--snapshots", 1]
    options += ["--simulations", simulations]

    result = run(
        *("train", "--iterations", 2, "--size", 6, "--out", out),
        *QUICK,
        *options,
        *("--gate-threshold", 0),
    )

    assert result.code == 0, result.err
    assert result.out == (f"{out}: 2 channels, 1 block, 2 of 2 iterations accepted\n")
    assert result.err.count("against the champion, accepted") == 2
    assert load_network(out).size == 6
    assert len(read_header(out)["training"]["iterations"]) == 2
    assert len(list((tmp_path / "net.run" / "snapshots").iterdir())) == 1


def test_a_network_learns_the_visits_of_recorded_self_play(tmp_path: Path) -> None:
    network, games = tmp_path / "first.safetensors", tmp_path / "games.jsonl"
    torch.manual_seed(0)
    save_network(ResidualTower(2, 1, 6, value_units=4), network)
    options = ["--count", 6, "--together", 6, "--simulations", 3]
    assert run("selfplay", network, "--out", games, *options).code == 0

    result = run(
        *("train", games, "--size", 6, "--out", tmp_path / "net.safetensors"),
        *("--targets", "visits", "--held-out-share", 0.2),
        *QUICK,
    )

    assert result.code == 0, result.err
    record = read_header(tmp_path / "net.safetensors")["training"]
    # 6 random moves at the start of each game were not searched.
    played = Corpus.read([games], size=6)
    searched = len(played) - 6 * 5 - record["held_out"]["positions"]
    assert record["positions"] == searched


@pytest.mark.parametrize(
    ("snapshots", "kept"),
    [(1, [1]), (2, [1, 2]), pytest.param(5, [1, 2], marks=pytest.mark.slow)],
)
def test_champions_of_different_iterations_are_kept(
    snapshots: int, kept: list[int], tmp_path: Path
) -> None:
    options = ["--games-per-iteration", 2, "--gate-games", 2, "--simulations", 2]
    options += ["--snapshots", snapshots]

    run(
        *("train", "--iterations", 3, "--size", 6, "--out", tmp_path / "net"),
        *QUICK,
        *options,
    )

    files = (tmp_path / "net.run" / "snapshots").iterdir()
    found = [len(read_header(file)["training"]["iterations"]) for file in files]
    assert sorted(found) == kept


STOPPED = [*QUICK, "--epochs", 12]


@pytest.fixture(scope="module")
def never_stopped(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Digest of the network of a training that is not stopped."""
    out = tmp_path_factory.mktemp("whole") / "net.safetensors"
    assert run("train", folder / "games.txt", *STOPPED, "--out", out).code == 0
    return digest(out)


@pytest.mark.parametrize(
    ("kind", "after"),
    [
        pytest.param(signal.SIGKILL, "run.json", marks=pytest.mark.slow),
        pytest.param(signal.SIGKILL, "curve.csv", marks=pytest.mark.slow),
        (signal.SIGINT, "curve.csv"),
    ],
)
def test_a_stopped_training_ends_with_the_same_network(
    kind: signal.Signals,
    after: str,
    folder: Path,
    tmp_path: Path,
    never_stopped: str,
) -> None:
    data, out = [folder / "games.txt", *STOPPED], tmp_path / "net.safetensors"
    process = start("train", *data, "--out", out)
    # The state appears before the first step, the curve with its first point.
    wait_for(tmp_path / "net.run" / after)
    process.send_signal(kind)
    _, err = process.communicate(timeout=60)
    assert process.returncode == {2: 130, 9: -9}[kind], err
    assert not out.exists()
    if kind == signal.SIGINT:
        last = err.splitlines()[-1]
        assert last.endswith("net.run: stopped; the same command with --resume goes on")
        assert "Traceback" not in err

    resumed = run("train", *data, "--out", out, "--resume")

    assert resumed.code == 0, resumed.err
    assert digest(out) == never_stopped


TRAIN = "train {in}/games.txt --out {new}/n.safetensors --batch-size 16"
WRONG_INPUT = {
    "share of all": (TRAIN + " --held-out-share 1", "share is 1.0, expected a number"),
    "share of none": (TRAIN + " --held-out-share 0", "share is 0.0, expected a number"),
    "share too small": (TRAIN + " --held-out-share 0.01", "of 4 games are 0, expected"),
    "patience without games": (TRAIN + " --patience 2", "but nothing is held out"),
    "visits of games that have none": (
        TRAIN + " --targets visits",
        r"games\.txt",
    ),
    "visits of a corpus": (
        "train {in}/corpus.h5 --out {new}/n --targets visits",
        r"corpus\.h5",
    ),
    "no weights to start from": (TRAIN + " --start {in}/missing", "no such file"),
    "weights of another board": (
        TRAIN + " --start {in}/six.safetensors",
        "the games are for boards of size 8, the network for size 6",
    ),
    "no time": (TRAIN + " --epochs 0", "epochs is 0.0, expected a number above 0"),
    "explosion": (
        TRAIN + " --learning-rate 1e30 --channels 1 --epochs 2",
        "not finite.*lower the learning rate",
    ),
}


@pytest.mark.parametrize(("line", "message"), WRONG_INPUT.values(), ids=WRONG_INPUT)
def test_an_error_of_the_input_is_one_line(
    line: str, message: str, folder: Path, tmp_path: Path
) -> None:
    result = run_line(line, folder, tmp_path)

    assert_one_line(result, 1, message)
    # A loss that explodes does so in a training that has begun.
    left = (
        {"n.run", "n.run/checkpoint.pt", "n.run/run.json"} if "1e30" in line else set()
    )
    assert set(listing(tmp_path)) == left


WRONG_USAGE = {
    "no games": ("train --out {new}/n", "no games to learn from; give game files, or"),
    "games and iterations": (TRAIN + " --iterations 2", "give one of them"),
    "two ways to hold out": (
        TRAIN + " --held-out-year 1990 --held-out-share 0.1",
        "--held-out-year and --held-out-share",
    ),
    "iterations with held-out games": (
        "train --iterations 2 --out {new}/n --held-out-share 0.1",
        "nothing is held out of --iterations",
    ),
    "unknown architecture": (TRAIN + " --architecture x", "--architecture is 'x'"),
    "unknown targets": (TRAIN + " --targets x", "--targets is 'x', expected one of"),
    "no such device": (TRAIN + " --device abacus", "--device is 'abacus'"),
    "no threads": (TRAIN + " --threads 0", "'--threads'"),
    "no blocks": (TRAIN + " --blocks 0", "'--blocks'"),
    "output with the name of the folder": (
        "train {in}/games.txt --out {new}/n.run",
        "which is the name of the run's folder",
    ),
}


@pytest.mark.parametrize(("line", "message"), WRONG_USAGE.values(), ids=WRONG_USAGE)
def test_wrong_usage_is_one_line_and_exits_with_2(
    line: str, message: str, folder: Path, tmp_path: Path
) -> None:
    result = run_line(line, folder, tmp_path)

    assert_one_line(result, 2, message)
    assert listing(tmp_path) == {}


def test_a_training_is_not_begun_over_an_unfinished_one(
    folder: Path, tmp_path: Path
) -> None:
    explode = "--learning-rate 1e30 --channels 1 --epochs 2"
    run_line(f"{TRAIN} {explode}", folder, tmp_path)

    refused = run_line(TRAIN, folder, tmp_path)
    other = run_line(f"{TRAIN} --channels 1 --epochs 2 --resume", folder, tmp_path)
    anew = run_line(f"{TRAIN} --channels 1 --overwrite", folder, tmp_path)

    assert_one_line(refused, 1, "n.run: holds a training; resume it")
    assert_one_line(other, 1, "begun with learning_rate 1e.30, resumed with 0.002")
    assert anew.code == 0


def test_a_network_that_was_written_just_before_a_kill_is_written_again(
    folder: Path, tmp_path: Path
) -> None:
    out, command = tmp_path / "n", ("train", folder / "games.txt", *QUICK)

    def killed(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "discard_checkpoint", killed)
        assert run(*command, "--out", out).code == 130
    before = digest(out)

    resumed = run(*command, "--out", out, "--resume")

    assert resumed.code == 0, resumed.err
    assert digest(out) == before
    assert_one_line(run(*command, "--out", out, "--resume"), 1, "is finished")


def test_what_is_found_can_be_read_by_programs(folder: Path, tmp_path: Path) -> None:
    options = ["--out", tmp_path / "n", *QUICK, "--held-out-share", 0.25, "--json"]

    read = json.loads(run("train", folder / "games.txt", *options).out)

    assert read["network"] == str(tmp_path / "n")
    assert read["samples"] > 0
    assert 0 <= read["held_out"]["top1"] <= 1


def test_threads_are_put_back(folder: Path, tmp_path: Path) -> None:
    before = torch.get_num_threads()

    options = [*QUICK, "--epochs", 0.1, "--threads", 2]
    run("train", folder / "games.txt", "--out", tmp_path / "n", *options)

    assert torch.get_num_threads() == before


def test_help_groups_its_options_and_shows_defaults() -> None:
    environment = os.environ | {"COLUMNS": "100", "NO_COLOR": "1"}
    text = subprocess.run(
        [sys.executable, "-m", "conceptlrp", "train", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    ).stdout

    panels = ("Network", "Held-out games", "Schedule", "Self-play iterations")
    for panel in (*panels, "Output and resuming", "Machine"):
        assert f"─ {panel} ─" in text
    assert "[default: 0.002]" in text
