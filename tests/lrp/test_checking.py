"""Checks of networks: twins of the demo network with another convention each."""

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from conceptlrp.errors import CompositeError, NetworkError
from conceptlrp.lrp import Explainer, NetworkCheck, check_network, checking
from conceptlrp.networks import OthelloNet, adapt, demo_network
from conceptlrp.networks.planes import Encoding
from conceptlrp.othello import Corpus
from conceptlrp.othello.symmetry import turn_maps
from tests.lrp.conftest import random_corpus, randomize
from tests.networks.test_adapting import Module

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
N = 200


class Twin(nn.Module):
    """The demo network, its planes and its outputs changed."""

    def __init__(
        self,
        before: Callable[[Tensor], Tensor] = lambda x: x,
        after: Callable[[Tensor, Tensor], Any] = lambda p, v: (p, v),
    ) -> None:
        super().__init__()
        self.net, self.before, self.after = demo_network(), before, after

    def forward(self, planes: Tensor) -> Any:
        return self.after(*self.net(self.before(planes)))


def read_as(*weights: float) -> Twin:
    """Let the demo network read several planes, weighted, as its one."""
    twin, conv = Twin(), nn.Conv2d(len(weights), 64, 3, padding=1)
    old = twin.net.conv1
    with torch.no_grad():
        conv.weight.copy_(old.weight * torch.tensor(weights)[None, :, None, None])
        conv.bias.copy_(old.bias)  # type: ignore[union-attr, arg-type]
    twin.net.conv1 = conv
    return twin


def ordered(order: list[int]) -> Twin:
    """Put the outputs of its policy in another order."""
    twin = Twin()
    twin.net.fc3 = copy.deepcopy(twin.net.fc3)
    twin.net.fc3.weight.data = twin.net.fc3.weight.data[order]
    twin.net.fc3.bias.data = twin.net.fc3.bias.data[order]
    return twin


def turned(s: int) -> list[int]:
    return [*turn_maps(np.arange(64).reshape(8, 8), s).flat, 64]


TWINS: dict[str, tuple[Twin, dict[str, Any], str]] = {
    "the opponent's disc is 1": (Twin(lambda x: -x), {}, "the planes are swapped"),
    "opponent first": (
        read_as(-1, 1),
        {"encode": "own-opponent"},
        r"the planes are swapped, 3\d% as given: pass encode='opponent-own' to adapt",
    ),
    "ones first": (
        read_as(0, 1, -1),
        {"encode": "own-opponent-ones"},
        "pass encode='ones-own-opponent'",
    ),
    "0 to 1": (Twin(lambda x: 2 * x - 1), {}, "the planes are from 0 to 1"),
    "-1 and 1": (
        read_as(0.5, -0.5),
        {"encode": "own-opponent"},
        "the planes are from -1 to 1",
    ),
    "a function's, swapped": (
        Twin(lambda x: -x),
        {"encode": lambda boards: boards[:, None]},
        "the planes are swapped",
    ),
    **{f"turned by {s}": (ordered(turned(s)), {}, "policy is turned") for s in (4, 5)},
    "pass first": (ordered([64, *range(64)]), {}, "the policy has the pass first"),
    "two mistakes": (
        Twin(lambda x: -x, lambda p, v: (torch.cat([p[:, 64:], p[:, :64]], 1), v)),
        {},
        "swapped and the policy has the pass first",
    ),
}


@pytest.fixture(scope="module")
def games() -> Corpus:
    return Corpus.read("demo")


@pytest.fixture(scope="module")
def as_it_is(games: Corpus) -> NetworkCheck:
    return demo_network().check(games, n_positions=N)


