"""Interventions at positions, against torch's own hooks on a network's modules."""

import json
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import conceptlrp as cl
from conceptlrp.errors import LayerError
from conceptlrp.lrp import Explainer, Intervened, Intervention, Neuron
from conceptlrp.lrp.probing import best_actions, boards_of, planes_of
from conceptlrp.networks import OthelloNet, ResidualTower
from conceptlrp.networks.planes import legal_actions, squares_of_actions
from conceptlrp.othello import Corpus
from tests.lrp.conftest import randomize
from tests.lrp.test_engine import with_hooks
from tests.lrp.test_native import hooked

N = 7
RNG = np.random.default_rng(0)
MAP, EACH = RNG.normal(size=(8, 8)), RNG.normal(size=(N, 2, 3))


@pytest.fixture
def corpus(random_positions: Corpus) -> Corpus:
    return random_positions[:N]


@pytest.fixture
def donors(random_positions: Corpus) -> Corpus:
    return random_positions[N : 2 * N]


@pytest.fixture
def explainer() -> Explainer:
    return Explainer(randomize(OthelloNet(channels=5)), dtype="float64")


def as_change(
    explainer: Explainer, made: Intervention, donors: Corpus
) -> Callable[[Tensor], Tensor]:
    """Say an intervention again with loops over single units."""
    donated = explainer.maps(donors)[made.layer]

    def change(maps: Tensor) -> Tensor:
        n, n_channels, height, width = maps.shape
        channels = range(n_channels) if made.channels is None else made.channels
        channels = [channels] if isinstance(channels, int) else list(channels)
        squares = made.squares or range(height * width)
        shape = (n, len(channels), height, width)
        if made.squares is not None:
            shape = (n, len(channels), len(squares))
        found = maps.clone()
        if made.action == "replace":
            for c in channels:
                for s in squares:
                    at = (slice(None), c, s // width, s % width)
                    found[at] = donated[at]
            return found
        values = np.broadcast_to(made.value, shape).reshape(n, len(channels), -1)
        for i, c in enumerate(channels):
            for j, s in enumerate(squares):
                at = (slice(None), c, s // width, s % width)
                value = torch.from_numpy(values[:, i, j].copy())
                found[at] = maps[at] * value if made.action == "scale" else value
        return found

    return change


def by_hooks(
    explainer: Explainer, corpus: Corpus, experiment: list[Intervention], donors: Corpus
) -> tuple[np.ndarray, np.ndarray]:
    changes: dict[str, Callable[[Tensor], Tensor]] = {}
    for made in experiment:
        change, first = as_change(explainer, made, donors), changes.get(made.layer)
        changes[made.layer] = partial(_both, first, change) if first else change
    with hooked(explainer, changes) as network, torch.no_grad():
        policy, value = network(planes_of(explainer, boards_of(corpus)))
    return policy.numpy(), value.numpy().reshape(-1)


def _both(
    first: Callable[[Tensor], Tensor], second: Callable[[Tensor], Tensor], maps: Tensor
) -> Tensor:
    return second(first(maps))


def assert_same(found: Intervened, k: int, expected: tuple[np.ndarray, ...]) -> None:
    for array, same in zip((found.logits, found.value), expected, strict=True):
        np.testing.assert_allclose(array[k], same, rtol=1e-12, atol=1e-12)


EXPERIMENTS = [
    [Intervention("conv3", 2)],
    [Intervention("conv2", [0, 3], value=MAP)],
    [Intervention("conv1", [4, 1], [63, 9, 0], value=EACH)],
    [Intervention("conv2", None, [27, 28], "scale", -1.5)],
    [Intervention("conv4", [0, 1, 2], action="scale", value=np.ones((3, 1, 1)) * 3)],
    [Intervention("conv1", value=0.5), Intervention("conv3", 1, action="scale")],
    [
        Intervention("conv3", None, action="scale", value=2),
        Intervention("conv1", [2, 3], action="scale", value=0.5),
        Intervention("conv3", [1, 2], [5], value=4.0),
        Intervention("conv2", 2, range(10), value=RNG.normal(size=(N, 1, 10))),
    ],
]


@pytest.mark.parametrize("engine", [lambda e: e, with_hooks], ids=["native", "hooks"])
def test_experiments_give_what_hooks_on_the_modules_give(
    explainer: Explainer,
    corpus: Corpus,
    donors: Corpus,
    engine: Callable[[Explainer], Explainer],
) -> None:
    experiments = [
        *EXPERIMENTS,
        [Intervention("conv2", [1, 4], None, "replace", donors)],
        [
            Intervention("conv1", None, [3, 60], "replace", donors),
            Intervention("conv3", 0, None, "replace", donors),
        ],
    ]

    found = engine(explainer).intervene(corpus, experiments, targets=["best", "value"])

    before = by_hooks(explainer, corpus, [], donors)
    legal = legal_actions(corpus.own, corpus.opponent)
    best = best_actions(before[0], legal)
    rows = np.arange(N)
    for k, experiment in enumerate(experiments):
        logits, value = by_hooks(explainer, corpus, experiment, donors)
        assert_same(found, k, (logits, value))
        fall = before[0][rows, best] - logits[rows, best]
        np.testing.assert_allclose(found.change[k, :, 0], fall, atol=1e-12)
        np.testing.assert_allclose(found.change[k, :, 1], before[1] - value, atol=1e-12)
        moves = squares_of_actions(best_actions(logits, legal), size=8)
        np.testing.assert_array_equal(found.best[k], moves)
        np.testing.assert_array_equal(found.changed[k], moves != found.squares[:, 0])
    assert found.changed.any()


def test_what_passes_beside_a_layer_of_a_tower_stays(
    corpus: Corpus, donors: Corpus
) -> None:
    tower = randomize(ResidualTower(channels=3, blocks=3, value_units=4))
    explainer = Explainer(tower, dtype="float64")
    layers = list(explainer.layers)
    single = [[Intervention(layer, 0, value=1.0)] for layer in layers]
    every = [Intervention(layer, 0, action="scale", value=-1) for layer in layers]

    found = explainer.intervene(corpus, [*single, every])

    for k, experiment in enumerate([*single, every]):
        assert_same(found, k, by_hooks(explainer, corpus, experiment, donors))


def test_one_square_need_not_be_listed(explainer: Explainer, corpus: Corpus) -> None:
    alone, listed = (Intervention("conv3", 0, squares) for squares in (5, [5]))

    found = explainer.intervene(corpus, [alone, listed])

    np.testing.assert_allclose(*found.logits, rtol=0, atol=1e-12)
    assert found.names == ("conv3:0 at 1 square set to 0",) * 2


def test_the_size_of_batches_changes_nothing_beyond_rounding(
    explainer: Explainer, corpus: Corpus, donors: Corpus
) -> None:
    experiments = [*EXPERIMENTS, Intervention("conv1", 1, None, "replace", donors)]

    found = explainer.intervene(corpus, experiments)

    for batch_size in (1, 3, 20):
        again = explainer.intervene(corpus, experiments, batch_size=batch_size)
        np.testing.assert_allclose(again.logits, found.logits, rtol=0, atol=1e-13)
        np.testing.assert_allclose(again.change, found.change, rtol=0, atol=1e-13)
        np.testing.assert_array_equal(again.best, found.best)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_left_as_it_was_changes_nothing_at_all(
    corpus: Corpus, dtype: str
) -> None:
    explainer = Explainer(randomize(OthelloNet(channels=5)), dtype=dtype)
    own = explainer.maps(corpus)["conv2"].numpy()

    found = explainer.intervene(
        corpus,
        [
            Intervention("conv1", action="scale", value=1),
            Intervention("conv2", value=own),
            Intervention("conv3", [1, 2], None, "replace", corpus),
            [
                Intervention("conv1", 0, action="scale", value=1),
                Intervention("conv4", 0),
            ],
        ],
        targets=["best", "value"],
        batch_size=5,
    )

    assert not found.change[:3].any()
    assert not found.changed[:3].any()
    np.testing.assert_array_equal(found.logits[1], found.logits_before)
    assert found.change[3].any()


def test_targets_may_be_contrasts_and_neurons(
    explainer: Explainer, corpus: Corpus
) -> None:
    unit, whole = Neuron("conv3", 1, (2, 3)), Neuron("conv2", 4)
    made = Intervention("conv2", 4, [9], value=7.0)

    found = explainer.intervene(corpus, made, targets=[unit, whole, "best-played"])

    maps = explainer.maps(corpus)
    np.testing.assert_allclose(found.before[:, 0], maps["conv3"][:, 1, 2, 3])
    fall = maps["conv2"][:, 4, 1, 1] - 7.0
    np.testing.assert_allclose(found.change[0, :, 1], fall, atol=1e-12)
    moves = found.squares[:, 2].astype(int), corpus.played.astype(int)
    rows = np.arange(N)
    contrast = found.logits[0][rows, moves[0]] - found.logits[0][rows, moves[1]]
    np.testing.assert_allclose(found.explained[0, :, 2], contrast)


@pytest.mark.filterwarnings("ignore:.*no output for a pass")
def test_a_network_without_a_value_head_has_no_value(corpus: Corpus) -> None:
    network = nn.Sequential(
        *(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 1, 1), nn.Flatten())
    ).eval()

    found = Explainer(network).intervene(corpus, Intervention("0", 1))

    assert np.isnan(found.value).all()
    assert found.to_dict()["value"] == [[None] * N]
    assert found.logits.shape == (1, N, 64)


def test_a_linear_layer_has_one_square(corpus: Corpus, donors: Corpus) -> None:
    network = randomize(OthelloNet(channels=5))
    explainer = Explainer(network, layers=["fc1"], dtype="float64")
    made = Intervention("fc1", [3, 5], [0], "scale", 2)

    found = explainer.intervene(corpus, made)

    assert_same(found, 0, by_hooks(explainer, corpus, [made], donors))


def test_results_become_a_table_json_and_html(
    explainer: Explainer, corpus: Corpus
) -> None:
    alone = [Intervention("conv3", channel) for channel in range(5)]

    found = explainer.intervene(corpus, [*alone, alone[:2]], targets=["best", "value"])

    frame = found.frame()
    assert len(frame) == 6 * N * 2
    np.testing.assert_array_equal(frame["change"], found.change.ravel())
    row = frame[(frame["experiment"] == 5) & (frame["position"] == 3)].iloc[1]
    assert row["intervention"] == "conv3:0 set to 0 and conv3:1 set to 0"
    assert row["target"] == "value"
    assert row["after"] == found.value[5, 3] == found.explained[5, 3, 1]
    assert (
        bool(row["changed"])
        == found.changed[5, 3]
        == (row["best"] != row["best_before"])
    )
    content = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert content["experiments"][4] == "conv3:4 set to 0"
    assert content["changed"] == found.changed.tolist()
    assert repr(found) == "Intervened(best, value; 6 experiments at 7 positions)"
    html = found._repr_html_()
    assert html.count("<tr>") == 7
    assert "best move changed" in html


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (Intervention("conv3"), "conv3 set to 0"),
        (Intervention("conv3", [1]), "conv3:1 set to 0"),
        (
            Intervention("conv3", [1, 2], [4]),
            "2 channels of conv3 at 1 square set to 0",
        ),
        (Intervention("a", 1, [0, 1], "scale", 1.5), "a:1 at 2 squares times 1.5"),
        (Intervention("a", 0, value=MAP), "a:0 set to an array"),
        (Intervention("a", 0, None, "replace", "f5"), "a:0 of a donor"),
    ],
)
def test_an_intervention_says_what_it_does(made: Intervention, words: str) -> None:
    assert made.words == words


