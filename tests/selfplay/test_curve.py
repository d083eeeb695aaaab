from xml.etree import ElementTree as ET

import pytest

from conceptlrp.selfplay import Evaluation, Progress
from conceptlrp.selfplay.curve import curve_svg


def points(n: int, evaluation: Evaluation | None) -> list[Progress]:
    return [
        Progress(
            steps=i + 1,
            samples=100 * (i + 1),
            seconds=1.0,
            learning_rate=1e-3,
            policy_loss=4.0 / (i + 1),
            value_loss=1.0,
            evaluation=evaluation,
        )
        for i in range(n)
    ]


@pytest.fixture
def evaluation() -> Evaluation:
    nan = float("nan")
    return Evaluation(9, 0.5, 0.75, 0.125, nan, 2.0, nan)


def elements(text: str, name: str) -> list[ET.Element]:
    root = ET.fromstring(text)
    return root.findall(f".//{{http://www.w3.org/2000/svg}}{name}")


def test_a_curve_is_drawn_from_its_highest_to_its_lowest_loss() -> None:
    text = curve_svg(points(4, None))

    line = elements(text, "polyline")[0].attrib["points"].split()
    heights = [float(corner.split(",")[1]) for corner in line]
    assert len(line) == 4
    assert heights == sorted(heights)
    assert "over 400 positions" in text


def test_held_out_figures_get_lines_of_their_own(evaluation: Evaluation) -> None:
    with_test = elements(curve_svg(points(3, evaluation)), "polyline")
    without = elements(curve_svg(points(3, None)), "polyline")

    kinds = [line.attrib["class"] for line in with_test]
    assert kinds == ["training", "held-out"] * 2 + ["held-out", "top3"]
    assert len(without) == 2


def test_what_is_not_known_is_not_drawn(evaluation: Evaluation) -> None:
    lines = elements(curve_svg(points(3, evaluation)), "polyline")

    assert "nan" not in curve_svg(points(3, evaluation))
    assert lines[3].attrib["points"] == ""


def test_one_point_can_be_seen() -> None:
    line = elements(curve_svg(points(1, None)), "polyline")[0]

    assert len(line.attrib["points"].split()) == 2
