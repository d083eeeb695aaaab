"""The verbs attribute and merge: runs that go on, grow, and are shared."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conceptlrp.store import open_store
from conceptlrp.store.writing.shard_writer import pending
from conceptlrp.store.writing.writer import read_plan
from tests.command_line import assert_one_line, run, succeed
from tests.runs.conftest import contents

SMALL = ("--layer", "conv1", "--references", 2, "--batch-size", 4, "--shard-size", 8)


@pytest.fixture
def command(folder: Path) -> tuple[object, ...]:
    """Return the command that explains the corpus, without an output."""
    return ("attribute", folder / "net.safetensors", folder / "corpus.h5", *SMALL)


def test_a_finished_store_is_repaired(
    command: tuple[object, ...], tmp_path: Path
) -> None:
    out = tmp_path / "run.crp"
    succeed(*command, "--out", out)
    before = contents(out)
    (out / "shard-00001.h5").write_bytes(b"")

    text = succeed(*command, "--out", out, "--resume")

    assert text == f"{out}: 30 positions, conv1\n"
    assert contents(out) == before


def test_a_store_of_something_else_is_not_resumed(
    command: tuple[object, ...], tmp_path: Path
) -> None:
    out = tmp_path / "run.crp"
    succeed(*command, "--out", out)

    refused = run(*command, "--out", out, "--resume", "--composite", "epsilon")

    assert_one_line(refused, 1, r"composite.name is epsilon\+epsilon-gamma in the")


@pytest.mark.slow
def test_processes_write_what_one_process_writes(
    command: tuple[object, ...], tmp_path: Path
) -> None:
    outs = [tmp_path / "one" / "run.crp", tmp_path / "two" / "run.crp"]
    for out in outs:
        out.parent.mkdir()
    succeed(*command, "--out", outs[0])

    succeed(*command, "--out", outs[1], "--workers", 2)

    found, expected = contents(outs[1]), contents(outs[0])
    # The manifest keeps the command, which differs.
    assert found.pop("manifest.json") != expected.pop("manifest.json")
    assert found == expected


def test_jobs_of_an_array_are_merged(
    command: tuple[object, ...], tmp_path: Path, folder: Path
) -> None:
    out = tmp_path / "run.crp"
    for job in (2, 1):
        succeed(*command, "--out", out, "--shard", f"{job}/2")
    assert not open_store(out).manifest.is_complete

    text = succeed("merge", out)

    assert text == f"{out}: 30 positions, conv1\n"
    assert open_store(out).manifest.is_complete
    succeed("merge", out, "--network", folder / "net.safetensors")


def test_a_merge_of_too_little_says_what_is_missing(
    command: tuple[object, ...], tmp_path: Path
) -> None:
    out = tmp_path / "run.crp"
    succeed(*command, "--out", out, "--shard", "1/2")

    assert_one_line(
        run("merge", out), 1, r"2 of 4 shards are still to be computed \(1, 3\)"
    )


def test_games_are_appended(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run.crp"
    network, games = folder / "net.safetensors", folder / "games.txt"
    succeed("attribute", network, games, "--out", out, *SMALL)
    few = len(open_store(out))

    succeed(
        *("attribute", network, games, folder / "games.wtb"),
        *("--out", out, "--append", *SMALL),
    )

    assert len(open_store(out)) == 2 * few


def test_what_is_kept_is_chosen(command: tuple[object, ...], tmp_path: Path) -> None:
    out = tmp_path / "run.crp"
    options = ("--detail", "sample", "--sample-maps", 5, "--seed", 4, "--statistics")

    succeed(*command, "--out", out, *options, "--dtype", "float16")

    plan = read_plan(out)
    assert plan.sample == {"positions": 5, "seed": 4, "of": 30}
    assert (plan.detail, plan.statistics, plan.dtype) == ("sample", True, "float16")
    assert (out / "statistics.h5").is_file()


def test_one_may_compute_in_more_digits_than_one_keeps(
    command: tuple[object, ...], tmp_path: Path
) -> None:
    out = tmp_path / "run.crp"

    succeed(*command, "--out", out, "--compute-dtype", "float64", "--detail", "sums")

    plan = read_plan(out)
    assert (plan.dtype, plan.compute["dtype"]) == ("float32", "float64")
    assert not (out / "references.h5").exists()


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--shard", "3/2"), 2, "--shard is '3/2', expected I/N"),
        (("--shard", "first"), 2, "--shard is 'first', expected I/N"),
        (("--shard-size", 6), 1, "shard_size is 6, expected a multiple"),
        (("--detail", "most"), 1, "detail is 'most', expected one of"),
        (("--dtype", "int8"), 1, "dtype is 'int8', expected one of"),
        (
            ("--resume", "--overwrite"),
            2,
            "give one of --resume, --append and --overwrite",
        ),
        (("--workers", 2, "--shard", "1/2"), 1, "choose one"),
        (("--workers", 0), 2, "--workers"),
    ],
)
def test_options_that_make_no_sense_are_one_line(
    options: tuple[object, ...],
    code: int,
    message: str,
    command: tuple[object, ...],
    tmp_path: Path,
) -> None:
    refused = run(*command, "--out", tmp_path / "run.crp", *options)

    assert_one_line(refused, code, message)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)],
)
def test_a_signal_says_how_to_go_on(
    number: signal.Signals, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run.crp"
    arguments = ["attribute", folder / "net.safetensors", folder / "corpus.h5"]
    options = ["--out", out, "--batch-size", "1", "--shard-size", "1", "--resume"]
    words = [str(word) for word in [*arguments, *options]]
    process = subprocess.Popen(
        [sys.executable, "-m", "conceptlrp", *words],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    deadline = time.monotonic() + 60
    while not list(out.glob("shard-*.json")) and time.monotonic() < deadline:
        time.sleep(0.01)

    process.send_signal(number)
    _, err = process.communicate(timeout=30)

    assert process.returncode == 130
    assert err.strip().startswith(f"conceptlrp: {out}: interrupted with")
    assert err.count("\n") <= 2
    assert "--resume" in err
    assert pending(out)
    succeed(*words)
    succeed(*words[:3], "--out", tmp_path / "once.crp", *options[2:])
    kept = contents(tmp_path / "once.crp")
    kept.pop("manifest.json")
    assert {name: contents(out)[name] for name in kept} == kept