@pytest.fixture(autouse=True)
def _at_no_time(as_it_is: NetworkCheck, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take no times but those of the demo network."""
    monkeypatch.setattr(checking, "_times", lambda *_: {"forward": 1.0})


def first_of(games: Corpus, count: int) -> Corpus:
    return games[np.isin(games.game, np.unique(games.game)[:count])]


def moves(check: NetworkCheck) -> float:
    return check.shares["moves"].mean


def test_the_demo_network_is_found_to_be_right(as_it_is: NetworkCheck) -> None:
    assert as_it_is.findings == ()
    assert as_it_is.remedy == {}
    assert as_it_is.refused == ""
    assert as_it_is.shares["moves"].low > 0.5 > as_it_is.shares["chance"].high
    assert as_it_is.shares["value"].low > as_it_is.shares["constant"].mean
    assert as_it_is.contract["policy"] == "65 outputs, the last a pass"


@pytest.mark.parametrize("name", TWINS)
def test_another_convention_is_named_and_its_remedy_works(
    name: str, games: Corpus, as_it_is: NetworkCheck
) -> None:
    twin, options, words = TWINS[name]

    found = adapt(twin.eval(), **options).check(games, n_positions=N)

    (sentence,) = found.findings[:1]
    assert re.search(words, sentence)
    cured = adapt(twin, **{**options, **found.remedy}).check(games, n_positions=N)
    assert moves(cured) == moves(as_it_is) > moves(found) + 0.1
    assert cured.findings == ()
    for argument, code in re.findall(r"pass (\w+)=(.*?) to adapt", sentence):
        if name.startswith("a function"):
            continue
        spelled, given = eval(code, {"np": np, "Encoding": Encoding}), found.remedy
        if callable(spelled):
            boards = np.array([[[-1, 0, 1]]], np.int8)
            spelled, given = spelled(boards), {argument: given[argument](boards)}
        np.testing.assert_array_equal(spelled, given[argument])


VALUES: dict[str, tuple[Callable[[Tensor, Tensor], Any], str]] = {
    "opponent": (lambda p, v: (p, -v), "its value is for the opponent"),
    "squashed": (lambda p, v: (p, 1 - 2 / (torch.exp(2 * v) + 1)), "after a tanh"),
    "constant": (lambda p, v: (p, v * 0 + 1), "no better than a constant's"),
    "softmax": (lambda p, v: (p.exp() / p.exp().sum(1, keepdim=True), v), "a softmax"),
    "log-softmax": (
        lambda p, v: (p - p.exp().sum(1, keepdim=True).log(), v),
        "after a log-softmax",
    ),
    "not finite": (lambda p, v: (p * float("nan"), v), "policy is not finite"),
}


@pytest.mark.parametrize("name", VALUES)
def test_what_is_wrong_with_an_output_is_said(name: str, games: Corpus) -> None:
    after, words = VALUES[name]

    found = check_network(adapt(Twin(after=after).eval()), games, n_positions=N)

    assert [words in sentence for sentence in found.findings] == [True]


class ForBlack(Twin):
    """Its value is black's, who moves while the number of discs is even."""

    def forward(self, planes: Tensor) -> Any:
        policy, value = self.net(planes)
        sign = torch.cos(torch.pi * planes.abs().sum((1, 2, 3)))
        return policy, value * sign[:, None]


def test_a_value_for_black_is_told(games: Corpus) -> None:
    found = check_network(ForBlack().eval(), games, n_positions=N)

    assert "if its value is for black" in found.findings[0]


def test_planes_of_black_and_white_are_told(games: Corpus) -> None:
    sign = lambda x: x * torch.cos(torch.pi * x.abs().sum((1, 2, 3), True))  # noqa: E731

    found = check_network(Twin(sign).eval(), games, n_positions=N)

    assert "if the planes are black's and white's" in found.findings[0]
    assert found.remedy == {}


@pytest.mark.parametrize("seed", range(4))
def test_random_weights_are_no_other_convention(seed: int, games: Corpus) -> None:
    network = randomize(OthelloNet(channels=4), seed)

    found = check_network(network, games, n_positions=N)

    assert found.findings[0].startswith("it does not play better than chance (2")
    assert found.remedy == {}


def test_positions_of_no_game_say_nothing_of_play() -> None:
    boards = random_corpus(1)[:9]
    found = demo_network().check(
        [boards.position(i) for i in range(9)], composite="epsilon"
    )

    assert found.findings == ("play was not measured: the sample has no moves",)
    assert np.isnan(moves(found))
    assert found.facts["moves right"] == "–"
    assert {step.how for step in found.steps} == {"Epsilon", "Pass", "folded"}


def test_few_games_say_nothing_of_play(games: Corpus) -> None:
    one = games[games.game == games.game[0]]
    said = "play was not measured: the sample has {}, expected at least 10"

    found = demo_network().check(one, composite="epsilon")
    nine = demo_network().check(first_of(games, 9), composite="epsilon")
    ten = demo_network().check(first_of(games, 10), composite="epsilon")

    assert found.findings == (said.format("1 game"),)
    assert nine.findings == (said.format("9 games"),)
    assert found.facts["moves right"].endswith(
        f"% (fewer than 10 games) of {len(one)}, chance "
        f"{found.shares['chance'].mean:.1%}"
    )
    assert np.isnan([each.low for each in nine.shares.values()]).all()
    assert not any("not measured" in each for each in ten.findings)
    assert np.isfinite(ten.shares["moves"].low)


def test_moves_without_results_say_nothing_of_the_value(
    games: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = property(lambda corpus: np.full(len(corpus), np.nan))
    monkeypatch.setattr(Corpus, "outcome", unknown)

    found = demo_network().check(games, n_positions=N, composite="epsilon")

    assert found.findings == ("value was not measured: the sample has no results",)


def test_a_colour_that_wins_more_is_no_knowledge_of_the_value(games: Corpus) -> None:
    for seed in (15, 16):
        network = randomize(OthelloNet(channels=4), seed)
        found = check_network(network, games.sample(150, seed=seed))
        assert not any("its value is for" in each for each in found.findings)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"composite": "nope"}, "unknown composite 'nope', expected one of"),
        ({"composite": "epsilon+nope"}, "unknown composite 'nope', expected one of"),
        ({"composite": 3}, "composite is a int, expected a name"),
        ({"n_positions": 0}, "n_positions is 0, expected at least 1"),
        ({"n_positions": "a"}, "n_positions is str, expected a whole number"),
    ],
)
def test_a_wrong_argument_is_an_error_at_once(
    given: dict[str, Any], words: str, games: Corpus
) -> None:
    with pytest.raises((CompositeError, ValueError, TypeError), match=words):
        check_network(demo_network(), games, **given)


