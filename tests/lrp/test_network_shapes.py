"""Shapes of network: each explained as its oracle says, or refused by name."""

import re

import pytest

from conceptlrp.errors import NetworkError
from conceptlrp.lrp import Explainer
from conceptlrp.networks import network_digest
from tests.lrp.conftest import a_third
from tests.lrp.network_shapes import ACTIVATIONS, HEADS, PLANE_SHAPES, SHAPES, UNKNOWN
from tests.lrp.shape_verdicts import (
    RIGHT,
    compared,
    explain,
    explainer_of,
    judge,
    quietly,
)

NAMES = [shape.name for shape in (*HEADS, *PLANE_SHAPES, *UNKNOWN) if not shape.options]


@pytest.mark.parametrize("name", a_third(SHAPES))
def test_every_shape_is_explained_as_its_oracle_says_or_refused(name: str) -> None:
    verdict = judge(SHAPES[name])

    outcome, _, words = SHAPES[name].expected.partition(": ")
    assert verdict.outcome.partition(": ")[0] == outcome, verdict.outcome
    assert re.search(words, verdict.outcome)
    assert {k: d for k, d in verdict.differences.items() if not d <= RIGHT} == {}


@pytest.mark.parametrize("name", a_third(NAMES))
def test_without_adapting_a_shape_is_explained_alike_or_refused(name: str) -> None:
    shape = SHAPES[name]
    with quietly():
        made = shape.make(6)
        try:
            plain = Explainer(made, dtype="float64")
        except NetworkError:
            return

    adapted = explainer_of(shape, made, dtype="float64")

    assert compared(explain(plain, shape), explain(adapted, shape)) <= RIGHT


def test_activations_of_equal_weights_have_digests_of_their_own() -> None:
    named = [shape for shape in ACTIVATIONS if shape.name.startswith("nn.")]
    kinds = [shape for shape in named if "place" not in shape.name]

    digests = {network_digest(shape.make(6)) for shape in kinds}

    assert len(digests) == len(kinds)
    in_place = SHAPES["nn.ReLU(inplace=True)"].make(6)
    assert network_digest(in_place) == network_digest(SHAPES["nn.ReLU"].make(6))
