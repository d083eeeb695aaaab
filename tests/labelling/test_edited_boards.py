"""Channels answer to edited boards if they are about the label, and only then."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from conceptlrp.errors import OutputExistsError
from conceptlrp.labelling import EditedBoards, channel_evidence, edit_boards
from conceptlrp.labelling.channel_name import (
    ACTIVATION,
    FEATURE_MAP,
    FIRING_PLACE,
    INTERCHANGE,
    PLACE,
    RELEVANCE,
    RULE,
    STRONGEST,
    ChannelName,
    OwnLabel,
)
from conceptlrp.labelling.edit_tables import Known, Run, layer_tables
from conceptlrp.labelling.edited_channels import aurocs
from conceptlrp.othello import Corpus
from conceptlrp.runs import attribute_corpus
from conceptlrp.store import Store
from tests.othello.playouts import random_games

CORNERS, EDGES, LOW, LEAD, CONSTANT, PLACED = range(6)
_OTHERS = {"best": (8, "best"), "small": (6, "value")}


def corners_of(size: int) -> list[int]:
    """Return the actions of corners."""
    return [0, size - 1, size * (size - 1), size * size - 1]


class Detectors(nn.Module):
    """Channels of a single place that count discs, as their names say.

    EDGES counts own discs beside corners, which boards with corners have more of.
    PLACED is of a place, and read by the logits of corner moves besides.
    """

    def __init__(self, size: int = 8) -> None:
        super().__init__()
        self.size = size
        self.sides = nn.Conv2d(1, 2, 1, bias=False)
        self.relu1 = nn.ReLU()
        self.found = nn.Conv2d(2, 6, size)
        self.relu2 = nn.ReLU()
        self.flat = nn.Flatten()
        self.policy = nn.Linear(6, size * size + 1)
        self.value = nn.Linear(6, 1)
        self.requires_grad_(requires_grad=False)
        for parameter in self.parameters():
            parameter.zero_()
        corners, edges, middle = torch.zeros(3, size, size)
        corners[:: size - 1, :: size - 1] = 1
        edges[:: size - 1, 1:-1], edges[1:-1, :: size - 1] = 1, 1
        middle[size // 2 - 2 : size // 2 + 2, size // 2 - 2 : size // 2 + 2] = 1
        self.sides.weight[:, 0, 0, 0] = torch.tensor([1.0, -1.0])
        self.found.weight[CORNERS, 0] = corners
        self.found.weight[EDGES, 0] = edges
        self.found.weight[LOW, 0] = -corners
        self.found.weight[LEAD] = torch.stack([middle, -middle])
        self.found.bias[:] = torch.tensor([0.0, 0.0, 4.0, 16.0, 3.0, 0.0])
        # Whatever is moved there, and wherever to, makes a difference.
        weights = torch.linspace(1, 2, 2 * size * size).reshape(2, size, size)
        self.found.weight[PLACED] = weights**3 * middle
        self.policy.weight[:, CORNERS] = 1
        self.policy.weight[corners_of(size), PLACED] = 1
        self.value.weight[0] = torch.tensor([1.0, 1, 1, 1, 0, 0.1])

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """Return policy and value."""
        hidden = self.relu2(self.found(self.relu1(self.sides(planes))))
        flat = self.flat(hidden)
        return self.policy(flat), self.value(flat)


def stored(
    path: Path, *, size: int = 8, games: int = 200, target: str, baseline="mean"
) -> Store:
    corpus = Corpus.from_games(random_games(games, seed=4, size=size))
    return attribute_corpus(
        Detectors(size).eval(),
        corpus.sample(min(1200, len(corpus)), seed=1),
        path,
        targets=[target],
        layers=["found"],
        composite="epsilon",
        baseline=baseline,
    )


def edit(store: Store, size: int = 8, **options) -> EditedBoards:
    network, asked = Detectors(size).eval(), {"n_positions": 60, "n_random": 1}
    return edit_boards(store, network, **asked | options)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return stored(tmp_path_factory.mktemp("edits") / "run.crp", target="value")


@pytest.fixture(
    scope="module",
    params=["value", *(pytest.param(n, marks=pytest.mark.slow) for n in _OTHERS)],
)
def edited(
    request: pytest.FixtureRequest,
    store: Store,
    tmp_path_factory: pytest.TempPathFactory,
) -> EditedBoards:
    if request.param == "value":
        return edit(store)
    size, target = _OTHERS[request.param]
    path = tmp_path_factory.mktemp("edits") / "run.crp"
    return edit(stored(path, size=size, target=target), size)


def answer(edited: EditedBoards, channel: int, label: str, sign: int = 1):
    return edited.response("found", channel, ChannelName(label, sign, ACTIVATION))


def test_a_detector_of_own_corners_responds(edited: EditedBoards):
    found = answer(edited, CORNERS, "own corners")

    assert found.passed
    assert found.auroc > 0.97
    assert found.games >= 20
    assert found.text.startswith("Responds to edited boards that switch own corners")


def test_what_is_only_correlated_with_corners_does_not_respond(edited: EditedBoards):
    found = answer(edited, EDGES, "own corners")

    assert found.passed is False
    assert found.auroc < 0.8


def test_the_sign_of_the_name_counts(edited: EditedBoards):
    assert answer(edited, LOW, "own corners", -1).passed
    assert answer(edited, LOW, "own corners", 1).passed is False
    # Interchange names what a channel carries, whichever way it goes.
    carried = ChannelName("own corners", 1, INTERCHANGE)
    assert edited.response("found", LOW, carried).passed


def test_a_number_switches_by_its_step_and_direction(edited: EditedBoards):
    k = edited.labels.index("center lead")

    assert edited.step[k] >= 1
    assert answer(edited, LEAD, "center lead").auroc > 0.97
    assert answer(edited, CORNERS, "center lead").passed is False


def test_a_constant_channel_responds_to_nothing(edited: EditedBoards):
    known = edited.layers["found"].auroc[ACTIVATION][CONSTANT]

    assert np.allclose(known[np.isfinite(known)], 0.5)


MIDDLE = "the middle sixteen squares"


@pytest.mark.parametrize("measure", [FIRING_PLACE, PLACE])
def test_a_channel_of_a_place_responds_to_edits_in_it(edited: EditedBoards, measure):
    name = ChannelName(MIDDLE, 1, measure)
    found = edited.response("found", PLACED, name)

    assert edited.response("found", CORNERS, name).auroc < 0.6
    assert edited.response("found", CORNERS, name).passed is False
    if edited.target == "value":
        away = edited.response("found", PLACED, ChannelName(MIDDLE, -1, measure))
        assert found.passed
        assert found.auroc > 0.95
        assert found.text.startswith(f"Responds to edits inside {MIDDLE}: {measure}")
        assert away.passed is False


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> EditedBoards:
    path = tmp_path_factory.mktemp("edits") / "run.crp"
    found = stored(path, games=400, target="best", baseline="zero")
    return edit(found, n_positions=150)


@pytest.mark.parametrize("measure", [RELEVANCE, STRONGEST])
def test_what_speaks_for_a_class_of_moves_responds_to_the_question(moved, measure):
    name = ChannelName("corner move", 1, measure)
    found = moved.response("found", PLACED, name)
    other = ChannelName("corner move", -1, measure)

    assert found.passed
    assert found.auroc > 0.97
    assert "two moves that are alike in it" in found.text
    for channel in (CORNERS, EDGES):
        assert moved.response("found", channel, name).passed is False
    assert moved.response("found", PLACED, other).passed is False
    # Corners are on the edge, and beside no corner; what reads corners reads no edge.
    for label in ("edge move", "move flipping along a rank"):
        rival = moved.response("found", PLACED, ChannelName(label, 1, measure))
        assert rival.passed is False


def test_examples_of_moves_are_two_moves_of_a_board(moved: EditedBoards):
    k = moved.labels.index("corner move")
    corners = {0, 7, 56, 63}

    assert (moved.before[k] == moved.after[k]).all()
    assert not corners & set(moved.moves[k, :, 0].tolist())
    assert corners >= set(moved.moves[k, :, 1].tolist())
    assert (moved.moves[moved.labels.index("own corners")] == -1).all()
    assert (moved.layers["found"].change[RELEVANCE][PLACED, k] > 0).all()


@pytest.mark.parametrize(("low", "passed"), [(0.5, True), (0.9999, False)])
def test_what_random_networks_do_to_labels_of_their_own_counts(edited, low, passed):
    layer = replace(edited.layers["found"], random_own={ACTIVATION: low})
    found = answer(replace(edited, layers={"found": layer}), CORNERS, "own corners")

    assert found.passed is passed
    assert f"labels or rules of their own from {low:.2f}" in found.text


def answered(perfect: int, *, channels: int = 64) -> dict:
    """Compare a network with three random ones, some channels of which have rules."""
    draw = np.random.default_rng(0)
    changes = draw.normal(size=(4, 60, 2, channels)).astype(np.float32)
    runs, own = [], []
    rules = [OwnLabel(c, "rule", 1, RULE, 0.5, None) for c in range(channels)]
    for number, table in enumerate(changes):
        table[:, 0, :perfect] += 9
        run = {"conv1": {ACTIVATION: table, RELEVANCE: table}}
        runs.append(Run(run, {}, {}))
        own += [[replace(each, measure=ACTIVATION) for each in rules]] * (number > 0)
    return layer_tables("conv1", runs, Known.of(np.zeros(60, int), ("rule",), ()), own)


def test_random_networks_that_follow_their_own_as_well_leave_no_response():
    many, few = answered(32), answered(1)

    assert many["random_own"][ACTIVATION] > 0.85
    assert many["random_responding"] == 0
    assert (many["low"][ACTIVATION] <= many["random_own"][ACTIVATION]).all()
    # One of 64 channels may.
    assert few["random_own"][ACTIVATION] < 0.8
    assert few["random_responding"] <= 1 / 64


def test_relevance_of_what_the_value_reads_responds(edited: EditedBoards):
    name = ChannelName("own corners", 1, RELEVANCE)

    assert edited.response("found", CORNERS, name).auroc > 0.9


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (ChannelName("my label", 1, ACTIVATION), "no edit switches my label"),
        (ChannelName("opening", 1, ACTIVATION), "edits switch opening in fewer than"),
        (ChannelName("own frontier", 1, FEATURE_MAP), "its feature map was not"),
    ],
)
def test_what_no_edit_tells_is_untested(edited: EditedBoards, name, why):
    found = edited.response("found", CORNERS, name)

    assert found.passed is None
    assert why in found.text
    assert found.text.startswith("Not tested by edited boards: ")


def test_examples_show_what_changed(edited: EditedBoards):
    k = edited.labels.index("own corners")
    corners = np.uint64(0x8100000000000081 if edited.size == 8 else 0x420000004200)
    own = (edited.before[k, :, 0] ^ edited.after[k, :, 0]) & corners

    assert (own != 0).all()
    assert (edited.layers["found"].change[ACTIVATION][CORNERS, k] == 1).all()
    assert (edited.layers["found"].matched[ACTIVATION][CORNERS, k] == 0).all()


def test_a_saved_result_is_read_and_evidence_reads_it(store: Store):
    found = edit(store, overwrite=True)

    kept = store.results.get(EditedBoards)

    assert kept is not None
    assert {"layer", "channel", "label", "measure", "auroc"} <= set(kept.frame())
    assert kept.frame().equals(found.frame())
    assert kept.to_dict() == found.to_dict()
    assert repr(kept).startswith("EditedBoards(target='value', boards=60")
    assert "respond" in kept._repr_html_()
    with pytest.raises(OutputExistsError):
        edit(store)
    evidence = channel_evidence("found", CORNERS, edits=kept)
    assert evidence.responds.passed is None
    assert evidence.lines[1] == (
        "Not tested by edited boards: there is no name to test."
    )


def test_few_boards_leave_labels_untested(tmp_path: Path):
    found = edit(stored(tmp_path / "run.crp", games=12, target="value"), save=False)

    assert (found.games < 10).all()
    assert answer(found, CORNERS, "own corners").passed is None


def test_intervals_of_aurocs_cover():
    random = np.random.default_rng(0)
    drawn = random.normal(size=(20, 2, 2000))
    drawn[:, 0] += 1.812  # an AUROC of 0.9

    _, low, high = aurocs(drawn)

    assert 0.93 <= np.mean((low <= 0.9) & (high >= 0.9)) <= 0.99
