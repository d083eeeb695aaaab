"""What sweeps cost: multiplications and bytes, counted beforehand.

Shapes use N positions and P input squares.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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

    def forward(self, wanted: tuple[str, ...], active: NDArray[np.bool_]) -> int:
        """Return the multiplications of a sweep up to the wanted operations.

        Shapes: `active` (N, P).
        """
        by_square = active.sum(axis=0)
        return sum(
            self._forward_products(operation, by_square, len(active))
            for operation in self._below(wanted)
            if operation.kind == "conv"
        )

    def reverse(self, wanted: Mapping[str, int]) -> int:
        """Return the multiplications of passes down, given how many start where."""
        return sum(
            n_starts * self._reverse_products(name) for name, n_starts in wanted.items()
        )

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
        n_terms = max(1, rule.n_terms)
        if self._is_alike(operation.inputs[0]):
            # One convolution of a position, its taps kept apart (see `sweep._spread`).
            sites = self.blueprint[operation.inputs[0]].lookup.shape[1]
            return int(n_terms * n_positions * sites * rule.weight.numel())
        # A row is multiplied only with the taps that find a row below.
        products = self.blueprint[operation.name].products @ by_square
        return int(n_terms * products * n_in * n_out)

    def _is_alike(self, name: str) -> bool:
        """Whether tangents are alike in all channels, as after the Flat rule."""
        operation = self.engine.program.operations[name]
        if operation.kind in ("pass", "flatten"):
            return self._is_alike(operation.inputs[0])
        return operation.kind == "conv" and self.engine.rules[name].is_flat

    def _reverse_products(self, name: str) -> int:
        total = 0
        # A transposed convolution a term for everything below, on the whole map: what
        # starts in one channel has spread over all of them a layer further down.
        for operation in self._below((name,)):
            if operation.kind == "conv":
                rule = self.engine.rules[operation.name]
                _, height, width = self.engine.shapes[operation.name]
                total += max(1, rule.n_terms) * height * width * rule.weight.numel()
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