@pytest.mark.parametrize(
    ("made", "error", "sentence"),
    [
        ((), ValueError, "there are no experiments"),
        ([[]], ValueError, "experiment 0 is empty"),
        ([3], TypeError, "experiment 0 is int, expected an Intervention"),
        ([["conv3"]], TypeError, "experiment 0 holds one that is str"),
        (3, TypeError, "interventions is int"),
        (
            Intervention("conv9", 0),
            LayerError,
            "no layer 'conv9', expected one of conv1",
        ),
        (Intervention("conv3", 5), LayerError, "no channel 5, expected 0 to 4"),
        (Intervention("conv3", [0, -1]), LayerError, "no channel -1"),
        (Intervention("conv3", []), ValueError, r"channels of 'conv3' are \[\]"),
        (Intervention("conv3", 0.5), ValueError, "are 0.5, expected whole numbers"),  # type: ignore[arg-type]
        (
            Intervention("conv3", 0, [36]),
            ValueError,
            "expected 0 to 35: its map is 6 x 6",
        ),
        (
            Intervention("conv3", 0, [-1, 2]),
            ValueError,
            "are -1 to 2, expected 0 to 35",
        ),
        (Intervention("conv3", 0, []), ValueError, r"squares of 'conv3' are \[\]"),
        (
            Intervention("conv3", 0, value=MAP),
            ValueError,
            r"shape \(8, 8\), expected a number or what broadcasts to \(7, 1, 6, 6\)",
        ),
        (Intervention("conv3", 0, value=np.nan), ValueError, "is nan, expected finite"),
        (
            Intervention("conv3", 0, value="much"),
            ValueError,
            "is much, expected finite",
        ),
        (
            Intervention("conv3", 0, value=[[1], [1, 2]]),
            ValueError,
            "value for 'conv3' has rows of other lengths",
        ),
        (
            Intervention("conv3", 0, None, "replace", "f5d6"),
            ValueError,
            "1 donors for 7 positions, expected one for each",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(
    explainer: Explainer,
    corpus: Corpus,
    made: list[Intervention],
    error: type[Exception],
    sentence: str,
) -> None:
    with pytest.raises(error, match=sentence):
        explainer.intervene(corpus, made)


def test_an_unknown_action_and_batch_size_are_refused(
    explainer: Explainer, corpus: Corpus
) -> None:
    with pytest.raises(ValueError, match="action is 'ablate', expected one of set, sc"):
        Intervention("conv3", action="ablate")
    with pytest.raises(ValueError, match="batch_size is 0"):
        explainer.intervene(corpus, Intervention("conv3"), batch_size=0)


def test_all_channels_of_the_shipped_network_run_in_seconds() -> None:
    explainer, corpus = Explainer("demo"), cl.Corpus.read("demo").sample(100, seed=0)
    alone = [
        Intervention(layer, channel)
        for layer, shape in explainer.shapes.items()
        for channel in range(shape["channels"])
    ]

    found = explainer.intervene(corpus, alone, targets=["best", "value"])

    assert found.change.shape == (256, 100, 2)
    assert 0.01 < found.changed.mean() < 0.2
