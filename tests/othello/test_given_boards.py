"""Boards without games: in every form, with what is known of each, and back again."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from conceptlrp.errors import IllegalMoveError
from conceptlrp.othello import (
    BLACK,
    NO_MOVE,
    PASS,
    WHITE,
    Corpus,
    Games,
    Position,
    write_transcripts,
)
from conceptlrp.othello.board import count, squares, to_boards

# The side to move has no move here, the other side has.
PASSING = Position.from_obf(f"OX{'-' * 62} X")


def cells(corpus: Corpus) -> np.ndarray:
    """Return the boards of a corpus, (N, n, n)."""
    margin = (8 - corpus.size) // 2
    inner = slice(margin, margin + corpus.size)
    return to_boards(corpus.own, corpus.opponent)[:, inner, inner]


@pytest.fixture
def loose(corpus: Corpus) -> Corpus:
    return corpus.sample(300, seed=4).turn(seed=5)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([6, 8]).flatmap(
        lambda n: st.lists(
            st.tuples(
                st.lists(st.integers(-1, 1), min_size=n * n, max_size=n * n),
                st.integers(0, 1),
            ),
            min_size=1,
            max_size=5,
        )
    )
)
def test_boards_are_read_back(drawn):
    boards = np.array([board for board, _ in drawn])
    side = int(boards.shape[1] ** 0.5)
    boards = boards.reshape(-1, side, side)
    movers = [mover for _, mover in drawn]

    found = Corpus.from_boards(boards, mover=movers, size=side)
    again = Corpus.from_games(found.games)

    assert (cells(found) == boards).all()
    assert found.mover.tolist() == movers
    assert found.game.tolist() == list(range(len(boards)))
    standard = found.games.standard
    assert (again.own == found.own[~standard]).all()
    assert (again.mover == found.mover[~standard]).all()
    assert (found.last == NO_MOVE).all()
    assert [found.transcript(i) for i in range(len(found))] == [""] * len(found)


@pytest.mark.parametrize(
    "form",
    [
        lambda boards: boards.tolist(),
        lambda boards: torch.tensor(boards),
        lambda boards: torch.tensor(boards, dtype=torch.float32, requires_grad=True),
        lambda boards: boards.astype(np.float64),
        list,
    ],
    ids=["lists", "tensor", "with a gradient", "floats", "list of arrays"],
)
def test_every_form_of_boards_is_read_alike(loose: Corpus, form):
    boards = cells(loose)

    found = Corpus.from_boards(form(boards), mover=loose.mover)

    assert found.digest == Corpus.from_boards(boards, mover=loose.mover).digest


def test_boards_are_the_positions_they_were(loose: Corpus):
    listed = [loose.position(i) for i in range(len(loose))]
    names = loose.frame()["played"]

    one = Corpus.from_boards(cells(loose), mover=loose.mover, played=loose.played)
    two = Corpus.from_positions(listed, played=names.to_numpy())

    assert one.digest == two.digest
    assert [one.position(i).obf() for i in range(len(one))] == [
        each.obf() for each in listed
    ]
    assert (one.ply == loose.ply).all()
    assert (one.played == loose.played).all()
    assert Corpus.from_games(one.games).digest == one.digest


def test_one_board_is_a_corpus_of_one():
    found = Corpus.from_boards(cells(Corpus.from_positions(Position.start()))[0])

    assert found.position(0) == Position.start()
    assert found.games.standard.tolist() == [True]
    assert Position.from_array(cells(found)[0]) == Position.start()
    assert Position.from_array(-cells(found)[0], mover=WHITE).black == found.own[0]


def test_a_move_that_was_played_is_the_move_of_its_game():
    position = Position.from_transcript("f5d6c3")
    played = ["d3", "", None, -1, 19, np.nan]

    found = Corpus.from_positions([position] * 6, played=played)

    assert found.played.tolist() == [19, *[NO_MOVE] * 3, 19, NO_MOVE]
    assert found.games.moves[:, 0].tolist() == found.played.tolist()
    assert (found.games.moves[:, 1:] == NO_MOVE).all()


def test_a_last_move_that_ends_the_game_tells_the_result():
    position = Position.from_obf("X" * 62 + "O- X")

    found = Corpus.from_positions([position] * 2, played=["h8"] * 2)

    assert found.games.finished.all()
    assert found.margin.tolist() == [64, 64]


def test_a_pass_that_was_played_is_no_move_of_its_game():
    found = Corpus.from_positions(PASSING, played="pa")

    assert found.played.tolist() == [PASS]
    assert (found.games.moves == NO_MOVE).all()


@pytest.mark.parametrize(
    ("options", "error", "reason"),
    [
        ({"played": ["", "d3", "a1"]}, IllegalMoveError, "board 2: played 'a1' is not"),
        ({"played": [-1, 0, -1]}, IllegalMoveError, "board 1: played 'a1' is not"),
        ({"played": ["pa"] * 3}, IllegalMoveError, "board 0: played 'pa' is not"),
        ({"played": ["d3"]}, ValueError, "played has 1 entries for 3 boards"),
        ({"played": ["z9"] * 3}, ValueError, "board 0: played 'z9' is no square"),
        ({"played": [99, 1, 1]}, ValueError, "board 0: played 99 is no square"),
        ({"played": [1.5, 1, 1]}, ValueError, "board 0: played 1.5 is no square"),
        ({"mover": 2}, ValueError, "mover is 2, expected 0, 'black', 1 or"),
        ({"mover": ["black", "red", "white"]}, ValueError, "mover is red, expected"),
        ({"mover": [0, 1]}, ValueError, r"mover has shape \(2,\), expected"),
        ({"game": [1, 2]}, ValueError, "game has 2 labels for 3 boards"),
        ({"size": 6}, ValueError, "boards are 8 x 8, expected 6 x 6"),
    ],
)
def test_what_does_not_fit_the_boards_is_refused(options, error, reason):
    boards = cells(Corpus.from_positions([Position.from_transcript("f5d6c3")] * 3))

    with pytest.raises(error, match=reason):
        Corpus.from_boards(boards, **options)


def test_a_move_of_the_other_side_is_refused():
    with pytest.raises(IllegalMoveError, match="played 'c1' is not legal"):
        Corpus.from_positions(PASSING, played=["c1"])


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
def test_boards_with_one_label_are_of_one_game(corpus: Corpus, kind):
    rows = np.flatnonzero(np.isin(corpus.game, [7, 3]))[::-1]

    labels = kind(corpus.game[rows].tolist())

    found = Corpus.from_boards(
        cells(corpus[rows]),
        mover=corpus.mover[rows],
        game=labels,
    )

    assert found.game.tolist() == (corpus.game[rows] == 3).astype(int).tolist()
    assert len(found.games) == 2
    assert (found.games.moves == NO_MOVE).all()
    assert found.games.start_mover[0] == corpus.mover[rows[0]]
    assert (found.last == NO_MOVE).all()
    assert {found.transcript(i) for i in range(len(found))} == {""}
    assert found.describe(0) == f"game 1, move {corpus.ply[rows[0]] + 1}"


def test_a_board_of_no_game_is_named_by_its_number(corpus: Corpus):
    found = Corpus.from_boards(cells(corpus[20:24]))

    assert [found.describe(i) for i in range(4)] == [f"board {n}" for n in (1, 2, 3, 4)]
    assert found[[2]].describe(0) == "board 3"


def test_boards_are_turned_saved_and_joined_like_positions(tmp_path, loose: Corpus):
    boards = Corpus.from_boards(cells(loose), mover=loose.mover, played=loose.played)
    turned = boards.turn(seed=3)

    turned.save(tmp_path / "boards.h5")
    found = Corpus.load(tmp_path / "boards.h5")
    joined = Corpus.concatenate([loose, found])

    assert found.digest == turned.digest
    assert len(joined.compact().games) == len(loose.compact().games) + len(boards)
    assert joined.position(len(loose) + 9) == turned.position(9)


def test_boards_are_not_written_as_games_from_the_usual_start(tmp_path):
    games = Corpus.from_positions([Position.start(), PASSING]).games

    with pytest.raises(ValueError, match="game 2 begins from a board of its own"):
        write_transcripts(games, tmp_path / "games.txt")
    write_transcripts(games.take(games.standard), tmp_path / "games.txt")


def test_games_of_boards_know_the_score_of_perfect_play():
    position = Position.from_transcript("f5d6c3")

    games = Games.of_boards(
        [position.black], [position.white], WHITE, size=8, theoretical_score=[40]
    )
    found = Corpus.from_games(games)

    assert found.theoretical_margin.tolist() == [-16]
    assert found.frame()["theoretical_margin"].tolist() == [-16]
    assert np.isnan(Corpus.from_positions(position).theoretical_margin).all()


@pytest.mark.parametrize(
    ("black", "white", "mover", "reason"),
    [
        (1 << 9, 1 << 9, 0, "start 1 is no board"),
        (1, 0, 0, "start 1 is no board"),
        (1 << 9, 0, 2, "start 1 is no board"),
    ],
)
def test_a_start_that_is_no_board_is_refused(black, white, mover, reason):
    with pytest.raises(ValueError, match=reason):
        Games.of_boards([black], [white], [mover], size=6)


def test_corner_boards_have_no_negative_ply():
    found = Corpus.from_boards(np.zeros((2, 8, 8)))

    assert found.ply.tolist() == [0, 0]
    assert count(found.own | found.opponent).tolist() == [0, 0]
    assert squares(found.legal[0]) == []
    assert found.mover.tolist() == [BLACK, BLACK]


def test_boards_of_truth_values_are_refused():
    with pytest.raises(ValueError, match="boards are of truth values"):
        Corpus.from_boards(np.ones((2, 8, 8), bool))
