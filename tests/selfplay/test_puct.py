"""The batched search against the one that is written to be read."""

import numpy as np
import pytest
import torch

from conceptlrp.networks import OthelloNet, predict
from conceptlrp.networks.planes import legal_actions
from conceptlrp.othello import Corpus, Position, legal_moves
from conceptlrp.othello.board import start
from conceptlrp.selfplay import SearchOptions
from conceptlrp.selfplay.puct import (
    NetworkEvaluator,
    SearchResult,
    choose_actions,
    legal_softmax,
    mix_noise,
    search,
)
from tests.selfplay.azg_search import AlphaZeroGeneral
from tests.selfplay.reference_search import ReferenceSearch
from tests.selfplay.toys import HashEvaluator, positions

ENDED = ("X" * 40 + "O" * 24 + " X", "X" * 32 + "O" * 32 + " X")


def boards(*lines: str) -> tuple[np.ndarray, np.ndarray]:
    found = [Position.from_obf(line) for line in lines]
    own, opponent = ([getattr(p, side) for p in found] for side in ("own", "opponent"))
    return np.array(own, np.uint64), np.array(opponent, np.uint64)


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("size", [6, 8])
@pytest.mark.parametrize("transpositions", [False, True])
def test_many_trees_grow_as_each_would_alone(size: int, transpositions: bool) -> None:
    options = SearchOptions(simulations=60, draw=-1.0, transpositions=transpositions)
    evaluate = HashEvaluator(size)
    corpus = positions(20, size=size)

    found = search(evaluate, corpus.own, corpus.opponent, options=options)

    for row in range(len(corpus)):
        own, opponent = int(corpus.own[row]), int(corpus.opponent[row])
        alone = ReferenceSearch(evaluate, own, opponent, options).run()
        np.testing.assert_array_equal(found.visits[row], alone.visits[0])
        np.testing.assert_array_equal(found.action_values[row], alone.action_values[0])


def test_a_game_is_played_move_by_move_as_by_the_reference() -> None:
    options = SearchOptions(simulations=30, noise=0.25)
    evaluate = HashEvaluator()
    own, opponent = (np.array([word], np.uint64) for word in start())

    for ply in range(20):
        rng = np.random.default_rng(ply)
        priors = mix_noise(
            evaluate(own, opponent)[0],
            legal_actions(own, opponent),
            options,
            np.random.default_rng(ply),
        )
        alone = ReferenceSearch(
            evaluate, int(own[0]), int(opponent[0]), options, priors[0]
        )
        found = search(evaluate, own, opponent, options=options, rng=rng)

        np.testing.assert_array_equal(found.visits, alone.run().visits)
        position = Position(int(own[0]), int(opponent[0]))
        played = position.play(int(found.visits[0].argmax()))
        own, opponent = (
            np.array([w], np.uint64) for w in (played.own, played.opponent)
        )


@pytest.mark.parametrize(("simulations", "n"), [(2, 40), (25, 40), (150, 10)])
def test_visits_are_those_of_alpha_zero_general(simulations: int, n: int) -> None:
    evaluate = HashEvaluator(values=0.9)
    corpus = positions(n, seed=3)
    # There, the first simulation only looks at the root.
    options = SearchOptions(simulations=simulations - 1, draw=-1.0, transpositions=True)

    found = search(evaluate, corpus.own, corpus.opponent, options=options)

    for row in range(len(corpus)):
        theirs = AlphaZeroGeneral(evaluate, simulations)
        counts = theirs.counts(int(corpus.own[row]), int(corpus.opponent[row]))
        assert found.visits[row].tolist() == counts


def test_ways_to_one_position_meet_where_that_is_asked_for() -> None:
    corpus = positions(60, seed=5)
    apart, shared = (
        search(
            HashEvaluator(),
            corpus.own,
            corpus.opponent,
            options=SearchOptions(simulations=200, transpositions=which),
        )
        for which in (False, True)
    )

    assert (apart.visits != shared.visits).any()


def test_every_simulation_is_a_visit_of_a_legal_action() -> None:
    corpus = positions(50)

    found = search(
        HashEvaluator(),
        corpus.own,
        corpus.opponent,
        options=SearchOptions(simulations=17),
    )

    legal = legal_moves(corpus.own, corpus.opponent)
    squares = np.arange(64, dtype=np.uint64)
    illegal = (legal[:, None] >> squares & np.uint64(1)) == 0
    assert (found.visits.sum(axis=1) == 17).all()
    assert not found.visits[:, :64][illegal].any()
    assert not found.visits[:, 64].any()


