"""The circuit of one position against runs of the network itself."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from conceptlrp.concept_graph.position_circuit import position_circuit
from conceptlrp.errors import CompositeError, NetworkError
from conceptlrp.lrp import Explainer, mean_baseline
from conceptlrp.networks import demo_network, demo_tower
from conceptlrp.networks.planes import actions_of_squares
from conceptlrp.othello import Corpus, Position, parse_square
from conceptlrp.report import position_report
from conceptlrp.shipped import demo_name

NETWORKS = {
    "demo": (demo_network, "f5d6c3d3c4"),
    "tower": (demo_tower, "f5d6c3d3c4"),
    "six": (partial(demo_network, 6), "c2"),
}


@pytest.fixture(scope="module", params=NETWORKS)
def known(request):
    make, moves = NETWORKS[request.param]
    explainer = Explainer(make(), composite="epsilon", dtype="float64")
    size = explainer.size
    corpus = Corpus.read(demo_name(size), size=size)
    mean = mean_baseline(explainer, corpus, n_positions=64)
    return explainer, mean, Position.from_text(moves, size)


@pytest.fixture(scope="module", params=["value", "move"])
def found(known, request):
    explainer, mean, position = known
    target = request.param
    if target == "move":
        target = position_report(explainer, position, layers=[]).best.move
    return target, position_circuit(explainer, position, mean, target=target)


def output(explainer, position, target, tensors):
    if target == "value":
        return tensors["value"][:, 0]
    square = parse_square(target, explainer.size)
    return tensors["policy"][:, actions_of_squares(square, size=explainer.size)]


def with_kept(explainer, mean, position, nodes):
    """Run the modules by hand, all channels but those of `nodes` at their mean."""
    kept = {name: [c for layer, c in nodes if layer == name] for name in mean.maps}

    def hook(name, _module, _inputs, result):
        changed = torch.from_numpy(mean.maps[name])[None].to(result).clone()
        changed[:, kept[name]] = result[:, kept[name]]
        return changed

    network = explainer.network
    handles = [
        network.get_submodule(tap).register_forward_hook(partial(hook, name))
        for name, tap in explainer.taps.items()
    ]
    with torch.no_grad():
        outputs = network(explainer._planes(explainer.corpus(position)))
    for handle in handles:
        handle.remove()
    return dict(zip(("policy", "value"), outputs, strict=False))


def test_outputs_are_those_of_a_network_whose_other_channels_are_at_the_mean(
    known, found
) -> None:
    explainer, mean, position = known
    target, circuit = found

    for size, kept in zip(circuit.sizes, circuit.outputs, strict=True):
        ran = with_kept(explainer, mean, position, circuit.nodes[:size])
        expected = float(output(explainer, position, target, ran)[0])
        assert kept == pytest.approx(expected, abs=1e-9)
    assert circuit.sizes[0] == 0
    parts = np.subtract(circuit.outputs, circuit.outputs[0])
    np.testing.assert_allclose(
        circuit.kept * (circuit.full - circuit.outputs[0]), parts
    )


def test_no_part_is_told_of_an_output_that_channels_hardly_change(found) -> None:
    outputs = tuple(np.linspace(1.0, 1.03, len(found[1].sizes)))

    near = replace(found[1], outputs=outputs, full=1.04)
    apart = replace(found[1], outputs=outputs, full=1.1)

    assert np.isnan(near.kept).all()
    assert apart.kept[-1] == pytest.approx(0.3)


def test_one_channel_at_its_mean_is_run_and_not_estimated(known, found) -> None:
    explainer, mean, position = known
    target, circuit = found
    every = [
        (n, c)
        for n, shape in explainer.shapes.items()
        for c in range(shape["channels"])
    ]

    assert circuit.total == len(every)
    assert len(set(circuit.nodes)) == len(circuit.nodes) == min(48, len(every))
    for place in (0, 1, len(circuit.nodes) - 1):
        others = [node for node in every if node != circuit.nodes[place]]
        ran = with_kept(explainer, mean, position, others)
        expected = float(output(explainer, position, target, ran)[0])
        assert circuit.alone.explained[place, 0, 0] == pytest.approx(expected, abs=1e-9)
        np.testing.assert_allclose(
            circuit.alone.logits[place, 0], ran["policy"][0].numpy(), atol=1e-9
        )


def test_edges_are_those_of_the_concept_graph(known, found) -> None:
    explainer, mean, position = known
    target, circuit = found
    graph = explainer.concept_graph(
        position, targets=[target], per_position=True, baseline=mean
    )
    relevance = explainer.summarize(position, targets=[target], baseline=mean).relevance

    for (layer, channel), edges in zip(circuit.nodes, circuit.edges, strict=True):
        sizes = [abs(sent) for _, sent in edges]
        assert sizes == sorted(sizes, reverse=True)
        for place, sent in edges:
            expected = relevance[layer][0, 0, channel]
            if place >= 0:
                upper, c = circuit.nodes[place]
                expected = graph.edges[upper, layer][0, 0, c, channel]
            assert sent == pytest.approx(expected, rel=1e-6, abs=1e-12)
    assert any(place >= 0 for edges in circuit.edges for place, _ in edges)
    for (layer, channel), value in zip(circuit.nodes, circuit.relevance, strict=True):
        assert value == pytest.approx(relevance[layer][0, 0, channel], abs=1e-9)


def test_what_only_gradients_or_hooks_explain_is_refused(known) -> None:
    _, mean, position = known
    if position.size == 6:
        return
    gradients = Explainer("demo", composite="gradient-x-input")

    with pytest.raises((CompositeError, NetworkError)):
        position_circuit(gradients, position, mean, target="value")
