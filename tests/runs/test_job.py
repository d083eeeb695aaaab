"""A composite is known again by what its rules are made of."""

import threading

import torch
from zennit.core import Hook
from zennit.rules import AlphaBeta, Epsilon, Flat, Gamma, Pass, ZBox, ZPlus

from conceptlrp.runs.job import rules_digest


def digest(rule: Hook) -> str:
    return rules_digest({"conv1": rule})


def test_equal_rules_have_one_digest() -> None:
    for make in (Epsilon, Gamma, ZPlus, Flat, Pass, lambda: AlphaBeta(2, 1)):
        assert digest(make()) == digest(make())


def test_every_parameter_counts() -> None:
    rules = [
        Epsilon(),
        Epsilon(epsilon=1e-5),
        Epsilon(zero_params="bias"),
        Gamma(),
        Gamma(0.3),
        AlphaBeta(2, 1),
        AlphaBeta(3, 2),
        ZBox(-1, 1),
        ZBox(0, 1),
        ZBox(torch.tensor(-1.0), torch.tensor(1.0)),
        ZPlus(),
        Pass(),
    ]

    assert len({digest(rule) for rule in rules}) == len(rules)


def test_the_module_of_a_rule_counts() -> None:
    assert rules_digest({"conv1": Epsilon()}) != rules_digest({"conv2": Epsilon()})


def test_what_a_function_closes_over_counts() -> None:
    def rule(factor: float) -> Hook:
        found = Epsilon()
        found.input_modifiers = [lambda values: values * factor]
        return found

    assert digest(rule(2.0)) == digest(rule(2.0))
    assert digest(rule(2.0)) != digest(rule(3.0))


def test_objects_that_refer_to_each_other_end() -> None:
    rule = Epsilon()
    rule.neighbour = {"rule": rule, "lock": threading.Lock()}

    assert digest(rule) == digest(rule)
