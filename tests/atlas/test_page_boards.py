import re
import struct
import zlib
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from conceptlrp.atlas.pictures.page_boards import (
    CardMaker,
    page_board,
    png,
    position_marks,
    position_words,
    sprite,
)
from conceptlrp.atlas.site import make_templates
from conceptlrp.drawing.colors import LEVELS, level_colors, levels, to_rgb
from conceptlrp.othello import Position, square_name
from conceptlrp.reference.boards import describe_boards
from conceptlrp.report.words.numbers import compact
from conceptlrp.store import Ranking
from tests.othello.playouts import random_moves


@pytest.fixture
def midgame():
    return Position.from_transcript("f5d6c3d3c4f4f6f3e6e7d7c5f7")


def drawn(marks, name):
    """Squares on which runs of a class stand."""
    path = re.search(rf'class="{name}" d="([^"]*)"', marks)
    found = set()
    for x, y, length in re.findall(r"M(\d+) (\d+)h([\d.]+)", path[1] if path else ""):
        found |= {(int(x) + i, int(y)) for i in range(int(float(length)) + 1)}
    return found


def squares(word):
    return {(s % 8, s // 8) for s in range(64) if word >> s & 1}


def test_discs_and_legal_moves_stand_where_the_position_has_them(midgame):
    marks = position_marks(midgame)

    assert drawn(marks, "k") == squares(midgame.black | midgame.white)
    assert drawn(marks, "w") == squares(midgame.white)
    assert drawn(marks, "l") == {(s % 8, s // 8) for s in midgame.legal_moves}


def test_runs_do_not_reach_around_the_edge_of_the_board():
    full = Position(0, 2**64 - 1)

    marks = position_marks(full)

    assert drawn(marks, "k") == {(x, y) for x in range(8) for y in range(8)}
    assert marks.count("h7.1") == 2 * 8


def test_the_explained_move_has_a_cross_and_no_dot(midgame):
    square = midgame.legal_moves[0]

    marks = position_marks(midgame, mark=square)

    place = square % 8, square // 8
    assert place not in drawn(marks, "l")
    assert f'<use href="#cross" x="{place[0]}" y="{place[1]}"/>' in marks


def test_the_heatmap_can_be_read_back_from_the_picture():
    heatmap = np.random.default_rng(0).normal(size=(8, 8))

    svg = page_board(8, "", "", heatmap=heatmap, limit=2.0)

    found = np.zeros((8, 8), int)
    for step, color in enumerate(level_colors(), start=-LEVELS):
        for d in re.findall(rf'stroke="{color}" d="([^"]*)"', svg) if step else []:
            for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)", d):
                found[int(y), int(x) : int(x) + int(length)] = step
    np.testing.assert_array_equal(found, levels(heatmap, 2.0))


def test_a_board_tells_its_position_in_words(midgame):
    words = position_words(midgame, mark=midgame.legal_moves[0])

    assert words.startswith("White to move, explained move ")
    assert words.endswith("last move f7, 9 black and 8 white discs")


@pytest.mark.parametrize("size", [6, 8])
def test_a_board_with_its_kit_is_well_formed(size):
    position = Position.start(size)
    heatmap = np.ones((8, 8))

    svg = page_board(size, '"<b>&', position_marks(position), heatmap=heatmap, limit=1)
    pictures = make_templates("conceptlrp.atlas").get_template("pictures.html").module
    kit = pictures.board_kit(size)

    root = ET.fromstring(f"<div>{kit}{svg}</div>")
    ids = {each.get("id") for each in root.iter() if each.get("id")}
    uses = {each.get("href")[1:] for each in root.iter("use")}
    assert uses <= ids
    assert root[1].get("aria-label") == '"<b>&'


def test_a_board_takes_at_most_1800_bytes_even_over_noise():
    random = np.random.default_rng(0)
    for moves in random_moves(4, seed=1):
        position = Position.start()
        for move in moves[:40]:
            if position.must_pass:
                position = position.play(64)
            position = position.play(int(move))
        noise = random.uniform(-1, 1, (8, 8))

        marks = position_marks(position, mark=0)
        words = position_words(position, mark=0)

        board = page_board(8, words, marks, heatmap=noise, limit=1.0)
        assert len(board) <= 1800


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


def read_png(content):
    """Decode an unfiltered 8-bit RGB picture, checking every chunk's sum."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        kind, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        check = struct.unpack_from(">I", content, at + 8 + length)[0]
        assert check == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + length
    width, height, depth, color = struct.unpack_from(">IIBB", chunks[b"IHDR"])
    assert (depth, color) == (8, 2)
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8)
    return lines.reshape(height, 1 + 3 * width)[:, 1:].reshape(height, width, 3)


def test_a_picture_is_read_back_pixel_by_pixel():
    rgb = np.random.default_rng(0).integers(0, 256, (5, 9, 3), dtype=np.uint8)

    np.testing.assert_array_equal(read_png(png(rgb)), rgb)


def test_every_channel_has_its_tile_on_a_scale_of_its_own():
    maps = np.random.default_rng(0).normal(size=(5, 8, 8))
    maps[3] *= 1000

    picture = sprite(maps, columns=3)

    assert picture.shape == (16, 24, 3)
    largest = np.abs(maps[3]).max()
    tile = picture[8:16, 0:8]
    assert (tile.astype(int) - to_rgb(maps[3], largest)).__abs__().max() <= 12
    assert (picture[8:16, 16:24] == 255).all()
