import numpy as np
import pytest

from conceptlrp.labels import LABELS, Labels, label_boards, labels as module
from conceptlrp.othello import NO_MOVE, PASS, Corpus
from conceptlrp.othello.board import start


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


def test_labels_of_the_move_played_are_those_of_its_square(
    corpus: Corpus, labels: Labels
):
    found = labels.of_moves(corpus.played)

    assert found["moves"].all()
    expected = [
        bool(int(word) >> int(square) & 1)
        for word, square in zip(labels.move["quiet moves"], corpus.played, strict=True)
    ]
    assert found["quiet moves"].tolist() == expected


def test_a_pass_has_no_label_of_moves(labels: Labels):
    passes = np.where(np.arange(len(labels)) % 2, PASS, NO_MOVE)

    assert not any(column.any() for column in labels.of_moves(passes).values())


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
