import itertools
from dataclasses import replace

import numpy as np
import pytest
from sklearn.cluster import DBSCAN

from conceptlrp.atlas import build_atlas
from conceptlrp.atlas.pages.cluster_pages import cluster_facts
from conceptlrp.clustering import Stability, cluster, describe_clusters
from conceptlrp.clustering.features import position_features
from tests.atlas.conftest import with_clusters, write_store
from tests.atlas.pages_read import Page

LABEL = "even_game"


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """A store with a label, its clustering, and a measured stability."""
    store = write_store(tmp_path_factory.mktemp("labelled") / "run.crp", games=20)
    store.columns.add(
        {LABEL: store.positions.game % 2 == 0, "number": store.positions.ply}
    )
    clustering = cluster(store, "conv1", n_clusters=3, save=False)
    stability = Stability(0.8125, 0.0125, np.array([0.9, 0.625, 0.25]))
    clustering = replace(clustering, stability=stability)
    store.results.save(clustering)
    return store, clustering


@pytest.fixture(scope="module")
def folder(labelled, tmp_path_factory):
    out = tmp_path_factory.mktemp("site") / "atlas"
    return build_atlas(labelled[0], out, count=4) / "clusters" / "conv1"


@pytest.fixture(scope="module")
def pages(folder):
    return [Page(folder / f"k{number:02d}.html") for number in range(3)]


def test_a_page_tells_size_share_method_and_parameters(labelled, pages):
    _, clustering = labelled

    for number, page in enumerate(pages):
        size = int(clustering.sizes[number])
        assert f"positions {size:,} {100 * size / len(clustering):.0f}%" in page.words
        assert clustering.method in page.text
        assert "Seed 0." in page.words


def test_a_page_tells_how_stable_the_cluster_is(pages):
    said = ("0.9 overlap", "0.625 overlap", "0.25 overlap")
    verdicts = ("stable", "a pattern with doubtful members", "dissolves")

    for page, value, verdict in zip(pages, said, verdicts, strict=True):
        assert value in page.words
        assert f"drawn again: {verdict}" in page.words
        assert "adjusted Rand index of 0.812 ± 0.0125" in page.words


def test_an_unmeasured_stability_is_said_to_be_missing(store, tmp_path):
    clustering = cluster(store, "conv1", n_clusters=3, save=False)

    kept = with_clusters(store, tmp_path, clustering)
    out = build_atlas(kept, tmp_path / "out", count=2)

    page = Page(out / "clusters/conv1/k00.html")
    assert "not measured: run ‘conceptlrp cluster’ with ‘--stability’" in page.words
    assert "The store has no labels of positions" in page.words


def test_labels_come_with_corrected_p_values(labelled, pages):
    store, clustering = labelled
    columns = {LABEL: store.columns.label(LABEL)}
    found = describe_clusters(clustering, store.positions, columns=columns)
    enriched = [each.enriched for each in found]

    # Games of either parity have their own channels in this store.
    assert any(enriched)
    for page, labels in zip(pages, enriched, strict=True):
        assert (LABEL in page.text) == bool(labels)
        for label in labels:
            assert "corrected for all 1 label and 3 clusters" in page.words
            assert (
                f"{label.q:.3g}".rstrip("0") in page.words or "e-" in f"{label.q:.3g}"
            )


def test_markers_are_linked_with_their_effect_sizes(labelled, pages):
    _, clustering = labelled

    for page, markers in zip(pages, clustering.markers(2), strict=True):
        for channel, effect in zip(markers.channels, markers.effects, strict=True):
            assert f"../../concepts/conv1/c{channel:04d}.html" in page.links
            assert f"{effect:+.2f}".replace("-", "−") in page.text


def test_the_medoid_comes_first_and_the_least_likely_boards_apart(labelled, pages):
    store, clustering = labelled
    facts = cluster_facts(store, clustering, count=4)

    for number, page in enumerate(pages):
        boards = [int(each["data-r"]) for each in page.boards]
        medoid = facts.descriptions[number].medoid
        least = clustering.rows[facts.atypical(number, 1)[0]]
        assert boards[0] == medoid
        assert boards[4] == least
        assert len(boards) == 12


def test_atypical_positions_are_the_least_likely_one_of_a_game(labelled):
    store, clustering = labelled
    facts = cluster_facts(store, clustering)
    table = position_features(store, "conv1")[slice(None)]

    for number in range(3):
        inside = np.flatnonzero(clustering.labels == number)
        values = table[inside].astype(float)
        variances = values.var(axis=0)
        floor = 1e-3 * variances.mean() + 1e-12
        score = -(np.square(values - values.mean(axis=0)) / (variances + floor)).sum(
            axis=1
        )
        chosen = facts.atypical(number, 5)
        assert chosen[0] == inside[score.argmin()]
        assert len(set(clustering.games[chosen])) == len(chosen)


def test_nearest_clusters_are_linked_by_the_distance_of_their_means(labelled, pages):
    _, clustering = labelled
    distance = float(np.linalg.norm(clustering.centers[0] - clustering.centers[1]))

    assert "k01.html" in " ".join(pages[0].links)
    assert f"{distance:.3g}" in pages[0].words
    assert f"{distance:.3g}" in pages[1].words


def test_silhouettes_are_those_of_scikit_learn(labelled):
    from sklearn.metrics import silhouette_samples

    store, clustering = labelled
    table = position_features(store, "conv1")[slice(None)]

    found = cluster_facts(store, clustering).silhouette

    values = silhouette_samples(table, clustering.labels)
    expected = [values[clustering.labels == n].mean() for n in range(3)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_noise_is_a_class_of_its_own_with_a_page(store, tmp_path):
    table = position_features(store, "conv1")[slice(None)]
    # Half of the positions have a neighbour this near.
    near = np.sort(np.linalg.norm(table[:, None] - table[None], axis=2), axis=1)[:, 3]
    estimator = DBSCAN(eps=float(np.median(near)), min_samples=4)
    clustering = cluster(store, "conv1", estimator=estimator, save=False)
    assert clustering.noise
    assert clustering.n_clusters

    kept = with_clusters(store, tmp_path, clustering)
    out = build_atlas(kept, tmp_path / "out", count=2)

    noise = Page(out / "clusters/conv1/noise.html")
    assert noise.headings[0][1].strip() == "Noise"
    assert f"positions {clustering.noise}" in noise.words
    last = Page(out / f"clusters/conv1/k{clustering.n_clusters - 1:02d}.html")
    assert any(link.endswith("noise.html") for link in last.links)


def test_pages_are_chained_and_nothing_lies_beside_them(folder, pages):
    for number, page in enumerate(pages):
        rel = {v["rel"] for t, v in page.tags if t == "link" and "rel" in v}
        assert ("prev" in rel, "next" in rel) == (number > 0, number < 2)
    assert {path.suffix for path in folder.iterdir()} == {".html"}


def test_pages_are_accessible_and_light(folder, pages):
    for page in pages:
        levels = [level for level, _ in page.headings]
        assert levels[0] == 1
        assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
        assert all("scope" in values for tag, values in page.tags if tag == "th")
        tags = [tag for tag, _ in page.tags]
        assert tags.count("table") == tags.count("caption")
        assert "b" not in [t for t in tags if t == "script"]
    assert max(path.stat().st_size for path in folder.glob("*.html")) <= 100_000
