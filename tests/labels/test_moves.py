"""Labels of a move: against slow definitions, and turned with the board."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from conceptlrp.labels import LABELS, MOVE_LABELS, move_labels, sentence
from conceptlrp.lrp.probing import boards_of
from conceptlrp.othello import NO_MOVE, PASS, Corpus, square_name
from conceptlrp.othello.board import legal_moves, squares
from conceptlrp.othello.symmetry import SYMMETRIES, turn_maps, turn_squares
from tests.labels.slow import SlowBoard, Square

ROWS = 300
WAYS = {
    "right": (0, 1),
    "left": (0, -1),
    "down": (1, 0),
    "up": (-1, 0),
    "down right": (1, 1),
    "up left": (-1, -1),
    "down left": (1, -1),
    "up right": (-1, 1),
}
THIRDS = {
    8: {"first": (0, 1, 2), "middle": (3, 4), "last": (5, 6, 7)},
    6: {"first": (0, 1), "middle": (2, 3), "last": (4, 5)},
}


def drawn_moves(corpus: Corpus, seed: int = 0) -> np.ndarray:
    """Draw a legal move of each position, or a pass."""
    rng = np.random.default_rng(seed)
    legal = legal_moves(corpus.own, corpus.opponent, size=corpus.size)
    return np.array([rng.choice(squares(w)) if w else PASS for w in legal])


def expected_of(board: SlowBoard, move: int) -> dict[str, int | bool]:
    """Return every label by its words, square by square."""
    if move == PASS:
        return {"pass": True}
    n, name = board.size, square_name(move, board.size)
    row, column = (x - board.margin for x in divmod(move, 8))
    near, far = sorted((min(row, n - 1 - row), min(column, n - 1 - column)))
    lines = board.flipped_lines((row, column))
    ways = [
        way
        for way, step in WAYS.items()
        for line in lines
        if (line[0][0] - row, line[0][1] - column) == step
    ]
    found: dict[str, int | bool] = {f"move {name}": True}
    found |= {f"move flipping {way}": True for way in ways}
    for axis, both in {
        "rank": ("left", "right"),
        "file": ("up", "down"),
        "diagonal": ("up left", "up right", "down left", "down right"),
    }.items():
        found[f"move flipping along a {axis}"] = bool(set(ways) & set(both))
    classes: dict[Square, str] = {
        (0, 0): "corner move",
        (0, 1): "C-square move",
        (0, 2): "A-square move",
        (0, 3): "B-square move",
        (1, 1): "X-square move",
        (1, 2): "move like c2",
        (1, 3): "move like d2",
        (2, 2): "move like c3",
        (2, 3): "move like d3",
    }
    found[classes[near, far]] = True
    found["edge move"] = near == 0
    found["move beside the edge"] = near == 1
    found["center move"] = near >= n // 2 - 2
    found |= dict.fromkeys(areas_of(row, column, n), True)
    found["discs flipped"] = sum(len(line) for line in lines)
    found["lines flipped"] = len(lines)
    found["longest line flipped"] = max(len(line) for line in lines)
    region = next(r for r in board.regions() if (row, column) in r)
    found["move in an odd region"] = len(region) % 2 == 1
    return found


def areas_of(row: int, column: int, n: int) -> Iterator[str]:
    def third(x: int, first: str, last: str) -> str:
        place = next(p for p, inside in THIRDS[n].items() if x in inside)
        return {"first": first, "last": last}.get(place, "middle")

    yield f"move in the {third(row, 'top', 'bottom')} {third(column, 'left', 'right')}"
    for x, first, last in ((row, "top", "bottom"), (column, "left", "right")):
        yield f"move in the {first if x < n / 2 else last} half"
        if x in (0, n - 1):
            yield f"move on the {last if x else first} edge"


@pytest.mark.parametrize("name", ["corpus", "small_corpus"])
def test_every_label_equals_its_slow_definition(
    name: str, request: pytest.FixtureRequest
) -> None:
    corpus: Corpus = request.getfixturevalue(name)[:ROWS]
    moves = drawn_moves(corpus)

    found = move_labels(corpus, moves)

    for row, move in enumerate(moves.tolist()):
        board = SlowBoard(int(corpus.own[row]), int(corpus.opponent[row]), corpus.size)
        expected = expected_of(board, move)
        held = {n: c[row].item() for n, c in found.position.items() if c[row]}
        assert held == {n: v for n, v in expected.items() if v}, (row, move)


@pytest.mark.parametrize("name", ["corpus", "small_corpus"])
@pytest.mark.parametrize("s", range(SYMMETRIES))
def test_areas_and_lines_turn_with_the_board_and_classes_stay(
    name: str, s: int, request: pytest.FixtureRequest
) -> None:
    corpus: Corpus = request.getfixturevalue(name)
    moves = drawn_moves(corpus)

    found = move_labels(corpus, moves).position
    boards = turn_maps(boards_of(corpus), s)
    turned = move_labels(boards, turn_squares(moves, s)).position

    renamed = turned_name(s, corpus.size)
    for label, values in found.items():
        np.testing.assert_array_equal(turned[renamed(label)], values, err_msg=label)
    assert renamed("corner move") == "corner move"
    if s == 1:
        assert renamed("move in the top right") == "move in the top left"
        assert renamed("move flipping up left") == "move flipping up right"


def turned_name(s: int, size: int) -> Callable[[str], str]:
    """Return how a symmetry renames labels, by words of sides and by squares."""
    corners = turn_squares(np.array([0, 7, 56]), s).tolist()

    def side(a: int, b: int) -> int:
        """Which side squares a and b share: 0 top, 1 bottom, 2 left, 3 right."""
        (r, c), other = divmod(corners[a], 8), divmod(corners[b], 8)[0]
        return (r > 0) if r == other else 2 + (c > 0)

    # Top and left of the board before, and where they come to lie.
    top, left = side(0, 1), side(0, 2)
    order = {"top": top, "bottom": top ^ 1, "left": left, "right": left ^ 1}
    words = dict(zip(("up", "down", "left", "right"), order.values(), strict=True))

    def rename(label: str) -> str:
        head, _, place = label.rpartition(" ")
        if label.startswith("move ") and place[0] in "abcdefgh" and len(place) == 2:
            if head != "move":
                return label
            margin = (8 - size) // 2
            row, column = int(place[1]) - 1 + margin, ord(place[0]) - 97 + margin
            return f"move {square_name(int(turn_squares(8 * row + column, s)), size)}"
        table, names = (
            (words, ("up", "down", "left", "right"))
            if "flipping" in label
            else (order, ("top", "bottom", "left", "right"))
        )
        if "along" in label and s & 4:
            swapped = {"rank": "file", "file": "rank"}
            return f"{head} {swapped.get(place, place)}"
        parts = label.split(" ")
        at = [i for i, part in enumerate(parts) if part in table]
        if not at:
            return label
        to = sorted(table[parts[i]] for i in at)
        said = [names[i] for i in to]
        if "middle" in parts:
            # The rank comes first: "top middle", "middle left".
            said = [said[0], "middle"] if to[0] < 2 else ["middle", said[0]]
            at = [
                i for i, part in enumerate(parts) if part in table or part == "middle"
            ]
        return " ".join([*parts[: at[0]], *said, *parts[at[-1] + 1 :]])

    return rename


def test_without_a_move_no_label_holds(corpus: Corpus) -> None:
    found = move_labels(corpus, np.full(len(corpus), NO_MOVE))

    assert not any(column.any() for column in found.position.values())
    assert len(found) == len(corpus)


def test_moves_that_are_not_legal_are_refused(corpus: Corpus) -> None:
    taken = np.full(len(corpus), 27)

    with pytest.raises(ValueError, match="position 0: 27 is not a legal move"):
        move_labels(corpus, taken)
    with pytest.raises(ValueError, match=r"shape \(3,\), expected"):
        move_labels(corpus, taken[:3])


def test_every_label_has_a_sentence_and_a_name_of_its_own() -> None:
    assert not set(MOVE_LABELS) & set(LABELS)
    for name, label in {**LABELS, **MOVE_LABELS}.items():
        assert label.name == name
        assert sentence(name) == label.sentence
        assert label.formula
    assert sentence("random: corner move") == ""
