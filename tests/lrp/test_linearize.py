"""Rules read as linear maps: what they divide by, and where they are zero."""

import pytest
import torch
from zennit.core import BasicHook, ParamMod, Stabilizer
from zennit.rules import AlphaBeta, Epsilon, Flat, Gamma, WSquare, ZBox, ZPlus

from conceptlrp.lrp.engine.rule_forms import (
    closed_above,
    inverse,
    scale_forms,
    scales_of,
)


class SquaredWhereNegative(BasicHook):
    """A rule of a user's own, of Gamma's shape but not of its scales."""

    def __init__(self) -> None:
        super().__init__(
            input_modifiers=[lambda x: x] * 2,
            param_modifiers=[ParamMod(lambda p, _: p)] * 2,
            output_modifiers=[lambda z: z] * 2,
            gradient_mapper=lambda r, z: [
                r * (z[0] > 0) / (z[0] ** 2 + 1.0),
                r * (z[0] < 0) / (z[0] ** 2 + 2.0),
            ],
            reducer=lambda x, g: x[0] * g[0] + x[1] * g[1],
        )


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Epsilon(), [((0,), 1e-6, None)]),
        (Epsilon(0.25), [((0,), 0.25, None)]),
        (Flat(), [((0,), 1e-6, None)]),
        (WSquare(), [((0,), 1e-6, None)]),
        (ZPlus(), [((0, 1), 1e-6, None)] * 2),
        (AlphaBeta(2.0, 1.0), [((0, 1), 1e-6, None)] * 2 + [((2, 3), 1e-6, None)] * 2),
        (
            Gamma(0.5, stabilizer=0.01),
            [((0, 1), 0.01, (4, 1))] * 2 + [((2, 3), 0.01, (4, -1))] * 2,
        ),
    ],
)
def test_scales_are_read_as_one_over_a_stabilized_sum(
    rule: BasicHook, expected: list[tuple[tuple[int, ...], float, object]]
) -> None:
    found = scale_forms(rule)[: len(expected)]

    for form, (summed, epsilon, gate) in zip(found, expected, strict=True):
        assert form is not None
        assert form.summed == summed
        assert form.epsilon == pytest.approx(epsilon, rel=1e-12)
        assert form.factor == 1.0
        assert (None if form.gate is None else (form.gate, form.sign)) == gate


@pytest.mark.parametrize(
    "rule",
    [
        Epsilon(0.0),
        Epsilon(Stabilizer(0.1, clip=True)),
        Epsilon(Stabilizer(0.1, norm_scale=True)),
        ZBox(-1.0, 1.0),
        SquaredWhereNegative(),
    ],
)
def test_other_rules_are_left_to_their_own_mapper(rule: BasicHook) -> None:
    assert scale_forms(rule) == [None] * len(rule.input_modifiers)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rule", [Epsilon(0.01), ZPlus(), AlphaBeta(), Gamma()])
def test_a_scale_is_what_the_rules_own_mapper_makes_of_one(
    rule: BasicHook, dtype: torch.dtype
) -> None:
    generator = torch.Generator().manual_seed(0)
    n_parts = len(rule.input_modifiers)
    outputs = torch.randn(n_parts, 3, 50, generator=generator, dtype=dtype)
    outputs[:, :, ::7] = 0.0

    expected = scales_of(rule, torch.ones_like(outputs[0]), list(outputs))

    for form, scale in zip(scale_forms(rule), expected, strict=True):
        if form is not None:
            found = form.scale(dict(enumerate(outputs)))
            torch.testing.assert_close(found, scale)


@pytest.mark.parametrize("rule", [Gamma(), SquaredWhereNegative()])
def test_terms_for_negative_outputs_are_found_by_trying(rule: BasicHook) -> None:
    outputs = {0: 0} if isinstance(rule, SquaredWhereNegative) else {4: 4}

    closed = [any(row[k] for k in outputs) for row in closed_above(rule)]

    expected = [False, False, True, True, True]
    assert closed == (expected if isinstance(rule, Gamma) else [False, True])


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_a_zero_of_either_sign_is_stabilized_upwards(zero: float) -> None:
    values = torch.tensor([zero, 1e-7, -1e-7, 2.0, -2.0], dtype=torch.float64)

    found = inverse([values], 1e-6)

    assert torch.equal(found, 1 / Stabilizer(1e-6)(values))
    assert found[0] == 1e6
