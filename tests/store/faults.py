"""Calls of the operating system that fail, or at which the process is killed.

A `System` stands between the library and the calls that change a folder. It counts
them, and at one of them it does what a test asks for: the process dies before it,
after it or in the midst of it, or the call reports an error, or takes half of what
it is given. A process that has died makes no further call, so nothing is tidied up.
"""

import errno
import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conceptlrp import staging
from conceptlrp.errors import OutputExistsError, StoreError
from conceptlrp.othello import Corpus
from conceptlrp.store import Plan
from conceptlrp.store.baseline import ZERO, Baseline
from conceptlrp.store.format.lock import run_lock
from conceptlrp.store.format.manifest import is_store
from conceptlrp.store.writing.finish import finish_run
from conceptlrp.store.writing.shard_writer import pending, write_shard
from conceptlrp.store.writing.writer import (
    append_run,
    create_run,
    read_plan,
    resume_run,
)
from tests.store.conftest import planted_corpus

#: What changes a folder, in the module `os` that pathlib calls too.
CALLS = (
    *("open", "write", "fsync", "replace", "rename", "unlink", "mkdir", "rmdir"),
    *("link", "exchange"),
)


class Killed(BaseException):
    """The process is dead: no handler of errors sees this."""


@dataclass
class System:
    """Counts calls and lets one of them fail.

    Attributes
    ----------
    fault : str
        "before", "after" or "within" for a process that dies there; "error" for a
        call that reports `code`; "half" for writes that take half of their bytes.
    at : int
        Which call it is, from 0; none when it is negative.
    code : int
        Number of the error.
    only : tuple of str
        Names of the calls that count.
    lacks : str
        What the file system cannot do: "links", waiting for "folders", or "exchange".
    """

    fault: str = "before"
    at: int = -1
    code: int = 0
    only: tuple[str, ...] = CALLS
    calls: int = 0
    is_dead: bool = False
    lacks: str = ""

    @contextmanager
    def running(self) -> Iterator["System"]:
        """Let the library run on this system."""
        with pytest.MonkeyPatch.context() as patch:
            for name in CALLS[:-1]:
                call = self._standing_for(name, getattr(os, name))
                patch.setattr(os, name, call)
            call = self._standing_for("exchange", staging.exchange)
            patch.setattr(staging, "exchange", call)
            # What pathlib and zip files write is opened by this one.
            patch.setattr(io, "open", self._opening(io.open))
            yield self

    def _opening(self, real: Callable[..., Any]) -> Callable[..., Any]:
        counted = self._standing_for("open", real)

        def call(file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
            is_read = isinstance(file, int) or not set(mode) & set("wax+")
            return (real if is_read else counted)(file, mode, *args, **options)

        return call

    def _standing_for(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            if self.is_dead:
                raise Killed
            self._refuse_lacking(name, args)
            number, self.calls = self.calls, self.calls + (name in self.only)
            if (self.lacks, name) == ("exchange", "exchange"):
                return False
            if self.fault == "half" and name == "write":
                return real(args[0], args[1][: (len(args[1]) + 1) // 2])
            if name not in self.only or number != self.at:
                return real(*args, **options)
            return self._fail(name, real, *args, **options)

        return call

    def _refuse_lacking(self, name: str, args: tuple[Any, ...]) -> None:
        if (self.lacks, name) == ("links", "link"):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        is_folder = name == "fsync" and stat.S_ISDIR(os.fstat(args[0]).st_mode)
        if self.lacks == "folders" and is_folder:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    def _fail(
        self, name: str, real: Callable[..., Any], *args: Any, **options: Any
    ) -> Any:
        if self.fault == "error" and name == "exchange":
            return False
        if self.fault == "error":
            path = args[0] if isinstance(args[0], str | os.PathLike) else None
            raise OSError(self.code, os.strerror(self.code), path)
        if self.fault == "after":
            real(*args, **options)
        if self.fault == "within" and name == "write":
            real(args[0], args[1][: len(args[1]) // 2])
        self.is_dead = True
        raise Killed


@dataclass(frozen=True)
class SmallRun:
    """A run so small that it can be repeated for every call it makes."""

    corpus: Corpus
    shard_size: int = 2
    baseline: Baseline = ZERO

    @classmethod
    def of(cls, positions: int, *, donors: bool = False) -> "SmallRun":
        """Return a run over so many positions, plain or with a donor each."""
        corpus = planted_corpus()
        others = Baseline("donor", donors=corpus[10 : 10 + positions])
        return cls(corpus[:positions], baseline=others if donors else ZERO)

    @property
    def plan(self) -> Plan:
        """What it computes: two channels of one layer."""
        return Plan(
            network={"digest": "5f1c"},
            corpus={"digest": self.corpus.digest, "positions": len(self.corpus)},
            composite={"name": "none"},
            targets=("value",),
            layers={"conv1": {"channels": 2, "height": 8, "width": 8}},
            baseline={} if self.baseline == ZERO else self.baseline.to_dict(),
            shard_size=self.shard_size,
        )

    def go_on(self, path: Path) -> None:
        """Do what a driver does: begin, or go on, or append, and finish."""
        with run_lock(path):
            if not is_store(path):
                create_run(path, self.plan, self.corpus, baseline=self.baseline)
            elif read_plan(path).corpus["digest"] == self.corpus.digest:
                resume_run(path, self.plan, self.corpus, self.baseline)
            else:
                append_run(path, self.plan, self.corpus, self.baseline)
            for spec in pending(path, verify=True):
                write_shard(path, spec, self.arrays(spec.start, spec.stop))
            finish_run(path)

    def arrays(self, start: int, stop: int) -> dict[str, np.ndarray]:
        """Return what a shard holds; each row depends on its position alone."""
        rows = np.arange(start, stop, dtype=np.float32)
        ones = np.ones((len(rows), 1, 2), np.float32)
        square = np.zeros((len(rows), 1), np.int8)
        return {
            "outputs/logits": rows[:, None] * np.ones(65, np.float32),
            "outputs/value": rows,
            "targets/square": square,
            "targets/explained": rows[:, None],
            "targets/heatmap": np.ones((len(rows), 1, 8, 8), np.float32),
            "layers/conv1/relevance": rows[:, None, None] * ones,
            "layers/conv1/norm": 2 * rows[:, None],
            "layers/conv1/activation": rows[:, None] * ones[:, 0],
            "layers/conv1/peak": ones[:, 0],
            "layers/conv1/peak_square": np.zeros((len(rows), 2), np.int8),
        }


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file of a folder, nothing when there is none."""
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return {path.name: path.read_bytes() for path in found}


def versions(run: SmallRun, begin: Path) -> dict[str, set[bytes]]:
    """Return every content that a file has between the calls of an undisturbed run."""
    seen: dict[str, set[bytes]] = {}

    class Watching(System):
        def _standing_for(
            self,
            name: str,  # noqa: ARG002
            real: Callable[..., Any],
        ) -> Callable[..., Any]:
            def call(*args: Any, **options: Any) -> Any:
                found = real(*args, **options)
                for file, content in contents(begin).items():
                    seen.setdefault(file, set()).add(content)
                return found

            return call

    with Watching().running():
        run.go_on(begin)
    return seen


def assert_none_is_torn(folder: Path, allowed: dict[str, set[bytes]]) -> None:
    """Assert that every file under a name of its own is one that a run writes."""
    for name, content in contents(folder).items():
        if not name.startswith(".") and name != "lock":
            assert content in allowed.get(name, set()), f"{name} is torn"


@contextmanager
def another_process() -> Iterator[None]:
    """Let this process have begun later, so that the one before it is gone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("conceptlrp.processes._start", lambda _: "later")
        yield


def failures(
    fault: str,
    *,
    code: int = 0,
    only: tuple[str, ...] = CALLS,
    step: int = 1,
    lacks: str = "",
) -> Iterator[System]:
    """Yield systems that fail at one call after the other, until none is left.

    The caller runs something on each; the first that is not reached is the last.
    """
    for at in count(0, step):
        system = System(fault, at, code, only, lacks=lacks)
        yield system
        if system.calls <= at:
            return


def refused(run: SmallRun, path: Path, system: System) -> str:
    """Run on a system that reports an error; return the message, if any."""
    try:
        with system.running():
            run.go_on(path)
    except (StoreError, OutputExistsError) as error:
        return str(error)
    return ""
