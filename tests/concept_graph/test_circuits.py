"""Circuits: what is kept and lost, against passes that are made by hand."""

import networkx as nx
import numpy as np
import pytest
import torch

from conceptlrp.concept_graph import unit_edges
from conceptlrp.concept_graph.circuit_result import trace_curve
from conceptlrp.concept_graph.circuits import _halves, find_circuit
from conceptlrp.concept_graph.units import (
    KeptUnits,
    at_random,
    at_random_by_layer,
    by_activation,
    by_relevance,
    pruned,
)
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.baselines import mean_baseline
from conceptlrp.lrp.engine.trace import as_outputs
from conceptlrp.lrp.probing import ask, best_actions, boards_of
from conceptlrp.networks import ResidualTower
from tests.concept_graph.test_planted_circuits import sample_of
from tests.lrp.conftest import random_corpus, randomize
from tests.lrp.test_edges import Excited, PreActivation


@pytest.fixture(scope="module")
def corpus():
    return random_corpus(6)


@pytest.fixture(scope="module", params=["small", "tower"])
def explainer(request, small_network, corpus):
    network = small_network
    if request.param == "tower":
        network = randomize(ResidualTower(channels=4, blocks=1, value_units=5))
    return Explainer(network, composite="epsilon", dtype="float64")


@pytest.fixture(scope="module")
def baseline(explainer, corpus):
    return mean_baseline(explainer, corpus)


@pytest.fixture(scope="module")
def sample(explainer):
    # Of more games, as fewer than ten have no intervals.
    corpus = random_corpus(30)
    positions = corpus[corpus.ply > 3].sample(12, seed=1)
    found = sample_of(positions, np.zeros(len(positions)))
    best = best_actions(ask(explainer, boards_of(positions)).logits, found.legal)
    return sample_of(positions, best)


@pytest.fixture(scope="module")
def runner(explainer, baseline, sample):
    return KeptUnits(explainer, baseline, sample)


@pytest.fixture(scope="module")
def circuit(explainer, baseline, sample):
    return find_circuit(
        explainer, baseline, sample, target="best", part=0.6, n_edges=50
    )


def by_hand(runner, kept, *, upset=None):
    """Run with hooks: the followed output (N,), and its gradients times (a - b)."""
    network, maps, handles = runner.explainer.network, {}, []
    masks = runner.units.split(kept.double())

    def keep(layer):
        def hook(_, __, output):
            base = runner.baseline[layer]
            output = base + masks[layer] * (output - base)
            maps[layer] = output.requires_grad_()
            return output

        return hook

    modules = dict(network.named_modules())
    for layer, tap in runner.explainer.taps.items():
        handles.append(modules[tap].register_forward_hook(keep(layer)))
    if upset is not None:
        handles.append(modules[upset[0]].register_forward_hook(upset[1]))
    planes = torch.from_numpy(runner.sample.boards[:, None].astype(float))
    with torch.enable_grad():
        logits = network(planes)[0]
        output = logits.gather(1, runner.sample.plus[:, None])[:, 0]
        slopes = torch.autograd.grad(
            output.sum(), list(maps.values()), allow_unused=True, materialize_grads=True
        )
    for handle in handles:
        handle.remove()
    above = {
        layer: slope * (maps[layer] - runner.baseline[layer])
        for (layer, slope) in zip(maps, slopes, strict=True)
    }
    features = {layer: found.detach() for layer, found in maps.items()}
    return output.detach().numpy(), runner.units.join(above).detach(), features


@pytest.mark.slow
def test_other_games_test_the_units_that_one_half_ranks(explainer, baseline):
    positions = random_corpus(24, seed=5)
    positions = positions[positions.ply % 20 == 5]
    sample = sample_of(positions, np.full(len(positions), 20))

    found = find_circuit(explainer, baseline, sample, target="c5", n_edges=0)

    first, second = _halves(sample, 0)
    assert not set(first.corpus.game) & set(second.corpus.game)
    assert len(first) + len(second) == len(sample)
    assert found.held_out == len(second)
    ranker, test = (KeptUnits(explainer, baseline, half) for half in (first, second))
    ranks = pruned(ranker, ranker.units, each=False)
    curve = trace_curve(test, test.units, ranks, found.sizes)
    np.testing.assert_array_equal(found.curves["circuit"].kept, curve.kept)


