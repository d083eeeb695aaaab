"""What sweeps cost: multiplications and bytes, counted beforehand.

Shapes use N positions and P input squares.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from conceptlrp.lrp.engine.contraction import single_step
from conceptlrp.lrp.engine.gating import producers
from conceptlrp.lrp.engine.moving import reach
from conceptlrp.lrp.engine.native import NativeEngine
from conceptlrp.lrp.engine.program import Operation
from conceptlrp.lrp.engine.tangents import (
    Blueprint,
    convolution_sites,
    input_sites,
    moved_sites,
    tap_sites,
    union_sites,
    whole_sites,
)

# Multiplications in the time of moving a number: of a tangent, with all that it reads,
# and of relevance that goes down (by `tests/benchmarks/modes.py`).
_CARRIED, _SENT = 250, 100


def draw_blueprint(engine: NativeEngine) -> Blueprint:
    """Work out which rows a sweep has at every operation of a network."""
    blueprint: Blueprint = {}
    for name, operation in engine.program.operations.items():
        below = [blueprint[source] for source in operation.inputs]
        if operation.kind == "input":
            _, height, width = engine.shapes[name]
            blueprint[name] = input_sites(height * width)
        elif operation.kind in ("conv", "pool"):
            _, height, width = engine.shapes[operation.inputs[0]]
            taps = tap_sites(engine.rules[name].geometry, height, width)
            blueprint[name] = convolution_sites(below[0], taps)
        elif operation.kind in ("add", "cat"):
            blueprint[name] = union_sites(below)
        elif operation.kind == "centre":
            blueprint[name] = whole_sites(below[0])
        elif operation.kind == "choice" and operation.module is not None:
            reached = reach(operation.module, engine.shapes[operation.inputs[0]])
            blueprint[name] = moved_sites(below[0], reached)
        else:
            # The same object: a sweep lays out equal rows only once.
            blueprint[name] = below[0]
    return blueprint


@dataclass(frozen=True)
class SweepCosts:
    """Costs of sweeps through one engine."""

    engine: NativeEngine
    blueprint: Blueprint

    def divide(
        self,
        starts: Mapping[str, int],
        active: NDArray[np.bool_],
        every: Collection[str],
    ) -> tuple[str, ...]:
        """Return of which operations a sweep finds the heatmaps with the least work.

        It does all channels and targets at once and comes to the lower operations
        first; from the others, a pass goes down for each start.

        Shapes: `active` (N, P).
        """
        names = tuple(n for n in self.engine.program.operations if n in starts)
        costs = []
        for swept in range(len(names) + 1):
            down = {name: starts[name] for name in names[swept:]}
            up = self.forward(names[:swept], active, every) if swept else 0
            costs.append(up + (self.reverse(down, every) if down else 0))
        return names[: int(np.argmin(costs))]

    def forward(
        self,
        wanted: tuple[str, ...],
        active: NDArray[np.bool_],
        every: Collection[str] = (),
    ) -> int:
        """Return the multiplications of a sweep up to the wanted operations.

        Shapes: `active` (N, P).
        """
        by_square = active.sum(axis=0)
        whole = self.open(wanted, every)
        return sum(
            self._n_terms(operation.name, whole)
            * self._forward_products(operation, by_square, len(active))
            for operation in self._below(wanted)
            if operation.kind == "conv"
        )

    def reverse(self, starts: Mapping[str, int], every: Collection[str] = ()) -> int:
        """Return the multiplications of passes down, given how many start where."""
        return sum(
            n_starts * self._reverse_products(name, self.open((name,), every))
            for name, n_starts in starts.items()
        )

    def open(self, wanted: Collection[str], every: Collection[str]) -> frozenset[str]:
        """Return which operations of `every` need all terms for the wanted ones alone.

        Relevance is at dead units only where it starts, not where it has come down to.
        """
        return producers(self.engine.program, wanted) & frozenset(every)

    def block(self, wanted: tuple[str, ...], memory_budget: int) -> tuple[int, int]:
        """Return how many positions and squares a sweep may take at a time.

        Squares are divided only where one position with all of them is too large;
        the least is one square of one position.
        """
        n_squares = len(self.blueprint[self.engine.program.input].square)
        most = max(self._bytes(operation) for operation in self._below(wanted))
        if most <= memory_budget:
            return int(np.clip(memory_budget // most, 1, 64)), n_squares
        return 1, int(np.clip(n_squares * memory_budget // most, 1, n_squares))

    def _forward_products(
        self, operation: Operation, by_square: NDArray[np.int64], n_positions: int
    ) -> int:
        rule = self.engine.rules[operation.name]
        n_out, n_in = rule.weight.shape[0], rule.weight.shape[1]
        squares = self.blueprint[operation.name].square
        rows = np.bincount(squares, minlength=len(by_square)) @ by_square
        moved = _CARRIED * rows * n_out
        if self._is_alike(operation.inputs[0]):
            # One convolution of a position, its taps kept apart (see `sweep._spread`).
            sites = self.blueprint[operation.inputs[0]].lookup.shape[1]
            return int(n_positions * sites * rule.weight.numel() + moved)
        # A row is multiplied only with the taps that find a row below.
        products = self.blueprint[operation.name].products @ by_square
        return int(products * n_in * n_out + moved)

    def _n_terms(self, name: str, whole: Collection[str]) -> int:
        rule = self.engine.rules[name]
        return 1 if rule.rule is None else len(rule.terms(every=name in whole)) or 1

    def _is_alike(self, name: str) -> bool:
        """Whether tangents are alike in all channels, as after the Flat rule."""
        operation = self.engine.program.operations[name]
        if operation.kind in ("pass", "flatten"):
            return self._is_alike(operation.inputs[0])
        return operation.kind == "conv" and self.engine.rules[name].is_flat

    def _reverse_products(self, name: str, whole: Collection[str]) -> int:
        total, first = 0, single_step(self.engine, name)
        # A transposed convolution a term for everything below, on the whole map: what
        # starts in one channel has spread over all of them a layer further down.
        for operation in self._below((name,)):
            if operation.kind == "conv":
                weight = self.engine.rules[operation.name].weight
                ends = (operation.name, *operation.inputs)
                shapes = [self.engine.shapes[end] for end in ends]
                products = prod(shapes[0][1:]) * weight.numel()
                if operation.name == first:
                    products //= len(weight)
                moved = _SENT * sum(map(prod, shapes))
                total += self._n_terms(operation.name, whole) * (products + moved)
        return total

    def _bytes(self, operation: Operation) -> int:
        """Bytes of a position's tangents at an operation, of those it reads, of work.

        Work is a copy of the larger, or, after a layer whose tangents are alike in
        all channels, the convolution with its taps kept apart.
        """
        names = (operation.name, *operation.inputs)
        sizes = [self._size(self.engine.program.operations[name]) for name in names]
        if operation.kind == "choice":
            # Of each number where it comes from: row, channel, and how they are found.
            sizes += [8 * 8 * sizes[0] // self._item_size()]
        return sum(sizes) + max(max(sizes), self._apart(operation))

    def _size(self, operation: Operation) -> int:
        n_rows = len(self.blueprint[operation.name].square)
        channels = 1 if self._is_alike(operation.name) else self._channels(operation)
        return n_rows * channels * self._item_size()

    def _apart(self, operation: Operation) -> int:
        if operation.kind != "conv" or not self._is_alike(operation.inputs[0]):
            return 0
        sites = self.blueprint[operation.inputs[0]].lookup.shape[1]
        kernel = self.engine.rules[operation.name].geometry.kernel
        width = kernel[0] * kernel[1] * self._channels(operation)
        return int(sites * width * self._item_size())

    def _channels(self, operation: Operation) -> int:
        return self.engine.shapes[operation.name][0]

    def _item_size(self) -> int:
        return next(iter(self.engine.rules.values())).weight.element_size()

    def _below(self, wanted: tuple[str, ...]) -> list[Operation]:
        program = self.engine.program
        needed = program.needed(wanted)
        return [o for name, o in program.operations.items() if name in needed]
