"""Start, resume and extend the run that fills a store.

All of these are called under `run_lock`. Whatever moment they are interrupted at,
the folder holds whole files, and calling them again goes on from there.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from conceptlrp.errors import CorpusFileError, StoreError, check_choice
from conceptlrp.files import clear_write_errors, refuse_existing, remove_unfinished
from conceptlrp.hdf5 import clear_errors
from conceptlrp.othello import Corpus
from conceptlrp.store.baseline import Baseline
from conceptlrp.store.format import schema
from conceptlrp.store.format.integrity import FileEntry
from conceptlrp.store.format.lock import refuse_foreign
from conceptlrp.store.format.manifest import (
    RUNNING,
    Manifest,
    Part,
    entry_of,
    is_intact,
    is_store,
    read_manifest,
    write_file,
    write_manifest,
)
from conceptlrp.store.format.plan import Plan, refuse_other
from conceptlrp.store.results.kinds import is_leftover, whole_file

if TYPE_CHECKING:
    from collections.abc import Callable

# What every file of a store holds near its beginning, as the name of its table.
_OWN_MARK, _SEARCHED = b"conceptlrp", 1 << 16


def create_run(
    path: str | os.PathLike[str],
    plan: Plan,
    corpus: Corpus,
    *,
    baseline: Baseline | None = None,
    overwrite: bool = False,
    codec: str = "zstd",
) -> None:
    """Start a store: its plan, positions and baseline, without any shard."""
    folder = Path(path)
    _check_corpus(plan, corpus)
    check_choice("codec", codec, schema.CODECS)
    refuse_foreign(folder)
    if is_store(folder):
        refuse_existing(folder, overwrite=overwrite)
    _make_empty(folder)
    file, content = "corpus-0.h5", corpus.to_bytes()
    files = {file: entry_of(file, content)}
    if plan.baseline:
        files |= _write_baseline(folder, schema.FIRST_BASELINE, baseline, codec)
    manifest = Manifest(
        plan=plan,
        state=RUNNING,
        board_size=corpus.size,
        codec=codec,
        corpus_file=file,
        parts=(Part(0, len(corpus), plan.shard_size),),
        files=files,
    )
    # The manifest comes before positions, which a run has: with it, it can be resumed.
    write_manifest(folder, manifest)
    write_file(folder, file, content)


def resume_run(
    path: str | os.PathLike[str],
    plan: Plan,
    corpus: Corpus,
    baseline: Baseline | None = None,
) -> None:
    """Go on with a store, or repair one that is complete."""
    folder = Path(path)
    _check_corpus(plan, corpus)
    manifest = read_manifest(folder)
    refuse_other(folder, manifest.plan, plan)
    _remove_leftovers(folder)
    contents: dict[str | None, Callable[[], memoryview]] = {
        manifest.corpus_file: corpus.to_bytes,
        manifest.baseline_file: lambda: _baseline_bytes(baseline, manifest.codec),
    }
    for file, encode in contents.items():
        if file is None or is_intact(folder, file, manifest.files[file], verify=True):
            continue
        content = encode()
        if (entry := entry_of(file, content)) != manifest.files[file]:
            manifest = manifest.with_files({**manifest.files, file: entry})
            write_manifest(folder, manifest)
        write_file(folder, file, content)


def append_run(
    path: str | os.PathLike[str],
    plan: Plan,
    corpus: Corpus,
    baseline: Baseline | None = None,
) -> None:
    """Add positions to a complete store; its shards stay as they are.

    What was derived from the former positions, clusterings and labels included, goes.
    """
    folder = Path(path)
    _check_corpus(plan, corpus)
    manifest = read_manifest(folder)
    # Each row has a donor of its own, so with more rows there are other donors.
    is_donor = plan.baseline.get("kind") == "donor"
    changes = ("corpus.", "baseline.") if is_donor else ("corpus.",)
    refuse_other(folder, manifest.plan, plan, but=changes)
    _check_beginning(folder, manifest, corpus, baseline)
    _remove_leftovers(folder)
    file = _next_name(manifest.corpus_file)
    added = {file: write_file(folder, file, corpus.to_bytes())}
    shards = {spec.file for spec in manifest.shards()}
    kept = {n: entry for n, entry in manifest.files.items() if n in shards}
    if manifest.baseline_file is not None:
        former = manifest.baseline_file
        name = _next_name(former) if is_donor else former
        kept |= _write_baseline(folder, name, baseline, manifest.codec)
    last = manifest.parts[-1].stop
    appended = manifest.with_files(
        {**kept, **added},
        plan=plan,
        state=RUNNING,
        corpus_file=file,
        parts=(*manifest.parts, Part(last, len(corpus), plan.shard_size)),
    )
    write_manifest(folder, appended)
    remove_others(folder, appended)


def read_plan(path: str | os.PathLike[str]) -> Plan:
    """Return the plan of a store."""
    return read_manifest(Path(path)).plan


def read_corpus(path: str | os.PathLike[str]) -> Corpus:
    """Return the positions of a store in order, those of unfinished shards included."""
    return load_positions(Path(path), read_manifest(Path(path)))


def load_positions(folder: Path, manifest: Manifest) -> Corpus:
    """Read the corpus of a store and compare it with what the manifest says."""
    path = whole_file(folder, manifest, manifest.corpus_file)
    try:
        corpus = Corpus.load(path)
    except CorpusFileError as error:
        msg = f"{error}; 'conceptlrp attribute --resume' writes it again"
        raise StoreError(msg) from error
    if len(corpus) != manifest.positions:
        msg = (
            f"{path}: {len(corpus)} positions, expected {manifest.positions}; it "
            "belongs to another store"
        )
        raise StoreError(msg)
    if corpus.digest != manifest.corpus.get("digest"):
        msg = f"{path}: other positions than the store's; it belongs to another store"
        raise StoreError(msg)
    return corpus


def load_baseline(folder: Path, manifest: Manifest) -> Baseline:
    """Read the baseline of a store and compare it with what the manifest says."""
    made, file = manifest.baseline, manifest.baseline_file
    if file is None:
        return Baseline()
    path = whole_file(folder, manifest, file)
    with clear_errors(path, StoreError):
        baseline = Baseline.of_arrays(
            schema.read_arrays(path, schema.BASELINE_TABLE),
            positions=made.get("positions", 0),
            seed=made.get("seed", 0),
            size=manifest.board_size,
        )
    if baseline.digest != made.get("digest"):
        msg = f"{path}: another baseline than the store's; it belongs to another store"
        raise StoreError(msg)
    return baseline


def remove_others(folder: Path, manifest: Manifest) -> None:
    """Remove files of a store that are not in the table of its manifest.

    Somebody else's file that has such a name stays.
    """
    with clear_write_errors(folder, StoreError):
        for path in folder.iterdir():
            is_of_run = (
                schema.OWN_FILE.fullmatch(path.name) and path.name not in manifest.files
            )
            if (is_of_run and _is_own(path)) or is_leftover(path, manifest):
                path.unlink()


def _is_own(path: Path) -> bool:
    """Tell whether a file says near its beginning that it was written here."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return _OWN_MARK in file.read(_SEARCHED)


