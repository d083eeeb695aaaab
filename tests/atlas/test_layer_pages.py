import numpy as np
import pytest

from conceptlrp.atlas import build_atlas
from conceptlrp.atlas.pages.layer_pages import mapped_reports
from conceptlrp.lrp import Explainer
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.report import layer_report
from conceptlrp.runs import KeepOptions, attribute_corpus
from tests.atlas.conftest import write_store
from tests.atlas.pages_read import Page
from tests.lrp.conftest import randomize
from tests.othello.playouts import random_games

LAYER = "conv2"


@pytest.fixture(scope="module")
def explainer():
    return Explainer(randomize(OthelloNet(channels=5)), layers=[LAYER])


@pytest.fixture(scope="module")
def stores(explainer, tmp_path_factory):
    """The same relevance, without maps of positions and with all of them."""
    corpus = Corpus.from_games(random_games(4, seed=2)).sample(40, seed=0)
    folder = tmp_path_factory.mktemp("stores")
    network = randomize(OthelloNet(channels=5))
    return [
        attribute_corpus(
            network,
            corpus,
            folder / f"{detail}.crp",
            layers=[LAYER],
            keep=KeepOptions(detail=detail),
        )
        for detail in ("references", "all")
    ]


def test_maps_that_a_store_lacks_are_those_of_one_that_keeps_all(stores, explainer):
    kept, whole = stores
    reports = mapped_reports(layer_report(kept, LAYER, count=3), kept, explainer)

    for report, expected in zip(
        reports, layer_report(whole, LAYER, count=3), strict=True
    ):
        for name, boards in report.strips.items():
            if not len(boards):
                continue
            wanted = expected.strips[name].heatmaps
            # A store keeps maps in half precision.
            bound = 2e-3 * np.abs(wanted).max()
            np.testing.assert_allclose(boards.heatmaps, wanted, atol=bound)


def test_maps_that_a_store_keeps_are_left_as_they_are(stores, explainer):
    kept, _ = stores
    before = list(layer_report(kept, LAYER, count=3))
    assert before[0].strips["random"].heatmaps is None

    after = list(mapped_reports(iter(before), kept, explainer))

    for first, second in zip(before, after, strict=True):
        assert second.channel == first.channel
        assert second.strips["relevant"] is first.strips["relevant"]
        assert second.strips["random"].heatmaps is not None


@pytest.mark.parametrize("workers", [1, 2])
def test_an_atlas_made_with_the_network_has_maps_on_all_boards(
    stores, tmp_path, workers
):
    network = randomize(OthelloNet(channels=5))
    kept, _ = stores

    out = build_atlas(kept, tmp_path / "out", network=network, count=3, workers=workers)

    for place in out.glob("concepts/*/*.html"):
        assert "keeps no heatmaps" not in place.read_text()


@pytest.mark.slow
def test_a_wide_layer_has_pages_that_are_light_and_list_every_channel(tmp_path):
    store = write_store(tmp_path / "run.crp", layers={"wide": 200}, kept=2)

    out = build_atlas(store, tmp_path / "out", count=2)

    pages = [out / f"layers/wide{place}.html" for place in ("", "/2", "/3")]
    found = [Page(path) for path in pages]
    tiles = [sum(v.get("class") == "tile" for _, v in each.tags) for each in found]
    assert tiles == [96, 96, 8]
    links = {link.split("/")[-1] for each in found for link in each.links}
    assert {f"c{channel:04d}.html" for channel in range(200)} <= links
    assert max(path.stat().st_size for path in pages) <= 100_000
    assert not (out / "layers/wide/4.html").exists()
