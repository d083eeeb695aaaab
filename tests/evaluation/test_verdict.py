"""Gates, and which composite is recommended."""

import pytest

from conceptlrp.evaluation.result import Findings, Measurement
from conceptlrp.evaluation.verdict import gates_of, likeness, mean_ranks, recommend
from conceptlrp.statistics.estimates import Estimate


def measurement(
    method: str, metric: str, mean: float, part: str = "", target: str = "best"
) -> Measurement:
    """Return a measurement whose interval is half wide."""
    found = Estimate(mean, mean - 0.25, mean + 0.25, 9)
    return Measurement(method, metric, target, part, found)


def composite(name: str, **means: float) -> list[Measurement]:
    """Return what is measured of a composite that passes unless told otherwise."""
    found = {
        "random_logit_cosine": 0.1,
        "channel_cosine": 0.2,
        "square_gain": 5.0,
        "square_gain_same_class": 1.0,
        "channel_gain": 4.0,
        "flip_line_mass": 3.0,
    } | means
    parts = {
        "channel_cosine": "conv1",
        "square_gain": "empty",
        "square_gain_same_class": "empty",
        "channel_gain": "conv1 zero",
    }
    return [measurement(name, m, v, parts.get(m, "")) for m, v in found.items()]


BASELINES = (
    measurement("random", "square_gain", 0.0, "empty"),
    measurement("center", "square_gain", 2.0, "empty"),
    measurement("random", "channel_gain", 0.0, "conv1 zero"),
    measurement("chance", "flip_line_mass", 0.1),
)


def failed(**means: float) -> list[str]:
    findings = Findings((*BASELINES, *composite("rule", **means)))
    return [g.name for g in gates_of(findings, "rule") if not g.passed]


def test_a_good_composite_passes_every_gate() -> None:
    assert failed() == []


def test_each_gate_fails_for_its_own_reason() -> None:
    assert failed(random_logit_cosine=0.6) == ["heatmaps of two moves differ"]
    assert failed(channel_cosine=0.9) == ["heatmaps of two channels differ"]
    assert failed(channel_gain=0.4) == ["channels matter in the order of relevance"]
    assert failed(flip_line_mass=0.5) == [
        "relevance lies on the discs that make a move legal"
    ]


def test_squares_must_beat_the_centre_and_the_same_class_too() -> None:
    order = ["discs matter in the order of relevance"]

    assert failed(square_gain=2.4) == order
    assert failed(square_gain_same_class=4.6) == order
    assert failed(square_gain=2.6) == []


def test_the_worst_layer_decides_and_is_named_in_the_warning() -> None:
    findings = Findings(
        (
            *BASELINES,
            *composite("rule"),
            measurement("rule", "channel_cosine", 0.9, "c4"),
        )
    )

    gate = gates_of(findings, "rule")[1]

    assert not gate.passed
    assert "c4" in gate.warning
    assert "0.90" in gate.warning


def test_a_composite_that_fails_is_not_recommended_however_it_ranks() -> None:
    findings = Findings(
        (
            *BASELINES,
            *composite("blind", square_gain=9.0, channel_cosine=0.95),
            *composite("sound"),
        )
    )
    gates = {name: gates_of(findings, name) for name in ("blind", "sound")}

    found = recommend(findings, gates)

    assert found.composite == "sound"
    assert "1 of 2 composites pass every gate" in found.reason


def test_a_composite_with_rules_comes_before_the_gradient_that_equals_it() -> None:
    findings = Findings(
        (*BASELINES, *composite("gradient-x-input"), *composite("epsilon"))
    )
    names = ("gradient-x-input", "epsilon")

    found = recommend(findings, {name: gates_of(findings, name) for name in names})

    assert found.composite == "epsilon"


def test_only_intervals_that_are_apart_make_a_difference_of_ranks() -> None:
    gains = {"a": 5.0, "b": 5.45, "c": 5.9}
    findings = Findings(
        tuple(m for n, g in gains.items() for m in composite(n, square_gain=g))
    )

    found = mean_ranks(findings, tuple(gains))

    # c is clearly better than a in one of three families that were measured.
    assert found == {"a": pytest.approx(4 / 3), "b": 1.0, "c": 1.0}


def test_of_the_faithful_the_one_that_depends_most_on_the_network_is_chosen() -> None:
    findings = Findings(
        (
            *BASELINES,
            *composite("alike", channel_cosine=0.7, square_gain=5.1),
            *composite("sound"),
        )
    )
    gates = {name: gates_of(findings, name) for name in ("alike", "sound")}

    assert likeness(findings, "alike") > likeness(findings, "sound")
    assert recommend(findings, gates).composite == "sound"


def test_one_that_is_clearly_less_faithful_is_not_chosen_for_its_dependence() -> None:
    findings = Findings(
        (
            *BASELINES,
            *composite("alike", channel_cosine=0.7, square_gain=9.0, channel_gain=9.0),
            *composite("sound"),
        )
    )
    gates = {name: gates_of(findings, name) for name in ("alike", "sound")}

    assert recommend(findings, gates).composite == "alike"


def test_when_none_passes_it_is_said() -> None:
    findings = Findings((*BASELINES, *composite("blind", channel_cosine=0.95)))

    found = recommend(findings, {"blind": gates_of(findings, "blind")})

    assert found.reason.startswith("no composite passes every gate")
