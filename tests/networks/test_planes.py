import numpy as np
import pytest

from conceptlrp.networks.planes import (
    Encoding,
    actions_of_squares,
    board_planes,
    legal_actions,
    squares_of_actions,
)
from conceptlrp.othello import PASS, Corpus, Position, legal_moves
from conceptlrp.othello.board import start, to_boards
from tests.othello.playouts import random_games


@pytest.mark.parametrize("size", [6, 8])
def test_black_has_e4_and_d5_and_moves_first(size: int) -> None:
    own, opponent = start(size)
    middle = size // 2

    plane = board_planes([own], [opponent], size=size)[0, 0]

    assert plane.shape == (size, size)
    assert plane[middle - 1, middle] == plane[middle, middle - 1] == 1
    assert plane[middle, middle] == plane[middle - 1, middle - 1] == -1
    assert np.abs(plane).sum() == 4


def test_planes_are_own_minus_opponent_row_by_row() -> None:
    rng = np.random.default_rng(0)
    own, other = rng.integers(0, 2**64, size=(2, 50), dtype=np.uint64)
    opponent = other & ~own

    planes = board_planes(own, opponent)

    assert planes.shape == (50, 1, 8, 8)
    assert planes.dtype == np.float32
    np.testing.assert_array_equal(planes[:, 0], to_boards(own, opponent))


def test_no_position_gives_no_plane() -> None:
    empty = np.array([], dtype=np.uint64)

    assert board_planes(empty, empty).shape == (0, 1, 8, 8)
    assert legal_actions(empty, empty).shape == (0, 65)


@pytest.mark.parametrize("size", [6, 8])
def test_actions_and_squares_are_inverse(size: int) -> None:
    actions = np.arange(size * size + 1)

    squares = squares_of_actions(actions, size=size)

    np.testing.assert_array_equal(actions_of_squares(squares, size=size), actions)
    assert squares[-1] == PASS


def test_a_move_that_was_not_made_has_no_action() -> None:
    assert actions_of_squares([-1, 0, 63], size=8).tolist() == [-1, 0, 63]


@pytest.mark.parametrize("square", [0, 7, 8, 65, -2, 1000])
def test_a_square_outside_the_board_is_refused(square: int) -> None:
    with pytest.raises(ValueError, match="outside the 6 x 6 board"):
        actions_of_squares([square], size=6)


@pytest.mark.parametrize("action", [-1, 37])
def test_an_action_outside_the_board_is_refused(action: int) -> None:
    with pytest.raises(ValueError, match="outside 0 to 36"):
        squares_of_actions([action], size=6)


def test_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="size is 10, expected 6 or 8"):
        board_planes([1], [2], size=10)


@pytest.mark.parametrize("size", [6, 8])
def test_legal_actions_are_the_legal_moves(size: int) -> None:
    own, opponent = start(size)

    (legal,) = legal_actions([own], [opponent], size=size)

    squares = squares_of_actions(np.flatnonzero(legal), size=size)
    moves = int(legal_moves(own, opponent, size=size))
    assert sum(1 << int(square) for square in squares) == moves


def test_a_pass_is_legal_only_without_a_move() -> None:
    stuck = Position.from_obf("XO" + "-" * 62 + " O")
    free = Position.from_obf("XO" + "-" * 62 + " X")

    legal = legal_actions([stuck.own, free.own], [stuck.opponent, free.opponent])

    assert np.flatnonzero(legal[0]).tolist() == [64]
    assert np.flatnonzero(legal[1]).tolist() == [2]


@pytest.mark.parametrize("size", [6, 8])
def test_an_encoding_lists_planes_by_name(size: int) -> None:
    games = Corpus.from_games(random_games(3, size=size))
    own, opponent = games.own, games.opponent
    encoding = Encoding.of("own-opponent-empty-ones-zeros2-legal", size)

    planes = encoding.bitboards(own, opponent, size=size)

    discs = board_planes(own, opponent, size=size, planes=2)
    np.testing.assert_array_equal(planes[:, :2], discs)
    np.testing.assert_array_equal(planes[:, 2], 1 - discs.sum(1))
    assert (planes[:, 3] == 1).all()
    assert not planes[:, 4:6].any()
    legal = legal_actions(own, opponent, size=size)[:, :-1]
    np.testing.assert_array_equal(planes[:, 6].reshape(len(planes), -1), legal)
    minus = Encoding.of("own-minus-opponent", size).bitboards(own, opponent, size=size)
    np.testing.assert_array_equal(minus, board_planes(own, opponent, size=size))
