"""Discs and channels taken away in an order, and relevance on flip lines."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from conceptlrp.ablation.sample import (
    ABLATIONS,
    FeatureMaps,
    feature_maps,
    same_ply_donors,
)
from conceptlrp.evaluation.faithfulness import (
    AGAINST,
    MATCHING,
    PERTURBATIONS,
    ablation_effects,
    activations,
    agreement,
    center_prior,
    channel_relevance,
    delete_channels,
    delete_squares,
    flip_lines,
    occlusion,
    overall_agreement,
    places,
    same_class_scores,
    score_flip_lines,
    shuffled_within,
    start_sign,
    step_counts,
)
from conceptlrp.evaluation.sample import Sample
from conceptlrp.evaluation.study import Study, channel_scores, prepare_study
from conceptlrp.labels import location_classes
from conceptlrp.lrp import Explainer
from conceptlrp.lrp._zennit import Flat, LayerMapComposite, Linear
from conceptlrp.lrp.baselines import ZERO, Baseline, mean_baseline
from conceptlrp.lrp.probing import ask, best_actions, explain_boards, planes_of
from conceptlrp.networks import OthelloNet
from conceptlrp.networks.planes import squares_of_actions
from conceptlrp.othello import Corpus, flips
from conceptlrp.othello.board import squares
from tests.evaluation.conftest import AddingNetwork, added
from tests.lrp.conftest import random_corpus

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("perturbation", PERTURBATIONS)
def test_curves_are_those_of_one_board_after_the_other(
    explainer: Explainer, sample: Sample, perturbation: str
) -> None:
    scores = np.random.default_rng(0).normal(size=sample.discs.shape)

    found = delete_squares(
        explainer, sample, scores, perturbation=perturbation, steps=3
    )

    donors = same_ply_donors(sample.corpus)
    for n in range(len(sample)):
        discs = np.flatnonzero(sample.occupied[n])
        order = discs[np.argsort(-scores[n, discs])]
        for curve, taken in (
            (found.most_first, order),
            (found.least_first, order[::-1]),
        ):
            board = sample.discs[n].copy()
            for k in range(3):
                square = taken[k]
                board[square] = {
                    "empty": 0,
                    "flip": -board[square],
                    "swap": sample.discs[donors[n], square],
                }[perturbation]
                logits = ask(explainer, board.reshape(1, 8, 8)).logits[0]
                assert curve[n, k] == pytest.approx(logits[sample.best[n]], abs=1e-9)
                if curve is found.most_first:
                    best = best_actions(logits, sample.legal[n])
                    assert found.changed[n, k] == (best != sample.best[n])


@pytest.mark.parametrize("target", ["best", "value"])
def test_relevance_of_an_adding_network_falls_as_fast_as_any_order(
    adding: AddingNetwork,
    adding_explainer: Explainer,
    adding_sample: Sample,
    target: str,
) -> None:
    actions = adding_sample.actions(target)[:, None]
    relevance = explain_boards(adding_explainer, adding_sample.boards, actions)
    sign = start_sign(adding_sample, target)[:, None]
    scores = sign * relevance.heatmap[:, 0].reshape(len(actions), -1)

    found = delete_squares(adding_explainer, adding_sample, scores, target=target)

    truth = sign * added(adding, adding_sample, target)
    np.testing.assert_allclose(scores, truth, atol=1e-4)
    for n, discs in enumerate(adding_sample.occupied):
        sums = np.cumsum(np.sort(truth[n, discs])[::-1])
        sums = np.pad(sums, (0, 12), mode="edge")[:12]
        np.testing.assert_allclose(found.fall[n], sums, atol=1e-4)
    assert (found.start >= 0).all() or target == "best"


def test_a_flipped_disc_counts_for_the_other_side(
    adding: AddingNetwork, adding_explainer: Explainer, adding_sample: Sample
) -> None:
    scores = added(adding, adding_sample, "best")

    found = delete_squares(
        adding_explainer, adding_sample, scores, perturbation="flip", steps=1
    )

    first = places(scores, adding_sample.occupied).argmin(axis=1)
    rows = np.arange(len(first))
    weight = adding.policy.weight.detach().numpy().reshape(-1, 2, 64)
    sides = (adding_sample.discs[rows, first] > 0).astype(int)
    turned = weight[adding_sample.best, sides, first]
    np.testing.assert_allclose(
        found.fall[:, 0], scores[rows, first] - turned, atol=1e-5
    )


def test_occlusion_is_what_a_disc_adds(
    adding: AddingNetwork, adding_explainer: Explainer, adding_sample: Sample
) -> None:
    found = occlusion(adding_explainer, adding_sample)

    np.testing.assert_allclose(found, added(adding, adding_sample, "best"), atol=1e-5)


def test_relevance_gains_more_than_the_same_classes_by_chance(
    adding: AddingNetwork, adding_explainer: Explainer, adding_sample: Sample
) -> None:
    scores = added(adding, adding_sample, "best")
    chance = same_class_scores(adding_sample, scores)

    gains = [
        delete_squares(adding_explainer, adding_sample, each).gain
        for each in (scores, chance)
    ]

    assert (gains[0] >= gains[1] - 1e-6).all()
    assert gains[0].mean() > 2 * gains[1].mean()


def test_the_gain_of_a_reversed_order_is_the_negative(
    explainer: Explainer, sample: Sample
) -> None:
    scores = np.random.default_rng(1).normal(size=sample.discs.shape)

    gains = [delete_squares(explainer, sample, s * scores).gain for s in (1, -1)]

    np.testing.assert_allclose(gains[0], -gains[1])


def test_an_unknown_perturbation_is_refused(
    explainer: Explainer, sample: Sample
) -> None:
    with pytest.raises(ValueError, match="'blur', expected one of empty, flip, swap"):
        delete_squares(explainer, sample, sample.discs, perturbation="blur")


@pytest.mark.parametrize("ablation", ABLATIONS)
@pytest.mark.parametrize("layer", ["conv1", "conv3"])
def test_curves_of_channels_are_those_of_hooks_that_ablate_one_position_at_a_time(
    explainer: Explainer, sample: Sample, layer: str, ablation: str
) -> None:
    features = feature_maps(explainer, sample.corpus)[layer]
    scores = np.random.default_rng(0).normal(size=features.activation.shape)

    found = delete_channels(explainer, sample, features, scores, ablation=ablation)

    maps = features.maps
    mean = maps.mean(axis=0)
    assert found.steps == (1, 2, 3)
    for n in range(len(sample)):
        other = {"zero": 0 * mean, "mean": mean, "resample": maps[features.donors[n]]}
        order = np.argsort(-scores[n])
        for k in found.steps:
            for curve, gone in (
                (found.most_first, order[:k]),
                (found.least_first, order[::-1][:k]),
            ):
                ablated = maps[n].copy()
                ablated[gone] = other[ablation][gone]
                logits = by_hook(explainer, sample, n, layer, ablated)
                at = found.steps.index(k)
                assert curve[n, at] == pytest.approx(logits[sample.best[n]], abs=1e-9)
                if curve is found.most_first:
                    best = best_actions(logits, sample.legal[n])
                    assert found.changed[n, at] == (best != sample.best[n])


def by_hook(
    explainer: Explainer, sample: Sample, n: int, layer: str, ablated: np.ndarray
) -> np.ndarray:
    """Return the logits of a position, the feature map of a layer being replaced."""
    module = explainer.network.get_submodule(explainer.taps[layer])
    value = torch.from_numpy(ablated)[None]
    handle = module.register_forward_hook(lambda *_: value)
    try:
        logits = explainer.network(planes_of(explainer, sample.boards[n : n + 1]))[0]
    finally:
        handle.remove()
    return logits[0].numpy()


def test_a_channel_of_an_adding_network_takes_its_relevance_along(
    adding: AddingNetwork, adding_explainer: Explainer, adding_sample: Sample
) -> None:
    features = feature_maps(adding_explainer, adding_sample.corpus)["conv1"]
    relevance = explain_boards(
        adding_explainer, adding_sample.boards, adding_sample.best[:, None]
    ).channels["conv1"][:, 0]

    found = delete_channels(adding_explainer, adding_sample, features, relevance)

    both = added(adding, adding_sample, "best")
    sides = np.stack(
        [(both * (adding_sample.discs == side)).sum(axis=1) for side in (1, -1)], axis=1
    )
    np.testing.assert_allclose(relevance, sides, atol=1e-4)
    np.testing.assert_allclose(found.fall[:, 0], sides.max(axis=1), atol=1e-4)
    np.testing.assert_allclose(
        found.gain, sides.max(axis=1) - sides.min(axis=1), atol=1e-4
    )


def test_steps_never_take_every_channel() -> None:
    assert step_counts(512, 12)[-1] == 473
    assert step_counts(2, 12) == (1,)


def test_an_unknown_ablation_is_refused(explainer: Explainer, sample: Sample) -> None:
    features = feature_maps(explainer, sample.corpus)["conv1"]

    with pytest.raises(ValueError, match="'noise', expected one of zero, mean"):
        delete_channels(
            explainer, sample, features, features.activation, ablation="noise"
        )


def test_places_count_the_higher_scores() -> None:
    scores, among = RNG.normal(size=(30, 10)), RNG.random((30, 10)) < 0.7

    found = places(scores, among)

    for row in range(30):
        for square in range(10):
            higher = (scores[row] > scores[row, square]) & among[row]
            expected = higher.sum() if among[row, square] else 10
            assert found[row, square] == expected


def test_shuffled_scores_stay_in_their_group() -> None:
    scores, groups = RNG.normal(size=(50, 20)), RNG.integers(-1, 3, (50, 20))

    found = shuffled_within(scores, groups, seed=1)

    assert (found != scores).mean() > 0.5
    for group in range(-1, 3):
        for before, after, held in zip(scores, found, groups == group, strict=True):
            np.testing.assert_array_equal(np.sort(before[held]), np.sort(after[held]))


def test_any_square_of_a_group_can_come_first() -> None:
    scores = np.tile([3.0, 2.0, 1.0, 9.0], (3000, 1))
    groups = np.tile([0, 0, 0, 1], (3000, 1))

    first = places(shuffled_within(scores, groups)[:, :3]).argmin(axis=1)

    shares = np.bincount(first) / 3000
    np.testing.assert_allclose(shares, 1 / 3, atol=0.04)


def test_the_prior_prefers_the_centre_and_ends_at_the_corners() -> None:
    prior = center_prior(8)

    classes = location_classes(8)
    assert set(classes[np.flatnonzero(prior == prior.max())]) == {classes[27]}
    assert np.flatnonzero(prior == prior.min()).tolist() == [0, 7, 56, 63]


def walked(own: int, opponent: int, square: int) -> set[int]:
    """Walk from a move along every line until it is bracketed."""
    found: set[int] = set()
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            line, row, column = [], square // 8 + down, square % 8 + right
            while (down or right) and 0 <= row < 8 and 0 <= column < 8:
                line.append(8 * row + column)
                if not opponent >> line[-1] & 1:
                    break
                row, column = row + down, column + right
            if len(line) > 1 and own >> line[-1] & 1:
                found.update(line)
    return found


@pytest.mark.parametrize("size", [6, 8])
def test_flip_lines_are_those_of_a_walk_in_eight_directions(size: int) -> None:
    corpus = random_corpus(4, size=size)

    found = flip_lines(corpus.own, corpus.opponent, corpus.played)

    for row, word in enumerate(found):
        sides = int(corpus.own[row]), int(corpus.opponent[row])
        assert set(squares(word)) == walked(*sides, int(corpus.played[row]))


def test_flip_lines_are_the_flipped_discs_and_own_ones(games: Corpus) -> None:
    found = flip_lines(games.own, games.opponent, games.played)

    np.testing.assert_array_equal(
        found & games.opponent, flips(games.own, games.opponent, games.played)
    )
    assert ((found & games.own) != 0).all()
    assert (found & ~(games.own | games.opponent) == 0).all()


def test_a_move_that_is_not_legal_has_none(games: Corpus) -> None:
    taken = np.array([squares(word)[0] for word in games.own])

    assert (flip_lines(games.own, games.opponent, taken) == 0).all()


def test_a_heatmap_of_the_flip_lines_alone_scores_one(sample: Sample) -> None:
    lines = line_maps(sample)

    found = score_flip_lines(sample.corpus, sample.best, lines)

    np.testing.assert_array_equal(found.mass, 1)
    np.testing.assert_array_equal(found.rank_accuracy, 1)


def test_a_heatmap_beside_them_scores_nothing(sample: Sample) -> None:
    lines = line_maps(sample)

    found = score_flip_lines(sample.corpus, sample.best, (1 - lines) - lines)

    np.testing.assert_array_equal(found.mass, np.where(found.chance < 1, 0, np.nan))
    assert found.rank_accuracy[found.chance < 0.5].max() == 0


def test_an_even_heatmap_scores_chance(sample: Sample) -> None:
    found = score_flip_lines(sample.corpus, sample.best, np.ones_like(sample.discs))

    np.testing.assert_allclose(found.mass, found.chance)


def line_maps(sample: Sample) -> np.ndarray:
    """Return 1 on the flip lines of the best moves, 0 elsewhere, (N, 64)."""
    moves = squares_of_actions(sample.best)
    words = flip_lines(sample.corpus.own, sample.corpus.opponent, moves)
    return np.array([[int(w) >> s & 1 for s in range(64)] for w in words], float)


TARGETS = ("best", "value")


def baselines(explainer: Explainer, sample: Sample) -> dict[str, Baseline]:
    """Return what each ablation puts in a channel's place."""
    (features, *_) = feature_maps(explainer, sample.corpus).values()
    donors = sample.corpus[features.donors]
    return {
        "zero": ZERO,
        "mean": mean_baseline(explainer, sample.corpus, n_positions=len(sample)),
        "donor": Baseline("donor", donors=donors, positions=len(donors)),
    }


