import numpy as np
import pytest

from conceptlrp.report import channel_report
from tests.report.conftest import UPPER, planted_graph


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
