import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from conceptlrp.atlas.pictures.page_boards import (
    page_board,
    position_marks,
    position_words,
)
from conceptlrp.atlas.site import make_templates
from conceptlrp.drawing.colors import LEVELS, level_colors, levels
from conceptlrp.othello import Position
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
