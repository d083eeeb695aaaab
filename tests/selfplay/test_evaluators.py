import numpy as np
import torch

from conceptlrp.networks import OthelloNet, predict
from conceptlrp.networks.planes import legal_actions
from conceptlrp.othello import Corpus
from conceptlrp.othello.board import start
from conceptlrp.selfplay.puct import NetworkEvaluator, legal_softmax
from tests.selfplay.toys import positions


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
