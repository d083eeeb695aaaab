"""Edits of boards switch one label, and their matches do not."""

from dataclasses import fields

import numpy as np
import pytest

from conceptlrp.labelling.columns import position_columns
from conceptlrp.labelling.edits import (
    Chosen,
    choose_edits,
    edits_of_rules,
    study_labels,
)
from conceptlrp.labelling.rule import Condition, Rule
from conceptlrp.labels import label_boards
from conceptlrp.labels.geometry import NOT_FILE_A, dilate
from conceptlrp.othello import Corpus, legal_moves
from conceptlrp.othello.board import count, start
from conceptlrp.statistics.intervals import LEAST_GAMES
from conceptlrp.statistics.ranks import codes
from tests.othello.playouts import random_games

EDITED = 30


def made(size: int) -> tuple[Corpus, tuple[str, ...], np.ndarray, Chosen]:
    corpus = Corpus.from_games(random_games(150, seed=3, size=size)).sample(900, seed=1)
    labels = label_boards(corpus)
    plies = codes(count(corpus.own | corpus.opponent))
    studied = study_labels(position_columns(labels, plies, codes(corpus.game)), seed=0)
    rows = np.unique(corpus.game, return_index=True)[1][:EDITED]
    legal = legal_moves(corpus.own, corpus.opponent, size=size)[rows]
    # The highest legal move is the one that is explained.
    square = np.array([int(word).bit_length() - 1 for word in legal])
    own, opponent = corpus.own[rows], corpus.opponent[rows]
    chosen = choose_edits(
        own, opponent, square, studied, tries=200, most=12, size=size, seed=0
    )
    return corpus, studied.names, square, chosen


@pytest.fixture(scope="module", params=[8, 6])
def edits(request: pytest.FixtureRequest):
    return request.param, *made(request.param)


def told(words: np.ndarray, name: str, size: int) -> np.ndarray:
    """Return what a label says of boards (P, 2): a number, or a set of squares."""
    labels = label_boards((words[:, 0], words[:, 1]), [name], size=size)
    return next(iter([*labels.position.values(), *labels.masks.values()]))


def test_an_edit_switches_its_label_and_its_match_does_not(edits):
    size, _, names, _, chosen = edits

    tried = set()
    for k in np.unique(chosen.label):
        rows = chosen.label == k
        before, after, matched = (
            told(words[rows], names[k], size)
            for words in (chosen.before, chosen.after, chosen.matched)
        )
        assert (before != after).all()
        assert (before == matched).all()
        tried.add(names[k])
    assert {"mobility", "own corners", "own frontier", "corner moves"} <= tried
    assert not {"opening", "midgame"} & tried


def test_the_way_is_that_of_the_label(edits):
    size, _, names, _, chosen = edits
    k = names.index("mobility")
    rows = chosen.label == k

    before, after = (
        told(words[rows], "mobility", size).astype(int)
        for words in (chosen.before, chosen.after)
    )

    assert np.sign(after - before).tolist() == chosen.way[rows].tolist()


def test_the_number_of_discs_stays_where_it_can(edits):
    _, _, names, _, chosen = edits
    discs = [
        count(words[:, 0] | words[:, 1]).astype(int)
        for words in (chosen.before, chosen.after, chosen.matched)
    ]

    assert ((discs[0] == discs[1]) == chosen.ply_kept).all()
    assert (discs[1] == discs[2]).all()
    for k in np.unique(chosen.label):
        kept = chosen.ply_kept[chosen.label == k]
        assert kept.all() or kept.sum() < LEAST_GAMES
    assert chosen.ply_kept[chosen.label == names.index("own corners")].all()


def test_one_to_three_squares_change_or_a_disc_moves_besides(edits):
    _, _, _, _, chosen = edits

    for words in (chosen.after, chosen.matched):
        changed = count(np.bitwise_or.reduce(words ^ chosen.before, axis=1))
        assert changed.min() >= 1
        assert changed.max() <= 3


def test_no_board_is_made_that_cannot_arise(edits):
    size, _, _, square, chosen = edits
    region = (1 << 64) - 1 if size == 8 else None

    for words in (chosen.after, chosen.matched):
        own, opponent = words.T
        discs = own | opponent
        assert (own & opponent == 0).all()
        assert ((own != 0) & (opponent != 0)).all()
        assert (discs & np.uint64(sum(start(size))) == sum(start(size))).all()
        legal = legal_moves(own, opponent, size=size)
        asked = np.left_shift(np.uint64(1), square[chosen.base].astype(np.uint64))
        assert (legal & asked == asked).all()
        if region is not None:
            # Every disc touches another one.
            for word in discs:
                alone = [
                    s
                    for s in range(64)
                    if int(word) >> s & 1
                    and int(dilate(np.uint64(1 << s), region)) & int(word) == 1 << s
                ]
                assert alone == []


def test_the_same_seed_gives_the_same_edits():
    one, other = made(6)[3], made(6)[3]

    assert (one.after == other.after).all()
    assert (one.matched == other.matched).all()


def test_a_rule_switches_by_one_edit_of_a_pair_and_not_by_the_other(edits):
    size, _, names, _, chosen = edits
    own = Condition(0, 0, ("own",))
    left = Condition(0, -1, ("empty", "legal"))
    numbers = {f.name: 0.0 for f in fields(Rule) if f.type in (float, "float")}
    rule = Rule(
        **numbers
        | {"sentence": "own beside empty", "conditions": ((own, left),)}
        | {"window": 3, "size": size, "sign": 1}
    )

    added = edits_of_rules(chosen, [rule], len(names), size=size)

    assert (added.label == len(names)).all()
    assert 1 <= len(added.label) <= 48
    assert len(np.unique(added.base)) == len(added.base)

    def held(words: np.ndarray) -> np.ndarray:
        mine, empty = words[:, 0], ~(words[:, 0] | words[:, 1])
        region = 0x7E7E7E7E7E7E00 if size == 6 else (1 << 64) - 1
        # The square to the left is one bit lower, and not on file h.
        beside = ((empty & np.uint64(region)) << np.uint64(1)) & np.uint64(NOT_FILE_A)
        return mine & beside

    before, after, matched = (
        held(words) for words in (added.before, added.after, added.matched)
    )
    assert (before != after).all()
    assert (before == matched).all()
    assert (added.gained == (after & ~before)).all()
    assert (added.lost == (before & ~after)).all()
