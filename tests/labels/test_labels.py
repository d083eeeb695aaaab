"""Labels of positions, and controls among them."""

import numpy as np
import pytest

from conceptlrp.labels import (
    LABELS,
    Labels,
    control_labels,
    label_boards,
    labels as module,
    location_classes,
)
from conceptlrp.labels.labels import random_twins
from conceptlrp.othello import BLACK, NO_MOVE, Corpus, phases
from conceptlrp.othello.board import count, squares, start


def test_labels_come_in_the_order_of_the_concepts(labels: Labels):
    assert set(labels.names) == set(LABELS)
    names = [*labels.position, *labels.square, *labels.move]
    assert list(labels.names) == names
    for part in (labels.position, labels.square, labels.move):
        assert list(part) == [name for name in LABELS if name in part]


def test_named_labels_equal_those_among_all(corpus: Corpus, labels: Labels):
    names = ["quiet moves", "mobility lead", "own stable discs"]

    found = label_boards(corpus, names)

    assert set(found.names) == set(names)
    for name in names:
        both = [{**each.position, **each.masks}[name] for each in (found, labels)]
        np.testing.assert_array_equal(*both)


def test_labels_do_not_depend_on_blocks(
    corpus: Corpus, labels: Labels, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "_BLOCK", 7)

    found = label_boards(corpus[:200])

    for name in LABELS:
        both = [
            {**each.position, **each.masks}[name]
            for each in (found, labels.take(slice(200)))
        ]
        np.testing.assert_array_equal(*both)
        assert both[0].dtype == both[1].dtype


def test_no_positions_have_no_labels(corpus: Corpus):
    found = label_boards(corpus[:0])

    assert len(found) == 0
    assert set(found.names) == set(LABELS)


def test_positions_where_nobody_can_move_have_no_moves():
    found = label_boards(([1], [0]))

    assert all(words[0] == 0 for words in found.move.values())
    assert found.position["largest flip"][0] == 0


def test_flags_are_bool_and_sets_are_bitboards(labels: Labels):
    for name, column in labels.position.items():
        assert (column.dtype == np.bool_) == (LABELS[name].kind == "bool"), name
    assert {words.dtype for words in labels.masks.values()} == {np.dtype(np.uint64)}


def test_a_table_has_a_row_a_position_and_counts_squares(labels: Labels):
    table = labels.frame()

    assert list(table.columns) == list(labels.names)
    assert len(table) == len(labels)
    assert (table["moves"] == table["mobility"]).all()


def test_labels_are_joined_and_taken(labels: Labels):
    one = Labels({"one": labels.position["mobility"]}, {}, {})

    joined = labels.joined(one).take(np.array([5, 3]))

    assert joined.names.index("one") == len(labels.position)
    assert (
        joined.position["one"].tolist() == labels.position["mobility"][[5, 3]].tolist()
    )


def test_labels_of_one_name_are_not_joined(labels: Labels):
    with pytest.raises(ValueError, match="both have a label"):
        labels.joined(labels)


def test_labels_of_other_positions_are_not_joined(labels: Labels):
    other = Labels({"one": np.zeros(3)}, {}, {})

    with pytest.raises(ValueError, match="of 1500 and 3 positions, expected as"):
        labels.joined(other)


def test_an_unknown_label_is_refused_by_name(corpus: Corpus):
    with pytest.raises(ValueError, match="no label is named 'mobilty'"):
        label_boards(corpus, ["mobilty"])


def test_boards_of_another_size_are_refused():
    with pytest.raises(ValueError, match="board size is 10, expected 8 or 6"):
        label_boards(tuple([side] for side in start()), size=10)


def test_discs_beyond_the_board_are_refused():
    with pytest.raises(ValueError, match="position 1: discs lie outside the board"):
        label_boards(([1 << 28, 1], [1 << 27, 2]), size=6)


def test_discs_on_one_square_are_refused():
    with pytest.raises(ValueError, match="position 0: discs overlap"):
        label_boards(([3], [1]))


def test_bitboards_of_two_lengths_are_refused():
    with pytest.raises(ValueError, match=r"shapes \(2,\) and \(1,\)"):
        label_boards(([1, 2], [4]))


NAMES = ("own corners", "own frontier", "quiet moves", "corner moves")


@pytest.fixture(scope="module")
def strata(labels: Labels) -> np.ndarray:
    return phases(labels.position["empty count"])


@pytest.fixture(scope="module")
def twins(labels: Labels, strata: np.ndarray) -> Labels:
    return random_twins(labels, strata, seed=3)


def test_the_last_move_is_the_one_that_led_to_a_position(corpus: Corpus):
    found = control_labels(corpus).square["last move"]

    for i in range(0, len(corpus), 50):
        last = corpus.position(i).last
        assert squares(found[i]) == ([] if last == NO_MOVE else [last])


def test_positions_of_no_game_have_no_last_move():
    boards = np.zeros((2, 8, 8), int)
    boards[:, 3, 3:5] = 1, -1

    assert control_labels(Corpus.from_boards(boards)).square["last move"].tolist() == [
        0,
        0,
    ]


def test_the_color_to_move_is_that_of_the_corpus(corpus: Corpus):
    found = control_labels(corpus).position["black to move"]

    np.testing.assert_array_equal(found, corpus.mover == BLACK)


@pytest.mark.parametrize("name", NAMES)
def test_a_twin_has_as_many_squares_of_each_class_and_phase(
    name: str, labels: Labels, twins: Labels, strata: np.ndarray
):
    mine, random = (
        np.array([[int(w) >> q & 1 for q in range(64)] for w in words], bool)
        for words in (labels.masks[name], twins.masks[f"random: {name}"])
    )

    for stratum in range(3):
        for each in range(10):
            at = np.ix_(strata == stratum, location_classes() == each)
            assert mine[at].sum() == random[at].sum()
    assert (mine != random).any()


def test_a_twin_has_the_sizes_of_its_label_in_each_phase(
    labels: Labels, twins: Labels, strata: np.ndarray
):
    mine, random = labels.move["quiet moves"], twins.move["random: quiet moves"]

    for stratum in range(3):
        rows = strata == stratum
        assert sorted(count(mine[rows])) == sorted(count(random[rows]))


def test_a_twin_of_a_number_keeps_its_values_in_each_phase(
    labels: Labels, twins: Labels, strata: np.ndarray
):
    mine, random = labels.position["mobility"], twins.position["random: mobility"]

    for stratum in range(3):
        rows = strata == stratum
        assert sorted(mine[rows]) == sorted(random[rows])
    assert abs(np.corrcoef(mine[strata == 1], random[strata == 1])[0, 1]) < 0.15


def test_twins_of_a_seed_are_the_same_and_of_another_are_not(
    labels: Labels, strata: np.ndarray, twins: Labels
):
    again, other = (random_twins(labels, strata, seed=s) for s in (3, 4))

    name = "random: own frontier"
    np.testing.assert_array_equal(twins.square[name], again.square[name])
    assert (twins.square[name] != other.square[name]).any()
