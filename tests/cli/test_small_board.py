"""The way of a user of 6 x 6: games in a file, and verbs without a word of size."""

import re
from pathlib import Path

import pytest

from conceptlrp.explorer import ExplorerEngine, explorer_app
from conceptlrp.lrp.one_call import store_explainer
from conceptlrp.networks import demo_network
from conceptlrp.othello import Corpus, Position, square_name
from conceptlrp.store import open_store
from tests.command_line import run, succeed
from tests.explorer.client import Client

LAYERS = ("--layer", "conv3", "--layer", "conv4")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Play games, read them, and explain some of their positions."""
    folder = tmp_path_factory.mktemp("small")
    games, corpus = folder / "games.jsonl", folder / "games.h5"
    done("selfplay", "demo6", "--out", games, "-n", 30, "--simulations", 0)
    some = ("--unique", "symmetry", "--sample", 240, "--turn")
    assert "240 positions" in done("corpus", games, "--out", corpus, *some)
    place = folder / "run.crp"
    done("attribute", "demo6", corpus, "--out", place, "--target", "value", *LAYERS)
    return place


def done(*words: object) -> str:
    """Run a verb that may take long enough to say on stderr how far it is."""
    result = run(*words)
    assert result.code == 0, result.err
    return result.out


def test_a_store_is_made_from_recorded_games(store: Path) -> None:
    opened = open_store(store)

    assert opened.positions.size == 6
    assert opened.manifest.network["reference"] == "demo6"
    assert [opened.manifest.layers[n]["height"] for n in opened.layers] == [4, 2]
    assert Corpus.load(store.parent / "games.h5").size == 6


def test_boards_of_a_channel_have_six_files(store: Path) -> None:
    text = succeed("top", store, "--layer", "conv3", "--channel", 17, "-n", 2)

    assert "a b c d e f" in text
    assert "g" not in text.split("a b c d e f")[0]


def test_what_is_derived_is_on_the_pages(store: Path) -> None:
    few = ("--maps", 60, "--random-networks", 1, "--positions", 200)
    done("label", store, *few)
    done("ablate", store, "--positions", 20)

    out = store.parent / "atlas"
    done("atlas", store, out)

    found = {each.kind for each in open_store(store).results.list()}
    assert {"labels", "interchange", "ablation"} <= found
    assert len(list(out.glob("concepts/conv4/*.html"))) == 64


def test_positions_are_explained(store: Path) -> None:
    text = done("explain", "demo6", "c2b2")

    assert "a b c d e f\n" in text.replace(" \n", "\n")
    explainer = store_explainer(open_store(store), demo_network(6))
    client = Client(explorer_app(ExplorerEngine(explainer, open_store(store))))
    page = client.get("/?moves=c2").text
    squares = set(re.findall(r'id="square-(\w\w)"', page))
    after = Position.from_transcript("c2", size=6)
    assert squares == {square_name(square, 6) for square in after.legal_moves}
