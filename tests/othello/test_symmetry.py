import numpy as np
import pytest
from hypothesis import given, strategies as st

from conceptlrp.othello import (
    NO_MOVE,
    PASS,
    Corpus,
    legal_moves,
    parse_square,
    square_name,
)
from conceptlrp.othello.board import to_boards
from conceptlrp.othello.symmetry import (
    canonical,
    compose,
    inverse,
    symmetry_words,
    turn,
    turn_maps,
    turn_squares,
)

WORDS = st.integers(0, 2**64 - 1)
SYMMETRIES = st.integers(0, 7)


@given(WORDS, SYMMETRIES)
def test_the_inverse_undoes_a_symmetry(word, s):
    assert int(turn(turn(word, s), inverse(s))) == word


@given(WORDS, SYMMETRIES, SYMMETRIES)
def test_composing_equals_turning_twice(word, first, then):
    assert turn(turn(word, first), then) == turn(word, compose(first, then))


@given(st.integers(0, 63), SYMMETRIES)
def test_squares_turn_like_their_bitboards(square, s):
    assert int(turn(1 << square, s)) == 1 << int(turn_squares(square, s))


@given(WORDS, SYMMETRIES)
def test_maps_turn_like_bitboards(word, s):
    assert (turn_maps(to_boards(word, 0), s) == to_boards(turn(word, s), 0)).all()


@pytest.mark.parametrize("size", [8, 6])
@pytest.mark.parametrize("s", range(8))
def test_legal_moves_turn_with_the_position(request, s, size):
    corpus = request.getfixturevalue("corpus" if size == 8 else "small_corpus")
    part: Corpus = corpus[:500]

    legal = legal_moves(turn(part.own, s), turn(part.opponent, s), size=size)

    assert (legal == turn(part.legal, s)).all()


def test_the_eight_symmetries_differ():
    assert len({int(turn(0b110, s)) for s in range(8)}) == 8


def test_symmetries_are_numbered_as_documented():
    assert [int(turn_squares(1, s)) for s in range(8)] == [1, 6, 57, 62, 8, 15, 48, 55]


def test_a_pass_and_no_move_stay_what_they_are():
    for s in range(8):
        assert turn_squares([PASS, NO_MOVE], s).tolist() == [PASS, NO_MOVE]


def test_each_position_can_have_its_own_symmetry(corpus: Corpus):
    s = np.arange(len(corpus)) % 8

    turned, played = turn(corpus.own, s), turn_squares(corpus.played, s)

    for row in range(16):
        assert turned[row] == turn(corpus.own[row], int(s[row]))
        assert played[row] == turn_squares(corpus.played[row], int(s[row]))


def test_maps_can_have_a_symmetry_each():
    maps = np.arange(8 * 3 * 6 * 6).reshape(8, 3, 6, 6)

    turned = turn_maps(maps, np.arange(8))

    for s in range(8):
        assert (turned[s] == turn_maps(maps[s], s)).all()
    assert (turn_maps(turned, inverse(np.arange(8))) == maps).all()


def test_turning_leaves_the_maps_that_were_given_alone():
    maps = np.zeros((2, 8, 8))

    turn_maps(maps, 0)[...] = 1

    assert not maps.any()


def test_canonical_is_the_smallest_of_the_eight_turnings(corpus: Corpus):
    part = corpus.sample(400, seed=5)

    own, opponent, s = canonical(part.own, part.opponent)

    pairs = [
        list(
            zip(
                turn(part.own, k).tolist(), turn(part.opponent, k).tolist(), strict=True
            )
        )
        for k in range(8)
    ]
    smallest = [min(turnings) for turnings in zip(*pairs, strict=True)]
    assert list(zip(own.tolist(), opponent.tolist(), strict=True)) == smallest
    assert (turn(part.own, s) == own).all()
    assert (turn(part.opponent, s) == opponent).all()


@given(st.tuples(WORDS, WORDS), SYMMETRIES)
def test_canonical_is_the_same_for_all_turnings(words, s):
    own, opponent = words[0], words[1] & ~words[0]

    turned = canonical(turn(own, s), turn(opponent, s))

    assert turned[:2] == canonical(own, opponent)[:2]


@pytest.mark.parametrize("s", [8, -1, 1.5])
def test_what_is_no_symmetry_is_refused(s):
    with pytest.raises(ValueError, match="whole numbers from 0 to 7"):
        turn(1, s)


def test_what_is_no_square_is_refused():
    with pytest.raises(ValueError, match="expected -1 to 64"):
        turn_squares([3, 65], 0)


def test_maps_that_are_not_square_are_refused():
    with pytest.raises(ValueError, match=r"shape \(3, 8, 6\)"):
        turn_maps(np.zeros((3, 8, 6)), 1)


def test_symmetries_that_do_not_fit_the_maps_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        turn_maps(np.zeros((3, 8, 8)), np.array([0, 1]))


@pytest.mark.parametrize(
    ("s", "words", "to"),
    [
        (0, "as recorded", "b1"),
        (1, "mirrored left to right", "g1"),
        (2, "mirrored top to bottom", "b8"),
        (3, "turned by half", "g8"),
        (4, "mirrored top right to bottom left", "a2"),
        (5, "turned a quarter to the right", "h2"),
        (6, "turned a quarter to the left", "a7"),
        (7, "mirrored top left to bottom right", "h7"),
    ],
)
def test_a_symmetry_is_said_in_words(s, words, to):
    assert symmetry_words(s) == words
    assert square_name(int(turn_squares(parse_square("b1"), s))) == to
