"""The command line: every verb on tiny data, every error in one line."""

import io
import json
import os
import pickle
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from conceptlrp.cli import main
from conceptlrp.clustering import clustered_layers
from conceptlrp.networks import load_network, read_header, save_network
from conceptlrp.othello import Corpus, Position, write_transcripts
from conceptlrp.store import open_store
from tests.networks.azg_twin import used_twin
from tests.othello.playouts import random_games
from tests.othello.wthor_writer import write_wthor, wthor_record


@dataclass(frozen=True)
class Result:
    """What a command line left behind."""

    code: int
    out: str
    err: str


def run(*arguments: object) -> Result:
    """Run the command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    words = ["conceptlrp", *(str(argument) for argument in arguments)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", words)
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as e:
            main()
    return Result(int(e.value.code or 0), out.getvalue(), err.getvalue())


def run_line(line: str, folder: Path, new: Path) -> Result:
    """Run a line in which {in} stands for the inputs and {new} for an empty folder."""
    words = [part.replace("{in}", str(folder)) for part in line.split()]
    return run(*(word.replace("{new}", str(new)) for word in words))


def succeed(*arguments: object) -> str:
    result = run(*arguments)
    assert result.code == 0, result.err
    assert result.err == ""
    return result.out


def assert_one_line(result: Result, code: int, message: str) -> None:
    """Assert that a command failed with one line and printed nothing else."""
    assert result.code == code, result
    assert result.err.startswith("conceptlrp: ")
    assert result.err.count("\n") == 1
    assert result.err.endswith("\n")
    assert re.search(message, result.err), result.err
    assert result.out == ""


def write_networks(folder: Path) -> None:
    for size, name in ((8, "net.safetensors"), (6, "six.safetensors")):
        twin = used_twin(size)
        torch.save({"state_dict": twin.state_dict()}, folder / f"{size}.pth.tar")
        save_network(load_network(folder / f"{size}.pth.tar"), folder / name)


def write_broken(folder: Path) -> None:
    """Write one file for every way in which an input can be wrong."""
    whole = (folder / "games.wtb").read_bytes()
    (folder / "truncated.wtb").write_bytes(whole[:-10])
    (folder / "text.wtb").write_text("f5d6c3\n")
    (folder / "typo.txt").write_text("f5d6c3\nf5d6x9c3\n")
    (folder / "illegal.txt").write_text("f5d6c3\na1a2\n")
    (folder / "empty.txt").write_text("# no game\n")
    (folder / "not-ours.h5").write_bytes(b"")
    with h5py.File(folder / "foreign.h5", "w") as file:
        file["recipe"] = np.arange(4)
    wrong = used_twin().state_dict()
    wrong["conv3.weight"] = wrong["conv3.weight"][:, :3]
    torch.save({"state_dict": wrong}, folder / "other.pth.tar")
    code = _Touch(folder / "it-ran")
    torch.save({"state_dict": code}, folder / "code.pth.tar")
    (folder / "bare.pth.tar").write_bytes(pickle.dumps(code))
    Corpus.load(folder / "corpus.h5")[:0].save(folder / "none.h5")
    (folder / "plain").mkdir()
    (folder / "plain" / "thesis.tex").write_text("text")


class _Touch:
    """Pickles as a call that makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.system, (f"touch {shlex.quote(str(self.path))}",)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make games, networks, a corpus and a store, which no test changes."""
    torch.set_num_threads(1)
    path = tmp_path_factory.mktemp("cli")
    games = random_games(4, seed=7)
    write_transcripts(games, path / "games.txt")
    records = [wthor_record(moves[moves >= 0]) for moves in games.moves]
    write_wthor(path / "games.wtb", records)
    write_transcripts(random_games(2, seed=7, size=6), path / "six.txt")
    write_networks(path)
    succeed("corpus", path / "games.txt", "--out", path / "corpus.h5", "--sample", 30)
    succeed(
        *("attribute", path / "net.safetensors", path / "corpus.h5"),
        *("--out", path / "run.crp", "--target", "played", "--target", "value"),
        *("--layer", "conv1", "--layer", "conv4", "--references", 2),
    )
    write_broken(path)
    yield path
    assert not (path / "it-ran").exists()


def listing(folder: Path) -> dict[str, int]:
    """Return every file and folder below a folder, with its time of change."""
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in sorted(folder.rglob("*"))
    }


# Verbs


def test_a_corpus_is_read_from_games(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "corpus.h5"

    text = succeed("corpus", folder / "games.txt", folder / "games.wtb", "--out", out)

    corpus = Corpus.load(out)
    assert len(corpus.games) == 8
    assert text == f"{out}: {len(corpus)} positions of {len(corpus)} read, 8 games\n"


def test_a_corpus_can_be_thinned_and_turned(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "corpus.h5"
    options = ["--unique", "symmetry", "--sample", 20, "--turn", "--seed", 3]

    succeed("corpus", folder / "games.txt", "--out", out, *options)

    read = Corpus.read(folder / "games.txt")
    expected = read.unique(symmetry=True).sample(20, seed=3).turn(seed=3)
    assert Corpus.load(out).digest == expected.digest


def test_games_that_are_left_out_are_told_of(folder: Path, tmp_path: Path) -> None:
    result = run("corpus", folder / "illegal.txt", "--out", tmp_path / "corpus.h5")

    assert result.code == 0
    assert result.err == (
        "conceptlrp: illegal.txt: line 2, move 1: 'a1' is not legal; "
        "the game is left out\n"
    )


@pytest.mark.parametrize(("size", "name"), [(8, "games.wtb"), (6, "six.txt")])
def test_a_network_is_trained_from_games(
    size: int, name: str, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "net.safetensors"
    options = ["--channels", 2, "--epochs", 0.5, "--batch-size", 16, "--size", size]

    result = run("train", folder / name, "--out", out, *options)

    assert result.code == 0
    assert "loss" in result.err
    assert (load_network(out).channels, load_network(out).size) == (2, size)
    assert read_header(out)["training"]["options"]["epochs"] == 0.5


def test_a_year_is_held_out_of_training(folder: Path, tmp_path: Path) -> None:
    options = ["--channels", 1, "--epochs", 0.2, "--batch-size", 16, "--half"]

    result = run(
        *("train", folder / "games.txt", "--out", tmp_path / "net.safetensors"),
        *("--held-out-year", 1991, *options),
    )

    assert result.code == 0
    assert "held out: " in result.err.splitlines()[-1]


@pytest.mark.parametrize("network", ["net.safetensors", "8.pth.tar"])
def test_positions_are_explained_into_a_store(
    network: str, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run.crp"
    options = ["--sample", 5, "--layer", "conv2", "--references", 0]
    composite = ["--target", "best", "--composite", "epsilon-plus"]

    text = succeed(
        *("attribute", folder / network, folder / "games.txt", "--out", out),
        *options,
        *composite,
    )

    store = open_store(out)
    assert text == f"{out}: 5 positions, conv2\n"
    assert (len(store), store.layers, store.targets) == (5, ("conv2",), ("best",))
    assert store.manifest.network["name"] == network
    assert store.manifest.composite["name"] == "epsilon-plus"
    assert store.manifest.command.startswith("conceptlrp attribute ")


def test_game_files_are_read_on_the_board_of_the_network(
    folder: Path, tmp_path: Path
) -> None:
    succeed(
        *("attribute", folder / "6.pth.tar", folder / "six.txt"),
        *("--out", tmp_path / "run.crp", "--sample", 4, "--references", 0),
    )

    assert open_store(tmp_path / "run.crp").positions.size == 6


def test_an_existing_store_is_replaced_when_that_is_asked_for(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run.crp"
    arguments = ["attribute", folder / "net.safetensors", folder / "corpus.h5"]
    small = ["--layer", "conv1", "--references", 0, "--out", out]

    succeed(*arguments, *small, "--sample", 3)
    succeed(*arguments, *small, "--sample", 4, "--overwrite")

    assert len(open_store(out)) == 4


def test_the_boards_of_a_channel_are_shown(folder: Path) -> None:
    text = succeed("top", folder / "run.crp", "--layer", "conv4", "--channel", 1)

    assert "a b c d e f g h" in text
    assert "Black 0 - White 0, 1990, move" in " ".join(text.split())


def test_the_boards_of_a_channel_are_printed_as_json(folder: Path) -> None:
    options = ["--target", "value", "--lowest", "--by", "relevance", "-k", 3]

    text = succeed(
        *("top", folder / "run.crp", "--layer", "conv1", "--channel", 0),
        *("--all-games", "--json", *options),
    )

    record = json.loads(text)
    store = open_store(folder / "run.crp")
    best = store.top(
        "conv1", 0, 3, by="relevance", lowest=True, one_per_game=False, target="value"
    )
    assert [board["row"] for board in record["boards"]] == best.rows.tolist()
    assert record["target"] == "value"
    first = Position.from_obf(record["boards"][0]["obf"])
    assert first.own == store.positions.own[best.rows[0]]


def test_a_store_is_clustered_and_made_into_an_atlas(
    folder: Path, tmp_path: Path
) -> None:
    store = shutil.copytree(folder / "run.crp", tmp_path / "run.crp")
    table = succeed("cluster", store, "--clusters", 3, "--estimator", "kmeans")
    path = tmp_path / "atlas"
    page = succeed("atlas", store, path, "--title", "Channels & clusters")

    assert clustered_layers(open_store(store)) == ("conv1", "conv4")
    assert "conv4: MiniBatchKMeans" in table
    assert page == f"open {path / 'index.html'}\n"
    index = (path / "index.html").read_text(encoding="utf-8")
    assert "Channels &amp; clusters" in index
    assert (path / "concepts" / "conv4" / "c0003.html").is_file()
    assert (path / "clusters" / "conv1" / "k02.html").is_file()


def test_an_atlas_is_made_of_another_target(folder: Path, tmp_path: Path) -> None:
    succeed("atlas", folder / "run.crp", tmp_path / "atlas", "--target", "value")

    record = json.loads((tmp_path / "atlas" / "atlas.json").read_text())
    assert record["target"] == "value"


def test_clusters_are_replaced_only_when_that_is_asked_for(
    folder: Path, tmp_path: Path
) -> None:
    store = shutil.copytree(folder / "run.crp", tmp_path / "run.crp")
    arguments = ["cluster", store, "--layer", "conv1", "--clusters", 2]
    succeed(*arguments)
    before = listing(tmp_path)

    refused = run(*arguments)

    assert_one_line(refused, 1, "layer 'conv1' is clustered already")
    assert listing(tmp_path) == before
    succeed(*arguments, "--overwrite")


@pytest.mark.slow
def test_the_demo_makes_an_atlas_of_what_ships(tmp_path: Path) -> None:
    out = tmp_path / "demo"

    text = succeed("demo", "--out", out, "--positions", 60)

    assert text == f"open {out / 'atlas' / 'index.html'}\n"
    assert (out / "atlas" / "index.html").is_file()
    assert len(open_store(out / "demo.crp")) == 60


# Errors of the input; see `run_line` for what stands in braces.

ATTRIBUTE = "attribute {in}/net.safetensors {in}/corpus.h5 --out {new}/run.crp"
TOP = "top {in}/run.crp --layer conv1 --channel 0"
CLUSTER = "cluster {in}/run.crp"
WRONG_INPUT = {
    "truncated wtb": (
        "corpus {in}/truncated.wtb --out {new}/c.h5",
        "truncated.wtb",
    ),
    "text as wtb": ("corpus {in}/text.wtb --out {new}/c.h5", "text.wtb"),
    "unknown square": (
        "corpus {in}/typo.txt --out {new}/c.h5",
        "typo.txt: line 2, column 5: .*x9",
    ),
    "unknown square for attribute": (
        "attribute {in}/net.safetensors {in}/typo.txt --out {new}/run.crp",
        "line 2, column 5",
    ),
    "unknown square for train": (
        "train {in}/typo.txt --out {new}/n.safetensors",
        "line 2, column 5",
    ),
    "no games": ("corpus {in}/empty.txt --out {new}/c.h5", "no positions"),
    "no games for train": ("train {in}/empty.txt --out {new}/n", "no positions"),
    "no positions": (
        "attribute {in}/net.safetensors {in}/none.h5 --out {new}/run.crp",
        "there are no positions",
    ),
    "missing games": ("corpus {in}/missing.wtb --out {new}/c.h5", "missing.wtb"),
    "missing corpus": (
        "attribute {in}/net.safetensors {in}/missing.h5 --out {new}/run.crp",
        "missing.h5: no such file",
    ),
    "missing network": (
        "attribute {in}/missing {in}/corpus.h5 --out {new}/run.crp",
        "missing: no such file",
    ),
    "missing store": ("top {in}/missing --layer a --channel 0", "no relevance store"),
    "folder as games": ("corpus {in}/plain --out {new}/c.h5", "is a folder"),
    "folder as corpus": (
        "attribute {in}/net.safetensors {in}/plain --out {new}/run.crp",
        "is a folder",
    ),
    "folder as network": (
        "attribute {in}/plain {in}/corpus.h5 --out {new}/run.crp",
        "plain",
    ),
    "folder as store": ("cluster {in}/plain", "no relevance store here"),
    "file as store": ("atlas {in}/corpus.h5 {new}/atlas", "no relevance store here"),
    "corpus as games": ("corpus {in}/corpus.h5 --out {new}/c.h5", "is no game file"),
    "network as games": ("corpus {in}/8.pth.tar --out {new}/c.h5", "expected a WTHOR"),
    "corpus among games": (
        "attribute {in}/net.safetensors {in}/games.txt {in}/8.h5 --out {new}/r",
        "8.h5: is no game file",
    ),
    "hdf5 that is not ours": (
        "attribute {in}/net.safetensors {in}/foreign.h5 --out {new}/run.crp",
        "foreign.h5: is no corpus",
    ),
    "empty hdf5": (
        "attribute {in}/net.safetensors {in}/not-ours.h5 --out {new}/run.crp",
        "not-ours.h5",
    ),
    "other architecture": (
        "attribute {in}/other.pth.tar {in}/corpus.h5 --out {new}/run.crp",
        r"other.pth.tar: conv3.weight has shape \(4, 3, 3, 3\), expected \(4, 4",
    ),
    "pickle that runs code": (
        "attribute {in}/code.pth.tar {in}/corpus.h5 --out {new}/run.crp",
        "could run code; nothing was loaded",
    ),
    "bare pickle that runs code": (
        "attribute {in}/bare.pth.tar {in}/corpus.h5 --out {new}/run.crp",
        "nothing was loaded",
    ),
    "corpus as network": (
        "attribute {in}/corpus.h5 {in}/corpus.h5 --out {new}/run.crp",
        "corpus.h5: neither a safetensors file",
    ),
    "small network": (
        "attribute {in}/6.pth.tar {in}/corpus.h5 --out {new}/run.crp",
        "network plays on 6x6, the positions are of 8x8",
    ),
    "small network and wthor": (
        "attribute {in}/6.pth.tar {in}/games.wtb --out {new}/run.crp",
        "8 x 8, not 6 x 6",
    ),
    "existing corpus": ("corpus {in}/games.txt --out {in}/corpus.h5", "already exists"),
    "existing network": ("train {in}/games.txt --out {in}/8.pth.tar", "already exists"),
    "existing store": (
        "attribute {in}/net.safetensors {in}/corpus.h5 --out {in}/run.crp",
        "run.crp: already exists; choose another name or pass --overwrite",
    ),
    "existing atlas": ("atlas {in}/run.crp {in}/plain", "already exists"),
    "existing demo": ("demo --out {in}/plain", "already exists"),
    "folder in place of a store": (
        "attribute {in}/net.safetensors {in}/corpus.h5 --out {in}/plain --overwrite",
        "plain: is no store and not replaced",
    ),
    "folder in place of an atlas": (
        "atlas {in}/run.crp {in}/plain --overwrite",
        "plain: is not of the kind",
    ),
    "folder in place of a corpus": (
        "corpus {in}/games.txt --out {in}/plain --overwrite",
        "plain: cannot be written",
    ),
    "output in no folder": (
        "corpus {in}/games.txt --out {new}/no/c.h5",
        "no: no such file or directory",
    ),
    "network in no folder": (
        "train {in}/games.txt --out {new}/no/n.safetensors",
        "no: no such file or directory",
    ),
    "store in a file": (
        "attribute {in}/net.safetensors {in}/corpus.h5 --out {in}/games.txt/run.crp",
        "games.txt: not a directory",
    ),
    "demo in a file": ("demo --out {in}/games.txt/demo", "not a directory"),
    "atlas in a file": ("atlas {in}/run.crp {in}/games.txt/a", "not a directory"),
    "unknown layer": (ATTRIBUTE + " --layer conv9", "no layer 'conv9', expected"),
    "unknown target": (ATTRIBUTE + " --target z9", "unknown target 'z9', expected"),
    "illegal target": (ATTRIBUTE + " --target d4", r"'d4' is not legal in .*"),
    "unknown composite": (
        ATTRIBUTE + " --composite beauty",
        "unknown composite 'beauty', expected one of",
    ),
    "layer not in the store": (
        "top {in}/run.crp --layer conv2 --channel 0",
        "no layer 'conv2', expected one of conv1, conv4",
    ),
    "channel not in the store": (
        "top {in}/run.crp --layer conv1 --channel 4",
        "layer 'conv1' has no channel 4, expected 0 to 3",
    ),
    "negative channel": (
        "top {in}/run.crp --layer conv1 --channel -1",
        "no channel -1",
    ),
    "target not in the store": (
        TOP + " --target best",
        "no target 'best', expected one of played, value",
    ),
    "cluster unknown layer": (CLUSTER + " --layer fc1", "no layer 'fc1'"),
    "cluster unknown target": (CLUSTER + " --target d3", "no target 'd3'"),
    "more clusters than positions": (CLUSTER + " --clusters 500", "30 positions"),
    "atlas of unknown target": (
        "atlas {in}/run.crp {new}/atlas --target best",
        "no target 'best'",
    ),
    "no year to hold out": (
        "train {in}/games.txt --out {new}/n.safetensors --held-out-year 1950",
        "no position is from 1950",
    ),
    "fewer positions than a batch": (
        "train {in}/games.txt --out {new}/n.safetensors --batch-size 5000",
        "fewer than one batch of 5000",
    ),
    "no epochs": (
        "train {in}/games.txt --out {new}/n.safetensors --epochs 0",
        "epochs is 0.0, expected a number above 0",
    ),
}


@pytest.mark.parametrize(("line", "message"), WRONG_INPUT.values(), ids=WRONG_INPUT)
def test_an_error_of_the_input_is_one_line_and_leaves_nothing(
    line: str, message: str, folder: Path, tmp_path: Path
) -> None:
    before = listing(folder)

    result = run_line(line, folder, tmp_path)

    assert_one_line(result, 1, message)
    assert listing(folder) == before
    assert listing(tmp_path) == {}


WRONG_USAGE = {
    "unknown verb": ("nonsense", "no such command 'nonsense'; see 'conceptlrp --help'"),
    "no verb": ("--seed 3", "no such option"),
    "unknown option": (TOP + " --nope", "--nope.*; see 'conceptlrp top --help'"),
    "missing argument": ("corpus", "missing"),
    "missing option": ("corpus {in}/games.txt", "'--out'"),
    "no number": (TOP + " -k many", "'-k'"),
    "negative k": (TOP + " -k -1", "'-k'.*greater"),
    "unknown score": (TOP + " --by nonsense", "--by is 'nonsense', expected one of"),
    "unknown estimator": (CLUSTER + " --estimator x", "--estimator is 'x', expected"),
    "one cluster": (CLUSTER + " --clusters 1", "'--clusters'"),
    "unknown kind of equality": (
        "corpus {in}/games.txt --out {new}/c.h5 --unique maybe",
        "--unique is 'maybe', expected one of exact, symmetry",
    ),
    "board of another size": (
        "corpus {in}/games.txt --out {new}/c.h5 --size 7",
        "--size is '7', expected one of",
    ),
    "negative sample": (ATTRIBUTE + " --sample -5", "'--sample'"),
    "empty batches": (ATTRIBUTE + " --batch-size 0", "'--batch-size'"),
    "negative references": (ATTRIBUTE + " --references -1", "'--references'"),
    "negative seed": (ATTRIBUTE + " --seed -1", "'--seed'"),
    "unknown device": (ATTRIBUTE + " --device abacus", "--device is 'abacus'"),
    "device without numbers": (ATTRIBUTE + " --device meta", "--device is 'meta'"),
    "no channels": ("train {in}/games.txt --out {new}/n --channels 0", "'--channels'"),
    "too few positions": ("demo --out {new}/demo --positions 3", "'--positions'"),
}


@pytest.mark.parametrize(("line", "message"), WRONG_USAGE.values(), ids=WRONG_USAGE)
def test_wrong_usage_is_one_line_and_exits_with_2(
    line: str, message: str, folder: Path, tmp_path: Path
) -> None:
    result = run_line(line, folder, tmp_path)

    assert_one_line(result, 2, message)
    assert listing(tmp_path) == {}


def test_the_device_of_another_machine_is_refused(folder: Path, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has the device")
    games = [folder / "net.safetensors", folder / "corpus.h5"]

    result = run("attribute", *games, "--out", tmp_path / "r.crp", "--device", "cuda")

    assert_one_line(result, 2, "--device is 'cuda', which cannot be used")


def test_a_folder_that_cannot_be_written_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conceptlrp.cli.os.access", lambda *_: False)

    result = run("corpus", folder / "games.txt", "--out", tmp_path / "c.h5")

    assert_one_line(result, 1, re.escape(f"{tmp_path}: permission denied"))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux")
def test_a_disk_that_refuses_to_be_written_is_one_line(folder: Path) -> None:
    games = [folder / "net.safetensors", folder / "corpus.h5"]

    assert_one_line(run("attribute", *games, "--out", "/proc/r.crp"), 1, "/proc")
    assert_one_line(
        run("corpus", folder / "games.txt", "--out", "/proc/c.h5"), 1, "/proc"
    )
    assert_one_line(run("atlas", folder / "run.crp", "/proc/atlas"), 1, "/proc")


FULL_DISK = {
    "corpus": "corpus {in}/games.txt --out {new}/c.h5",
    "train": "train {in}/games.txt --out {new}/n --batch-size 16 --epochs 0.01",
    "attribute": ATTRIBUTE,
    "atlas": "atlas {in}/run.crp {new}/atlas",
}


@pytest.mark.parametrize("line", FULL_DISK.values(), ids=FULL_DISK)
def test_a_full_disk_is_told_of_and_leaves_nothing(
    line: str, folder: Path, tmp_path: Path
) -> None:
    with full_disk():
        result = run_line(line, folder, tmp_path)

    assert result.code == 1
    last = result.err.splitlines()[-1]
    assert re.match(rf"conceptlrp: {re.escape(str(tmp_path))}/.*file too large", last)
    assert listing(tmp_path) == {}


def test_a_full_disk_leaves_the_store_that_was_to_be_clustered(
    folder: Path, tmp_path: Path
) -> None:
    store = shutil.copytree(folder / "run.crp", tmp_path / "run.crp")
    before = listing(tmp_path)

    with full_disk():
        result = run("cluster", store, "--layer", "conv1", "--clusters", 2)

    assert_one_line(result, 1, r"clusters-conv1\.h5: cannot be written: file too large")
    assert listing(tmp_path).keys() == before.keys()


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file grow beyond 3,000 bytes."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_damaged_store_is_one_line(folder: Path, tmp_path: Path) -> None:
    store = Path(shutil.copytree(folder / "run.crp", tmp_path / "run.crp"))
    shard = store / "shard-00000.h5"
    shard.write_bytes(shard.read_bytes()[:-100])

    result = run("top", store, "--layer", "conv1", "--channel", 0)

    assert_one_line(result, 1, r"shard-00000\.h5: has [0-9]+ bytes, expected")


def test_a_message_keeps_the_letters_of_a_path(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "Run [bold] Of A Very Long Name That Is Wider Than A Terminal.crp"
    out.mkdir()

    result = run("atlas", folder / "run.crp", out)

    assert_one_line(result, 1, re.escape(f"{out}: already exists"))


# What only another process shows


def start(*arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "conceptlrp", *(str(a) for a in arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def test_help_and_version_need_neither_torch_nor_sklearn() -> None:
    program = (
        "import sys, conceptlrp.cli\n"
        "try:\n    conceptlrp.cli.main()\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "heavy = {'torch', 'sklearn', 'h5py', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    for word in ("--help", "--version"):
        done = subprocess.run(
            [sys.executable, "-c", program, word],
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert done.stdout


def test_no_arguments_show_the_help() -> None:
    text = succeed()

    for verb in ("corpus", "train", "attribute", "top", "cluster", "atlas", "demo"):
        assert f" {verb} " in text


def test_ctrl_c_exits_with_130_and_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run.crp"
    games = [folder / "net.safetensors", folder / "games.txt"]
    process = start("attribute", *games, "--out", out, "--batch-size", 1)
    deadline = time.monotonic() + 60
    while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "Traceback" not in err
    assert listing(tmp_path) == {}


def test_a_reader_that_has_seen_enough_is_no_error(folder: Path) -> None:
    with start("top", folder / "run.crp", "--layer", "conv1", "--channel", 0) as top:
        assert top.stdout is not None
        assert top.stderr is not None
        top.stdout.close()

        assert top.stderr.read() == ""
        assert top.wait(60) == 1
