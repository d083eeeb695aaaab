"""The native engine behind `attribute`: sweeps down and up a program.

Conditional heatmaps are computed in forward mode (one sweep upwards for all
channels, layers and targets) or in reverse mode (one pass down for every
channel and target), the lower layers in one and the upper ones in the other where that
takes the least work (see `counting`).

Shapes use N positions, T targets, P planes, C channels of an H x W feature map,
K channels asked for and n x n squares.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from conceptlrp.errors import CompositeError
from conceptlrp.lrp.engine.contraction import (
    conditional_heatmaps,
    of_targets,
    pick_channels,
    single_channels,
    single_step,
)
from conceptlrp.lrp.engine.counting import SweepCosts, draw_blueprint
from conceptlrp.lrp.engine.elementwise import MIXING
from conceptlrp.lrp.engine.flows import (
    Conservation,
    adjacent_layers,
    conservation_report,
    edge_relevance,
)
from conceptlrp.lrp.engine.gating import producers
from conceptlrp.lrp.engine.geometry import channels_last
from conceptlrp.lrp.engine.lifting import sum_squares
from conceptlrp.lrp.engine.native import (
    Change,
    NativeEngine,
    NativeForward,
    Replaced,
    rerun,
)
from conceptlrp.lrp.engine.program import Program
from conceptlrp.lrp.engine.sweep import Sweep, Tangents, active_squares
from conceptlrp.lrp.engine.tangents import SweepPlan
from conceptlrp.lrp.engine.trace import OUTPUTS

_REVERSE_ROWS = 256
_KEPT_PLANS = 4


class NativePropagation:
    """A program ready for forward passes.

    A `second` one, of the same network under another composite, sends to the input what
    this one gives to layers.

    Shapes: `planes` (1, P, n, n).
    """

    #: Whether a sum hands relevance on whole, as it does a derivative.
    plain_sums = False

    def __init__(
        self,
        program: Program,
        taps: Mapping[str, str],
        planes: Tensor,
        memory_budget: int,
        *,
        second: "NativePropagation | None" = None,
    ) -> None:
        self.engine = NativeEngine(program, planes, plain_sums=self.plain_sums)
        self.second = second
        self.nodes = {layer: program.by_module[tap] for layer, tap in taps.items()}
        self.nodes.update(zip(OUTPUTS, program.outputs, strict=False))
        self.layers = tuple(taps)
        self.input = program.input
        self.memory_budget = memory_budget
        #: Operations whose dead units may have relevance where it starts.
        self.exposed = self.engine.exposed(self.nodes.values())
        #: The same and those of all layers, whose dead units have relevance above a
        #: baseline.
        self.producing = self.exposed | producers(
            program, [self.nodes[layer] for layer in taps]
        )
        #: Whether derivatives go to gates too, as no tangent does.
        self.reverse_only = self.plain_sums and any(
            isinstance(o.module, MIXING) for o in program.operations.values()
        )
        self.blueprint = draw_blueprint(self.engine)
        self.costs = SweepCosts(self.engine, self.blueprint)
        self._plans: dict[tuple[int, ...], SweepPlan] = {}

    @contextmanager
    def forward(self, planes: Tensor) -> Iterator["NativePassed"]:
        """Run the network on planes (N, P, n, n)."""
        yield self.passed(self.engine.forward(planes))

    def passed(self, forward: NativeForward) -> "NativePassed":
        """Return a forward pass of this network for relevance by this composite."""
        return NativePassed(
            self, NativeForward(self.engine, forward.values, cut=forward.cut)
        )

    def refusals(self) -> dict[str, str]:
        """Say of layers why relevance a unit of their activation is not known."""
        reasons = {n: self.engine.refusal(self.nodes[n]) for n in self.layers}
        return {layer: reason for layer, reason in reasons.items() if reason}

    def check_baseline(self) -> None:
        """Refuse a baseline where relevance a unit of activation is not known."""
        for layer, reason in self.refusals().items():
            msg = (
                f"relevance of '{layer}' cannot be taken above a baseline: {reason}; "
                "take another composite, or baseline 'zero'"
            )
            raise CompositeError(msg)

    def sweep_plan(self, active: NDArray[np.bool_]) -> SweepPlan:
        """Return the plan of a sweep over active squares (N, P).

        That of the same squares at every position is kept for the next sweep.
        """
        if not (active == active[:1]).all():
            # Squares that are empty at some positions only: seldom the same twice.
            return SweepPlan(self.blueprint, active)
        key = (len(active), *np.flatnonzero(active[0]).tolist())
        if key not in self._plans:
            if len(self._plans) == _KEPT_PLANS:
                self._plans.pop(next(iter(self._plans)))
            self._plans[key] = SweepPlan(self.blueprint, active)
        return self._plans[key]


class NativePassed:
    """A forward pass of the native engine, through which relevance can flow."""

    def __init__(self, owner: NativePropagation, passed: NativeForward) -> None:
        self.owner = owner
        self.passed = passed
        #: What arriving relevance (N, P, n, n) is multiplied with, None for one.
        self.input_weight: Tensor | None = None
        #: What relevance of layers is measured from, (N or 1, C, H, W) by layer.
        self.baselines: Mapping[str, Tensor] = {}
        #: Operations that need all terms of their rules for relevance of layers.
        self.every = owner.exposed

    def above(self, baselines: Mapping[str, Tensor]) -> "NativePassed":
        """Return the same pass, relevance of layers being taken above baselines.

        Shapes: `baselines` (N or 1, C, H, W) by layer.
        """
        self.owner.check_baseline()
        found = type(self)(self.owner, self.passed)
        found.baselines = {n: channels_last(b) for n, b in baselines.items()}
        # A dead unit has relevance above its baseline, for what it would have been.
        found.every = self.owner.producing
        return found

    @cached_property
    def second(self) -> "NativePassed":
        """The pass that sends relevance of layers to the input: this one, or another's.

        With two composites it is the second's, over the same values.
        """
        other = self.owner.second
        if other is None:
            return self
        found = other.passed(self.passed)
        # So it has where the first composite does not multiply by its activation.
        if self.baselines or self.owner.refusals():
            found.every = other.producing
        return found

    @cached_property
    def outputs(self) -> dict[str, Tensor]:
        """Policy logits (N, A) and, where there is one, value (N, 1)."""
        nodes = self.owner.nodes
        return {
            name: self.passed.values[nodes[name]].flatten(1)
            for name in OUTPUTS
            if name in nodes
        }

    @cached_property
    def features(self) -> dict[str, Tensor]:
        """Feature map (N, C, H, W) of every layer."""
        nodes = self.owner.nodes
        return {layer: self.passed.values[nodes[layer]] for layer in self.owner.layers}

    def relevance(
        self, starts: Mapping[str, Tensor], *, summed: bool = False
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Send relevance from outputs or layers down, for all targets in one sweep.

        Shapes: `starts` (N, T, ...). Returns (N, T, P, n, n): relevance of the input;
        (N, T, C, H, W): relevance of every layer, above its baseline if it has one.
        The layer that holds a target has the target itself as relevance. If `summed`,
        that of layers is (N, T, C), summed over the squares.
        """
        owner = self.owner
        layers = tuple(owner.nodes[layer] for layer in owner.layers)
        wanted = layers if owner.second else (owner.input, *layers)
        with torch.no_grad():
            found = self._send(starts, wanted, summed=summed)
        if owner.second:
            found[owner.input] = self.second.input_relevance(starts)
        maps = {layer: found[owner.nodes[layer]] for layer in owner.layers}
        return found[owner.input], sum_squares(maps) if summed else maps

    def layer_relevance(self, starts: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Send relevance down to layers alone: (N, T, C, H, W) of every layer."""
        nodes = {layer: self.owner.nodes[layer] for layer in self.owner.layers}
        with torch.no_grad():
            found = self._send(starts, tuple(nodes.values()))
        return {layer: found[node] for layer, node in nodes.items()}

    def input_relevance(
        self, starts: Mapping[str, Tensor], every: Collection[str] = ()
    ) -> Tensor:
        """Send relevance from outputs or layers to the input: (N, T, P, n, n)."""
        with torch.no_grad():
            return self._send(starts, (self.owner.input,), every)[self.owner.input]

    def layer_heatmaps(self, relevance: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Send the relevance of layers to the input, each layer's by itself.

        Shapes: `relevance` (N, T, C, H, W). Returns (N, T, n, n) by layer, planes
        summed: the sum of the conditional heatmaps of all channels.
        """
        second = self.second
        return {
            layer: second.input_relevance({layer: part}, second.open(layer)).sum(2)
            for layer, part in relevance.items()
        }

    def open(self, layer: str) -> frozenset[str]:
        """Return the operations that need all terms for relevance of a layer."""
        return self.owner.costs.open((self.owner.nodes[layer],), self.every)

    def _send(
        self,
        starts: Mapping[str, Tensor],
        wanted: tuple[str, ...],
        every: Collection[str] = (),
        *,
        summed: bool = False,
    ) -> dict[str, Tensor]:
        nodes = self.owner.nodes
        baselines = {nodes[layer]: b for layer, b in self.baselines.items()}
        return self.passed.relevance(
            self._begin(starts), wanted, baselines=baselines, every=every, summed=summed
        )

    def relevance_at(self, starts: Mapping[str, Tensor], operation: str) -> Tensor:
        """Return the plain relevance (N, T, C, H, W) of an operation's output."""
        with torch.no_grad():
            return self.passed.relevance(self._begin(starts), (operation,))[operation]

    def edges(
        self, relevance: Mapping[str, Tensor], *, accumulate: bool
    ) -> dict[tuple[str, str], Tensor]:
        """Return relevance between channels of adjacent layers; see `edge_relevance`.

        Shapes: `relevance` (N, T, C, H, W).
        """
        owner, found = self.owner, {}
        nodes = {layer: owner.nodes[layer] for layer in owner.layers}
        pairs = adjacent_layers(owner.engine.program, nodes)
        with torch.no_grad():
            for (upper, lower), wire in pairs.items():
                flowing = self.passed.handed_down(nodes[upper], relevance[upper])
                baseline = self.baselines.get(lower)
                above = {} if baseline is None else {nodes[lower]: baseline}
                if wire is None:
                    edges = self._single_edges(upper, nodes[lower], flowing, above)
                    found[upper, lower] = edges.sum(0) if accumulate else edges
                    continue
                found[upper, lower] = edge_relevance(
                    self.passed,
                    wire,
                    flowing,
                    accumulate=accumulate,
                    lifts=self.passed.lifts(above),
                    every=wire.operation.name in owner.exposed,
                )
        return found

    def _single_edges(
        self, upper: str, node: str, relevance: Tensor, baselines: Mapping[str, Tensor]
    ) -> Tensor:
        """Send each channel of a layer to another by itself: (N, T, C, D)."""
        values, others = self.passed.values, {*self.owner.layers} - {upper}
        # What goes on by a layer between is that layer's to send.
        names = [self.owner.nodes[layer] for layer in others]
        cut = {n: torch.ones_like(values[n], dtype=torch.bool) for n in names}
        passed = NativeForward(self.passed.engine, values, cut=cut)
        every = torch.arange(relevance.shape[2], device=relevance.device)
        channels = every.expand(*relevance.shape[:2], -1)
        starts, exposed = (upper, relevance, channels, None), self.owner.exposed
        arrived = partial(torch.sum, dim=(3, 4))
        return self._singly(
            passed, starts, node, arrived, every=exposed, baselines=baselines
        )

    def conservation(self, starts: Mapping[str, Tensor]) -> Conservation:
        """Follow relevance through every operation; see `conservation_report`."""
        every = tuple(self.owner.engine.program.operations)
        with torch.no_grad():
            found = self.passed.relevance(self._begin(starts), every)
            return conservation_report(self.passed, found, self.owner.exposed)

    def run_with(
        self,
        changes: Mapping[str, Change],
        rows: Tensor,
        *,
        layers: Collection[str] = (),
    ) -> dict[str, Tensor]:
        """Run what follows from changed feature maps again, the rest being kept.

        Shapes: `rows` (M,), of which changes are (M, C, H, W). Returns (M, A): the
        outputs, and (M, C, H, W): the feature maps of `layers`, changes included.
        """
        nodes = self.owner.nodes
        found = rerun(self.passed, {nodes[n]: c for n, c in changes.items()}, rows)
        wanted = {name: nodes[name] for name in (*OUTPUTS, *layers) if name in nodes}
        outputs = {
            name: found[node] if node in found else self.passed.values[node][rows]
            for name, node in wanted.items()
        }
        return {n: o.flatten(1) if n in OUTPUTS else o for n, o in outputs.items()}

    def intervened(self, changes: Mapping[str, Replaced], rows: Tensor) -> Self:
        """Return the forward pass of rows (M,) with changed feature maps.

        Changed units have relevance but hand none down, as they no longer depend on
        anything below. Rules count on what is behind a ReLU not to be negative.
        """
        nodes = {self.owner.nodes[layer]: change for layer, change in changes.items()}
        found, cut = rerun(self.passed, nodes, rows), {}
        for layer, node in ((layer, self.owner.nodes[layer]) for layer in changes):
            if self.passed.engine.nonnegative[node] and bool((found[node] < 0).any()):
                msg = (
                    f"'{layer}' is set below 0, which its activation never is; "
                    "relevance has no rule for that"
                )
                raise ValueError(msg)
        for node, (mask, _) in nodes.items():
            whole = torch.ones_like(found[node], dtype=torch.bool)
            cut[node] = whole if mask is None else mask.expand_as(whole)
        kept = self.passed.values.items()
        values = {n: found[n] if n in found else value[rows] for n, value in kept}
        engine = self.passed.engine
        return type(self)(self.owner, NativeForward(engine, values, cut=cut))

    def _arrived(self, flowing: Tensor) -> Tensor:
        """Return relevance (N, T, n, n) of what arrives at the planes, summed."""
        if self.input_weight is not None:
            flowing = flowing * self.input_weight[:, None]
        return flowing.sum(2)

    def _begin(self, starts: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Name starts by operation, in the shape of the operation's output."""
        begun: dict[str, Tensor] = {}
        for name, start in starts.items():
            node = self.owner.nodes[name]
            shape = self.passed.values[node].shape[1:]
            begun[node] = start.reshape(*start.shape[:2], *shape)
        return begun

    def conditional(
        self, relevance: Mapping[str, Tensor], channels: Mapping[str, Tensor]
    ) -> tuple[dict[str, Tensor], str]:
        """Send the relevance of single channels to the input.

        Shapes: `relevance` (N, T, C, H, W), `channels` (N, K), or (N, T, K) if each
        target has its own. Returns (N, T, K, n, n):
        input relevance through each channel alone, planes summed; the `mode` of an
        `Attribution`. The relevance is this pass's own: without a baseline a dead unit
        has none.
        """
        if self.owner.second:
            return self.second.conditional(relevance, channels)
        owner = self.owner
        channels = {n: of_targets(rows, relevance[n]) for n, rows in channels.items()}
        wanted = {owner.nodes[n]: rows.numel() for n, rows in channels.items()}
        with torch.no_grad():
            flowing = {n: self._flowing(n, relevance[n]) for n in channels}
            swept: tuple[str, ...] = ()
            # A sweep would not stop at changed units.
            if not (self.passed.cut or owner.reverse_only):
                swept = owner.costs.divide(wanted, self.active, self.every)
            up = {n: rows for n, rows in channels.items() if owner.nodes[n] in swept}
            found = self._sweep(flowing, up) if up else {}
            for layer, rows in channels.items():
                if layer not in up:
                    found[layer] = self._send_channels(layer, flowing[layer], rows)
        mode = "both" if 0 < len(up) < len(channels) else "forward" if up else "reverse"
        return {layer: found[layer] for layer in channels}, mode

    def _flowing(self, name: str, relevance: Tensor) -> Tensor:  # noqa: ARG002
        """Return what flows down where a layer or output has relevance."""
        return relevance

    @cached_property
    def active(self) -> NDArray[np.bool_]:
        """Squares (N, P) that relevance can reach, the others being zero for sure."""
        return active_squares(self.passed, self.owner.input, self.input_weight)

    def _sweep(
        self, relevance: Mapping[str, Tensor], channels: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        nodes = {self.owner.nodes[layer]: layer for layer in channels}
        side = self.passed.values[self.owner.input].shape[2:]
        found: dict[str, Tensor] = {}
        for layer, chosen in channels.items():
            found[layer] = relevance[layer].new_zeros(*chosen.shape, side.numel())
        for node, rows, squares, tangents in self._tangents(tuple(nodes)):
            layer = nodes[node]
            maps = conditional_heatmaps(tangents, relevance[layer][rows])
            maps = pick_channels(maps, channels[layer][rows])
            # Other squares belong to other parts of the sweep, or stay zero.
            found[layer][rows, :, :, squares] = maps[..., squares]
        return {layer: torch.unflatten(maps, 3, side) for layer, maps in found.items()}

    def _tangents(
        self, nodes: tuple[str, ...]
    ) -> Iterator[tuple[str, slice, slice, Tangents]]:
        """Yield tangents at operations, as many at a time as memory allows.

        Yields: the operation; Positions and squares that the tangents are of; Theirs;
        other squares have none.
        """
        active = self.active
        step, width = self.owner.costs.block(nodes, self.owner.memory_budget)
        for first in range(0, len(active), step):
            rows = slice(first, min(first + step, len(active)))
            part = self.passed.take(rows)
            weight = None if self.input_weight is None else self.input_weight[rows]
            for left in range(0, active.shape[1], width):
                squares = slice(left, min(left + width, active.shape[1]))
                # The squares keep their numbers, so that parts can be put together.
                chosen = np.zeros_like(active[rows])
                chosen[:, squares] = active[rows, squares]
                if not chosen.any():
                    continue
                plan = self.owner.sweep_plan(chosen)
                every = self.owner.costs.open(nodes, self.every)
                sweep = Sweep(part, plan, weight, every)
                for node, tangents in sweep.tangents(nodes):
                    yield node, rows, squares, tangents

    def _send_channels(self, layer: str, relevance: Tensor, channels: Tensor) -> Tensor:
        end, every = self.owner.input, self.open(layer)
        step = single_step(self.owner.engine, self.owner.nodes[layer])
        if self.passed.cut:
            step = None
        starts = layer, relevance, channels, step
        return self._singly(self.passed, starts, end, self._arrived, every=every)

    def _singly(
        self,
        passed: NativeForward,
        starts: tuple[str, Tensor, Tensor, str | None],
        end: str,
        arrived: Callable[[Tensor], Tensor],
        *,
        every: Collection[str],
        baselines: Mapping[str, Tensor] | None = None,
    ) -> Tensor:
        """Send each channel's relevance down by itself, several at a time.

        Starts are a layer, its relevance, the channels and, maybe, a `single_step`.
        """
        layer, relevance, channels, step = starts
        n, t = relevance.shape[:2]
        parts = []
        for some in torch.split(channels, max(1, _REVERSE_ROWS // (n * t)), 2):
            # P is linear and the same for all: to it, every channel of every target
            # is one more target.
            node = self.owner.nodes[layer]
            start = single_channels(passed, node, relevance, some, step, every)
            found = passed.relevance(start, (end,), every=every, baselines=baselines)
            parts.append(torch.unflatten(arrived(found[end]), 1, some.shape[1:]))
        return torch.cat(parts, 2)
