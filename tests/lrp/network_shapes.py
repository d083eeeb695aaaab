"""Shapes of network as people write them: how each is made, and what must come of it.

Every shape has random weights, its biases and batch norm statistics included. c is the
number of channels, so that the same shapes are tested small and timed wide.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from conceptlrp.networks import OthelloNet
from tests.lrp.conftest import randomize
from tests.lrp.shape_oracle import hold
from tests.networks.azg_twin import OthelloNNet

Make = Callable[[int], Any]
ON_BOARD = [a for a in range(64) if a not in (27, 28, 35, 36)]


@dataclass(frozen=True)
class Shape:
    """One shape of network.

    ``expected`` is "native", "hooks", "gradient" or "refused: " with words of the
    message; ``options`` are those of `adapt`. A ``twin`` is the shape whose relevance
    it must have, its weights being the same; of others the oracle is plain autograd.
    Relevance ``conserves`` the output where no bias, constant or gradient takes any. A
    ``single`` one says itself that it computes in single precision.
    """

    name: str
    make: Make
    expected: str = "native"
    options: Mapping[str, Any] = field(default_factory=dict)
    twin: str = ""
    conserves: bool = True
    size: int = 8
    single: bool = False


class Net(nn.Module):
    """Two convolutions and two heads, with what lies between as functions."""

    def __init__(self, c: int, body: Any, heads: Any, planes: int, sizes: Any) -> None:
        super().__init__()
        self.stem = nn.Conv2d(planes, c, 3, padding=1)
        self.conv = nn.Conv2d(c, c, 3, padding=1)
        self.policy, self.value = (nn.LazyLinear(size) for size in sizes)
        self.body, self.heads = body, heads

    def forward(self, x: Tensor) -> Any:
        return self.heads(self, self.body(self, x))


def net(
    body: Any = None,
    heads: Any = None,
    *,
    planes: int = 1,
    sizes: tuple[int, int] | None = None,
    size: int = 8,
    **parts: Callable[[int], Any],
) -> Make:
    widths = sizes or (size * size + 1, 1)

    def make(c: int) -> nn.Module:
        made = Net(c, body or acted, heads or both, planes, widths)
        for name, part in parts.items():
            setattr(made, name, part(c))
        made.size = size
        made.eval()(torch.zeros(2, planes, size, size))
        for name in ("policy", "value"):
            if isinstance(getattr(made, name), nn.LazyLinear):
                delattr(made, name)  # which no head reads
        return randomize(made)

    return make


def modules(kind: Callable[[], nn.Module], body: Any = None) -> Make:
    return net(body, act1=lambda c: kind(), act2=lambda c: kind())


def acted(n: Any, x: Tensor) -> Tensor:
    """Two convolutions with ReLUs, functions or the activations that a net has."""
    act1, act2 = getattr(n, "act1", F.relu), getattr(n, "act2", F.relu)
    return act2(n.conv(act1(n.stem(x))))


def spelled(f: Callable[[Tensor], Tensor]) -> Make:
    return net(lambda n, x: f(n.conv(f(n.stem(x)))))


def after(f: Callable[[Any, Tensor], Tensor], **parts: Any) -> Make:
    """A step between the two convolutions and what reads them."""
    return net(lambda n, x: F.relu(n.conv(f(n, F.relu(n.stem(x))))), **parts)


def both(n: Any, z: Tensor) -> Any:
    z = z.flatten(1)
    return n.policy(z), n.value(z)


def read_by(f: Callable[[Any, Tensor], Tensor], **parts: Any) -> Make:
    """Something else than a flatten before the two heads."""

    def heads(n: Any, z: Tensor) -> Any:
        z = f(n, z)
        return n.policy(z), n.value(z)

    return net(heads=heads, **parts)


def head(change: Callable[[Tensor, Tensor], Any], **options: Any) -> Make:
    return net(heads=lambda n, z: change(*both(n, z)), **options)


def conv(*sizes: int, **options: Any) -> Callable[[int], nn.Module]:
    """A convolution whose sizes are multiples of c where negative."""
    return lambda c: nn.Conv2d(*(-s * c if s < 0 else s for s in sizes), **options)


def inplace(f: Any) -> Any:
    def run(n: Any, x: Tensor) -> Tensor:
        z = n.stem(x)
        f(z)
        z = n.conv(z)
        f(z)
        return z

    return run


MODULES: dict[str, tuple[Callable[[], nn.Module], bool]] = {
    "nn.ReLU": (nn.ReLU, True),
    "nn.LeakyReLU": (lambda: nn.LeakyReLU(0.2), True),
    "nn.PReLU": (nn.PReLU, True),
    "nn.ELU": (lambda: nn.ELU(0.7), True),
    "nn.CELU": (lambda: nn.CELU(2.0), True),
    "nn.SELU": (nn.SELU, True),
    "nn.SiLU": (nn.SiLU, True),
    "nn.GELU": (nn.GELU, True),
    "nn.Mish": (nn.Mish, True),
    "nn.Hardswish": (nn.Hardswish, True),
    "nn.Tanh": (nn.Tanh, True),
    "nn.Softplus": (nn.Softplus, False),
    "nn.Sigmoid": (nn.Sigmoid, False),
}
FUNCTIONS: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {
    "torch.relu_": ("nn.ReLU", torch.relu_),
    "F.relu(inplace=True)": ("nn.ReLU", lambda z: F.relu(z, inplace=True)),
    "x.clamp(min=0)": ("nn.ReLU", lambda z: z.clamp(min=0)),
    "F.leaky_relu": ("nn.LeakyReLU", lambda z: F.leaky_relu(z, 0.2)),
    "F.elu": ("nn.ELU", lambda z: F.elu(z, 0.7)),
    "F.celu": ("nn.CELU", lambda z: F.celu(z, 2.0)),
    "F.selu": ("nn.SELU", F.selu),
    "F.silu": ("nn.SiLU", F.silu),
    "x * sigmoid(x)": ("nn.SiLU", lambda z: z * hold(torch.sigmoid(z))),
    "F.gelu": ("nn.GELU", F.gelu),
    "F.mish": ("nn.Mish", F.mish),
    "x * tanh(softplus(x))": (
        "nn.Mish",
        lambda z: z * hold(torch.tanh(F.softplus(z))),
    ),
    "F.hardswish": ("nn.Hardswish", F.hardswish),
    "torch.tanh": ("nn.Tanh", torch.tanh),
    "x.tanh()": ("nn.Tanh", lambda z: z.tanh()),
    "F.softplus": ("nn.Softplus", F.softplus),
    "torch.sigmoid": ("nn.Sigmoid", torch.sigmoid),
}
ACTIVATIONS = [
    *(
        Shape(name, modules(kind), conserves=conserves)
        for name, (kind, conserves) in MODULES.items()
    ),
    *(
        Shape(name, spelled(f), twin=twin, conserves=MODULES[twin][1])
        for name, (twin, f) in FUNCTIONS.items()
    ),
    Shape(
        "x.relu_() alone on a line", net(inplace(lambda z: z.relu_())), twin="nn.ReLU"
    ),
    Shape("nn.ReLU(inplace=True)", modules(lambda: nn.ReLU(True)), twin="nn.ReLU"),
    Shape(
        "one nn.ReLU used twice",
        net(lambda n, x: n.act(n.conv(n.act(n.stem(x)))), act=lambda c: nn.ReLU()),
        twin="nn.ReLU",
    ),
    Shape(
        "F.prelu",
        net(
            lambda n, x: F.prelu(n.conv(F.prelu(n.stem(x), n.act1)), n.act2),
            act1=lambda c: nn.Parameter(torch.ones(1)),
            act2=lambda c: nn.Parameter(torch.ones(1)),
        ),
    ),
]

ARITHMETIC = [
    Shape("x - y", after(lambda n, z: z - n.conv2(z), conv2=conv(-1, -1, 1))),
    Shape("own - opponent", net(lambda n, x: F.relu(n.stem(x)) - F.relu(n.conv2(x)), conv2=conv(1, -1, 3, padding=1))),
    Shape("x * 0.5", after(lambda n, z: z * 0.5)),
    Shape("x / 2", after(lambda n, z: z / 2)),
    Shape("-x", after(lambda n, z: -z)),
    Shape("x + 0.3", after(lambda n, z: z + 0.3), conserves=False),
    Shape("logits * 0.5", head(lambda p, v: (p * 0.5, v * 0.5))),
    Shape(
        "x * weight per channel",
        after(
            lambda n, z: z * n.scale,
            scale=lambda c: nn.Parameter(torch.ones(1, c, 1, 1)),
        ),
    ),
    Shape(
        "x + map of squares",
        after(
            lambda n, z: z + n.squares,
            squares=lambda c: nn.Parameter(torch.ones(1, c, 8, 8)),
        ),
        conserves=False,
    ),
    Shape("x + conv(x)", net(lambda n, x: (lambda z: F.relu(z + n.conv(z)))(F.relu(n.stem(x))))),
    Shape("x += conv(x)", net(lambda n, x: _added(n, F.relu(n.stem(x)))), twin="x + conv(x)"),
    Shape(
        "torch.add(x, y, alpha=0.5)",
        after(lambda n, z: torch.add(z, n.conv2(z), alpha=0.5), conv2=conv(-1, -1, 1)),
    ),
    Shape("x.to(dtype) and x.type_as(y)", net(lambda n, x: acted(n, x.to(n.stem.weight.dtype)).type_as(x)), twin="nn.ReLU"),
    Shape("x.float()", net(lambda n, x: acted(n, x.float()).float()), twin="nn.ReLU", single=True),
]  # fmt: skip


def _added(n: Any, z: Tensor) -> Tensor:
    z += n.conv(z)
    return F.relu(z)


RESHAPED = [
    Shape("x.view(-1, n)", read_by(lambda n, z: z.view(-1, z[0].numel())), twin="nn.ReLU"),
    Shape("x.view(x.size(0), -1)", read_by(lambda n, z: z.view(z.size(0), -1)), twin="nn.ReLU"),
    Shape("x.reshape(len(x), -1)", read_by(lambda n, z: z.reshape(z.shape[0], -1)), twin="nn.ReLU"),
    Shape("nn.Flatten", read_by(lambda n, z: n.flat(z), flat=lambda c: nn.Flatten()), twin="nn.ReLU"),
    Shape("boards (N, n, n) viewed", net(lambda n, x: acted(n, x.view(-1, 1, 8, 8))), twin="nn.ReLU"),
    Shape("F.conv2d", net(lambda n, x: F.relu(F.conv2d(F.relu(n.stem(x)), n.conv.weight, n.conv.bias, padding=1))), twin="nn.ReLU"),
    Shape("F.linear", net(lambda n, x: F.relu(F.linear(acted(n, x).flatten(1), n.fc.weight, n.fc.bias)), fc=lambda c: nn.Linear(64 * c, 3 * c))),
    Shape("x.mean((2, 3))", read_by(lambda n, z: z.mean((2, 3)))),
    Shape("x.sum((2, 3))", read_by(lambda n, z: z.sum((2, 3)))),
    Shape("nn.AdaptiveAvgPool2d(1)", read_by(lambda n, z: n.pool(z).flatten(1), pool=lambda c: nn.AdaptiveAvgPool2d(1)), twin="x.mean((2, 3))"),
    Shape("nn.AvgPool2d", read_by(lambda n, z: n.pool(z).flatten(1), pool=lambda c: nn.AvgPool2d(2))),
    Shape("F.avg_pool2d", read_by(lambda n, z: F.avg_pool2d(z, 2).flatten(1)), twin="nn.AvgPool2d"),
    Shape("nn.MaxPool2d", read_by(lambda n, z: n.pool(z).flatten(1), pool=lambda c: nn.MaxPool2d(2))),
    Shape("F.max_pool2d", read_by(lambda n, z: F.max_pool2d(z, 2).flatten(1)), twin="nn.MaxPool2d"),
    Shape("nn.MaxPool2d(3, 1, 1) between", after(lambda n, z: n.pool(z), pool=lambda c: nn.MaxPool2d(3, 1, 1))),
    Shape("nn.AdaptiveMaxPool2d(1)", read_by(lambda n, z: n.pool(z).flatten(1), pool=lambda c: nn.AdaptiveMaxPool2d(1))),
    Shape("x.amax((2, 3))", read_by(lambda n, z: z.amax((2, 3))), twin="nn.AdaptiveMaxPool2d(1)"),
]  # fmt: skip

STRUCTURES = [
    Shape("convolution and batch norm", net(lambda n, x: F.relu(n.bn2(n.conv(F.relu(n.bn1(n.stem(x))))), True), bn1=nn.BatchNorm2d, bn2=nn.BatchNorm2d)),
    Shape("batch norm after ReLU", after(lambda n, z: n.bn(z), bn=nn.BatchNorm2d)),
    Shape("batch norm on the input", net(lambda n, x: acted(n, n.bn(x)), bn=lambda c: nn.BatchNorm2d(1))),
    Shape("batch norm before the stem's ReLU, shared", net(lambda n, x: _preactivated(n, n.stem(x)), bn1=nn.BatchNorm2d, bn2=nn.BatchNorm2d, conv2=conv(-1, -1, 3, padding=1))),
    Shape("grouped convolution", after(lambda n, z: F.relu(n.conv2(z)), conv2=lambda c: nn.Conv2d(c, c, 3, padding=1, groups=2))),
    Shape("depthwise and pointwise", after(lambda n, z: F.relu(n.conv3(n.conv2(z))), conv2=lambda c: nn.Conv2d(c, c, 3, padding=1, groups=c), conv3=conv(-1, -1, 1))),
    Shape("dilated convolution", after(lambda n, z: F.relu(n.conv2(z)), conv2=conv(-1, -1, 3, padding=2, dilation=2))),
    Shape("strided convolution", after(lambda n, z: F.relu(n.conv2(z)), conv2=conv(-1, -1, 3, padding=1, stride=2))),
    Shape("1x1 bottleneck", after(lambda n, z: F.relu(z + n.conv4(F.relu(n.conv3(F.relu(n.conv2(z)))))), conv2=conv(-1, 3, 1), conv3=conv(3, 3, 3, padding=1), conv4=conv(3, -1, 1))),
    Shape("rectangular kernels", after(lambda n, z: F.relu(n.conv3(n.conv2(z))), conv2=lambda c: nn.Conv2d(c, c, (1, 8), padding=(0, 4)), conv3=lambda c: nn.Conv2d(c, c, (8, 1)))),
    Shape("no convolution at all", net(lambda n, x: F.relu(n.fc(x.flatten(1))), lambda n, z: (n.policy(z), n.value(z)), fc=lambda c: nn.Linear(64, 4 * c))),
    Shape("dropout", net(lambda n, x: n.drop(acted(n, x)), lambda n, z: both(n, F.dropout(z, 0.3, n.training)), drop=lambda c: nn.Dropout2d(0.2)), twin="nn.ReLU"),
    Shape("residual tower", net(lambda n, x: n.blocks(F.relu(n.stem(x))), blocks=lambda c: nn.Sequential(*(Block(c) for _ in range(3))))),
    Shape("pre-activation tower", net(lambda n, x: n.blocks(n.stem(x)), blocks=lambda c: nn.Sequential(*(PreBlock(c) for _ in range(2)), nn.BatchNorm2d(c), nn.ReLU()))),
    Shape("dense block (cat of maps)", after(lambda n, z: F.relu(n.conv2(torch.cat([z, F.relu(n.conv3(z))], 1))), conv2=conv(-2, -1, 1), conv3=conv(-1, -1, 3, padding=1))),
    Shape("halves by slices", after(lambda n, z: torch.cat([F.relu(n.conv2(z[:, :3])), z[:, 3:]], 1), conv2=conv(3, 3, 3, padding=1))),
    Shape("halves by chunk", after(lambda n, z: _halves(n.conv2(z)), conv2=conv(-1, -2, 3, padding=1))),
    Shape("global pooling of KataGo", after(lambda n, z: _pooled_bias(n, z), conv2=conv(-1, -1, 3, padding=1), fc=lambda c: nn.Linear(3 * c, c))),
    Shape("reflect padding", after(lambda n, z: F.relu(n.conv2(z)), conv2=conv(-1, -1, 3, padding=1, padding_mode="reflect"))),
    Shape("nn.ZeroPad2d", after(lambda n, z: F.relu(n.conv2(n.pad(z))), conv2=conv(-1, -1, 3), pad=lambda c: nn.ZeroPad2d(1))),
    Shape("F.pad", after(lambda n, z: F.relu(n.conv2(F.pad(z, (1, 1, 1, 1)))), conv2=conv(-1, -1, 3))),
    Shape("nn.ConvTranspose2d", after(lambda n, z: F.relu(n.conv2(z)), conv2=lambda c: nn.ConvTranspose2d(c, c, 3, padding=1)), "hooks"),
    Shape("nn.PixelShuffle", net(lambda n, x: n.shuffle(F.relu(n.conv2(F.relu(n.stem(x))))), conv2=lambda c: nn.Conv2d(c, 4, 3, padding=1), shuffle=lambda c: nn.PixelShuffle(2))),
    Shape("channels last by permute", read_by(lambda n, z: z.permute(0, 2, 3, 1).flatten(1))),
    Shape("6x6", net(size=6), size=6),
    Shape("6x6 residual tower", net(lambda n, x: n.blocks(F.relu(n.stem(x))), size=6, blocks=lambda c: nn.Sequential(Block(c), Block(c))), size=6),
]  # fmt: skip


class Block(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = (
            nn.Conv2d(c, c, 3, padding=1, bias=False),
            nn.BatchNorm2d(c),
        )
        self.conv2, self.bn2 = (
            nn.Conv2d(c, c, 3, padding=1, bias=False),
            nn.BatchNorm2d(c),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


class PreBlock(Block):
    def forward(self, x: Tensor) -> Tensor:
        z = self.conv1(F.relu(self.bn1(x)))
        return x + self.conv2(F.relu(self.bn2(z)))


def _halves(z: Tensor) -> Tensor:
    first, second = z.chunk(2, 1)
    return first + F.relu(second)


def _preactivated(n: Any, z: Tensor) -> Tensor:
    return F.relu(n.bn2(z + n.conv2(F.relu(n.bn1(n.conv(z))))))


def _pooled_bias(n: Any, z: Tensor) -> Tensor:
    mean = z.mean((2, 3))
    pooled = torch.cat([mean, mean * 0.2, z.amax((2, 3))], 1)
    return F.relu(n.conv2(z) + n.fc(pooled)[:, :, None, None])


def _excited(n: Any, z: Tensor) -> Tensor:
    return n.fc2(F.relu(n.fc1(z.mean((2, 3)))))


class Excitation(nn.Module):
    """Squeeze and excitation of modules, as most repositories have it."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(
            nn.Linear(c, 3), nn.ReLU(inplace=True), nn.Linear(3, c), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        n, c, _, _ = x.size()
        gate = self.fc(self.pool(x).view(n, c)).view(n, c, 1, 1)
        return x * hold(gate).expand_as(x)


