"""The strength card in an atlas."""

from types import SimpleNamespace

import pytest

from conceptlrp.atlas.pages.home_page import strength_rows
from conceptlrp.networks import network_digest
from conceptlrp.networks.demo import CARD, demo_network
from conceptlrp.selfplay import read_card
from conceptlrp.shipped import demo_path


def store_of(digest):
    return SimpleNamespace(manifest=SimpleNamespace(network={"digest": digest}))


def test_the_card_that_ships_is_of_the_network_that_ships():
    card = read_card(demo_path(CARD))

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
        strength_rows(read_card(demo_path(CARD)), store_of("x"))
