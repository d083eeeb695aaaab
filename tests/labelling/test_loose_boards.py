"""Boards without games say what the same positions say with theirs; few games less."""

import json

import numpy as np
import pytest

import conceptlrp as cl
from conceptlrp.clustering import describe_clusters
from conceptlrp.labelling import LabelCriteria, LabelOptions, ScoredLabels, interchange
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from tests.lrp.conftest import random_corpus, randomize

QUICK = LabelOptions(n_maps=30, n_random=1, criteria=LabelCriteria(permutations=10))


@pytest.fixture(scope="module")
def network():
    return randomize(OthelloNet(channels=4))


@pytest.fixture(scope="module")
def positions():
    """One position of each of 80 games, from all phases."""
    games = random_corpus(80)
    first = np.unique(games.game, return_index=True)[1]
    chosen = games[first + np.random.default_rng(0).integers(8, 45, 80)]
    return chosen[np.unique(chosen.game, return_index=True)[1]]


@pytest.fixture(scope="module")
def stores(network, positions, tmp_path_factory):
    folder = tmp_path_factory.mktemp("loose")
    alone = [positions.position(i) for i in range(len(positions))]
    corpora = {
        "games": positions,
        "loose": Corpus.from_positions(alone),
        "three": random_corpus(3),
    }
    return {
        name: cl.attribute_corpus(
            network, c, folder / f"{name}.crp", targets="value", layers="conv3"
        )
        for name, c in corpora.items()
    }


def test_loose_boards_give_as_many_boards_and_equal_effects(stores, network):
    with_games, loose = stores["games"], stores["loose"]

    for channel in range(4):
        boards = [
            cl.reference_boards(s, "conv3", channel).boards for s in (with_games, loose)
        ]
        assert [b.row for b in boards[0]] == [b.row for b in boards[1]]
    effects = [cl.ablate(s, network, save=False) for s in (with_games, loose)]
    frames = [each.frame() for each in effects]
    assert frames[0].equals(frames[1])
    assert [e.layers["conv3"].games for e in effects] == [len(loose), len(loose)]
    ends = frames[1][[c for c in frames[1] if c.endswith(("_low", "_high"))]].to_numpy()
    assert not (ends[:, ::2] == ends[:, 1::2]).any()


def test_loose_boards_get_the_labels_of_their_positions(stores, network):
    found = [
        cl.label(stores[n], network, options=QUICK, save=False)
        for n in ("games", "loose")
    ]

    one, other = (each.layers["conv3"] for each in found)
    assert one.tested
    assert other.tested
    # Controls aside, which see what no network does.
    kept = [k for k, n in enumerate(one.labels) if n not in found[0].controls]
    for measure in one.measures:
        np.testing.assert_array_equal(
            one.effect[measure][:, kept], other.effect[measure][:, kept]
        )
    assert one.names == other.names


def test_three_games_have_no_interval_and_no_verdict_anywhere(stores, network):
    store = stores["three"]

    effects = cl.ablate(store, network)
    labels = cl.label(store, network, options=QUICK)
    causes = interchange(store, network, n_random=1, overwrite=True)
    judged = cl.evaluate(store, network, composites="epsilon", n_positions=12)
    kept = cl.circuit(store, network, n_positions=12, n_edges=2)
    clusters = cl.cluster(store, "conv3", n_clusters=2)
    same = cl.compare(store, store)

    for result in (effects, labels, causes, judged, kept, same):
        text = json.dumps(result.to_dict(), allow_nan=False)
        assert '"low": 0' not in text
    assert "fewer than 10 games" in repr(effects.layers["conv3"])
    assert "fewer than 20 games" in repr(labels)
    assert "fewer than 10 games" in repr(judged)
    assert "fewer than 10 games" in kept._repr_html_()
    assert effects.frame().filter(regex="_(low|high)$").isna().all(axis=None)
    assert causes.frame()[["low", "high", "passed"]].isna().all(axis=None)
    assert judged.findings.frame()[["low", "high"]].isna().all(axis=None)
    assert {gate.state for gate in judged.gates["epsilon"]} == {"undecided"}
    assert kept.curve_frame().filter(regex="_(low|high)$").isna().all(axis=None)
    assert np.isnan([same.same_move.low, same.heatmap_cosine.high]).all()
    columns = {"black": store.positions.mover == 0}
    described = describe_clusters(clusters, store.positions, columns=columns)
    assert not any(each.enriched for each in described)
    assert not store.results.get(ScoredLabels).layers["conv3"].tested


def test_reports_of_three_games_say_that_these_are_too_few(stores, network):
    store = stores["three"]
    if store.results.get(ScoredLabels) is None:
        cl.label(store, network, options=QUICK)
        cl.ablate(store, network)

    text = " ".join(cl.channel_report(store, "conv3", 0).text().split())

    assert "(fewer than 10 games)" in text
    assert "fewer than 10 games do not tell the two apart" in text
    assert "Labels were not tested, since every label holds in fewer than" in text
    assert "[" not in text.partition("ablation")[2].partition("missing")[0]
    assert "No label describes it" not in text
