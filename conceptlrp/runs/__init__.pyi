from .driver import (
    attribute_corpus as attribute_corpus,
)
from .executors import (
    RunInterrupted as RunInterrupted,
)
from .options import (
    KeepOptions as KeepOptions,
    RunOptions as RunOptions,
)
from .stripes import (
    merge_run as merge_run,
)

__all__ = [
    "KeepOptions",
    "RunInterrupted",
    "RunOptions",
    "attribute_corpus",
    "merge_run",
]
