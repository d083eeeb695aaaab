import numpy as np
import pytest

from conceptlrp.networks import actions_of_squares, board_planes, legal_actions
from conceptlrp.othello import Corpus, Games, turn, turn_maps, turn_squares
from conceptlrp.selfplay import RandomPlayer, play_games
from conceptlrp.selfplay.batches import BatchMaker


@pytest.mark.parametrize("size", [6, 8])
def test_planes_and_moves_are_turned_alike(size: int) -> None:
    player = RandomPlayer(size)
    corpus = Corpus.from_games(play_games(player, player, n=8, seed=0))
    symmetries = np.arange(64) % 8
    rows = np.arange(64)

    batch = BatchMaker(corpus, batch_size=64).batch(rows, symmetries)

    shown = corpus[rows]
    own, opponent = turn(shown.own, symmetries), turn(shown.opponent, symmetries)
    expected = board_planes(own, opponent, size=size)
    moves = actions_of_squares(turn_squares(shown.played, symmetries), size=size)
    np.testing.assert_array_equal(batch.planes, expected)
    np.testing.assert_array_equal(batch.actions, moves)
    assert legal_actions(own, opponent, size=size)[rows, batch.actions].all()


def test_planes_are_turned_as_maps_are(random_corpus: Corpus) -> None:
    maker = BatchMaker(random_corpus, batch_size=8)
    rows = np.full(8, 30)

    batch = maker.batch(rows, np.arange(8))

    plain = board_planes(random_corpus.own[rows], random_corpus.opponent[rows])[:, 0]
    np.testing.assert_array_equal(batch.planes[:, 0], turn_maps(plain, np.arange(8)))


def test_an_epoch_shows_every_position_once(random_corpus: Corpus) -> None:
    maker = BatchMaker(random_corpus, batch_size=100)
    batches = iter(maker)

    shown = [next(batches) for _ in range(maker.steps_per_epoch)]

    discs = sum(int(batch.planes.abs().sum()) for batch in shown)
    every = board_planes(random_corpus.own, random_corpus.opponent)
    left_out = len(random_corpus) - 100 * maker.steps_per_epoch
    assert 0 <= np.abs(every).sum() - discs <= 64 * left_out


def test_equal_seeds_give_equal_batches(random_corpus: Corpus) -> None:
    one, same, other = (
        next(iter(BatchMaker(random_corpus, batch_size=32, seed=seed)))
        for seed in (5, 5, 6)
    )

    assert one.planes.equal(same.planes)
    assert one.actions.equal(same.actions)
    assert not one.planes.equal(other.planes)


def test_an_unfinished_game_has_no_weight() -> None:
    whole = play_games(RandomPlayer(), RandomPlayer(), n=1, seed=0).moves
    cut = whole.copy()
    cut[:, 20:] = -1
    games = [Games.from_moves(moves) for moves in (whole, cut)]
    corpus = Corpus.from_games(Games.concatenate(games))

    rows = np.array([0, len(corpus) - 1])
    batch = BatchMaker(corpus, batch_size=2).batch(rows, np.zeros(2, dtype=int))

    assert batch.weight.tolist() == [1, 0]
    assert batch.outcome[0] == corpus.outcome[0]
    assert batch.outcome[1] == 0


def test_a_corpus_smaller_than_a_batch_is_refused(random_corpus: Corpus) -> None:
    with pytest.raises(ValueError, match="fewer than one batch of 1000000"):
        BatchMaker(random_corpus, batch_size=1_000_000)
