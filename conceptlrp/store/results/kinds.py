"""The kinds of results that a store can be given, and the verbs that make them.

To add a kind, write a frozen dataclass with the fields that `about` names, and a line
in the table below. Nothing of the rooms is imported before a result is read.
"""

import re
import shlex
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, Final, Literal


@dataclass(frozen=True)
class Kind:
    """A kind of result.

    Attributes
    ----------
    name : str
        Names the files.
    home : str
        The frozen dataclass, as "package.module:Class".
    about : tuple of "target", "layer" and "name"
        The fields that tell results of this kind apart.
    version : int
        Of the dataclass: results of another version are refused.
    verb : str
        What makes it on the command line.
    former : str
        Pattern of the files that held such results before there were kinds.
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
        version=2,
        verb="label",
        former=r"label-scores-.+\.h5",
    ),
    Kind(
        "interchange",
        "conceptlrp.labelling:Interchange",
        ("target",),
        version=1,
        verb="interchange",
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
)

#: Every kind by its name.
KINDS: Final[dict[str, Kind]] = {kind.name: kind for kind in _TABLE}


def register(kind: Kind) -> None:
    """Let stores hold results of another kind, for as long as the process runs."""
    KINDS[kind.name] = kind


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
