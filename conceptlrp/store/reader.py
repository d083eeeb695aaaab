"""Read a relevance store: only the rows and columns that are asked for.

Shapes use N positions, C channels, A actions and n x n squares.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import LayerError, StoreError, TargetError
from conceptlrp.othello import Corpus
from conceptlrp.store.ranking import CHANNEL_SCORES, Ranking, top_rows
from conceptlrp.store.schema import CORPUS, REFERENCES, Manifest, read_manifest

Rows = slice | NDArray[np.integer] | None
Array = NDArray[Any]


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


class Store:
    """Relevance of a corpus, opened for reading.

    Parameters
    ----------
    path : path-like
        Folder of the store.

    Attributes
    ----------
    path : Path
        Folder of the store.
    manifest : Manifest
        What it holds and where it came from.

    Raises
    ------
    StoreError
        When the folder is no store, or a part of it is missing or damaged.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.manifest: Manifest = read_manifest(self.path)
        self._check_parts()

    def __len__(self) -> int:
        return self.manifest.positions

    def __repr__(self) -> str:
        layers = ", ".join(f"{n} ({self.channels(n)})" for n in self.layers)
        return f"Store({str(self.path)!r}, {len(self)} positions, {layers})"

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, in execution order."""
        return tuple(self.manifest.layers)

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets."""
        return tuple(self.manifest.targets)

    @cached_property
    def positions(self) -> Corpus:
        """The positions, row by row."""
        return Corpus.load(self.path / CORPUS)

    def channels(self, layer: str) -> int:
        """Return the number of channels of a layer."""
        if layer not in self.manifest.layers:
            known = ", ".join(self.layers)
            msg = f"the store has no layer '{layer}', expected one of {known}"
            raise LayerError(msg)
        return self.manifest.layers[layer]["channels"]

    def relevance(
        self,
        layer: str,
        *,
        rows: Rows = None,
        channels: Rows = None,
        target: int | str = 0,
    ) -> NDArray[np.float32]:
        """Return channel relevance, of shape (rows, channels).

        Parameters
        ----------
        layer : str
            Name of the layer.
        rows, channels : slice or ndarray of int, optional
            Which to read; all by default.
        target : int or str
            Index or name of the target.
        """
        self.channels(layer)
        at = (self.target_index(target), _columns(channels))
        return self._read(f"layers/{layer}/relevance", rows, at)

    def share(
        self,
        layer: str,
        *,
        rows: Rows = None,
        channels: Rows = None,
        target: int | str = 0,
    ) -> NDArray[np.float32]:
        """Return relevance as a share of the layer's, signed, (rows, channels).

        The share is relevance over the sum of its magnitudes over the layer's
        channels (plus 1e-10): the score by which RelMax ranks.
        """
        relevance = self.relevance(layer, rows=rows, channels=channels, target=target)
        at = (self.target_index(target),)
        norm = self._read(f"layers/{layer}/norm", rows, at)
        return relevance / np.asarray(norm[:, None] + 1e-10, np.float32)

    def activation(
        self, layer: str, *, rows: Rows = None, channels: Rows = None
    ) -> NDArray[np.float32]:
        """Return activation summed over the feature map, (rows, channels)."""
        self.channels(layer)
        return self._read(f"layers/{layer}/activation", rows, (_columns(channels),))

    def peak(
        self, layer: str, *, rows: Rows = None, channels: Rows = None
    ) -> NDArray[np.float32]:
        """Return the largest activation in the feature map, (rows, channels)."""
        self.channels(layer)
        return self._read(f"layers/{layer}/peak", rows, (_columns(channels),))

    def logits(self, *, rows: Rows = None) -> NDArray[np.float32]:
        """Return policy logits, of shape (rows, A)."""
        return self._read("outputs/logits", rows, ())

    def value(self, *, rows: Rows = None) -> NDArray[np.float32]:
        """Return the value before tanh, of shape (rows,)."""
        return self._read("outputs/value", rows, ())

    def explained(
        self, *, rows: Rows = None, target: int | str = 0
    ) -> NDArray[np.float32]:
        """Return the value of the explained output, of shape (rows,)."""
        return self._read("targets/explained", rows, (self.target_index(target),))

    def explained_square(
        self, *, rows: Rows = None, target: int | str = 0
    ) -> NDArray[np.int8]:
        """Return the move that the target means, of shape (rows,)."""
        return self._read("targets/square", rows, (self.target_index(target),))

    def heatmap(
        self, *, rows: Rows = None, target: int | str = 0
    ) -> NDArray[np.float32]:
        """Return the input relevance of the target, of shape (rows, n, n)."""
        return self._read("targets/heatmap", rows, (self.target_index(target),))

    def scores(
        self, layer: str, channel: int, *, by: str = "share", target: int | str = 0
    ) -> NDArray[np.float32]:
        """Return one channel's score at every position, of shape (N,)."""
        self._check_channel(layer, channel)
        column = np.array([channel])
        if by == "share":
            found = self.share(layer, channels=column, target=target)
        elif by == "relevance":
            found = self.relevance(layer, channels=column, target=target)
        elif by == "activation":
            found = self.activation(layer, channels=column)
        elif by == "peak":
            found = self.peak(layer, channels=column)
        else:
            msg = f"unknown score '{by}', expected one of {', '.join(CHANNEL_SCORES)}"
            raise ValueError(msg)
        return found[:, 0]

    def top(
        self,
        layer: str,
        channel: int,
        k: int = 16,
        *,
        by: str = "share",
        lowest: bool = False,
        one_per_game: bool = True,
        target: int | str = 0,
    ) -> Ranking:
        """Rank the positions of a channel.

        Parameters
        ----------
        layer, channel : str, int
            The channel.
        k : int
            How many positions to return.
        by : str
            "share" (signed share of the layer's relevance), "relevance" (raw),
            "activation" (summed over the board) or "peak" (largest activation).
        lowest : bool
            Rank the lowest, for instance the most negative relevance, first.
        one_per_game : bool
            Let only the best position of a game count.
        target : int or str
            Index or name of the target.

        Returns
        -------
        Ranking
            Exact; equal scores come in the order of their rows.
        """
        scores = self.scores(layer, channel, by=by, target=target)
        groups = self.positions.game if one_per_game else None
        return top_rows(scores, k, lowest=lowest, groups=groups)

    def references(
        self, layer: str, kind: str = "share-top", *, target: int | str = 0
    ) -> ReferenceTable | None:
        """Return the stored reference boards of a layer, None if none were kept."""
        self.channels(layer)
        name = f"{self.target_index(target)}/{kind}/{layer}"
        if not self.manifest.references:
            return None
        with _open(self.path / REFERENCES) as file:
            if name not in file:
                return None
            parts = (file[f"{name}/{part}"][()] for part in ("rows", "scores", "maps"))
            return ReferenceTable(*parts)

    def target_index(self, target: int | str) -> int:
        """Return the index of a target that is given by index or name."""
        if isinstance(target, str) and target in self.targets:
            return self.targets.index(target)
        if isinstance(target, int) and 0 <= target < len(self.targets):
            return target
        msg = (
            f"the store has no target {target!r}, expected one of "
            f"{', '.join(self.targets)}"
        )
        raise TargetError(msg)

    def _check_channel(self, layer: str, channel: int) -> None:
        if not 0 <= channel < self.channels(layer):
            last = self.channels(layer) - 1
            msg = f"layer '{layer}' has no channel {channel}, expected 0 to {last}"
            raise LayerError(msg)

    def _check_parts(self) -> None:
        expected = [CORPUS, *(shard["file"] for shard in self.manifest.shards)]
        if self.manifest.references:
            expected.append(REFERENCES)
        for name in expected:
            if not (self.path / name).is_file():
                msg = f"{self.path}: '{name}' is missing; compute the store again"
                raise StoreError(msg)

    def _read(self, name: str, rows: Rows, at: tuple[Any, ...]) -> Array:
        """Read rows of a dataset that is spread over the shards."""
        wanted = np.arange(len(self))[slice(None) if rows is None else rows]
        order = np.argsort(wanted, kind="stable")
        parts = list(self._parts(name, wanted[order], at))
        sorted_rows = np.concatenate(parts) if parts else self._empty(name, at)
        result = np.empty_like(sorted_rows)
        result[order] = sorted_rows
        return result

    def _parts(self, name: str, wanted: Array, at: tuple[Any, ...]) -> Iterator[Array]:
        for shard in self.manifest.shards:
            start, stop = np.searchsorted(wanted, [shard["start"], shard["stop"]])
            if start == stop:
                continue
            local = wanted[start:stop] - shard["start"]
            with _open(self.path / shard["file"]) as file:
                yield _read_rows(file[name], local, at)

    def _empty(self, name: str, at: tuple[Any, ...]) -> Array:
        with _open(self.path / self.manifest.shards[0]["file"]) as file:
            return _read_rows(file[name], np.arange(0), at)


