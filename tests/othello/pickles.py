"""Training examples as alpha-zero-general pickles them, and pickles that do harm."""

import io
import os
import pickle
from collections import deque
from typing import Any

import numpy as np

from conceptlrp.othello import Corpus
from conceptlrp.othello.board import to_boards


def examples_of(corpus: Corpus) -> list[tuple[Any, list[Any], int]]:
    """Return (board, pi, v) of each position in all eight symmetries, as Coach does."""
    size, margin = corpus.size, (8 - corpus.size) // 2
    inner = slice(margin, margin + size)
    found = []
    boards = to_boards(corpus.own, corpus.opponent)[:, inner, inner].astype(int)
    for board, played, outcome in zip(
        boards, corpus.played.tolist(), corpus.outcome.tolist(), strict=True
    ):
        pi = np.zeros((8, 8))
        pi.flat[played] = 0.75
        pi[3, 3] = 0.25
        for turns in range(1, 5):
            for flip in (np.fliplr, np.array):
                turned = flip(np.rot90(board, turns))
                chances = flip(np.rot90(pi[inner, inner], turns))
                value = 1 if outcome > 0 else -1
                found.append((turned, [*chances.ravel(), 0], value))
    return found


def pickled(corpus: Corpus, *, protocol: int = 4, iterations: int = 2) -> bytes:
    """Return a file of a history: a list with a deque for each iteration."""
    found = examples_of(corpus)
    each = -(-len(found) // iterations)
    history = [
        deque(found[first : first + each], maxlen=200_000)
        for first in range(0, len(found), each)
    ]
    return pickle.dumps(history, protocol)


class _Command:
    def __reduce__(self) -> Any:
        return os.system, ("exit 3",)


def _array(shape: tuple[int, ...], raw: bytes) -> bytes:
    """Return the pickle of an array that says it has another shape."""
    honest = pickle.dumps(np.zeros(5, np.int8), 4)
    told = b"(" + b"".join(b"J" + n.to_bytes(4, "little") for n in shape) + b"t"
    return honest.replace(b"K\5\x85", told).replace(b"C\5" + bytes(5), raw)


def hostile() -> dict[str, bytes]:
    """Return pickles that ask for code, memory or time."""
    doubled = b"\x80\4]\x94" + b"".join(
        b"(h" + bytes([i, ord("h"), i]) + b"t\x94" for i in range(60)
    )
    nested = b"\x80\4]\x94" + b"".join(
        b"]\x94(h" + bytes([i, ord("h"), i]) + b"e" for i in range(60)
    )
    board, many = np.zeros((6, 6), np.int8), [0.5] * 100_000
    return {
        "one pi of 100,000 numbers in 2,000 examples": pickle.dumps(
            [(board.copy(), many, i) for i in range(2000)], 4
        ),
        "one array of 100,000 numbers in 2,000 examples": pickle.dumps(
            [(board.copy(), a, i) for a in [np.zeros(100_000)] for i in range(2000)], 4
        ),
        "an array of 50,000 dimensions": _array((1 << 31,) * 50_000, b"C\5" + bytes(5)),
        "a command": pickle.dumps([_Command()], 4),
        "a command in old words": b"\x80\3cos\nsystem\nX\6\0\0\0exit 3\x85R.",
        "a builtin": pickle.dumps([eval], 4),
        "a registered extension": b"\x80\4\x82\x01.",
        "a persistent object": b"\x80\4X\1\0\0\0aQ.",
        "an instance": pickle.dumps(io.BytesIO(b"a"), 4),
        "objects in an array": pickle.dumps(np.array([print], object), 4),
        "a set of nested tuples": doubled + b"\x8f(h\x3ce.",
        "tuples that double": doubled + b".",
        "lists that double": nested + b".",
        "a list that holds itself": b"\x80\4]\x94h\0a.",
        "bytes of 4 EiB": b"\x80\4\x8e" + b"\xff" * 7 + b"\x3f.",
        "text of 2 GiB": b"\x80\4X\xff\xff\xff\x7f.",
        "a byte array of 8 EiB": b"\x80\5\x96" + b"\xff" * 7 + b"\x7f.",
        "the 2 billionth memory": b"\x80\4]r\xff\xff\xff\x7f.",
        "the 2 billionth memory in text": b"\x80\4]p2147483647\n.",
        "an array of 64 GiB": _array((1 << 18, 1 << 18), b"C\5" + bytes(5)),
        "an array of nothing": _array((0, 1 << 30), b"C\0"),
        "a shape below zero": _array(((1 << 32) - 1, (1 << 32) - 5), b"C\5" + bytes(5)),
        "many lists": b"\x80\4(" + b"]" * 200_000 + b"t.",
        "many memories": b"\x80\4]" + b"\x94" * 200_000 + b".",
        "marks": b"\x80\4" + b"(" * 200_000 + b".",
        "one example 100,000 times": pickle.dumps(
            [(np.zeros((6, 6), np.int8), [0] * 37, 1)] * 100_000, 4
        ),
    }
