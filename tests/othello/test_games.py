import numpy as np
import pytest

from conceptlrp.errors import IllegalMoveError
from conceptlrp.othello import (
    BLACK,
    NO_MOVE,
    PASS,
    WHITE,
    Corpus,
    Games,
    Position,
    legal_moves,
    parse_transcript,
)
from conceptlrp.othello.board import count
from conceptlrp.othello.files.legal_games import padded
from conceptlrp.othello.games import judge
from conceptlrp.othello.replay import replay

# Black takes every white disc with move 9, the earliest end there is.
WIPE_OUT = "f5d6c5f4e7f6g5e6e3"


def test_replay_gives_a_position_before_each_move(playouts: Games):
    found = replay(playouts.moves)

    played = playouts.moves != NO_MOVE
    assert len(found.own) == played.sum()
    assert (found.played == playouts.moves[played]).all()
    assert (found.game == np.nonzero(played)[0]).all()
    assert (found.ply == np.nonzero(played)[1]).all()
    assert (count(found.own | found.opponent) - 4 == found.ply).all()


@pytest.mark.parametrize("size", [6, 8])
def test_every_played_move_is_legal(request, size):
    games = request.getfixturevalue("playouts" if size == 8 else "small_playouts")
    found = replay(games.moves, size=size)

    legal = legal_moves(found.own, found.opponent, size=size)

    assert (legal >> found.played.astype(np.uint64) & np.uint64(1)).all()
    assert found.finished.all()


def test_replay_equals_playing_one_by_one(playouts: Games):
    found = replay(playouts.moves[:3])
    row = 0

    for moves in playouts.moves[:3]:
        position = Position.start()
        for move in moves[moves != NO_MOVE].tolist():
            position = position.play("pa") if position.must_pass else position
            assert (position.own, position.opponent) == (
                int(found.own[row]),
                int(found.opponent[row]),
            )
            assert position.mover == found.mover[row]
            position = position.play(move)
            row += 1


def test_a_long_replay_equals_its_parts(playouts: Games):
    moves = np.tile(playouts.moves, (25, 1))

    found, part = replay(moves), replay(playouts.moves)

    assert (found.own == np.tile(part.own, 25)).all()
    assert (found.game[-len(part.game) :] == part.game + 24 * len(playouts)).all()
    assert (found.score == np.tile(part.score, 25)).all()


def test_a_wipe_out_gives_the_winner_all_squares():
    found = replay([parse_transcript(WIPE_OUT)])

    assert found.finished.tolist() == [True]
    assert found.score.tolist() == [64]


def test_an_unfinished_game_has_no_score():
    found = replay([[37, 43]])

    assert found.finished.tolist() == [False]
    assert found.score.tolist() == [-1]
    assert found.mover.tolist() == [BLACK, WHITE]


@pytest.mark.parametrize(
    ("moves", "place"),
    [
        ([37, 37], 1),
        ([0], 0),
        ([37, 43, 63, 18], 2),
        ([37, NO_MOVE, 43], 2),
        ([27], 0),
        ([*parse_transcript(WIPE_OUT), 0], 9),
    ],
)
def test_the_first_illegal_move_is_found(moves, place):
    found = replay([moves])

    assert found.illegal.tolist() == [place]
    assert found.finished.tolist() == [False]
    assert len(found.own) <= place


def test_a_move_outside_the_small_board_is_illegal():
    assert replay([[37, 43, 8]], size=6).illegal.tolist() == [2]


def test_no_games_give_no_positions():
    found = replay(np.empty((0, 60), np.int8))

    assert (len(found.own), len(found.score)) == (0, 0)


@pytest.mark.parametrize(
    ("moves", "reason"),
    [
        ([37, 43], r"of shape \(2,\)"),
        ([[64]], "run from 64 to 64"),
        ([[-2]], "run from -2 to -2"),
        ([[1.5]], "float64"),
    ],
)
def test_what_is_no_table_of_moves_is_refused(moves, reason):
    with pytest.raises(ValueError, match=reason):
        replay(moves)


def test_games_know_their_results(playouts: Games):
    assert playouts.finished.all()
    assert ((playouts.score >= 0) & (playouts.score <= 64)).all()
    assert playouts.moves.shape == (len(playouts), 60)


