"""Results as HDF5 files: one walk along the type hints of their dataclasses.

Arrays become datasets under the names of their fields, dataclasses and mappings that
hold arrays become groups. Everything else is JSON in the dataset `fields.json`, which
has the whole result in the order of its fields: "array" stands for what is a dataset,
null for None, and NaN and Infinity for what they are. Names of groups are keys with
"/", "%" and NUL as in URLs. The same result gives the same bytes.

A file may be of any origin: nothing is read before its size and type agree with the
hints, and every failure is a `StoreError`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from types import UnionType
from typing import (
    Annotated,
    Any,
    Final,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import h5py
import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import ConceptLRPError, StoreError
from conceptlrp.hdf5 import (
    HDF5_FORMAT,
    add_dataset,
    dataset,
    opened,
    set_text_attributes,
    text_attribute,
)
from conceptlrp.jsontext import loads

R = TypeVar("R")

#: Name of the dataset that holds all but the arrays.
FIELDS: Final = "fields.json"
_ARRAY: Final = "array"
_ABSTRACT: Final = (Any, np.generic, np.number, np.integer, np.floating)
_MOST_TEXT: Final = 1 << 28
# A channel without any effect packs to next to nothing.
_BEST_RATIO: Final = 4096
_PACKING: Final[dict[str, Any]] = {"compression": "gzip", "fletcher32": True}


@dataclass(frozen=True)
class Shape:
    """Says in `Annotated` which shape an array has, or how long a tuple is.

    `letters` has one for each axis; the same letter is the same length in the whole
    result, but for what lies under different layers. An axis with "?" may lack. C
    channels (D of the layer below), T targets and S squares of a side are those of the
    store. `kept` is the type in which the numbers are stored where it is another than
    the field's.
    """

    letters: str
    kept: type[Any] | None = None


@dataclass(frozen=True)
class Sizes:
    """Lengths of axes that are known: those by letter, and channels by layer."""

    known: dict[str, int] = field(default_factory=dict)
    channels: Mapping[str, int] = field(default_factory=dict)

    def under(self, key: Any) -> "Sizes":
        """Return the lengths that hold for what lies under a layer or two."""
        layers = key if isinstance(key, tuple) else (key,)
        of_layers = {
            letter: self.channels[layer]
            for letter, layer in zip("CD", layers, strict=False)
            if layer in self.channels
        }
        return Sizes({**self.known, **of_layers}, self.channels)

    def check(self, shape: Shape | None, found: tuple[int, ...], place: str) -> None:
        """Refuse another shape than letters say, and learn from the right one."""
        if shape is None:
            return
        letters = shape.letters.split()
        needed = sum(not letter.endswith("?") for letter in letters)
        fits = needed <= len(found) <= len(letters)
        for letter, length in zip(letters, found, strict=False):
            known = int(letter) if letter.isdigit() else None
            if known is None:
                known = self.known.setdefault(letter.rstrip("?"), length)
            fits = fits and known == length
        if not fits:
            named = ((letter, letter.rstrip("?")) for letter in letters)
            expected = ", ".join(
                f"{letter} = {self.known[bare]}" if bare in self.known else letter
                for letter, bare in named
            )
            msg = f"'{place}' has the shape {found}, expected ({expected})"
            raise StoreError(msg)


def encode(result: Any, header: Mapping[str, str], sizes: Sizes) -> bytes:
    """Return the content of the file of a result; `header` becomes attributes."""
    # HDF5 crashes when the disk is full, so it only ever writes to memory.
    content = BytesIO()
    with h5py.File(content, "w", libver=HDF5_FORMAT) as file:
        set_text_attributes(file, dict(header))
        plain = _put(file, "", type(result), result, sizes)
        text = json.dumps(plain, ensure_ascii=False, default=_plain)
        _add(file, FIELDS, np.frombuffer(text.encode(), np.uint8))
    return content.getvalue()


def decode(path: Path, result: type[R], sizes: Sizes) -> R:
    """Read the file of a result."""
    with opened(path, StoreError) as file:
        try:
            found: R = _take(file, "", result, _read_fields(file), sizes)
        except (ConceptLRPError, OSError):
            raise
        except Exception as error:
            # Whatever words and dataclasses make of a file that others wrote.
            msg = f"is damaged: {error or type(error).__name__}"
            raise StoreError(msg) from error
    return found


def _read_fields(file: h5py.File) -> Any:
    text = dataset(file, FIELDS, best_ratio=_BEST_RATIO)
    if text.dtype != np.uint8 or text.ndim != 1 or text.size > _MOST_TEXT:
        msg = f"is damaged: {FIELDS} is {text.dtype} of shape {text.shape}"
        raise StoreError(msg)
    return loads(text[()].tobytes())


def read_header(path: Path, names: tuple[str, ...]) -> dict[str, str]:
    """Read attributes of the file of a result."""
    with opened(path, StoreError) as file:
        return {name: text_attribute(file, name) for name in names}


def described(hint: Any, place: str = "") -> Iterator[tuple[str, str, str]]:
    """Name what the file of a result holds: place, type and shape, each as text.

    Places have <name> where keys of mappings stand.
    """
    hint, shape = bare(hint)
    letters = "" if shape is None else f"({', '.join(shape.letters.split())})"
    if not holds_arrays(hint):
        yield place, "JSON", letters
    elif get_origin(hint) is np.ndarray:
        kind = shape.kept if shape is not None and shape.kept else _scalar(hint)
        yield place, getattr(kind, "__name__", str(kind)), letters
    elif _is_record(hint):
        for name, inner in hints(hint).items():
            yield from described(inner, _join(place, name))
    else:
        yield from described(get_args(hint)[1], _join(place, "<name>"))


def _put(file: h5py.File, place: str, hint: Any, value: Any, sizes: Sizes) -> Any:
    """Write the arrays of a value and return the rest of it, ready for JSON."""
    hint, shape = bare(hint)
    if value is None:
        return None
    if not holds_arrays(hint):
        if shape is not None:
            sizes.check(shape, (len(value),), place)
        return _converter().unstructure(value, hint)
    if get_origin(hint) is np.ndarray:
        array = np.asarray(value)
        sizes.check(shape, array.shape, place)
        _add(file, place, array.astype(_stored(hint, shape, array.dtype), copy=False))
        return _ARRAY
    if _is_record(hint):
        return {
            name: _put(file, _join(place, name), inner, getattr(value, name), sizes)
            for name, inner in hints(hint).items()
        }
    inner = get_args(hint)[1]
    return {
        _text(key): _put(
            file, _join(place, _text(key)), inner, each, _scope(sizes, inner, key)
        )
        for key, each in value.items()
    }


def _take(file: h5py.File, place: str, hint: Any, plain: Any, sizes: Sizes) -> Any:
    """Put a value together again from its arrays and the rest."""
    if plain is None and type(None) in get_args(_unannotated(hint)):
        return None
    hint, shape = bare(hint)
    if not holds_arrays(hint):
        if shape is not None:
            sizes.check(shape, (len(plain),), place)
        return _converter().structure(plain, hint)
    if get_origin(hint) is np.ndarray:
        return _array(file, place, hint, shape, sizes)
    if _is_record(hint):
        known = hints(hint)
        if plain.keys() != known.keys():
            msg = (
                f"is damaged: '{place}' has fields {', '.join(plain)}, expected "
                f"{', '.join(known)}"
            )
            raise StoreError(msg)
        return hint(
            **{
                name: _take(file, _join(place, name), inner, plain[name], sizes)
                for name, inner in known.items()
            }
        )
    kind, inner = get_args(hint)
    keys = {text: _key(text, kind) for text, _ in plain.items()}
    return {
        key: _take(
            file, _join(place, text), inner, plain[text], _scope(sizes, inner, key)
        )
        for text, key in keys.items()
    }


def _array(
    file: h5py.File, place: str, hint: Any, shape: Shape | None, sizes: Sizes
) -> NDArray[Any]:
    found = dataset(file, place, best_ratio=_BEST_RATIO)
    expected = _stored(hint, shape, found.dtype)
    if found.dtype != expected:
        msg = f"is damaged: '{place}' is {found.dtype}, expected {expected}"
        raise StoreError(msg)
    sizes.check(shape, found.shape, place)
    array: NDArray[Any] = found[()]
    # What is kept with fewer digits has the type of its field again.
    return array.astype(_concrete(hint) or array.dtype, copy=False)


def bare(hint: Any) -> tuple[Any, Shape | None]:
    """Take `Annotated` and `| None` off a hint."""
    shape = next((m for m in get_args(hint)[1:] if isinstance(m, Shape)), None)
    hint = _unannotated(hint)
    if get_origin(hint) in (Union, UnionType):
        rest = [each for each in get_args(hint) if each is not type(None)]
        if len(rest) == 1 and holds_arrays(rest[0]):
            return bare(rest[0]) if shape is None else (_unannotated(rest[0]), shape)
    return hint, shape


def _unannotated(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


@cache
def holds_arrays(hint: Any) -> bool:
    """Tell whether anything of a type is an array."""
    if get_origin(hint) is np.ndarray:
        return True
    if _is_record(hint):
        return any(holds_arrays(each) for each in hints(hint).values())
    parts = (p for p in get_args(hint) if not (p is ... or isinstance(p, Shape | str)))
    return any(map(holds_arrays, parts))


def _is_record(hint: Any) -> bool:
    return isinstance(hint, type) and is_dataclass(hint)


@cache
def hints(result: type[Any]) -> dict[str, Any]:
    """Return the type of every field of a dataclass."""
    found = get_type_hints(result, include_extras=True)
    return {each.name: found[each.name] for each in fields(result)}


def _scalar(hint: Any) -> Any:
    """Return the numpy type of an array's numbers."""
    return get_args(get_args(hint)[1])[0]


