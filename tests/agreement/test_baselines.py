"""What is above a baseline says so in every view, and is the same in all of them."""

import json
import shutil
from pathlib import Path

import anndata
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

import conceptlrp as cl
from conceptlrp import exports, figures
from conceptlrp.atlas import build_atlas
from conceptlrp.concept_graph import MeanConceptGraph
from conceptlrp.concept_graph.averaging import graph_explainer
from conceptlrp.errors import LayerError, StoreError
from conceptlrp.explorer import ExplorerEngine, explorer_app
from conceptlrp.labelling.networks import above_own_mean, random_network
from conceptlrp.lrp import Explainer, mean_baseline
from conceptlrp.lrp.one_call import store_explainer
from conceptlrp.othello import Corpus
from conceptlrp.reference import conditional_maps
from conceptlrp.report import layer_report
from conceptlrp.runs import KeepOptions, attribute_corpus
from conceptlrp.store import Store, open_store
from conceptlrp.store.format.manifest import read_manifest
from conceptlrp.store.results.kinds import replace_listed
from tests.agreement import views
from tests.agreement.conftest import LAYER, SIZES, network
from tests.atlas.pages_read import Page
from tests.command_line import succeed
from tests.explorer.client import Client
from tests.othello.playouts import random_games

WORDS = (
    "relevance above the mean of 40 positions, by epsilon; heatmaps by epsilon-gamma"
)
ABOVE = "the mean of 40 positions"


