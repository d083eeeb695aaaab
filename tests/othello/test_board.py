from collections import Counter

import numpy as np
import pytest

from conceptlrp.errors import IllegalMoveError
from conceptlrp.othello import (
    NO_MOVE,
    PASS,
    Corpus,
    Position,
    flips,
    legal_moves,
    phases,
    play,
)
from conceptlrp.othello.board import (
    PHASES,
    REGION,
    count,
    final_score,
    is_over,
    squares,
    start,
    to_boards,
)
from conceptlrp.othello.replay import replay
from tests.othello.perft import perft
from tests.othello.playouts import random_moves

PERFT_8 = [1, 4, 12, 56, 244, 1396, 8200, 55092, 390216, 3005288]
PERFT_6 = [1, 4, 12, 56, 244, 1364, 7604, 47740, 308716]


def test_perft_counts_match_the_published_table():
    assert [perft(depth) for depth in range(10)] == PERFT_8


def test_perft_counts_of_the_small_board_match_the_table():
    assert [perft(depth, size=6) for depth in range(9)] == PERFT_6


@pytest.mark.slow
def test_perft_keeps_finished_games_as_leaves():
    assert perft(10) == 24571284


@pytest.mark.slow
def test_perft_of_the_small_board_keeps_finished_games_as_leaves():
    assert perft(10, size=6) == 14976792


def test_the_rules_agree_with_another_implementation():
    rust = pytest.importorskip("rust_reversi")
    moves = random_moves(1000, seed=7)
    found = replay(moves)
    legal = legal_moves(found.own, found.opponent).tolist()
    turn = found.mover.tolist()
    position = 0

    for game, row in enumerate(moves.tolist()):
        board = rust.Board()
        for square in row[: row.index(NO_MOVE) if NO_MOVE in row else None]:
            if board.is_pass():
                board.do_pass()
            assert (board.get_turn() == rust.Turn.WHITE) == turn[position]
            assert sorted(board.get_legal_moves_vec()) == squares(legal[position])
            board.do_move(square)
            position += 1
        assert board.is_game_over()
        assert board.is_black_win() == (found.score[game] > 32)
        assert board.is_draw() == (found.score[game] == 32)
    assert position == len(found.own)


def test_legal_moves_of_integers_equal_those_of_arrays(corpus: Corpus):
    part = corpus[:300]

    one_by_one = [
        int(legal_moves(int(own), int(opponent)))
        for own, opponent in zip(part.own, part.opponent, strict=True)
    ]

    assert legal_moves(part.own, part.opponent).tolist() == one_by_one


def test_a_move_is_legal_exactly_when_it_turns_discs_over(corpus: Corpus):
    part = corpus.sample(500, seed=3)
    every = np.arange(64)

    turned = flips(part.own[:, None], part.opponent[:, None], every)

    bits = np.left_shift(np.uint64(1), every.astype(np.uint64))
    legal = part.legal[:, None] & bits
    assert ((turned != 0) == (legal != 0)).all()


def test_a_long_array_gives_the_same_as_its_parts(corpus: Corpus):
    own, opponent = np.tile(corpus.own, 3), np.tile(corpus.opponent, 3)

    found = legal_moves(own, opponent)

    assert (found == np.tile(corpus.legal, 3)).all()


def test_sides_broadcast_and_keep_their_shape():
    own, opponent = start()

    found = legal_moves(np.full((2, 3), own, np.uint64), opponent)

    assert found.shape == (2, 3)
    assert squares(found[1, 2]) == [19, 26, 37, 44]


def test_a_move_turns_discs_over_in_all_eight_directions():
    ring = Position.from_obf(
        "---------XXXXX---XOOOX---XO-OX---XOOOX---XXXXX------------------ X"
    )

    turned = flips(ring.own, ring.opponent, 8 * 3 + 3)

    assert int(turned) == ring.opponent


def test_a_line_does_not_run_over_the_edge_of_the_board():
    own, opponent = 1 << 6, 1 << 7

    assert int(flips(own, opponent, 8)) == 0
    assert int(legal_moves(own, opponent)) == 0


def test_a_line_of_six_discs_is_turned_over():
    own, opponent = 1 << 7, 0b1111110

    assert int(flips(own, opponent, 0)) == opponent


def test_a_taken_square_turns_nothing_over():
    own, opponent = start()

    assert flips(own, opponent, [27, 28, PASS, NO_MOVE]).tolist() == [0, 0, 0, 0]


def test_moves_outside_the_small_board_are_not_legal(small_corpus: Corpus):
    legal = small_corpus.legal
    outside = np.uint64(REGION[8] & ~REGION[6])

    edge = flips(1 << 12, 1 << 11 | 1 << 10 | 1 << 9, 8, size=6)

    assert not (legal & outside).any()
    assert int(edge) == 0


def test_playing_a_pass_only_swaps_the_sides():
    own, opponent = start()

    assert play(own, opponent, PASS) == (opponent, own)


def test_an_illegal_move_is_refused_with_its_index():
    own, opponent = start()

    with pytest.raises(IllegalMoveError, match="move 20 at index 1"):
        play(own, opponent, [19, 20])


def test_the_winner_is_given_the_empty_squares():
    own = np.array([0b111, 0b1, 0b11], np.uint64)
    opponent = np.array([0b1000, 0b1110, 0b1100], np.uint64)

    assert final_score(own, opponent, 8).tolist() == [63, 1, 32]
    assert int(final_score(0b111 << 9, 1 << 17, 6)) == 35


def test_a_wiped_out_side_ends_the_game():
    assert bool(is_over(0b111, 0))
    assert not bool(is_over(*start()))


def test_boards_have_rank_1_on_top():
    own, opponent = start()

    board = to_boards(own, opponent)

    assert board.shape == (8, 8)
    assert board[3, 4] == board[4, 3] == 1
    assert board[3, 3] == board[4, 4] == -1
    assert np.abs(board).sum() == 4


def test_boards_count_as_many_discs_as_bitboards(corpus: Corpus):
    boards = to_boards(corpus.own, corpus.opponent)

    assert boards.shape == (len(corpus), 8, 8)
    assert ((boards == 1).sum(axis=(1, 2)) == count(corpus.own)).all()


@pytest.mark.parametrize("size", [0, 7, 10, "8"])
def test_other_board_sizes_are_refused(size):
    with pytest.raises(ValueError, match="expected 8 or 6"):
        legal_moves(*start(), size=size)


def test_bitboards_of_floats_are_refused():
    with pytest.raises(TypeError, match="expected uint64"):
        legal_moves(np.zeros(3), np.zeros(3))


def test_a_game_has_three_phases_of_twenty_moves():
    found = Counter(PHASES[p] for p in phases(np.arange(1, 61)))

    assert found == {"opening": 20, "midgame": 20, "endgame": 20}
    assert phases([0]).tolist() == [2]


def test_phases_of_the_small_board_are_a_third_of_its_moves():
    assert phases([32, 22, 21, 11, 10, 0], size=6).tolist() == [0, 0, 1, 1, 2, 2]


def test_six_parts_of_a_game_have_ten_moves_each():
    assert Counter(phases(np.arange(1, 61), bins=6).tolist()) == dict.fromkeys(
        range(6), 10
    )


def test_no_parts_of_a_game_are_refused():
    with pytest.raises(ValueError, match="bins is 0, expected at least 1"):
        phases([30], bins=0)
