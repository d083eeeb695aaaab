import numpy as np

from conceptlrp.atlas.board_cards import BoardShelf
from conceptlrp.othello import square_name
from conceptlrp.report.wording import compact


def test_a_card_tells_the_game_and_the_text_to_copy(store):
    (card,) = BoardShelf(store).cards(np.array([40]), np.array([0.25]), write=compact)

    corpus = store.positions
    assert card.score == "0.25"
    assert card.description == corpus.describe(40)
    assert card.transcript == corpus.transcript(40)
    assert card.obf == corpus.position(40).obf()
    assert card.move.endswith(square_name(int(corpus.played[40])))


def test_a_value_target_has_no_explained_move(store):
    shelf = BoardShelf(store, target="value")

    (card,) = shelf.cards(np.array([40]), np.array([0.25]), write=compact)

    assert card.move in ("Black to move", "White to move")


def test_boards_come_in_the_order_of_the_rows(store):
    rows = np.array([9, 3, 9])

    cards = BoardShelf(store).cards(rows, np.arange(3.0), write=compact)

    assert [card.row for card in cards] == [9, 3, 9]
    assert cards[0].svg == cards[2].svg
