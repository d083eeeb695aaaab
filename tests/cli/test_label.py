"""The verb label."""

import json
from pathlib import Path

import pytest

from conceptlrp.labelling import Interchange, ScoredLabels
from conceptlrp.labels import LABELS
from conceptlrp.othello import Corpus, write_transcripts
from conceptlrp.store import open_store
from tests.command_line import assert_one_line, listing, run, succeed
from tests.othello.playouts import random_games

SMALL = ("--positions", 200, "--maps", 20, "--random-networks", 2)


@pytest.fixture
def store(folder: Path, tmp_path: Path) -> Path:
    """Return a store of positions of 40 games."""
    write_transcripts(random_games(40, seed=3), tmp_path / "games.txt")
    corpus = Corpus.read([tmp_path / "games.txt"]).sample(200, seed=1)
    corpus.save(tmp_path / "corpus.h5")
    succeed(
        *("attribute", folder / "net.safetensors", tmp_path / "corpus.h5"),
        *("--out", tmp_path / "run.crp", "--target", "played", "--target", "value"),
        *("--layer", "conv1", "--layer", "conv4"),
    )
    return tmp_path / "run.crp"


def test_a_store_is_labelled_and_its_channels_scored(folder: Path, store: Path) -> None:
    network = ("--network", folder / "net.safetensors")

    out = succeed("label", store, *network, "--layer", "conv4", *SMALL)

    assert "conv4 (played)" in out
    assert "of random networks' channels" in " ".join(out.split())
    assert "of its own with positions exchanged within plies" in " ".join(out.split())
    said = " ".join(out.split())
    assert "200 positions, 20 with maps, 2 random networks; power " in said
    assert "Labels have little power: of detectors with an effect of 0.8, " in said
    opened = open_store(store)
    assert set(opened.columns.label_names) == set(LABELS)
    scored = opened.results.get(ScoredLabels)
    assert scored is not None
    assert list(scored.layers) == ["conv4"]
    assert succeed("check", store).startswith(f"{store}: whole")
    checked = opened.results.get(Interchange)
    assert checked is not None
    # Places are the same on every board: no other one can lend them.
    assert set(checked.labels) < set(scored.layers["conv4"].labels)
    top = succeed(
        *("top", store, "--layer", "conv4", "--channel", 0, "-n", 1),
        *("--label", "mobility=1:60", "--label", "own discs"),
    )
    assert "a b c d e f g h" in top
    again = run("label", store, *network, *SMALL)
    assert_one_line(again, 1, r"labels-played-\w+\.h5: exists already; pass")


def test_positions_alone_are_labelled_without_a_network(store: Path) -> None:
    out = succeed("label", store, "--no-scores")

    assert out == f"{store}: {len(LABELS)} labels of 200 positions\n"
    assert open_store(store).results.get(ScoredLabels) is None
    again = run("label", store, "--no-scores")
    assert_one_line(again, 1, "has all labels already; pass --overwrite")
    assert succeed("label", store, "--no-scores", "--overwrite") == out


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--network", "demo"), 1, "demo: is network .*, the store explains"),
        (("--network", "nowhere.pt"), 1, "nowhere.pt"),
        (("--network", "{net}", "--layer", "conv9"), 1, "no layer 'conv9'"),
        (("--network", "{net}", "--target", "best"), 1, "has no target 'best'"),
        (("--network", "{net}", "--positions", 1), 2, "invalid value for .--positions"),
        (("--network", "{net}", "--random-networks", 0), 2, "invalid value for"),
        (("--network", "{net}", "--column", "mine"), 1, "run 'conceptlrp label' first"),
    ],
)
def test_a_wrong_call_is_one_line_and_changes_nothing(
    folder: Path, options: tuple[object, ...], code: int, message: str
) -> None:
    words = [str(o).replace("{net}", str(folder / "net.safetensors")) for o in options]
    before = listing(folder / "run.crp")

    result = run("label", folder / "run.crp", *words)

    assert_one_line(result, code, message)
    assert listing(folder / "run.crp") == before


def test_what_is_no_store_is_refused(folder: Path) -> None:
    result = run("label", folder / "plain", "--no-scores")

    assert_one_line(result, 1, "no relevance store here")


def test_channels_are_interchanged_without_labels_too(
    folder: Path, store: Path
) -> None:
    network = ("--network", folder / "net.safetensors")
    options = ("--positions", 40, "--random-networks", 1, "--layer", "conv4")

    out = succeed("interchange", store, *network, *options, "--target", "value")

    words = " ".join(out.split())
    assert "conv4 (value): channels of 4 with a label whose r reaches 0.3: " in words
    assert "positions with donors, 20 games, 1 random network" in words
    again = ("interchange", store, *network, *options, "--target", "value")
    assert_one_line(run(*again), 1, r"interchange-value-\w+\.h5: exists already; pass")
    printed = json.loads(succeed(*again, "--overwrite", "--json"))
    kept = open_store(store).results.get(Interchange, target="value")
    assert kept is not None
    assert printed == kept.to_dict()
