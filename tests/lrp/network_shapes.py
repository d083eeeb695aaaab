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


def conv(*sizes: int, **options: Any) -> Make:
    """A convolution whose numbers of channels are multiples of c where negative."""
    options = {"padding": sizes[2] // 2, **options}
    return lambda c: nn.Conv2d(*(-s * c if s < 0 else s for s in sizes), **options)


def weights(*shape: int) -> Make:
    """Weights that are no module's, of a shape whose -1 is c."""
    return lambda c: nn.Parameter(torch.ones([c if s < 0 else s for s in shape]))


class Block(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (
            nn.Conv2d(c, c, 3, padding=1, bias=False) for _ in "12"
        )
        self.bn1, self.bn2 = nn.BatchNorm2d(c), nn.BatchNorm2d(c)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


class PreBlock(Block):
    def forward(self, x: Tensor) -> Tensor:
        z = self.conv1(F.relu(self.bn1(x)))
        return x + self.conv2(F.relu(self.bn2(z)))


class Excitation(nn.Module):
    """Squeeze and excitation of modules, as most repositories have it."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.pool, relu = nn.AdaptiveAvgPool2d(1), nn.ReLU(inplace=True)
        self.fc = nn.Sequential(nn.Linear(c, 3), relu, nn.Linear(3, c), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        n, c, _, _ = x.size()
        gate = self.fc(self.pool(x).view(n, c)).view(n, c, 1, 1)
        return x * hold(gate).expand_as(x)


#: What a net has where its functions ask for it.
PARTS: dict[str, Make] = {
    "conv2": conv(-1, -1, 3), "of_input": conv(1, -1, 3), "of_two": conv(2, -1, 3),
    "point": conv(-1, -1, 1), "joined": conv(-2, -1, 1), "doubled": conv(-1, -2, 3),
    "narrow": conv(-1, 3, 1), "of_three": conv(3, 3, 3), "widened": conv(3, -1, 1),
    "one": conv(-1, 1, 1), "two": conv(-1, 2, 1), "quarters": conv(-1, 4, 3),
    "dilated": conv(-1, -1, 3, padding=2, dilation=2), "strided": conv(-1, -1, 3, stride=2),
    "bare": conv(-1, -1, 3, padding=0), "mirrored": conv(-1, -1, 3, padding_mode="reflect"),
    "grouped": conv(-1, -1, 3, groups=2), "depthwise": lambda c: nn.Conv2d(c, c, 3, padding=1, groups=c),
    "row": lambda c: nn.Conv2d(c, c, (1, 8), padding=(0, 4)), "column": lambda c: nn.Conv2d(c, c, (8, 1)),
    "transposed": lambda c: nn.ConvTranspose2d(c, c, 3, padding=1),
    "fc": lambda c: nn.LazyLinear(3 * c), "one_unit": lambda c: nn.LazyLinear(1),
    "squeeze": lambda c: nn.Linear(c, 3), "excite": lambda c: nn.Linear(3, c),
    "excite2": lambda c: nn.Linear(3, 2 * c), "pooled": lambda c: nn.Linear(3 * c, c),
    "bn": nn.BatchNorm2d, "bn1": nn.BatchNorm2d, "bn2": nn.BatchNorm2d,
    "bn_input": lambda c: nn.BatchNorm2d(1), "bn_two": lambda c: nn.BatchNorm2d(2),
    "bn_bare": lambda c: nn.BatchNorm2d(c, affine=False), "lines": lambda c: nn.Linear(8, 8),
    "bn_batch": lambda c: nn.BatchNorm2d(c, track_running_stats=False),
    "flat": lambda c: nn.Flatten(), "mean": lambda c: nn.AdaptiveAvgPool2d(1),
    "avg": lambda c: nn.AvgPool2d(2), "max": lambda c: nn.MaxPool2d(2),
    "max3": lambda c: nn.MaxPool2d(3, 1, 1), "top": lambda c: nn.AdaptiveMaxPool2d(1),
    "pad": lambda c: nn.ZeroPad2d(1), "shuffle": lambda c: nn.PixelShuffle(2),
    "drop": lambda c: nn.Dropout2d(0.2), "act": lambda c: nn.ReLU(), "se": Excitation,
    "tower": lambda c: nn.Sequential(*(Block(c) for _ in range(3))),
    "pretower": lambda c: nn.Sequential(PreBlock(c), PreBlock(c), nn.BatchNorm2d(c), nn.ReLU()),
    "layer_norm": lambda c: nn.LayerNorm([c, 8, 8]), "vector_norm": lambda c: nn.LayerNorm(3 * c),
    "group_norm": lambda c: nn.GroupNorm(2, c), "channel_norm": nn.LayerNorm,
    "instance_stats": lambda c: nn.InstanceNorm2d(c, affine=True, track_running_stats=True),
    "instance_norm": lambda c: nn.InstanceNorm2d(c, affine=True), "rms_norm": lambda c: nn.RMSNorm([c, 8, 8]),
    "scale": weights(1, -1, 1, 1), "squares": weights(1, -1, 8, 8), "edge": weights(1, 1, 8, 8), "matrix": weights(-1, -1),
    "slope1": weights(1), "slope2": weights(1), "rnn": lambda c: nn.LSTM(c, c, batch_first=True),
    "heed": lambda c: nn.MultiheadAttention(c, 2, batch_first=True),
}  # fmt: skip


class Net(nn.Module):
    """Two convolutions and two heads, with what lies between as functions."""

    def __init__(self, c: int, body: Any, heads: Any, planes: int, sizes: Any) -> None:
        super().__init__()
        self.stem = nn.Conv2d(planes, c, 3, padding=1)
        self.conv = nn.Conv2d(c, c, 3, padding=1)
        self.policy, self.value = (nn.LazyLinear(size) for size in sizes)
        self.body, self.heads, self.c = body, heads, c

    def __getattr__(self, name: str) -> Any:
        if name in PARTS and name not in self._modules | self._parameters:
            part = PARTS[name](self.c)
            named = (
                self._parameters if isinstance(part, nn.Parameter) else self._modules
            )
            named[name] = part
        return super().__getattr__(name)

    def forward(self, x: Tensor) -> Any:
        return self.heads(self, self.body(self, x))


class Optional(Net):
    def forward(self, x: Tensor, features: bool = False) -> Any:
        maps = self.body(self, x)
        return (self.heads(self, maps), maps) if features else self.heads(self, maps)


def acted(n: Any, x: Tensor) -> Tensor:
    return F.relu(n.conv(F.relu(n.stem(x))))


def both(n: Any, z: Tensor) -> Any:
    z = z.flatten(1)
    return n.policy(z), n.value(z)


def net(
    body: Any = acted,
    heads: Any = both,
    *,
    planes: int = 1,
    sizes: tuple[int, int] | None = None,
    size: int = 8,
    kind: type[Net] = Net,
) -> Make:
    def make(c: int) -> nn.Module:
        widths = sizes or (size * size + 1, 1)
        return run_once(kind(c, body, heads, planes, widths), planes, size)

    return make


def run_once(made: Any, planes: int = 1, size: int = 8) -> nn.Module:
    """Let a net make its parts, drop the heads it has no use for, draw weights."""
    made.size = size
    made.eval()(torch.zeros(2, planes, size, size))
    for name in ("policy", "value"):
        if isinstance(getattr(made, name), nn.LazyLinear):
            delattr(made, name)
    return randomize(made)


def modules(kind: Callable[[], nn.Module]) -> Make:
    def make(c: int) -> nn.Module:
        made = Net(c, lambda n, x: n.act2(n.conv(n.act1(n.stem(x)))), both, 1, (65, 1))
        made.act1, made.act2 = kind(), kind()
        return run_once(made)

    return make


def spelled(f: Callable[[Tensor], Tensor]) -> Make:
    return net(lambda n, x: f(n.conv(f(n.stem(x)))))


def after(f: Callable[[Any, Tensor], Tensor]) -> Make:
    """A step between the two convolutions."""
    return net(lambda n, x: F.relu(n.conv(f(n, F.relu(n.stem(x))))))


def read_by(f: Callable[[Any, Tensor], Tensor]) -> Make:
    """Something else than a flatten before the two heads."""
    return net(heads=lambda n, z: (lambda y: (n.policy(y), n.value(y)))(f(n, z)))


def head(change: Callable[[Tensor, Tensor], Any], **options: Any) -> Make:
    return net(heads=lambda n, z: change(*both(n, z)), **options)


def alone_on_a_line(n: Any, x: Tensor) -> Tensor:
    z = n.stem(x)
    z.relu_()
    z = n.conv(z)
    z.relu_()
    return z


MODULES: dict[str, Callable[[], nn.Module]] = {
    "nn.ReLU": nn.ReLU, "nn.LeakyReLU": lambda: nn.LeakyReLU(0.2), "nn.PReLU": nn.PReLU,
    "nn.ELU": lambda: nn.ELU(0.7), "nn.CELU": lambda: nn.CELU(2.0), "nn.SELU": nn.SELU,
    "nn.SiLU": nn.SiLU, "nn.GELU": nn.GELU, "nn.Mish": nn.Mish, "nn.Hardswish": nn.Hardswish,
    "nn.Tanh": nn.Tanh, "nn.Softplus": nn.Softplus, "nn.Sigmoid": nn.Sigmoid,
}  # fmt: skip
FUNCTIONS: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {
    "torch.relu_": ("nn.ReLU", torch.relu_), "x.clamp(min=0)": ("nn.ReLU", lambda z: z.clamp(min=0)),
    "F.relu(inplace=True)": ("nn.ReLU", lambda z: F.relu(z, inplace=True)),
    "F.leaky_relu": ("nn.LeakyReLU", lambda z: F.leaky_relu(z, 0.2)),
    "F.elu": ("nn.ELU", lambda z: F.elu(z, 0.7)), "F.celu": ("nn.CELU", lambda z: F.celu(z, 2.0)),
    "F.selu": ("nn.SELU", F.selu), "F.silu": ("nn.SiLU", F.silu), "F.gelu": ("nn.GELU", F.gelu),
    "x * sigmoid(x)": ("nn.SiLU", lambda z: z * hold(torch.sigmoid(z))), "F.mish": ("nn.Mish", F.mish),
    "x * tanh(softplus(x))": ("nn.Mish", lambda z: z * hold(torch.tanh(F.softplus(z)))),
    "F.hardswish": ("nn.Hardswish", F.hardswish), "F.softplus": ("nn.Softplus", F.softplus),
    "torch.tanh": ("nn.Tanh", torch.tanh), "x.tanh()": ("nn.Tanh", lambda z: z.tanh()),
    "torch.sigmoid": ("nn.Sigmoid", torch.sigmoid),
}  # fmt: skip
#: Activations that are not zero at zero, where relevance ends.
LOSING = ("nn.Softplus", "nn.Sigmoid")
ACTIVATIONS = [
    *(Shape(n, modules(m), conserves=n not in LOSING) for n, m in MODULES.items()),
    *(Shape(n, spelled(f), twin=twin) for n, (twin, f) in FUNCTIONS.items()),
    Shape("x.relu_() alone on a line", net(alone_on_a_line), twin="nn.ReLU"),
    Shape("nn.ReLU(inplace=True)", modules(lambda: nn.ReLU(True)), twin="nn.ReLU"),
    Shape("one nn.ReLU used twice", net(lambda n, x: n.act(n.conv(n.act(n.stem(x))))), twin="nn.ReLU"),
    Shape("F.prelu", net(lambda n, x: F.prelu(n.conv(F.prelu(n.stem(x), n.slope1)), n.slope2))),
]  # fmt: skip


def _added(n: Any, z: Tensor) -> Tensor:
    z += n.conv(z)
    return F.relu(z)


def _add_line(n: Any, z: Tensor) -> Tensor:
    z.add_(n.point(z.clone()))
    return z


ARITHMETIC = [
    Shape("x - y", after(lambda n, z: z - n.point(z))),
    Shape("own - opponent", net(lambda n, x: F.relu(n.stem(x)) - F.relu(n.of_input(x)))),
    Shape("x * 0.5", after(lambda n, z: z * 0.5)),
    Shape("x / 2", after(lambda n, z: z / 2)),
    Shape("-x", after(lambda n, z: -z)),
    Shape("x + 0.3", after(lambda n, z: z + 0.3), conserves=False),
    Shape("logits * 0.5", head(lambda p, v: (p * 0.5, v * 0.5))),
    Shape("x * weight per channel", after(lambda n, z: z * n.scale)),
    Shape("x + map of squares", after(lambda n, z: z + n.squares), conserves=False),
    Shape("x + conv(x)", after(lambda n, z: F.relu(z + n.conv2(z)))),
    Shape("x += conv(x)", net(lambda n, x: _added(n, F.relu(n.stem(x)))), twin="x = x + conv(x)"),
    Shape("x.add_(y) alone on a line", after(lambda n, z: _add_line(n, z)), twin="x + y"),
    Shape("x + y", after(lambda n, z: z + n.point(z))),
    Shape("sum([x, y, z])", after(lambda n, z: sum([z, n.point(z), n.conv2(z)]))),
    Shape("x + one channel", after(lambda n, z: z + n.one(z))),
    Shape("x + its mean over channels", after(lambda n, z: z + z.mean(1, keepdim=True)), "refused: no rule for mean"),
    Shape("x = x + conv(x)", net(lambda n, x: (lambda z: F.relu(z + n.conv(z)))(F.relu(n.stem(x))))),
    Shape("torch.add(x, y, alpha=0.5)", after(lambda n, z: torch.add(z, n.point(z), alpha=0.5))),
    Shape("x.to(dtype) and x.type_as(y)", net(lambda n, x: acted(n, x.to(n.stem.weight.dtype)).type_as(x)), twin="nn.ReLU"),
    Shape("x.float()", net(lambda n, x: acted(n, x.float()).float()), twin="nn.ReLU", single=True),
]  # fmt: skip

RESHAPED = [
    Shape("x.view(-1, n)", read_by(lambda n, z: z.view(-1, z[0].numel())), twin="nn.ReLU"),
    Shape("x.view(x.size(0), -1)", read_by(lambda n, z: z.view(z.size(0), -1)), twin="nn.ReLU"),
    Shape("x.reshape(x.shape[0], -1)", read_by(lambda n, z: z.reshape(z.shape[0], -1)), twin="nn.ReLU"),
    Shape("nn.Flatten", read_by(lambda n, z: n.flat(z)), twin="nn.ReLU"),
    Shape("boards (N, n, n) viewed", net(lambda n, x: acted(n, x.view(-1, 1, 8, 8))), twin="nn.ReLU"),
    Shape("F.conv2d", net(lambda n, x: F.relu(F.conv2d(F.relu(n.stem(x)), n.conv.weight, n.conv.bias, padding=1))), twin="nn.ReLU"),
    Shape("nn.Linear", read_by(lambda n, z: F.relu(n.fc(z.flatten(1))))),
    Shape("F.linear", read_by(lambda n, z: F.relu(F.linear(z.flatten(1), n.matrix.repeat(1, 64), None)))),
    Shape("x.mean((2, 3))", read_by(lambda n, z: z.mean((2, 3)))),
    Shape("x.sum((2, 3))", read_by(lambda n, z: z.sum((2, 3)))),
    Shape("nn.AdaptiveAvgPool2d(1)", read_by(lambda n, z: n.mean(z).flatten(1)), twin="x.mean((2, 3))"),
    Shape("nn.AvgPool2d", read_by(lambda n, z: n.avg(z).flatten(1))),
    Shape("F.avg_pool2d", read_by(lambda n, z: F.avg_pool2d(z, 2).flatten(1)), twin="nn.AvgPool2d"),
    Shape("nn.MaxPool2d", read_by(lambda n, z: n.max(z).flatten(1))),
    Shape("F.max_pool2d", read_by(lambda n, z: F.max_pool2d(z, 2).flatten(1)), twin="nn.MaxPool2d"),
    Shape("nn.MaxPool2d(3, 1, 1) between", after(lambda n, z: n.max3(z))),
    Shape("nn.AdaptiveMaxPool2d(1)", read_by(lambda n, z: n.top(z).flatten(1))),
    Shape("x.amax((2, 3))", read_by(lambda n, z: z.amax((2, 3))), twin="nn.AdaptiveMaxPool2d(1)"),
]  # fmt: skip


def _halves(z: Tensor) -> Tensor:
    first, second = z.chunk(2, 1)
    return first + F.relu(second)


def _pooled_bias(n: Any, z: Tensor) -> Tensor:
    mean = z.mean((2, 3))
    pooled = torch.cat([mean, mean * 0.2, z.amax((2, 3))], 1)
    return F.relu(n.conv2(z) + n.pooled(pooled)[:, :, None, None])


STRUCTURES = [
    Shape("convolution and batch norm", net(lambda n, x: F.relu(n.bn2(n.conv(F.relu(n.bn1(n.stem(x)))))))),
    Shape("batch norm after ReLU", after(lambda n, z: n.bn(z))),
    Shape("batch norm on the input", net(lambda n, x: acted(n, n.bn_input(x)))),
    Shape("batch norm of a sum", net(lambda n, x: (lambda z: F.relu(n.bn2(z + n.conv2(F.relu(n.bn1(n.conv(z)))))))(n.stem(x)))),
    Shape("batch norm without weights", net(lambda n, x: F.relu(n.bn_bare(n.conv(F.relu(n.stem(x))))))),
    Shape("batch norm without statistics", after(lambda n, z: n.bn_batch(z)), "refused: 'bn_batch' has no running statistics"),
    Shape("grouped convolution", after(lambda n, z: F.relu(n.grouped(z)))),
    Shape("depthwise and pointwise", after(lambda n, z: F.relu(n.point(n.depthwise(z))))),
    Shape("dilated convolution", after(lambda n, z: F.relu(n.dilated(z)))),
    Shape("strided convolution", after(lambda n, z: F.relu(n.strided(z)))),
    Shape("1x1 bottleneck", after(lambda n, z: F.relu(z + n.widened(F.relu(n.of_three(F.relu(n.narrow(z)))))))),
    Shape("kernels of a row and a column", after(lambda n, z: F.relu(n.column(n.row(z))))),
    Shape("no convolution at all", net(lambda n, x: F.relu(n.fc(x.flatten(1))))),
    Shape("dropout", net(lambda n, x: n.drop(acted(n, x)), lambda n, z: both(n, F.dropout(z, 0.3, n.training))), twin="nn.ReLU"),
    Shape("dropout that is always on", after(lambda n, z: F.dropout(z, 0.3)), "refused: puts out other numbers each time"),
    Shape("a forward with an option", net(kind=Optional), twin="nn.ReLU"),
    Shape("boards flipped and turned", net(lambda n, x: F.relu(n.of_two(torch.cat([x.flip(-1), x.transpose(2, 3)], 1))))),
    Shape("a linear module along rows", after(lambda n, z: F.relu(n.lines(z))), "hooks"),
    Shape("residual tower", net(lambda n, x: n.tower(F.relu(n.stem(x))))),
    Shape("pre-activation tower", net(lambda n, x: n.pretower(n.stem(x)))),
    Shape("dense block (cat of maps)", after(lambda n, z: F.relu(n.joined(torch.cat([z, F.relu(n.conv2(z))], 1))))),
    Shape("halves by slices", after(lambda n, z: torch.cat([F.relu(n.of_three(z[:, :3])), z[:, 3:]], 1))),
    Shape("halves by chunk", after(lambda n, z: _halves(n.doubled(z)))),
    Shape("global pooling of KataGo", after(_pooled_bias)),
    Shape("reflect padding", after(lambda n, z: F.relu(n.mirrored(z)))),
    Shape("nn.ZeroPad2d", after(lambda n, z: F.relu(n.bare(n.pad(z))))),
    Shape("F.pad", after(lambda n, z: F.relu(n.bare(F.pad(z, (1, 1, 1, 1)))))),
    Shape("nn.ConvTranspose2d", after(lambda n, z: F.relu(n.transposed(z))), "hooks"),
    Shape("nn.PixelShuffle", net(lambda n, x: n.shuffle(F.relu(n.quarters(F.relu(n.stem(x))))))),
    Shape("channels last by permute", read_by(lambda n, z: z.permute(0, 2, 3, 1).flatten(1))),
    Shape("6x6", net(size=6), size=6),
    Shape("6x6 residual tower", net(lambda n, x: n.tower(F.relu(n.stem(x))), size=6), size=6),
]  # fmt: skip


def _excited(n: Any, z: Tensor) -> Tensor:
    return n.excite(F.relu(n.squeeze(z.mean((2, 3)))))


def _leela(n: Any, z: Tensor) -> Tensor:
    both = n.excite2(F.relu(n.squeeze(z.mean((2, 3)))))
    weight, bias = both[:, :, None, None].chunk(2, 1)
    return F.mish(hold(torch.sigmoid(weight)) * z + bias)


GATES = [
    Shape("squeeze and excitation, functions", after(lambda n, z: z * hold(torch.sigmoid(_excited(n, z)))[:, :, None, None] + z)),
    Shape("squeeze and excitation, modules", after(lambda n, z: n.se(z) + z)),
    Shape("squeeze and excitation by 1x1 convolutions", after(lambda n, z: z * hold(F.hardsigmoid(n.widened(F.silu(n.narrow(n.mean(z)))))))),
    Shape("squeeze and excitation of Leela", after(_leela)),
    Shape("x * sigmoid(y)", after(lambda n, z: z * hold(torch.sigmoid(n.conv2(z))))),
    Shape("tanh(x) * sigmoid(y)", net(lambda n, x: torch.tanh(n.stem(x)) * hold(torch.sigmoid(n.of_input(x))))),
    Shape("a gate a square", after(lambda n, z: z * hold(torch.sigmoid(n.one(z))))),
    Shape("pooled bias by expand_as", after(lambda n, z: F.relu(n.conv2(z) + _excited(n, z)[:, :, None, None].expand_as(z)))),
]  # fmt: skip

NORMS = [
    Shape("nn.LayerNorm of maps", after(lambda n, z: n.layer_norm(z))),
    Shape("F.layer_norm", after(lambda n, z: F.layer_norm(z, z.shape[1:]))),
    Shape("nn.LayerNorm of a vector", read_by(lambda n, z: n.vector_norm(F.relu(n.fc(z.flatten(1)))))),
    Shape("nn.GroupNorm", net(lambda n, x: F.relu(n.group_norm(n.conv(F.relu(n.stem(x))))))),
    Shape("F.group_norm", net(lambda n, x: F.relu(F.group_norm(n.conv(F.relu(n.stem(x))), 1)))),
    Shape("nn.InstanceNorm2d", after(lambda n, z: n.instance_norm(z))),
    Shape("F.instance_norm", after(lambda n, z: F.instance_norm(z))),
    Shape("nn.RMSNorm", after(lambda n, z: n.rms_norm(z))),
    Shape("GroupNorm in a residual block", after(lambda n, z: F.relu(z + n.group_norm(n.conv2(z))))),
    Shape("nn.InstanceNorm2d with statistics", after(lambda n, z: n.instance_stats(z))),
    Shape("LayerNorm over channels, by permute", after(lambda n, z: n.channel_norm(z.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)), "refused: no rule for LayerNorm"),
    Shape("RMS norm by hand", after(lambda n, z: z * torch.rsqrt(z.square().mean((1, 2, 3), keepdim=True) + 1e-5)), "refused: no rule for .*square"),
]  # fmt: skip


class Pair(NamedTuple):
    policy: Tensor
    value: Tensor


def folded(squares: list[int], sizes: tuple[int, int]) -> Make:
    """A net whose heads are those of another with other outputs, sorted in."""
    of = {"policy": torch.zeros(65, sizes[0], dtype=torch.float64)}
    for i, square in enumerate(squares):
        of["policy"][square, i] = square >= 0
    if sizes[1] == 3:
        of["value"] = torch.tensor([[1.0, 0, -1]], dtype=torch.float64)

    def make(c: int) -> nn.Module:
        state = net(sizes=sizes)(c).double().state_dict()
        for name, fold in of.items():
            for part in (f"{name}.weight", f"{name}.bias"):
                state[part] = fold @ state[part]
        made = net()(c).double()
        made.load_state_dict(state)
        return made

    return make


SQUARES = list(range(65))
ON_BOARD = [a for a in range(64) if a not in (27, 28, 35, 36)]
UNUSED = [*range(64), -1, 64]
COLUMNS = [*(i % 8 * 8 + i // 8 for i in range(64)), 64]
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
    Shape("win, draw and loss, said", net(sizes=(65, 3)), options={"value": "wdl"}, twin="win, draw and loss, folded"),
    Shape("win, draw and loss after softmax", head(lambda p, v: (p, v.softmax(1)), sizes=(65, 3)), options={"value": "wdl"}, twin="win, draw and loss, folded"),
    Shape("win, draw and loss, not said", net(sizes=(65, 3)), "refused: pass value='wdl'"),
    Shape("win, draw and loss, folded", folded(SQUARES, (65, 3))),
    Shape("60 outputs, named", net(sizes=(60, 1)), options={"policy": ON_BOARD}, twin="60 outputs, folded"),
    Shape("60 outputs, folded", folded(ON_BOARD, (60, 1))),
    Shape("60 outputs, not named", net(sizes=(60, 1)), "refused: policy="),
    Shape("66 outputs, named", net(sizes=(66, 1)), options={"policy": UNUSED}, twin="66 outputs, folded"),
    Shape("66 outputs, folded", folded(UNUSED, (66, 1))),
    Shape("66 outputs, not named", net(sizes=(66, 1)), "refused: policy="),
    Shape("64 outputs, no pass", net(sizes=(64, 1))),
    Shape("63 outputs", net(sizes=(63, 1)), "refused: policy="),
    Shape("columns first", net(), options={"policy": COLUMNS.__getitem__}, twin="columns first, folded"),
    Shape("columns first, folded", folded(COLUMNS, (65, 1))),
    Shape("policy of squares and a pass of zeros", net(heads=lambda n, z: (F.pad(n.one(z).flatten(1), (0, 1)), n.value(z.flatten(1))))),
    Shape("policy by a 1x1 convolution", net(heads=lambda n, z: (n.one(z).flatten(1), n.value(z.flatten(1))))),
    Shape("policy (N, 1, 8, 8)", net(heads=lambda n, z: (n.one(z), n.value(z.mean((2, 3)))))),
    Shape("cat of policy and pass", net(heads=lambda n, z: (torch.cat([n.one(z).flatten(1), n.one_unit(z.mean((2, 3)))], 1), n.value(z.flatten(1))))),
    Shape("cat of flattened maps", read_by(lambda n, z: torch.cat([n.two(z).flatten(1), z.mean((2, 3))], -1))),
    Shape("heads of AlphaZero", net(heads=lambda n, z: (n.policy(F.relu(n.bn_two(n.two(z))).flatten(1)), n.value(F.relu(n.fc(F.relu(n.one(z)).flatten(1))))))),
]  # fmt: skip

#: Planes by hand, of boards (N, n, n) with +1 and -1 and of legal squares alike.
PLANES: dict[str, Callable[[Any, Any], list[Any]]] = {
    "own-minus-opponent": lambda b, legal: [b],
    "own-opponent": lambda b, legal: [b > 0, b < 0],
    "own-opponent-ones": lambda b, legal: [b > 0, b < 0, np.ones_like(b)],
    "own-opponent-legal": lambda b, legal: [b > 0, b < 0, legal],
    "own-opponent-zeros14": lambda b, legal: [b > 0, b < 0, *[b * 0] * 14],
    "opponent-own-empty": lambda b, legal: [b < 0, b > 0, b == 0],
}
NUMBERS = {"own-opponent": 2, "own-opponent-zeros14": 16}
ONE = {"encode": "own-minus-opponent"}
PLANE_SHAPES = [
    *(Shape(f"planes: {n}", net(planes=NUMBERS.get(n, 3)), options={"encode": n}) for n in list(PLANES)[1:]),
    Shape("2 planes, not named", net(planes=2), twin="planes: own-opponent"),
    Shape("planes by a function", net(planes=2), options={"encode": lambda b: np.stack([b > 0, b < 0], 1)}, twin="planes: own-opponent"),
    Shape("3 planes, not named", net(planes=3), "refused: reads 3 planes, .*encode="),
    Shape("planes in forward: ones", net(lambda n, x: F.relu(n.of_two(torch.cat([x, torch.ones_like(x)], 1)))), options=ONE, conserves=False),
    Shape("planes in forward: edge of the board", net(lambda n, x: F.relu(n.of_two(torch.cat([n.edge.expand(x.shape[0], -1, -1, -1), x], 1)))), options=ONE, conserves=False),
    Shape("planes in forward: comparisons", net(lambda n, x: F.relu(n.of_two(torch.cat([(x > 0).to(x), (x < 0).to(x)], 1)))), "refused: no rule for gt", ONE),
    Shape("planes in forward: relu(x), relu(-x)", net(lambda n, x: F.relu(n.of_two(torch.cat([F.relu(x), F.relu(-x)], 1)))), options=ONE),
]  # fmt: skip


def _tokens(z: Tensor) -> Tensor:
    return z.flatten(2).transpose(1, 2)


def _attention(n: Any, z: Tensor) -> Tensor:
    tokens = _tokens(z)
    return n.heed(tokens, tokens, tokens)[0].transpose(1, 2).reshape(z.shape)


def _einsum(n: Any, z: Tensor) -> Tensor:
    return torch.einsum("nchw,cd->ndhw", z, n.matrix)


UNKNOWN = [
    Shape("attention", after(_attention), "refused: no rule for MultiheadAttention .'heed'"),
    Shape("attention, by its gradient", after(_attention), "gradient", conserves=False),
    Shape("einsum", after(_einsum), "refused: no rule for einsum"),
    Shape("einsum, by its gradient", after(_einsum), "gradient"),
    Shape("x * y", after(lambda n, z: z * n.point(z)), "refused: no rule for mul"),
    Shape("x ** 2", spelled(lambda z: z**2), "refused: no rule for pow"),
    Shape("exp(x)", spelled(torch.exp), "refused: no rule for exp"),
    Shape("F.glu", after(lambda n, z: F.glu(n.doubled(z), 1)), "refused: no rule for glu"),
    Shape("maximum(x, y)", after(lambda n, z: torch.maximum(z, n.point(z))), "refused: no rule for maximum"),
    Shape("softmax over channels", spelled(lambda z: z.softmax(1)), "refused: no rule for softmax"),
    Shape("x / x.std()", after(lambda n, z: z / z.std((1, 2, 3), keepdim=True)), "refused: no rule for"),
    Shape("nn.LSTM over squares", after(lambda n, z: n.rnn(_tokens(z))[0].transpose(1, 2).reshape(z.shape)), "refused: no rule for LSTM"),
    Shape("a flow that depends on values", net(lambda n, x: acted(n, x if x.sum() > 0 else -x)), "refused: cannot be traced"),
    Shape("a convolution used twice", after(lambda n, z: F.relu(n.conv(z))), "refused: 'conv' .Conv2d. is used 2 times"),
    Shape("a scripted module", lambda c: torch.jit.trace(net()(c), torch.zeros(2, 1, 8, 8)), "refused: cannot be traced"),
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


def weight_normed(
    make: Make, norm: Any = nn.utils.parametrizations.weight_norm
) -> Make:
    def made(c: int) -> nn.Module:
        found = make(c)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the norm by hooks, which is old
            norm(found.conv)
        return found

    return made


WRAPPED = [
    Shape("OthelloNet", _othello_net),
    Shape("OthelloNNet of alpha-zero-general", _azg, twin="OthelloNet"),
    Shape("its NNetWrapper", lambda c: SimpleNamespace(nnet=_azg(c)), twin="OthelloNet"),
    Shape("nn.DataParallel", lambda c: nn.DataParallel(net()(c)), twin="nn.ReLU"),
    Shape("torch.compile", lambda c: torch.compile(net()(c)), twin="nn.ReLU"),
    Shape("training mode", lambda c: net()(c).train(), twin="nn.ReLU"),
    Shape("nn.Sequential, 64 outputs", _sequential, options={"encode": "own-opponent"}),
    Shape("weight norm", weight_normed(net())),
    Shape("weight norm and batch norm", weight_normed(STRUCTURES[0].make)),
    Shape("weight norm by hooks", weight_normed(net(), nn.utils.weight_norm)),
    Shape("weight norm by hooks and batch norm", weight_normed(STRUCTURES[0].make, nn.utils.weight_norm)),
]  # fmt: skip
SHAPES = {
    shape.name: shape
    for group in (
        *(ACTIVATIONS, ARITHMETIC, RESHAPED, STRUCTURES, GATES, NORMS),
        *(HEADS, PLANE_SHAPES, UNKNOWN, WRAPPED),
    )
    for shape in group
}
