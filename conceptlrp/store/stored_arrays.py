"""The arrays of a store: only the rows and columns that are asked for are read.

Shapes use N positions, C channels, A actions and n x n squares.
"""

import os
import warnings
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from conceptlrp.drawing.notebook import html_table
from conceptlrp.errors import LayerError, StoreError, TargetError
from conceptlrp.files import is_unfinished
from conceptlrp.othello import Corpus
from conceptlrp.store.manifest import Manifest, ShardSpec, read_manifest
from conceptlrp.store.open_files import OpenFiles
from conceptlrp.store.receipts import receipt_path
from conceptlrp.store.reference_table import ReferenceTable, read_reference_table
from conceptlrp.store.results.replacing import is_added
from conceptlrp.store.results.results import Results
from conceptlrp.store.schema import REFERENCE_KINDS, REFERENCES, REMEDY
from conceptlrp.store.shards import Selection, Shards, selected
from conceptlrp.store.tops import share_of
from conceptlrp.store.writer import load_positions

Numbers = NDArray[np.float32]


class StoredArrays:
    """Relevance of a corpus, opened for reading.

    Rows are positions in the order of the corpus. While a run goes on they are
    those of the shards that were finished when the store was opened, and `ids` says
    which positions of the corpus they are.

    Attributes
    ----------
    path : Path
        Folder of the store.
    manifest : Manifest
        What it holds and where it came from.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, damaged: str = "refuse"
    ) -> None:
        if damaged not in ("refuse", "skip"):
            msg = f"damaged is {damaged!r}, expected 'refuse' or 'skip'"
            raise ValueError(msg)
        self.path = Path(path)
        self.manifest: Manifest = read_manifest(self.path)
        shards = _readable(self.path, self.manifest, skip=damaged == "skip")
        self._shards = Shards(OpenFiles(self.path), shards)
        self._norms: dict[tuple[str, int], Numbers] = {}

    def __len__(self) -> int:
        return len(self._shards)

    def __repr__(self) -> str:
        layers = ", ".join(f"{n} ({self.channels(n)})" for n in self.layers)
        return f"Store({str(self.path)!r}, {len(self)} positions, {layers})"

    def _repr_html_(self) -> str:
        plan = self.manifest.plan
        facts = [
            ("network", plan.network.get("name", "")),
            ("composite", plan.composite.get("name", "")),
            ("positions", f"{len(self):,}"),
            ("targets", ", ".join(self.targets)),
            ("layers", ", ".join(f"{n} ({self.channels(n)})" for n in self.layers)),
            ("state", self.manifest.state),
        ]
        return html_table(f"Store {self.path}", (), facts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files that were read; they open again when they are needed."""
        self._shards.files.clear()

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, in execution order."""
        return tuple(self.manifest.layers)

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets."""
        return self.manifest.plan.targets

    @property
    def is_whole(self) -> bool:
        """Whether every position of the corpus has its row."""
        return len(self) == self.manifest.positions

    @cached_property
    def ids(self) -> NDArray[np.int64]:
        """Place of every row in the corpus, of shape (N,)."""
        return self._shards.ids()

    @cached_property
    def positions(self) -> Corpus:
        """The positions, row by row."""
        corpus = load_positions(self.path, self.manifest)
        return corpus if self.is_whole else corpus[self.ids]

    @cached_property
    def results(self) -> Results:
        """What was derived from the store: save, get, list and missing."""
        return Results(self)

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
        rows: Selection = None,
        channels: Selection = None,
        target: int | str = 0,
    ) -> NDArray[np.float32]:
        """Read channel relevance.

        Returns (rows, channels): relevance summed over each feature map.
        """
        index = (self.target_index(target),)
        return self._read_channels("relevance", layer, rows, channels, index)

    def share(
        self,
        layer: str,
        *,
        rows: Selection = None,
        channels: Selection = None,
        target: int | str = 0,
    ) -> NDArray[np.float32]:
        """Read channel relevance as a signed share of the layer's.

        The share is relevance over the sum of its magnitudes over the layer's
        channels (plus 1e-10): the score by which RelMax ranks.

        Returns (rows, channels): between -1 and 1.
        """
        relevance = self.relevance(layer, rows=rows, channels=channels, target=target)
        return share_of(relevance, self._norm(layer, rows, target))

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
        return self._read("outputs/logits", rows)

    def value(self, *, rows: Selection = None) -> NDArray[np.float32]:
        """Read the value before tanh, of shape (rows,)."""
        return self._read("outputs/value", rows)

    def explained(
        self, *, rows: Selection = None, target: int | str = 0
    ) -> NDArray[np.float32]:
        """Read the value of the explained output, of shape (rows,)."""
        return self._read("targets/explained", rows, (self.target_index(target),))

    def explained_square(
        self, *, rows: Selection = None, target: int | str = 0
    ) -> NDArray[np.int8]:
        """Read the move that the target means, of shape (rows,)."""
        return self._read("targets/square", rows, (self.target_index(target),))

    def heatmap(
        self, *, rows: Selection = None, target: int | str = 0
    ) -> NDArray[np.float32]:
        """Read the input relevance of the target, of shape (rows, n, n)."""
        return self._read("targets/heatmap", rows, (self.target_index(target),))

    def references(
        self, layer: str, kind: str = "share-top", *, target: int | str = 0
    ) -> ReferenceTable | None:
        """Read the reference boards that were kept for every channel of a layer.

        Returns: none where the store keeps no reference boards.
        """
        self.channels(layer)
        group = f"{self.target_index(target)}/{kind}/{layer}"
        if kind not in REFERENCE_KINDS:
            known = ", ".join(REFERENCE_KINDS)
            msg = f"unknown kind of reference boards '{kind}', expected one of {known}"
            raise ValueError(msg)
        if REFERENCES not in self.manifest.files:
            return None
        return read_reference_table(self.path / REFERENCES, group)

    def target_index(self, target: int | str) -> int:
        """Return the index of a target that is given by index or name."""
        if isinstance(target, str) and target in self.targets:
            return self.targets.index(target)
        if isinstance(target, int | np.integer) and 0 <= target < len(self.targets):
            return int(target)
        msg = (
            f"the store has no target {target!r}, expected one of "
            f"{', '.join(self.targets)}"
        )
        raise TargetError(msg)

    def _norm(self, layer: str, rows: Selection, target: int | str) -> Numbers:
        """Read the sum of magnitudes over channels; once all are read, they stay."""
        name, index = f"layers/{layer}/norm", self.target_index(target)
        if rows is None and (name, index) not in self._norms:
            self._norms[name, index] = self._read(name, None, (index,))
        kept = self._norms.get((name, index))
        if kept is None:
            return self._read(name, rows, (index,))
        return kept if rows is None else kept[selected(rows, len(self))]

    def _check_channel(self, layer: str, channel: int) -> None:
        if not 0 <= channel < self.channels(layer):
            last = self.channels(layer) - 1
            msg = f"layer '{layer}' has no channel {channel}, expected 0 to {last}"
            raise LayerError(msg)

    def _read_channels(
        self,
        quantity: str,
        layer: str,
        rows: Selection,
        channels: Selection,
        index: tuple[int, ...] = (),
    ) -> NDArray[Any]:
        n_channels = self.channels(layer)
        columns = None if channels is None else selected(channels, n_channels)
        name = f"layers/{layer}/{quantity}"
        return self._shards.read(name, rows, index, columns)

    def _read(
        self, name: str, rows: Selection, index: tuple[Any, ...] = ()
    ) -> NDArray[Any]:
        return self._shards.read(name, rows, index)


