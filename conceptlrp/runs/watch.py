"""Watching over a run: how far it is, and whether it shall stop.

Ctrl-C and SIGTERM set a flag that is looked at between batches. An exception
raised from a signal handler could come up anywhere: inside of HDF5 it is lost,
and between two steps of a write it leaves half of them.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass(frozen=True)
class Progress:
    """How far a run is: `done` of `total` units of a stage.

    Attributes
    ----------
    stage : str
        "positions", then "reference tables" and "reference heatmaps".
    done, total : int
        Units of the stage.
    """

    stage: str
    done: int
    total: int


OnProgress = Callable[[Progress], None]


class RunInterrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM came; what was finished is kept, and the message says how."""


class Watch:
    """Counts what is done and stops whoever computes when that is asked for."""

    def __init__(self, report: OnProgress | None = None) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._stage = Progress("", 0, 0)
        self._stopping = threading.Event()

    def begin(self, stage: str, total: int, *, done: int = 0) -> None:
        """Begin a stage of so many units, some of which may be done already."""
        self._stage = Progress(stage, done, total)

    def advance(self, units: int) -> None:
        """Count units that are done; raise if the run shall stop."""
        self.check()
        with self._lock:
            stage = self._stage
            self._stage = Progress(stage.stage, stage.done + units, stage.total)
            if self._report is not None:
                self._report(self._stage)

    def check(self) -> None:
        """Raise `RunInterrupted` if the run shall stop."""
        if self._stopping.is_set():
            raise RunInterrupted

    def stop(self) -> None:
        """Let whoever computes stop at its next step."""
        self._stopping.set()

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Let Ctrl-C and SIGTERM stop the run meanwhile; a second one is at once.

        Outside of the main thread, or where a program handles a signal in its own
        way, everything stays as it is.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        usual = {signal.SIG_DFL, signal.default_int_handler}
        before = {
            number: signal.getsignal(number)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            for number, handler in before.items():
                if handler in usual:
                    signal.signal(number, self._on_signal)
            yield
        finally:
            for number, handler in before.items():
                if handler in usual:
                    signal.signal(number, handler)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._stopping.is_set():
            raise RunInterrupted
        self.stop()
