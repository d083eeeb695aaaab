"""Results as JSON: the one conversion that every view, file and export uses.

Dataclasses become objects by the names of their fields, arrays nested lists, tuples
lists; what is not finite becomes null, so that the text is strict JSON.
"""

import json
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


def loads(text: str | bytes) -> Any:
    """Read JSON; whatever is wrong with it is a ValueError that says so briefly."""
    try:
        return json.loads(text)
    except RecursionError as error:
        msg = "too many brackets stand in each other"
        raise ValueError(msg) from error
    except UnicodeDecodeError as error:
        # The error itself has all of the text in it.
        msg = f"byte {error.start} is no text in UTF-8"
        raise ValueError(msg) from None


def read(path: Path, *, largest: int = 1 << 24) -> dict[str, Any]:
    """Read an object from a file of so many bytes at most."""
    with path.open("rb") as file:
        text = file.read(largest + 1)
    if len(text) > largest:
        msg = f"has more than {largest:,} bytes"
        raise ValueError(msg)
    found = loads(text)
    if not isinstance(found, dict):
        msg = "is no JSON object"
        raise ValueError(msg)  # noqa: TRY004
    return found


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
