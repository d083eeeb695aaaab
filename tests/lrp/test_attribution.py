"""Relevance of positions: zennit's own numbers, and what must hold of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from zennit import composites as zennit_composites
from zennit.canonizers import NamedMergeBatchNorm
from zennit.core import Composite
from zennit.rules import Epsilon, Flat, Gamma, Pass, WSquare
from zennit.types import Activation, Convolution, Linear

from conceptlrp.errors import CompositeError, LayerError, NetworkError, TargetError
from conceptlrp.lrp import COMPOSITES, Explainer, Neuron, attribute, explain, inputs
from conceptlrp.lrp.inputs import products_in
from conceptlrp.networks import OthelloNet
from conceptlrp.networks.planes import actions_of_squares, board_planes
from conceptlrp.othello import Corpus, Position
from conceptlrp.othello.board import to_boards
from tests.lrp.conftest import random_corpus, randomize

BATCH_NORMS = [([f"conv{i}"], f"bn{i}") for i in range(1, 5)] + [
    ([f"fc{i}"], f"fc_bn{i}") for i in (1, 2)
]
MERGE = [NamedMergeBatchNorm(BATCH_NORMS)]


def first_layer(first: Composite, convolution: Composite) -> Composite:
    return zennit_composites.SpecialFirstLayerMapComposite(
        [(Activation, Pass()), (Convolution, convolution), (Linear, Epsilon())],
        [(Linear, first)],
        canonizers=MERGE,
    )


#: Each preset built from zennit's parts alone, with zennit's own canonizer.
ZENNIT: dict[str, Callable[[], Composite]] = {
    "epsilon": lambda: zennit_composites.LayerMapComposite(
        [(Activation, Pass()), (Linear, Epsilon())], canonizers=MERGE
    ),
    "epsilon-flat": lambda: first_layer(Flat(), Epsilon()),
    "epsilon-plus": lambda: zennit_composites.EpsilonPlus(canonizers=MERGE),
    "epsilon-plus-flat": lambda: zennit_composites.EpsilonPlusFlat(canonizers=MERGE),
    "epsilon-gamma": lambda: zennit_composites.LayerMapComposite(
        [(Activation, Pass()), (Convolution, Gamma()), (Linear, Epsilon())],
        canonizers=MERGE,
    ),
    "epsilon-gamma-flat": lambda: first_layer(Flat(), Gamma()),
    "epsilon-alpha2-beta1-flat": lambda: zennit_composites.EpsilonAlpha2Beta1Flat(
        canonizers=MERGE
    ),
    "epsilon-w-square": lambda: first_layer(WSquare(), Epsilon()),
}


def exact_batch_norm(network: OthelloNet) -> OthelloNet:
    """Make zennit's merging exact: it leaves the norm's epsilon in place."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.running_var += module.eps
            module.eps = 0.0
    return network


def zennit_heatmap(
    network: OthelloNet, composite: Composite, positions: Corpus
) -> np.ndarray:
    """Explain the move played with zennit alone."""
    planes = torch.from_numpy(board_planes(positions.own, positions.opponent))
    planes = planes.double().requires_grad_()
    actions = torch.from_numpy(actions_of_squares(positions.played).astype(np.int64))
    with composite.context(network) as hooked:
        logits = hooked(planes)[0]
        start = torch.zeros_like(logits)
        rows = torch.arange(len(logits))
        start[rows, actions] = logits.detach()[rows, actions]
        (relevance,) = torch.autograd.grad(logits, planes, start)
    return relevance.sum(1).numpy()


def test_every_preset_is_compared_with_zennit() -> None:
    assert sorted([*ZENNIT, "gradient-x-input"]) == list(COMPOSITES)


@pytest.mark.parametrize("name", ZENNIT)
def test_heatmaps_equal_those_of_zennit_called_directly(
    name: str, random_positions: Corpus
) -> None:
    network = exact_batch_norm(randomize(OthelloNet(channels=6)).double())

    found = attribute(network, random_positions, composite=name, dtype="float64")

    expected = zennit_heatmap(network, ZENNIT[name](), random_positions)
    scale = np.abs(expected).max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(
        found.heatmap[:, 0] / scale, expected / scale, rtol=1e-9, atol=1e-9
    )


def test_a_zennit_composite_is_accepted(
    small_network: OthelloNet, random_positions: Corpus
) -> None:
    composite = zennit_composites.EpsilonPlusFlat()

    found = attribute(small_network, random_positions, composite=composite)

    named = attribute(small_network, random_positions, composite="epsilon-plus-flat")
    np.testing.assert_array_equal(found.heatmap, named.heatmap)


