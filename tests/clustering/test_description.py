import json
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import fisher_exact
from scipy.stats.contingency import odds_ratio

from conceptlrp.clustering import (
    describe_clusters,
)
from conceptlrp.clustering.description import label_enrichment
from conceptlrp.clustering.features import position_features
from tests.clustering.conftest import clustered


@pytest.fixture
def described(blob_store, blobs):
    """Six planted clusters, a label of one of them, and what is said of them."""
    plies = np.arange(900) * 7 % 60
    found = clustered(blob_store, "conv2", n_clusters=6, stability=True, repeats=4)
    columns = {"planted": blobs[1] == blobs[1][0], "even": np.arange(900) % 2 == 0}
    corpus = SimpleNamespace(ply=plies)
    records = describe_clusters(found, corpus, columns=columns, count=4)
    return found, records, plies


def test_every_cluster_has_its_size_phases_and_boards(described):
    found, records, plies = described

    assert [each.size for each in records] == found.sizes.tolist()
    assert sum(each.part for each in records) == pytest.approx(1)
    for each in records:
        members = found.members(each.cluster)
        phases = np.bincount(plies[members] // 10, minlength=6)
        assert each.phases == tuple(phases)
        assert set(each.typical) | set(each.random) <= set(members)
        assert len(each.random) == 4
        assert each.jaccard > 0.95


def test_the_medoid_has_the_least_squared_distance_to_its_cluster(
    described, blob_store
):
    found, records, _ = described

    features = position_features(blob_store, "conv2")[slice(None)]
    for each in records:
        members = found.members(each.cluster)
        points = features[members].astype(float)
        squared = np.square(points[:, None] - points).sum(axis=(1, 2))
        assert each.medoid == members[squared.argmin()]


def test_the_planted_label_is_told_of_its_cluster(described, blobs):
    found, records, _ = described

    own = int(found.labels[0])
    assert [label.label for label in records[own].enriched] == ["planted"]
    assert records[own].enriched[0].inside > 0.95
    for each in records:
        assert "even" not in [label.label for label in each.enriched]


def test_a_stability_that_was_not_measured_is_none(blob_store):
    found = clustered(blob_store, "conv1", n_clusters=3)

    record = describe_clusters(found, SimpleNamespace(ply=np.zeros(900, int)))[0]

    assert record.jaccard is None


def test_a_description_can_be_written_as_json(described):
    records = described[1]

    found = json.loads(json.dumps([each.to_dict() for each in records]))

    assert found[0]["markers"][0]["channel"] == records[0].markers[0].channel
    assert found[0]["phases"] == list(records[0].phases)


def one_cluster(inside, label, plies=None, games=None):
    n = len(inside)
    return label_enrichment(
        np.where(inside, 0, -1),
        {"label": label},
        plies=np.zeros(n, int) if plies is None else plies,
        games=np.arange(n) if games is None else games,
        n_clusters=1,
    )


def test_prevalence_and_odds_ratio_of_one_ply_are_those_of_its_table():
    random = np.random.default_rng(0)
    inside = random.random(150) < 0.3
    label = random.random(150) < np.where(inside, 0.4, 0.2)

    found = one_cluster(inside, label)

    table = [
        [(inside & label).sum(), (inside & ~label).sum()],
        [(~inside & label).sum(), (~inside & ~label).sum()],
    ]
    sample = odds_ratio(table, kind="sample").statistic
    assert found.odds_ratio[0, 0] == pytest.approx(sample)
    assert found.inside[0, 0] == label[inside].mean()
    assert found.rest[0, 0] == label[~inside].mean()


def test_games_of_one_position_are_tested_about_as_positions_are():
    random = np.random.default_rng(1)
    inside = random.random(4000) < 0.3
    label = random.random(4000) < np.where(inside, 0.33, 0.30)

    found = one_cluster(inside, label)

    table = [
        [(inside & label).sum(), (inside & ~label).sum()],
        [(~inside & label).sum(), (~inside & ~label).sum()],
    ]
    assert found.p[0, 0] == pytest.approx(fisher_exact(table)[1], rel=0.15)


@pytest.mark.parametrize("first", [5, 30])
def test_what_the_ply_explains_is_no_enrichment(first):
    random = np.random.default_rng(0)
    plies = random.integers(0, 60, 6000)
    late = plies % (2 * first) >= first
    inside = random.random(6000) < np.where(late, 0.6, 0.1)
    label = random.random(6000) < np.where(late, 0.9, 0.1)

    found = one_cluster(inside, label, plies)

    assert found.p[0, 0] > 0.01
    assert found.odds_ratio[0, 0] == pytest.approx(1, abs=0.25)
    assert found.inside[0, 0] == pytest.approx(found.rest[0, 0], abs=0.03)
    assert label[inside].mean() > 2 * label[~inside].mean() * 0.9


def test_positions_of_a_game_do_not_count_as_independent():
    random = np.random.default_rng(1)
    games = np.repeat(np.arange(60), 30)
    refused = 0
    for _ in range(100):
        # Cluster and label hold for whole games, and have nothing to do with another.
        inside = np.repeat(random.random(60) < 0.4, 30)
        label = np.repeat(random.random(60) < 0.4, 30)
        refused += bool(one_cluster(inside, label, games=games).p[0, 0] < 0.05)

    assert refused <= 12


def test_a_planted_label_is_found_in_its_cluster_alone():
    random = np.random.default_rng(0)
    clusters = random.integers(-1, 4, 4000)
    columns = {f"random {i}": random.random(4000) < 0.2 for i in range(20)}
    columns["planted"] = random.random(4000) < np.where(clusters == 2, 0.6, 0.1)

    found = label_enrichment(
        clusters,
        columns,
        plies=random.integers(0, 60, 4000),
        games=np.arange(4000) // 20,
        n_clusters=4,
    )

    first = found.of(2)[0]
    assert first.label == "planted"
    assert first.odds_ratio == pytest.approx(0.6 / 0.4 * 0.9 / 0.1, rel=0.3)
    assert first.q < 1e-6
    others = [each.label for k in (0, 1, 3) for each in found.of(k)]
    assert set(others) <= {"planted"}
    assert all(each.odds_ratio < 1 for k in (0, 1, 3) for each in found.of(k))


def test_a_cluster_that_has_all_of_a_label_has_a_finite_odds_ratio():
    inside = np.arange(40) < 10

    found = one_cluster(inside, inside.copy())

    assert 100 < found.odds_ratio[0, 0] < 5000
    assert found.p[0, 0] < 1e-3


def test_plies_do_not_dilute_the_odds_ratio_of_a_label_that_is_absent():
    random = np.random.default_rng(0)
    inside = random.random(1200) < 0.2
    label = ~inside & (random.random(1200) < 0.2)

    found = one_cluster(inside, label, random.integers(0, 60, 1200))

    odds = label[~inside].mean() / (1 - label[~inside].mean())
    expected = 0.5 / (inside.sum() + 0.5) / odds
    assert found.odds_ratio[0, 0] == pytest.approx(expected, rel=0.1)


def test_a_label_that_all_or_none_have_says_nothing():
    inside = np.arange(40) < 10
    for label in (np.ones(40, bool), np.zeros(40, bool)):
        assert one_cluster(inside, label).p[0, 0] == 1


def test_no_labels_and_no_clusters_make_empty_tables():
    nothing = label_enrichment(
        np.zeros(5, int),
        {},
        plies=np.zeros(5, int),
        games=np.arange(5),
        n_clusters=1,
    )

    assert nothing.q.shape == (1, 0)
    assert nothing.of(0) == ()


def test_a_column_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"label 'label' has shape \(3,\), expected"):
        one_cluster(np.ones(4, bool), np.ones(3, bool))