@pytest.mark.parametrize("ablation", MATCHING)
def test_relevance_above_what_replaces_a_channel_is_its_effect_where_all_is_linear(
    adding_explainer: Explainer, adding_sample: Sample, ablation: str
) -> None:
    above = baselines(adding_explainer, adding_sample)

    found = channel_relevance(adding_explainer, adding_sample, above, TARGETS)

    for layer, features in feature_maps(adding_explainer, adding_sample.corpus).items():
        expected = ablation_effects(
            adding_explainer, adding_sample, features, ablation, TARGETS
        )
        np.testing.assert_allclose(
            found[MATCHING[ablation]][layer], expected, atol=1e-4
        )


@pytest.mark.parametrize("ablation", AGAINST)
def test_effects_are_those_of_one_channel_after_the_other(
    network: OthelloNet, explainer: Explainer, sample: Sample, ablation: str
) -> None:
    features = feature_maps(explainer, sample.corpus)["conv2"]

    found = ablation_effects(explainer, sample, features, ablation, TARGETS)

    planes = torch.from_numpy(sample.boards[:, None]).double()
    changed = features.replacement(ablation)
    module = explainer.network.get_submodule("relu2")
    for channel in range(found.shape[2]):

        def replace(_module, _inputs, output, channel=channel):
            output = output.clone()
            output[:, channel] = torch.from_numpy(changed[:, channel])
            return output

        handle = module.register_forward_hook(replace)
        logits, value = explainer.network(planes)
        handle.remove()
        after = logits.numpy()[np.arange(len(sample)), sample.best]
        before = sample.outputs.of(sample.best)
        np.testing.assert_allclose(found[:, 0, channel], before - after, atol=1e-9)
        lost = sample.outputs.value - value.numpy()[:, 0]
        np.testing.assert_allclose(found[:, 1, channel], lost, atol=1e-9)


