"""The forward-mode sweep: every conditional heatmap from one pass upwards.

A tangent T[p] says how relevance of a neuron would reach the input square p.
It starts as one at p, and each rule carries it up as a convolution:

    T_l[p] = conv(a~ * T_{l-1}[p], w~) / stab(z~)

which is the transposed map of what sends relevance down. T does not depend on the
target, so the heatmaps of all channels of all layers and targets follow from one
sweep: H[t, c, p] = sum_s T[p, c, s] R_t[c, s].

Shapes use N positions, T targets, C channels, S sites of a feature map, P input
squares and R rows of tangents.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from conceptlrp.lrp.engine.elementwise import Centre, group_means
from conceptlrp.lrp.engine.geometry import product
from conceptlrp.lrp.engine.linearize import Branch, LinearRule
from conceptlrp.lrp.engine.native import NativeForward
from conceptlrp.lrp.engine.program import Operation
from conceptlrp.lrp.engine.tangents import Group, Rows, SweepPlan, TapPlan

_BLOCK_BYTES = 4 << 20


@dataclass(frozen=True)
class Tangents:
    """Tangents at one operation: ``data`` times ``scale`` at each row's site.

    ``data`` is (R, C), or (R, 1) where all channels are alike; ``scale`` (N * S, C) is
    a factor that is still to be multiplied with, if any.
    """

    rows: Rows
    data: Tensor
    scale: Tensor | None = None

    def times(self, factor: Tensor | None) -> Tensor:
        """Return the tangents multiplied with a factor (N * S, C) a site."""
        combined = _product(self.scale, factor)
        if combined is None:
            return self.data
        chosen = combined.index_select(0, self.rows.places.to(combined.device))
        return chosen.mul_(self.data)


def _product(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    if first is None or second is None:
        return second if first is None else first
    return first * second


def as_sites(features: Tensor) -> Tensor:
    """Turn a map (N, C, H, W) into rows a site, (N * H * W, C)."""
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])


def active_squares(
    passed: NativeForward, name: str, weight: Tensor | None
) -> NDArray[np.bool_]:
    """Find the input squares that can get relevance at all.

    Under a first rule that multiplies by the input, such as Epsilon, relevance of an
    empty square is zero whatever flows there, so it needs no tangent.

    Shapes: `weight` (N, P', n, n).
    """
    planes = passed.values[name]
    factors = [torch.ones_like(planes)] if weight is None else [weight]
    if weight is None:
        factors = _first_multipliers(passed, name) or factors
    reached = torch.stack([(f != 0).any(1).flatten(1) for f in factors]).any(0)
    return reached.expand(len(planes), -1).cpu().numpy()


def _first_multipliers(passed: NativeForward, name: str) -> list[Tensor]:
    """Return what the rules that read the input multiply by, none if one does not."""
    found: list[Tensor] = []
    features = passed.values[name]
    for reader in passed.engine.readers[name]:
        if reader.kind not in ("conv", "pool"):
            return []
        for multiplier in passed.engine.rules[reader.name].multipliers(features):
            if isinstance(multiplier, float):
                return []
            found.append(multiplier)
    return found


@dataclass(frozen=True)
class Sweep:
    """Carries tangents of one forward pass up through the program.

    At dead units of an operation that ``every`` does not name they are of no use: no
    relevance from above meets them.

    Shapes: `weight` (N, P', n, n).
    """

    passed: NativeForward
    plan: SweepPlan
    weight: Tensor | None = None
    every: frozenset[str] = frozenset()

    def tangents(self, wanted: tuple[str, ...]) -> Iterator[tuple[str, Tangents]]:
        """Yield the tangents at the wanted operations, in order of execution."""
        program = self.passed.engine.program
        needed = program.needed(wanted)
        held: dict[str, Tangents] = {}
        pending = {
            name: sum(reader.name in needed for reader in readers)
            for name, readers in self.passed.engine.readers.items()
        }
        for name, operation in program.operations.items():
            if name not in needed:
                continue
            held[name] = self._carry(operation, held)
            for source in operation.inputs:
                pending[source] -= 1
                # Tangents are the largest of all arrays; none is kept once read.
                if not pending[source]:
                    del held[source]
            if name in wanted:
                yield name, held[name]

    def _carry(self, operation: Operation, held: Mapping[str, Tangents]) -> Tangents:
        if operation.kind == "input":
            return self._begin(operation)
        below = [held[source] for source in operation.inputs]
        if operation.kind in ("conv", "pool"):
            return self._convolve(operation, below[0])
        if operation.kind == "add":
            return self._add(operation, below)
        if operation.kind == "cat":
            return self._concatenate(operation, below)
        if operation.kind == "centre":
            return self._centre(operation, below[0])
        if operation.kind == "choice":
            return self._choose(operation, below[0])
        gate = self.passed.gate(operation)
        if isinstance(gate, float):
            return below[0]
        # The gate is kept as a scale, to be multiplied with what comes next.
        return replace(below[0], scale=_product(below[0].scale, as_sites(gate[:, 0])))

    def _begin(self, operation: Operation) -> Tangents:
        rows = self.plan.rows(operation.name)
        ones = self.passed.values[operation.name].new_ones(rows.n_rows, 1)
        if self.weight is None:
            return Tangents(rows, ones)
        return Tangents(rows, Tangents(rows, ones).times(as_sites(self.weight)))

    def _convolve(self, operation: Operation, below: Tangents) -> Tangents:
        rule = self.passed.engine.rules[operation.name]
        plan = self.plan.convolution(operation.name, operation.inputs[0])
        found: list[tuple[Tensor, Tensor]] = []
        # Terms that multiply by the same input gather its rows together.
        for branches in _sharing(self._branches(operation)):
            carried = _carry_branches(branches, below, plan, rule)
            found += zip(carried, (b.scale for b in branches), strict=True)
        # With one term, 1 / stab(z~) can wait for the relevance or multiplier that it
        # meets next: those have one row a site, tangents one for every square too.
        if len(found) == 1:
            return _one_column(Tangents(plan.rows, found[0][0], as_sites(found[0][1])))
        total = None
        for data, scale in found:
            part = Tangents(plan.rows, data).times(as_sites(scale))
            total = part if total is None else total.add_(part)
        assert total is not None
        return Tangents(plan.rows, total)

    def _branches(self, operation: Operation) -> list[Branch]:
        every = operation.name in self.every
        return self.passed.branches(operation.name, every=every)

    def _add(self, operation: Operation, below: list[Tangents]) -> Tangents:
        rows = self.plan.rows(operation.name)
        total = self._empty(operation, rows)
        # A sum hands relevance on in proportion to what its inputs contributed,
        # a~ = the input and w~ = 1; the gradient hands it on whole.
        plain = self.passed.engine.plain_sums
        for source, tangents in zip(operation.inputs, below, strict=True):
            place = self.plan.places(operation.name, source)
            factor = None if plain else as_sites(self.passed.values[source])
            values = tangents.times(factor).expand(-1, total.shape[1])
            total.index_add_(0, place.to(total.device), values)
        if plain:
            return Tangents(rows, total)
        return Tangents(rows, total, as_sites(self.passed.sum_scale(operation)))

    def _centre(self, operation: Operation, below: Tangents) -> Tangents:
        rows, source = self.plan.rows(operation.name), operation.inputs[0]
        place = self.plan.places(operation.name, source)
        values = below.times(as_sites(self.passed.values[source]))
        # A mean is taken of all sites of a tangent, which has rows for a few of them.
        pairs, at = (
            torch.from_numpy(r.position * r.shape[1] + r.square).to(values.device)
            for r in (below.rows, rows)
        )
        sums = values.new_zeros(rows.shape[0] * rows.shape[1], values.shape[1])
        sums.index_add_(0, pairs, values)
        assert isinstance(operation.module, Centre)
        sums = group_means(sums, operation.module.groups) / rows.shape[2]
        total = sums.index_select(0, at).neg_()
        total.index_add_(0, place.to(values.device), values)
        return Tangents(rows, total, as_sites(self.passed.sum_scale(operation)))

    def _concatenate(self, operation: Operation, below: list[Tangents]) -> Tangents:
        rows = self.plan.rows(operation.name)
        total = self._empty(operation, rows)
        first = 0
        for source, tangents in zip(operation.inputs, below, strict=True):
            place = self.plan.places(operation.name, source)
            width = self.passed.values[source].shape[1]
            values = tangents.times(None).expand(-1, width)
            total[place.to(total.device), first : first + width] = values
            first += width
        return Tangents(rows, total)

    def _choose(self, operation: Operation, below: Tangents) -> Tangents:
        source = operation.inputs[0]
        width = self.passed.values[source].shape[1]
        units = self.passed.chosen(operation).flatten(2).transpose(1, 2).cpu().numpy()
        place, channel = self.plan.chosen(operation.name, source, units)
        # A last row of zeros for what is nowhere, or where its square does not reach.
        values = below.times(None).expand(-1, width)
        values = functional.pad(values, (0, 0, 0, 1))
        found = values[place.to(values.device), channel.to(values.device)]
        return Tangents(self.plan.rows(operation.name), found)

    def _empty(self, operation: Operation, rows: Rows) -> Tensor:
        value = self.passed.values[operation.name]
        return value.new_zeros(rows.n_rows, value.shape[1])


def _sharing(branches: list[Branch]) -> list[list[Branch]]:
    """Put terms together that have the same multiplier."""
    groups: dict[object, list[Branch]] = {}
    for branch in branches:
        multiplier = branch.multiplier
        key = (
            multiplier
            if isinstance(multiplier, float)
            else (multiplier.data_ptr(), multiplier.stride())
        )
        groups.setdefault(key, []).append(branch)
    return list(groups.values())


def _carry_branches(
    branches: list[Branch], below: Tangents, plan: TapPlan, rule: LinearRule
) -> Sequence[Tensor]:
    """Carry tangents through terms that share a multiplier, their scales left out."""
    weights = [branch.weight for branch in branches]
    factor = _site_factor(branches[0], below, rule.geometry.groups)
    # Only pooling has groups, one a channel.
    if rule.geometry.groups > 1:
        values = below.times(factor)
        return [_average(values, plan, branch) for branch in branches]
    matrix, n_in = rule.matrix(*weights), weights[0].shape[1]
    if below.data.shape[1] == 1 and below.scale is None and factor is not None:
        found = _spread(below.data, factor, plan, matrix)
    else:
        found = _multiply(below.times(factor), plan, matrix, n_in)
    # One column stands for all.
    if matrix.shape[1] == 1:
        return [found] * len(branches)
    return found.chunk(len(branches), 1)


def _one_column(tangents: Tangents) -> Tangents:
    """Keep one column where all channels are alike, as after the Flat rule."""
    scale = tangents.scale
    if tangents.data.shape[1] > 1 or scale is None:
        return tangents
    if not bool((scale == scale[:, :1]).all()):
        return tangents
    narrow = Tangents(tangents.rows, tangents.data, scale[:, :1].contiguous())
    return Tangents(tangents.rows, narrow.times(None))


def _site_factor(branch: Branch, below: Tangents, groups: int) -> Tensor | None:
    if isinstance(branch.multiplier, Tensor):
        return as_sites(branch.multiplier)
    # Tangents of one column are spread over the channels by a factor of ones.
    width = branch.weight.shape[1] * groups
    if branch.multiplier == 1.0 and below.data.shape[1] == width:
        return None
    n_sites = below.rows.shape[0] * below.rows.shape[2]
    return branch.weight.new_full((n_sites, width), branch.multiplier)


def _multiply(values: Tensor, plan: TapPlan, matrix: Tensor, n_in: int) -> Tensor:
    """Convolve tangents: plain matrix products for each group of taps.

    The rows that a block of tangents reads are gathered side by side; taps that
    follow each other in the kernel are then one product with the weights as they
    lie in the matrix (K * C, O).
    """
    result = values.new_empty(plan.rows.n_rows, matrix.shape[1])
    row_bytes = n_in * values.element_size()
    n_taps = len(matrix) // n_in
    work = values.new_empty(max(_BLOCK_BYTES // row_bytes, 64 * n_taps), n_in)
    for group in plan.groups:
        runs = _runs(group.taps)
        for block, sources in _blocks(group, row_bytes):
            by_row = sources.to(values.device).view(-1, len(group.taps))
            for place, tap, length in runs:
                chosen = by_row[:, place : place + length].flatten()
                gathered = work[: len(chosen)]
                torch.index_select(values, 0, chosen, out=gathered)
                weights = matrix[tap * n_in : (tap + length) * n_in]
                part = product(gathered.view(-1, length * n_in), weights)
                # The first run of taps begins the sum, the others add to it.
                if place:
                    result[block].add_(part)
                else:
                    result[block] = part
    return result


def _runs(taps: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """Return where consecutive taps begin among the taps, the first, how many."""
    begins = np.flatnonzero(np.diff(taps, prepend=-2) != 1)
    ends = [*begins[1:].tolist(), len(taps)]
    return [
        (begin, int(taps[begin]), end - begin)
        for begin, end in zip(begins.tolist(), ends, strict=True)
    ]


def _blocks(group: Group, row_bytes: int) -> Iterator[tuple[slice, Tensor]]:
    """Cut a group into blocks whose gathered rows stay in the cache."""
    width = len(group.taps)
    step = max(64, _BLOCK_BYTES // (row_bytes * width))
    for first in range(group.start, group.stop, step):
        last = min(first + step, group.stop)
        at = slice((first - group.start) * width, (last - group.start) * width)
        yield slice(first, last), group.sources[at]


def _average(values: Tensor, plan: TapPlan, branch: Branch) -> Tensor:
    """Sum tangents over the taps of a pooling, channel by channel."""
    summed = functional.embedding_bag(
        plan.tap_rows.to(values.device),
        values,
        plan.tap_offsets.to(values.device),
        mode="sum",
    )
    return summed * branch.weight.flatten()[0]


def _spread(data: Tensor, factor: Tensor, plan: TapPlan, matrix: Tensor) -> Tensor:
    """Convolve tangents that are alike in all channels.

    The convolution of the factor is kept apart by taps, U[site, tap, o], once a
    position; every tangent is a weighted sum of its entries.
    """
    n_in, n_out = factor.shape[1], matrix.shape[1]
    n_taps = len(matrix) // n_in
    taps = matrix.view(n_taps, n_in, n_out).transpose(0, 1).reshape(n_in, -1)
    apart = product(factor, taps)
    # T_2[p, o, s] = sum over taps k of U[s + k, k, o] T_1[p, s + k], T_1 being the same
    # for all channels: the convolution is done once, not for each of the 64 squares.
    entries, weights = plan.spread(data[:, 0], n_taps)
    return functional.embedding_bag(
        entries.to(data.device),
        apart.view(-1, n_out),
        plan.tap_offsets.to(data.device),
        mode="sum",
        per_sample_weights=weights,
    )
