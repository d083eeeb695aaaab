"""The page of the concept graph shows what the graph says."""

from xml.etree import ElementTree as ET

import numpy as np
import pytest

from conceptlrp.atlas.pages.graph_page import (
    GRAPH_PAGE,
    graph_drawing,
    write_graph_page,
)
from conceptlrp.atlas.site import Site, make_templates
from conceptlrp.concept_graph import ConceptPath, MeanConceptGraph
from conceptlrp.concept_graph.mean_graph import Flow
from tests.atlas.conftest import LAYERS
from tests.atlas.test_pages import Page

LOW, HIGH = LAYERS
SVG = "{http://www.w3.org/2000/svg}"


def picture(paths) -> str:
    pictures = make_templates("conceptlrp.atlas").get_template("pictures.html").module
    drawing = graph_drawing(paths, ("a", "b"))
    return str(pictures.graph_picture(drawing, ("a", "b"), {("a", 1): "mobility"}))


def flow(signed) -> Flow:
    return Flow(np.asarray(signed, float), np.abs(np.asarray(signed, float)))


@pytest.fixture(scope="module")
def graph() -> MeanConceptGraph:
    """Return a graph in which channel 2 gets most and hands it to 4, against it."""
    random = np.random.default_rng(0)
    nodes = {layer: np.full((1, n), 0.1) for layer, n in LAYERS.items()}
    nodes[HIGH][0, 2] = 3.0
    edges = random.uniform(0.001, 0.01, (1, LAYERS[HIGH], LAYERS[LOW]))
    edges[0, 2, 4] = -2.0
    return MeanConceptGraph(
        targets=("played",),
        layers=(LOW, HIGH),
        nodes={layer: flow(values) for layer, values in nodes.items()},
        edges={(HIGH, LOW): flow(edges)},
        positions=1234,
    )


@pytest.fixture(scope="module")
def page(graph, store, tmp_path_factory) -> Page:
    folder = tmp_path_factory.mktemp("graph")
    site = Site(folder, store, "played", "Atlas <b>", 4, {}, {})
    write_graph_page(site, graph)
    return Page(folder / GRAPH_PAGE)


def test_the_strongest_path_comes_first(page):
    text = " ".join("".join(page.text).split())

    first = text.index(f"{HIGH}:2")
    assert f"{HIGH}:2 91%, for, 3" in text
    assert text.index(f"{LOW}:4", first) > first
    assert "against, −2" in text
    assert "1,234 positions" in text


def test_names_of_layers_are_shown_as_text(page):
    assert not any(tag == "b" for tag, _ in page.tags)
    assert "Concept graph - Atlas <b>" in page.text


def test_every_node_of_the_picture_leads_to_its_channel(page):
    names = [
        values["aria-label"] for tag, values in page.tags if "aria-label" in values
    ]
    links = [
        values for tag, values in page.tags if tag == "a" and "aria-label" in values
    ]

    assert f"{HIGH}, channel 2" in names
    assert all(link["href"].startswith("concepts/") for link in links)


def test_a_line_is_as_wide_as_what_goes_along_it():
    paths = [
        ConceptPath("d3", (("b", 0), ("a", 1)), (0.6, 0.5), (1.0, -1.0)),
        ConceptPath("d3", (("b", 0), ("a", 0)), (0.6, 0.25), (1.0, 1.0)),
    ]
    root = ET.fromstring(picture(paths))
    widths = [float(line.get("stroke-width")) - 0.6 for line in root.iter("path")]
    sides = [line.get("class") for line in root.iter("path")]
    assert widths == pytest.approx([3.0, 6.0, 9.0], abs=0.01)
    assert sides == ["for", "against", "for"]


def test_a_graph_without_relevance_is_drawn_without_lines():
    assert "<path" not in picture([])