@pytest.mark.parametrize("name", COMPOSITES)
def test_conditional_heatmaps_sum_to_the_whole(
    name: str, small_network: OthelloNet, random_positions: Corpus
) -> None:
    found = attribute(
        small_network,
        random_positions[:6],
        targets=["played", "value"],
        composite=name,
        layers=["conv1", "conv3", "conv4"],
        conditional=True,
        dtype="float64",
    )

    for heatmaps in found.conditional.values():
        scale = np.abs(found.heatmap).max()
        np.testing.assert_allclose(
            heatmaps.sum(2), found.heatmap, rtol=0, atol=1e-12 * scale * 100
        )


def test_shapes_are_those_of_the_docstring(
    small_network: OthelloNet, random_positions: Corpus
) -> None:
    found = attribute(
        small_network,
        random_positions,
        targets=["best", "value", Neuron("conv2", 3)],
        layers=["conv2", "fc1"],
        conditional={"conv2": [0, 5]},
    )

    n = len(random_positions)
    assert found.targets == ("best", "value", "conv2:3")
    assert found.input_relevance.shape == (n, 3, 1, 8, 8)
    assert found.heatmap.shape == (n, 3, 8, 8)
    assert found.relevance["conv2"].shape == (n, 3, 6, 8, 8)
    assert found.relevance["fc1"].shape == (n, 3, 1024, 1, 1)
    assert found.channel_relevance["conv2"].shape == (n, 3, 6)
    assert found.activation["conv2"].shape == (n, 6, 8, 8)
    assert found.conditional["conv2"].shape == (n, 3, 2, 8, 8)
    assert found.explained.shape == (n, 3)


def test_the_batch_size_changes_nothing(
    small_network: OthelloNet, random_positions: Corpus
) -> None:
    positions = random_positions[:12]
    conditions = {"conv3": [0, 4]}
    whole = attribute(small_network, positions, conditional=conditions, dtype="float64")

    parts = attribute(
        small_network, positions, conditional=conditions, dtype="float64", batch_size=5
    )

    np.testing.assert_allclose(parts.heatmap, whole.heatmap, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        parts.conditional["conv3"], whole.conditional["conv3"], rtol=1e-9, atol=1e-12
    )


def test_channels_can_be_asked_for_row_by_row(
    small_network: OthelloNet, random_positions: Corpus
) -> None:
    channels = np.arange(len(random_positions))[:, None] % 6

    found = attribute(
        small_network, random_positions, conditional={"conv4": channels}, batch_size=7
    )

    every = attribute(small_network, random_positions, conditional=True)
    rows = np.arange(len(random_positions))
    np.testing.assert_allclose(
        found.conditional["conv4"][:, 0, 0],
        every.conditional["conv4"][rows, 0, channels[:, 0]],
        atol=1e-5,
    )


def test_relevance_starts_from_the_explained_value(
    small_network: OthelloNet, random_positions: Corpus
) -> None:
    found = attribute(
        small_network,
        random_positions,
        targets=["played", "best", "value"],
        layers=["fc2"],
        dtype="float64",
    )

    rows = np.arange(len(random_positions))
    actions = actions_of_squares(found.squares[:, 0])
    np.testing.assert_array_equal(found.explained[:, 0], found.logits[rows, actions])
    np.testing.assert_array_equal(found.explained[:, 2], found.value)
    assert (found.explained[:, 1] >= found.explained[:, 0]).all()


def test_a_neuron_gets_its_own_activation_as_relevance(
    small_network: OthelloNet, random_positions: Corpus
) -> None:
    found = attribute(
        small_network,
        random_positions,
        targets=[Neuron("conv3", 2, (1, 4))],
        layers=["conv2", "conv3", "conv4"],
    )

    expected = np.zeros_like(found.relevance["conv3"])
    expected[:, 0, 2, 1, 4] = found.activation["conv3"][:, 2, 1, 4]
    np.testing.assert_array_equal(found.relevance["conv3"], expected)
    assert not found.relevance["conv4"].any()


def test_a_neuron_is_explained_by_its_receptive_field_alone(
    small_network: OthelloNet, random_positions: Corpus
) -> None:
    found = attribute(
        small_network, random_positions, targets=[Neuron("conv2", 1, (3, 3))]
    )

    outside = np.ones((8, 8), bool)
    outside[1:6, 1:6] = False
    assert found.heatmap.any()
    assert not found.heatmap[:, 0, outside].any()


