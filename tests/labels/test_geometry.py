from collections import Counter

import pytest

from conceptlrp.labels import LOCATION_CLASSES, location_classes
from conceptlrp.othello import parse_square
from conceptlrp.othello.board import REGION, squares
from conceptlrp.othello.symmetry import turn_squares


def class_of(name: str, size: int = 8) -> str:
    return LOCATION_CLASSES[location_classes(size)[parse_square(name, size)]]


@pytest.mark.parametrize("size", [6, 8])
def test_a_symmetry_keeps_the_location_class_and_every_class_is_one_orbit(size: int):
    classes = location_classes(size)
    on_board = squares(REGION[size])

    orbits = {frozenset(int(turn_squares(q, s)) for s in range(8)) for q in on_board}

    assert all(len({classes[q] for q in orbit}) == 1 for orbit in orbits)
    assert len({classes[q] for q in on_board}) == len(orbits)
    assert all(classes[q] == -1 for q in set(range(64)) - set(on_board))


def test_location_classes_have_the_names_that_players_use():
    names = {"a1": "corner", "g8": "C", "c1": "A", "h4": "B", "g2": "X", "e4": "center"}

    assert {square: class_of(square) for square in names} == names


def test_the_small_board_has_neither_b_squares_nor_a_second_ring():
    names = {
        "a1": "corner",
        "b1": "C",
        "c6": "A",
        "b2": "X",
        "c5": "c2",
        "d4": "center",
    }

    assert {square: class_of(square, 6) for square in names} == names
    assert Counter(location_classes(6).tolist())[-1] == 28
