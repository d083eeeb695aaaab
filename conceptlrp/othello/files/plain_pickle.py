"""Pickles of plain data: numbers, text, tuples, lists, deques and arrays of numbers.

Nothing in a pickle is imported or called. A machine of its own runs the operations of
protocols 2 to 5 that such data need, and refuses all others. Time and memory grow with
the file: whatever says how large something is, is compared with the bytes there are.
"""

import operator
import re
import struct
from bisect import bisect
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_NUMBERS: Final = {"K": "<B", "M": "<H", "J": "<i", "G": ">d"}
_BYTES: Final = {"C": "<B", "B": "<I", "\x8e": "<Q", "\x96": "<Q"}
_TEXTS: Final = {"\x8c": "<B", "X": "<I", "\x8d": "<Q"}
_CONSTANTS: Final = {"N": None, "\x88": True, "\x89": False, ")": ()}
_TUPLES: Final = {"\x85": 1, "\x86": 2, "\x87": 3}
_GETS: Final = {"h": "<B", "j": "<I"}
_PUTS: Final = {"q": "<B", "r": "<I"}
_SKIPPED: Final = {"\x80": 1, "\x95": 8}
_DTYPE: Final = re.compile("b1|[iu][1248]|f[248]")
# Numbers of numpy one after the other are nearly all that a file has. Each is
# remembered three times: its bytes, its arguments, itself.
_NUMBER: Final = rb"C\x08.{8}%b\x86%bR%b"
_RUNS: Final = {
    re.compile(rb"h(.)h(.)%b(?:h\1h\2%b){,255}+" % (item, item), re.DOTALL): stride
    for stride, item in (
        (19, _NUMBER % ((rb"\x94",) * 3)),
        (31, _NUMBER % ((rb"r.{4}",) * 3)),
    )
}
_PLACES: Final = (15, 21, 27)
# An object is larger than what makes it, so a file may not have more than it needs.
_BYTES_PER_OBJECT: Final = 5
_MOST_DIMENSIONS: Final = 4


class PickleError(ValueError):
    """A pickle of other things than plain data, or a damaged one."""


class Array:
    """An array of numbers, whose values come after it."""

    values: NDArray[Any] = np.empty(0)


class _Name(str):
    """The name of a function or class, which is never looked up."""

    __slots__ = ()


@dataclass(eq=False)
class _Dtype:
    kind: np.dtype[Any]

    def array(self, raw: Any, shape: tuple[int, ...], order: Any) -> NDArray[Any]:
        """Return numbers as an array, once there are as many as its shape says."""
        shape = shape[:_MOST_DIMENSIONS]
        if len(raw) != self.kind.itemsize * prod(shape) or min(shape, default=1) < 0:
            msg = f"has {len(raw)} bytes for an array of shape {shape}"
            raise PickleError(msg)
        return np.frombuffer(raw, self.kind).reshape(shape, order=order)


def load(data: bytes) -> Any:
    """Return what a pickle holds, deques as lists, arrays as `Array`."""
    machine = _Machine(data)
    try:
        return machine.run()
    except PickleError as error:
        msg = f"byte {machine.at} of the pickle: {error}"
        raise PickleError(msg) from error
    except (ArithmeticError, LookupError, TypeError, ValueError, struct.error) as error:
        msg = f"byte {machine.at} of the pickle: is damaged"
        raise PickleError(msg) from error