def _check_corpus(plan: Plan, corpus: Corpus) -> None:
    if len(corpus) == 0:
        msg = "there are no positions to explain"
        raise ValueError(msg)
    for name, found in (("digest", corpus.digest), ("positions", len(corpus))):
        if plan.corpus.get(name) != found:
            msg = (
                f"the plan is of a corpus whose {name} is {plan.corpus.get(name)}, "
                f"the corpus given has {found}"
            )
            raise ValueError(msg)


def _check_beginning(
    folder: Path, manifest: Manifest, corpus: Corpus, baseline: Baseline | None
) -> None:
    if not manifest.is_complete:
        msg = f"{folder}: the run is not complete; resume it before positions are added"
        raise StoreError(msg)
    n = manifest.positions
    if len(corpus) <= n or corpus[:n].digest != manifest.corpus.get("digest"):
        msg = (
            f"{folder}: the {len(corpus):,} positions do not begin with the {n:,} of "
            "the store; give its positions followed by the new ones"
        )
        raise StoreError(msg)
    first = (baseline or Baseline()).take(slice(0, n)).digest
    if first != manifest.baseline.get("digest", ""):
        msg = (
            f"{folder}: the first {n} donors are not those of the store; give its "
            "donors followed by those of the new positions"
        )
        raise StoreError(msg)


def _remove_leftovers(folder: Path) -> None:
    with clear_write_errors(folder, StoreError):
        remove_unfinished(folder)


def _next_name(file: str) -> str:
    kind, _, former = Path(file).stem.rpartition("-")
    return f"{kind}-{int(former) + 1}.h5"


def _baseline_bytes(baseline: Baseline | None, codec: str) -> memoryview:
    arrays = (baseline or Baseline()).arrays()
    return schema.encode_arrays(arrays, schema.BASELINE_TABLE, codec=codec)


def _write_baseline(
    folder: Path, name: str, baseline: Baseline | None, codec: str
) -> dict[str, FileEntry]:
    return {name: write_file(folder, name, _baseline_bytes(baseline, codec))}


def _make_empty(folder: Path) -> None:
    """Make the folder, or remove what a store has in it, the manifest last."""
    with clear_write_errors(folder, StoreError):
        folder.mkdir(parents=True, exist_ok=True)
        files = _own_files(folder)
        for path in folder.iterdir():
            if path.name in files and (path.is_symlink() or not path.is_dir()):
                path.unlink(missing_ok=True)
        remove_unfinished(folder)
        (folder / schema.MANIFEST).unlink(missing_ok=True)


def _own_files(folder: Path) -> set[str]:
    """Name what a run or its results have made in a folder, but for its manifest."""
    listed: set[str] = set()
    # Of a damaged manifest only the names that a run gives are known.
    with suppress(StoreError):
        manifest = read_manifest(folder)
        listed = set(manifest.files)
        listed |= {p.name for p in folder.iterdir() if is_leftover(p, manifest)}
    own = {p.name for p in folder.iterdir() if schema.OWN_FILE.fullmatch(p.name)}
    return (own | listed) - {schema.LOCK, schema.MANIFEST}
