"""Ctrl-C that waits until nothing is half done."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """Whether Ctrl-C was pressed while it was held back."""

    def __init__(self) -> None:
        self.pressed = False

    def note(self, number: int, frame: FrameType | None) -> None:
        """Receive a signal: wait at the first one, stop at once at the second."""
        if self.pressed:
            signal.default_int_handler(number, frame)
        self.pressed = True


@contextmanager
def held_back() -> Iterator[Interrupts]:
    """Hold Ctrl-C back; whoever asked must look at `Interrupts.pressed`.

    Outside the main thread, which alone receives signals, nothing changes.

    Yields
    ------
    Interrupts
        Whether it was pressed.
    """
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    before = signal.signal(signal.SIGINT, interrupts.note)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)
