from .driver import (
    attribute_corpus as attribute_corpus,
    merge_run as merge_run,
)
from .executors import (
    RunInterrupted as RunInterrupted,
)
from .options import (
    KeepOptions as KeepOptions,
    RunOptions as RunOptions,
)

__all__ = [
    "KeepOptions",
    "RunInterrupted",
    "RunOptions",
    "attribute_corpus",
    "merge_run",
]