def test_a_six_by_six_network_explains_six_by_six_boards() -> None:
    network = randomize(OthelloNet(channels=4, size=6))
    positions = random_corpus(2, size=6).sample(8, seed=0)

    found = attribute(network, positions, targets=["played"], conditional=True)

    assert found.heatmap.shape == (8, 1, 6, 6)
    assert found.conditional["conv4"].shape == (8, 1, 4, 6, 6)
    np.testing.assert_allclose(
        found.conditional["conv4"].sum(2), found.heatmap, atol=1e-4
    )


def test_hooks_are_gone_after_an_error(
    small_network: OthelloNet, random_positions: Corpus
) -> None:
    explainer = Explainer(small_network)
    with pytest.raises(TargetError):
        explainer.attribute(random_positions, targets=["a1"])

    modules = list(explainer.network.modules())

    assert not any(m._forward_hooks or m._forward_pre_hooks for m in modules)


def test_an_illegal_target_names_the_position_and_its_moves(
    small_network: OthelloNet, random_positions: Corpus
) -> None:
    with pytest.raises(TargetError, match=r"target 'a1' at position \d+: .*legal: "):
        attribute(small_network, random_positions, targets=["a1"])


def test_unknown_names_are_refused_with_the_known_ones(
    small_network: OthelloNet, random_positions: Corpus
) -> None:
    with pytest.raises(TargetError, match="unknown target 'z9'"):
        attribute(small_network, random_positions, targets=["z9"])
    with pytest.raises(CompositeError, match=r"unknown composite 'x', .*epsilon-plus"):
        attribute(small_network, random_positions, composite="x")
    with pytest.raises(LayerError, match=r"no layer 'conv9', .*conv4, fc1"):
        attribute(small_network, random_positions, layers=["conv9"])
    with pytest.raises(LayerError, match="'conv1' has no channel 6, expected 0 to 5"):
        attribute(small_network, random_positions, conditional={"conv1": [6]})


def test_a_network_for_another_board_is_refused(random_positions: Corpus) -> None:
    network = randomize(OthelloNet(channels=4, size=6))

    with pytest.raises(NetworkError, match="plays on 6x6, the positions are of 8x8"):
        attribute(network, random_positions)


def test_a_contrast_is_one_move_less_the_other(
    small_network: OthelloNet,
) -> None:
    start = Position.start()
    targets = ["d3", "c4", "d3-c4"]

    found = attribute(small_network, start, targets=targets, dtype="float64")

    one, other, both = found.heatmap[0]
    np.testing.assert_allclose(both, one - other, rtol=1e-9, atol=1e-12)
    assert found.targets == ("d3", "c4", "d3-c4")
    np.testing.assert_allclose(
        found.explained[0, 2], found.explained[0, 0] - found.explained[0, 1]
    )


def test_a_contrast_with_something_else_than_a_move_is_refused(
    small_network: OthelloNet,
) -> None:
    with pytest.raises(TargetError, match="'d3-value' contrasts something that is no"):
        attribute(small_network, Position.start(), targets=["d3-value"])


def test_boards_and_positions_are_explained_like_a_corpus(
    small_network: OthelloNet, random_positions: Corpus
) -> None:
    corpus = random_positions[:3]
    boards = to_boards(corpus.own, corpus.opponent)
    positions = [corpus.position(i) for i in range(3)]

    expected = attribute(small_network, corpus, targets=["best"]).heatmap

    for given in (boards, positions, torch.from_numpy(boards), boards.tolist()):
        found = attribute(small_network, given, targets=["best"]).heatmap
        np.testing.assert_array_equal(found, expected)


def test_one_position_is_taken_as_a_board_its_moves_or_an_object(
    small_network: OthelloNet,
) -> None:
    moves = "f5d6c3"
    position = Position.from_transcript(moves)
    (board,) = to_boards([position.own], [position.opponent])
    expected = attribute(small_network, [position], targets="best").heatmap

    for given in (position, moves, board, torch.from_numpy(board)):
        found = attribute(small_network, given, targets="best").heatmap
        np.testing.assert_array_equal(found, expected)


