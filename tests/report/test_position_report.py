"""The report of a position against direct explanations and what must add up."""

import json

import numpy as np
import pytest

from conceptlrp.errors import LayerError, NetworkError, TargetError
from conceptlrp.lrp import Explainer
from conceptlrp.networks import OthelloNet, demo_network, predict
from conceptlrp.othello import PASS, Corpus, Position
from conceptlrp.report import position_report
from tests.othello.playouts import random_games

POSITIONS = [
    Position.start(),
    Position.from_transcript("f5d6c3d3c4"),
    Position.from_transcript("d3c3c4e3f6e6"),
]


@pytest.fixture(scope="module")
def exact() -> Explainer:
    return Explainer(
        demo_network(),
        composite="epsilon-gamma",
        layers=["conv1", "conv3"],
        dtype="float64",
    )


@pytest.mark.parametrize("position", POSITIONS)
def test_conditional_maps_of_a_layer_add_up_to_the_heatmap(exact, position) -> None:
    second = position_report(exact, position).policy[1].move

    report = position_report(exact, position, against=second)

    assert len(report.outputs) == 3
    for output in report.outputs:
        size = np.abs(output.heatmap).max()
        for layer in output.layers.values():
            summed = layer.maps.sum(axis=0)
            np.testing.assert_allclose(summed, output.heatmap, atol=1e-9 * size)


@pytest.mark.parametrize("position", POSITIONS)
def test_the_contrast_is_the_difference_of_both_moves(exact, position) -> None:
    first = position_report(exact, position)
    other = first.policy[1].move

    contrast = position_report(exact, position, against=other).contrast

    second = position_report(exact, position, move=other)
    expected = first.move.heatmap - second.move.heatmap
    np.testing.assert_allclose(contrast.heatmap, expected, atol=1e-9)
    assert contrast.target == f"{first.best.move}-{other}"
    assert contrast.squares == first.move.squares + second.move.squares
    assert contrast.explained == pytest.approx(first.best.logit - second.move.explained)


def test_the_report_says_what_direct_calls_say(exact) -> None:
    position = POSITIONS[1]
    found = exact.attribute(position, targets=["b3", "value"], conditional=True)

    report = position_report(exact, position, move="b3")

    for place, output in enumerate((report.move, report.value_output)):
        np.testing.assert_array_equal(output.heatmap, found.heatmap[0, place])
        assert output.explained == found.explained[0, place]
        for name, layer in output.layers.items():
            relevance = found.channel_relevance[name][0, place]
            np.testing.assert_array_equal(layer.relevance, relevance)
            np.testing.assert_array_equal(layer.maps, found.conditional[name][0, place])


@pytest.mark.parametrize("position", POSITIONS)
def test_policy_and_value_are_those_that_the_network_predicts(exact, position) -> None:
    predicted = predict(demo_network(), [position.own], [position.opponent])

    report = position_report(exact, position)

    assert {each.square for each in report.policy} == set(position.legal_moves)
    for each in report.policy:
        chance = predicted.probabilities[0, each.square]
        assert each.probability == pytest.approx(chance, rel=1e-4)
        assert each.logit == pytest.approx(predicted.logits[0, each.square], rel=1e-3)
    assert report.best.square == predicted.best[0]
    assert report.value == pytest.approx(predicted.value[0], abs=1e-5)


def test_top_channels_are_those_of_largest_relevance_whatever_the_sign(exact) -> None:
    layer = position_report(exact, POSITIONS[2], count=5).move.layers["conv3"]

    sizes = [abs(each.relevance) for each in layer.top]
    assert len(sizes) == 5
    assert sizes == sorted(np.abs(layer.relevance).tolist(), reverse=True)[:5]
    assert [each.rank for each in layer.top] == [1, 2, 3, 4, 5]
    shares = [layer.channel(c).share for c in range(len(layer))]
    assert np.abs(shares).sum() == pytest.approx(1)


def test_a_side_without_a_move_has_the_pass_explained(exact) -> None:
    position = Position.from_obf("XO" + "-" * 62 + " O")

    report = position_report(exact, position)

    assert [(each.move, each.probability) for each in report.policy] == [("pa", 1.0)]
    assert report.move.squares == (PASS,)
    assert report.move.target == "pa"


def test_an_empty_board_is_explained(exact) -> None:
    report = position_report(exact, Position(0, 0))

    assert np.isfinite(report.move.heatmap).all()


def test_a_report_finds_its_position_in_a_store(exact) -> None:
    corpus = Corpus.from_games(random_games(2, seed=1))

    class Positions:
        positions = corpus

    for row in (0, 17, len(corpus) - 1):
        found = position_report(exact, corpus.position(row), store=Positions())
        assert corpus.position(found.row) == corpus.position(row)
    assert position_report(exact, Position(1, 2), store=Positions()).row is None


def test_the_report_is_strict_json(exact) -> None:
    report = position_report(exact, POSITIONS[1], count=3)

    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))

    assert found["position"]["obf"] == POSITIONS[1].obf()
    assert found["contrast"] is None
    layer = found["move"]["layers"]["conv3"]
    assert len(layer["top"]) == 3
    np.testing.assert_array_equal(
        layer["top"][0]["heatmap"], report.move.layers["conv3"].top[0].heatmap
    )
    assert len(layer["atlas"]["regions"]) == 9


def test_only_the_layers_that_are_asked_for_are_reported(exact) -> None:
    assert position_report(exact, POSITIONS[0], layers=["conv3"]).layers == ("conv3",)


def test_a_network_of_6_x_6_is_reported() -> None:
    explainer = Explainer(OthelloNet(size=6, channels=4).eval(), layers=["conv1"])

    report = position_report(explainer, Position.start(6))

    assert [each.move for each in sorted(report.policy, key=lambda p: p.square)] == [
        *("c2", "b3", "e4", "d5")
    ]
    assert report.move.heatmap.shape == (6, 6)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"move": "a1"}, TargetError, "'a1' is not legal"),
        ({"against": "a1"}, TargetError, "'a1' is not legal"),
        ({"move": "d3", "against": "d3"}, TargetError, "contrasted with itself"),
        ({"move": "pa"}, TargetError, "'pa' is not legal"),
        ({"layers": ["conv9"]}, LayerError, "conv9"),
        (
            {"count": 0},
            ValueError,
            "count is 0, expected at least 1",
        ),
    ],
)
def test_what_cannot_be_reported_is_refused(exact, options, error, message) -> None:
    with pytest.raises(error, match=message):
        position_report(exact, Position.start(), **options)


def test_the_best_move_is_not_contrasted_with_itself(exact) -> None:
    best = position_report(exact, POSITIONS[1]).best.move

    with pytest.raises(TargetError, match=f"'{best}' is contrasted with itself"):
        position_report(exact, POSITIONS[1], against=best)


def test_a_board_of_another_size_is_refused(exact) -> None:
    with pytest.raises(NetworkError, match="plays on 8x8"):
        position_report(exact, Position.start(6))


def test_the_order_of_a_corpus_does_not_matter(exact) -> None:
    together = exact.attribute(
        Corpus.from_positions(POSITIONS), targets=["best"], conditional=True
    )

    for place, position in enumerate(POSITIONS):
        alone = position_report(exact, position).move
        np.testing.assert_allclose(alone.heatmap, together.heatmap[place, 0], atol=1e-9)
