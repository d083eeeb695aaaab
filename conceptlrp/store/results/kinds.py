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
from conceptlrp.store.format.manifest import Manifest, write_file, write_manifest
from conceptlrp.store.format.schema import COLUMNS_KIND, FORMER_COLUMNS, LOCK, MANIFEST


@dataclass(frozen=True)
class Kind:
    """A kind of result.

    `home` is its frozen dataclass, as "package.module:Class", and `about` the fields
    that tell results of this kind apart. Results of another `version` are refused.
    `verb` makes one on the command line. `former` is the pattern of the files that held
    such results before there were kinds.
    """

    name: str
    home: str
    about: tuple[Literal["target", "layer", "name"], ...]
    version: int
    verb: str
    former: str = r"(?!)"

    @cached_property
    def result(self) -> type[Any]:
        """The dataclass, imported when it is first asked for."""
        module, _, name = self.home.partition(":")
        found: type[Any] = getattr(import_module(module), name)
        return found

    def is_of(self, result: type[Any]) -> bool:
        """Tell whether a class is the dataclass of this kind, without importing it."""
        module, _, name = self.home.partition(":")
        inside = f"{result.__module__}.".startswith(f"{module}.")
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
        "conceptlrp.clustering:Clustering",
        ("target", "layer"),
        version=1,
        verb="cluster",
        former=r"(clusters|stability)-.+\.h5",
    ),
    Kind(
        "labels",
        "conceptlrp.labelling:ScoredLabels",
        ("target",),
        version=5,
        verb="label",
        former=r"label-scores-.+\.h5",
    ),
    Kind(
        "interchange",
        "conceptlrp.labelling:Interchange",
        ("target",),
        version=3,
        verb="interchange",
    ),
    Kind(
        "edits",
        "conceptlrp.labelling:EditedBoards",
        ("target",),
        version=2,
        verb="edits",
    ),
    Kind(
        "ablation",
        "conceptlrp.ablation:Ablation",
        ("target",),
        version=1,
        verb="ablate",
        former=r"effects-.+\.h5",
    ),
    Kind(
        "graph",
        "conceptlrp.concept_graph:MeanConceptGraph",
        (),
        version=1,
        verb="graph",
        former=r"concept-graph\.h5",
    ),
    Kind(
        "circuit",
        "conceptlrp.concept_graph:Circuit",
        ("target", "name"),
        version=1,
        verb="circuit",
    ),
    Kind(
        "evaluation",
        "conceptlrp.evaluation:CompositeEvaluation",
        (),
        version=2,
        verb="evaluate",
        former=r"evaluation\.json",
    ),
    Kind(
        "rules-truth", "conceptlrp.evaluation:RulesTruth", (), version=1, verb="truth"
    ),
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


def former_kind(file: str) -> Kind | None:
    """Find the kind of result that a file held before there were kinds."""
    for kind in KINDS.values():
        if re.fullmatch(kind.former, file):
            return kind
    return None


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
    former = FORMER_COLUMNS if FORMER_COLUMNS in manifest.files else None
    return listed(manifest, COLUMNS_ABOUT) or former


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
    replaced = {
        other
        for other, former in manifest.files.items()
        if former.about == about or _is_former(other, former, about["kind"])
    }
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


def is_added(name: str, entry: FileEntry) -> bool:
    """Tell a file that was given to a store later from one that its run has made."""
    return bool(entry.about) or name == FORMER_COLUMNS or former_kind(name) is not None


def remedy(folder: Path, name: str, entry: FileEntry | None = None) -> str:
    """Say what makes a damaged file of a store anew."""
    about = dict(entry.about) if entry else {}
    kind = KINDS.get(about.get("kind", "")) or former_kind(name)
    if kind is not None:
        about.pop("kind", None)
        return f"run '{kind.command(str(folder), **about, overwrite=True)}'"
    if about or name == FORMER_COLUMNS:
        return "add its columns anew with overwrite, as 'conceptlrp label' does"
    return "'conceptlrp attribute --resume' computes it again"


def whole_file(folder: Path, manifest: Manifest, name: str) -> Path:
    """Return the path of a listed file, or say how it is damaged, and the remedy."""
    path, entry = folder / name, manifest.files[name]
    if problem := damage(path, entry, again=False):
        msg = f"{path}: {problem}; {remedy(folder, name, entry)}"
        raise StoreError(msg)
    return path


def _is_former(name: str, entry: FileEntry, kind: str) -> bool:
    """Tell a file of this kind that was written before there were kinds."""
    if entry.about:
        return False
    if kind == COLUMNS_KIND:
        return name == FORMER_COLUMNS
    former = former_kind(name)
    return former is not None and former.name == kind
