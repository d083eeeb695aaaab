"""Which tangents there are, and where each convolution takes them from.

A tangent belongs to a position n and an input square p. At a layer it has a row
for every site s of the feature map that p can reach: outside its receptive
field a tangent is zero and has no row. Rows are grouped by which taps of the
kernel find a row below, so that each group is one plain matrix product.

Shapes use N positions, P input squares and S sites of a feature map.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from conceptlrp.lrp.linearize import Geometry

Index = NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """The rows of all tangents at one operation.

    Attributes
    ----------
    position, square, site : ndarray of shape (R,)
        What each row is about.
    lookup : ndarray of shape (N, P, S)
        Row of each, -1 for none.
    """

    position: Index
    square: Index
    site: Index
    lookup: Index

    @property
    def n_rows(self) -> int:
        """Number of rows, R."""
        return len(self.position)

    @cached_property
    def places(self) -> Tensor:
        """Index (R,) of each row's site in a map of shape (N * S, C)."""
        return torch.from_numpy(self.position * self.lookup.shape[2] + self.site)

    @cached_property
    def by_square(self) -> tuple[Tensor, Tensor]:
        """Rows in the order of position and square, and where each pair begins."""
        pair = self.position * self.lookup.shape[1] + self.square
        order = np.argsort(pair, kind="stable")
        counts = np.bincount(pair, minlength=self.lookup[:, :, 0].size)
        offsets = np.concatenate([[0], np.cumsum(counts)[:-1]])
        return torch.from_numpy(order), torch.from_numpy(offsets)


@dataclass(frozen=True)
class Group:
    """Rows of a convolution whose kernel finds rows below at the same taps.

    Attributes
    ----------
    taps : ndarray of shape (m,)
        Which taps of the kernel, row by row.
    start, stop : int
        The rows, consecutive.
    sources : Tensor of shape ((stop - start) * m,)
        Rows below, tap by tap for each row.
    """

    taps: Index
    start: int
    stop: int
    sources: Tensor


def input_rows(active: NDArray[np.bool_]) -> Rows:
    """Return the rows at the input: one for each active square (N, P)."""
    position, square = np.nonzero(active)
    n_positions, n_squares = active.shape
    lookup = np.full((n_positions, n_squares, n_squares), -1, np.int64)
    lookup[position, square, square] = np.arange(len(position))
    return Rows(position, square, square, lookup)


def tap_sites(geometry: Geometry, height: int, width: int) -> Index:
    """Return which site each tap of each output site reads.

    Returns
    -------
    ndarray of shape (S', K)
        Site of the input, -1 in the padding, for S' output sites and K taps.
    """
    out_height, out_width = geometry.output(height, width)
    axes = [
        _axis(geometry, 0, out_height, height),
        _axis(geometry, 1, out_width, width),
    ]
    rows, columns = axes[0][:, None, :, None], axes[1][None, :, None, :]
    inside = (rows >= 0) & (columns >= 0)
    sites = np.where(inside, rows * width + columns, -1)
    return sites.reshape(out_height * out_width, -1)


def _axis(geometry: Geometry, axis: int, n_out: int, n_in: int) -> Index:
    start = np.arange(n_out) * geometry.stride[axis] - geometry.padding[axis]
    taps = np.arange(geometry.kernel[axis]) * geometry.dilation[axis]
    at = start[:, None] + taps[None, :]
    return np.where((at >= 0) & (at < n_in), at, -1)


