"""Pickles of plain data: numbers, text, tuples, lists, deques and arrays of numbers.

Nothing in a pickle is imported or called: the operations of protocols 2 to 5 that such
data need are run here, and all others refused. Time and memory grow with the file:
whatever says how large something is, is compared with the bytes there are.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from math import prod
from pickletools import genops
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

#: How the names of operations begin that push their argument, but for those of memory.
_VALUES: Final = ("BIN", "SHORT_BIN", "BYTEARRAY")
_CONSTANTS: Final = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES: Final = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_DTYPE: Final = re.compile("b1|[iu][1248]|f[248]")
# Numbers of numpy one after the other are nearly all that a file has, so that these are
# read at once. Each is remembered three times: its bytes, its arguments, itself.
_RUN: Final = re.compile(
    rb"h(.)h(.)C\x08.{8}\x94\x86\x94R\x94(?:h\1h\2C\x08.{8}\x94\x86\x94R\x94)*+",
    re.DOTALL,
)
_STRIDE: Final = 19
# An object is larger than what makes it, so a file may not have more than it needs.
_BYTES_PER_OBJECT: Final = 5
_MOST_DIMENSIONS: Final = 4


class PickleError(ValueError):
    """A pickle of other things than plain data, or a damaged one."""


class Array:
    """An array of numbers, whose values come after it."""

    values: NDArray[Any] = np.empty(0)


@dataclass(eq=False)
class _Dtype:
    kind: np.dtype[Any]

    def array(self, raw: Any, shape: Any, order: Any) -> NDArray[Any]:
        """Return numbers as an array, once there are as many as its shape says."""
        sides = tuple(map(operator.index, shape[:_MOST_DIMENSIONS]))
        if len(raw) != self.kind.itemsize * prod(sides) or min(sides, default=1) < 0:
            msg = f"has {len(raw)} bytes for an array of shape {sides}"
            raise PickleError(msg)
        return np.frombuffer(raw, self.kind).reshape(sides, order=order)


def load(data: bytes) -> Any:
    """Return what a pickle holds, deques as lists, arrays as `Array`."""
    machine = Machine(data)
    try:
        return machine.run()
    # All that operations out of place raise here or in the parser of Python.
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as e:
        reason = e if isinstance(e, PickleError) else "is damaged"
        msg = f"byte {machine.stream.tell()} of the pickle: {reason}"
        raise PickleError(msg) from e


class Machine:
    """Runs the operations of a pickle; what it may name and call, others may choose."""

    def __init__(self, data: bytes) -> None:
        self.data, self.stream = data, BytesIO(data)
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: list[Any] = []
        self.room = len(data) // _BYTES_PER_OBJECT + 1000

    def run(self) -> Any:
        """Run all operations and return what they leave."""
        argument: Any
        for operation, argument, at in genops(self.stream):
            name = operation.name
            if name in ("BINGET", "LONG_BINGET"):
                if not self._pushed_run(at or 0):
                    self.stack.append(self._remembered(argument))
            elif name in ("MEMOIZE", "BINPUT", "LONG_BINPUT"):
                self._remember(argument)
            elif name.startswith(_VALUES) and argument is not None:
                self.stack.append(argument)
            elif name in _TUPLES:
                self.push(tuple(self.popped(_TUPLES[name])))
            elif name in _CONSTANTS:
                self.stack.append(_CONSTANTS[name])
            elif name not in ("PROTO", "FRAME", "STOP"):
                self.other(name, argument)
        return self.stack[-1]

    def other(self, name: str, argument: Any) -> None:
        """Run one of the operations that are rare."""
        if name == "MARK":
            self.marks.append(len(self.stack))
        elif name == "TUPLE":
            self.push(tuple(self.popped(len(self.stack) - self.marks.pop())))
        elif name == "EMPTY_LIST":
            self.push([])
        elif name in ("APPEND", "APPENDS"):
            above = 1 if name == "APPEND" else len(self.stack) - self.marks.pop()
            items = self.popped(above)
            if not isinstance(self.stack[-1], list):
                msg = f"adds to a {type(self.stack[-1]).__name__}, expected a list"
                raise PickleError(msg)
            self.stack[-1].extend(items)
        elif name == "REDUCE":
            self.push(self.called(*self.popped(2)))
        elif name == "BUILD":
            _complete(self.stack[-2], self.stack.pop())
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            found = argument or "{} {}".format(*self.popped(2))
            self.push(self.named(found.replace(" ", ".")))
        else:
            msg = f"operation {name} is none of plain data"
            raise PickleError(msg)

    def called(self, maker: Any, arguments: Any) -> Any:
        """Return what a function makes."""
        if maker not in _MAKERS.values() or not isinstance(arguments, tuple):
            msg = "calls what is no function"
            raise PickleError(msg)
        return maker(*arguments)

    def named(self, name: str) -> Any:
        """Return what stands for a function or class."""
        # The module of numpy has had an underscore since version 2.
        found = _MAKERS.get(name.replace("numpy.core.", "numpy._core."))
        if found is None:
            msg = f"names {name[:80]!r}, which is none of plain data"
            raise PickleError(msg)
        return found

    def _pushed_run(self, at: int) -> bool:
        """Push the numbers of 8 bytes that follow each other here, if there are any."""
        run = _RUN.match(self.data, at)
        if run is None:
            return False
        maker, dtype = (self._remembered(run[i][0]) for i in (1, 2))
        if maker is not _scalar or dtype.kind.itemsize != 8:
            return False
        rows = np.frombuffer(run[0], np.uint8).reshape(-1, _STRIDE)
        numbers = rows[:, 6:14].copy().view(dtype.kind)[:, 0].tolist()
        self.stack += numbers
        self.memo += [part for number in numbers for part in (None, None, number)]
        self.stream.seek(run.end())
        return True

    def _remembered(self, place: int) -> Any:
        if self.memo[place] is None:
            msg = "refers to a part of a number"
            raise PickleError(msg)
        return self.memo[place]

    def _remember(self, place: int | None) -> None:
        if place not in (None, len(self.memo)):
            msg = f"remembers object {place} before object {len(self.memo)}"
            raise PickleError(msg)
        self.memo.append(self.stack[-1])

    def popped(self, count: int) -> list[Any]:
        """Take objects off the stack."""
        place = len(self.stack) - count
        if count < 0 or place < 0:
            msg = "takes more objects than there are"
            raise PickleError(msg)
        items = self.stack[place:]
        del self.stack[place:]
        return items

    def push(self, made: Any) -> None:
        """Put an object on the stack, if the file may have so many."""
        self.room -= 1
        if self.room < 0:
            msg = f"has more than one object in {_BYTES_PER_OBJECT} bytes"
            raise PickleError(msg)
        self.stack.append(made)


def _deque(items: Any = (), _longest: Any = None) -> list[Any]:
    # What a deque holds is added after it was made.
    if items:
        msg = "makes a deque as plain data do not"
        raise PickleError(msg)
    return []


def _bytes(text: str, codec: str) -> bytes:
    # So protocol 2 has bytes.
    if codec != "latin1":
        msg = f"has bytes as text in {codec[:80]!r}"
        raise PickleError(msg)
    return str.encode(text, codec)


def _dtype(kind: str, *_: Any) -> _Dtype:
    if not _DTYPE.fullmatch(kind):
        msg = f"has numbers of type {kind[:80]!r}"
        raise PickleError(msg)
    return _Dtype(np.dtype(kind))


def _scalar(dtype: _Dtype, raw: Any) -> Any:
    return dtype.array(raw, (1,), "C")[0].item()


def _array(*_: Any) -> Array:
    return Array()


def _buffer(raw: Any, dtype: _Dtype, shape: Any, order: Any) -> Array:
    made = Array()
    made.values = dtype.array(raw, shape, order)
    return made


_MAKERS: Final[dict[str, Callable[..., Any]]] = {
    "_codecs.encode": _bytes,
    "collections.deque": _deque,
    "numpy._core.multiarray.scalar": _scalar,
    "numpy._core.multiarray._reconstruct": _array,
    "numpy._core.numeric._frombuffer": _buffer,
    "numpy.dtype": _dtype,
    "numpy.ndarray": Array,
}


def _complete(made: Any, state: Any) -> None:
    """Give a dtype its order of bytes, or an array its values."""
    if isinstance(made, _Dtype) and state[1] in ("<", ">", "|"):
        made.kind = made.kind.newbyteorder(state[1])
    elif isinstance(made, Array):
        _, shape, dtype, fortran, raw = state
        made.values = dtype.array(raw, shape, "F" if fortran else "C")
    else:
        msg = f"changes a {type(made).__name__}"
        raise PickleError(msg)
