"""The kinds of results that a store can be given, and the files that they lie in.

To add a kind, write a frozen dataclass with the fields that `about` names, and a line
in the table below. Nothing of the rooms is imported before a result is read.

A file is named after what it is about and the hash of its content, so another content
has another name. Its successor is written beside it, then the manifest is replaced by
one that names the new file, then the old file goes. Whatever moment a process dies at,
the manifest names one of them, and that one is whole. What is left over bears its own
hash in its name and goes with the next file that is saved.
"""

import hashlib
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal

from conceptlrp.errors import StoreError
from conceptlrp.files import clear_write_errors, file_digest, file_stem, unfinished_name
from conceptlrp.store.format.integrity import FileEntry, damage
from conceptlrp.store.format.manifest import (
    Manifest,
    read_manifest,
    write_file,
    write_manifest,
)
from conceptlrp.store.format.schema import COLUMNS_KIND, LOCK, MANIFEST


@dataclass(frozen=True)
class Kind:
    """A kind of result.

    `home` is its frozen dataclass, as "room:Class", and `about` the fields
    that tell results of this kind apart. Results of another `version` are refused.
    `verb` makes one on the command line.
    """

    name: str
    home: str
    about: tuple[Literal["target", "layer", "name"], ...]
    version: int
    verb: str

    @cached_property
    def result(self) -> type[Any]:
        """The dataclass, imported when it is first asked for."""
        module, _, name = self.home.partition(":")
        found: type[Any] = getattr(import_module(f"conceptlrp.{module}"), name)
        return found

    def is_of(self, result: type[Any]) -> bool:
        """Tell whether a class is the dataclass of this kind, without importing it."""
        module, _, name = self.home.partition(":")
        inside = f"{result.__module__}.".startswith(f"conceptlrp.{module}.")
        return inside and result.__qualname__ == name

    def command(
        self,
        store: str,
        *,
        target: str = "",
        layer: str = "",
        name: str = "",
        overwrite: bool = False,
    ) -> str:
        """Return the command line that makes a result of this kind."""
        words = ["conceptlrp", self.verb, store]
        words += ["--layer", layer] if layer else []
        words += ["--target", target] if target else []
        words += _selecting(name) if name else []
        words += ["--overwrite"] if overwrite else []
        return shlex.join(words)


def _selecting(name: str) -> list[str]:
    """Return the options that select what has a name such as "move=d3; each"."""
    words = []
    for part in name.split("; "):
        option, _, value = part.partition("=")
        if value:
            words += [f"--{option}", value]
        else:
            words += ["--each"] if part == "each" else ["--name", part]
    return words


_TABLE: Final = (
    Kind(
        "clustering",
        "clustering:Clustering",
        ("target", "layer"),
        version=1,
        verb="cluster",
    ),
    Kind("labels", "labelling:ScoredLabels", ("target",), version=5, verb="label"),
    Kind(
        "interchange",
        "labelling:Interchange",
        ("target",),
        version=3,
        verb="interchange",
    ),
    Kind("edits", "labelling:EditedBoards", ("target",), version=2, verb="edits"),
    Kind("ablation", "ablation:Ablation", ("target",), version=1, verb="ablate"),
    Kind("graph", "concept_graph:MeanConceptGraph", (), version=1, verb="graph"),
    Kind(
        "circuit",
        "concept_graph:Circuit",
        ("target", "name"),
        version=1,
        verb="circuit",
    ),
    Kind(
        "evaluation", "evaluation:CompositeEvaluation", (), version=2, verb="evaluate"
    ),
    Kind("rules-truth", "evaluation:RulesTruth", (), version=1, verb="truth"),
)

#: Every kind by its name.
KINDS: Final[dict[str, Kind]] = {kind.name: kind for kind in _TABLE}


def kind_of(result: type[Any]) -> Kind:
    """Find the kind whose dataclass this is."""
    for kind in KINDS.values():
        if kind.is_of(result):
            return kind
    known = ", ".join(kind.home.partition(":")[2] for kind in KINDS.values())
    msg = f"{result.__name__} is no result of a store, expected one of {known}"
    raise TypeError(msg)


About = Mapping[str, str]
#: What the file of added columns is about.
COLUMNS_ABOUT = {"kind": COLUMNS_KIND}
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*-([0-9a-f]{8})\.h5")


def listed(manifest: Manifest, about: About) -> str | None:
    """Return the name of the file that is about something, None where there is none."""
    for name, entry in manifest.files.items():
        if entry.about == about:
            return name
    return None


def columns_file(manifest: Manifest) -> str | None:
    """Return the name of the file of added columns, None where there is none."""
    return listed(manifest, COLUMNS_ABOUT)


def added_name(about: About, content: bytes | memoryview) -> str:
    """Name a file after what it is about and what it holds."""
    keys = ("kind", "target", "layer", "name")
    parts = [file_stem(about[key]) for key in keys if about.get(key)]
    return f"{'-'.join(parts)}-{hashlib.sha256(content).hexdigest()[:8]}.h5"


def replace_listed(
    folder: Path, manifest: Manifest, about: About, content: bytes | memoryview
) -> Manifest:
    """Write a file in the place of what is about the same; return the manifest."""
    name = added_name(about, content)
    entry = write_file(folder, name, content)
    replaced = {n for n, entry in manifest.files.items() if entry.about == about}
    files = {n: e for n, e in manifest.files.items() if n not in replaced}
    files[name] = replace(entry, about=dict(about))
    done = manifest.with_files(files)
    write_manifest(folder, done)
    with clear_write_errors(folder, StoreError):
        for path in sorted(folder.iterdir()):
            if path.name in replaced - {name} or is_leftover(path, done):
                path.unlink(missing_ok=True)
    return done


def is_leftover(path: Path, manifest: Manifest) -> bool:
    """Tell what a process left behind that died while it replaced a file."""
    if path.name in manifest.files or path.is_symlink() or not path.is_file():
        return False
    if (whole := unfinished_name(path.name)) is not None:
        return whole in (LOCK, MANIFEST) or _NAME.fullmatch(whole) is not None
    named = _NAME.fullmatch(path.name)
    try:
        return named is not None and file_digest(path).startswith(named[1])
    except FileNotFoundError:
        return False


def remedy(folder: Path, entry: FileEntry | None = None) -> str:
    """Say what makes a damaged file of a store anew."""
    about = dict(entry.about) if entry else {}
    kind = KINDS.get(about.get("kind", ""))
    if kind is not None:
        about.pop("kind", None)
        return f"run '{kind.command(str(folder), **about, overwrite=True)}'"
    if about:
        return (
            f"run 'conceptlrp label {folder} --no-scores --overwrite', and add columns "
            "of your own anew"
        )
    return "'conceptlrp attribute --resume' computes it again"


def whole_file(folder: Path, manifest: Manifest, name: str) -> Path:
    """Return the path of a listed file, or say how it is damaged, and the remedy."""
    path, entry = folder / name, manifest.files[name]
    if problem := damage(path, entry, again=False):
        msg = f"{path}: {problem}; {remedy(folder, entry)}"
        if read_manifest(folder).plan.fingerprint != manifest.plan.fingerprint:
            msg = f"{path}: another run has replaced it; open the store again"
        raise StoreError(msg)
    return path
