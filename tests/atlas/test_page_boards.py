from html.parser import HTMLParser

import numpy as np
import pytest

from conceptlrp.atlas.pictures.page_boards import (
    CardMaker,
    map_only,
    page_board,
)
from conceptlrp.othello import Position, square_name
from conceptlrp.reference.boards import describe_boards
from conceptlrp.report.words.numbers import compact
from conceptlrp.store import Ranking

LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def midgame():
    return Position.from_transcript("f5d6c3d3c4f4f6f3e6e7d7c5f7")


class Boards(HTMLParser):
    """Reads boards as the script does."""

    def __init__(self, text):
        super().__init__()
        self.found, self.data = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        assert tag == "span"
        self.data.append(dict(attributes))

    def handle_data(self, text):
        self.found.append(text)


def read(board):
    """Read a board back: its attributes, its squares, and its heatmap."""
    parser = Boards(board)
    (data,), (text,) = parser.data, parser.found
    letters, largest = data.get("data-h", ""), float(data.get("data-s", 0))
    heat = [(LETTERS.index(c) - 30) / 30 * largest for c in letters]
    return data, text, np.array(heat)


def test_discs_stand_where_the_position_has_them(midgame):
    data, text, _ = read(page_board(midgame))

    assert text == midgame.obf().split()[0]
    assert (data["data-m"], data["data-l"]) == ("o", "f7")
    assert "data-k" not in data


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_heatmap_can_be_read_back_to_a_thirtieth(midgame, scale):
    heatmap = np.random.default_rng(0).normal(size=(8, 8)) * scale

    _, _, heat = read(page_board(midgame, heatmap=heatmap))

    largest = np.abs(heatmap).max()
    assert np.abs(heat.reshape(8, 8) - heatmap).max() <= largest / 60 + largest * 1e-3


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_has_no_colour(midgame, bad):
    heatmap = np.zeros((8, 8))
    heatmap[0, :2] = 1.0, bad

    _, _, heat = read(page_board(midgame, heatmap=heatmap))

    assert heat.tolist() == [1.0, *[0.0] * 63]


def test_a_map_of_zeros_is_no_map(midgame):
    assert page_board(midgame, heatmap=np.zeros((8, 8))) == page_board(midgame)


def test_a_6x6_board_has_36_squares_and_names_its_own(midgame):
    position = Position.start(6).play("c2")
    heatmap = np.arange(64.0).reshape(8, 8)

    data, text, heat = read(page_board(position, heatmap=heatmap, mark=9))

    assert (len(text), len(heat), data["data-n"]) == (36, 36, "6")
    assert (data["data-l"], data["data-k"]) == ("c2", "a1")
    assert page_board(position, heatmap=heatmap[1:7, 1:7]) == page_board(
        position, heatmap=heatmap
    )
    assert read(map_only(6, heatmap))[1] == "-" * 36


def test_what_is_known_is_quoted():
    data, _, _ = read(page_board(Position.start(), p='"<b>&'))

    assert data["data-p"] == '"<b>&'


def test_a_board_takes_at_most_400_bytes_with_its_game(store):
    row = int(np.argmax(np.asarray(store.positions.ply)))
    noise = np.random.default_rng(0).uniform(-1, 1, (8, 8))

    board = CardMaker(store).board(row, heatmap=noise)

    assert len(board) <= 400
    data, _, _ = read(board)
    moves = data["data-g"][: 2 * int(data["data-y"])]
    position = store.positions.position(row)
    turned = Position.from_transcript(moves).turned(int(data.get("data-t", 0)))
    assert page_board(turned) == page_board(position)
    assert data["data-r"] == str(row)


def cards(store, rows, scores, **options):
    ranking = Ranking(np.array(rows), np.array(scores, np.float32))
    boards = describe_boards(store, ranking)
    return CardMaker(store, **options).cards(boards, write=compact)


def test_a_card_tells_the_game_and_the_text_to_copy(store):
    (card,) = cards(store, [40], [0.25])

    corpus = store.positions
    assert card.score == "0.25"
    assert card.description == corpus.describe(40)
    assert card.copied.moves == corpus.transcript(40)
    assert card.copied.turned == ""
    assert card.copied.obf == corpus.position(40).obf()
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