def _leela(n: Any, z: Tensor) -> Tensor:
    weight, bias = _excited(n, z)[:, :, None, None].chunk(2, 1)
    return F.mish(hold(torch.sigmoid(weight)) * z + bias)


_SQUEEZE = {"fc1": lambda c: nn.Linear(c, 3), "fc2": lambda c: nn.Linear(3, c)}
GATES = [
    Shape("squeeze and excitation, functions", after(lambda n, z: z * hold(torch.sigmoid(_excited(n, z)))[:, :, None, None] + z, **_SQUEEZE)),
    Shape("squeeze and excitation, modules", after(lambda n, z: n.se(z) + z, se=Excitation)),
    Shape("squeeze and excitation by 1x1 convolutions", after(lambda n, z: z * hold(F.hardsigmoid(n.conv3(F.silu(n.conv2(F.adaptive_avg_pool2d(z, 1)))))), conv2=conv(-1, 3, 1), conv3=conv(3, -1, 1))),
    Shape("Leela's squeeze and excitation", after(_leela, fc1=lambda c: nn.Linear(c, 3), fc2=lambda c: nn.Linear(3, 2 * c))),
    Shape("x * sigmoid(y)", after(lambda n, z: z * hold(torch.sigmoid(n.conv2(z))), conv2=conv(-1, -1, 3, padding=1))),
    Shape("tanh(x) * sigmoid(y)", net(lambda n, x: torch.tanh(n.stem(x)) * hold(torch.sigmoid(n.conv2(x))), conv2=conv(1, -1, 3, padding=1))),
    Shape("a gate a square", after(lambda n, z: z * hold(torch.sigmoid(n.conv2(z))), conv2=conv(-1, 1, 1))),
]  # fmt: skip

