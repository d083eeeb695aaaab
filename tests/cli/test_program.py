"""The command line: every verb on tiny data."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from conceptlrp.cli.outputs import demo
from conceptlrp.clustering import Clustering
from conceptlrp.networks import load_network
from conceptlrp.networks.checkpoint import read_header
from conceptlrp.othello import Corpus, Position
from conceptlrp.store import open_store
from conceptlrp.store.writing.shard_writer import pending
from tests.command_line import assert_one_line, listing, run, succeed


def test_a_corpus_is_read_from_games(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "corpus.h5"

    text = succeed("corpus", folder / "games.txt", folder / "games.wtb", "--out", out)

    corpus = Corpus.load(out)
    assert len(corpus.games) == 8
    assert text == f"{out}: {len(corpus)} positions of {len(corpus)} read, 8 games\n"


def test_a_corpus_can_be_thinned_and_turned(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "corpus.h5"
    options = ["--unique", "symmetry", "--sample", 20, "--turn", "--seed", 3]

    result = run("corpus", folder / "games.txt", "--out", out, *options)

    read = Corpus.read(folder / "games.txt")
    expected = read.unique(symmetry=True).sample(20, seed=3).turn(seed=3)
    assert result.err == f"conceptlrp: {expected.notes[-1]}\n"
    assert Corpus.load(out).digest == expected.digest


def test_games_that_are_left_out_are_told_of(folder: Path, tmp_path: Path) -> None:
    result = run("corpus", folder / "illegal.txt", "--out", tmp_path / "corpus.h5")

    assert result.code == 0
    assert result.err == (
        "conceptlrp: illegal.txt: line 2, move 1: 'a1' is not legal; "
        "the line is left out\n"
    )


def test_many_games_left_out_are_counted_and_listed_in_json(tmp_path: Path) -> None:
    path, out = tmp_path / "many.txt", tmp_path / "corpus.h5"
    path.write_text("f5d6\nd6c6\n" + "f5a1\n" * 30)

    result = run("corpus", path, "--out", out)
    again = run("corpus", path, "--out", out, "--json", "--overwrite")

    told, listed = result.err.splitlines(), json.loads(again.out)
    assert sum("is left out" in line for line in told) == 20
    assert "1 game begins from the mirrored start and was turned" in told[-2]
    assert "and 10 more left out; 'conceptlrp corpus --json' lists all" in told[-1]
    assert len(listed["problems"]) == 30
    assert len(listed["notes"]) == 1


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
    assert store.manifest.plan.command.startswith("conceptlrp attribute ")


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
    options = ["--target", "value", "--lowest", "--by", "relevance", "-n", 3]

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


def test_boards_are_kept_apart_when_that_is_asked_for(folder: Path) -> None:
    options = ["--channel", 1, "-n", 3, "--by", "absolute", "--json"]
    top = ("top", folder / "run.crp", "--layer", "conv1", *options)

    near, apart = (
        [board["row"] for board in json.loads(text)["boards"]]
        for text in (succeed(*top), succeed(*top, "--apart", 61))
    )

    # No two boards of four discs and more differ on so many squares.
    assert len(near) > 1
    assert apart == near[:1]


def test_clusters_of_magnitudes_are_made_by_any_named_estimator(
    folder: Path, tmp_path: Path
) -> None:
    store = shutil.copytree(folder / "run.crp", tmp_path / "run.crp")

    table = succeed(
        *("cluster", store, "--layer", "conv1", "--clusters", 2),
        *("--estimator", "hierarchical", "--feature", "absolute-l2"),
    )

    assert "AgglomerativeClustering(" in " ".join(table.split())
    assert (
        open_store(store).results.get(Clustering, layer="conv1").feature
        == "absolute-l2"
    )


def test_a_store_is_clustered_and_made_into_an_atlas(
    folder: Path, tmp_path: Path
) -> None:
    store = shutil.copytree(folder / "run.crp", tmp_path / "run.crp")
    table = succeed("cluster", store, "--clusters", 3, "--estimator", "kmeans")
    path = tmp_path / "atlas"
    page = succeed("atlas", store, path, "--title", "Channels & clusters")

    clustered = [each.layer for each in open_store(store).results.list()]
    assert clustered == ["conv1", "conv4"]
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

    assert_one_line(refused, 1, "exists already; pass overwrite")
    assert listing(tmp_path) == before
    succeed(*arguments, "--overwrite")


@pytest.mark.slow
def test_the_demo_makes_an_atlas_of_what_ships(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "demo"
    # All stages, each of as little as it takes: one layer in place of four.
    few = {"_MAPPED": 24, "_RANDOM": 1, "_INTERCHANGED": 24, "_JUDGED": 12}
    few |= {"_CASCADE": 1, "_ABLATED": 12, "_AVERAGED": 12}
    for name, count in few.items():
        monkeypatch.setattr(demo, name, count)
    monkeypatch.setattr(demo, "_RIVALS", ("epsilon",))
    one_layer = partial(demo.fill_store, layers=["conv4"])
    monkeypatch.setattr(demo, "fill_store", one_layer)

    done = run("demo", "--out", out, "--positions", 60)

    # It may take long enough to say on stderr how far it is.
    assert done.code == 0, done.err
    assert done.out == f"open {out / 'atlas' / 'index.html'}\n"
    assert (out / "atlas" / "index.html").is_file()
    assert len(open_store(out / "demo.crp")) == 60


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


def test_ctrl_c_exits_with_130_and_leaves_a_run_that_can_go_on(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run.crp"
    # 6,000 positions one by one take a while: the signal does not come too late.
    inputs = [folder / "net.safetensors", "demo", "--sample", 6000]
    process = start("attribute", *inputs, "--out", out, "--batch-size", 1)
    deadline = time.monotonic() + 60
    while not (out / "corpus-0.h5").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "Traceback" not in err
    assert {p.name for p in out.iterdir()} == {
        "manifest.json",
        "corpus-0.h5",
        "baseline-0.h5",
    }
    assert sum(map(len, pending(out))) == 6000


def test_a_reader_that_has_seen_enough_is_no_error(folder: Path) -> None:
    with start("top", folder / "run.crp", "--layer", "conv1", "--channel", 0) as top:
        assert top.stdout is not None
        assert top.stderr is not None
        top.stdout.close()

        assert top.stderr.read() == ""
        assert top.wait(60) == 1
