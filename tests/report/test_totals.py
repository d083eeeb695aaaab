"""Totals of an explained output: whatever the rules, the parts add up to it."""

import re
from functools import partial
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from torch import nn

from conceptlrp.lrp import Explainer
from conceptlrp.lrp.composites import CANDIDATES, GRADIENT
from conceptlrp.networks import demo_network, demo_tower
from conceptlrp.networks.planes import actions_of_squares
from conceptlrp.othello import Position
from conceptlrp.report import position_report
from conceptlrp.report.explained_output import Totals
from conceptlrp.report.words.numbers import adding_up
from tests.agreement.test_gradients import Unknown

GAMES = {8: "f5d6c3d3c4", 6: "c2"}


NETWORKS = {
    "demo": demo_network,
    "tower": demo_tower,
    "six": partial(demo_network, 6),
}


def outputs_of(network, rules, **options):
    explainer = Explainer(network, composite=rules, dtype="float64", **options)
    position = Position.from_text(GAMES[explainer.size], explainer.size)
    second = position_report(explainer, position, layers=[]).policy[1].move
    report = position_report(explainer, position, layers=[], against=second)
    return explainer, position, second, report


@pytest.mark.parametrize(("name", "rules"), [*product(NETWORKS, CANDIDATES)])
def test_parts_add_up_to_the_output_by_all_rules(name, rules) -> None:
    explainer, position, second, report = outputs_of(NETWORKS[name](), rules)

    assert len(report.outputs) == 3
    for output in report.outputs:
        assert output.totals.board == pytest.approx(output.heatmap.sum(), rel=1e-9)
        assert sum(output.totals.parts.values()) == pytest.approx(
            output.explained, rel=1e-6
        )
        assert output.to_dict()["totals"] == output.totals.parts
    if rules == GRADIENT:
        names = {"board", "biases and absorbed"}
        assert all(names == set(o.totals.parts) for o in report.outputs)
        return
    # Counted operation by operation, nothing but stabilizers has the rest.
    targets = ["best", "value", f"best-{second}"]
    for place, output in enumerate(report.outputs):
        if explainer.composites[0] != explainer.composites[-1]:
            continue
        told = explainer.conservation(position, targets=targets)
        kept = told.stabilizer.sum(axis=0)[0, place]
        assert output.totals.absorbed == pytest.approx(kept, abs=1e-9)


@pytest.mark.parametrize("name", NETWORKS)
def test_biases_keep_what_a_derivative_by_them_says(name) -> None:
    explainer, position, _, report = outputs_of(NETWORKS[name](), "epsilon")
    network = explainer.network
    tensors = [*network.named_parameters(), *network.named_buffers()]
    biases = [p.requires_grad_() for n, p in tensors if n.endswith("bias")]

    planes = explainer._planes(explainer.corpus(position))
    logits, value = network(planes)
    best = logits[0, actions_of_squares(report.best.square, size=explainer.size)]

    # Of a network of ReLUs the output is linear in input and biases where it stands.
    for output, explained in ((report.move, best), (report.value_output, value.sum())):
        slopes = torch.autograd.grad(
            explained, biases, retain_graph=True, allow_unused=True
        )
        expected = sum(
            float((b * s).sum().detach())
            for b, s in zip(biases, slopes, strict=True)
            if s is not None
        )
        assert output.biases == pytest.approx(expected, abs=2e-3)
        assert abs(output.totals.absorbed) < 2e-3


def test_without_biases_all_reaches_the_board() -> None:
    network = demo_network(6)
    for module in network.modules():
        if getattr(module, "running_mean", None) is not None:
            module.running_mean.zero_()
        if getattr(module, "bias", None) is not None:
            nn.init.zeros_(module.bias)

    report = outputs_of(network, "epsilon")[3]

    for output in report.outputs:
        assert output.biases == 0
        assert output.totals.board == pytest.approx(output.explained, rel=1e-3)


def test_heatmaps_by_other_rules_have_the_biases_of_these() -> None:
    both = outputs_of(demo_network(), "epsilon", heatmaps="epsilon-gamma")[3]
    alone = outputs_of(demo_network(), "epsilon-gamma", heatmaps="epsilon-gamma")[3]

    assert both.move.biases == pytest.approx(alone.move.biases, rel=1e-9)
    assert both.move.totals.board == pytest.approx(alone.move.totals.board, rel=1e-9)


@pytest.mark.filterwarnings("ignore:.*is taken off", "ignore:.*hooks")
def test_an_operation_without_a_rule_leaves_biases_untold() -> None:
    report = outputs_of(Unknown().eval(), "epsilon", allow_gradient=True)[3]

    assert list(report.move.totals.parts) == ["board", "biases and absorbed"]
    assert sum(report.move.totals.parts.values()) == pytest.approx(
        report.move.explained
    )


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=4))
def test_written_numbers_add_up(parts) -> None:
    total, *others = (text.replace("\N{MINUS SIGN}", "-") for text in adding_up(parts))

    decimals = {len(text.partition(".")[2]) for text in (total, *others)}
    assert len(decimals) == 1
    assert float(total) == pytest.approx(sum(map(float, others)), abs=1e-9)
    step = 10.0 ** -decimals.pop()
    for part, text in zip(parts, others, strict=True):
        assert abs(float(text) - part) <= step * (1 + 1e-6) + 1e-9


def test_one_sentence_words_the_sum() -> None:
    logit = Totals("logits", 1.474, 1.214, 0.174)
    value = Totals("value before tanh", -0.21, np.nan, 0.4)

    assert str(logit) == "logit +2.86 = board +1.47 + biases +1.22 + absorbed +0.17"
    assert str(value) == (
        "value +0.190 = board \N{MINUS SIGN}0.210 + biases and absorbed +0.400"
    )
    assert re.match(
        r"win minus loss, in logits \+",
        str(Totals("win minus loss, in logits", 1, 0, 0)),
    )