class _Machine:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: list[Any] = []
        self.runs: list[tuple[int, int, int, _Dtype]] = []
        self.room = len(data) // _BYTES_PER_OBJECT + 1000

    def run(self) -> Any:
        while (op := chr(self.data[self.at])) != ".":
            if op == "h" and self._pushed_run():
                continue
            self.at += 1
            if op in _GETS:
                self.stack.append(self._remembered(self._unpacked(_GETS[op])))
            elif op == "\x94":
                self.memo.append(self.stack[-1])
            elif op in _NUMBERS:
                self.stack.append(self._unpacked(_NUMBERS[op]))
            elif op in _BYTES:
                self.stack.append(self._taken(self._unpacked(_BYTES[op])))
            elif op in _CONSTANTS:
                self.stack.append(_CONSTANTS[op])
            elif op in _TUPLES:
                self._push(tuple(self._popped(len(self.stack) - _TUPLES[op])))
            else:
                self._other(op)
        return self.stack[-1]

    def _other(self, op: str) -> None:
        """Run one of the operations that are rare."""
        if op == "(":
            self.marks.append(len(self.stack))
        elif op in ("e", "t"):
            items = self._popped(self.marks.pop())
            if op == "e":
                self._list().extend(items)
            else:
                self._push(tuple(items))
        elif op == "a":
            item = self.stack.pop()
            self._list().append(item)
        elif op == "]":
            self._push([])
        elif op == "R":
            arguments, name = self.stack.pop(), self.stack.pop()
            self._push(_made(name, arguments))
        elif op == "b":
            _complete(self.stack[-2], self.stack.pop())
        elif op in _TEXTS:
            self.stack.append(self._taken(self._unpacked(_TEXTS[op])).decode())
        elif op in _PUTS:
            self._remember(self._unpacked(_PUTS[op]))
        elif op == "\x93":
            self._push_name(*self._popped(len(self.stack) - 2))
        elif op == "c":
            end = self.data.index(b"\n", self.data.index(b"\n", self.at) + 1)
            self._push_name(*self._taken(end - self.at).decode().split("\n"))
            self.at += 1
        elif op in _SKIPPED:
            self.at += _SKIPPED[op]
        else:
            msg = f"operation {op!r} is none of plain data"
            raise PickleError(msg)

    def _pushed_run(self) -> bool:
        """Push the numbers of 8 bytes that follow each other here, if there are any."""
        run = next(filter(None, (r.match(self.data, self.at) for r in _RUNS)), None)
        if run is None:
            return False
        name, dtype = (self._remembered(run[i][0]) for i in (1, 2))
        if name != _SCALAR or not isinstance(dtype, _Dtype) or dtype.kind.itemsize != 8:
            return False
        stride = _RUNS[run.re]
        rows = np.frombuffer(run[0], np.uint8).reshape(-1, stride)
        if stride > _PLACES[-1]:
            told = np.stack([rows[:, i : i + 4] for i in _PLACES], axis=1).copy()
            expected = len(self.memo) + np.arange(3 * len(rows))
            if (told.view("<u4").ravel() != expected).any():
                return False
        self.stack += rows[:, 6:14].copy().view(dtype.kind)[:, 0].tolist()
        self.runs.append((len(self.memo), self.at, stride, dtype))
        self.memo += [None] * (3 * len(rows))
        self.at = run.end()
        return True

    def _remembered(self, place: int) -> Any:
        found = self.memo[place]
        if found is not None or not self.runs:
            return found
        run = bisect(self.runs, place, key=operator.itemgetter(0)) - 1
        first, at, stride, dtype = self.runs[run]
        item, part = divmod(place - first, 3)
        if part < 2:
            msg = "refers to a part of a number"
            raise PickleError(msg)
        return np.frombuffer(self.data, dtype.kind, 1, at + item * stride + 6)[0].item()

    def _remember(self, place: int) -> None:
        if place != len(self.memo):
            msg = f"remembers object {place} before object {len(self.memo)}"
            raise PickleError(msg)
        self.memo.append(self.stack[-1])

    def _unpacked(self, code: str) -> Any:
        found = struct.unpack_from(code, self.data, self.at)[0]
        self.at += struct.calcsize(code)
        return found

    def _taken(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            msg = f"tells of {count} bytes, but {len(self.data) - self.at} are left"
            raise PickleError(msg)
        self.at += count
        return self.data[self.at - count : self.at]

    def _popped(self, place: int) -> list[Any]:
        if place < 0:
            msg = "takes more objects than there are"
            raise PickleError(msg)
        items = self.stack[place:]
        del self.stack[place:]
        return items

    def _push(self, made: Any) -> None:
        self.room -= 1
        if self.room < 0:
            msg = f"has more than one object in {_BYTES_PER_OBJECT} bytes"
            raise PickleError(msg)
        self.stack.append(made)

    def _push_name(self, module: str, name: str) -> None:
        # The module of numpy has had an underscore since version 2.
        found = _Name(f"{module}.{name}".replace("numpy.core.", "numpy._core."))
        if found not in _KNOWN:
            msg = f"names {found[:80]!r}, which is none of plain data"
            raise PickleError(msg)
        self._push(found)

    def _list(self) -> list[Any]:
        found = self.stack[-1]
        if not isinstance(found, list):
            msg = f"adds to a {type(found).__name__}, expected a list"
            raise PickleError(msg)
        return found


_DEQUE: Final = "collections.deque"
_SCALAR: Final = "numpy._core.multiarray.scalar"
_ARRAY: Final = "numpy._core.multiarray._reconstruct"
_BUFFER: Final = "numpy._core.numeric._frombuffer"
# Bytes are text in protocol 2.
_CODEC: Final = "_codecs.encode"
_CLASSES: Final = ("numpy.dtype", "numpy.ndarray")
_KNOWN: Final = (_DEQUE, _SCALAR, _ARRAY, _BUFFER, _CODEC, *_CLASSES)


def _made(name: Any, arguments: Any) -> Any:
    """Return what a function of numpy, or a deque, makes of its arguments."""
    if not isinstance(name, _Name) or not isinstance(arguments, tuple):
        msg = "calls what is no function"
        raise PickleError(msg)
    if name == _DEQUE and not (arguments and arguments[0]):
        return []
    if name == _CODEC and arguments[1:] == ("latin1",):
        return str.encode(*arguments)
    if name == "numpy.dtype" and _DTYPE.fullmatch(arguments[0]):
        return _Dtype(np.dtype(arguments[0]))
    if name == _ARRAY and arguments[1] == (0,):
        return Array()
    if name == _SCALAR and isinstance(arguments[0], _Dtype):
        return arguments[0].array(arguments[1], (1,), "C")[0].item()
    if name == _BUFFER and isinstance(arguments[1], _Dtype):
        made, (raw, dtype, shape, order) = Array(), arguments
        made.values = dtype.array(raw, shape, order)
        return made
    msg = f"calls {name} as plain data do not"
    raise PickleError(msg)


def _complete(made: Any, state: Any) -> None:
    """Give a dtype its order of bytes, or an array its values."""
    if isinstance(made, _Dtype) and state[1] in ("<", ">", "|"):
        made.kind = made.kind.newbyteorder(state[1])
    elif isinstance(made, Array) and isinstance(state[2], _Dtype):
        _, shape, dtype, fortran, raw = state
        made.values = dtype.array(raw, shape, "F" if fortran else "C")
    else:
        msg = f"changes a {type(made).__name__}"
        raise PickleError(msg)
