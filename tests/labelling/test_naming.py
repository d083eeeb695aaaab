"""Names of channels that are set by hand, and what names must not depend on."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from conceptlrp import labelling
from conceptlrp.labelling import (
    ChannelLabels,
    LabelCriteria,
    LabelOptions,
    ScoredLabels,
    score_channels,
)
from conceptlrp.labelling.channel_name import UNNAMED
from conceptlrp.labelling.result import channel_name
from conceptlrp.labels import Labels, label_boards
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
@pytest.mark.parametrize("seed", [0, 1])
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


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus.from_games(random_games(120, seed=31)).sample(2400, seed=0)


@pytest.fixture(scope="module")
def labels(corpus: Corpus) -> Labels:
    return label_boards(corpus)


@pytest.fixture(scope="module")
def tables(labels: Labels) -> dict[str, np.ndarray]:
    """Channels that follow corners, mobility and edges, by activation or relevance."""
    random = np.random.default_rng(1)
    corners = labels.square["own corners"] != 0
    follows = corners, labels.position["mobility"], -labels.position["edge lead"]
    columns = np.stack([each / each.std() for each in follows], axis=1)
    noise = random.normal(size=(2, *columns.shape))
    return {
        "activation": columns + 0.3 * noise[0],
        "relevance": 0.2 * columns + noise[1],
    }


def names(tables, labels, corpus, *, games=None, **asked) -> tuple[str, ...]:
    scores = score_channels(
        tables,
        [],
        labels,
        corpus.game if games is None else games,
        corpus.ply,
        criteria=replace(QUICK, **asked),
    )
    return scores.names


EXPECTED = (
    "active when the mover has corners",
    "active when the mover's mobility is high",
    "inactive when the mover's lead in edge discs is large",
)


def test_names_do_not_depend_on_order_scale_or_numbers_of_games(tables, labels, corpus):
    turned = Labels(
        dict(reversed(labels.position.items())),
        dict(reversed(labels.square.items())),
        labels.move,
    )
    scaled = {m: table * np.array([3.0, 0.5, 20.0]) for m, table in tables.items()}
    renumbered = np.random.default_rng(0).permutation(1000)[corpus.game]

    assert names(tables, labels, corpus) == EXPECTED
    assert names(tables, turned, corpus) == EXPECTED
    assert names(dict(reversed(tables.items())), labels, corpus) == EXPECTED
    assert names(scaled, labels, corpus) == EXPECTED
    assert names(tables, labels, corpus, games=renumbered) == EXPECTED


def test_the_stronger_measure_gives_the_quantity(tables, labels, corpus):
    swapped = {"activation": tables["relevance"], "relevance": tables["activation"]}

    assert names(swapped, labels, corpus) == (
        "used when the mover has corners",
        "used when the mover's mobility is high",
        "less used when the mover's lead in edge discs is large",
    )


def test_two_labels_that_tie_are_both_the_name_and_three_are_none(corpus):
    parts = np.random.default_rng(3).normal(size=(len(corpus), 3))
    plain = Labels({f"part {k}": parts[:, k] for k in range(3)}, {}, {})

    both, every = (
        names(
            {"activation": parts[:, :k].sum(1, keepdims=True)}, plain, corpus, lead=0.3
        )
        for k in (2, 3)
    )

    assert both[0] in (
        "active when 'part 0' or 'part 1' is high",
        "active when 'part 1' or 'part 0' is high",
    )
    assert every == (UNNAMED,)


def test_what_comes_of_a_label_of_random_networks_is_no_name(corpus):
    """A channel of all own discs is none of those own discs that it comes with."""
    discs = np.random.default_rng(4).normal(size=len(corpus))
    frontier = discs + np.random.default_rng(5).normal(size=len(corpus))
    plain = Labels({"discs": discs, "frontier": frontier}, {}, {})

    found = score_channels(
        {"activation": discs[:, None]},
        [{"activation": (discs + 0.3 * frontier)[:, None] * [1.0]}],
        plain,
        corpus.game,
        corpus.ply,
        criteria=replace(QUICK, over_random=-0.3),
    )
    weak = [{"activation": discs[:, None]}]
    guarded = score_channels(
        {"activation": discs[:, None]},
        weak,
        plain,
        corpus.game,
        corpus.ply,
        criteria=QUICK,
    )

    assert found.names == ("active when 'discs' is high",)
    assert guarded.names == (UNNAMED,)
    assert guarded.channels[0].labels == ()


def test_negative_copies_and_shifted_channels_are_no_copies(tables, labels, corpus):
    corners = tables["activation"][:, :1]
    # The last falls wherever the first rises, and is above 0 as channels are.
    falls = np.exp(-corners)
    alike = np.hstack([corners, 2 * corners, -corners, corners + 5, falls])

    found = score_channels(
        {"activation": alike}, [], labels, corpus.game, corpus.ply, criteria=QUICK
    )

    assert [bool(each.note) for each in found.channels] == [True, *[False] * 4]
    assert found.channels[0].note == "it is a copy of channel 1"
    assert found.names[2] == found.names[4] == "inactive when the mover has corners"
