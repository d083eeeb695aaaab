"""Which tangents there are, and where each convolution takes them from.

A tangent belongs to a position n and an input square p. At a layer it has a row
for every site s of the feature map that p can reach: outside its receptive
field a tangent is zero and has no row. Rows are grouped by which taps of the
kernel find a row below, so that each group is one plain matrix product.

What one position needs depends on the network alone, so it is worked out once (a
`Blueprint`) and then laid out for the positions and squares of a sweep (`SweepPlan`).

Shapes use N positions, P input squares, S sites of a feature map, R rows of a
sweep and B rows of one position with all of its squares.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from conceptlrp.lrp.engine.geometry import ConvolutionShape

Index = NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """The rows of all tangents at one operation.

    ``position``, ``square`` and ``site`` (R,) say what each row is about; ``number``
    (N, B) is the row of each row of the blueprint, -1 for none; ``shape`` is (N, P, S).
    """

    position: Index
    square: Index
    site: Index
    number: Index
    shape: tuple[int, int, int]

    @property
    def n_rows(self) -> int:
        """Number of rows, R."""
        return len(self.position)

    @cached_property
    def places(self) -> Tensor:
        """Index (R,) of each row's site in a map of shape (N * S, C)."""
        return torch.from_numpy(self.position * self.shape[2] + self.site)

    @cached_property
    def by_square(self) -> tuple[Tensor, Tensor]:
        """Rows in the order of position and square, and where each pair begins.

        After the N * P pairs comes the number of rows.
        """
        n_positions, n_squares, _ = self.shape
        pair = self.position * n_squares + self.square
        order = np.argsort(pair, kind="stable")
        counts = np.bincount(pair, minlength=n_positions * n_squares)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        return torch.from_numpy(order), torch.from_numpy(offsets)


@dataclass(frozen=True)
class Group:
    """Rows of a convolution whose kernel finds rows below at the same taps.

    They are the rows from ``start`` to before ``stop``; ``sources`` are the rows that
    they read, for each of them the m ``taps`` in order.
    """

    taps: Index
    start: int
    stop: int
    sources: Tensor


def tap_sites(geometry: ConvolutionShape, height: int, width: int) -> Index:
    """Return which site each tap of each output site reads.

    Returns (S', K): site of the input, -1 in the padding, for S' output sites and K
    taps.
    """
    out_height, out_width = geometry.output(height, width)
    axes = [
        _axis(geometry, 0, out_height, height),
        _axis(geometry, 1, out_width, width),
    ]
    rows, columns = axes[0][:, None, :, None], axes[1][None, :, None, :]
    # Output rows and columns, then taps: the kernel is the inner pair of axes, in the
    # order in which `LinearRule.matrix` lays out weights.
    inside = (rows >= 0) & (columns >= 0)
    sites = np.where(inside, rows * width + columns, -1)
    return sites.reshape(out_height * out_width, -1)


def _axis(geometry: ConvolutionShape, axis: int, n_out: int, n_in: int) -> Index:
    start = np.arange(n_out) * geometry.stride[axis] - geometry.padding[axis]
    taps = np.arange(geometry.kernel[axis]) * geometry.dilation[axis]
    at = start[:, None] + taps[None, :]
    return np.where((at >= 0) & (at < n_in), at, -1)


@dataclass(frozen=True)
class Sites:
    """Rows of one position at one operation, all of its squares.

    ``square`` and ``site`` (B,) say what each row is about, ``lookup`` (P, S) is the
    row of each, -1 for none. The groups of a convolution begin at ``bounds`` (which
    end with B); each has its ``taps`` and, a row by a tap, its ``sources``
    below.
    """

    square: Index
    site: Index
    lookup: Index
    bounds: tuple[int, ...]
    taps: tuple[Index, ...] = ()
    sources: tuple[Index, ...] = ()

    @cached_property
    def products(self) -> Index:
        """Pairs of a row and a tap that it reads, by square (P,)."""
        counts = np.zeros(len(self.lookup), np.int64)
        for start, read in zip(self.bounds, self.sources, strict=False):
            squares = self.square[start : start + len(read)]
            counts += read.shape[1] * np.bincount(squares, minlength=len(counts))
        return counts


