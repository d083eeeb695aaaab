from dataclasses import replace

import numpy as np
import pytest
import torch

from conceptlrp.networks import ResidualTower
from conceptlrp.networks.planes import actions_of_squares
from conceptlrp.othello import NO_MOVE, Corpus, Games
from conceptlrp.selfplay import (
    RandomPlayer,
    SearchOptions,
    SelfPlayGames,
    SelfPlayOptions,
    TrainingSet,
)
from conceptlrp.selfplay.arena import play_games
from conceptlrp.selfplay.puct import NetworkEvaluator
from conceptlrp.selfplay.rounds import play_round

BOARDS = np.array([3, 12], dtype=np.uint64)


def test_a_corpus_teaches_the_moves_played_and_the_outcomes(
    random_corpus: Corpus,
) -> None:
    examples = TrainingSet.from_corpus(random_corpus)

    np.testing.assert_array_equal(examples.own, random_corpus.own)
    actions = actions_of_squares(random_corpus.played)
    np.testing.assert_array_equal(examples.policy, actions)
    np.testing.assert_array_equal(examples.outcome, random_corpus.outcome)


def test_a_position_without_its_move_is_refused(random_corpus: Corpus) -> None:
    unknown = replace(random_corpus, played=np.full(len(random_corpus), NO_MOVE))

    with pytest.raises(ValueError, match="come without the move played"):
        TrainingSet.from_corpus(unknown)


WRONG = {
    "outcome of another length": ([0, 1], [1.0], r"outcome has shape \(1,\)"),
    "too few actions": (np.eye(37)[:2], [1, 1], r"policy has shape \(2, 37\)"),
    "no action": ([0, 65], [1, 1], "policy of row 1 is 65, expected an action"),
    "an action beyond a byte": ([256, 0], [1, 1], "policy of row 0 .* expected"),
    "more than all": (np.ones((2, 65)), [1, 1], "probabilities that add up to 1"),
    "nan": (np.full((2, 65), np.nan), [1, 1], "probabilities that add up to 1"),
}


@pytest.mark.parametrize(("policy", "outcome", "message"), WRONG.values(), ids=WRONG)
def test_examples_that_cannot_be_are_refused(
    policy: object, outcome: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        TrainingSet(BOARDS, BOARDS << 8, policy, outcome)


def test_joined_examples_follow_each_other(random_corpus: Corpus) -> None:
    whole = TrainingSet.from_corpus(random_corpus)
    parts = [random_corpus[:100], random_corpus[100:]]

    joined = TrainingSet.concatenate([TrainingSet.from_corpus(each) for each in parts])

    assert joined.digest == whole.digest


def test_examples_of_two_sizes_do_not_join() -> None:
    parts = [TrainingSet(BOARDS, BOARDS, [3, 4], [1, 1], n) for n in (6, 8)]

    with pytest.raises(ValueError, match=r"boards of sizes \[6, 8\], expected one"):
        TrainingSet.concatenate(parts)


def test_the_digest_tells_targets_apart(random_corpus: Corpus) -> None:
    examples = TrainingSet.from_corpus(random_corpus)

    same = TrainingSet.from_corpus(random_corpus)
    outcome = -examples.outcome
    other = TrainingSet(examples.own, examples.opponent, examples.policy, outcome, 8)

    assert examples.digest == same.digest != other.digest
    assert TrainingSet.from_corpus(random_corpus[:-1]).digest != examples.digest


def test_unfinished_games_have_no_outcome() -> None:
    moves = play_games(RandomPlayer(), RandomPlayer(), count=2, seed=0).moves.copy()
    moves[:, 20:] = NO_MOVE

    examples = TrainingSet.from_corpus(Corpus.from_games(Games.from_moves(moves)))

    assert np.isnan(examples.outcome).all()


@pytest.fixture(scope="module")
def played() -> SelfPlayGames:
    torch.manual_seed(0)
    network = ResidualTower(channels=2, blocks=1, size=6, value_units=4)
    search = SearchOptions(simulations=5)
    options = SelfPlayOptions(search=search, opening_plies=3, together=4)
    return play_round(NetworkEvaluator(network), options=options)


def test_self_play_teaches_what_was_searched(played: SelfPlayGames) -> None:
    learned = TrainingSet.from_self_play(played)

    searched = played.corpus.ply >= 3
    assert len(learned) == searched.sum()
    np.testing.assert_array_equal(learned.own, played.corpus.own[searched])
    np.testing.assert_allclose(learned.policy * 5, played.visits[searched], rtol=1e-6)
    np.testing.assert_array_equal(learned.outcome, played.corpus.outcome[searched])


def test_self_play_without_search_has_no_visits_to_teach(played: SelfPlayGames) -> None:
    silent = SelfPlayGames(played.games, played.visits * 0, played.value)

    with pytest.raises(ValueError, match="no position was searched"):
        TrainingSet.from_self_play(silent)
