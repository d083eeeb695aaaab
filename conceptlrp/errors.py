"""Exceptions that conceptlrp raises, one tree under `ConceptLRPError`.

    ConceptLRPError
    ├── NotationError (ValueError)      text that is no square, transcript or position
    ├── IllegalMoveError (ValueError)   a move that the rules do not allow
    ├── FileFormatError (ValueError)    a file that is not what it should be
    │   ├── GameFileError               a game file (WTHOR, transcripts)
    │   ├── CorpusFileError             a corpus in HDF5
    │   ├── CheckpointError             a network's weights
    │   └── StoreError                  a relevance store
    ├── OutputExistsError (FileExistsError)   something stands at the output path
    ├── NetworkError (ValueError)       a network that cannot be explained
    ├── CompositeError (ValueError)     an unknown composite or an unsuitable rule
    ├── LayerError (ValueError)         a layer or channel that the network lacks
    ├── TargetError (ValueError)        an output that cannot be a target
    ├── ClusteringError (ValueError)    positions that cannot be clustered
    ├── RunError (RuntimeError)         a run over a corpus that could not be finished
    ├── TrainingError (ValueError)      a training that cannot go on
    └── EngineError (RuntimeError)      a game engine that fails or breaks the rules

Messages are lower case, without a full stop: what was found, what was
expected, what to do. The command line prints one as a single line.
"""

from collections.abc import Collection, Iterable
from types import UnionType


def check_type(
    value: object, kind: type | UnionType, subject: str, expected: str
) -> None:
    """Refuse an argument of another type by a sentence that says what it is."""
    if not isinstance(value, kind):
        msg = f"{subject} is {type(value).__name__}, expected {expected}"
        raise TypeError(msg)


def check_names(given: str | Iterable[str], subject: str, each: str) -> list[str]:
    """Return names as a list: one name alone as a list of one."""
    names = [given] if isinstance(given, str) else given
    check_type(names, Iterable, subject, f"the name of {each} or a list of names")
    found = list(names)
    for name in found:
        check_type(name, str, f"one of {subject}", f"the name of {each}")
    return found


def check_known(
    what: str, value: str, known: Collection[str], error: type[Exception] = ValueError
) -> None:
    """Refuse a name that is none of those that an argument takes."""
    if value not in known:
        msg = f"unknown {what} '{value}', expected one of {', '.join(known)}"
        raise error(msg)


def check_choice(name: str, value: str, known: Collection[str]) -> None:
    """Refuse the value of an argument that is none of those it takes."""
    if value not in known:
        msg = f"{name} is {value!r}, expected one of {', '.join(known)}"
        raise ValueError(msg)


def check_least(name: str, value: float, least: int = 1) -> None:
    """Refuse a number that is too small."""
    if value < least:
        msg = f"{name} is {value}, expected at least {least}"
        raise ValueError(msg)


class ConceptLRPError(Exception):
    """Base of every exception that conceptlrp raises on purpose."""


class NotationError(ConceptLRPError, ValueError):
    """Text that is no square, transcript or position."""


class IllegalMoveError(ConceptLRPError, ValueError):
    """A move that the rules of Othello do not allow in the position."""


class FileFormatError(ConceptLRPError, ValueError):
    """A file that is not what it was said to be, or is damaged."""


class GameFileError(FileFormatError):
    """A game file that cannot be read."""


class CorpusFileError(FileFormatError):
    """A corpus file that cannot be read."""


class CheckpointError(FileFormatError):
    """A file of network weights that cannot be loaded."""


class StoreError(FileFormatError):
    """A relevance store that cannot be read or written."""


class OutputExistsError(ConceptLRPError, FileExistsError):
    """Something already stands at the path where output should go."""


class NetworkError(ConceptLRPError, ValueError):
    """A network that cannot be explained."""


class CompositeError(ConceptLRPError, ValueError):
    """An unknown composite, or a rule that does not suit the network."""


class LayerError(ConceptLRPError, ValueError):
    """A layer or channel that the network does not have."""


class TargetError(ConceptLRPError, ValueError):
    """An output that cannot be explained at a position."""


class ClusteringError(ConceptLRPError, ValueError):
    """Positions that cannot be clustered."""


class SameRelevanceError(ClusteringError):
    """Positions that all have the same relevance."""


class RunError(ConceptLRPError, RuntimeError):
    """A run over a corpus that could not be finished; what was done is kept."""


class TrainingError(ConceptLRPError, ValueError):
    """A training that cannot go on: its loss is nan, or it was begun otherwise."""


class EngineError(ConceptLRPError, RuntimeError):
    """A game engine that cannot be started, ends, hangs, or breaks the rules."""