def test_what_modules_absorb_is_what_the_explainer_reports(games: Corpus) -> None:
    found = demo_network().check(games, n_positions=40).frame()

    sample = games.sample(40, seed=0)
    report = Explainer("demo").conservation(sample, targets=["best", "value"]).frame()
    np.testing.assert_allclose(found.loc[report.index, report.columns], report / 40)
    assert found.why.eq("").all()


def test_a_rule_that_does_not_conserve_is_told(games: Corpus) -> None:
    first, second = (nn.Conv2d(n, 4, 3, padding=1, bias=False) for n in (2, 4))
    module = nn.Sequential(first, second, nn.Flatten(), nn.Linear(256, 65))
    for conv in (first, second):
        nn.init.ones_(conv.weight)

    found = check_network(
        module.eval(), games, n_positions=N, composite="epsilon-alpha2-beta1-flat"
    )

    # Nothing negative comes in, and twice the relevance goes on.
    step = found.frame().loc["1"]
    assert step.why == "not conserved by this rule"
    assert step.sent == pytest.approx(2 * step.arrived)
    assert found.notes == ("relevance is not conserved at 1",)


class Gated(nn.Module):
    """Squeeze and excitation after a convolution, and a norm if there is one."""

    def __init__(self, norm: nn.Module | None = None) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 4, 3, padding=1), norm
        self.excite = nn.Conv2d(4, 4, 1)
        self.fc = nn.Linear(256, 65)

    def forward(self, planes: Tensor) -> Tensor:
        maps = self.conv(planes)
        gate = torch.sigmoid(self.excite(maps.mean((2, 3), keepdim=True)))
        if self.norm is not None:
            maps = self.norm(maps)
        output: Tensor = self.fc(torch.relu(maps * gate).flatten(1))
        return output


def test_gates_are_told(games: Corpus) -> None:
    found = check_network(Gated().eval(), games, n_positions=N)

    assert "gate held constant" in {step.how for step in found.steps}
    assert "deviation held constant" not in {step.how for step in found.steps}
    assert found.contract["value"] == "none"
    assert "value" not in found.shares


def test_norms_over_features_are_told(games: Corpus) -> None:
    found = check_network(Gated(nn.GroupNorm(2, 4)).eval(), games, n_positions=N)

    steps = {step.type: step for step in found.steps}
    assert steps["Scaled"].how == "deviation held constant"
    centre = steps["Centre"]
    assert centre.sent == pytest.approx(centre.arrived, abs=1e-4)


class Cosine(Twin):
    """Explained by hooks, or by its gradient, as no rule is known for a cosine."""

    def forward(self, planes: Tensor) -> Any:
        policy, value = self.net(planes)
        return policy + torch.cos(policy), value


