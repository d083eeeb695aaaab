from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import EllipseCollection, LineCollection, QuadMesh

from conceptlrp.drawing.colors import symmetric_limit
from conceptlrp.figures.boards import board, reference_figure
from conceptlrp.othello import Position
from tests.figures.conftest import reference_boards
from tests.figures.reading import SVG, svg_of, texts


def places(axes, color):
    """Squares on which discs of a colour stand."""
    found = set()
    for each in axes.findobj(EllipseCollection):
        is_disc = each.get_linewidth()[0] > 0
        if is_disc and tuple(each.get_facecolor()[0][:3]) == color:
            found |= {8 * int(y) + int(x) for x, y in each.get_offsets()}
    return found


def squares(word):
    return {square for square in range(64) if word >> square & 1}


def test_discs_stand_where_the_position_has_them(midgame, heatmap):
    axes = board(midgame, heatmap).axes[0]

    assert places(axes, (0, 0, 0)) == squares(midgame.black)
    assert places(axes, (1, 1, 1)) == squares(midgame.white)


def test_the_limits_are_symmetric_and_printed(midgame, heatmap):
    figure = board(midgame, 3 * heatmap / np.abs(heatmap).max(), unit="logits")

    (mesh,) = figure.axes[0].findobj(QuadMesh)
    assert mesh.get_clim() == (-3.0, 3.0)
    assert {"−3.0", "0", "+3.0", "relevance", "logits"} <= set(texts(figure))


def test_row_0_of_the_heatmap_is_rank_1_on_top(midgame):
    heatmap = np.zeros((8, 8))
    heatmap[0, 7] = 1

    axes = board(midgame, heatmap).axes[0]

    (mesh,) = axes.findobj(QuadMesh)
    assert mesh.get_array().reshape(8, 8)[0, 7] == 1
    assert axes.yaxis_inverted()


def test_the_explained_move_has_a_cross(midgame, heatmap):
    def crosses(figure):
        lines = figure.axes[0].findobj(LineCollection)
        return [
            tuple(np.mean(each.get_segments(), axis=(0, 1)))
            for each in lines
            if len(each.get_segments()) == 2
        ]

    assert crosses(board(midgame, heatmap)) == []
    assert crosses(board(midgame, heatmap, mark="e3")) == [(4.5, 2.5)] * 2


def test_letters_of_any_script_are_text_in_svg(midgame):
    root = svg_of(board(midgame, title="村上健"))

    assert "村上健" in [text.text for text in root.iter(f"{SVG}text")]


def test_without_a_heatmap_the_board_is_green_and_has_no_scale(midgame):
    figure = board(midgame)

    (mesh,) = figure.axes[0].findobj(QuadMesh)
    assert len(figure.axes) == 1
    assert tuple(np.round(255 * mesh.get_facecolor()[0][:3])) == (201, 216, 204)


def test_a_map_of_zeros_says_so(midgame):
    figure = board(midgame, np.zeros((8, 8)))

    assert "no relevance on any square" in texts(figure)


def test_a_6x6_board_has_six_files():
    written = texts(board(Position.start(6)))

    assert [t for t in written if t in "abcdefgh"] == list("abcdef")


def test_a_heatmap_of_another_shape_is_refused(midgame):
    with pytest.raises(ValueError, match=r"shape \(64,\), expected \(8, 8\)"):
        board(midgame, np.zeros(64))


def test_references_have_rank_score_game_and_move(references):
    figure = reference_figure(references)

    written = texts(figure)
    assert len(figure.axes) == 3 + 1
    assert {"1.  share +0.500", "2.  share +0.400", "move 5: c4"} <= set(written)
    assert any(text.startswith("<script>&") for text in written)


def test_all_references_share_one_symmetric_scale(references):
    limit = symmetric_limit(references.heatmaps)

    figure = reference_figure(references)

    limits = {mesh.get_clim() for a in figure.axes[:3] for mesh in a.findobj(QuadMesh)}
    assert limits == {(-limit, limit)}
    assert f"+{limit}" in texts(figure)


def test_references_without_heatmaps_say_so():
    figure = reference_figure(reference_boards(heatmaps=False))

    assert "heatmaps of these boards are not in the store" in texts(figure)


def test_a_strip_without_boards_says_why():
    note = "the channel's share is 0 at all 9 positions"

    figure = reference_figure(replace(reference_boards(0), note=note))

    assert note in texts(figure)
    assert figure.axes == []
