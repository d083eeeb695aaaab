import re
from xml.etree import ElementTree as ET

import numpy as np

from conceptlrp.atlas.charts import histogram_svg, plies_svg, scale_svg, scatter_svg


def test_the_scale_prints_its_symmetric_limits():
    root = ET.fromstring(scale_svg(0.032, unit="logits"))

    assert [text.text for text in root.iter("text")] == ["−0.032", "0", "+0.032"]
    assert root.get("aria-label") == "Colours from −0.032 to +0.032 logits"


def test_a_histogram_leaves_zeros_out_and_says_what_it_shows():
    values = np.array([0.0] * 90 + [1.0] * 9 + [-3.0])

    root = ET.fromstring(histogram_svg(values, name="relevance <b>"))

    assert root.get("aria-label") == (
        "Histogram of relevance <b>: 10 values other than zero, from −3 to 1, median 1"
    )
    assert root.find("path[@class='bar']").get("d").count("M") == 2


def test_a_histogram_of_zeros_says_so():
    assert "all values are zero" in histogram_svg(np.zeros(4), name="activation")


def test_plies_are_counted_from_move_one():
    chart = plies_svg(np.array([3, 3, 5]), np.arange(60), name="cluster 0")

    assert "median move 4" in chart
    ET.fromstring(chart)


def test_every_cluster_of_the_map_leads_to_its_page():
    random = np.random.default_rng(0)
    labels = random.integers(-1, 3, 200)

    root = ET.fromstring(
        scatter_svg(random.normal(size=(200, 2)), labels, hrefs=["a", "b", "c<"])
    )

    assert [link.get("href") for link in root.iter("a")] == ["a", "b", "c<"]
    assert {path.get("class") for path in root.iter("path")} == {
        "rest",
        "c0",
        "c1",
        "c2",
    }


def test_a_map_draws_no_more_points_than_allowed():
    random = np.random.default_rng(0)

    svg = scatter_svg(
        random.normal(size=(900, 2)), np.zeros(900, int), hrefs=["a"], max_points=50
    )

    assert svg.count("h0") <= 50
    assert "900 positions" in svg


def test_only_the_highlighted_cluster_is_coloured():
    labels = np.arange(60) % 3

    svg = scatter_svg(
        np.random.default_rng(0).normal(size=(60, 2)), labels, hrefs="abc", highlight=1
    )

    assert re.findall('path class="(.*?)"', svg) == ["rest", "rest", "c1"]


def test_a_map_of_equal_points_is_drawn():
    ET.fromstring(scatter_svg(np.zeros((5, 2)), np.zeros(5, int), hrefs=["a"]))