def some_units(runner, sets):
    generator = torch.Generator().manual_seed(3)
    return torch.rand(sets, len(runner.units), generator=generator) < 0.6


@pytest.mark.parametrize("each", [False, True])
def test_kept_units_compute_and_all_others_have_their_mean(
    runner, baseline, sample, each
):
    kept = some_units(runner, len(runner) if each else 1)
    expected, above, _ = by_hand(runner, kept)
    gradient = Explainer(
        runner.explainer.network, composite="gradient-x-input", dtype="float64"
    )
    exact = KeptUnits(gradient, baseline, sample).relevance(runner.units, kept)

    np.testing.assert_allclose(runner.outputs(runner.units, kept), expected)
    np.testing.assert_allclose(exact, above, rtol=1e-9, atol=1e-12)
    # The stabilizer is all that Epsilon adds.
    found = runner.relevance(runner.units, kept)
    assert np.corrcoef(found.flatten(), above.flatten())[0, 1] > 0.9999


def test_all_units_keep_all_and_none_keep_nothing(circuit):
    for name, curve in circuit.curves.items():
        assert curve.kept[[0, -1]] == pytest.approx([0, 1]), name
        assert curve.distance[[0, -1]] == pytest.approx([1, 0]), name
        assert curve.lost[[0, -1]] == pytest.approx([0, 1]), name


