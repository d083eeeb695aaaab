"""The arrays and maps of a store: only the rows and columns asked for are read.

Shapes use N positions, M of them with maps, C channels, A actions and n x n squares.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import StoreError
from conceptlrp.hdf5 import dataset, opened
from conceptlrp.othello.board import PHASES
from conceptlrp.store.format import schema
from conceptlrp.store.format.manifest import rereading
from conceptlrp.store.opened import OpenedStore
from conceptlrp.store.ranking import share_of
from conceptlrp.store.shards import Selection, Shards, selected


class StoredArrays:
    """What was computed at every position, as `store.arrays`."""

    def __init__(self, store: OpenedStore) -> None:
        self._store = store
        self._norms: dict[tuple[str, int], NDArray[np.float32]] = {}

    def relevance(
        self,
        layer: str,
        *,
        rows: Selection = None,
        channels: Selection = None,
        target: int | str = 0,
    ) -> NDArray[np.float32]:
        """Read relevance summed over each feature map, (rows, channels)."""
        index = (self._store.target_index(target),)
        return self._read_channels("relevance", layer, rows, channels, index)

    def share(
        self,
        layer: str,
        *,
        rows: Selection = None,
        channels: Selection = None,
        target: int | str = 0,
    ) -> NDArray[np.float32]:
        """Read channel relevance as a signed share of the layer's, (rows, channels).

        The share is relevance over the sum of its magnitudes over the layer's channels
        (plus 1e-10): the score by which RelMax ranks. It lies between -1 and 1.
        """
        name, index = f"layers/{layer}", (self._store.target_index(target),)
        if rows is None and (f"{name}/norm", *index) not in self._norms:
            columns = self._columns(layer, channels)
            relevance, norm = self._store.shards.read_together(
                (f"{name}/relevance", index, columns), (f"{name}/norm", index, None)
            )
            self._norms[f"{name}/norm", *index] = norm
            return share_of(relevance, norm)
        relevance = self.relevance(layer, rows=rows, channels=channels, target=target)
        return share_of(relevance, self.norm(layer, rows, target))

    def activation(
        self, layer: str, *, rows: Selection = None, channels: Selection = None
    ) -> NDArray[np.float32]:
        """Read activation summed over the feature map, (rows, channels)."""
        return self._read_channels("activation", layer, rows, channels)

    def peak(
        self, layer: str, *, rows: Selection = None, channels: Selection = None
    ) -> NDArray[np.float32]:
        """Read the largest activation in the feature map, (rows, channels)."""
        return self._read_channels("peak", layer, rows, channels)

    def peak_square(
        self, layer: str, *, rows: Selection = None, channels: Selection = None
    ) -> NDArray[np.int8]:
        """Read where the peak is, row by row in the map, (rows, channels)."""
        return self._read_channels("peak_square", layer, rows, channels)

    def logits(self, *, rows: Selection = None) -> NDArray[np.float32]:
        """Read policy logits, of shape (rows, A)."""
        return self._store.shards.read("outputs/logits", rows)

    def value(self, *, rows: Selection = None) -> NDArray[np.float32]:
        """Read the value before tanh, of shape (rows,)."""
        return self._store.shards.read("outputs/value", rows)

    def explained(
        self, *, rows: Selection = None, target: int | str = 0
    ) -> NDArray[np.float32]:
        """Read the value of the explained output, of shape (rows,)."""
        return self._of_target("targets/explained", rows, target)

    def explained_square(
        self, *, rows: Selection = None, target: int | str = 0
    ) -> NDArray[np.int8]:
        """Read the move that the target means, of shape (rows,)."""
        return self._of_target("targets/square", rows, target)

    def heatmap(
        self, *, rows: Selection = None, target: int | str = 0
    ) -> NDArray[np.float32]:
        """Read the input relevance of the target, of shape (rows, n, n)."""
        return self._of_target("targets/heatmap", rows, target)

    def norm(
        self, layer: str, rows: Selection, target: int | str
    ) -> NDArray[np.float32]:
        """Read the sum of magnitudes over channels; once all are read, they stay."""
        name, index = f"layers/{layer}/norm", self._store.target_index(target)
        if rows is None and (name, index) not in self._norms:
            self._norms[name, index] = self._store.shards.read(name, None, (index,))
        kept = self._norms.get((name, index))
        if kept is None:
            return self._store.shards.read(name, rows, (index,))
        return kept if rows is None else kept[selected(rows, len(self._store))]

    def _of_target(self, name: str, rows: Selection, target: int | str) -> NDArray[Any]:
        return self._store.shards.read(name, rows, (self._store.target_index(target),))

    def _read_channels(
        self,
        quantity: str,
        layer: str,
        rows: Selection,
        channels: Selection,
        index: tuple[int, ...] = (),
    ) -> NDArray[Any]:
        columns, name = self._columns(layer, channels), f"layers/{layer}/{quantity}"
        return self._store.shards.read(name, rows, index, columns)

    def _columns(self, layer: str, channels: Selection) -> NDArray[np.int64] | None:
        n_channels = self._store.channels(layer)
        return None if channels is None else selected(channels, n_channels)


#: Sets of squares whose share of |relevance| is known; legal ones are empty too.
REGIONS = ("own", "opponent", "empty", "legal")
#: Bits behind the binary point of the two words of a sum.
WORD_BITS = (20, 60)

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class BoardStatistics:
    """Means over the positions of each phase; 0 where a phase has none.

    Attributes
    ----------
    phases : tuple of str
        Names of the P phases.
    positions : ndarray of shape (P,)
        How many there are.
    positive, negative : ndarray of shape (P, C, n, n)
        Mean of the positive part of the conditional map, and of the negative part.
    second_moment : ndarray of shape (P, C, n, n)
        Mean of the square of the conditional map.
    magnitude : ndarray of shape (P, C, 4)
        Mean of the relevance, regardless of sign, on each of `REGIONS`.
    """

    phases: tuple[str, ...]
    positions: NDArray[np.int64]
    positive: Numbers
    negative: Numbers
    second_moment: Numbers
    magnitude: Numbers

    @property
    def mean(self) -> Numbers:
        """Mean conditional map, of shape (P, C, n, n)."""
        return self.positive + self.negative

    @property
    def variance(self) -> Numbers:
        """Variance of the conditional map over positions, of shape (P, C, n, n)."""
        return np.maximum(self.second_moment - self.mean**2, 0)

    @property
    def region_share(self) -> Numbers:
        """Share of the magnitude on each of `REGIONS`, of shape (P, C, 4).

        Those on own discs, opponent discs and empty squares add up to 1; a channel
        without any relevance has 0.
        """
        total = self.magnitude[..., :3].sum(-1, keepdims=True)
        return self.magnitude / np.where(total > 0, total, 1)

    def pooled(self) -> "BoardStatistics":
        """Return the statistics over all phases together, P being 1."""
        weights = self.positions / max(1, int(self.positions.sum()))

        def mean(values: Numbers) -> Numbers:
            return np.tensordot(weights, values, 1)[None]

        return BoardStatistics(
            phases=("all",),
            positions=self.positions.sum(keepdims=True),
            positive=mean(self.positive),
            negative=mean(self.negative),
            second_moment=mean(self.second_moment),
            magnitude=mean(self.magnitude),
        )


def read_statistics(read: Callable[..., NDArray[Any]], target: int) -> BoardStatistics:
    """Turn the sums of a layer and target into means."""
    positions = read("positions", ())
    counts = np.maximum(positions, 1)

    def mean(name: str) -> Numbers:
        sums = from_words(read(name, (slice(None), target)))
        means: Numbers = sums / counts.reshape(-1, *[1] * (sums.ndim - 1))
        return means

    return BoardStatistics(
        phases=PHASES,
        positions=positions,
        positive=mean("positive"),
        negative=mean("negative"),
        second_moment=mean("squared"),
        magnitude=mean("magnitude"),
    )


def from_words(words: NDArray[np.int64]) -> Numbers:
    """Return the sums (...) that pairs of words (..., 2) stand for.

    >>> float(from_words(np.array([3 << 19, 1 << 58])))
    1.75
    """
    coarse_bits, fine_bits = WORD_BITS
    coarse, fine = words[..., 0], words[..., 1]
    # Words that were added up are first brought into the range of one number, so
    # that the same sum is the same float however it came about.
    carry = fine >> (fine_bits - coarse_bits)
    fine = fine - (carry << (fine_bits - coarse_bits))
    values: Numbers = np.ldexp((coarse + carry).astype(np.float64), -coarse_bits)
    return values + np.ldexp(fine.astype(np.float64), -fine_bits)


@dataclass(frozen=True)
class ReferenceTable:
    """Reference boards of every channel of a layer, with conditional heatmaps.

    Attributes
    ----------
    rows : ndarray of shape (C, k)
        Row of each reference board in the store, -1 where there is none.
    scores : ndarray of shape (C, k)
        Score of each.
    maps : ndarray of shape (C, k, n, n)
        Its conditional heatmap.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]
    maps: NDArray[np.float32]


