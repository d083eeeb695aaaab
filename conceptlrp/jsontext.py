"""Results as JSON: the one conversion that every view, file and export uses.

Dataclasses become objects by the names of their fields, arrays nested lists, tuples
lists; what is not finite becomes null, so that the text is strict JSON.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def dumps(value: object, *, indent: bool = False) -> bytes:
    """Return a result as JSON text in UTF-8, keys in the order of the fields."""
    options = _OPTIONS | (orjson.OPT_INDENT_2 if indent else 0)
    return orjson.dumps(value, default=_plain, option=options)


def plain(value: object) -> Any:
    """Return a result as dicts, lists, text, finite numbers and None."""
    return orjson.loads(dumps(value))


class Plain:
    """A result whose fields are all that there is to write of it."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON: what is not finite is None."""
        return dict(plain(self))


def _plain(value: object) -> object:
    """Turn what orjson does not know into what it does."""
    # The command line's help should not wait for numpy.
    import numpy as np

    if isinstance(value, np.ndarray):
        # Arrays that are not contiguous, or of text.
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, os.PathLike):
        return str(Path(value))
    if isinstance(value, set | frozenset):
        return sorted(value)
    msg = f"{type(value).__name__} cannot be written as JSON"
    raise TypeError(msg)
