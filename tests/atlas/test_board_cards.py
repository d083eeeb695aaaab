import numpy as np

from conceptlrp.atlas.pictures.page_boards import CardMaker
from conceptlrp.othello import square_name
from conceptlrp.reference.boards import describe_boards
from conceptlrp.report.words.numbers import compact
from conceptlrp.store import Ranking


def cards(store, rows, scores, **options):
    ranking = Ranking(np.array(rows), np.array(scores, np.float32))
    boards = describe_boards(store, ranking)
    return CardMaker(store, **options).cards(boards, write=compact)


def test_a_card_tells_the_game_and_the_text_to_copy(store):
    (card,) = cards(store, [40], [0.25])

    corpus = store.positions
    assert card.score == "0.25"
    assert card.description == corpus.describe(40)
    assert card.transcript == corpus.transcript(40)
    assert card.obf == corpus.position(40).obf()
    assert card.move.endswith(square_name(int(corpus.played[40])))


def test_a_card_tells_what_the_network_thinks_of_the_move(store):
    (card,) = cards(store, [40], [0.25])

    # The network of this store gives every legal move the same probability.
    moves = len(store.positions.position(40).legal_moves)
    assert card.network.startswith(f"policy {100 / moves:.2g}")
    assert card.network.endswith("%, value +0.00")


def test_a_value_target_has_no_explained_move(store):
    (card,) = cards(store, [40], [0.25], target="value")

    assert card.move in ("Black to move", "White to move")
    assert "policy" not in card.network


def test_boards_come_in_the_order_of_the_rows(store):
    found = cards(store, [9, 3, 9], [0.0, 1.0, 2.0])

    assert [card.row for card in found] == [9, 3, 9]
    assert found[0].svg == found[2].svg