def read_reference_table(path: Path, group: str) -> ReferenceTable:
    """Read the reference boards of one layer."""
    try:
        with opened(path, StoreError) as file:
            schema.check_kind(file, schema.REFERENCE_TABLE)
            names = (f"{group}/{part}" for part in ("rows", "scores", "maps"))
            rows, scores, maps = (dataset(file, name)[()] for name in names)
    except StoreError as error:
        msg = f"{error}; {schema.REMEDY}"
        raise StoreError(msg) from error
    return ReferenceTable(rows, scores, maps.astype(np.float32, copy=False))


class StoredMaps:
    """The conditional maps that were kept, as `store.maps`."""

    def __init__(self, store: OpenedStore) -> None:
        self._store = store

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """Rows of the store whose maps it keeps, of shape (M,), ascending."""
        places = [self._mapped_ids(spec.file) for spec in self._store.shards.specs]
        ids = np.concatenate([np.empty(0, np.int64), *places])
        return ids if self._store.is_whole else np.searchsorted(self._store.ids, ids)

    def read(
        self,
        layer: str,
        *,
        rows: Selection = None,
        channels: Selection = None,
        target: int | str = 0,
    ) -> NDArray[np.float32]:
        """Read conditional maps: input relevance that flows through one channel.

        Returns (rows, channels, n, n): in the unit of the target's output, also where
        they are stored as float16.
        """
        index = (self._store.target_index(target),)
        n_channels = self._store.channels(layer)
        columns = None if channels is None else selected(channels, n_channels)
        places = (
            None if rows is None else self._map_places(selected(rows, len(self._store)))
        )
        self._check_maps()
        group = f"layers/{layer}"
        found = self._mapped_shards.read(f"{group}/maps", places, index, columns)
        if self._store.manifest.plan.dtype != "float16":
            return found
        scale = self._mapped_shards.read(f"{group}/map_scale", places, index)
        maps = found.astype(np.float32)
        maps *= scale[:, None, None, None]
        return maps

    @rereading
    def statistics(
        self, layer: str, *, target: int | str = 0
    ) -> BoardStatistics | None:
        """Read the statistics of the conditional maps of every channel, by phase.

        Returns None where the store keeps none, or its run is not complete.
        """
        self._store.channels(layer)
        number = self._store.target_index(target)
        if schema.STATISTICS not in self._store.manifest.files:
            return None
        with self._store.shards.opened(schema.STATISTICS) as file:

            def read(name: str, index: tuple[Any, ...]) -> NDArray[Any]:
                place = "" if name == "positions" else f"{layer}/"
                found: NDArray[Any] = file.dataset(f"statistics/{place}{name}")[index]
                return found

            return read_statistics(read, number)

    @cached_property
    def _mapped_shards(self) -> Shards:
        """The shards, as if they held the positions with maps alone."""
        first, specs = 0, []
        for spec in self._store.shards.specs:
            last = first + len(self._mapped_ids(spec.file))
            if last > first:
                specs.append(replace(spec, start=first, stop=last))
            first = last
        return Shards(self._store.shards.files, tuple(specs))

    def _mapped_ids(self, file: str) -> NDArray[np.int64]:
        if self._store.manifest.plan.detail not in ("sample", "all"):
            return np.empty(0, np.int64)
        with self._store.shards.opened(file) as opened:
            ids: NDArray[np.int64] = opened.dataset("maps/rows")[()]
        return ids

    def _map_places(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where among the positions with maps each row is."""
        known = self.rows
        places = np.searchsorted(known, rows)
        is_there = places < len(known)
        is_there[is_there] = known[places[is_there]] == rows[is_there]
        if not is_there.all():
            row = int(rows[np.argmin(is_there)])
            msg = (
                f"{self._store.path}: keeps no maps of row {row} ({len(known)} of "
                f"{len(self._store)} rows have them); take some of store.maps.rows"
            )
            raise StoreError(msg)
        return places

    def _check_maps(self) -> None:
        if not len(self.rows):
            detail = self._store.manifest.plan.detail
            msg = (
                f"{self._store.path}: keeps no maps of positions; it was computed with "
                f"the detail '{detail}', maps need 'sample' or 'all'"
            )
            raise StoreError(msg)
