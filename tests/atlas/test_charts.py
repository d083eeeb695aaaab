import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from conceptlrp.atlas.pictures.charts import (
    Line,
    curves_svg,
    histogram_svg,
    intervals_svg,
    plies_svg,
    scatter_svg,
)
from conceptlrp.atlas.site import make_templates

pictures = make_templates("conceptlrp.atlas").get_template("pictures.html").module


def test_the_scale_prints_its_symmetric_limits():
    root = ET.fromstring(pictures.color_scale(0.032, "logits"))

    assert root.text == "Colours from −0.032 (against) to +0.032 logits (for)"
    assert (root.get("data-limit"), root.get("data-unit")) == ("0.032", "logits")


def test_a_histogram_says_what_it_shows():
    counts, edges = [1, 0, 5, 4], [-3.0, -2.0, -1.0, 0.0, 1.0]

    root = ET.fromstring(histogram_svg(counts, edges, name="relevance <b>"))

    assert root.get("aria-label") == (
        "Histogram of relevance <b>: 10 values other than zero, from −3 to 1, "
        "half of them below 0"
    )
    assert root.find("path[@class='bar']").get("d").count("M") == 3


def test_a_histogram_of_zeros_says_so():
    assert "all values are zero" in histogram_svg([], [], name="activation")


def test_intervals_stand_on_one_scale_with_zero():
    rows = [("this <one>", 3.0, 2.0, 4.0), ("control", -1.0, -2.0, 0.5)]

    root = ET.fromstring(intervals_svg(rows, unit="logits"))

    assert root.get("aria-label") == (
        "this <one> 3, 2 to 4; control −1, −2 to 0.5 logits"
    )
    zero = root.find("path[@class='zero']").get("d")
    at = [float(dot.get("cx")) for dot in root.iter("circle")]
    start = float(re.match(r"M([\d.]+)", zero)[1])
    assert at[0] - start == pytest.approx(3 * (start - at[1]), rel=0.01)


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


RISING = Line("relevance", (1, 2), (1.0, 2.0), (0.5, 1.5), (1.5, 2.5))
FLAT = Line("<random>", (1, 2), (0.0, -0.5), (-0.5, -1.0), (0.5, 0.0))


def chart(*lines):
    picture, _, legend = str(curves_svg(lines)).partition("<ul")
    return ET.fromstring(picture), f"<ul{legend}"


def test_a_curve_begins_at_zero_and_ends_at_its_mean():
    root, _ = chart(RISING)

    (curve,) = (p for p in root.iter("path") if p.get("class") == "curve k0")
    places = [place.split() for place in curve.get("d")[1:].split("L")]
    assert places == [["34.0", "198.0"], ["224.0", "122.0"], ["414.0", "46.0"]]


def test_the_first_curve_lies_on_top():
    root, _ = chart(RISING, FLAT)

    drawn = [p.get("class") for p in root.iter("path")]
    assert drawn[:4] == ["band k1", "curve k1", "band k0", "curve k0"]


def test_a_chart_says_in_words_what_it_shows():
    root, legend = chart(RISING, FLAT)

    assert root.get("aria-label") == (
        "relevance ends at 2, interval 1.5 to 2.5; "
        "<random> ends at −0.5, interval −1 to 0"
    )
    assert "&lt;random&gt;" in legend


def test_no_curves_are_no_chart():
    assert curves_svg([]) == ""