def test_an_operation_without_a_rule_is_refused_in_the_table(games: Corpus) -> None:
    found = check_network(Cosine().eval(), games, n_positions=20)

    assert found.refused.startswith("there is no rule for cos ('cos')")
    refused = [step for step in found.steps if step.how == "refused"]
    assert [(step.name, step.type) for step in refused] == [("cos", "cos")]
    assert refused[0].why == "not conserved: there is no rule for it"
    assert found.times == {}


def test_the_gradient_is_told_where_it_is_allowed(games: Corpus) -> None:
    found = check_network(
        Cosine().eval(), games, n_positions=20, allow_gradient=True, composite="epsilon"
    )

    assert found.refused == ""
    assert found.times != {}
    assert [step.name for step in found.steps if step.how == "gradient"] == ["cos"]
    assert found.frame().loc["net.conv1", "how"] == "Epsilon"
    assert "hooks" in found.notes[0]
    assert "not conserved at cos" in found.notes[1]


class Forked(Module):
    """Its flow depends on the board."""

    def forward(self, x: Tensor) -> Any:
        return super().forward(x if x.sum() > 0 else -x)


class Raising(Module):
    """It fails on any board but the three that it is tried on."""

    def forward(self, x: Tensor) -> Any:
        return super().forward(x[:, :, :7])


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (Forked(), "Forked cannot be traced"),
        (Raising(), "Raising fails on planes"),
        (Module(planes=5), "reads 5 planes, expected 1"),
        (Module(policy=60), r"the policy of Module has shape \(N, 60\)"),
    ],
)
def test_what_cannot_be_explained_has_a_table_all_the_same(
    module: nn.Module, words: str, games: Corpus
) -> None:
    found = check_network(module.eval(), games, n_positions=20)

    assert re.search(words, found.refused)
    assert {step.name for step in found.steps} == {"conv", "relu", "p", "v"}
    assert {step.how for step in found.steps} == {"refused"}
    assert "refused" in repr(found)


class Backwards(OthelloNet):
    """A board network that returns its value first."""

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        return super().forward(planes)[::-1]  # type: ignore[return-value]


def test_a_board_network_has_to_be_one(games: Corpus) -> None:
    found = Backwards(4).eval().check(games, n_positions=20)

    assert "pass outputs=('value', 'policy') if that is the order" in found.refused
    assert {step.how for step in found.steps} == {"refused"}


def test_positions_of_another_size_are_no_fault_of_the_network() -> None:
    with pytest.raises(NetworkError, match="found 60 positions of 6 x 6"):
        demo_network().check(random_corpus(2, size=6)[:60])


def test_a_network_in_training_is_checked_as_in_evaluation(games: Corpus) -> None:
    network = demo_network().train()
    before = copy.deepcopy(network.state_dict())

    found = network.check(games, n_positions=20)

    assert found.refused == ""
    assert network.training
    assert all(torch.equal(t, before[n]) for n, t in network.state_dict().items())


def test_planes_and_heads_are_put_in_words(games: Corpus) -> None:
    module = Module(planes=4, policy=64, value=3).eval()
    network = adapt(module, encode="own-opponent-legal-zeros", value="wdl")

    found = network.check(games, n_positions=20)

    assert found.contract["planes"] == "4 (own-opponent-legal-zeros)"
    assert found.contract["policy"] == "64 outputs, none for a pass"
    assert found.contract["value"] == "win minus loss"
    text = " ".join(found.notes)
    for words in ("no output for a pass", "function of the board", "given as zeros"):
        assert words in text


def test_it_draws_itself_and_is_plain_values(as_it_is: NetworkCheck) -> None:
    plain = json.loads(json.dumps(as_it_is.to_dict()))

    assert repr(as_it_is) == "NetworkCheck(OthelloNet; 20 steps, 0 findings)"
    assert plain["steps"][0]["how"] == "Epsilon+Gamma"
    assert plain["shares"]["moves"]["mean"] == moves(as_it_is)
    assert list(plain["times"])[:2] == ["forward", "channel relevance"]
    assert all(each > 0 for each in plain["times"].values())
    html = as_it_is._repr_html_()
    for words in (
        "own-minus-opponent",
        ", chance 2",
        "Epsilon+Gamma",
        "us a position",
    ):
        assert words in html