def test_an_activation_is_measured_from_what_replaces_it() -> None:
    maps = np.arange(12.0).reshape(3, 2, 1, 2)
    features = FeatureMaps("conv1", maps, np.array([1, 2, 0]), mean=np.ones((2, 1, 2)))

    found = activations(features, 2)

    summed = maps.sum(axis=(2, 3))
    assert found["zero"].shape == (3, 2, 2)
    np.testing.assert_array_equal(found["zero"][:, 1], summed)
    np.testing.assert_array_equal(found["mean"][:, 0], summed - 2)
    np.testing.assert_array_equal(found["donor"][:, 0], summed - summed[[1, 2, 0]])


@pytest.mark.parametrize("signed", [True, False])
def test_agreement_is_spearmans_at_each_position_and_of_means(signed: bool) -> None:
    score, effect = RNG.normal(size=(2, 30, 8))
    effect += score
    games = np.arange(30) // 3

    found = agreement(score, effect, signed=signed)
    overall = overall_agreement(score, effect, games, signed=signed)

    pair = (score, effect) if signed else (np.abs(score), np.abs(effect))
    expected = [spearmanr(*rows).statistic for rows in zip(*pair, strict=True)]
    np.testing.assert_allclose(found, expected)
    of_means = spearmanr(*(each.mean(axis=0) for each in pair)).statistic
    assert overall.mean == pytest.approx(of_means)
    assert overall.low <= overall.mean <= overall.high
    assert overall.n == 30


@pytest.fixture(scope="module")
def study(games: Corpus) -> Study:
    return prepare_study(AddingNetwork(), games, None, 8, 2, 0, ZERO)


def test_a_study_takes_the_mean_of_a_baseline_that_it_is_given(
    adding: AddingNetwork, games: Corpus
) -> None:
    given = Baseline("mean", {"conv1": np.full((2, 8, 8), 3.0)}, positions=9)

    study = prepare_study(adding, games, None, 8, 2, 0, given)

    assert study.baselines["mean"] is given
    assert (study.features["conv1"].replacement("mean") == 3).all()


def test_relevance_that_no_baseline_can_be_taken_from_is_plain(study: Study) -> None:
    flat = Explainer(AddingNetwork(), composite=LayerMapComposite([(Linear, Flat())]))

    assert set(channel_scores(study, study.base)) == {"zero", "mean", "donor"}
    assert set(channel_scores(study, flat)) == {"zero"}