def _concrete(hint: Any) -> np.dtype[Any] | None:
    scalar = _scalar(hint)
    is_abstract = get_origin(scalar) is not None or scalar in _ABSTRACT
    return None if is_abstract else np.dtype(scalar)


def _stored(hint: Any, shape: Shape | None, found: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type in which an array is kept; any that fits an abstract one."""
    if shape is not None and shape.kept is not None:
        return np.dtype(shape.kept)
    concrete = _concrete(hint)
    if concrete is not None:
        return concrete
    abstract = get_origin(_scalar(hint)) or _scalar(hint)
    if not np.issubdtype(found, abstract):
        msg = f"is damaged: holds {found}, expected {abstract.__name__}"
        raise StoreError(msg)
    return found


def _scope(sizes: Sizes, inner: Any, key: Any) -> Sizes:
    """Return the lengths for one entry of a mapping."""
    return sizes.under(key) if _is_record(bare(inner)[0]) else sizes


def _add(file: h5py.File, place: str, array: NDArray[Any]) -> None:
    add_dataset(file, place, array, **_PACKING if array.size and array.ndim else {})


def _join(place: str, key: str) -> str:
    for character in "%/\0":
        key = key.replace(character, f"%{ord(character):02X}")
    key = key.replace(".", "%2E") if not key.strip(".") else key
    return f"{place}/{key or '%'}" if place else key or "%"


def _text(key: Any) -> str:
    """Write the key of a mapping as text."""
    return json.dumps(key, ensure_ascii=False) if isinstance(key, tuple) else str(key)


def _key(text: str, kind: Any) -> Any:
    if get_origin(kind) is tuple:
        return tuple(str(each) for each in loads(text))
    return kind(text)


@cache
def _converter() -> Any:
    """Return what turns dataclasses without arrays into JSON and back."""
    from cattrs import Converter

    return Converter(detailed_validation=False, forbid_extra_keys=True)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    msg = f"{type(value).__name__} cannot be written as JSON"
    raise TypeError(msg)
