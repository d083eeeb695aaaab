"""Progress bars for the command line."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

OnProgress = Callable[[str, int, int], None]


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
    """Show a bar with rate and time left for every stage, on stderr.

    Where stderr is no terminal, nothing is shown.

    Yields: To be called with a stage, its units done and its units in all.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(per_minute=per_minute),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    errors = Console(stderr=True)
    with Progress(*columns, console=errors, disable=not errors.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield report
