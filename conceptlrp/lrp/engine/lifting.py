"""Relevance above baselines, gathered while plain relevance goes down.

Above a baseline b it is R^b = (a - b) rho, with activation a and relevance rho a unit
of it: what arrives from the readers before it is multiplied by a. A term of a rule
whose multiplier is s a, with s by the sign of a, sends s (a - b) in its place. To what
reads the layer through an activation f(a) the baseline is b f(a) / a.

Shapes use N positions, T targets and C channels of an H x W feature map.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from conceptlrp.lrp._zennit import Activation
from conceptlrp.lrp.engine.elementwise import Affine, Scaled
from conceptlrp.lrp.engine.program import Operation, Program

#: Kinds of operations that keep the values of layers, or apply a function to them.
HANDING_ON = ("pass", "flatten", "cat", "gate")
_BLOCK = 1 << 17


@dataclass(frozen=True)
class Lift:
    """A layer's baseline (N or 1, C, H, W) as it stands at an operation.

    Its channels begin at ``first`` there; relevance reaches it where units are not
    ``cut``.
    """

    layer: str
    baseline: Tensor
    first: int = 0
    cut: Tensor | None = None

    @property
    def channels(self) -> slice:
        """Which of the operation's channels hold the layer."""
        return slice(self.first, self.first + self.baseline.shape[1])

    def moved(self, by: int, ratio: Tensor | None, cut: Tensor | None) -> "Lift":
        """Return the same at a reader that multiplies values by a ratio."""
        baseline = self.baseline
        if ratio is not None:
            baseline = baseline * ratio[:, self.channels]
        found = Lift(self.layer, baseline, self.first + by, self.cut)
        if cut is None:
            return found
        cut = cut[:, found.channels]
        return replace(found, cut=cut if self.cut is None else cut | self.cut)


def find_lifts(
    program: Program,
    values: Mapping[str, Tensor],
    baselines: Mapping[str, Tensor],
    cut: Mapping[str, Tensor],
) -> dict[str, list[Lift]]:
    """Return what layers' baselines are at them and at what hands them on."""
    lifts = {name: [Lift(name, baseline)] for name, baseline in baselines.items()}
    for name, operation in program.operations.items():
        sources = operation.inputs
        if operation.kind not in HANDING_ON or lifts.keys().isdisjoint(sources):
            continue
        ratio, first = ratio_of(operation, values), 0
        # A gate is held constant: it hands nothing on.
        for source in sources[:1] if operation.kind == "gate" else sources:
            for lift in lifts.get(source, ()):
                moved = lift.moved(first, ratio, cut.get(name))
                lifts.setdefault(name, []).append(moved)
            first += values[source].shape[1]
    return lifts


def ratio_of(operation: Operation, values: Mapping[str, Tensor]) -> Tensor | None:
    """Return f(a) / a of an activation (N, C, H, W), None for what keeps values."""
    if isinstance(operation.module, Affine | Scaled):
        return operation.module.slope(values[operation.inputs[0]])
    if operation.kind == "gate":
        return values[operation.inputs[1]].expand_as(values[operation.name])
    if not isinstance(operation.module, Activation):
        return None
    value = values[operation.inputs[0]]
    # 0 where nothing comes in; R = a rho is then 0 as well.
    return (values[operation.name] / value).masked_fill(value == 0, 0)


@dataclass(frozen=True)
class Lifting:
    """One pass down, with what it gathers; ``summed`` over the squares or as maps."""

    lifts: Mapping[str, list[Lift]]
    starts: Mapping[str, Tensor]
    summed: bool
    found: dict[str, Tensor] = field(default_factory=dict)

    def gather(
        self,
        name: str,
        part: Tensor,
        multiplier: Tensor,
        per_unit: Tensor | float,
    ) -> None:
        """Take what arrives at an operation (N, T, C, H, W), not yet multiplied."""
        for lift in self.lifts.get(name, ()):
            at = lift.channels
            slope = per_unit if isinstance(per_unit, float) else per_unit[:, at]
            value = multiplier[:, at]
            below = (slope * lift.baseline).expand_as(value)
            if lift.cut is not None:
                value, below = (x.masked_fill(lift.cut, 0) for x in (value, below))
            share = _contracted if self.summed else _weighed
            add_to(self.found, lift.layer, share(part[:, :, at], value, below))

    def begin(self, name: str, value: Tensor) -> None:
        """Take what starts at an operation that hands layers on."""
        if name in self.starts and any(
            x.layer != name for x in self.lifts.get(name, ())
        ):
            alive = (value != 0).to(value)
            slope = (1.0 / value).masked_fill(value == 0, 0)
            self.gather(name, self.starts[name], alive, slope)

    def above(self, name: str, relevance: Tensor) -> Tensor:
        """Return the relevance of a layer above its baseline; what starts stays."""
        if all(lift.layer != name for lift in self.lifts.get(name, ())):
            return relevance
        start = self.starts.get(name)
        if start is not None:
            add_to(self.found, name, start.sum((3, 4)) if self.summed else start)
        return self.found.get(name, relevance)


def _weighed(part: Tensor, value: Tensor, below: Tensor) -> Tensor:
    """Multiply relevance (N, T, C, H, W) with the difference of two (N, C, H, W)."""
    return part * (value - below)[:, None]


def _contracted(part: Tensor, value: Tensor, below: Tensor) -> Tensor:
    """Do the same and sum over the squares, into (N, T, C)."""
    # Block by block, so that the products stay in the cache: new memory for all of
    # them costs more than the multiplications.
    step = max(1, _BLOCK // max(1, part[0].numel()))
    blocks = (torch.split(each, step) for each in (part, value, below))
    return torch.cat([_weighed(*b).sum((3, 4)) for b in zip(*blocks, strict=True)])


def sum_squares(relevance: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Sum relevance (N, T, C, H, W) over the squares, unless it is (N, T, C)."""
    return {n: r.sum((3, 4)) if r.dim() == 5 else r for n, r in relevance.items()}


def add_to(totals: dict[str, Tensor], name: str, part: Tensor) -> None:
    """Add a part to a total by name; neither tensor is changed."""
    total = totals.get(name)
    totals[name] = part if total is None else total + part