NORMS = [
    Shape("nn.LayerNorm of maps", after(lambda n, z: n.norm(z), norm=lambda c: nn.LayerNorm([c, 8, 8]))),
    Shape("F.layer_norm", after(lambda n, z: F.layer_norm(z, z.shape[1:]))),
    Shape("nn.LayerNorm of a vector", net(lambda n, x: n.norm(F.relu(n.fc(acted(n, x).flatten(1)))), fc=lambda c: nn.Linear(64 * c, 3 * c), norm=lambda c: nn.LayerNorm(3 * c))),
    Shape("nn.GroupNorm", net(lambda n, x: F.relu(n.norm(n.conv(F.relu(n.stem(x))))), norm=lambda c: nn.GroupNorm(2, c))),
    Shape("F.group_norm", net(lambda n, x: F.relu(F.group_norm(n.conv(F.relu(n.stem(x))), 1)))),
    Shape("nn.InstanceNorm2d", after(lambda n, z: n.norm(z), norm=lambda c: nn.InstanceNorm2d(c, affine=True))),
    Shape("F.instance_norm", after(lambda n, z: F.instance_norm(z))),
    Shape("nn.RMSNorm", after(lambda n, z: n.norm(z), norm=lambda c: nn.RMSNorm([c, 8, 8]))),
    Shape("LayerNorm over channels, by permute", after(lambda n, z: n.norm(z.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), norm=nn.LayerNorm), "refused: no rule for LayerNorm"),
    Shape("RMS norm by hand", after(lambda n, z: z * torch.rsqrt(z.square().mean((1, 2, 3), keepdim=True) + 1e-5)), "refused: no rule for .*square"),
]  # fmt: skip


