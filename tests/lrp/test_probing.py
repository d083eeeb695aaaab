"""Questions to a network about any board."""

from conceptlrp.lrp.probing import boards_of
from tests.lrp.conftest import random_corpus


def test_boards_of_a_small_board_are_cut_out() -> None:
    corpus = random_corpus(1, size=6)

    boards = boards_of(corpus)

    assert boards.shape == (len(corpus), 6, 6)
    assert boards[0].sum() == 0
    assert (boards[0, 2:4, 2:4] != 0).all()
