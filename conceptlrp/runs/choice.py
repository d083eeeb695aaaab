"""Which executor computes a run, by what the user asked for."""

from typing import TYPE_CHECKING

from conceptlrp.runs.distributed import Distributed
from conceptlrp.runs.executors import Executor, InProcess
from conceptlrp.runs.processes import Processes

if TYPE_CHECKING:
    from distributed import Client


def choose_executor(
    workers: int | None,
    scheduler: "str | Client | None",
    stripe: tuple[int, int] | None = None,
) -> Executor:
    """Return an executor."""
    if sum(choice is not None for choice in (workers, scheduler, stripe)) > 1:
        msg = "positions are explained by workers, a scheduler or stripes; choose one"
        raise ValueError(msg)
    if scheduler is not None:
        return Distributed(scheduler)
    return InProcess() if workers is None else Processes(workers)
