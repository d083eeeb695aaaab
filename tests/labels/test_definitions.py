import numpy as np
import pytest

from conceptlrp.labels import Labels
from conceptlrp.othello import Corpus
from tests.labels.slow import NUMBERS, SETS, SlowBoard

ROWS = slice(0, 160)


@pytest.fixture(scope="module")
def boards(corpus: Corpus) -> list[SlowBoard]:
    return slow(corpus)


@pytest.fixture(scope="module")
def small_boards(small_corpus: Corpus) -> list[SlowBoard]:
    return slow(small_corpus)


def slow(corpus: Corpus) -> list[SlowBoard]:
    pairs = zip(corpus.own[ROWS].tolist(), corpus.opponent[ROWS].tolist(), strict=True)
    return [SlowBoard(own, opponent, corpus.size) for own, opponent in pairs]


@pytest.mark.parametrize("name", SETS)
def test_a_set_of_squares_equals_its_slow_definition(
    name: str, labels: Labels, boards: list[SlowBoard]
):
    expected = [board.word(SETS[name](board)) for board in boards]

    assert labels.masks[name][ROWS].tolist() == expected


@pytest.mark.parametrize("name", SETS)
def test_a_set_of_squares_of_the_small_board_equals_its_slow_definition(
    name: str, small_labels: Labels, small_boards: list[SlowBoard]
):
    expected = [board.word(SETS[name](board)) for board in small_boards]

    assert small_labels.masks[name][ROWS].tolist() == expected


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_equals_its_slow_definition(
    name: str, labels: Labels, boards: list[SlowBoard]
):
    expected = [NUMBERS[name](board) for board in boards]

    assert labels.position[name][ROWS].tolist() == expected


def test_the_boards_compared_have_nearly_every_label(labels: Labels):
    missing = {name for name in SETS if not labels.masks[name][ROWS].any()}

    # A game that can be won by a wipe-out is rare, even among random ones.
    assert missing <= {"wipe-out moves", "own balanced edge", "opponent balanced edge"}
    assert np.ptp(labels.position["region count"][ROWS]) > 3
