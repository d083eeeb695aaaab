"""A store opened for reading: which rows it has, and where they lie.

Shapes use N positions. Rows are positions in the order of the corpus. While a run goes
on they are those of the shards that were finished when the store was opened.
"""

import os
import stat
import warnings
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from conceptlrp.drawing.notebook import html_table
from conceptlrp.errors import LayerError, StoreError, TargetError, check_choice
from conceptlrp.files import is_unfinished, listing
from conceptlrp.hdf5 import dataset, opened
from conceptlrp.othello import Corpus
from conceptlrp.store.baseline import Baseline
from conceptlrp.store.format.integrity import damage
from conceptlrp.store.format.manifest import (
    Manifest,
    ShardSpec,
    current_manifest,
    entry_now,
    read_manifest,
    receipt_path,
)
from conceptlrp.store.format.schema import MANIFEST, REMEDY
from conceptlrp.store.shards import OpenFiles, Shards
from conceptlrp.store.writing.writer import load_baseline, load_positions


class OpenedStore:
    """What all parts of a store share: its folder, manifest, shards and names."""

    def __init__(
        self, path: str | os.PathLike[str], *, damaged: str = "refuse"
    ) -> None:
        check_choice("damaged", damaged, ("refuse", "skip"))
        self.path = Path(path)
        self.manifest: Manifest = read_manifest(self.path)
        check_rows(self.path, self.manifest)
        shards = _readable(self.path, self.manifest, skip=damaged == "skip")
        self.shards = Shards(OpenFiles(self.path, self.manifest), shards)

    def __len__(self) -> int:
        return len(self.shards)

    def __repr__(self) -> str:
        layers = ", ".join(f"{n} ({self.channels(n)})" for n in self.layers)
        return f"Store({str(self.path)!r}, {len(self)} positions, {layers})"

    def _repr_html_(self) -> str:
        plan = self.manifest.plan
        facts = [
            ("network", plan.network.get("name", "")),
            ("composite", plan.composite.get("name", "")),
            ("baseline", plan.above),
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
        self.shards.files.clear()

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
        return self.shards.ids()

    @cached_property
    def positions(self) -> Corpus:
        """The positions, row by row."""
        corpus = load_positions(self.path, self.manifest)
        return corpus if self.is_whole else corpus[self.ids]

    @cached_property
    def baseline(self) -> Baseline:
        """What relevance is above: zero, a mean map, or a donor's map row by row."""
        found = load_baseline(self.path, self.manifest)
        return found if self.is_whole else found.take(self.ids)

    def channels(self, layer: str) -> int:
        """Return the number of channels of a layer."""
        if layer not in self.manifest.layers:
            known = ", ".join(self.layers)
            msg = f"the store has no layer '{layer}', expected one of {known}"
            raise LayerError(msg)
        return self.manifest.layers[layer]["channels"]

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

    def check_channel(self, layer: str, channel: int) -> None:
        """Refuse a channel that the layer does not have, or what is no number."""
        last = self.channels(layer) - 1
        if not hasattr(channel, "__index__"):
            msg = f"channel is {channel!r}, expected a number from 0 to {last}"
            raise TypeError(msg)
        if not 0 <= channel <= last:
            msg = f"layer '{layer}' has no channel {channel}, expected 0 to {last}"
            raise LayerError(msg)

    def check_row(self, row: int) -> None:
        """Refuse a row that the store does not have."""
        if not 0 <= row < len(self):
            msg = f"the store has no row {row}, expected 0 to {len(self) - 1}"
            raise IndexError(msg)

    def current_manifest(self) -> Manifest:
        """Return the manifest as it stands now, read again where it was replaced."""
        return current_manifest(self.path)


def check_rows(folder: Path, manifest: Manifest) -> None:
    """Refuse a complete store whose manifest leaves out positions of its corpus."""
    corpus, found = folder / manifest.corpus_file, manifest.positions
    # A damaged corpus is told of when it is read.
    with suppress(StoreError), opened(corpus, StoreError) as file:
        found = len(dataset(file, "positions/ply"))
    if manifest.is_complete and found != manifest.positions:
        msg = (
            f"{folder / MANIFEST}: says {manifest.positions} positions, "
            f"{corpus.name} has {found}; copy it again or compute the store again"
        )
        raise StoreError(msg)


def _readable(folder: Path, manifest: Manifest, *, skip: bool) -> tuple[ShardSpec, ...]:
    """Return the finished shards, looking at sizes only; to `skip` some, at all bytes.

    What was added later may be replaced at any time, and is looked at when it is read.
    """
    sizes = {
        name: found.st_size
        for name, found in listing(folder).items()
        if stat.S_ISREG(found.st_mode) and not is_unfinished(name)
    }
    odd = {
        name: (f"has {sizes[name]} bytes" if name in sizes else "is missing")
        + f", expected {entry.bytes} bytes"
        for name, entry in manifest.files.items()
        if sizes.get(name) != entry.bytes and not entry.about
    }
    shards = []
    for spec in manifest.shards():
        name = spec.file
        is_new = receipt_path(folder, name).name in sizes
        if not is_new and name not in manifest.files:
            if manifest.is_complete:
                odd[name] = "is not listed in the manifest"
            continue
        if name in sizes and (is_new or name not in odd):
            odd.pop(name, None)
            entry = entry_now(folder, manifest, name) if skip else None
            problem = damage(folder / name, entry) if entry else None
            if problem is None:
                shards.append(spec)
            else:
                odd[name] = problem
    if odd:
        name, found = next(iter(odd.items()))
        more = f" (and {len(odd) - 1} more files)" if len(odd) > 1 else ""
        msg = f"{folder / name}: {found}{more}; {REMEDY}"
        if not skip:
            raise StoreError(msg)
        warnings.warn(f"{msg}; what it holds is left out", UserWarning, stacklevel=3)
    return tuple(shards)
