"""Rules in words, and where they hold.

Cases are conjunctions: by cell (row, column) the states that it may have, as bits.
"""

from itertools import product

import numpy as np
import pytest

from conceptlrp.labelling.channel_name import RULE, described
from conceptlrp.labelling.rule import (
    EMPTY,
    HERE,
    LEGAL,
    OFF,
    ON,
    OPPONENT,
    OWN,
    PLACE,
    STATES,
    Case,
    Condition,
    Rule,
    allowed_squares,
    conditions,
    places,
    sentence,
    simplify,
    square_states,
)
from conceptlrp.lrp.probing import boards_of
from conceptlrp.othello import Corpus
from tests.othello.playouts import random_games

CORNER, EDGE = 1, 2
LEFT, RIGHT, ABOVE, BELOW = (0, -1), (0, 1), (-1, 0), (1, 0)
ANY = ON | OFF
NO_OWN, NO_OPPONENT = ANY & ~OWN, ANY & ~OPPONENT
NO_DISC = ANY & ~OWN & ~OPPONENT
WORDS = [
    (
        {HERE: OPPONENT, LEFT: EMPTY | LEGAL, RIGHT: OWN},
        (
            "an opponent's disc with an empty square to its left and a mover's disc to "
            "its right"
        ),
    ),
    # No disc, and a legal move: the one implies the other.
    ({HERE: NO_DISC & LEGAL}, "a legal move"),
    ({HERE: NO_OWN & NO_OPPONENT}, "an empty square"),
    ({LEFT: NO_OWN & NO_OPPONENT}, "a square with no disc to its left"),
    ({HERE: OWN, ABOVE: OFF}, "a mover's disc on the top edge"),
    ({HERE: OWN, ABOVE: OFF, (-2, 0): OFF}, "a mover's disc on the top edge"),
    ({HERE: OWN, ABOVE: OFF, LEFT: OFF}, "a mover's disc in the top left corner"),
    ({PLACE: CORNER}, "a square in a corner"),
    ({PLACE: CORNER | EDGE, HERE: LEGAL}, "a legal move on an edge"),
    ({PLACE: CORNER, (-1, -1): ANY & ~OFF}, "a square in the bottom right corner"),
    ({HERE: OWN, (-1, -1): OFF}, "a mover's disc on the top or left edge"),
    (
        {(1, 1): ON, HERE: OWN},
        "a mover's disc neither on the bottom edge nor on the right edge",
    ),
    (
        {LEFT: OWN, (0, -2): NO_OWN},
        (
            "a square with a mover's disc to its left but no mover's disc two squares "
            "to its left"
        ),
    ),
    (
        {LEFT: OWN, RIGHT: OWN},
        "a square with mover's discs to its left and to its right",
    ),
    (
        {LEFT: OWN, RIGHT: ON},
        "a square not on the right edge with a mover's disc to its left",
    ),
    ({LEFT: OWN, (0, -2): ANY & ~EMPTY}, None),
    (
        {ABOVE: NO_OWN, BELOW: NO_OWN},
        "a square with no mover's disc above it or below it",
    ),
    (
        {ABOVE: NO_OWN & ~OFF},
        "a square not on the top edge with no mover's disc above it",
    ),
    ({ABOVE: OWN | OFF}, "a square with a mover's disc or the edge above it"),
    ({ABOVE: OWN | OPPONENT | OFF}, "a square with no empty square above it"),
    (
        {HERE: OWN | EMPTY},
        "a square with neither an opponent's disc nor a legal move on it",
    ),
    (
        {HERE: NO_OPPONENT, LEFT: OPPONENT},
        "a square with an opponent's disc to its left but no opponent's disc on it",
    ),
    ({(-1, 2): LEGAL}, "a square with a legal move one square up and two to the right"),
    (
        {(0, -2): EMPTY},
        "a square with an empty square two squares to its left that is no legal move",
    ),
]


