import json
from types import SimpleNamespace

import numpy as np
import pytest

from conceptlrp.atlas.pages.home_page import index_script, strength_rows
from conceptlrp.atlas.pages.layer_pages import LayerPart, label_counts
from conceptlrp.atlas.pictures.tiles import Tile
from conceptlrp.networks import demo_network, network_digest
from conceptlrp.report.channel import ChannelLine
from conceptlrp.report.channel_places import SIDE, places_of_columns
from conceptlrp.selfplay import read_card
from conceptlrp.shipped import SHIPPED, demo_path


def fact(channel, **changes):
    known = {
        "channel": channel,
        "name": "unnamed",
        "score": None,
        "magnitude": 0.0123456,
        "mean_share": -0.001234,
        "rank": channel + 1,
        "active": 1.0,
        "relevant": 0.5,
        "phase": 3,
        "effect": 0.12345,
        "beats_control": False,
        "dead": False,
        "note": "",
    }
    return ChannelLine(**(known | changes))


def tile(each, **changes):
    known = {"words": each.name, "short": each.name, "topic": "", "board": ""}
    return Tile(**{**known, "packed": "#" * 73, "limit": 0.0123, **changes})


def part(layer, facts, tiles=None):
    columns = np.zeros((4, len(facts)), np.float32)
    tiles = tuple(tiles or map(tile, facts))
    return LayerPart(layer, tuple(facts), tiles, columns, 0.0, True, {})


def site(text="logits"):
    manifest = SimpleNamespace(board_size=8)
    store = SimpleNamespace(manifest=manifest)
    return SimpleNamespace(title=text, target=text, unit=text, store=store)


def read(script):
    text = script.decode()
    assert text.startswith("window.ATLAS=")
    return json.loads(text.removeprefix("window.ATLAS=").removesuffix(";\n"))


def test_the_script_holds_every_channel_in_order():
    parts = [part("conv1", [fact(0), fact(1)]), part("a/b", [fact(0, name="corner")])]

    found = read(index_script(parts, np.array([[1, 2], [3, 4], [5, 6]]), site=site()))

    columns = found["columns"]
    assert found["sizes"] == [2, 1]
    assert [found["names"][n] for n in columns["name"]] == ["unnamed"] * 2 + ["corner"]
    assert found["names"][: found["named"]] == ["corner"]
    assert columns["share"] == [1.23] * 3
    letters = found["letters"]
    assert [letters.index(each) for each in found["places"]] == [
        *(1, 0, 2, 0),
        *(3, 0, 4, 0),
        *(5, 0, 6, 0),
    ]
    assert len(found["boards"]) == 3 * 73
    assert found["stems"][1].startswith("a-b-")


def test_the_script_of_2000_channels_weighs_less_than_300_kb():
    random = np.random.default_rng(0)
    parts = [
        part(
            f"trunk/{n}",
            [
                fact(
                    c,
                    name=f"label {c % 35}",
                    score=random.random(),
                    magnitude=random.random(),
                    mean_share=random.normal(),
                    active=random.random(),
                    relevant=random.random(),
                    effect=random.random(),
                )
                for c in range(256)
            ],
        )
        for n in range(8)
    ]

    script = index_script(parts, random.integers(0, 999, (2048, 2)), site=site())

    # The page itself takes some 12 KB, and names that are rules some 30 KB more.
    assert len(script) < 255_000


def test_no_text_can_end_the_script():
    hostile = "</script><script>alert(1)</script><!--\u2028\x00\ud800"

    script = index_script(
        # A layer's name has been in a file, where half a character cannot be.
        [part(hostile[:-1], [fact(0, name=hostile, note=hostile)])],
        np.zeros((1, 2), int),
        site=site(hostile),
    )

    assert b"<" not in script
    found = read(script)
    assert found["names"][0].startswith("</script>")
    assert "\x00" not in found["layers"][0]


def test_long_texts_are_cut():
    found = read(
        index_script(
            [part("conv1", [fact(0, name="a" * 5000, note="b " * 5000)])],
            np.zeros((1, 2), int),
            site=site(),
        )
    )

    assert len(found["names"][0]) == 120
    assert len(found["notes"]["0"]) == 80


def test_labels_are_counted_by_channels():
    facts = [
        fact(0, name="corner", score=0.6),
        fact(1),
        fact(2, name="edge", score=0.7),
        fact(3, name="corner", score=0.9),
    ]

    counts = label_counts(facts)

    assert counts == [("corner", [3, 0], 0.9), ("edge", [2], 0.7)]


@pytest.mark.parametrize("channels", [6, 60])
def test_channels_that_go_along_lie_together(channels):
    random = np.random.default_rng(0)
    sources = random.normal(size=(300, 2))
    which = np.arange(channels) % 2
    columns = sources[:, which] + 0.2 * random.normal(size=(300, channels))

    places = places_of_columns(columns.astype(np.float32))

    assert places.min() >= 0
    assert places.max() == SIDE
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (which[distances.argmin(axis=1)] == which).all()


def test_a_channel_that_never_changes_is_not_on_the_map():
    columns = np.random.default_rng(0).normal(size=(50, 5)).astype(np.float32)
    columns[:, 3] = 0

    places = places_of_columns(columns)

    assert (places[3] == -1).all()
    assert (np.delete(places, 3, axis=0) >= 0).all()


def test_one_channel_has_no_map():
    assert (places_of_columns(np.ones((5, 1), np.float32)) == -1).all()


def test_the_map_is_the_same_every_time():
    columns = np.random.default_rng(0).normal(size=(200, 40)).astype(np.float32)

    assert (places_of_columns(columns) == places_of_columns(columns)).all()


def store_of(digest):
    return SimpleNamespace(manifest=SimpleNamespace(network={"digest": digest}))


def test_the_card_that_ships_is_of_the_network_that_ships():
    card = read_card(demo_path(SHIPPED["demo"].card))

    rows = strength_rows(card, store_of(network_digest(demo_network())))

    assert len(rows) == len(card["rows"]) > 10
    by_name = {what: (figure, note) for what, figure, note in rows}
    greedy = card["rows"]["network v greedy"]
    assert by_name["network v greedy"][0] == f"{greedy['score']:.1%} of the points"
    assert "100 games" in by_name["network v greedy"][1]
    assert by_name["moves of people"][0].endswith("of the moves")
    assert "discs lost per move" in by_name["endgames, network"][1]


def test_without_a_card_there_are_no_rows():
    assert strength_rows(None, store_of("digest")) == ()


def test_the_card_of_another_network_is_refused():
    with pytest.raises(ValueError, match="card is of network 8b27b2a8, the store of x"):
        strength_rows(read_card(demo_path(SHIPPED["demo"].card)), store_of("x"))
