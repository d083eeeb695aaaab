"""Folding of batch norm into what precedes it."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from conceptlrp.errors import LayerError, NetworkError
from conceptlrp.lrp import Explainer, attribute
from conceptlrp.lrp.backends import batch_norm_pairs, fold_batch_norm
from conceptlrp.lrp.engine.trace import feature_layers, input_layers, trace
from conceptlrp.networks import OthelloNet, adapt
from conceptlrp.networks.planes import board_planes
from conceptlrp.othello import Corpus
from tests.lrp.conftest import randomize


class RegisteredByKind(nn.Module):
    """Modules in alpha-zero-general's order: all convolutions, then all norms."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1)
        self.conv2 = nn.Conv2d(4, 4, 3)
        self.bn1 = nn.BatchNorm2d(4)
        self.bn2 = nn.BatchNorm2d(4)
        self.fc1 = nn.Linear(144, 10)
        self.fc_bn1 = nn.BatchNorm1d(10)
        self.fc2 = nn.Linear(10, 65)
        self.relu1, self.relu2, self.relu3 = nn.ReLU(), nn.ReLU(), nn.ReLU()

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        features = self.relu1(self.bn1(self.conv1(planes)))
        features = self.relu2(self.bn2(self.conv2(features)))
        hidden = self.relu3(self.fc_bn1(self.fc1(features.flatten(1))))
        return self.fc2(hidden)


def boards(n: int = 8) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(-1, 2, (n, 1, 8, 8), generator=generator).double()


def test_batch_norms_are_paired_by_data_flow() -> None:
    pairs = batch_norm_pairs(trace(RegisteredByKind().eval()))

    assert pairs == {"bn1": "conv1", "bn2": "conv2", "fc_bn1": "fc1"}


def test_folding_leaves_the_output_unchanged() -> None:
    network = randomize(RegisteredByKind()).double()

    folded = fold_batch_norm(network, planes=boards())

    torch.testing.assert_close(
        folded(boards()), network(boards()), rtol=1e-11, atol=1e-11
    )


def test_folding_leaves_the_network_itself_alone() -> None:
    network = randomize(OthelloNet(channels=4))
    before = {name: t.clone() for name, t in network.state_dict().items()}

    fold_batch_norm(network, planes=boards())

    assert all(torch.equal(t, before[n]) for n, t in network.state_dict().items())
    assert all(p.requires_grad for p in network.parameters())


def test_a_network_in_training_mode_is_refused() -> None:
    with pytest.raises(NetworkError, match="training mode"):
        fold_batch_norm(OthelloNet(channels=4).train(), planes=boards())


def test_weights_that_are_not_finite_are_refused_by_name() -> None:
    network = randomize(OthelloNet(channels=4))
    with torch.no_grad():
        network.get_parameter("conv2.bias")[1] = torch.nan

    with pytest.raises(NetworkError, match=r"'conv2\.bias'"):
        fold_batch_norm(network, planes=boards())


def test_a_batch_norm_that_follows_no_convolution_is_affine() -> None:
    network = nn.Sequential(
        nn.BatchNorm2d(1),
        nn.Conv2d(1, 2, 3),
        nn.ReLU(),
        nn.BatchNorm2d(2),
        nn.Flatten(),
        nn.BatchNorm1d(72),
        nn.Linear(72, 65),
    )
    randomize(network.double())

    folded = fold_batch_norm(network, planes=boards())

    assert batch_norm_pairs(trace(network)) == {"0": None, "3": None, "5": None}
    assert [str(type(folded.get_submodule(n)).__name__) for n in "035"] == [
        "Affine"
    ] * 3
    torch.testing.assert_close(folded(boards()), network(boards()))


def test_a_module_used_twice_is_refused_by_name() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3, padding=1)
            self.fc = nn.Linear(64, 65)

        def forward(self, planes: torch.Tensor) -> torch.Tensor:
            return self.fc(self.conv(self.conv(planes)).flatten(1))

    with pytest.raises(NetworkError, match=r"'conv' .* is used 2 times"):
        trace(Twice())


@pytest.mark.parametrize("last", [nn.Softmax(1), nn.LogSoftmax(1), nn.Tanh()])
def test_a_head_that_hides_the_logits_is_refused(last: nn.Module) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 65), last)

    with pytest.raises(NetworkError, match="leave it out of forward"):
        trace(network)


def test_a_network_whose_flow_depends_on_its_input_is_refused() -> None:
    class Branching(nn.Module):
        def forward(self, planes: torch.Tensor) -> torch.Tensor:
            return planes if planes.sum() > 0 else -planes

    with pytest.raises(NetworkError, match="Branching cannot be traced"):
        trace(Branching())


def test_layers_are_those_that_an_activation_follows() -> None:
    traced = trace(RegisteredByKind().eval())

    assert feature_layers(traced) == {
        "conv1": "relu1",
        "conv2": "relu2",
        "fc1": "relu3",
    }
    assert input_layers(traced) == ["conv1"]


