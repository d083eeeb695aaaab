"""Training examples of alpha-zero-general: read as pickle does, and nothing else."""

import pickle
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conceptlrp.errors import GameFileError
from conceptlrp.othello import BLACK, Corpus
from conceptlrp.othello.files.examples import looks_like, read
from conceptlrp.othello.files.formats import read_games
from conceptlrp.othello.files.plain_pickle import Array, PickleError, load
from tests.othello.pickles import hostile, pickled

NAME = Path("checkpoint_3.pth.tar.examples")


def plain(found: Any) -> Any:
    """Turn what a pickle holds into tuples and lists that can be compared."""
    if isinstance(found, Array):
        found = found.values
    if isinstance(found, np.ndarray):
        return ["array", found.dtype.kind, found.tolist()]
    if isinstance(found, list | deque):
        return [plain(item) for item in found]
    if isinstance(found, tuple):
        return tuple(plain(item) for item in found)
    return found


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("old", [False, True])
def test_pickles_are_read_as_pickle_reads_them(
    protocol: int, old: bool, small_corpus: Corpus
):
    rng = np.random.default_rng(0)
    history = pickle.loads(pickled(small_corpus[:20], protocol=protocol))
    shared = list(rng.random(37))
    history.append(
        [(np.eye(6, dtype=t), shared[::-1], -1) for t in ("i1", "f4", ">i4")]
    )
    history.append([(np.asfortranarray(rng.random((6, 6))), shared, np.float32(0.5))])
    history.append([*list(rng.integers(0, 9, 40)), True, None, 1.5, 70000, -3])
    data = pickle.dumps(history, protocol)
    if old:
        # Before numpy 2 the module had no underscore, and its name was shorter.
        data = data.replace(
            b"\x8c\x15numpy._core.multiarray", b"\x8c\x14numpy.core.multiarray"
        )

    assert plain(load(data)) == plain(history)


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_examples_are_positions_with_the_most_probable_move(
    protocol: int, small_corpus: Corpus
):
    chosen = small_corpus[:50]

    read_file = read(NAME, pickled(chosen, protocol=protocol))
    found = Corpus.from_games(read_file.games)

    assert found.size == 6
    assert len(found) == 8 * 50
    first = found[np.arange(7, 400, 8)]
    assert (first.own == chosen.own).all()
    assert (first.played == chosen.played).all()
    assert (found.mover == BLACK).all()
    assert not found.games.finished[:8].any()
    assert set(found.games.tournament) == {"value +1", "value -1"}
    assert read_file.problems == ()
    twins = 400 - len(found.unique(symmetry=True))
    assert read_file.notes == (
        (
            f"{NAME}: {twins} of 400 positions are equal to an earlier one up to a "
            "symmetry of the board"
        ),
    )


def test_what_is_no_example_is_left_out_with_its_number(corpus: Corpus):
    (board, pi, value), *_ = pickle.loads(pickled(corpus[:1]))[0]
    wrong = [
        (board[:6, :6], pi, value),
        (board * 2, pi, value),
        (board, pi[1:], value),
        (board, pi, "won"),
        (board,),
        [1, 2],
    ]

    found = read(NAME, pickle.dumps([[(board, pi, value), *wrong]]))

    assert len(found.games) == 1
    numbers = [line.split(":")[1] for line in found.problems]
    assert numbers == [f" example {n}" for n in (2, 3, 4, 5, 6, 7, 8)]
    assert "its board is 6 x 6, expected 8 x 8" in found.problems[0]


def test_lists_and_tuples_are_read_as_arrays(small_corpus: Corpus):
    history = pickle.loads(pickled(small_corpus[:20]))
    examples = [example for one in history for example in one]
    lists = [(board.tolist(), tuple(pi), value) for board, pi, value in examples]

    expected, found = (read(NAME, pickle.dumps([e])).games for e in (examples, lists))

    assert (found.moves == expected.moves).all()
    assert (found.start_black == expected.start_black).all()


def test_lists_of_numbers_are_games(tmp_path: Path):
    path = tmp_path / "games.pickle"
    path.write_bytes(pickle.dumps([[37, 43, 18], [37, 45]]))

    assert read_games(path).games.moves[:, :3].tolist() == [[37, 43, 18], [37, 45, -1]]


def test_an_illegal_choice_and_a_pass_keep_the_board(corpus: Corpus):
    (board, _pi, value), *_ = pickle.loads(pickled(corpus[70:71]))[0]
    taken = [float(i == 27) for i in range(65)]
    passing = [float(i == 64) for i in range(65)]

    found = read(NAME, pickle.dumps([(board, taken, value), (board, passing, value)]))

    assert (found.games.moves == -1).all()
    assert len(found.games) == 2
    assert found.problems == (
        f"{NAME}: example 1: 'd4' is not legal; the move is left out",
    )


def test_another_size_is_refused(small_corpus: Corpus):
    with pytest.raises(GameFileError, match="its board is 6 x 6, expected 8 x 8"):
        read(NAME, pickled(small_corpus[:2]), size=8)


@pytest.mark.parametrize("what", hostile())
def test_pickles_that_do_harm_are_refused(what: str):
    data = hostile()[what]

    assert looks_like(data)
    with pytest.raises(GameFileError, match="checkpoint_3"):
        read(NAME, data)


def test_a_number_that_is_referred_to_later_is_found():
    numbers = list(np.random.default_rng(1).random(5))

    assert load(pickle.dumps([numbers, numbers[::-1]], 4)) == [numbers, numbers[::-1]]


def test_a_pickle_of_other_things_names_them():
    with pytest.raises(PickleError, match=r"names 'builtins.print', which is none"):
        load(pickle.dumps([print], 4))
