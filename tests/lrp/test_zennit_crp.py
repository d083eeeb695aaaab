"""Conditional heatmaps equal those of zennit-crp, in an environment of its own."""

from collections.abc import Iterator
from copy import deepcopy

import numpy as np
import pytest

from conceptlrp.lrp import attribute
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from tests.benchmarks.environments import EnvironmentUnavailableError
from tests.benchmarks.zennit_crp import ZennitCrp
from tests.benchmarks.zennit_crp_environment import zennit_crp_python

pytestmark = pytest.mark.slow

LAYERS = ("conv1", "conv2", "conv3", "conv4")


@pytest.fixture(scope="module")
def positions(random_positions: Corpus) -> Corpus:
    return random_positions[:4]


@pytest.fixture(scope="module")
def zennit_crp(small_network: OthelloNet, positions: Corpus) -> Iterator[ZennitCrp]:
    try:
        python = zennit_crp_python()
    except EnvironmentUnavailableError as error:
        pytest.skip(f"zennit-crp's environment cannot be made: {error}")
    with ZennitCrp(python, small_network, positions) as process:
        yield process


@pytest.mark.parametrize(
    "composite",
    [
        "epsilon",
        "epsilon-flat",
        "epsilon-plus",
        "epsilon-plus-flat",
        "epsilon-alpha2-beta1-flat",
        "epsilon-w-square",
    ],
)
def test_conditional_heatmaps_equal_those_of_zennit_crp(
    composite: str,
    zennit_crp: ZennitCrp,
    small_network: OthelloNet,
    positions: Corpus,
) -> None:
    found = attribute(
        deepcopy(small_network).double(),
        positions,
        composite=composite,
        layers=LAYERS,
        conditional=True,
        dtype="float64",
    )

    expected = zennit_crp.heatmaps(LAYERS, composite=composite, dtype="float64")
    for layer in LAYERS:
        scale = np.abs(expected[layer]).max(axis=(2, 3), keepdims=True)
        difference = np.abs(found.conditional[layer][:, 0] - expected[layer])
        assert (difference <= 1e-9 * scale).all()