class Pair(NamedTuple):
    policy: Tensor
    value: Tensor


def _of_squares(c: int, squares: list[int], sizes: tuple[int, int]) -> nn.Module:
    """A net whose heads are those of another with less outputs, sorted in."""
    whole, made = net(sizes=sizes)(c).double(), net()(c).double()
    state = dict(whole.state_dict())
    matrix = torch.zeros(65, sizes[0], dtype=torch.float64)
    for i, square in enumerate(squares):
        if square >= 0:
            matrix[square, i] = 1
    of = {
        "policy": matrix,
        "value": torch.tensor([[1.0, 0, -1]][: sizes[1] == 3], dtype=torch.float64),
    }
    for name, fold in of.items():
        for part in ("weight", "bias"):
            if len(fold):
                state[f"{name}.{part}"] = fold @ state[f"{name}.{part}"]
    made.load_state_dict(state)
    return made


CORNERS = [*range(64), -1, 64]
HEADS = [
    Shape("(value, policy), named", head(lambda p, v: (v, p)), options={"outputs": ("value", "policy")}, twin="nn.ReLU"),
    Shape("(value, policy), not named", head(lambda p, v: (v, p)), r"refused: outputs=\('value', 'policy'\)"),
    Shape("a list", head(lambda p, v: [p, v]), twin="nn.ReLU"),
    Shape("a named tuple", head(lambda p, v: Pair(p, v)), twin="nn.ReLU"),
    Shape("three outputs, named", head(lambda p, v: (p, v, v * 2)), options={"outputs": ("policy", "value", None)}, twin="nn.ReLU"),
    Shape("three outputs, not named", head(lambda p, v: (p, v, v * 2)), "refused: pass outputs="),
    Shape("dict", head(lambda p, v: {"value": v, "policy": p}), twin="nn.ReLU"),
    Shape("dict of other keys, named", head(lambda p, v: {"v": v, "pi": p}), options={"outputs": {"policy": "pi", "value": "v"}}, twin="nn.ReLU"),
    Shape("dict of other keys, not named", head(lambda p, v: {"v": v, "pi": p}), "refused: dict of 'v', 'pi'; pass outputs="),
    Shape("value (N,) by squeeze", head(lambda p, v: (p, v.squeeze(-1))), twin="nn.ReLU"),
    Shape("value (N,) by index", head(lambda p, v: (p, v[:, 0])), twin="nn.ReLU"),
    Shape("tanh and log-softmax at the ends", head(lambda p, v: (F.log_softmax(p, 1), torch.tanh(v))), twin="nn.ReLU"),
    Shape("softmax and squeezed tanh at the ends", head(lambda p, v: (p.softmax(-1), v.tanh().squeeze(1))), twin="nn.ReLU"),
    Shape("value only", head(lambda p, v: v), "refused: it has no policy"),
    Shape("policy alone", head(lambda p, v: p)),
    Shape("win, draw and loss, said", net(sizes=(65, 3)), options={"value": "wdl"}, twin="win, draw and loss, spelled out"),
    Shape("win, draw and loss after softmax", head(lambda p, v: (p, v.softmax(1)), sizes=(65, 3)), options={"value": "wdl"}, twin="win, draw and loss, spelled out"),
    Shape("win, draw and loss, not said", net(sizes=(65, 3)), "refused: pass value='wdl'"),
    Shape("win, draw and loss, spelled out", lambda c: _of_squares(c, list(range(65)), (65, 3))),
    Shape("60 squares, named", net(sizes=(60, 1)), options={"policy": ON_BOARD}, twin="60 squares, spelled out"),
    Shape("60 squares, spelled out", lambda c: _of_squares(c, ON_BOARD, (60, 1))),
    Shape("60 squares, not named", net(sizes=(60, 1)), "refused: policy="),
    Shape("66 outputs, named", net(sizes=(66, 1)), options={"policy": CORNERS}, twin="66 outputs, spelled out"),
    Shape("66 outputs, spelled out", lambda c: _of_squares(c, CORNERS, (66, 1))),
    Shape("66 outputs, not named", net(sizes=(66, 1)), "refused: policy="),
    Shape("64 outputs, no pass", net(sizes=(64, 1))),
    Shape("63 outputs", net(sizes=(63, 1)), "refused: policy="),
    Shape("columns first", net(sizes=(65, 1)), options={"policy": lambda i: i if i == 64 else i % 8 * 8 + i // 8}, twin="columns first, spelled out"),
    Shape("columns first, spelled out", lambda c: _of_squares(c, [*(i % 8 * 8 + i // 8 for i in range(64)), 64], (65, 1))),
    Shape("policy by a 1x1 convolution", net(heads=lambda n, z: (n.conv2(z).flatten(1), n.value(z.flatten(1))), conv2=conv(-1, 1, 1))),
    Shape("policy (N, 1, 8, 8)", net(heads=lambda n, z: (n.conv2(z), n.value(z.mean((2, 3)))), conv2=conv(-1, 1, 1))),
    Shape("cat of policy and pass", net(heads=lambda n, z: (torch.cat([n.conv2(z).flatten(1), n.skip(z.mean((2, 3)))], 1), n.value(z.flatten(1))), conv2=conv(-1, 1, 1), skip=lambda c: nn.Linear(c, 1))),
    Shape("cat of flattened maps", read_by(lambda n, z: torch.cat([n.conv2(z).flatten(1), z.mean((2, 3))], -1), conv2=conv(-1, 2, 1))),
    Shape("heads of alpha-zero", net(heads=lambda n, z: (n.policy(F.relu(n.bn(n.conv2(z))).flatten(1)), n.value(F.relu(n.fc(F.relu(n.conv3(z)).flatten(1))))), conv2=conv(-1, 2, 1), bn=lambda c: nn.BatchNorm2d(2), conv3=conv(-1, 1, 1), fc=lambda c: nn.Linear(64, 16))),
]  # fmt: skip

#: Planes by hand, of boards (N, n, n) with +1 and -1 and of legal squares alike.
PLANES: dict[str, Callable[[Any, Any], list[Any]]] = {
    "own-minus-opponent": lambda b, legal: [b],
    "own-opponent": lambda b, legal: [b > 0, b < 0],
    "own-opponent-ones": lambda b, legal: [b > 0, b < 0, b == b],
    "own-opponent-legal": lambda b, legal: [b > 0, b < 0, legal],
    "own-opponent-zeros14": lambda b, legal: [b > 0, b < 0, *[b * 0] * 14],
    "opponent-own-empty": lambda b, legal: [b < 0, b > 0, b == 0],
}


def _both_colours(boards: Any) -> Any:
    return np.stack([boards > 0, boards < 0], 1)


PLANE_SHAPES = [
    *(
        Shape(f"planes: {name}", net(planes=len(make(np.zeros(1), np.zeros(1)))), options={"encode": name})
        for name, make in list(PLANES.items())[1:]
    ),
    Shape("2 planes, not named", net(planes=2), twin="planes: own-opponent"),
    Shape("planes by a function", net(planes=2), options={"encode": _both_colours}, twin="planes: own-opponent"),
    Shape("3 planes, not named", net(planes=3), "refused: reads 3 planes, .*encode="),
    Shape("planes built in forward: ones", net(lambda n, x: F.relu(n.conv2(torch.cat([x, torch.ones_like(x)], 1))), conv2=conv(2, -1, 3, padding=1)), options={"encode": "own-minus-opponent"}, conserves=False),
    Shape("planes built in forward: comparisons", net(lambda n, x: F.relu(n.conv2(torch.cat([(x > 0).to(x), (x < 0).to(x)], 1))), conv2=conv(2, -1, 3, padding=1)), "refused: no rule for gt", options={"encode": "own-minus-opponent"}),
    Shape("planes built in forward: relu(x), relu(-x)", net(lambda n, x: F.relu(n.conv2(torch.cat([F.relu(x), F.relu(-x)], 1))), conv2=conv(2, -1, 3, padding=1)), options={"encode": "own-minus-opponent"}),
]  # fmt: skip


def _attention(n: Any, z: Tensor) -> Tensor:
    tokens = z.flatten(2).transpose(1, 2)
    return n.heed(tokens, tokens, tokens)[0].transpose(1, 2).reshape(z.shape)


def _einsum(n: Any, z: Tensor) -> Tensor:
    return torch.einsum("nchw,cd->ndhw", z, n.weight)


_HEED = {"heed": lambda c: nn.MultiheadAttention(c, 2, batch_first=True)}
_WEIGHT = {"weight": lambda c: nn.Parameter(torch.ones(c, c))}
UNKNOWN = [
    Shape("attention", after(_attention, **_HEED), "refused: no rule for MultiheadAttention .'heed'"),
    Shape("attention, by its gradient", after(_attention, **_HEED), "gradient", conserves=False),
    Shape("einsum", after(_einsum, **_WEIGHT), "refused: no rule for einsum"),
    Shape("einsum, by its gradient", after(_einsum, **_WEIGHT), "gradient", conserves=False),
    Shape("x * y", after(lambda n, z: z * n.conv2(z), conv2=conv(-1, -1, 1)), "refused: no rule for mul"),
    Shape("x ** 2", spelled(lambda z: z**2), "refused: no rule for pow"),
    Shape("exp(x)", spelled(lambda z: torch.exp(z)), "refused: no rule for exp"),
    Shape("F.glu", after(lambda n, z: F.glu(n.conv2(z), 1), conv2=conv(-1, -2, 1)), "refused: no rule for glu"),
    Shape("maximum(x, y)", after(lambda n, z: torch.maximum(z, n.conv2(z)), conv2=conv(-1, -1, 1)), "refused: no rule for maximum"),
    Shape("softmax over channels", spelled(lambda z: z.softmax(1)), "refused: no rule for softmax"),
    Shape("x / x.std()", after(lambda n, z: z / z.std((1, 2, 3), keepdim=True)), "refused: no rule for"),
    Shape("nn.LSTM over squares", after(lambda n, z: n.rnn(z.flatten(2).transpose(1, 2))[0].transpose(1, 2).reshape(z.shape), rnn=lambda c: nn.LSTM(c, c, batch_first=True)), "refused: no rule for LSTM"),
    Shape("a flow that depends on values", net(lambda n, x: acted(n, x if x.sum() > 0 else -x)), "refused: cannot be traced"),
    Shape("a convolution used twice", after(lambda n, z: F.relu(n.conv(z))), "refused: 'conv' .Conv2d. is used 2 times"),
    Shape("a scripted module", lambda c: torch.jit.trace(net()(c), torch.zeros(2, 1, 8, 8)), "refused: cannot be traced"),
    Shape("training mode", lambda c: net()(c).train(), twin="nn.ReLU"),
]  # fmt: skip


def _azg(c: int) -> nn.Module:
    torch.manual_seed(0)
    return randomize(OthelloNNet(8, c))


def _othello_net(c: int) -> nn.Module:
    made = OthelloNet(channels=c).eval()
    made.load_state_dict(_azg(c).state_dict())
    return made


def _sequential(c: int) -> nn.Module:
    layers = [nn.Conv2d(2, c, 3, padding=1), nn.BatchNorm2d(c), nn.ReLU()]
    return randomize(nn.Sequential(*layers, nn.Conv2d(c, 1, 1), nn.Flatten()))


WRAPPED = [
    Shape("OthelloNet", _othello_net),
    Shape("OthelloNNet of alpha-zero-general", _azg, twin="OthelloNet"),
    Shape("its NNetWrapper", lambda c: SimpleNamespace(nnet=_azg(c)), twin="OthelloNet"),
    Shape("nn.DataParallel", lambda c: nn.DataParallel(net()(c)), twin="nn.ReLU"),
    Shape("torch.compile", lambda c: torch.compile(net()(c)), twin="nn.ReLU"),
    Shape("nn.Sequential, 64 outputs", _sequential, options={"encode": "own-opponent"}),
    Shape("weight norm", lambda c: _weight_normed(net()(c))),
    Shape("weight norm and batch norm", lambda c: _weight_normed(_NORMED(c))),
    Shape("weight norm by hooks", lambda c: _weight_normed(net()(c), nn.utils.weight_norm)),
    Shape("weight norm by hooks and batch norm", lambda c: _weight_normed(_NORMED(c), nn.utils.weight_norm)),
]  # fmt: skip


_NORMED = net(lambda n, x: F.relu(n.bn(n.conv(F.relu(n.stem(x))))), bn=nn.BatchNorm2d)


def _weight_normed(made: Any, norm: Any = nn.utils.parametrizations.weight_norm) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the norm by hooks, which is old
        norm(made.conv)
    return made


SHAPES = {
    shape.name: shape
    for group in (
        *(ACTIVATIONS, ARITHMETIC, RESHAPED, STRUCTURES, GATES, NORMS),
        *(HEADS, PLANE_SHAPES, UNKNOWN, WRAPPED),
    )
    for shape in group
}
