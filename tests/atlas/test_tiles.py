"""A tile says again what its report and its boards say, in letters of the script."""

import numpy as np
import pytest

from conceptlrp.atlas.pictures.tiles import LETTERS, make_tile
from conceptlrp.report import layer_report
from conceptlrp.report.stored_layer import crop
from conceptlrp.report.words.channel import served_moves, strongest_squares


def digits(text, base, group, width):
    """Read digits back as the script of the first page does."""
    for at in range(0, len(text), width):
        letters = text[at : at + width]
        value = sum(LETTERS.index(each) * 81**n for n, each in enumerate(letters))
        for _ in range(group):
            yield value % base
            value //= base


def square(letter):
    place = LETTERS.index(letter)
    return "abcdefgh"[place % 8] + str(place // 8 + 1) if place < 64 else ""


@pytest.fixture(scope="module", params=["store", "small_board_store"])
def tiles(request):
    store = request.getfixturevalue(request.param)
    marks, size = store.arrays.explained_square(), store.manifest.board_size
    reports = list(layer_report(store, "conv1", count=4))
    return size, [(each, make_tile(each, marks, size)) for each in reports]


def test_letters_stand_for_themselves_in_a_script():
    assert len(set(LETTERS)) == 81
    assert LETTERS.isprintable()
    assert not set("\"'\\<>&`$") & set(LETTERS)


def test_boards_and_heat_are_read_back_from_their_letters(tiles):
    size, found = tiles
    n, discs = size * size, 2 * -(-size * size // 8)
    end = discs + 3 * (n // 4)
    for report, tile in found:
        strip = report.strips[report.shown[0]]
        if not len(strip):
            continue
        read = list(digits(tile.packed[:discs], 3, 8, 2))[:n]
        text = strip.boards[0].position.obf()[:n]
        assert "".join("-XO"[each] for each in read) == text
        assert text in tile.board
        shades = np.array(list(digits(tile.packed[discs:end], 27, 4, 3))[:n])
        heat = crop(strip.heatmaps[0], size).ravel()
        np.testing.assert_allclose(
            (shades - 13) / 13, heat / tile.limit, atol=0.51 / 13
        )


def test_moves_and_squares_are_those_of_the_report(tiles):
    _, found = tiles
    for report, tile in found:
        assert len(tile.packed) == len(found[0][1].packed)
        ends = tile.packed[-6:]
        moves = [each.move for each in served_moves(report)][:3]
        assert [square(each) for each in ends[:3] if square(each)] == [
            each for each in moves if each != "pa"
        ]
        assert [square(each) for each in ends[3:] if square(each)] == (
            strongest_squares(report)[:3]
        )


def test_a_channel_without_boards_has_a_tile(store_without_maps):
    report = next(iter(layer_report(store_without_maps, "conv1", count=4)))

    tile = make_tile(report, store_without_maps.arrays.explained_square(), 8)

    assert tile.limit == 0
    assert tile.board
