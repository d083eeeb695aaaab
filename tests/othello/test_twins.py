"""Keys of games: equal for twins, different for all others."""

import numpy as np
import pytest

from conceptlrp.othello import NO_MOVE, Corpus, Games, game_keys, twins
from conceptlrp.othello.board import to_boards
from conceptlrp.othello.games import judge
from conceptlrp.othello.symmetry import canonical, turn, turn_squares
from conceptlrp.othello.twins import position_keys
from tests.othello.playouts import random_games


def turned(games: Games, s: int) -> Games:
    """Turn games with their starts."""
    starts = (turn(games.start_black, s), turn(games.start_white, s))
    return Games.of_boards(
        *starts,
        games.start_mover,
        size=games.size,
        moves=turn_squares(games.moves, s),
    )


def transposed(games: Games, first: int, last: int) -> tuple[Games, Games]:
    """Return games, and the same with two moves of one side exchanged.

    The exchange begins at a ply from `first` to `last`, and the board after it is the
    same.
    """
    ones, others = [], []
    for ply in range(first, last + 1):
        other = games.moves.copy()
        other[:, [ply, ply + 2]] = games.moves[:, [ply + 2, ply]]
        legal = judge(other)[1] < 0
        pair = [Games.from_moves(each[legal]) for each in (games.moves, other)]
        boards = [
            {
                int(game): (int(own), int(opponent))
                for game, at, own, opponent in zip(
                    c.game, c.ply, c.own, c.opponent, strict=True
                )
                if at == ply + 3
            }
            for c in map(Corpus.from_games, pair)
        ]
        alike = [g for g in boards[0] if boards[0][g] == boards[1].get(g)]
        ones.append(pair[0].moves[alike])
        others.append(pair[1].moves[alike])
    one, two = np.concatenate(ones), np.concatenate(others)
    _, of_each = np.unique(one, axis=0, return_index=True)
    return Games.from_moves(one[of_each]), Games.from_moves(two[of_each])


@pytest.mark.parametrize("size", [6, 8])
@pytest.mark.parametrize("s", range(8))
def test_games_turned_with_their_start_have_the_same_key(s, size):
    games = random_games(40, seed=s, size=size)

    keys = game_keys(Games.concatenate([games, turned(games, s)]))

    assert keys.tolist() == [*range(40), *range(40)]


@pytest.mark.parametrize(
    ("first", "last"), [(2, 14), (18, 19), (25, 50)], ids=["opening", "on 20", "late"]
)
def test_transposed_games_have_the_same_key(first, last):
    one, two = transposed(random_games(300, seed=1), first, last)
    n = len(one)

    keys = game_keys(Games.concatenate([one, turned(two, 3)]))

    assert n > 5
    assert (one.moves != two.moves).any(axis=1).all()
    assert keys.tolist() == [*range(n), *range(n)]


def test_games_that_part_in_the_opening_differ():
    moves = random_games(1, seed=0).moves
    rest = random_games(2000, seed=3).moves
    other = rest[(rest[:, :2] == moves[0, :2]).all(axis=1)][0]

    assert game_keys(Games.from_moves([moves[0], other])).tolist() == [0, 1]


def test_a_game_that_was_cut_after_the_opening_is_a_twin_of_the_whole():
    moves = random_games(3, seed=0).moves
    cut = np.where(np.arange(60) < 24, moves, NO_MOVE)
    short = np.where(np.arange(60) < 12, moves, NO_MOVE)

    keys = game_keys(Games.from_moves([*moves, *cut, *short, *short]))

    assert keys.tolist() == [0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5]