def _readable(folder: Path, manifest: Manifest, *, skip: bool) -> tuple[ShardSpec, ...]:
    """Return the finished shards, looking at sizes only.

    What was added later may be replaced at any time, and is looked at when it is read.
    """
    sizes = {
        entry.name: entry.stat(follow_symlinks=False).st_size
        for entry in os.scandir(folder)
        if entry.is_file(follow_symlinks=False) and not is_unfinished(entry.name)
    }
    problems = {
        name: _problem(sizes.get(name), entry.bytes)
        for name, entry in manifest.files.items()
        if sizes.get(name) != entry.bytes and not is_added(name, entry)
    }
    shards = []
    for spec in manifest.shards():
        is_new = receipt_path(folder, spec.file).name in sizes
        if spec.file in sizes and (is_new or spec.file not in problems):
            if is_new or spec.file in manifest.files:
                shards.append(spec)
            problems.pop(spec.file, None)
    if problems:
        _tell(folder, problems, skip=skip)
    return tuple(shards)


def _problem(size: int | None, expected: int) -> str:
    problem = "is missing" if size is None else f"has {size} bytes"
    return f"{problem}, expected {expected} bytes"


def _tell(folder: Path, problems: dict[str, str], *, skip: bool) -> None:
    """Refuse a damaged store, or warn of what is left out."""
    name, problem = next(iter(problems.items()))
    more = f" (and {len(problems) - 1} more files)" if len(problems) > 1 else ""
    msg = f"{folder / name}: {problem}{more}; {REMEDY}"
    if not skip:
        raise StoreError(msg)
    warnings.warn(f"{msg}; what it holds is left out", UserWarning, stacklevel=4)
