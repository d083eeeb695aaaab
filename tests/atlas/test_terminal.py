import io
import re

import numpy as np
import pytest
from rich.console import Console

from conceptlrp.atlas import board_text
from conceptlrp.atlas.terminal import reference_table
from conceptlrp.drawing.colors import to_rgb
from conceptlrp.othello import Position
from conceptlrp.reference import reference_boards


def printed(renderable, **options):
    console = Console(width=100, file=io.StringIO(), **options)
    console.print(renderable)
    return console.file.getvalue()


def test_a_board_is_legible_without_colours():
    position = Position.from_transcript("f5d6")

    lines = board_text(position, mark=position.legal_moves[0]).plain.splitlines()

    assert lines[0] == "  a b c d e f g h"
    assert sum(line.count("●") for line in lines) == position.black.bit_count()
    assert sum(line.count("○") for line in lines) == position.white.bit_count()
    assert sum(line.count("×") for line in lines) == 1


def test_relevance_is_the_background_of_its_square():
    heatmap = np.zeros((8, 8))
    heatmap[0, 7] = -1

    text = board_text(Position.start(), heatmap=heatmap)

    blue = f"black on #{bytes(to_rgb(-0.6, 1.0).tolist()).hex()}"
    assert [span.style for span in text.spans].index(blue) == 7
    assert [span.style for span in text.spans].count("black on #ffffff") == 63


@pytest.mark.parametrize("by", ["share", "activation"])
def test_the_boards_of_a_channel_are_printed_with_their_games(store, by):
    boards = reference_boards(store, "conv1", 0, 3, by=by)

    text = printed(reference_table(boards))

    for played in boards.played:
        assert re.search(f"(black|white) {played}", text)
    assert "White" in text
    assert ("%" in text) == (by == "share")


def test_a_6x6_board_is_printed_with_its_own_coordinates(small_board_store):
    boards = reference_boards(small_board_store, "conv1", 0, 1)

    assert re.search("a b c d e f +\n", printed(reference_table(boards)))
