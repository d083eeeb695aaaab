"""Networks of anyone, with heads in every order, against networks wrapped by hand."""

import copy
import pickle
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from conceptlrp.errors import NetworkError
from conceptlrp.lrp import Explainer, attribute
from conceptlrp.networks import (
    AdaptedNetwork,
    OthelloNet,
    adapt,
    network_digest,
    predict,
)
from conceptlrp.networks.checkpoint import checked_network
from conceptlrp.othello import Corpus, Position
from tests.networks.azg_twin import OthelloNNet

Change = Callable[[Tensor, Tensor], Any]
POSITION = Position.from_transcript("f5d6c3d3c4")
ON_BOARD = [a for a in range(64) if a not in (27, 28, 35, 36)]


def usual(policy: Tensor, value: Tensor) -> Any:
    return policy, value


class Module(nn.Module):
    """One convolution and two heads, returned in the way that `change` says."""

    def __init__(
        self,
        change: Change = usual,
        *,
        planes: int = 2,
        size: int = 8,
        policy: int | None = None,
        value: int = 1,
    ) -> None:
        super().__init__()
        torch.manual_seed(0)
        units = 4 * size**2
        self.conv = nn.Conv2d(planes, 4, 3, padding=1)
        self.relu = nn.ReLU()
        self.flatten = nn.Flatten()
        self.p = nn.Linear(units, policy or size**2 + 1)
        self.v = nn.Linear(units, value)
        self.change = change

    def forward(self, x: Tensor) -> Any:
        z = self.flatten(self.relu(self.conv(x)))
        return self.change(self.p(z), self.v(z))


class Reordered(Module):
    """What `adapt` has to make of a module with 60 squares and win, draw, loss."""

    def __init__(self) -> None:
        super().__init__(policy=60, value=3)
        whole = Module(policy=60, value=3)
        self.load_state_dict(whole.state_dict())
        self.p, self.v = nn.Linear(256, 65), nn.Linear(256, 1)
        for new, old in ((self.p, whole.p), (self.v, whole.v)):
            new.weight.data.zero_()
            new.bias.data.zero_()
            rows = ON_BOARD if new is self.p else [0]
            for name in ("weight", "bias"):
                told = getattr(old, name).data
                told = told if new is self.p else told[:1] - told[2:]
                getattr(new, name).data[rows] = told


HEADS: dict[str, tuple[Change, dict[str, Any]]] = {
    "usual": (usual, {}),
    "value first": (lambda p, v: (v, p), {"outputs": ("value", "policy")}),
    "list": (lambda p, v: [p, v], {}),
    "value (N,)": (lambda p, v: (p, v.squeeze(-1)), {}),
    "value by index": (lambda p, v: (p, v[:, 0]), {}),
    "value (N, 1, 1)": (lambda p, v: (p, v.unsqueeze(-1)), {}),
    "dict": (lambda p, v: {"value": v, "policy": p}, {}),
    "dict of other keys": (
        lambda p, v: {"v": v, "pi": p},
        {"outputs": {"policy": "pi", "value": "v"}},
    ),
    "a third": (lambda p, v: (p, v, v * 2), {"outputs": ("policy", "value", None)}),
    "tanh": (lambda p, v: (p, torch.tanh(v)), {}),
    "squeezed tanh": (lambda p, v: (p, torch.tanh(v).squeeze(1)), {}),
    "tanh method": (lambda p, v: (p, v.tanh()), {}),
    "log-softmax": (lambda p, v: (nn.functional.log_softmax(p, 1), v), {}),
    "softmax": (lambda p, v: (p.softmax(dim=1), v), {}),
}