def test_a_pass_is_a_move_of_its_own() -> None:
    # White has no move; Black then takes the last disc of White.
    own, opponent = boards("-OXXXXXX" + "-" * 56 + " O")

    found = search(
        HashEvaluator(values=0.0), own, opponent, options=SearchOptions(simulations=4)
    )

    assert found.visits[0].nonzero()[0].tolist() == [64]
    # The first visit asks the network, which says 0; the others see the end.
    assert found.action_values[0, 64] == -0.75


def test_a_won_end_is_worth_1_whatever_the_network_says() -> None:
    # a1 turns the last disc of White over.
    own, opponent = boards("-OXXXXXX" + "-" * 56 + " X")

    found = search(HashEvaluator(), own, opponent, options=SearchOptions(simulations=5))

    assert found.visits[0].nonzero()[0].tolist() == [0]
    assert found.value.tolist() == [1.0]


@pytest.mark.parametrize("draw", [0.0, -1.0])
def test_a_draw_counts_as_told_for_the_player_after_it(draw: float) -> None:
    # a1 turns b1 over and leaves 32 discs each.
    own, opponent = boards("-OX" + "X" * 29 + "O" * 32 + " X")

    found = search(
        HashEvaluator(), own, opponent, options=SearchOptions(simulations=1, draw=draw)
    )

    assert found.action_values[0, 0] == -draw


@pytest.mark.parametrize("line", ENDED)
def test_the_end_of_a_game_is_not_searched(line: str) -> None:
    with pytest.raises(ValueError, match="the end of a game"):
        search(HashEvaluator(), *boards(line))


def test_the_move_that_wipes_out_is_found() -> None:
    # a1 turns both white discs over, a2 and a3 one of them.
    own, opponent = boards("-OX-----" * 2 + "--X-----" + "-" * 40 + " X")

    found = search(
        HashEvaluator(), own, opponent, options=SearchOptions(simulations=50)
    )

    assert found.visits[0].argmax() == 0
    assert found.visits[0, 0] > 40


def test_noise_keeps_to_legal_moves_and_its_share() -> None:
    corpus = positions(30)
    priors, _ = HashEvaluator()(corpus.own, corpus.opponent)
    options = SearchOptions(noise=0.25)
    legal = legal_actions(corpus.own, corpus.opponent)

    mixed = mix_noise(priors, legal, options, generator())

    assert not mixed[priors == 0].any()
    np.testing.assert_allclose(mixed.sum(axis=1), 1, atol=1e-5)
    assert (mixed >= 0.75 * priors - 1e-6).all()
    assert np.abs(mixed - priors).max() > 0.05


def test_equal_seeds_give_equal_noise_and_visits() -> None:
    corpus = positions(10)
    options = SearchOptions(simulations=20, noise=0.5)

    one, same, other = (
        search(
            *(HashEvaluator(), corpus.own, corpus.opponent),
            options=options,
            rng=np.random.default_rng(seed),
        ).visits
        for seed in (1, 1, 2)
    )

    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_noise_without_a_generator_is_refused() -> None:
    corpus = positions(2)

    with pytest.raises(ValueError, match="needs a random generator"):
        search(
            HashEvaluator(),
            corpus.own,
            corpus.opponent,
            options=SearchOptions(noise=0.25),
        )


@pytest.mark.parametrize("wrong", [{"simulations": 0}, {"noise": 1.5}])
def test_impossible_options_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        SearchOptions(**wrong)


def test_a_network_is_searched_alike_alone_and_among_others(
    tiny_network: OthelloNet,
) -> None:
    corpus = positions(12)
    options = SearchOptions(simulations=20)

    together = search(
        NetworkEvaluator(tiny_network), corpus.own, corpus.opponent, options=options
    )

    alone = [
        search(NetworkEvaluator(tiny_network), *pair, options=options)
        for pair in zip(corpus.own[:, None], corpus.opponent[:, None], strict=True)
    ]
    np.testing.assert_array_equal(
        together.visits, np.concatenate([each.visits for each in alone])
    )


def test_a_network_can_be_searched_on_6x6() -> None:
    torch.manual_seed(0)
    evaluate = NetworkEvaluator(OthelloNet(channels=2, size=6))
    own, opponent = (np.array([word], np.uint64) for word in start(6))

    found = search(evaluate, own, opponent, options=SearchOptions(simulations=8))

    assert found.visits.shape == (1, 37)
    assert found.visits.sum() == 8


