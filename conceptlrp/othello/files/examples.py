"""Training examples of alpha-zero-general: boards, search probabilities, results.

A file ``checkpoint_N.pth.tar.examples`` is a pickle of the examples of some iterations:
``(board, pi, v)``, the board seen by the side to move, which is +1, ``pi`` over n * n
squares and the pass, ``v`` the result for the side to move.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import GameFileError
from conceptlrp.othello.board import BLACK, NO_MOVE, PASS, REGION, from_boards, squares
from conceptlrp.othello.files import sequences
from conceptlrp.othello.files.legal_games import keep_boards
from conceptlrp.othello.files.plain_pickle import Array, PickleError, load
from conceptlrp.othello.games import GameFile
from conceptlrp.othello.replay import Starts
from conceptlrp.othello.symmetry import canonical, first_of_equal

# A board and its probabilities take more, so that no example is told of twice.
_LEAST_BYTES: Final = 36


def looks_like(data: bytes) -> bool:
    """Tell whether a file is a pickle."""
    return data[:1] == b"\x80" and data[1:2] in (b"\2", b"\3", b"\4", b"\5")


def read(path: str | Path, data: bytes, *, size: int | None = None) -> GameFile:
    """Read training examples, each a game of one move, the most probable one.

    The result stands in the column ``tournament``, such as ``value -1``, since it tells
    no count of discs. The file has no colours: the side to move is black.
    """
    name = Path(path).name
    try:
        plain = load(data)
        # The games of OthelloGPT are pickled lists of numbers.
        if isinstance(plain, list) and plain and _is_game(plain[0]):
            text = _games_text(plain, len(data))
            return sequences.read(Path(path), text.encode(), size=size)
        found = _examples(plain, len(data) // _LEAST_BYTES)
    except PickleError as error:
        msg = f"{name}: is no file of training examples: {error}"
        raise GameFileError(msg) from error
    kept, index, problems = [], [], []
    for number, example in enumerate(found, start=1):
        reason = _wrong(example, size)
        if reason:
            problems.append(f"{name}: example {number}: {reason}; it is left out")
        else:
            kept.append((*map(_array, example[:2]), example[2]))
            size = len(kept[0][0])
            index.append(number - 1)
    if not kept or size is None:
        msg = f"{name}: has no example; {problems[0] if problems else 'it is empty'}"
        raise GameFileError(msg)
    read = _game_file(kept, index, size, name)
    return replace(read, problems=(*problems, *read.problems))


def _is_game(found: Any) -> bool:
    return isinstance(found, list) and bool(found) and isinstance(found[0], int)


def _games_text(games: list[Any], most: int) -> str:
    """Write games as lists of numbers; one list may stand for many games."""
    if sum(len(game) for game in games if isinstance(game, list)) > most:
        msg = "tells of more moves than it has bytes"
        raise PickleError(msg)
    wrong = ["no game"]
    plain = (isinstance(game, list) and {*map(type, game)} <= {int} for game in games)
    return str([g if fine else wrong for g, fine in zip(games, plain, strict=True)])


def _examples(found: Any, most: int) -> list[Any]:
    """Return what lists within lists hold, each of which is gone through once."""
    pending, seen, examples = [found], set(), []
    while pending:
        item = pending.pop()
        if not isinstance(item, list) or (item and isinstance(item[0], Array)):
            examples.append(item)
        elif id(item) not in seen:
            seen.add(id(item))
            pending += reversed(item)
    if len(examples) > most:
        msg = f"tells of {len(examples)} examples, which need more bytes than it has"
        raise PickleError(msg)
    return examples


def _wrong(example: Any, size: int | None) -> str:
    """Say why an example is none of this board size; empty if it is one."""
    if not isinstance(example, tuple | list) or len(example) < 3:
        return "is no (board, pi, v)"
    (board, pi), value = map(_array, example[:2]), example[2]
    if board is None:
        return "its board is no array"
    shape = board.shape
    if shape not in ((6, 6), (8, 8)) or size not in (None, shape[0]):
        expected = f"{size} x {size}" if size else "6 x 6 or 8 x 8"
        return f"its board is {' x '.join(map(str, shape))}, expected {expected}"
    if not {*board.ravel().tolist()} <= {-1, 0, 1}:
        return "its board has other numbers than +1, -1 and 0"
    if pi is None or pi.shape != (shape[0] ** 2 + 1,):
        return f"its pi is no list of {shape[0] ** 2 + 1} numbers"
    return "" if isinstance(value, int | float) else "its result is no number"


def _array(given: Any) -> NDArray[Any] | None:
    """Return an array, or numbers in lists or tuples as one; None for all else."""
    if isinstance(given, Array):
        return given.values if given.values.dtype.kind in "iuf" else None
    rows = given if _short(given) and all(map(_short, given)) else [given]
    if not all(_short(row) and {*map(type, row)} <= {int, float} for row in rows):
        return None
    try:
        return np.array(given)
    except ValueError:
        return None


def _short(given: Any) -> bool:
    """Tell a list that may be of an example, for lists in lists can be beyond count."""
    return isinstance(given, list | tuple) and len(given) <= PASS + 1


def _game_file(examples: list[Any], index: list[int], size: int, name: str) -> GameFile:
    boards = np.array([board for board, *_ in examples], np.int8)
    own, opponent = from_boards(boards == 1), from_boards(boards == -1)
    places = np.array([*squares(REGION[size]), NO_MOVE])
    mine, theirs, _ = canonical(own, opponent)
    twins = len(own) - len(first_of_equal(mine, theirs))
    read = keep_boards(
        Starts(own, opponent, np.full(len(own), BLACK, np.uint8)),
        places[[int(pi.argmax()) for _, pi, _ in examples]],
        [f"example {i + 1}" for i in index],
        source=name,
        size=size,
        index=index,
        tournament=[f"value {value:+.6g}" for *_, value in examples],
    )
    note = (
        f"{name}: {twins:,} of {len(own):,} positions are equal to an earlier one up "
        "to a symmetry of the board"
    )
    return replace(read, notes=(note,) * bool(twins))