def test_single_names_and_numpy_numbers_are_taken_like_lists_and_numbers(
    small_network: OthelloNet, random_positions: Corpus
) -> None:
    expected = attribute(
        small_network,
        random_positions,
        layers=["conv3"],
        conditional={"conv3": [4]},
        batch_size=7,
    )

    found = attribute(
        small_network,
        random_positions,
        layers="conv3",
        conditional={"conv3": np.int64(4)},
        batch_size=np.int64(7),
    )

    assert list(found.relevance) == ["conv3"]
    np.testing.assert_array_equal(
        found.conditional["conv3"], expected.conditional["conv3"]
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"network": 3}, r"network is int"),
        ({"network": 3}, "network is int, expected a torch module"),
        ({"corpus": 3}, "positions are int, expected a Corpus, Position"),
        ({"conditional": "conv3"}, "conditional is str, expected True, False or"),
        ({"conditional": {"conv3": "a"}}, "channels of 'conv3' are <U1, expected"),
        ({"layers": 3}, "layers is int, expected the name of a layer or a list"),
        ({"targets": 3}, "targets is int, expected a target or a list of them"),
        ({"batch_size": 2.5}, "batch_size is float, expected a whole number"),
    ],
)
def test_what_cannot_be_explained_is_refused_with_a_sentence(
    arguments: dict[str, Any], message: str, small_network: OthelloNet
) -> None:
    given = {"network": small_network, "corpus": Position.start(), "targets": "best"}

    with pytest.raises(TypeError, match=message):
        attribute(**{**given, **arguments})


def test_one_position_is_explained_and_drawn_by_one_call(
    small_network: OthelloNet,
) -> None:
    found = explain(small_network, "f5d6c3", "d3", layers="conv2")

    assert repr(found) == "Attribution(d3; 1 position; layers conv2 (6))"
    assert found.frame()["relevance"].sum() == pytest.approx(
        float(found.channel_relevance["conv2"].sum()), rel=1e-5
    )
    assert found.to_dict()["targets"] == ["d3"]
    assert found.positions.position(0).obf() == Position.from_transcript("f5d6c3").obf()
    assert "position 0, d3" in found._repr_html_()


def test_boards_of_the_wrong_shape_or_values_are_refused(
    small_network: OthelloNet,
) -> None:
    with pytest.raises(ValueError, match=r"shape \(64,\), expected \(N, 8, 8\)"):
        attribute(small_network, np.zeros(64), targets=["best"])
    boards = np.zeros((2, 8, 8))
    boards[1, 2, 3] = 2
    with pytest.raises(ValueError, match=r"board 1 holds 2\.0 in row 2, column 3"):
        attribute(small_network, boards, targets=["best"])


def test_a_loose_board_has_no_played_move(small_network: OthelloNet) -> None:
    with pytest.raises(TargetError, match="position 0 has no played move"):
        attribute(small_network, Position.start())


def test_an_unknown_dtype_or_batch_size_is_refused(
    small_network: OthelloNet, random_positions: Corpus
) -> None:
    with pytest.raises(ValueError, match="dtype is 'float8', expected one of"):
        attribute(small_network, random_positions, dtype="float8")
    with pytest.raises(ValueError, match="batch_size is 0, expected at least 1"):
        attribute(small_network, random_positions, batch_size=0)


def test_bfloat16_is_refused_where_it_would_crawl(
    small_network: OthelloNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "has_bfloat16", lambda: False)

    with pytest.raises(ValueError, match="no bfloat16 instructions"):
        Explainer(small_network, dtype="bfloat16")


def test_bfloat16_has_two_or_three_digits(
    small_network: OthelloNet, random_positions: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "has_bfloat16", lambda: True)
    exact = attribute(small_network, random_positions[:2], conditional=True)

    found = attribute(
        small_network, random_positions[:2], conditional=True, dtype="bfloat16"
    )

    scale = np.abs(exact.heatmap).max()
    np.testing.assert_allclose(
        found.heatmap / scale, exact.heatmap / scale, rtol=0, atol=0.1
    )


def test_a_device_that_is_not_there_is_refused(small_network: OthelloNet) -> None:
    with pytest.raises(ValueError, match="device is 'cuda:77', which cannot be used"):
        Explainer(small_network, device="cuda:77")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_gpu_gives_the_same_as_the_processor(
    small_network: OthelloNet, random_positions: Corpus
) -> None:
    expected = attribute(
        small_network, random_positions, conditional=True, dtype="float64"
    )

    found = attribute(
        small_network,
        random_positions,
        conditional=True,
        dtype="float64",
        device="cuda",
    )

    for layer, heatmaps in expected.conditional.items():
        np.testing.assert_allclose(
            found.conditional[layer], heatmaps, rtol=1e-9, atol=1e-12
        )


def test_tf32_is_refused_where_there_is_none(small_network: OthelloNet) -> None:
    with pytest.raises(
        ValueError, match="tf32 is a mode of CUDA devices, not of 'cpu'"
    ):
        Explainer(small_network, dtype="tf32")


def test_products_are_full_float32_meanwhile_and_as_before_afterwards() -> None:
    before = torch.backends.cudnn.allow_tf32

    with products_in(tf32=False):
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32

    assert torch.backends.cudnn.allow_tf32 == before
