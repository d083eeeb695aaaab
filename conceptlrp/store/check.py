"""Check a store, byte for byte, and tell what it holds."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from conceptlrp.errors import FileFormatError, StoreError
from conceptlrp.files import is_unfinished, listing
from conceptlrp.hdf5 import dataset_names, opened
from conceptlrp.progress import OnProgress
from conceptlrp.store.format.integrity import FileEntry, damage
from conceptlrp.store.format.manifest import (
    Manifest,
    read_manifest,
    read_receipt,
    receipt_path,
)
from conceptlrp.store.format.plan import Plan
from conceptlrp.store.format.schema import (
    LOCK,
    MANIFEST,
    OWN_FILE,
    SHARD,
    expected_shapes,
)
from conceptlrp.store.opened import check_rows
from conceptlrp.store.results.kinds import is_leftover, remedy
from conceptlrp.store.shards import OpenFile
from conceptlrp.store.writing.shard_writer import block_files, fits, is_finished

_AGAIN = "'conceptlrp attribute --resume' computes it again"
_REMOVE = "it is no part of the store; move it away"


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with a file of a store, and what to do about it."""

    file: str
    found: str
    remedy: str


@dataclass(frozen=True)
class StoreCheck:
    """What `check_store` found.

    Attributes
    ----------
    path : str
        Folder of the store.
    files, bytes : int
        How many files were compared with their hash, and their size.
    shards, finished : int
        Shards of the plan, and those that are there and intact.
    problems : tuple of Problem
        In order of the files' names, the manifest's first.
    leftovers : tuple of str
        Files of a writer that was killed: harmless, and gone after the next start.
    """

    path: str
    files: int
    bytes: int
    shards: int
    finished: int
    problems: tuple[Problem, ...]
    leftovers: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether there is no problem."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """Return all of it, ready for JSON."""
        return {**asdict(self), "is_good": self.is_good}


def check_store(
    path: str | os.PathLike[str], *, on_progress: OnProgress | None = None
) -> StoreCheck:
    """Compare every file of a store with its size, hash and expected content.

    Parameters
    ----------
    path : path-like
        Folder of the store; a run may still be filling it. Without one, `StoreError`.
    on_progress : callable, optional
        Called with "files", how many were compared, and of how many.

    Returns
    -------
    StoreCheck
        Damage of any kind is a `Problem` in it and raises nothing; only where there
        is no folder, a `StoreError` is raised.
    """
    folder = Path(path)
    if not folder.is_dir():
        msg = f"{folder}: no such folder, expected a relevance store"
        raise StoreError(msg)
    try:
        manifest = read_manifest(folder)
        check_rows(folder, manifest)
        found = _Checking(folder, manifest, on_progress).run()
        # Files that were replaced meanwhile are not missing.
        while not found.is_good and manifest != (now := read_manifest(folder)):
            manifest, found = now, _Checking(folder, now, on_progress).run()
    except StoreError as error:
        reason = str(error).removeprefix(f"{folder / MANIFEST}: ")
        reason = reason.removeprefix(f"{folder}: ")
        lost = Problem(MANIFEST, reason, "copy it again or compute the store again")
        return StoreCheck(str(folder), 0, 0, 0, 0, (lost,))
    return found


class _Checking:
    """One check of one store."""

    def __init__(
        self, folder: Path, manifest: Manifest, on_progress: OnProgress | None
    ) -> None:
        self.folder = folder
        self.manifest = manifest
        self.on_progress = on_progress
        self.shards = {spec.file: spec for spec in manifest.shards()}
        self.with_receipts = [
            name
            for name in (*self.shards, *block_files(folder))
            if receipt_path(folder, name).exists()
        ]
        self.known = {MANIFEST, LOCK}
        self.files = 0
        self.bytes = 0
        self.finished = 0

    def run(self) -> StoreCheck:
        found = [*self._listed(), *self._with_receipts()]
        strays, leftovers = self._others()
        problems = sorted([*found, *strays], key=lambda problem: problem.file)
        return StoreCheck(
            path=str(self.folder),
            files=self.files,
            bytes=self.bytes,
            shards=len(self.shards),
            finished=self.finished,
            problems=tuple(problems),
            leftovers=tuple(sorted(leftovers)),
        )

    def _listed(self) -> Iterator[Problem]:
        """Compare the files that the manifest lists, but for rewritten shards."""
        for name, entry in self.manifest.files.items():
            if name in self.with_receipts:
                continue
            self.known.add(name)
            yield from self._compare(name, entry)
        if self.manifest.is_complete:
            missing = self.shards.keys() - self.manifest.files.keys()
            yield from (
                Problem(name, "is not listed in the manifest", _AGAIN)
                for name in missing
                if name not in self.with_receipts
            )

    def _with_receipts(self) -> Iterator[Problem]:
        """Compare shards and blocks that a run has written a receipt of."""
        plan = self.manifest.plan.fingerprint
        # Without a receipt a file is not finished, and written again.
        for name in self.with_receipts:
            path = receipt_path(self.folder, name)
            self.known |= {name, path.name}
            entry = read_receipt(self.folder, name, plan)
            if entry is None:
                found = "is damaged, or a receipt of another run"
                yield Problem(path.name, found, _AGAIN)
                continue
            yield from self._compare(name, entry)

    def _compare(self, name: str, entry: FileEntry) -> Iterator[Problem]:
        problem = self._difference(name, entry)
        self.files += 1
        if self.on_progress is not None:
            total = len({*self.manifest.files, *self.with_receipts})
            self.on_progress("files", self.files, total)
        if problem is not None:
            yield Problem(name, problem, remedy(self.folder, entry))
        elif name in self.shards:
            self.finished += 1

    def _difference(self, name: str, entry: FileEntry) -> str | None:
        if problem := damage(self.folder / name, entry):
            return problem
        self.bytes += entry.bytes
        return self._odd_content(name, entry) if name in self.shards else None

    def _odd_content(self, name: str, entry: FileEntry) -> str | None:
        """Say how the datasets of a shard differ from those of the plan."""
        try:
            opened = OpenFile(self.folder / name, SHARD, entry)
            names = opened.names()
            maps = "maps/rows" in names
            m = len(opened.dataset("maps/rows")) if maps else None
            plan, size = self.manifest.plan, self.manifest.board_size
            expected = expected_shapes(plan, size, len(self.shards[name]), m)
            for dataset, shape in expected.items():
                found = opened.dataset(dataset).shape if dataset in names else None
                if found is None or not fits(found, shape):
                    return f"{dataset} has the shape {found}, expected {shape}"
        except FileFormatError as error:
            return str(error).removeprefix(f"{self.folder / name}: ")
        return None

    def _others(self) -> tuple[list[Problem], list[str]]:
        """Return what lies in the folder besides, and what writers left behind."""
        strays, leftovers = [], []
        for entry in sorted(os.scandir(self.folder), key=lambda found: found.name):
            if entry.name in self.known:
                continue
            # A run that goes on writes its own files anew.
            is_left = OWN_FILE.fullmatch(entry.name) or is_unfinished(entry.name)
            if is_left or is_leftover(Path(entry.path), self.manifest):
                leftovers.append(entry.name)
            else:
                kind = "folder" if entry.is_dir() else "file"
                strays.append(Problem(entry.name, f"is an unknown {kind}", _REMOVE))
        return strays, leftovers


@dataclass(frozen=True)
class StoreInfo:
    """What `store_info` found.

    Attributes
    ----------
    path, state : str
        Folder of the store, and "running" or "complete".
    positions, rows : int
        Positions of the corpus, and those whose shard is finished.
    shards, finished, bytes : int
        Shards of the plan, those that are finished, and the size of all files.
    layer_bytes : dict of str to float
        Bytes a position of what is kept of each layer, in the first finished shard.
    derived : tuple of str
        Files besides shards, corpus and baseline, such as "references.h5".
    rounding : dict of str to float
        Largest rounding error of each quantity that is stored with fewer digits than
        it was computed with, relative to the largest value of the same position.
    codec, plan : str, Plan
        How arrays are packed; network, corpus, composite, baseline, targets and so on.
    """

    path: str
    state: str
    positions: int
    rows: int
    shards: int
    finished: int
    bytes: int
    layer_bytes: dict[str, float]
    derived: tuple[str, ...]
    rounding: dict[str, float]
    codec: str
    plan: Plan

    def to_dict(self) -> dict[str, Any]:
        """Return all of it, ready for JSON."""
        return asdict(self)


def store_info(path: str | os.PathLike[str]) -> StoreInfo:
    """Say what a store holds, without reading its arrays.

    Parameters
    ----------
    path : path-like
        Folder of the store; a run may still be filling it.

    Returns
    -------
    StoreInfo
        Shards count as finished by their size; `check_store` compares hashes.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    specs = manifest.shards()
    finished = [s for s in specs if is_finished(folder, manifest, s.file)]
    parts = {*(s.file for s in specs), manifest.corpus_file, manifest.baseline_file}
    sizes = (found.st_size for found in listing(folder).values())
    return StoreInfo(
        path=str(folder),
        state=manifest.state,
        positions=manifest.positions,
        rows=sum(len(spec) for spec in finished),
        shards=len(specs),
        finished=len(finished),
        bytes=sum(sizes),
        layer_bytes=_layer_bytes(folder, manifest),
        derived=tuple(name for name in manifest.files if name not in parts),
        rounding=manifest.rounding,
        codec=manifest.codec,
        plan=manifest.plan,
    )


def _layer_bytes(folder: Path, manifest: Manifest) -> dict[str, float]:
    """Return stored bytes a position of each layer, nothing without a shard."""
    for spec in manifest.shards():
        if is_finished(folder, manifest, spec.file):
            stored: Counter[str] = Counter()
            with opened(folder / spec.file, StoreError) as file:
                for name in dataset_names(file):
                    layer = name.removeprefix("layers/").rpartition("/")[0]
                    stored[layer] += file[name].id.get_storage_size()
            return {layer: stored[layer] / len(spec) for layer in manifest.layers}
    return {}