class Attending(nn.Module):
    """Attention between the squares, after a convolution."""

    def __init__(self, attend: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.GroupNorm(2, 4)
        self.heed = nn.MultiheadAttention(4, 2, batch_first=True)
        self.fc = nn.Linear(256, 65)
        self.attend = attend

    def forward(self, planes: Tensor) -> Tensor:
        maps = torch.relu(self.norm(self.conv1(planes)))
        rows = maps.flatten(2).transpose(1, 2)
        if self.attend == "MultiheadAttention":
            rows = self.heed(rows, rows, rows)[0]
        elif self.attend == "scaled_dot_product_attention":
            rows = nn.functional.scaled_dot_product_attention(rows, rows, rows)
        elif self.attend == "einsum":
            rows = torch.einsum("nsc,ntc,ntd->nsd", rows, rows, rows)
        else:
            rows = torch.softmax(rows @ rows.transpose(1, 2), 2) @ rows
        return self.fc(rows.flatten(1))


class Tokens(nn.Module):
    """A transformer of squares; vectors are left of them where it is `pooled`."""

    def __init__(self, *, pooled: bool = False) -> None:
        super().__init__()
        self.e, self.n, self.m = nn.Linear(1, 8), nn.LayerNorm(8), nn.Linear(8, 8)
        self.a = nn.MultiheadAttention(8, 2, batch_first=True)
        self.f = nn.Linear(8, 8) if pooled else nn.Identity()
        self.p, self.v = nn.Linear(8, 65), nn.Linear(8, 1)

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        tokens = self.e(planes.flatten(2).transpose(1, 2))
        normed = self.n(tokens)
        tokens = tokens + self.a(normed, normed, normed, need_weights=False)[0]
        x = torch.relu(self.f(torch.relu(self.m(tokens)).mean(1)))
        return self.p(x), self.v(x)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_layers_of_tokens_are_left_out_and_refused_by_name() -> None:
    network = adapt(Tokens(pooled=True).eval())

    found = attribute(network, "f5d6c3", targets="best", allow_gradient=True)

    assert not found.conditional
    assert np.isfinite(found.input_relevance).all()
    with pytest.raises(
        LayerError, match=r"layer 'e' gives \(N, 64, 8\), expected maps"
    ):
        attribute(network, "f5d6c3", layers="e", allow_gradient=True)
    with pytest.raises(LayerError, match="no layer 'x', expected one of f"):
        attribute(network, "f5d6c3", layers="x", allow_gradient=True)
    explainer = Explainer(network, layers="f", allow_gradient=True)
    assert explainer.shapes["f"]["channels"] == 8
    bare = Explainer(adapt(Tokens().eval()), allow_gradient=True)
    assert bare.shapes == {}


ATTENTION = ("MultiheadAttention", "scaled_dot_product_attention", "einsum", "softmax")


@pytest.mark.parametrize("name", ATTENTION)
def test_attention_is_refused_by_name_or_explained_by_its_gradient(
    name: str, random_positions: Corpus
) -> None:
    network = randomize(Attending(name)).double()

    with pytest.raises(NetworkError, match=f"no rule for .*{name}"):
        attribute(network, random_positions[:2], targets=["best"])
    with pytest.warns(UserWarning, match="hooks"):
        found = attribute(
            network,
            random_positions[:2],
            targets=["best"],
            layers=["conv1"],
            conditional=True,
            allow_gradient=True,
        )
    assert np.isfinite(found.heatmap).all()
    assert found.relevance["conv1"].any()


@pytest.mark.parametrize("name", ATTENTION)
def test_gradient_times_input_needs_no_rules(
    name: str, random_positions: Corpus
) -> None:
    network = randomize(Attending(name)).double()
    positions = random_positions[:3]

    with pytest.warns(UserWarning, match="hooks"):
        explainer = Explainer(network, composite="gradient-x-input", dtype="float64")
    found = explainer.attribute(positions, targets=["best"], conditional=True)

    boards = board_planes(positions.own, positions.opponent)
    planes = torch.from_numpy(boards).double().requires_grad_()
    logits = network(planes)[torch.arange(3), found.squares[:, 0].tolist()]
    (slope,) = torch.autograd.grad(logits.sum(), planes)
    expected = (slope * planes).detach().numpy()
    np.testing.assert_allclose(found.heatmap, expected, rtol=0, atol=1e-12)
    total = found.conditional["conv1"].sum(2)
    np.testing.assert_allclose(total, found.heatmap, rtol=0, atol=1e-12)


def test_what_needs_the_native_engine_says_so_first(random_positions: Corpus) -> None:
    network = randomize(Attending("softmax"))
    with pytest.warns(UserWarning, match="hooks"):
        explainer = Explainer(network, composite="epsilon", allow_gradient=True)

    for ask in (explainer.concept_graph, explainer.conservation):
        with pytest.raises(NetworkError, match=r"needs the native engine"):
            ask(random_positions)
