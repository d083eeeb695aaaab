import numpy as np
import pytest
import torch

from conceptlrp.networks.planes import actions_of_squares, board_planes, legal_actions
from conceptlrp.othello import Corpus, Games
from conceptlrp.othello.symmetry import turn, turn_maps, turn_squares
from conceptlrp.selfplay import RandomPlayer, TrainingSet
from conceptlrp.selfplay.arena import play_games
from conceptlrp.selfplay.training_loop import Batches


@pytest.fixture(scope="module")
def examples(random_corpus: Corpus) -> TrainingSet:
    return TrainingSet.from_corpus(random_corpus)


@pytest.mark.parametrize("size", [6, 8])
def test_planes_and_moves_are_turned_alike(size: int) -> None:
    player = RandomPlayer(size)
    corpus = Corpus.from_games(play_games(player, player, count=8, seed=0))
    symmetries = np.arange(64) % 8
    rows = np.arange(64)

    examples = TrainingSet.from_corpus(corpus)
    batch = Batches(examples, batch_size=64).batch(rows, symmetries)

    shown = corpus[rows]
    own, opponent = turn(shown.own, symmetries), turn(shown.opponent, symmetries)
    expected = board_planes(own, opponent, size=size)
    moves = actions_of_squares(turn_squares(shown.played, symmetries), size=size)
    np.testing.assert_array_equal(batch.planes, expected)
    np.testing.assert_array_equal(batch.policy, moves)
    assert legal_actions(own, opponent, size=size)[rows, batch.policy].all()


def test_two_planes_are_turned_as_one_is(examples: TrainingSet) -> None:
    rows, symmetries = np.arange(40), np.arange(40) % 8

    one, two = (
        Batches(examples, batch_size=40, planes=planes).batch(rows, symmetries).planes
        for planes in (1, 2)
    )

    assert two.shape == (40, 2, 8, 8)
    assert torch.equal(two[:, :1] - two[:, 1:], one)


def test_planes_are_turned_as_maps_are(
    random_corpus: Corpus, examples: TrainingSet
) -> None:
    rows = np.full(8, 30)

    batch = Batches(examples, batch_size=8).batch(rows, np.arange(8))

    plain = board_planes(random_corpus.own[rows], random_corpus.opponent[rows])[:, 0]
    np.testing.assert_array_equal(batch.planes[:, 0], turn_maps(plain, np.arange(8)))


@pytest.mark.parametrize("size", [6, 8])
def test_probabilities_are_turned_as_actions_are(size: int) -> None:
    player = RandomPlayer(size)
    corpus = Corpus.from_games(play_games(player, player, count=2, seed=0))
    sparse = TrainingSet.from_corpus(corpus)
    dense = TrainingSet(
        sparse.own,
        sparse.opponent,
        np.eye(sparse.actions)[sparse.policy],
        sparse.outcome,
        size,
    )
    rows, symmetries = np.arange(40), np.arange(40) % 8

    one, other = (
        Batches(each, batch_size=40).batch(rows, symmetries).policy
        for each in (sparse, dense)
    )

    assert torch.equal(other.argmax(dim=1), one)
    assert torch.equal(other.sum(dim=1), torch.ones(40))


def test_a_pass_stays_a_pass() -> None:
    board = np.full(8, 7, dtype=np.uint64)
    examples = TrainingSet(board, board << np.uint64(8), np.full(8, 64), board * 0)

    batch = Batches(examples, batch_size=8).batch(np.arange(8), np.arange(8))

    assert batch.policy.tolist() == [64] * 8


def test_an_epoch_shows_every_position_once(
    random_corpus: Corpus, examples: TrainingSet
) -> None:
    batches = Batches(examples, batch_size=100)

    shown = [batches[i] for i in range(batches.steps_per_epoch)]

    discs = sum(int(batch.planes.abs().sum()) for batch in shown)
    every = board_planes(random_corpus.own, random_corpus.opponent)
    left_out = len(random_corpus) - 100 * batches.steps_per_epoch
    assert 0 <= np.abs(every).sum() - discs <= 64 * left_out


def test_a_batch_follows_from_its_number_and_the_seed(
    examples: TrainingSet,
) -> None:
    makers = [Batches(examples, batch_size=32, seed=seed) for seed in (5, 5, 6)]
    far = 2 * makers[0].steps_per_epoch + 3
    for number in range(far):
        _ = makers[0][number]

    one, same, other = (maker[far] for maker in makers)

    assert one.planes.equal(same.planes)
    assert one.policy.equal(same.policy)
    assert not one.planes.equal(other.planes)
    assert not one.planes.equal(makers[0][3].planes)


def test_an_unfinished_game_has_no_weight() -> None:
    whole = play_games(RandomPlayer(), RandomPlayer(), count=1, seed=0).moves
    cut = whole.copy()
    cut[:, 20:] = -1
    games = [Games.from_moves(moves) for moves in (whole, cut)]
    corpus = Corpus.from_games(Games.concatenate(games))

    rows = np.array([0, len(corpus) - 1])
    examples = TrainingSet.from_corpus(corpus)
    batch = Batches(examples, batch_size=2).batch(rows, np.zeros(2, dtype=int))

    assert batch.weight.tolist() == [1, 0]
    assert batch.outcome[0] == corpus.outcome[0]
    assert batch.outcome[1] == 0


def test_a_corpus_smaller_than_a_batch_is_refused(examples: TrainingSet) -> None:
    with pytest.raises(ValueError, match="fewer than one batch of 1000000"):
        Batches(examples, batch_size=1_000_000)