@pytest.fixture(scope="module")
def boards() -> np.ndarray:
    return boards_of(Corpus.from_games(random_games(5, seed=1)).sample(120, seed=0))


def rule_of(*cases: Case, size: int = 8, window: int = 5) -> Rule:
    found = [simplify(case, size) for case in cases]
    return Rule(
        sentence=sentence(found, size, whole=not window),
        conditions=tuple(conditions(case) for case in found),
        window=window,
        size=size,
        sign=1,
        r2=1.0,
        low=1.0,
        high=1.0,
        share=0.1,
        mean=1.0,
        elsewhere=0.0,
    )


def holds(case: Case, board: np.ndarray, row: int, column: int) -> bool:
    """Tell whether a case holds on one square, one condition after the other."""
    states, size = square_states(board[None])[0], len(board)
    for cell, allowed in case.items():
        if cell is None:
            state = places(size)[row, column]
        else:
            r, c = row + cell[0], column + cell[1]
            on_board = 0 <= r < size and 0 <= c < size
            state = states[r, c] if on_board else STATES.index("off")
        if not allowed >> int(state) & 1:
            return False
    return True


@pytest.mark.parametrize(("case", "words"), WORDS)
def test_a_rule_is_said_as_a_person_would(case, words):
    assert words is None or rule_of(case).sentence == words


@pytest.mark.parametrize("case", [case for case, _ in WORDS])
def test_a_simplified_rule_holds_where_all_its_conditions_did(case, boards):
    some = boards[::10]
    expected = [
        [[holds(case, board, r, c) for c in range(8)] for r in range(8)]
        for board in some
    ]

    np.testing.assert_array_equal(rule_of(case).holds(some), expected)


def random_cases(number: int, seed: int) -> list[Case]:
    random = np.random.default_rng(seed)
    cells = list(product(range(-2, 3), repeat=2))
    literals = (OWN, OPPONENT, EMPTY | LEGAL, LEGAL, OFF)
    found = []
    for _ in range(number):
        case: dict = {}
        for _ in range(random.integers(1, 6)):
            cell = cells[random.integers(len(cells))]
            literal = int(random.choice(literals))
            mask = literal if random.random() < 0.5 else ANY & ~literal
            case[cell] = case.get(cell, ANY) & mask
        if random.random() < 0.3:
            case[PLACE] = int(random.integers(1, 7))
        # What holds nowhere is no node of a tree.
        if all(case.values()) and allowed_squares(case, 6).any():
            found.append(case)
    return found


@pytest.mark.parametrize("size", [6, 8])
def test_rules_that_are_said_alike_hold_alike(size):
    games = Corpus.from_games(random_games(10, seed=2, size=size))
    boards = boards_of(games.sample(100, seed=0))
    by_words: dict[str, np.ndarray] = {}
    for case in random_cases(1500, seed=size):
        rule = rule_of(case, size=size)
        found = rule.holds(boards)
        before = by_words.setdefault(rule.sentence, found)
        np.testing.assert_array_equal(found, before, rule.sentence)


@pytest.mark.parametrize("size", [6, 8])
def test_two_alternatives_that_are_said_alike_hold_alike(size):
    games = Corpus.from_games(random_games(10, seed=2, size=size))
    boards = boards_of(games.sample(60, seed=0))
    by_words: dict[str, np.ndarray] = {}
    # Few squares and states, so that many pairs are said alike.
    cells = {HERE, LEFT, (-1, 1)}
    near = [
        case
        for case in random_cases(4000, seed=size)
        if set(case) <= cells and simplify(case, size)
    ]
    for one, other in product(near[:30], repeat=2):
        rule = rule_of(one, other, size=size)
        found = rule.holds(boards)
        before = by_words.setdefault(rule.sentence, found)
        np.testing.assert_array_equal(found, before, rule.sentence)


