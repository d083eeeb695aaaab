import numpy as np
import pytest

from conceptlrp.othello import NO_MOVE, Position, flips, legal_moves, parse_square
from tests.networks.boards import random_boards
from tests.planted.network import DEFAULT_PATTERNS
from tests.planted.patterns import Pattern

CORNER, LINE, X_SQUARE, FOUR, SIX = DEFAULT_PATTERNS


def bitboard(*names: str) -> np.uint64:
    return np.uint64(sum(1 << parse_square(name) for name in names))


@pytest.mark.parametrize(
    ("pattern", "own", "opponent", "squares"),
    [
        (CORNER, ["a1", "h8"], [], ["a1"]),
        (LINE, ["c4"], ["d4"], ["c4", "d4", "e4"]),
        (LINE, ["a8", "f1"], ["b8", "g1"], ["a8", "b8", "c8", "f1", "g1", "h1"]),
        (X_SQUARE, ["c3"], ["b2", "g7"], ["a1", "b2", "c3"]),
        (FOUR, ["c1", "d1", "e1", "f1"], ["g1"], ["c1", "d1", "e1", "f1"]),
        (
            SIX,
            ["c1", "d1", "e1", "f1", "g1", "h1"],
            [],
            ["c1", "d1", "e1", "f1", "g1", "h1"],
        ),
    ],
)
def test_the_squares_of_a_pattern_are_those_that_players_would_name(
    pattern: Pattern, own: list[str], opponent: list[str], squares: list[str]
) -> None:
    found = pattern.squares(bitboard(*own), bitboard(*opponent))

    assert found.tolist() == [int(bitboard(*squares))]


@pytest.mark.parametrize(
    ("pattern", "own", "opponent"),
    [
        (CORNER, ["h1", "a8", "h8", "b1"], ["a1"]),
        (LINE, ["h4", "d5"], ["a5", "e5", "c4"]),  # h4 a5, and d5 e5 with f5 taken
        (X_SQUARE, ["c3", "a1"], ["b2"]),
        (FOUR, ["g1", "h1", "a2", "b2"], []),
        (FOUR, ["c2", "d2", "e2", "f2"], []),
        (SIX, ["a1", "b1", "c1", "d1", "e1", "g1", "h1"], ["f1"]),
    ],
)
def test_what_only_resembles_a_pattern_does_not_fire(
    pattern: Pattern, own: list[str], opponent: list[str]
) -> None:
    blocked = bitboard(*opponent, "f5")

    assert not pattern.fires(bitboard(*own), blocked).any()


def test_a_pattern_is_found_where_its_cells_are_read_one_by_one() -> None:
    own, opponent = random_boards(200)
    for pattern in DEFAULT_PATTERNS:
        found = pattern.matches(own, opponent)

        for mine, theirs, anchors in zip(own, opponent, found, strict=True):
            assert int(anchors) == by_hand(pattern, int(mine), int(theirs))


def by_hand(pattern: Pattern, own: int, opponent: int) -> int:
    """Read every cell of the stencil around every square."""

    def symbols(row: int, column: int) -> str:
        if not (0 <= row < 8 and 0 <= column < 8):
            return "#"
        bit = 1 << 8 * row + column
        return "X" if own & bit else "O" if opponent & bit else "-*"

    margin = pattern.radius - 1
    return sum(
        1 << 8 * row + column
        for row in range(margin, 8 - margin)
        for column in range(margin, 8 - margin)
        if all(
            symbol in symbols(row + down, column + right)
            for (down, right), symbol in pattern.cells.items()
        )
    )


@pytest.mark.parametrize("pattern", [LINE, X_SQUARE], ids=lambda p: p.name)
def test_the_move_of_a_pattern_is_legal_and_flips_its_disc(pattern: Pattern) -> None:
    own, opponent = random_boards(2000)
    fires = pattern.fires(own, opponent)

    moves = pattern.moves(own, opponent)

    assert ((moves == NO_MOVE) == ~fires).all()
    own, opponent, moves = own[fires], opponent[fires], moves[fires]
    squares = np.uint64(1) << moves.astype(np.uint64)
    assert len(moves) > 20
    assert (legal_moves(own, opponent) & squares).all()
    flipped = flips(own, opponent, moves)
    assert (flipped & pattern.squares(own, opponent)).all()


def test_squares_of_one_move_leave_out_other_places() -> None:
    position = Position.from_obf("XO-XO-" + "-" * 58 + " X")

    squares = LINE.squares(position.own, position.opponent, move=5)

    assert squares.tolist() == [0b111000]


def test_a_pattern_without_a_move_speaks_for_none() -> None:
    assert CORNER.moves([1, 2], [0, 0]).tolist() == [NO_MOVE, NO_MOVE]


def test_no_position_shows_no_pattern() -> None:
    empty = np.array([], dtype=np.uint64)

    assert LINE.matches(empty, empty).shape == LINE.moves(empty, empty).shape == (0,)


@pytest.mark.parametrize(
    ("stencil", "message"),
    [
        (("X..",), "not 3 x 3, 5 x 5 or 7 x 7"),
        (("X..", "..", "..."), "not 3 x 3"),
        (("x..", "...", "..."), "symbol 'x', expected one of"),
        (("---", "---", "---"), "expected a disc and at most one"),
        (("X*.", "*..", "..."), "at most one"),
        (("##.", "X..", "#.."), "fits nowhere on the board"),
    ],
)
def test_an_impossible_stencil_is_refused(
    stencil: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=f"pattern odd: .*{message}"):
        Pattern("odd", stencil, "")