def test_games_with_an_illegal_move_are_refused_with_their_number():
    with pytest.raises(IllegalMoveError, match="game 2, move 1 is not legal"):
        Games.from_moves([[37], [36]])


def test_judging_leaves_out_illegal_games():
    games, illegal = judge([[37], [36], [26]], black=["a", "b", "c"])

    assert illegal.tolist() == [-1, 0, -1]
    assert games.black.tolist() == ["a", "c"]
    assert games.index.tolist() == [0, 2]


def test_what_is_not_known_stays_empty():
    games = Games.from_moves([[37]])

    assert games.year.tolist() == [0]
    assert games.black.tolist() == games.source.tolist() == [""]
    assert games.recorded_score.tolist() == games.theoretical_score.tolist() == [-1]


def test_taking_and_joining_games_keeps_their_columns(playouts: Games):
    half = len(playouts) // 2
    parts = [
        playouts.take(np.arange(half)),
        playouts.take(np.arange(len(playouts)) >= half),
    ]

    joined = Games.concatenate(parts)

    for name, column in playouts.columns().items():
        assert (getattr(joined, name) == column).all()


def test_games_of_two_board_sizes_are_not_joined(playouts, small_playouts):
    with pytest.raises(ValueError, match=r"board sizes \[6, 8\]"):
        Games.concatenate([playouts, small_playouts])


def test_columns_of_different_lengths_are_refused(playouts: Games):
    columns = {**playouts.columns(), "year": playouts.year[:3]}

    with pytest.raises(ValueError, match="year has 3 entries, expected 200"):
        Games(**columns)


def test_moves_of_another_width_are_refused(small_playouts: Games):
    with pytest.raises(ValueError, match=r"expected \(G, 60\)"):
        Games(**small_playouts.columns())


def test_a_column_that_games_do_not_have_is_refused():
    with pytest.raises(TypeError, match="no column 'blak' to give"):
        Games.from_moves([[37]], blak="Ann")


def test_games_are_shown_in_a_line(playouts: Games):
    assert repr(playouts) == "Games(200 games, 8 x 8)"


@pytest.mark.parametrize("size", [6, 8])
def test_games_from_random_starts_equal_playing_one_by_one(size: int):
    games, positions = begun_games(40, size=size)

    found = Corpus.from_games(games)

    rows = [(p.own, p.opponent, p.mover, p.ply) for p, _ in positions]
    columns = (found.own, found.opponent, found.mover, found.ply)
    assert list(zip(*(c.tolist() for c in columns), strict=True)) == rows
    assert found.played.tolist() == [move for _, move in positions]
    assert [found.position(i) for i in range(len(found))] == [p for p, _ in positions]
    assert not games.standard.any()
    assert {found.transcript(i) for i in range(len(found))} == {""}


def begun_games(count: int, *, size: int) -> tuple[Games, list[tuple[Position, int]]]:
    """Return games that begin from boards of any kind, and what happens in them."""
    rng = np.random.default_rng(size)
    starts, moves, positions = [], [], []
    for game in range(count):
        position = _random_start(rng, size, scattered=game % 2 == 0)
        starts.append(position)
        made: list[int] = []
        while not position.is_over:
            if position.must_pass:
                position = position.play(PASS)
                continue
            move = int(rng.choice(position.legal_moves))
            positions.append((position, move))
            position = position.play(move)
            made.append(move)
        moves.append(made)
        if not made:
            positions.append((starts[-1], NO_MOVE))
    black, white = ([getattr(p, c) for p in starts] for c in ("black", "white"))
    movers, table = [p.mover for p in starts], padded(moves, size)
    return Games.of_boards(black, white, movers, size=size, moves=table), positions


def _random_start(rng: np.random.Generator, size: int, *, scattered: bool) -> Position:
    if scattered:
        cells = rng.choice([-1, 0, 0, 1], (size, size))
        return Position.from_array(cells, mover=int(rng.integers(2)))
    position = Position.start(size)
    for _ in range(int(rng.integers(1, size * size - 8))):
        if not position.legal_moves:
            break
        position = position.play(int(rng.choice(position.legal_moves)))
    return Position(position.own, position.opponent, position.mover, size)
