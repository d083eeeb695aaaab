"""Curves are drawn with their intervals, and told apart without colours."""

from xml.etree import ElementTree as ET

from conceptlrp.atlas.pictures.charts import Line, curves_svg

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