def write(path: Path, *, layers=tuple(SIZES), **options) -> Store:
    corpus = Corpus.from_games(random_games(10, seed=3)).sample(40, seed=1)
    return attribute_corpus(
        network(),
        corpus,
        path,
        targets=["played", "value"],
        composite="epsilon+epsilon-gamma",
        layers=layers,
        keep=KeepOptions(references=4),
        **options,
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    """With a concept graph, but without labels."""
    path = tmp_path_factory.mktemp("above") / "run.crp"
    written = write(path, baseline="mean")
    cl.graph(written, network(), n_positions=30)
    return open_store(path)


@pytest.fixture(scope="module")
def donor_store(tmp_path_factory) -> Store:
    corpus = Corpus.from_games(random_games(10, seed=4)).sample(40, seed=1)
    return write(tmp_path_factory.mktemp("donor") / "run.crp", baseline=corpus)


@pytest.fixture(scope="module")
def plain_store(tmp_path_factory) -> Store:
    return write(tmp_path_factory.mktemp("plain") / "run.crp")


def words_of(*line: object) -> str:
    """What a verb prints, on one line."""
    return " ".join(succeed(*line).split())


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", ["store", "donor_store", "plain_store"])
def test_the_report_of_a_position_has_the_relevance_of_the_store(kind, request):
    store = request.getfixturevalue(kind)

    for row in (0, 31):
        position = store.positions.position(row)
        report = cl.position_report(network(), position, store=store)
        assert (report.row, report.baseline) == (row, store.baseline.words)
        for layer in store.layers:
            stored = store.arrays.relevance(layer, rows=[row], target="value")[0]
            close(report.value_output.layers[layer].relevance, stored)
        close(
            report.value_output.heatmap,
            store.arrays.heatmap(rows=[row], target="value")[0],
        )


@pytest.mark.parametrize("kind", ["store", "donor_store"])
def test_heatmaps_of_reference_boards_are_computed_as_they_are_kept(kind, request):
    store = request.getfixturevalue(kind)
    explainer = store_explainer(store, network())
    boards = cl.reference_boards(store, LAYER, 1, 4)

    computed = conditional_maps(
        explainer,
        store.positions[boards.rows],
        LAYER,
        1,
        baseline=store.baseline.take(boards.rows),
    )

    close(computed, boards.heatmaps)


@pytest.mark.parametrize("kind", ["store", "donor_store"])
def test_the_graph_has_the_relevance_of_the_store(kind, request):
    store = request.getfixturevalue(kind)

    graph = cl.graph(store, network(), n_positions=40, save=False)

    for layer in store.layers:
        stored = store.arrays.relevance(layer).mean(axis=0)
        close(graph.nodes[layer].signed[0], stored)
    # What a channel gets is its relevance above the baseline.
    sent = graph.edges["conv2", "conv1"].signed[0].sum(axis=0)
    close(sent, graph.nodes["conv1"].signed[0])


def test_layers_between_those_of_a_store_have_the_mean_of_its_sample(tmp_path):
    store = write(tmp_path / "run.crp", layers=["conv1"], baseline="mean")

    explainer = graph_explainer(store, network())

    expected = mean_baseline(Explainer(network()), store.positions)
    assert explainer.layers == ("conv1", "conv2", "conv3", "conv4")
    assert explainer.baseline == expected


def test_a_mean_that_was_given_has_no_layers_between(tmp_path, plain_store):
    given = mean_baseline(Explainer(network(), layers=["conv1"]), plain_store.positions)
    store = write(tmp_path / "run.crp", layers=["conv1"], baseline=given)

    with pytest.raises(LayerError, match="was given and has no mean of 'conv2'"):
        cl.graph(store, network(), save=False)


def test_random_networks_are_above_the_mean_of_their_own_maps(store):
    trained = store_explainer(store, network())

    found = above_own_mean(random_network(trained, seed=1), store)

    assert trained.baseline == store.baseline
    assert found.baseline == mean_baseline(found, store.positions)
    assert found.baseline != store.baseline


@pytest.mark.parametrize("kind", ["store", "donor_store"])
def test_labels_are_scored_above_the_baseline(kind, request):
    store = request.getfixturevalue(kind)

    found = cl.label(store, network(), layers=[LAYER], n_positions=40, save=False)

    assert list(found.layers) == [LAYER]


def test_results_know_the_baseline_of_their_store(store, plain_store, tmp_path):
    graph = store.results.get(MeanConceptGraph)
    plain_store.results.save(graph, overwrite=True)
    foreign = plain_store.results.find(MeanConceptGraph).read_bytes()
    copy = shutil.copytree(store.path, tmp_path / "copy.crp")

    replace_listed(copy, read_manifest(copy), {"kind": "graph"}, foreign)

    made = store.results.provenance(MeanConceptGraph)
    assert made["baseline"] == store.baseline.digest
    assert plain_store.results.provenance(MeanConceptGraph)["baseline"] == ""
    with pytest.raises(StoreError, match=r"has baseline unknown, expected .* run"):
        open_store(copy).results.get(MeanConceptGraph)


def test_reports_name_the_baseline(store):
    report = next(iter(layer_report(store, LAYER, count=4)))

    assert dict(report.provenance)["baseline"] == ABOVE
    assert WORDS in report.citation
    assert report.to_dict()["baseline"] == ABOVE
    assert f"of the relevance of conv2 above {ABOVE} (rank" in views.text_of(report)
    assert ABOVE in views.text_of(report)
    assert ABOVE in views.terminal(store, 0)
    assert ABOVE in succeed("info", store.path)
    assert ABOVE in store._repr_html_()


def test_pages_name_the_baseline(store, tmp_path):
    atlas = build_atlas(store, tmp_path / "atlas", network=network(), count=4)

    pages = [Page(path) for path in atlas.rglob("*.html")]
    assert len(pages) > 12
    assert [p for p in pages if ABOVE not in p.words] == []
    assert WORDS in Page(atlas / "index.html").words
    position = next((atlas / "positions").glob("[0-9p]*.html"))
    assert "The two need not add up" in Page(position).words
    assert WORDS in Page(atlas / "graph.html").words


def test_exports_name_the_baseline(store, tmp_path):
    exports.json(store, tmp_path / "json")
    exports.parquet(store, tmp_path / "parquet")
    exports.h5ad(store, tmp_path / "a.h5ad", LAYER)
    exports.npz(store, tmp_path / "a.npz")
    exports.virelay(store, tmp_path / "virelay")
    exports.node_link(store, tmp_path / "graph.json")

    table = pq.read_schema(tmp_path / "parquet" / "relevance-conv2.parquet")
    found = [
        json.loads(anndata.read_h5ad(tmp_path / "a.h5ad").uns["conceptlrp"]),
        json.loads(table.metadata[b"conceptlrp"]),
        json.loads((tmp_path / "json" / exports.extract.MARKER).read_text()),
        json.loads(
            json.loads((tmp_path / "graph.json").read_text())["graph"]["conceptlrp"]
        ),
    ]
    for each in found:
        assert each["relevance"] == WORDS
        assert each["baseline"] == store.manifest.baseline
    project = yaml.safe_load((tmp_path / "virelay" / "project.yaml").read_text())
    assert project["project"]["attributions"]["attribution_method"] == WORDS
    with np.load(tmp_path / "a.npz") as arrays:
        readme = str(arrays["README"])
    assert f"in the unit of the explained output, above {ABOVE}" in readme


@pytest.mark.slow
def test_figures_say_what_they_are_above(store, plain_store):
    for draw in (
        lambda each: figures.references(each, LAYER, 0),
        lambda each: figures.means(each, LAYER),
        lambda each: figures.channels(each, LAYER),
    ):
        assert any("above the mean" in each for each in views.texts(draw(store)))
        assert not [t for t in views.texts(draw(plain_store)) if "above" in t]
    graph = figures.graph(store)
    assert any("above the mean)" in each for each in views.texts(graph))


def test_the_explorer_explains_as_the_store_does(store, donor_store):
    engine = ExplorerEngine(store_explainer(store, network()), store)

    page = Client(explorer_app(engine)).get("/")

    assert WORDS in page.text
    assert "The two need not add up" in page.text
    row = store.positions.position(3)
    report = engine.report(row, None, None)
    stored = store.arrays.relevance(LAYER, rows=[report.row], target="value")[0]
    close(report.value_output.layers[LAYER].relevance, stored)
    with pytest.raises(StoreError, match="above the maps of donors"):
        ExplorerEngine(store_explainer(donor_store, network()), donor_store)


def test_positions_without_a_donor_are_refused(donor_store):
    with pytest.raises(ValueError, match="only positions of the store have"):
        cl.position_report(network(), "f5d6c3d3", store=donor_store)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["store", "donor_store"])
def test_composites_are_evaluated_above_any_baseline(kind, request):
    store = request.getfixturevalue(kind)
    few = {"n_positions": 4, "n_cascade": 2, "composites": ["epsilon"]}

    found = cl.evaluate(store, network(), layers=[LAYER], save=False, **few)

    assert found.composites == ("epsilon",)


def test_a_comparison_says_that_baselines_differ(store, plain_store, donor_store):
    found = cl.compare(store, plain_store)

    assert ABOVE in found.names[0]
    assert "above" not in found.names[1]
    (remark,) = found.remarks
    assert f"first is above {ABOVE}, of the second above zero" in remark
    assert remark in found._repr_html_()
    assert remark in words_of("compare", store.path, plain_store.path)
    assert "its donor's map" in cl.compare(store, donor_store).remarks[0]
    assert cl.compare(store, store).remarks == ()


def test_one_position_is_explained_above_the_mean_of_the_corpus_that_ships():
    line = ("explain", "demo", "f5d6c3", "--composite", "epsilon", "--baseline", "mean")

    found = json.loads(succeed(*line, "--json"))

    assert found["baseline"] == "the mean of 1,024 positions"
    assert "relevance above the mean of 1,024 positions, by epsilon" in words_of(*line)
