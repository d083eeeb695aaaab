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
from torch.nn import functional

from conceptlrp.lrp._zennit import Activation
from conceptlrp.lrp.engine.elementwise import Affine, Scaled
from conceptlrp.lrp.engine.moving import choose, chosen, give_back
from conceptlrp.lrp.engine.program import Operation, Program

#: Kinds of operations that keep the values of layers, or apply a function to them.
HANDING_ON = ("pass", "flatten", "cat", "gate", "choice")
_BLOCK = 1 << 17


@dataclass(frozen=True)
class Lift:
    """A layer's baseline (N or 1, C, H, W) as it stands at an operation.

    Its channels begin at ``first`` there; relevance reaches it where units are not
    ``cut``. Behind a choice ``units`` are the layer's by number, 0 for any other.
    """

    layer: str
    baseline: Tensor
    first: int = 0
    cut: Tensor | None = None
    units: Tensor | None = None

    @property
    def channels(self) -> slice:
        """Which of the operation's channels hold the layer."""
        return slice(self.first, self.first + self.baseline.shape[1])

    def moved(self, by: int, ratio: Tensor | None, cut: Tensor | None) -> "Lift":
        """Return the same at a reader that multiplies values by a ratio."""
        baseline = self.baseline
        if ratio is not None:
            baseline = baseline * ratio[:, self.channels]
        found = replace(self, baseline=baseline, first=self.first + by)
        if cut is None:
            return found
        cut = cut[:, found.channels]
        return replace(found, cut=cut if self.cut is None else cut | self.cut)

    def chosen(self, units: Tensor, n_channels: int) -> "Lift":
        """Return the same at a reader that chooses units of so many channels."""
        ends = (0, 0, 0, 0, self.first, n_channels - self.channels.stop)

        def move(maps: Tensor) -> Tensor:
            return choose(functional.pad(maps, ends), units)

        numbers, cut = self.units, self.cut
        if numbers is None:
            count = self.baseline[0].numel()
            numbers = torch.arange(1, count + 1, device=units.device)
            numbers = numbers.view_as(self.baseline[:1])
        cut = None if cut is None else move(cut)
        return Lift(self.layer, move(self.baseline), 0, cut, move(numbers))


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
                if operation.kind == "choice":
                    assert operation.module is not None
                    units = chosen(operation.module, values[source])
                    moved = lift.chosen(units, values[source].shape[1])
                else:
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
        self, name: str, part: Tensor, multiplier: Tensor, per_unit: Tensor | float
    ) -> None:
        """Take what arrives at an operation (N, T, C, H, W), not yet multiplied."""
        for lift in self.lifts.get(name, ()):
            at = lift.channels
            slope = per_unit if isinstance(per_unit, float) else per_unit[:, at]
            value = multiplier[:, at]
            below = (slope * lift.baseline).expand_as(value)
            if lift.cut is not None:
                value, below = (x.masked_fill(lift.cut, 0) for x in (value, below))
            share = _contracted if self.summed and lift.units is None else _weighed
            found = share(part[:, :, at], value, below)
            if lift.units is not None:
                shape = tuple(self.lifts[lift.layer][0].baseline.shape[1:])
                found = give_back(found, lift.units, shape)
                found = found.sum((3, 4)) if self.summed else found
            add_to(self.found, lift.layer, found)

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