def input_sites(n_squares: int) -> Sites:
    """Return the rows at the input: one for each square."""
    squares = np.arange(n_squares)
    lookup = np.full((n_squares, n_squares), -1, np.int64)
    lookup[squares, squares] = squares
    return Sites(squares, squares, lookup, (0, n_squares))


def convolution_sites(below: Sites, sites: Index) -> Sites:
    """Return the rows after a convolution and where they come from.

    Shapes: `sites` (S', K).
    """
    n_squares, n_sites = below.lookup.shape
    # A last site that no square reaches stands for the padding.
    padded = np.concatenate([below.lookup, np.full((n_squares, 1), -1)], axis=1)
    found = padded[:, np.where(sites < 0, n_sites, sites)]  # (P, S', K)
    # Taps that find no row below read zeros and need not be multiplied; rows are
    # sorted by which taps do find one, so that those of a group make one matrix.
    present = found >= 0
    code = _codes(present)
    square, site = np.nonzero(code)
    codes = code[square, site]
    order = np.argsort(codes, kind="stable")
    square, site = square[order], site[order]
    lookup = np.full((n_squares, len(sites)), -1, np.int64)
    lookup[square, site] = np.arange(len(square))
    _, starts = np.unique(codes[order], return_index=True)
    bounds = (*starts.tolist(), len(square))
    taps = [np.flatnonzero(present[square[at], site[at]]) for at in starts]
    sources = [
        found[square[start:stop], site[start:stop]][:, chosen]
        for start, stop, chosen in zip(bounds, bounds[1:], taps, strict=False)
    ]
    return Sites(square, site, lookup, bounds, tuple(taps), tuple(sources))


def _codes(present: NDArray[np.bool_]) -> Index:
    """Return a number for each set of taps, 0 for none."""
    n_taps = present.shape[-1]
    # As bits of a signed word; larger kernels are numbered by comparing whole rows.
    if n_taps <= 62:
        return present @ (np.int64(1) << np.arange(n_taps, dtype=np.int64))
    flat = np.packbits(present.reshape(-1, n_taps), axis=1)
    _, code = np.unique(flat, axis=0, return_inverse=True)
    code = code.reshape(present.shape[:-1]) + 1
    return np.where(present.any(axis=-1), code, 0)


def union_sites(parts: Sequence[Sites]) -> Sites:
    """Return the rows of a sum or concatenation of operations."""
    return _listed(np.any([sites.lookup >= 0 for sites in parts], axis=0))


def whole_sites(below: Sites) -> Sites:
    """Return the rows of what spreads over all sites of a map, as a mean does."""
    reached = (below.lookup >= 0).any(axis=1, keepdims=True)
    return _listed(np.broadcast_to(reached, below.lookup.shape))


def moved_sites(below: Sites, reach: NDArray[np.bool_]) -> Sites:
    """Return the rows after a choice, which site may meet which (S, S') below."""
    return _listed((below.lookup >= 0) @ reach)


def _listed(present: NDArray[np.bool_]) -> Sites:
    square, site = np.nonzero(present)
    lookup = np.full(present.shape, -1, np.int64)
    lookup[square, site] = np.arange(len(square))
    return Sites(square, site, lookup, (0, len(square)))


#: What the sweep of one position needs at every operation, worked out once.
Blueprint = dict[str, Sites]


@dataclass(frozen=True)
class TapPlan:
    """Rows after a convolution, and where each finds what it reads, by `Group`."""

    rows: Rows
    below: Rows
    groups: list[Group]

    @cached_property
    def tap_rows(self) -> Tensor:
        """Rows below, all taps of all rows in order."""
        return torch.cat([group.sources for group in self.groups])

    @cached_property
    def tap_offsets(self) -> Tensor:
        """Where the taps of each row begin in `tap_rows`."""
        counts = [np.full(g.stop - g.start, len(g.taps)) for g in self.groups]
        ends = np.cumsum(np.concatenate(counts))
        return torch.from_numpy(np.concatenate([[0], ends[:-1]]).astype(np.int64))

    @cached_property
    def taps(self) -> Tensor:
        """Tap of every entry of `tap_rows`."""
        tiled = [np.tile(g.taps, g.stop - g.start) for g in self.groups]
        return torch.from_numpy(np.concatenate(tiled))

    def spread(self, data: Tensor, n_taps: int) -> tuple[Tensor, Tensor]:
        """Return entry (site, tap) and weight (R,) of every tap of every row."""
        entries = self.below.places[self.tap_rows] * n_taps + self.taps
        return entries, data[self.tap_rows.to(data.device)]