def brute_force(games: Games, first: int) -> list[int]:
    """Join games that have a late board in common, one pair after the other."""
    found = Corpus.from_games(games)
    own, opponent, _ = canonical(found.own, found.opponent)
    late = [set() for _ in range(len(games))]
    for row, game in enumerate(found.game.tolist()):
        last = found.ply[found.game == game].max()
        if found.ply[row] >= min(first, last):
            late[game].add((int(own[row]), int(opponent[row])))
    keys = list(range(len(games)))
    for i in range(len(games)):
        for j in range(i):
            if late[i] & late[j]:
                old, new = max(keys[i], keys[j]), min(keys[i], keys[j])
                keys = [new if key == old else key for key in keys]
    return np.unique(keys, return_inverse=True)[1].tolist()


@pytest.mark.parametrize(("size", "first"), [(6, 10), (8, 20)])
def test_keys_equal_a_comparison_of_every_two_games(size, first):
    games = random_games(40, seed=2, size=size)
    cut = games.moves[:20].copy()
    cut[:, 4:] = NO_MOVE
    some = Games.from_moves(cut, size=size)
    parts = [games.take([3, 5]), games, some, turned(games.take(range(9)), 5)]
    among = Games.concatenate(parts)

    assert game_keys(among).tolist() == brute_force(among, first)
    assert len(set(game_keys(among))) < 60


def test_loose_boards_share_a_key_if_equal_up_to_symmetry():
    corpus = Corpus.from_games(random_games(30, seed=4))[::7]
    boards = corpus.turned_by(np.arange(len(corpus)) % 8)
    black, white = (
        np.where(boards.mover == 0, *pair)
        for pair in (
            (boards.own, boards.opponent),
            (boards.opponent, boards.own),
        )
    )
    alone = Games.of_boards(black, white, boards.mover, size=8)
    played = Games.of_boards(
        black, white, boards.mover, size=8, moves=boards.played[:, None]
    )

    keys = game_keys(Games.concatenate([alone, played]))

    pairs = zip(*canonical(corpus.own, corpus.opponent)[:2], strict=True)
    places: dict[tuple[int, int], int] = {}
    expected = [places.setdefault(pair, len(places)) for pair in pairs]
    assert keys.tolist() == expected * 2
    assert len(places) < len(expected)


def test_boards_of_games_without_moves_tell_their_games_apart():
    corpus = Corpus.from_games(random_games(3, seed=5))
    boards = to_boards(corpus.own, corpus.opponent)
    labelled = Corpus.from_boards(
        np.concatenate([boards, boards[:, :, ::-1]]),
        game=np.concatenate([corpus.game, corpus.game + 3]),
    )

    keys = position_keys(labelled)

    assert keys.tolist() == [*corpus.game, *corpus.game]


def test_keys_of_positions_are_those_of_their_games():
    games = random_games(50, seed=6)
    corpus = Corpus.from_games(Games.concatenate([games, turned(games, 6)]))
    some = corpus[np.random.default_rng(0).permutation(len(corpus))[:900]].turn()

    keys = position_keys(some)

    whole = game_keys(corpus.games)[some.game]
    assert len(set(keys)) == len(set(whole)) == len(set(zip(keys, whole, strict=True)))


def test_no_games_have_no_keys():
    none = random_games(2, seed=0).take(np.arange(0))

    assert game_keys(none).tolist() == []
    assert game_keys(Games.from_moves(np.full((2, 60), NO_MOVE))).tolist() == [0, 0]


def test_keys_do_not_depend_on_how_many_games_are_played_together(monkeypatch):
    games = random_games(60, seed=4)
    moves = games.moves.copy()
    moves[30:] = moves[:30]
    moves[30:, 25:] = NO_MOVE
    boards = Corpus.from_boards(np.random.default_rng(0).integers(-1, 2, (9, 8, 8)))
    corpus = Corpus.concatenate([Corpus.from_games(Games.from_moves(moves)), boards])
    together = game_keys(corpus.games), position_keys(corpus[::3])
    monkeypatch.setattr(twins, "_GAMES", 7)

    apart = game_keys(corpus.games), position_keys(corpus[::3])

    for one, other in zip(together, apart, strict=True):
        np.testing.assert_array_equal(one, other)
