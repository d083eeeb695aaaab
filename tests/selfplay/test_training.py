import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from conceptlrp.networks import OthelloNet, ResidualTower, network_digest
from conceptlrp.othello import Corpus, Games
from conceptlrp.selfplay import (
    RandomPlayer,
    TrainingOptions,
    TrainingRecord,
    TrainingSet,
    train,
)
from conceptlrp.selfplay.arena import play_games
from conceptlrp.selfplay.training_set import hold_out, validate

SHORT = TrainingOptions(epochs=0.1, batch_size=64, points=2)


def trained(
    corpus: Corpus, options: TrainingOptions = SHORT, dropout: float = 0.0
) -> tuple[OthelloNet, TrainingRecord]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = OthelloNet(channels=2, dropout=dropout)
    return network, train(network, corpus, options=options)


@pytest.fixture
def two_years(random_corpus: Corpus) -> Corpus:
    moves = random_corpus.games.moves
    year = np.where(np.arange(len(moves)) < 30, 2011, 2012)
    return Corpus.from_games(Games.from_moves(moves, year=year))


def test_training_lowers_the_loss_on_positions_not_shown() -> None:
    corpus = Corpus.from_games(
        play_games(RandomPlayer(), RandomPlayer(), count=60, seed=0)
    )
    held_out = Corpus.from_games(
        play_games(RandomPlayer(), RandomPlayer(), count=10, seed=1)
    )
    torch.manual_seed(0)
    network = OthelloNet(channels=4, dropout=0.0)
    before = validate(network, held_out)

    record = train(
        network,
        corpus,
        validation=held_out,
        options=TrainingOptions(epochs=2, batch_size=64, learning_rate=5e-3, points=1),
    )

    after = record.validation
    assert after is not None
    assert after.policy_loss < before.policy_loss - 0.2
    assert after.illegal < before.illegal - 0.15


@pytest.mark.parametrize("planes", [1, 2])
def test_a_residual_tower_is_trained_too(planes: int, random_corpus: Corpus) -> None:
    torch.manual_seed(0)
    network = ResidualTower(channels=4, blocks=1, planes=planes)
    before = validate(network, random_corpus)

    train(
        network,
        random_corpus,
        options=TrainingOptions(epochs=2, batch_size=64, learning_rate=5e-3, points=1),
    )

    assert validate(network, random_corpus).policy_loss < before.policy_loss - 0.2


def test_equal_seeds_train_equal_networks(random_corpus: Corpus) -> None:
    digests = [
        network_digest(trained(random_corpus, replace(SHORT, seed=seed))[0])
        for seed in (4, 4, 5)
    ]

    assert digests[0] == digests[1] != digests[2]


def test_training_leaves_the_global_random_state_alone(random_corpus: Corpus) -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)

    trained(random_corpus, dropout=0.5)

    assert torch.rand(3).equal(expected)


def test_a_trained_network_is_in_evaluation_mode_and_contiguous(
    random_corpus: Corpus,
) -> None:
    network, _ = trained(random_corpus)

    assert not network.training
    assert all(tensor.is_contiguous() for tensor in network.state_dict().values())


def test_points_before_the_last_use_a_sample(two_years: Corpus) -> None:
    learned, tested = hold_out(two_years, year=2012)
    options = replace(SHORT, validation_positions=50)

    record = train(OthelloNet(2), learned, validation=tested, options=options)

    counts = [p.validation.positions for p in record.curve if p.validation]
    assert counts == [50, len(tested)]
    assert record.positions == len(learned)


