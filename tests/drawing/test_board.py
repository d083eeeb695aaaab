import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from conceptlrp.drawing import board_svg
from conceptlrp.drawing.board import CORE, TINT, UNDER
from conceptlrp.drawing.colors import AGAINST, FELT, FOR, LEVELS, levels
from conceptlrp.othello import Position, parse_square
from tests.othello.playouts import random_moves

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def midgame():
    return Position.from_transcript("f5d6c3d3c4f4f6f3e6e7d7c5f7")


def paths(svg, **attributes):
    """Paths of the picture with the given attributes."""
    return [
        path.get("d")
        for path in ET.fromstring(svg).iter(f"{SVG}path")
        if all(path.get(name.replace("_", "-")) == v for name, v in attributes.items())
    ]


def points(d):
    return {(int(x), int(y)) for x, y in re.findall(r"M(-?\d+) (-?\d+)h0", d)}


def drawn_levels(svg, taken):
    """Read the heatmap back from the colours of the squares."""
    found = np.zeros(taken.shape, int)
    for color, sign in ((FOR, 1), (AGAINST, -1)):
        for path in ET.fromstring(svg).iter(f"{SVG}path"):
            if path.get("stroke") != color or path.get("stroke-opacity") is None:
                continue
            for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)", path.get("d")):
                place = int(y), slice(int(x), int(x) + int(length))
                full = UNDER if taken[place].all() else TINT
                step = float(path.get("stroke-opacity")) / full * LEVELS
                found[place] = sign * round(step)
    return found


def drawn_cores(svg):
    """Read the squares with a coloured core, and its part of the largest area."""
    return {
        place: (float(path.get("stroke-width")) / CORE) ** 2 * sign
        for color, sign in ((FOR, 1), (AGAINST, -1))
        for path in ET.fromstring(svg).iter(f"{SVG}path")
        if path.get("stroke") == color and path.get("stroke-width")
        for place in points(path.get("d"))
    }


def taken_squares(position):
    word = position.black | position.white
    return np.array([word >> s & 1 for s in range(64)], bool).reshape(8, 8)


def test_discs_stand_where_the_position_has_them(midgame):
    svg = board_svg(midgame)
    (every,), (white,) = (paths(svg, stroke_width=w) for w in ("0.82", "0.74"))

    def squares(word):
        return {(s % 8, s // 8) for s in range(64) if word >> s & 1}

    assert points(every) == squares(midgame.black | midgame.white)
    assert points(white) == squares(midgame.white)


def test_the_heatmap_can_be_read_back_from_the_picture(midgame):
    heatmap = np.random.default_rng(0).normal(size=(8, 8))

    svg = board_svg(midgame, heatmap=heatmap, limit=2.0)

    taken = taken_squares(midgame)
    steps = levels(heatmap, 2.0)
    np.testing.assert_array_equal(drawn_levels(svg, taken), steps)
    cores = drawn_cores(svg)
    assert set(cores) == {
        (x, y) for y, x in zip(*np.nonzero(taken & (np.abs(steps) > 1)), strict=True)
    }
    for (x, y), area in cores.items():
        assert area == pytest.approx(steps[y, x] / LEVELS, abs=0.02)


def test_discs_are_as_large_with_a_heatmap_as_without(midgame):
    svg = board_svg(midgame, heatmap=np.ones((8, 8)))

    assert paths(svg, stroke_width="0.82") == paths(
        board_svg(midgame), stroke_width="0.82"
    )


def test_a_map_of_zeros_is_the_bare_board(midgame):
    svg = board_svg(midgame, heatmap=np.zeros((8, 8)))

    assert svg == board_svg(midgame)
    assert paths(svg, fill=FELT)


def test_a_board_takes_at_most_5600_bytes_even_over_noise():
    random = np.random.default_rng(0)
    for moves in random_moves(4, seed=1):
        position = Position.start()
        for move in moves[:40]:
            if position.must_pass:
                position = position.play(64)
            position = position.play(int(move))
        noise = random.uniform(-1, 1, (8, 8))

        assert len(board_svg(position, heatmap=noise, mark=0)) <= 5600


def test_the_same_arguments_give_the_same_picture(midgame):
    heatmap = np.random.default_rng(0).normal(size=(8, 8))

    assert board_svg(midgame, heatmap=heatmap) == board_svg(midgame, heatmap=heatmap)


def test_the_position_is_told_in_words(midgame):
    root = ET.fromstring(board_svg(midgame, title="The 13th move"))

    assert root.get("role") == "img"
    label = root.get("aria-label")
    assert label == (f"The 13th move: white to move, {midgame.obf()}, last move f7")
    assert root.find(f"{SVG}title").text == "The 13th move"


@pytest.mark.parametrize(
    "title", ["<script>", "a \"b\" 'c' & d", "\x00\x1b[31m", "\u202e"]
)
def test_hostile_titles_are_text(midgame, title):
    root = ET.fromstring(board_svg(midgame, title=title))

    assert root.find(f".//{SVG}script") is None
    expected = "".join(c if c.isprintable() else " " for c in title)
    assert root.find(f"{SVG}title").text == expected


def test_a_position_draws_itself_in_a_notebook(midgame):
    assert midgame._repr_svg_() == board_svg(midgame, size_px=240)


def test_legal_moves_are_dots(midgame):
    (dots,) = paths(board_svg(midgame), stroke_width=".16")

    assert points(dots) == {(s % 8, s // 8) for s in midgame.legal_moves}
    assert not paths(board_svg(midgame, legal=False), stroke_width=".16")


def test_the_marked_move_has_a_cross_and_no_dot(midgame):
    square = midgame.legal_moves[0]

    svg = board_svg(midgame, mark=square)

    assert (square % 8, square // 8) not in points(paths(svg, stroke_width=".16")[0])
    assert len(paths(svg, stroke_width=".11")) == 1


@pytest.mark.parametrize("moves", ["f5", "f5d6"])
def test_the_square_of_the_last_move_has_a_frame(moves):
    position = Position.from_transcript(moves)

    (frame,) = paths(board_svg(position), stroke_width=".07")

    last = parse_square(moves[-2:])
    assert frame == f"M{last % 8 - 0.45:g} {last // 8 - 0.45:g}h.9v.9h-.9z"
    assert not paths(board_svg(position, last=False), stroke_width=".07")


def test_a_6x6_board_has_36_squares():
    position = Position.start(6)
    heatmap = np.arange(64.0).reshape(8, 8)

    svg = board_svg(position, heatmap=heatmap, coordinates=False)

    assert 'viewBox="0 0 6 6"' in svg
    assert points(paths(svg, stroke_width="0.74")[0]) == {(2, 2), (3, 3)}
    assert svg == board_svg(position, heatmap=heatmap[1:7, 1:7], coordinates=False)


def test_coordinates_can_be_left_out(midgame):
    assert "abcdefgh" in board_svg(midgame)
    assert "abcdefgh" not in board_svg(midgame, coordinates=False)


def test_a_flat_heatmap_is_refused_with_its_shape(midgame):
    with pytest.raises(ValueError, match=r"shape \(64,\), expected \(8, 8\) or"):
        board_svg(midgame, heatmap=np.zeros(64))


def test_the_last_move_of_a_6x6_board_is_named_from_its_own_corner():
    svg = board_svg(Position.start(6).play("c2"))

    assert ET.fromstring(svg).get("aria-label").endswith("last move c2")
