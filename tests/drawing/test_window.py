from xml.etree import ElementTree as ET

import pytest

from conceptlrp.drawing.window import window_svg

SVG = "{http://www.w3.org/2000/svg}"
NOT_OWN = ("opponent", "empty", "legal", "off")
EMPTY = ("empty", "legal")


def drawn(squares: dict, window: int = 3, **options: int) -> ET.Element:
    return ET.fromstring(
        window_svg([squares], window=window, title="a <b> & c", **options)
    )


def fills(svg: ET.Element, kind: str) -> list[str]:
    return [each.get("fill", "") for each in svg.iter(f"{SVG}{kind}")]


def test_a_picture_is_xml_and_says_its_rule():
    assert drawn({}).get("aria-label") == "a <b> & c"


@pytest.mark.parametrize(
    ("states", "discs"), [(["own"], ["#000"]), (["opponent"], ["#fff"]), (EMPTY, [])]
)
def test_what_may_be_on_a_square_is_drawn(states, discs):
    assert fills(drawn({(0, 0): states}), "circle") == discs


def test_what_must_not_be_there_is_crossed_out():
    svg = drawn({(0, 1): NOT_OWN})

    assert fills(svg, "circle") == ["#000"]
    assert [p for p in svg.iter(f"{SVG}path") if p.get("stroke") == "#c22"]


def test_squares_without_a_condition_are_grey_and_those_beyond_the_edge_dark():
    found = fills(drawn({(-1, 0): ["off"], (0, 0): ["own"]}), "path")

    assert found.count("#dcdcdc") == 7
    assert found.count("#4a4a4a") == 1


def test_a_whole_board_has_all_its_squares():
    found = fills(drawn({(7, 7): ["own"]}, window=0, size=8), "path")

    assert found.count("#dcdcdc") == 63


def test_two_cases_stand_side_by_side():
    svg = window_svg([{(0, 0): ["own"]}, {(0, 0): EMPTY}], window=5, title="either")

    assert ET.fromstring(svg).findtext(f"{SVG}text") == "or"
