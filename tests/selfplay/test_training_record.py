import json
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from conceptlrp.selfplay import TrainingOptions, TrainingRecord
from conceptlrp.selfplay.training_record import TrainingPoint, curve_svg
from conceptlrp.selfplay.training_set import Validation

VALIDATION = Validation(
    positions=9,
    top1=0.5,
    top3=0.75,
    illegal=0.125,
    value_sign=0.625,
    policy_loss=2.0,
    value_loss=0.5,
)


@pytest.fixture
def record() -> TrainingRecord:
    curve = tuple(
        TrainingPoint(
            steps=n,
            samples=512 * n,
            seconds=1.5 * n,
            learning_rate=1e-3,
            policy_loss=3.0,
            value_loss=1.0,
            validation=VALIDATION,
        )
        for n in (1, 2)
    )
    return TrainingRecord(TrainingOptions(), 5000, curve)


def test_the_curve_is_a_table_with_a_row_for_each_point(
    record: TrainingRecord,
) -> None:
    table = record.frame()

    assert table.columns[:2].tolist() == ["steps", "samples"]
    assert table.columns[-1] == "held_out_value_loss"
    assert table.loc[1, ["samples", "held_out_top3"]].tolist() == [1024, 0.75]
    assert "held_out_top1" in record._repr_html_()


def test_a_curve_without_validation_has_no_held_out_columns() -> None:
    point = TrainingPoint(1, 512, 1.5, 1e-3, 3.0, 1.0, None)

    table = TrainingRecord(TrainingOptions(), 5000, (point,)).frame()

    assert [name for name in table.columns if name.startswith("held_out")] == []


def test_the_summary_is_json_and_about_the_end(record: TrainingRecord) -> None:
    read = json.loads(json.dumps(record.to_dict()))

    assert read["samples"] == record.samples == 1024
    assert read["held_out"]["top1"] == 0.5
    assert read["options"]["batch_size"] == 256
    assert [row["steps"] for row in read["curve"]] == [1, 2]


def test_the_held_out_loss_leaves_out_a_value_that_nothing_tells(
    record: TrainingRecord,
) -> None:
    point = record.curve[0]
    silent = replace(VALIDATION, value_loss=float("nan"))

    assert point.held_out_loss == 2.5
    assert replace(point, validation=silent).held_out_loss == 2.0
    assert replace(point, validation=None).held_out_loss is None


def test_the_record_is_json_for_strict_readers_too(record: TrainingRecord) -> None:
    silent = replace(VALIDATION, value_sign=float("nan"))
    point = replace(record.curve[0], validation=silent)

    said = TrainingRecord(TrainingOptions(), 5000, (point,)).to_dict()

    read = json.loads(json.dumps(said, allow_nan=False))
    assert read["held_out"]["value_sign"] is None
    assert read["curve"][0]["held_out_value_sign"] is None


def test_the_samples_are_those_until_the_weights_were_kept(
    record: TrainingRecord,
) -> None:
    assert replace(record, kept=1).samples == 256


def test_snapshots_lie_between_start_and_end() -> None:
    marks = TrainingOptions(snapshots=5).snapshot_marks

    assert len(set(marks)) == 5
    assert list(marks) == sorted(marks)
    assert 0 < marks[0] < marks[-1] < 1


WRONG = {
    "snapshots": (-1, "snapshots is -1, expected 0 or more"),
    "learning_rate": (float("nan"), "learning_rate is nan, expected a number above 0"),
    "seed": (-1, "seed is -1, expected 0 or more"),
    "patience": (0, "patience is 0, expected a number above 0"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_option_that_makes_no_sense_is_refused(name: str) -> None:
    value, message = WRONG[name]

    with pytest.raises(ValueError, match=message):
        TrainingOptions(**{name: value})


@pytest.mark.parametrize("name", ["epochs", "batch_size", "points"])
def test_an_option_that_must_be_positive_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is 0, expected a number above 0"):
        TrainingOptions(**{name: 0})


def points(n: int, validation: Validation | None) -> list[dict[str, float]]:
    return [
        TrainingPoint(
            steps=i + 1,
            samples=100 * (i + 1),
            seconds=1.0,
            learning_rate=1e-3,
            policy_loss=4.0 / (i + 1),
            value_loss=1.0,
            validation=validation,
        ).row()
        for i in range(n)
    ]


@pytest.fixture
def validation() -> Validation:
    nan = float("nan")
    return Validation(9, 0.5, 0.75, 0.125, nan, 2.0, nan)


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


def test_held_out_figures_get_lines_of_their_own(validation: Validation) -> None:
    with_test = elements(curve_svg(points(3, validation)), "polyline")
    without = elements(curve_svg(points(3, None)), "polyline")

    kinds = [line.attrib["class"] for line in with_test]
    assert kinds == ["training", "held-out"] * 2 + ["held-out", "top3"]
    assert len(without) == 2


def test_what_is_not_known_is_not_drawn(validation: Validation) -> None:
    lines = elements(curve_svg(points(3, validation)), "polyline")

    assert "nan" not in curve_svg(points(3, validation))
    assert lines[3].attrib["points"] == ""


def test_one_point_can_be_seen() -> None:
    line = elements(curve_svg(points(1, None)), "polyline")[0]

    assert len(line.attrib["points"].split()) == 2
