"""Rules read as linear maps: which stabilizer they divide by."""

import pytest
import torch
from zennit.core import BasicHook, Stabilizer
from zennit.rules import AlphaBeta, Epsilon, Flat, Gamma, WSquare, ZPlus

from conceptlrp.lrp.engine.linearize import inverse, stabilizer_of


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("rule", "epsilon"),
    [
        (Epsilon(), 1e-6),
        (Epsilon(0.25), 0.25),
        (ZPlus(), 1e-6),
        (Flat(), 1e-6),
        (WSquare(), 1e-6),
    ],
)
def test_rules_that_divide_by_a_stabilized_sum_are_recognised(
    rule: BasicHook, epsilon: float, dtype: torch.dtype
) -> None:
    assert stabilizer_of(rule, dtype) == pytest.approx(epsilon)


@pytest.mark.parametrize(
    "rule",
    [
        Epsilon(0.0),
        Epsilon(Stabilizer(0.1, clip=True)),
        Epsilon(Stabilizer(0.1, norm_scale=True)),
        Gamma(0.5),
        AlphaBeta(2.0, 1.0),
    ],
)
def test_other_rules_are_left_to_their_own_mapper(rule: BasicHook) -> None:
    assert stabilizer_of(rule, torch.float32) is None


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_a_zero_of_either_sign_is_stabilized_upwards(zero: float) -> None:
    values = torch.tensor([zero, 1e-7, -1e-7, 2.0, -2.0], dtype=torch.float64)

    found = inverse([values], 1e-6)

    assert torch.equal(found, 1 / Stabilizer(1e-6)(values))
    assert found[0] == 1e6
