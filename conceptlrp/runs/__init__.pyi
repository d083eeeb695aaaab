from .distributed import (
    Distributed as Distributed,
)
from .driver import (
    attribute_corpus as attribute_corpus,
)
from .executors import (
    InProcess as InProcess,
)
from .processes import (
    Processes as Processes,
)
from .stripes import (
    merge_run as merge_run,
)
from .watch import (
    RunInterrupted as RunInterrupted,
)

__all__ = [
    "Distributed",
    "InProcess",
    "Processes",
    "RunInterrupted",
    "attribute_corpus",
    "merge_run",
]