def test_the_curve_has_its_points_and_logs_each(
    random_corpus: Corpus, caplog: pytest.LogCaptureFixture
) -> None:
    options = TrainingOptions(epochs=0.5, batch_size=64, points=4)

    with caplog.at_level(logging.INFO, "conceptlrp.selfplay"):
        _, record = trained(random_corpus, options)

    steps = round(0.5 * (len(random_corpus) // 64))
    assert caplog.messages == [str(point) for point in record.curve]
    assert len(record.curve) == 4
    assert record.samples == 64 * steps
    assert record.curve[-1].learning_rate < 0.2 * options.learning_rate


def test_a_corpus_of_another_size_is_refused(random_corpus: Corpus) -> None:
    with pytest.raises(
        ValueError, match="games are for boards of size 8, the network for size 6"
    ):
        train(OthelloNet(2, size=6), random_corpus)


def test_unfinished_games_teach_moves_but_no_outcome() -> None:
    moves = play_games(RandomPlayer(), RandomPlayer(), count=8, seed=0).moves.copy()
    moves[:, 20:] = -1
    corpus = Corpus.from_games(Games.from_moves(moves))

    _, record = trained(corpus, replace(SHORT, epochs=1.0))

    assert all(point.value_loss == 0 for point in record.curve)
    assert all(point.policy_loss > 0 for point in record.curve)


def test_early_stopping_keeps_the_weights_with_the_lowest_held_out_loss(
    random_corpus: Corpus,
) -> None:
    learned, tested = hold_out(random_corpus[:600], share=0.3)
    torch.manual_seed(0)
    network = ResidualTower(channels=8, blocks=1, value_units=8)
    # So many passes over so few games make any network worse on others.
    options = TrainingOptions(
        epochs=60, batch_size=32, learning_rate=2e-2, points=30, patience=3
    )

    record = train(network, learned, validation=tested, options=options)

    losses = [point.held_out_loss or 0.0 for point in record.curve]
    best = losses.index(min(losses[:-1]))
    assert len(losses) < 30
    assert record.kept == record.curve[best].steps
    assert len(losses) == best + 1 + 3
    assert validate(network, tested) == record.validation
    assert losses[-1] == pytest.approx(losses[best])


def test_patience_without_held_out_games_is_refused(random_corpus: Corpus) -> None:
    options = replace(SHORT, patience=2)

    with pytest.raises(ValueError, match="patience is 2, but nothing is held out"):
        train(OthelloNet(2), random_corpus, options=options)


def test_held_out_games_without_a_position_are_refused(random_corpus: Corpus) -> None:
    with pytest.raises(ValueError, match="no position is held out"):
        train(OthelloNet(2), random_corpus, validation=random_corpus[:0], options=SHORT)


def test_probabilities_of_one_action_teach_what_the_action_does(
    random_corpus: Corpus,
) -> None:
    sparse = TrainingSet.from_corpus(random_corpus)
    dense = TrainingSet(
        sparse.own,
        sparse.opponent,
        np.eye(sparse.actions)[sparse.policy],
        sparse.outcome,
    )
    weights = []
    for examples in (sparse, dense):
        torch.manual_seed(0)
        network = ResidualTower(channels=2, blocks=1, value_units=4)
        train(network, examples, options=SHORT)
        weights.append(torch.nn.utils.parameters_to_vector(network.parameters()))

    torch.testing.assert_close(*weights)


def test_every_step_is_told_with_the_positions_shown(random_corpus: Corpus) -> None:
    seen: list[tuple[str, int, int]] = []
    network = ResidualTower(channels=2, blocks=1, value_units=4)

    record = train(
        network,
        random_corpus,
        options=SHORT,
        on_progress=lambda *told: seen.append(told),
    )

    steps = record.curve[-1].steps
    assert [done for _, done, _ in seen] == [64 * (i + 1) for i in range(steps)]
    assert {(stage, total) for stage, _, total in seen} == {("training", 64 * steps)}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a graphics card")
def test_a_network_on_a_graphics_card_is_trained_there(random_corpus: Corpus) -> None:
    torch.manual_seed(0)
    network = ResidualTower(channels=4, blocks=1).to("cuda")
    before = validate(network, random_corpus)

    train(
        network,
        random_corpus,
        options=TrainingOptions(epochs=2, batch_size=64, learning_rate=5e-3, points=1),
    )

    assert next(network.parameters()).device.type == "cuda"
    assert validate(network, random_corpus).policy_loss < before.policy_loss - 0.2