def open_store(path: str | os.PathLike[str]) -> Store:
    """Open a relevance store for reading; see `Store`."""
    return Store(path)


def _open(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        msg = f"{path}: cannot be read ({error}); compute the store again"
        raise StoreError(msg) from None


def _columns(channels: Rows) -> slice | Array:
    return slice(None) if channels is None else channels


def _read_rows(dataset: Any, rows: Array, at: tuple[Any, ...]) -> Array:
    """Read ascending rows: a run in one piece, scattered ones one chunk at a time."""
    start, stop = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 0)
    if len(rows) * 8 < stop - start:
        unique, back = np.unique(rows, return_inverse=True)
        return np.stack([_read_run(dataset, r, r + 1, at)[0] for r in unique])[back]
    return _read_run(dataset, start, stop, at)[rows - start]


def _read_run(dataset: Any, start: int, stop: int, at: tuple[Any, ...]) -> Array:
    """Read rows start to stop; HDF5 wants the columns ascending and unique."""
    if not (at and isinstance(at[-1], np.ndarray)):
        return np.asarray(dataset[(slice(start, stop), *at)])
    columns, back = np.unique(at[-1], return_inverse=True)
    found = dataset[(slice(start, stop), *at[:-1], columns)]
    ordered: Array = np.asarray(found)[..., back]
    return ordered