def test_the_value_is_the_mean_over_all_visits() -> None:
    visits = np.array([[3, 1, 0]], np.int32)
    values = np.array([[0.5, -0.5, 0.0]])

    result = SearchResult(visits, values, np.zeros((1, 3), np.float32))

    assert result.value.tolist() == [0.25]


def test_temperature_0_takes_one_of_the_most_visited() -> None:
    visits = np.tile([4, 9, 9, 0], (2000, 1))

    chosen = choose_actions(visits, 0.0, generator())

    counts = np.bincount(chosen, minlength=4)
    assert counts[[0, 3]].tolist() == [0, 0]
    assert counts[1] == pytest.approx(1000, abs=100)


@pytest.mark.parametrize(("temperature", "share"), [(1.0, 0.75), (0.5, 0.9)])
def test_actions_are_drawn_by_their_visits(temperature: float, share: float) -> None:
    visits = np.tile([1, 0, 3], (8000, 1))

    chosen = choose_actions(visits, temperature, generator())

    counts = np.bincount(chosen, minlength=3) / 8000
    assert counts[1] == 0
    assert counts[2] == pytest.approx(share, abs=0.02)


def test_priors_and_values_are_those_of_the_network(
    tiny_network: OthelloNet, random_corpus: Corpus
) -> None:
    corpus = random_corpus[:300]
    evaluate = NetworkEvaluator(tiny_network, batch_size=64)

    priors, value = evaluate(corpus.own, corpus.opponent)

    said = predict(tiny_network, corpus.own, corpus.opponent)
    np.testing.assert_allclose(priors, said.probabilities, atol=1e-6)
    np.testing.assert_allclose(value, said.value, atol=1e-6)


def test_equal_positions_of_a_batch_are_asked_about_once(
    tiny_network: OthelloNet,
) -> None:
    evaluate = NetworkEvaluator(tiny_network, remembered=0)
    own, opponent = (np.full(50, word, np.uint64) for word in start())

    priors, value = evaluate(own, opponent)

    assert (evaluate.asked, evaluate.forwarded) == (50, 1)
    assert priors.shape == (50, 65)
    assert len(np.unique(value)) == 1


def test_what_is_remembered_is_not_asked_again(tiny_network: OthelloNet) -> None:
    corpus = positions(20)
    evaluate = NetworkEvaluator(tiny_network)

    first = evaluate(corpus.own, corpus.opponent)
    forwarded = evaluate.forwarded
    second = evaluate(corpus.own[::-1], corpus.opponent[::-1])

    assert evaluate.forwarded == forwarded
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other[::-1])


def test_what_is_forgotten_is_asked_again(tiny_network: OthelloNet) -> None:
    corpus = positions(20)
    evaluate = NetworkEvaluator(tiny_network)

    evaluate(corpus.own, corpus.opponent)
    forwarded = evaluate.forwarded
    evaluate.forget()
    evaluate(corpus.own, corpus.opponent)

    assert evaluate.forwarded == 2 * forwarded


def test_a_memory_that_is_too_small_forgets_and_does_not_mix_up(
    tiny_network: OthelloNet,
) -> None:
    corpus = positions(300)
    small = NetworkEvaluator(tiny_network, remembered=8)
    none = NetworkEvaluator(tiny_network, remembered=0)

    for rows in (slice(0, 200), slice(100, 300), slice(0, 300)):
        boards = corpus.own[rows], corpus.opponent[rows]
        for one, other in zip(small(*boards), none(*boards), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)


def test_masked_priors_are_those_of_alpha_zero_general() -> None:
    corpus = positions(50)
    legal = legal_actions(corpus.own, corpus.opponent)
    logits = np.random.default_rng(0).normal(0, 3, legal.shape).astype(np.float32)

    priors = legal_softmax(logits, legal)

    theirs = torch.log_softmax(torch.from_numpy(logits), 1).exp().numpy() * legal
    theirs /= theirs.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(priors, theirs, atol=1e-6)


def test_later_changes_of_the_network_do_not_count() -> None:
    network = OthelloNet(channels=2).eval()
    corpus = positions(5)
    evaluate = NetworkEvaluator(network, remembered=0)

    before = evaluate(corpus.own, corpus.opponent)
    torch.nn.init.zeros_(network.fc3.weight)
    after = evaluate(corpus.own, corpus.opponent)

    np.testing.assert_array_equal(before[0], after[0])
