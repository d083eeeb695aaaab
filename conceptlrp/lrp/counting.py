"""What sweeps cost: multiplications and bytes a position, counted beforehand."""

from collections.abc import Mapping

import numpy as np

from conceptlrp.lrp.native import NativeEngine
from conceptlrp.lrp.program import Operation
from conceptlrp.lrp.tangents import Plans, Rows


class SweepCosts:
    """Costs of sweeps through one engine, counted for a single position.

    Parameters
    ----------
    engine : NativeEngine
        The network with its rules.
    """

    def __init__(self, engine: NativeEngine) -> None:
        self.engine = engine
        self._plans = Plans()
        self._rows: dict[str, Rows] = {}

    def forward(self, wanted: tuple[str, ...]) -> int:
        """Return the multiplications of a sweep up to the wanted operations."""
        return sum(
            self._forward_products(operation)
            for operation in self._below(wanted)
            if operation.kind == "conv"
        )

    def reverse(self, wanted: Mapping[str, int]) -> int:
        """Return the multiplications of passes down, given how many start where."""
        return sum(
            n_starts * self._reverse_products(name) for name, n_starts in wanted.items()
        )

    def positions(self, wanted: tuple[str, ...], memory_budget: int) -> int:
        """Return how many positions a sweep may take at a time, at least one."""
        most = max(self._bytes(operation) for operation in self._below(wanted))
        return int(np.clip(memory_budget // most, 1, 64))

    def _forward_products(self, operation: Operation) -> int:
        rule = self.engine.rules[operation.name]
        n_out, n_in = rule.weight.shape[0], rule.weight.shape[1]
        n_terms = max(1, rule.n_terms)
        self._rows_of(operation)
        plan = self._plans.known(operation.name)
        if self._is_alike(operation.inputs[0]):
            sites = self._rows[operation.inputs[0]].lookup.shape[2]
            return int(n_terms * sites * rule.weight.numel())
        return int(n_terms * plan.n_products * n_in * n_out)

    def _is_alike(self, name: str) -> bool:
        """Whether tangents are alike in all channels, as behind the Flat rule."""
        operation = self.engine.program.operations[name]
        if operation.kind in ("pass", "flatten"):
            return self._is_alike(operation.inputs[0])
        return operation.kind == "conv" and self.engine.rules[name].is_flat

    def _reverse_products(self, name: str) -> int:
        total = 0
        for operation in self._below((name,)):
            if operation.kind == "conv":
                rule = self.engine.rules[operation.name]
                _, height, width = self.engine.shapes[operation.name]
                total += max(1, rule.n_terms) * height * width * rule.weight.numel()
        return total

    def _bytes(self, operation: Operation) -> int:
        """Bytes of an operation's tangents, those it reads, and a work copy."""
        names = (operation.name, *operation.inputs)
        sizes = [self._size(self.engine.program.operations[name]) for name in names]
        return sum(sizes) + max(sizes)

    def _size(self, operation: Operation) -> int:
        item = next(iter(self.engine.rules.values())).weight.element_size()
        channels = self.engine.shapes[operation.name][0]
        return self._rows_of(operation).n_rows * channels * item

    def _rows_of(self, operation: Operation) -> Rows:
        name = operation.name
        if name not in self._rows:
            sources = [
                self._rows_of(self.engine.program.operations[source])
                for source in operation.inputs
            ]
            self._rows[name] = self._carry(operation, sources)
        return self._rows[name]

    def _carry(self, operation: Operation, sources: list[Rows]) -> Rows:
        name = operation.name
        if operation.kind == "input":
            _, height, width = self.engine.shapes[name]
            return self._plans.input(name, np.ones((1, height * width), np.bool_))
        if operation.kind in ("conv", "pool"):
            _, height, width = self.engine.shapes[operation.inputs[0]]
            geometry = self.engine.rules[name].geometry
            plan = self._plans.convolution(name, sources[0], geometry, (height, width))
            return plan.rows
        if operation.kind in ("add", "cat"):
            return self._plans.union(name, sources)[0]
        return sources[0]

    def _below(self, wanted: tuple[str, ...]) -> list[Operation]:
        operations = self.engine.program.operations
        needed = set(wanted)
        for name, operation in reversed(list(operations.items())):
            if name in needed:
                needed.update(operation.inputs)
        return [operation for name, operation in operations.items() if name in needed]