@pytest.mark.parametrize(
    ("case", "words"),
    [
        # What is there comes first, and what is not has its comma or its "nor".
        (
            {ABOVE: NO_OWN, BELOW: NO_OWN, RIGHT: OPPONENT},
            (
                "a square with an opponent's disc to its right but no mover's disc "
                "above it or below it"
            ),
        ),
        (
            {ABOVE: NO_OWN, BELOW: NO_OWN, RIGHT: NO_OPPONENT},
            (
                "a square with no mover's disc above it or below it, and no opponent's "
                "disc to its right"
            ),
        ),
        (
            {HERE: NO_OPPONENT, LEFT: NO_OPPONENT, BELOW: NO_OPPONENT},
            "a square with no opponent's disc on it, to its left or below it",
        ),
        (
            {(-2, -1): NO_OWN, (1, 2): NO_OWN},
            (
                "a square with no mover's disc two squares up and one to the left, or "
                "one square down and two to the right"
            ),
        ),
        (
            {(1, 1): ON, RIGHT: OPPONENT},
            (
                "a square, neither on the bottom edge nor on the right edge, with an "
                "opponent's disc to its right"
            ),
        ),
    ],
)
def test_a_rule_has_one_reading(case, words):
    assert rule_of(case).sentence == words


def test_simplifying_keeps_where_random_rules_hold(boards):
    some = boards[::40]
    for case in random_cases(60, seed=5):
        expected = [
            [[holds(case, board, r, c) for c in range(8)] for r in range(8)]
            for board in some
        ]
        np.testing.assert_array_equal(rule_of(case).holds(some), expected)


def test_either_of_two_cases_is_enough(boards):
    one, other = {HERE: OWN}, {HERE: LEGAL}

    rule = rule_of(one, other)

    assert rule.sentence == "a mover's disc or a legal move"
    # Two that differ on one square are one, and what two begin with is said once.
    upper = (-1, 1)
    shared = rule_of({HERE: OPPONENT, upper: OWN}, {HERE: EMPTY | LEGAL, upper: OWN})
    assert shared.sentence == (
        "a square with a mover's disc to its upper right but no mover's disc on it"
    )
    begun = rule_of({ABOVE: LEGAL}, {ABOVE: EMPTY, upper: OWN})
    assert begun.sentence == (
        "a square with a legal move above it, or with an empty square above it that is "
        "no legal move and a mover's disc to its upper right"
    )
    either = rule_of(one).holds(boards) | rule_of(other).holds(boards)
    np.testing.assert_array_equal(rule.holds(boards), either)


def test_a_rule_of_the_whole_board_names_its_squares(boards):
    rule = rule_of({(0, 0): OWN, (7, 7): OWN, (2, 3): EMPTY | LEGAL}, window=0)

    assert (
        rule.sentence == "a board with mover's discs on a1 and on h8 but no disc on d3"
    )
    expected = (boards[:, 0, 0] == 1) & (boards[:, 7, 7] == 1) & (boards[:, 2, 3] == 0)
    np.testing.assert_array_equal(rule.holds(boards), expected)


def test_conditions_are_the_nearest_first():
    rule = rule_of({(0, 2): OWN, HERE: OPPONENT, LEFT: EMPTY | LEGAL})

    assert rule.conditions == (
        (
            Condition(0, 0, ("opponent",)),
            Condition(0, -1, ("empty", "legal")),
            Condition(0, 2, ("own",)),
        ),
    )


def test_boards_of_another_size_are_refused(boards):
    with pytest.raises(ValueError, match="boards are 8 x 8, expected 6 x 6"):
        rule_of({HERE: OWN}, size=6).holds(boards)


def test_a_rule_draws_itself():
    rule = rule_of({HERE: OWN, PLACE: CORNER})

    assert rule.svg.count("<circle") == 1
    assert "a mover's disc in a corner" in rule._repr_html_()


def test_a_rule_about_legal_moves_is_named_as_a_rule():
    words = rule_of({LEFT: LEGAL}).sentence

    assert described(words, 1, RULE) == f"active on {words}"
    assert described(words, -1, RULE) == f"inactive on {words}"
