"""Relevance above a baseline: the mean map, or the map of another position."""

import numpy as np
import pytest

from conceptlrp.errors import LayerError
from conceptlrp.lrp import Baseline, Explainer, mean_baseline, resolve_baseline
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from tests.lrp.conftest import randomize


def test_a_mean_baseline_is_the_mean_map_of_its_sample(
    small_network: OthelloNet, random_positions: Corpus
) -> None:
    explainer = Explainer(small_network, dtype="float64")

    found = mean_baseline(explainer, random_positions, n_positions=9, seed=3)

    sample = random_positions.sample(9, seed=3)
    for layer, maps in explainer.attribute(sample, targets="best").activation.items():
        np.testing.assert_allclose(found.maps[layer], maps.mean(0), rtol=1e-6)
    assert found.words == "the mean of 9 positions"


def test_baselines_are_equal_where_their_maps_or_donors_are(
    small_network: OthelloNet, random_positions: Corpus
) -> None:
    explainer = Explainer(small_network)

    means = [mean_baseline(explainer, random_positions, seed=s) for s in (0, 1)]
    donors = [
        resolve_baseline(random_positions[r], explainer, None) for r in ([1, 2], [2, 1])
    ]

    assert means[0] == means[1]  # all positions, whatever the seed
    assert means[0] != mean_baseline(explainer, random_positions, n_positions=5)
    assert donors[0] != donors[1]
    assert Baseline() == resolve_baseline("zero", explainer, None)
    assert Baseline().digest == ""
    assert len({*means, *donors, Baseline()}) == 4


def test_what_is_no_baseline_is_refused(
    small_network: OthelloNet, random_positions: Corpus
) -> None:
    explainer = Explainer(small_network)

    with pytest.raises(ValueError, match="'median', expected 'zero', 'mean'"):
        resolve_baseline("median", explainer, random_positions)
    with pytest.raises(ValueError, match="give the donors' positions instead"):
        resolve_baseline("donor", explainer, random_positions)
    with pytest.raises(ValueError, match="mean of one position is its own map"):
        resolve_baseline("mean", explainer, random_positions[:1])
    with pytest.raises(ValueError, match="needs the positions of its donors"):
        Baseline("donor")
    with pytest.raises(ValueError, match="has no maps"):
        Baseline("mean")
    with pytest.raises(ValueError, match="3 donors for 4 positions"):
        resolve_baseline(random_positions[:3], explainer, None).check((), 4)
    with pytest.raises(LayerError, match="no mean of 'conv9'"):
        mean_baseline(explainer, random_positions).check(("conv9",), 4)


def test_a_mean_without_a_corpus_is_taken_over_the_one_that_ships() -> None:
    large = Explainer(randomize(OthelloNet(channels=2)))
    small = Explainer(randomize(OthelloNet(channels=2, size=6)))

    found = resolve_baseline("mean", large, None)

    assert (found.kind, found.positions) == ("mean", 1024)
    with pytest.raises(ValueError, match="no corpus of 6 x 6"):
        resolve_baseline("mean", small, None)