def test_what_is_lost_mirrors_what_the_rest_keeps(runner):
    ranks = at_random(runner.units, sets=1, seed=0)
    size = len(runner.units)
    few = np.array([size // 5])

    first = trace_curve(runner, runner.units, ranks, few)
    rest = trace_curve(runner, runner.units, size - 1 - ranks, size - few)

    assert first.lost == pytest.approx(1 - rest.kept)
    assert first.kept == pytest.approx(1 - rest.lost)


@pytest.mark.parametrize("each", [False, True])
def test_rankings_are_nested_sets_of_all_units(runner, each):
    units, sets = runner.units, len(runner) if each else 1
    dropped = pruned(runner, units, each=each)
    by_layer = at_random_by_layer(units, dropped, seed=0)
    found = [
        dropped,
        by_layer,
        by_relevance(runner, units, each=each, above=True),
        by_activation(runner, units, each=each),
        by_relevance(runner, units, each=each, above=False),
        pruned(runner, runner.channels, each=each),
    ]

    for ranks in found:
        every = torch.arange(ranks.shape[1]).expand(sets, -1)
        assert torch.equal(ranks.sort(1).values, every)
    layers = torch.from_numpy(units.layers).expand(sets, -1)
    for size in (1, 40, 200):
        counts = [
            [
                np.bincount(row[chosen], minlength=len(units.counts))
                for row, chosen in zip(layers, ranks < size, strict=True)
            ]
            for ranks in (dropped, by_layer)
        ]
        np.testing.assert_array_equal(*counts)
    assert not torch.equal(dropped, by_layer)


def test_the_curve_of_a_ranking_is_what_brute_force_finds(runner, circuit):
    ranks = at_random(runner.units, sets=1, seed=0)
    full, empty = runner.full, runner.empty
    total, signs = np.abs(full - empty).sum(), np.sign(full - empty)
    alone = [by_hand(runner, ranks < int(n))[0] for n in circuit.sizes]
    without = [by_hand(runner, ranks >= int(n))[0] for n in circuit.sizes]
    kept = [(signs * (f - empty)).sum() / total for f in alone]
    distance = [np.abs(full - f).sum() / total for f in alone]
    parts = circuit.sizes / circuit.units

    found = circuit.curves["random"]

    assert found.kept == pytest.approx(kept)
    assert found.distance == pytest.approx(distance)
    lost = [(signs * (full - f)).sum() / total for f in without]
    assert found.lost == pytest.approx(lost)
    steps = np.diff(parts)
    area = (steps * (np.array(kept[1:]) + kept[:-1]) / 2).sum()
    assert found.cpr.mean == pytest.approx(area)
    area = (steps * (np.array(distance[1:]) + distance[:-1]) / 2).sum()
    assert found.cmd.mean == pytest.approx(area)
    # Without any unit, and with all, there is nothing that could vary.
    assert np.isnan(found.kept_high[[0, -1]]).all()
    varies = np.isfinite(found.kept_low)
    assert varies.sum() > 6
    assert (found.kept_low < found.kept_high)[varies].all()
    assert (found.kept_low <= found.kept)[varies].all()
    assert (found.kept <= found.kept_high)[varies].all()


def test_the_circuit_keeps_the_part_asked_for_and_no_smaller_one_beside_it(
    runner, circuit
):
    ranks = pruned(runner, runner.units, each=False)

    def kept(size):
        found = runner.outputs(runner.units, ranks < size) - runner.empty
        return (np.sign(runner.gap) * found).sum() / np.abs(runner.gap).sum()

    assert 0.6 <= kept(circuit.size) <= 1.4
    assert not 0.6 <= kept(circuit.size - 1) <= 1.4
    assert circuit.at()["kept"] == pytest.approx(kept(circuit.size))
    assert sum(each.kept.sum() for each in circuit.layers.values()) == circuit.size


def test_edges_carry_the_relevance_of_the_unit_below(runner, explainer):
    kept = some_units(runner, 1)
    signs = torch.from_numpy(np.sign(runner.gap))[:, None]
    relevance = (signs * runner.relevance(runner.units, kept)).mean(0, keepdim=True)
    layers = runner.units.split(relevance)
    masks = runner.units.split(kept)
    below = {}
    for wires in unit_edges._wires(runner):
        _, lower = wires.pair
        _, units, carried = unit_edges._carried(runner, kept, wires, 1 << 20)
        total = below.setdefault(lower, np.zeros(masks[lower].numel()))
        np.add.at(total, units, carried)

    for lower, total in below.items():
        assert not total[~masks[lower].flatten().numpy()].any()
        expected = layers[lower].flatten().numpy()
        assert np.corrcoef(total, expected)[0, 1] > 0.9999


def test_the_effect_of_an_edge_is_that_of_the_sum_without_it(
    runner, explainer, circuit
):
    (upper, lower), edges = next(
        (pair, found)
        for pair, found in circuit.edges.items()
        if len(found.upper)
        and isinstance(explainer.network.get_submodule(pair[0]), torch.nn.Conv2d)
    )
    u, v = edges.upper[0], edges.lower[0]
    conv = explainer.network.get_submodule(upper)
    kept = torch.cat(
        [torch.from_numpy(each.kept > 0).flatten() for each in circuit.layers.values()]
    )[None]
    before, _, maps = by_hand(runner, kept)
    gain = (maps[lower] - runner.baseline[lower]).flatten(1)
    alone = torch.zeros_like(gain)
    alone[:, v] = gain[:, v]
    sent = torch.nn.functional.conv2d(
        alone.reshape(maps[lower].shape), conv.weight, padding=conv.padding
    )

    def cut(_, __, output):
        flat = output.flatten(1).clone()
        flat[:, u] -= sent.flatten(1)[:, u]
        return flat.reshape(output.shape)

    after, _, _ = by_hand(runner, kept, upset=(upper, cut))

    expected = (np.sign(runner.gap) * (before - after)).mean()
    assert edges.effect[0] == pytest.approx(expected)
    assert edges.effect[0] != 0


def test_one_position_has_no_interval_and_the_circuit_of_its_own(
    explainer, baseline, sample
):
    alone = sample_of(sample.corpus[:1], sample.plus[:1])

    shared, own = (
        find_circuit(explainer, baseline, alone, target="best", each=each, n_edges=0)
        for each in (False, True)
    )

    assert np.isnan(own.curves["circuit"].kept_low).all()
    assert own.size == shared.size
    np.testing.assert_array_equal(own.sizes, shared.sizes)
    assert own.curves["circuit"].kept == pytest.approx(shared.curves["circuit"].kept)


def test_a_circuit_is_a_graph_of_its_units(circuit):
    found = nx.node_link_graph(circuit.node_link(), edges="edges")

    assert len(found) == circuit.size + 1
    assert nx.is_directed_acyclic_graph(found)
    assert found.out_degree("target:best") > 0
    strongest = circuit.edge_frame().iloc[0]
    assert found.edges[strongest.upper, strongest.lower]["effect"] == strongest.effect
    assert len(circuit.frame()) == circuit.size
    assert circuit.to_dict()["size"] == circuit.size
    assert f"{circuit.size} of {circuit.units:,} units" in repr(circuit)
    assert "plain relevance" in circuit._repr_html_()


@pytest.fixture(scope="module", params=[PreActivation, Excited])
def other(request, corpus):
    made = Explainer(request.param(), composite="epsilon", dtype="float64")
    positions = corpus[corpus.ply > 3].sample(5, seed=1)
    logits = ask(made, boards_of(positions)).logits
    sample = sample_of(positions, best_actions(logits, sample_of(positions, 0).legal))
    return KeptUnits(made, mean_baseline(made, corpus), sample)


def test_biases_and_gates_between_layers_leave_edges_whole(other):
    kept = torch.ones(1, len(other.units), dtype=torch.bool)
    signs = torch.from_numpy(np.sign(other.gap))[:, None]
    relevance = (signs * other.relevance(other.units, kept)).mean(0, keepdim=True)
    layers, below = other.units.split(relevance), {}
    for wires in unit_edges._wires(other):
        _, units, carried = unit_edges._carried(other, kept, wires, 1 << 20)
        total = below.setdefault(wires.pair[1], np.zeros(layers[wires.pair[1]].numel()))
        np.add.at(total, units, carried)

    assert {"stem", "conv1a", "conv1b", "conv2b"} <= below.keys()
    for layer, total in below.items():
        expected = layers[layer].flatten().numpy()
        assert np.abs(total - expected).max() < 1e-3 * np.abs(expected).max()


def test_an_edge_is_cut_where_the_upper_layer_reads_the_lower(other):
    kept = torch.ones(1, len(other.units), dtype=torch.bool)
    pair = ("conv1a", "stem")
    wires = next(w for w in unit_edges._wires(other) if w.pair == pair)
    (u,), (v,), _ = unit_edges._carried(other, kept, wires, 1)
    network = other.explainer.network
    planes = torch.from_numpy(other.sample.boards[:, None].astype(float))
    read = getattr(network, "bn1", torch.nn.Identity())

    def cut(module, given, output):
        base = other.baseline["stem"].flatten(1)[:, v]
        stem = maps[0].flatten(1).clone()
        stem[:, v] = base
        without = torch.relu(read(stem.view_as(maps[0])))
        flat = output.flatten(1).clone()
        flat[:, u] = module.forward(without).flatten(1)[:, u]
        return flat.view_as(output)

    maps = []
    tap = network.get_submodule(other.explainer.taps["stem"])
    handles = [tap.register_forward_hook(lambda _, __, o: maps.append(o))]
    handles.append(network.conv1a.register_forward_hook(cut))
    logits = as_outputs(network(planes))[0]
    after = logits.gather(1, other.sample.plus[:, None])[:, 0]
    for handle in handles:
        handle.remove()

    lost = np.sign(other.gap) * (other.full - after.detach().numpy())
    effect = unit_edges._tested(other, kept, wires, np.array([u]), np.array([v]))
    assert effect == pytest.approx(lost.mean())
    assert effect != 0