@pytest.mark.filterwarnings("ignore:.*is taken off")
@pytest.mark.parametrize("heads", HEADS)
def test_heads_in_any_order_are_explained_as_the_usual_ones(heads: str) -> None:
    change, options = HEADS[heads]
    network = adapt(Module(change).eval(), **options)

    found = attribute(network, POSITION, targets=["best", "value"], layers=["conv"])

    expected = attribute(
        Module().eval(), POSITION, targets=["best", "value"], layers=["conv"]
    )
    for name in ("logits", "value", "explained", "heatmap", "squares"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    np.testing.assert_array_equal(found.relevance["conv"], expected.relevance["conv"])


def test_squares_without_the_centre_and_win_draw_loss_equal_folded_heads() -> None:
    with pytest.warns(UserWarning, match="no output for 5 of 65 actions"):
        network = adapt(Module(policy=60, value=3).eval(), policy=ON_BOARD, value="wdl")

    targets = ["b5", "value"]
    found = attribute(network, POSITION, targets=targets)

    expected = attribute(Reordered().eval(), POSITION, targets=targets)
    assert network.notes[0].startswith("the policy has no output for 5 of 65 actions")
    np.testing.assert_allclose(found.heatmap, expected.heatmap, atol=1e-6)
    np.testing.assert_allclose(found.explained, expected.explained, atol=1e-6)


def test_a_policy_in_another_order_gives_every_square_its_own_logit() -> None:
    order = np.random.default_rng(1).permutation(65)
    module = Module().eval()
    planes = torch.rand(3, 2, 8, 8)

    listed = adapt(module, policy=order.tolist())(planes)[0]
    called = adapt(module, policy=lambda output: int(order[output]))(planes)[0]

    torch.testing.assert_close(listed[:, order], module(planes)[0], rtol=0, atol=1e-6)
    torch.testing.assert_close(called, listed, rtol=0, atol=0)


def test_a_policy_in_another_order_need_not_end_in_a_linear_module() -> None:
    class Squares(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * 1

    module = Squares(nn.Conv2d(2, 1, 1), nn.Flatten()).eval()
    order = np.arange(64)[::-1]
    planes = torch.rand(3, 2, 8, 8)

    with pytest.warns(UserWarning, match="no output for a pass"):
        logits = adapt(module, policy=order.tolist())(planes)[0]

    torch.testing.assert_close(logits[:, order.copy()], module(planes))
    assert not logits[:, 64].any()


def test_without_a_pass_nothing_is_explained_where_one_is_forced() -> None:
    forced = Corpus.from_boards(forced_pass())

    with pytest.warns(UserWarning, match="no output for a pass"):
        network = adapt(Module(policy=64).eval())
    found = attribute(network, forced, targets=["best"])

    assert found.squares.tolist() == [[64]]
    assert not found.explained.any()
    assert not found.heatmap.any()
    assert predict(network, forced.own, forced.opponent).best.tolist() == [64]


def forced_pass() -> np.ndarray[Any, Any]:
    boards = np.zeros((1, 8, 8), np.int8)
    boards[0, 0, 0], boards[0, 7, 7] = 1, -1
    return boards


REFUSED: dict[str, tuple[nn.Module, dict[str, Any], str]] = {
    "value first": (
        Module(lambda p, v: (v, p)),
        {},
        r"\(N, 1\) and \(N, 65\) as policy and value; pass outputs=\('value', 'policy'",
    ),
    "60 squares": (Module(policy=60), {}, r"shape \(N, 60\), expected .* policy="),
    "66 outputs": (Module(policy=66), {}, r"shape \(N, 66\), expected .* policy="),
    "6 x 6": (Module(size=6), {"size": 8}, r"fails on planes \(N, 2, 8, 8\).* size="),
    "win, draw, loss": (Module(value=3), {}, r"shape \(N, 3\), .* pass value='wdl'"),
    "one value": (Module(), {"value": "wdl"}, r"shape \(N, 1\), expected \(N, 3\)"),
    "value only": (Module(lambda _p, v: v), {}, r"\(N, 1\) as policy, so it has no"),
    "three": (Module(lambda p, v: (p, v, v)), {}, r"outputs names 2 .* None for"),
    "dict": (Module(lambda p, v: {"a": p, "b": v}), {}, r"dict of 'a', 'b'; pass out"),
    "3 planes": (Module(planes=3), {}, r"reads 3 planes, .*encode='own-opponent-ones'"),
    "encoding": (Module(), {"encode": "own-opponent-ones"}, r"fails on planes \(N, 3,"),
    "unknown": (Module(), {"encode": "black-white"}, r"encode is 'black-white', exp"),
    "function": (Module(), {"encode": lambda b: b}, r"encode returns shape \(3, 8, 8"),
    "failing": (Module(), {"encode": lambda b: b / "a"}, r"encode fails on .*3, 8, 8"),
    "fails": (Module(), {"policy": lambda k: k / 0}, r"policy fails .* 64: division"),
    "twice": (Module(), {"policy": [0] * 65}, r"policy names 65 actions for 65 outp"),
    "short": (Module(), {"policy": [0]}, r"policy names 1 actions for 65 outputs"),
    "outputs": (Module(), {"outputs": ("p", "v")}, r"outputs is \('p', 'v'\), expect"),
    "value": (Module(), {"value": "win"}, r"value is 'win', expected 'scalar' or"),
    "text": (Module(lambda _p, _v: "no"), {}, r"returns str, expected tensors"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_board_network_is_refused_with_the_argument_to_give(
    case: str,
) -> None:
    module, options, message = REFUSED[case]

    with pytest.raises(NetworkError, match=message):
        adapt(module.eval(), **options)


def test_a_flow_that_depends_on_values_is_refused() -> None:
    class Branches(Module):
        def forward(self, x: Tensor) -> Any:
            return super().forward(x if x.sum() > 0 else -x)

    with pytest.raises(NetworkError, match="Branches cannot be traced"):
        adapt(Branches().eval())


AT_THE_DOOR: dict[str, tuple[Change, str]] = {
    "value first": (lambda p, v: (v, p), r"pass outputs=\('value', 'policy'\)"),
    "win, draw, loss": (lambda p, v: (p, v.expand(-1, 3)), r"pass value='wdl'"),
    "keys": (lambda p, v: {"pi": p, "v": v}, r"dict of 'pi', 'v'; pass outputs="),
    "sixty": (lambda p, v: (p[:, :60], v), r"shape \(N, 60\), expected .* policy="),
    "three": (lambda p, v: (p, v, v), r"pass outputs= with each"),
    "raw": (lambda p, v: p @ v, r"fails on planes \(N, 2, 8, 8\)"),
}


@pytest.mark.parametrize("case", AT_THE_DOOR)
def test_a_module_of_another_contract_is_refused_with_the_argument_to_give(
    case: str,
) -> None:
    change, message = AT_THE_DOOR[case]

    with pytest.raises(NetworkError, match=message) as refused:
        attribute(Module(change).eval(), POSITION, targets=["best"])

    assert "conceptlrp.adapt(module, " in str(refused.value)


@pytest.mark.filterwarnings("ignore:.*is taken off")
@pytest.mark.parametrize("heads", [n for n, (_, o) in HEADS.items() if not o])
def test_a_module_that_needs_no_argument_is_adapted_at_the_door(heads: str) -> None:
    module = Module(HEADS[heads][0]).eval()
    asked: dict[str, Any] = {"targets": ["best", "value"], "layers": ["conv"]}

    found = attribute(module, POSITION, **asked)

    expected = attribute(Module().eval(), POSITION, **asked)
    np.testing.assert_array_equal(found.logits, expected.logits)
    np.testing.assert_array_equal(found.value, expected.value)
    np.testing.assert_array_equal(found.heatmap, expected.heatmap)


def test_what_is_taken_off_at_the_door_is_said() -> None:
    with pytest.warns(UserWarning, match="Module: the tanh that the value ends in"):
        Explainer(Module(HEADS["tanh"][0]).eval())


def test_a_module_keeps_its_digest_at_the_door() -> None:
    module = Module().eval()

    assert network_digest(checked_network(module)) == network_digest(module)


def test_a_module_in_training_mode_is_refused() -> None:
    with pytest.raises(NetworkError, match=r"training mode; call network\.eval"):
        checked_network(Module())


def test_an_operation_in_place_is_kept() -> None:
    class InPlace(Module):
        def forward(self, x: Tensor) -> Any:
            z = self.conv(x)
            nn.functional.relu_(z)
            return self.p(self.flatten(z)), self.v(self.flatten(z))

    planes = torch.rand(3, 2, 8, 8)

    found = adapt(InPlace().eval())(planes)

    torch.testing.assert_close(found, Module().eval()(planes), rtol=0, atol=0)


ENCODINGS: dict[Any, int] = {
    "own-minus-opponent": 1,
    "own-opponent": 2,
    "opponent-own": 2,
    "own-opponent-ones": 3,
    "own-opponent-empty-legal": 4,
    "own-opponent-zeros14-ones": 17,
}


@pytest.mark.parametrize("encode", ENCODINGS)
def test_heatmaps_of_any_planes_sum_to_the_output(encode: str) -> None:
    network = adapt(Module(planes=ENCODINGS[encode]).eval(), encode=encode)
    for head in (network.conv, network.p):
        nn.init.zeros_(head.bias)  # type: ignore[arg-type, union-attr]

    found = attribute(network, POSITION, targets=["best"], composite="epsilon")

    planes = found.input_relevance
    assert planes.shape[2] == ENCODINGS[encode]
    np.testing.assert_allclose(planes.sum(2), found.heatmap, atol=1e-6)
    np.testing.assert_allclose(
        found.heatmap.sum((2, 3)), found.explained, rtol=1e-4, atol=1e-6
    )


def test_a_function_encodes_as_the_name_of_its_planes_does() -> None:
    def discs(boards: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.stack([boards > 0, boards < 0], 1)

    module = Module().eval()

    found = attribute(adapt(module, encode=discs), POSITION, targets=["value"])

    expected = attribute(module, POSITION, targets=["value"])
    np.testing.assert_array_equal(found.heatmap, expected.heatmap)


class Arguments(dict[str, int]):
    """What alpha-zero-general keeps in a module, and copying stumbles over."""

    def __getattr__(self, name: str) -> int:
        return self[name]


def azg_in_memory(twin: OthelloNNet) -> OthelloNNet:
    twin.args, twin.action_size = Arguments(num_channels=4), 65  # type: ignore[assignment]
    twin.board_x = twin.size  # type: ignore[assignment]
    return twin


@pytest.mark.filterwarnings("ignore:operation of 'view':UserWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("wrap", ["module", "wrapper", "parallel", "compiled"])
def test_alpha_zero_general_in_memory_is_unwrapped(
    wrap: str, twin: OthelloNNet
) -> None:
    azg: Any = azg_in_memory(twin)
    ours = OthelloNet(channels=4).eval()
    ours.load_state_dict(twin.state_dict())
    if wrap == "wrapper":
        azg = SimpleNamespace(nnet=azg, board_x=8)
    elif wrap == "parallel":
        azg = nn.DataParallel(azg)
    elif wrap == "compiled":
        azg = torch.compile(azg)

    with pytest.warns(UserWarning, match="(log_softmax|tanh) .* is taken off"):
        found = attribute(azg, POSITION, targets=["best", "value"])

    expected = attribute(ours, POSITION, targets=["best", "value"])
    np.testing.assert_allclose(found.logits, expected.logits, atol=1e-6)
    np.testing.assert_allclose(found.value, expected.value, atol=1e-6)
    np.testing.assert_allclose(found.heatmap, expected.heatmap, atol=1e-5)
    np.testing.assert_array_equal(found.squares, expected.squares)


def test_an_adapted_network_survives_copies_and_pickles() -> None:
    network = adapt(Module(planes=3).eval(), encode="own-opponent-ones")
    planes = torch.rand(2, 3, 8, 8)

    for copied in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert isinstance(copied, AdaptedNetwork)
        assert repr(copied) == repr(network)
        assert repr(copied).startswith("Module(adapted; own-opponent-ones, 8 x 8, ")
        assert copied.architecture == network.architecture
        torch.testing.assert_close(copied(planes), network(planes), rtol=0, atol=0)


def test_the_module_itself_stays_as_it_was() -> None:
    module = Module(value=3)
    module.relu = nn.Sequential(nn.BatchNorm2d(4), nn.ReLU())  # type: ignore[assignment]
    before = copy.deepcopy(module.state_dict())

    network = adapt(module, policy=list(range(64, -1, -1)), value="wdl")

    assert all(each.training for each in module.modules())
    assert not any(each.training for each in network.modules())
    assert module.v.out_features == 3
    torch.testing.assert_close(dict(module.state_dict()), dict(before))
    assert network.get_parameter("conv.weight") is module.conv.weight


def test_a_linear_module_that_is_used_twice_is_not_changed_for_one_use() -> None:
    class Twice(Module):
        def forward(self, x: Tensor) -> Any:
            z = self.flatten(self.relu(self.conv(x)))
            return self.p(z), self.v(self.flatten(self.mix(self.p(z))))

    module = Twice()
    module.mix = nn.Linear(65, 256)
    planes = torch.rand(3, 2, 8, 8)

    found = adapt(module.eval(), policy=list(range(64, -1, -1)))(planes)

    torch.testing.assert_close(found[0], module(planes)[0].flip(1))
    torch.testing.assert_close(found[1], module(planes)[1])


class HeadFirst(nn.Module):
    """A module whose head was made before its trunk."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(16, 1, 1)
        self.trunk = nn.Conv2d(2, 16, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.trunk(x).relu()).flatten(1)


def test_planes_are_those_of_the_first_convolution_to_run() -> None:
    with pytest.warns(UserWarning, match="no output for a pass"):
        assert adapt(HeadFirst().eval()).encoding.name == "own-opponent"
