"""Positions in any form, as every function that takes some gets them."""

import numpy as np
import pytest
import torch

import conceptlrp as cl
from conceptlrp.drawing import board_svg
from conceptlrp.evaluation import evaluate_composites
from conceptlrp.figures import board
from conceptlrp.labels import control_labels, label_boards
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus, Position
from conceptlrp.othello.board import to_boards
from conceptlrp.othello.positions import as_corpus, as_position, given_corpus

LINES = ("f5", "f5d6", "f5d6c3", "f5d6c3d3")
POSITIONS = [Position.from_transcript(line) for line in LINES]
CORPUS = Corpus.from_positions(POSITIONS)
BOARDS = to_boards(CORPUS.own, CORPUS.opponent).astype(np.int8)
FORMS = {
    "array": BOARDS,
    "float array": BOARDS.astype(float),
    "tensor": torch.from_numpy(BOARDS),
    "nested lists": BOARDS.tolist(),
    "positions": POSITIONS,
    "corpus": CORPUS,
}


@pytest.fixture(scope="module")
def network() -> OthelloNet:
    return OthelloNet(channels=2).eval()


@pytest.mark.parametrize("form", FORMS)
def test_positions_are_the_same_in_every_form(form):
    found = as_corpus(FORMS[form]).columns()

    # An array says nothing of who moves.
    for name in CORPUS.columns().keys() - {"mover"}:
        np.testing.assert_array_equal(found[name], CORPUS.columns()[name])


@pytest.mark.parametrize("form", ["tensor", "positions"])
def test_every_function_takes_positions_in_every_form(form, network, tmp_path):
    given = FORMS[form]
    layer = {"layers": "conv2"}

    store = cl.attribute_corpus(
        network, given, tmp_path / "s.crp", targets="value", **layer
    )

    assert as_corpus(given).own.tolist() == CORPUS.own.tolist()
    assert store.positions.opponent.tolist() == CORPUS.opponent.tolist()
    assert len(np.unique(store.positions.game)) == len(CORPUS)
    assert len(cl.attribute(network, given, targets="value", **layer).positions) == len(
        CORPUS
    )
    assert network.check(given).shares is not None
    expected = label_boards(CORPUS).position["mobility"]
    assert label_boards(given).position["mobility"].tolist() == expected.tolist()
    assert len(control_labels(given)) == len(CORPUS)
    found = evaluate_composites(
        network, given, composites="epsilon", layers="conv2", n_cascade=2
    )
    assert found.composites == ("epsilon",)


@pytest.mark.parametrize("given", [POSITIONS[2], BOARDS[2], BOARDS[2:3], LINES[2]])
def test_one_position_is_taken_in_every_form(given, network):
    assert as_corpus(given).own.tolist() == [POSITIONS[2].own]
    assert as_position(given).opponent == POSITIONS[2].opponent
    assert cl.explain(network, given, layers="conv2").positions.own == POSITIONS[2].own
    assert cl.position_report(network, given).position.own == POSITIONS[2].own
    if not isinstance(given, str):
        assert board(given).axes


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (BOARDS.reshape(4, 64), r"expected \(N, 8, 8\) or \(N, 6, 6\)"),
        (np.zeros((4, 2, 8, 8)), r"boards have shape \(4, 2, 8, 8\), expected"),
        (2 * BOARDS, r"board 0 holds -?2 in row"),
        (3, "positions are int, expected a Corpus, Position, list of Position"),
        (None, "positions are NoneType, expected a Corpus"),
        (CORPUS.games, "positions are Games, .* Corpus.from_games takes Games"),
        ("games.txt", "corpus is 'games.txt'; read game files with Corpus.read"),
    ],
)
def test_what_is_no_position_is_refused_with_what_to_call(
    given, words, network, tmp_path
):
    for call in (
        given_corpus,
        label_boards,
        lambda x: cl.attribute_corpus(network, x, tmp_path / "s.crp"),
        lambda x: evaluate_composites(network, x),
    ):
        with pytest.raises((TypeError, ValueError), match=words):
            call(given)


def test_a_position_alone_in_a_list_or_corpus_is_one(network):
    alone = CORPUS[2:3]
    for given in (alone, [alone.position(0)], (alone.position(0),)):
        assert as_position(given) == alone.position(0)
        assert cl.position_report(network, given).position == alone.position(0)
    for several in (CORPUS[:2], [CORPUS.position(0), CORPUS.position(1)]):
        with pytest.raises(ValueError, match="found 2 positions, expected one"):
            cl.explain(network, several)


def test_several_boards_are_no_position(network):
    for call in (as_position, lambda x: cl.explain(network, x), board):
        with pytest.raises(ValueError, match="expected one board"):
            call(BOARDS)
    with pytest.raises(TypeError, match=r"Position\.from_array makes one of a board"):
        board_svg(BOARDS[0])
