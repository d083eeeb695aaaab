"""Names of channels that are set by hand, and what names must not depend on."""

import pytest
import torch

from conceptlrp import labelling
from conceptlrp.labelling import (
    ChannelLabels,
    LabelCriteria,
    LabelOptions,
    ScoredLabels,
)
from conceptlrp.labelling.result import channel_name
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.runs import attribute_corpus
from tests.othello.playouts import random_games

QUICK = LabelCriteria(permutations=40)
OWN, OPPONENT, BOARD = range(3)
CENTER = (1, 1)
NEAR = [
    (row, column) for row in range(3) for column in range(3) if (row, column) != CENTER
]


def interior(side: int) -> tuple[float, dict]:
    """A disc, less one for every empty square beside it."""
    beside = {(BOARD, *at): -1.0 for at in NEAR}
    discs = {(each, *at): 1.0 for each in (OWN, OPPONENT) for at in NEAR}
    return 0.0, {(side, *CENTER): 1.0, **beside, **discs}


def corner(side: int) -> tuple[float, dict]:
    """A disc, less one for every square beside it beyond the three of a corner."""
    # A little less than 0 without the disc, whatever rounding does.
    return 2.9, {(side, *CENTER): 1.0, **{(BOARD, *at): -1.0 for at in NEAR}}


def scaled(channel: tuple[float, dict], factor: float) -> tuple[float, dict]:
    bias, taps = channel
    return factor * bias, {at: factor * weight for at, weight in taps.items()}


#: Of conv2: detectors, the detectors again, a bias alone, and every own disc.
CHANNELS = (
    interior(OWN),
    corner(OWN),
    corner(OPPONENT),
    interior(OPPONENT),
    interior(OWN),
    scaled(corner(OWN), 3.0),
    (1.0, {}),
    (0.0, {(OWN, *CENTER): 1.0}),
)
DETECTED = ("own interior", "own corners", "opponent corners", "opponent interior")
COPIES = ((0, 4), (1, 5))
CONSTANT, DISC = 6, 7
DISTRACTORS = range(8, 12)
#: Of conv3: high but where the detector of the same number fires.
LOW = (0, 3)


def known_network(seed: int) -> OthelloNet:
    """Return a network with these channels, and random weights above and beside."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = OthelloNet(channels=12).eval()
        with torch.no_grad():
            first = (
                network.get_parameter("conv1.weight"),
                network.get_parameter("conv1.bias"),
            )
            for channel, (bias, weight) in enumerate(((0, 1), (0, -1), (1, 0))):
                first[0][channel], first[1][channel] = 0.0, float(bias)
                first[0][channel, 0, 1, 1] = float(weight)
            fill(network, "conv2", CHANNELS)
            fill(network, "conv3", [(1.0, {(k, *CENTER): -1.0}) for k in LOW])
    return network


def fill(network: OthelloNet, layer: str, channels) -> None:
    weight, bias = (network.get_parameter(f"{layer}.{n}") for n in ("weight", "bias"))
    for channel, (offset, taps) in enumerate(channels):
        weight[channel], bias[channel] = 0.0, offset
        for at, value in taps.items():
            weight[(channel, *at)] = value


def found_by(seed: int, folder) -> ScoredLabels:
    network = known_network(seed)
    corpus = Corpus.from_games(random_games(200, seed=seed)).sample(2400, seed=seed)
    layers = ["conv2", "conv3"]
    store = attribute_corpus(
        network, corpus, folder / f"{seed}.crp", targets=["value"], layers=layers
    )
    options = LabelOptions(n_maps=300, n_random=3, criteria=QUICK)
    return labelling.label(
        store, network, target="value", options=options, seed=seed, save=False
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_channels_that_are_known_get_their_names_and_others_none(seed, tmp_path):
    scores = found_by(seed, tmp_path)
    conv2, conv3 = (scores.layers[layer].channels for layer in ("conv2", "conv3"))

    for channel, label in enumerate(DETECTED):
        original = next((kept for kept in named_of(channel, conv2)), None)
        name = channel_name(original)
        assert (name.label, name.sign, name.second) == (label, 1, "")
        assert name.quantity.startswith("activation")
    for channel, k in enumerate(LOW):
        name = channel_name(conv3[channel])
        assert (name.label, name.sign) == (DETECTED[k], -1)
    assert conv2[CONSTANT] == ChannelLabels(
        CONSTANT, note="it is the same at every position"
    )
    for pair in COPIES:
        copy, original = sorted(pair, key=lambda channel: conv2[channel].named)
        assert not conv2[copy].named
        assert conv2[copy].note == f"it is a copy of channel {original}"
    assert channel_name(conv2[DISC]).label in ("", "own discs", "disc lead")
    assert not any(conv2[channel].named for channel in DISTRACTORS)


def named_of(channel: int, found):
    pair = next((pair for pair in COPIES if channel in pair), (channel,))
    return [found[each] for each in pair if found[each].named]