def convolution_rows(below: Rows, sites: Index) -> tuple[Rows, list[Group]]:
    """Return the rows behind a convolution and where they come from.

    Parameters
    ----------
    below : Rows
        Rows at its input.
    sites : ndarray of shape (S', K)
        Input site of every tap, -1 for none.
    """
    n_positions, n_squares, n_sites = below.lookup.shape
    padded = np.concatenate(
        [below.lookup, np.full((n_positions, n_squares, 1), -1, np.int64)], axis=2
    )
    found = padded[:, :, np.where(sites < 0, n_sites, sites)]  # (N, P, S', K)
    present = found >= 0
    code = _codes(present)
    position, square, site = np.nonzero(code)
    codes = code[position, square, site]
    order = np.argsort(codes, kind="stable")
    position, square, site = position[order], square[order], site[order]
    lookup = np.full((n_positions, n_squares, len(sites)), -1, np.int64)
    lookup[position, square, site] = np.arange(len(position))
    groups = []
    _, starts = np.unique(codes[order], return_index=True)
    stops = [*starts[1:].tolist(), len(position)]
    for start, stop in zip(starts.tolist(), stops, strict=True):
        at = (position[start:stop], square[start:stop], site[start:stop])
        taps = np.flatnonzero(present[at[0][0], at[1][0], at[2][0]])
        sources = found[at][:, taps].reshape(-1)
        groups.append(Group(taps, start, stop, torch.from_numpy(sources)))
    return Rows(position, square, site, lookup), groups


def _codes(present: NDArray[np.bool_]) -> Index:
    """Return a number for each set of taps, 0 for none."""
    n_taps = present.shape[-1]
    if n_taps <= 62:
        return present @ (np.int64(1) << np.arange(n_taps, dtype=np.int64))
    flat = np.packbits(present.reshape(-1, n_taps), axis=1)
    _, code = np.unique(flat, axis=0, return_inverse=True)
    code = code.reshape(present.shape[:-1]) + 1
    return np.where(present.any(axis=-1), code, 0)


def union_rows(parts: Sequence[Rows]) -> tuple[Rows, list[Tensor]]:
    """Return the rows of a sum or concatenation, and where each part's rows go."""
    present = np.any([rows.lookup >= 0 for rows in parts], axis=0)
    position, square, site = np.nonzero(present)
    lookup = np.full(present.shape, -1, np.int64)
    lookup[position, square, site] = np.arange(len(position))
    targets = [lookup[r.position, r.square, r.site] for r in parts]
    rows = Rows(position, square, site, lookup)
    return rows, [torch.from_numpy(target) for target in targets]


@dataclass(frozen=True)
class Plan:
    """Rows behind a convolution, and where each finds what it reads.

    Attributes
    ----------
    rows, below : Rows
        Behind the convolution and at its input.
    groups : list of Group
        Rows that read the same taps.
    """

    rows: Rows
    below: Rows
    groups: list[Group]

    @property
    def n_products(self) -> int:
        """Number of pairs of a row and a tap that it reads."""
        return sum(len(group.sources) for group in self.groups)

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


class Plans:
    """Plans of all operations for one set of active squares, made once."""

    def __init__(self) -> None:
        self._rows: dict[str, Rows] = {}
        self._plans: dict[str, Plan] = {}
        self._unions: dict[str, tuple[Rows, list[Tensor]]] = {}

    def input(self, name: str, active: NDArray[np.bool_]) -> Rows:
        """Return the rows at the input."""
        if name not in self._rows:
            self._rows[name] = input_rows(active)
        return self._rows[name]

    def convolution(
        self, name: str, below: Rows, geometry: Geometry, size: tuple[int, int]
    ) -> Plan:
        """Return the plan of a convolution of a map of height and width size."""
        if name not in self._plans:
            rows, groups = convolution_rows(below, tap_sites(geometry, *size))
            self._plans[name] = Plan(rows, below, groups)
        return self._plans[name]

    def known(self, name: str) -> Plan:
        """Return the plan of a convolution that was made before."""
        return self._plans[name]

    def union(self, name: str, parts: Sequence[Rows]) -> tuple[Rows, list[Tensor]]:
        """Return the rows of a sum or concatenation, and where each part goes."""
        if name not in self._unions:
            self._unions[name] = union_rows(parts)
        return self._unions[name]
