import numpy as np
import pytest

from conceptlrp.exports.virelay_project import board_pictures, enlarged
from conceptlrp.othello import BLACK, Corpus
from tests.othello.playouts import random_games

FELT = (0xC9, 0xD8, 0xCC)


def middles(pictures, size):
    """Colour of the middle of every square, a third off its centre."""
    side = 128 // size
    edge = (128 - side * size) // 2
    at = edge + side * np.arange(size) + side // 2
    return pictures[:, :, at[:, None], at + side // 4]


@pytest.mark.parametrize("size", [6, 8])
def test_discs_are_black_and_white_on_felt(size):
    corpus = Corpus.from_games(random_games(2, seed=1, size=size))

    colors = middles(board_pictures(corpus), size)

    edge = (8 - size) // 2
    for i in range(len(corpus)):
        position = corpus.position(i)
        for rank in range(size):
            for file in range(size):
                bit = 1 << (8 * (rank + edge) + file + edge)
                black, white = position.black & bit, position.white & bit
                expected = (0, 0, 0) if black else (255, 255, 255) if white else FELT
                assert tuple(colors[i, :, rank, file]) == expected


def test_the_last_move_has_a_dot_of_the_other_colour():
    corpus = Corpus.from_games(random_games(1, seed=1))[5:6]
    position = corpus.position(0)

    picture = board_pictures(corpus)[0]

    rank, file = divmod(position.last, 8)
    is_black = bool(position.black & (1 << position.last))
    dot = 255 if is_black else 0
    assert (picture[:, 16 * rank + 8, 16 * file + 8] == dot).all()


def test_a_board_of_no_game_has_no_dot():
    boards = np.zeros((1, 8, 8), int)
    boards[0, 0, 0] = 1
    corpus = Corpus.from_boards(boards)

    assert corpus.mover[0] == BLACK
    assert (board_pictures(corpus)[0, :, 8, 8] == 0).all()


@pytest.mark.parametrize("size", [6, 8])
def test_enlarged_squares_lie_where_those_of_the_board_do(size):
    maps = np.arange(1, size**2 + 1).reshape(1, size, size)

    large = enlarged(maps)[:, None]

    assert (middles(large, size)[0, 0] == maps[0]).all()
    assert set(np.unique(large)) - {0} == set(range(1, size**2 + 1))
