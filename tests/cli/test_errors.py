"""Errors of the command line: one line, an exit code, and nothing left behind.

In the tables, {in} stands for the inputs and {new} for an empty folder.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from conceptlrp.store.writing.shard_writer import pending
from tests.command_line import assert_one_line, listing, run, run_line

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
    "no games": ("corpus {in}/empty.txt --out {new}/c.h5", "has no games"),
    "no games for train": ("train {in}/empty.txt --out {new}/n", "has no games"),
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
    "corpus as games": ("corpus {in}/corpus.h5 --out {new}/c.h5", "no game file"),
    "network as games": ("corpus {in}/8.pth.tar --out {new}/c.h5", "is an archive"),
    "corpus among games": (
        "attribute {in}/net.safetensors {in}/games.txt {in}/corpus.h5 --out {new}/r",
        "corpus.h5: is HDF5, no game file",
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
        "is of 8 x 8, the network plays on 6 x 6",
    ),
    "small network and wthor": (
        "attribute {in}/6.pth.tar {in}/games.wtb --out {new}/run.crp",
        "8 x 8, expected 6 x 6",
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
        "plain: is not a file that conceptlrp has written",
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
    "info without a store": ("info {new}/none.crp", "no relevance store here"),
    "check without a folder": ("check {new}/none.crp", "no such folder"),
    "repack without a store": ("repack {new}/a.crp {new}/b.crp", "no relevance store"),
    "repack onto something": (
        "repack {in}/run.crp {in}/corpus.h5",
        "corpus.h5: already exists",
    ),
    "merge without a store": ("merge {new}/none.crp", "no relevance store here"),
    "query without a store": (
        "query {new}/none.crp --position 0",
        "no relevance store here",
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


@pytest.mark.parametrize("how", ["--resume", "--append"])
def test_a_store_of_another_computation_is_refused(how: str, folder: Path) -> None:
    games = [folder / "net.safetensors", folder / "corpus.h5"]
    before = {path: path.read_bytes() for path in (folder / "run.crp").iterdir()}

    result = run("attribute", *games, "--out", folder / "run.crp", how)

    assert_one_line(result, 1, "in the store, .* now.*choose another name")
    after = {path: path.read_bytes() for path in (folder / "run.crp").iterdir()}
    assert after == before


WRONG_USAGE = {
    "unknown verb": ("nonsense", "no such command 'nonsense'; see 'conceptlrp --help'"),
    "no verb": ("--seed 3", "no such option"),
    "unknown option": (TOP + " --nope", "--nope.*; see 'conceptlrp top --help'"),
    "missing argument": ("corpus", "missing"),
    "missing option": ("corpus {in}/games.txt", "'--out'"),
    "no number": (TOP + " -n many", "'-n'"),
    "negative count": (TOP + " -n -1", "'-n'.*greater"),
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
    "unknown codec": (
        "repack {in}/run.crp {new}/b.crp --codec lzf",
        "--codec is 'lzf', expected one of gzip, none, zstd",
    ),
    "no such job of an array": (
        ATTRIBUTE + " --shard 3/2",
        "--shard is '3/2', expected I/N",
    ),
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
    monkeypatch.setattr("conceptlrp.cli.options.os.access", lambda *_: False)

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


def test_a_full_disk_leaves_a_run_that_can_go_on(folder: Path, tmp_path: Path) -> None:
    with full_disk():
        result = run_line(ATTRIBUTE, folder, tmp_path)

    assert_one_line(result, 1, r"run\.crp/.*: cannot be written: file too large")
    names = {path.name for path in (tmp_path / "run.crp").iterdir()}
    assert names <= {"manifest.json", "corpus-0.h5"}
    assert len(pending(tmp_path / "run.crp")) == 1


def test_a_full_disk_leaves_the_store_that_was_to_be_clustered(
    folder: Path, tmp_path: Path
) -> None:
    store = shutil.copytree(folder / "run.crp", tmp_path / "run.crp")
    before = listing(tmp_path)

    with full_disk():
        result = run("cluster", store, "--layer", "conv1", "--clusters", 2)

    assert_one_line(result, 1, r"conv1-\w+\.h5: cannot be written: file too large")
    assert listing(tmp_path).keys() == before.keys()


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file grow beyond 3,500 bytes."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3500, before[1]))
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


OUTPUTS = {
    "corpus": "corpus {in}/games.txt --out {out}",
    "attribute": "attribute {in}/net.safetensors {in}/corpus.h5 --out {out}",
    "train": "train {in}/games.txt --out {out}",
    "selfplay": "selfplay {in}/net.safetensors --count 1 --out {out}",
    "atlas": "atlas {in}/run.crp {out}",
    "report": "report {in}/run.crp --layer conv1 --channel 0 --out {out}",
    "export": "export {in}/run.crp {out} --format npz",
    "figure": "figure references {in}/run.crp --layer conv1 --channel 0 --out {out}",
    "evaluate": "evaluate {in}/run.crp --network {in}/net.safetensors --out {out}",
    "graph": "graph {in}/run.crp --network {in}/net.safetensors --out {out}",
    "repack": "repack {in}/run.crp {out}",
}
# The ending that a verb asks of its output.
ENDINGS = {"selfplay": ".jsonl", "figure": ".png", "graph": ".json", "export": ".npz"}


@pytest.mark.parametrize("verb", OUTPUTS)
@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("{new}/" + "n" * 300, "name too long"),
        ("{new}/no/out", "no: no such file or directory"),
        # Self-play goes on with a file of its own, and with no other.
        ("{new}/there", "already exists|is no file of self-play"),
    ],
    ids=["long name", "no folder", "existing"],
)
def test_an_output_that_cannot_be_written_is_refused_before_anything_is_done(
    verb: str, place: str, message: str, folder: Path, tmp_path: Path
) -> None:
    out = place + ENDINGS.get(verb, "")
    if "there" in place:
        Path(out.replace("{new}", str(tmp_path))).write_text("mine")
    before, inputs = listing(tmp_path), listing(folder)

    result = run_line(OUTPUTS[verb].replace("{out}", out), folder, tmp_path)

    assert_one_line(result, 1, message)
    assert listing(tmp_path) == before
    assert listing(folder) == inputs


NET = " --network {in}/net.safetensors"
READERS = {
    "top": "top {store} --layer conv1 --channel 0",
    "cluster": "cluster {store}",
    "atlas": "atlas {store} {new}/atlas",
    "report": "report {store} --layer conv1 --channel 0",
    "export": "export {store} {new}/out.npz --format npz",
    "figure": "figure channels {store} --layer conv1 --out {new}/f.png",
    "evaluate": "evaluate {store}" + NET,
    "truth": "truth {store}" + NET,
    "ablate": "ablate {store}" + NET,
    "label": "label {store}" + NET,
    "graph": "graph {store}" + NET,
    "query": "query {store} --position 0",
    "repack": "repack {store} {new}/b.crp",
    "info": "info {store}",
}


@pytest.fixture(scope="module")
def damaged(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("damaged") / "run.crp"
    shutil.copytree(folder / "run.crp", store)
    (store / "manifest.json").write_text("{")
    return store


@pytest.mark.parametrize("verb", READERS)
def test_a_folder_that_is_no_store_is_refused(
    verb: str, folder: Path, tmp_path: Path
) -> None:
    line = READERS[verb].replace("{store}", "{in}/plain")

    assert_one_line(run_line(line, folder, tmp_path), 1, "no relevance store")
    assert listing(tmp_path) == {}


@pytest.mark.parametrize("verb", READERS)
def test_a_damaged_manifest_is_refused(
    verb: str, damaged: Path, folder: Path, tmp_path: Path
) -> None:
    line = READERS[verb].replace("{store}", str(damaged))

    assert_one_line(run_line(line, folder, tmp_path), 1, r"manifest\.json")
    assert listing(tmp_path) == {}


HAVE_NOT = {
    "layer": ("top", "report", "export", "figure", "ablate", "label", "cluster"),
    "target": (
        *("top", "report", "export", "figure", "ablate", "label", "cluster"),
        *("atlas", "graph"),
    ),
}


@pytest.mark.parametrize(
    ("what", "verb"), [(what, verb) for what in HAVE_NOT for verb in HAVE_NOT[what]]
)
def test_what_a_store_has_not_is_named(
    what: str, verb: str, folder: Path, tmp_path: Path
) -> None:
    line = READERS[verb].replace("{store}", "{in}/run.crp")
    line = re.sub(rf" --{what} \S+", "", line) + f" --{what} conv9"

    result = run_line(line, folder, tmp_path)

    assert_one_line(result, 1, f"no {what} 'conv9'")
    assert listing(tmp_path) == {}


def test_a_message_keeps_the_letters_of_a_path(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "Run [bold] Of A Very Long Name That Is Wider Than A Terminal.crp"
    out.mkdir()

    result = run("atlas", folder / "run.crp", out)

    assert_one_line(result, 1, re.escape(f"{out}: already exists"))