class SweepPlan:
    """A blueprint laid out for the positions and squares of a sweep.

    Shapes: `active` (N, P).
    """

    def __init__(self, blueprint: Blueprint, active: NDArray[np.bool_]) -> None:
        self.blueprint = blueprint
        self.active = active
        self._rows: dict[int, Rows] = {}
        self._plans: dict[str, TapPlan] = {}

    def rows(self, name: str) -> Rows:
        """Return the rows at an operation, the same object where they are the same."""
        sites = self.blueprint[name]
        if id(sites) not in self._rows:
            self._rows[id(sites)] = self._lay_out(sites)
        return self._rows[id(sites)]

    def convolution(self, name: str, below: str) -> TapPlan:
        """Return the plan of a convolution."""
        if name not in self._plans:
            source = self.rows(below)
            plan = TapPlan(self.rows(name), source, self._groups(name, source))
            self._plans[name] = plan
        return self._plans[name]

    def places(self, name: str, below: str) -> Tensor:
        """Return which rows of an operation those of one that it reads become."""
        sites, source = self.blueprint[name], self.rows(below)
        at = self.blueprint[below]
        target = sites.lookup[at.square, at.site]
        position, row = np.nonzero(source.number >= 0)
        places = np.empty(source.n_rows, np.int64)
        places[source.number[position, row]] = self.rows(name).number[
            position, target[row]
        ]
        return torch.from_numpy(places)

    def chosen(self, name: str, below: str, units: Index) -> tuple[Tensor, Tensor]:
        """Return which rows (R, C) and channels below those of a choice are.

        Shapes: `units` (N or 1, S, C), numbers. The number of rows below means none.
        """
        rows, source, lookup = self.rows(name), self.rows(below), self.blueprint[below]
        wanted = np.broadcast_to(units, (len(self.active), *units.shape[1:]))
        channel, site = np.divmod(wanted[rows.position, rows.site] - 1, source.shape[2])
        row = lookup.lookup[rows.square[:, None], site]
        row = source.number[rows.position[:, None], row]
        row[(channel < 0) | (lookup.lookup[rows.square[:, None], site] < 0)] = -1
        row[row < 0] = source.n_rows
        return torch.from_numpy(row), torch.from_numpy(channel)

    def _lay_out(self, sites: Sites) -> Rows:
        """Give the rows of all positions numbers, those of a group together."""
        found = self.active[:, sites.square]
        number = np.full(found.shape, -1, np.int64)
        parts = []
        n_rows = 0
        for start, stop in zip(sites.bounds, sites.bounds[1:], strict=False):
            position, row = np.nonzero(found[:, start:stop])
            row += start
            number[position, row] = np.arange(n_rows, n_rows + len(row))
            n_rows += len(row)
            parts.append((position, row))
        position, row = (np.concatenate(part) for part in zip(*parts, strict=True))
        shape = (*self.active.shape, sites.lookup.shape[1])
        return Rows(position, sites.square[row], sites.site[row], number, shape)

    def _groups(self, name: str, below: Rows) -> list[Group]:
        sites, rows = self.blueprint[name], self.rows(name)
        groups = []
        first = 0
        for start, taps, sources in zip(
            sites.bounds, sites.taps, sites.sources, strict=False
        ):
            member = rows.number[:, start : start + len(sources)] >= 0
            position, row = np.nonzero(member)
            read = below.number[position[:, None], sources[row]]
            last = first + len(row)
            if len(row):
                read_rows = torch.from_numpy(read.reshape(-1))
                groups.append(Group(taps, first, last, read_rows))
            first = last
        assert first == rows.n_rows
        return groups
