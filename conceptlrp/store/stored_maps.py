"""Conditional maps that a store keeps, and their statistics.

Shapes use M positions with maps, C channels and n x n squares.
"""

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import StoreError
from conceptlrp.store.board_statistics import BoardStatistics, read_statistics
from conceptlrp.store.format.schema import STATISTICS
from conceptlrp.store.opened import OpenedStore
from conceptlrp.store.shards import Selection, Shards, selected


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

    def statistics(
        self, layer: str, *, target: int | str = 0
    ) -> BoardStatistics | None:
        """Read the statistics of the conditional maps of every channel.

        Returns: Over all positions, by phase of the game; None where the store keeps
        none, or its run is not complete.
        """
        self._store.channels(layer)
        number = self._store.target_index(target)
        if STATISTICS not in self._store.manifest.files:
            return None
        with self._store.shards.opened(STATISTICS) as file:

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
