"""Progress of long work: bars in a terminal, now and then a line elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

#: Called with a stage, how many of its units are done, and how many there are.
OnProgress = Callable[[str, int, int], None]

# Seconds between lines where there is no terminal.
_PAUSE = 10.0


class _Rate(ProgressColumn):
    """Units a second, or a minute, since the stage began."""

    def __init__(self, *, per_minute: bool = False) -> None:
        super().__init__()
        self._factor, self._unit = (60, "min") if per_minute else (1, "s")

    def render(self, task: Task) -> Text:
        """Return the rate as text."""
        speed = task.finished_speed or task.speed
        rate = "" if speed is None else f"{speed * self._factor:,.0f}/{self._unit}"
        return Text(rate, style="progress.data")


@contextmanager
def progress_bars(*, per_minute: bool = False) -> Iterator[OnProgress]:
    """Show progress on stderr: bars with rate and time left, or plain lines.

    Where stderr is no terminal, a stage has at most one line in ten seconds.

    Yields: what long work calls with its progress.
    """
    errors = Console(stderr=True)
    if not errors.is_terminal:
        yield _lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(per_minute=per_minute),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors) as bars:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield report


def _lines() -> OnProgress:
    """Make what writes a line on stderr from time to time, with the time left."""
    begun = time.monotonic()
    first: dict[str, tuple[float, int]] = {}
    said: dict[str, float] = {}

    def report(stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        # What a resumed run finds done says nothing of how fast it is.
        since, before = first.setdefault(stage, (now, done))
        if now - said.get(stage, begun) < _PAUSE:
            return
        said[stage] = now
        line = f"{stage}: {done:,} of {total:,} in {duration(now - begun)}"
        if done > before:
            left = (total - done) * (now - since) / (done - before)
            line += f", {duration(left)} left"
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    return report


def duration(seconds: float) -> str:
    """Say how long something takes.

    >>> duration(59), duration(150), duration(7300)
    ('59 s', '2 min 30 s', '2 h 2 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
