from dataclasses import replace

import numpy as np
import pytest

from conceptlrp.report import channel_report
from conceptlrp.report.findings import runners_up
from tests.report.conftest import UPPER, planted_graph
from tests.report.planted_labels import LABELS, held, scored


@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_effects_that_failed_come_first_each_with_its_reason(sign):
    scores = scored(held("best"), name="best", sign=sign)

    found = runners_up(scores, 0, controls=["twin"])

    reasons = {each.label: each.reason for each in found}
    assert list(reasons) == ["gone", "wide", "random too", "chance", "weak"]
    minus = "+" if sign == 1 else "−"
    assert reasons == {
        "gone": f"held-out games show {minus}0.1 of its {minus}0.8",
        "wide": "the interval of its effect reaches that of networks with random "
        "weights, or what these show too explains it",
        "random too": "networks with random weights also reach 0.55",
        "chance": "it may be chance (q 0.2)",
        "weak": "its rank correlation is of size 0.2, below 0.3",
    }


def test_numbers_of_a_runner_up_are_those_of_the_scores():
    (found, *_) = runners_up(scored(), 0, controls=["twin", "best"])

    assert (found.label, found.measure) == ("gone", "activation")
    assert (found.effect, found.held_out, found.q, found.random) == (
        0.8,
        0.1,
        0.01,
        0.1,
    )
    assert found.low is found.high is None


def test_a_label_that_could_not_be_tested_is_no_runner_up():
    labels = [each.label for each in runners_up(scored(), 0)]

    assert "untested" not in labels
    assert labels[:2] == ["twin", "best"]


def test_a_label_that_holds_beside_the_name_comes_first_with_its_interval():
    scores = scored(held("best"), held("weak", 0.4), name="best")

    first = runners_up(scores, 0)[0]

    assert first.label == "weak"
    assert (first.low, first.high) == (pytest.approx(0.3), pytest.approx(0.5))
    assert first.reason == "holds too, but the name describes the channel better"


def test_labels_of_a_channel_without_a_name_say_who_rivals_them():
    scores = scored(held("best"), held("twin", 0.85))

    first, second, *_ = runners_up(scores, 0)

    assert first.reason == "holds, but does not clearly lead 'mobility'"
    assert second.reason == "holds, but 'best' comes before it"


def test_the_better_measure_of_a_label_counts():
    scores = scored()
    effect = {**scores.effect, "maps": np.full((1, len(LABELS)), 0.3)}
    effect["maps"][0, 0] = 0.45
    tables = {
        name: {**getattr(scores, name), "maps": getattr(scores, name)["activation"]}
        for name in ("held_out", "p", "q", "random")
    }

    both = replace(scores, effect=effect, **tables)
    found = runners_up(both, 0, controls=["twin", "best"])

    weak = [each for each in found if each.label == "weak"]
    assert [each.measure for each in weak] == ["maps"]


def test_edges_are_the_strongest_of_the_graph(full_store):
    flow = planted_graph().edges[UPPER, "conv1"]

    upper = channel_report(full_store, UPPER, 2)
    lower = channel_report(full_store, "conv1", 4)

    for edges, signed, absolute in (
        (upper.upstream, flow.signed[0, 2], flow.absolute[0, 2]),
        (lower.downstream, flow.signed[0, :, 4], flow.absolute[0, :, 4]),
    ):
        order = np.argsort(-absolute)[:5].tolist()
        assert [edge.channel for edge in edges] == order
        for edge in edges:
            assert edge.relevance == pytest.approx(signed[edge.channel])
            assert edge.absolute == pytest.approx(absolute[edge.channel])
            assert edge.share == pytest.approx(absolute[edge.channel] / absolute.sum())
    assert {edge.layer for edge in upper.upstream} == {"conv1"}
    assert {edge.layer for edge in lower.downstream} == {UPPER}


def test_shares_of_what_a_channel_sends_are_those_of_the_graph(full_store):
    shares = planted_graph().shares(UPPER)["conv1"]

    report = channel_report(full_store, UPPER, 1)

    for edge in report.upstream:
        assert edge.share == pytest.approx(shares[1, edge.channel])


def test_the_ends_of_the_graph_have_edges_on_one_side(full_store):
    assert channel_report(full_store, UPPER, 0).downstream == ()
    assert channel_report(full_store, "conv1", 0).upstream == ()


def test_edges_are_those_of_the_target(full_store):
    played, value = (
        channel_report(full_store, UPPER, 0, target=target).upstream
        for target in ("played", "value")
    )

    assert played != value
