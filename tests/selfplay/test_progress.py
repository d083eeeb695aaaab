import json
from dataclasses import replace

import pytest

from conceptlrp.selfplay import Evaluation, Progress, TrainingOptions, TrainingRecord

EVALUATION = Evaluation(
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
        Progress(
            steps=n,
            samples=512 * n,
            seconds=1.5 * n,
            learning_rate=1e-3,
            policy_loss=3.0,
            value_loss=1.0,
            evaluation=EVALUATION,
        )
        for n in (1, 2)
    )
    return TrainingRecord(TrainingOptions(), 5000, curve)


def test_the_csv_has_a_line_of_names_and_one_for_each_point(
    record: TrainingRecord,
) -> None:
    lines = record.csv().splitlines()

    assert lines[0].startswith("steps,samples,seconds,learning_rate,policy_loss")
    assert lines[0].endswith("held_out_policy_loss,held_out_value_loss")
    assert lines[2] == "2,1024,3,0.001,3,1,9,0.5,0.75,0.125,0.625,2,0.5"


def test_a_curve_without_evaluation_has_no_held_out_columns() -> None:
    point = Progress(1, 512, 1.5, 1e-3, 3.0, 1.0, None)

    text = TrainingRecord(TrainingOptions(), 5000, (point,)).csv()

    assert text.splitlines()[1] == "1,512,1.5,0.001,3,1"


def test_the_summary_is_json_and_about_the_end(record: TrainingRecord) -> None:
    read = json.loads(record.json())

    assert read["samples"] == record.samples == 1024
    assert read["held_out"]["top1"] == 0.5
    assert read["options"]["batch_size"] == 256
    assert [row["steps"] for row in read["curve"]] == [1, 2]


def test_a_point_comes_back_from_its_row(record: TrainingRecord) -> None:
    bare = Progress(1, 512, 1.5, 1e-3, 3.0, 1.0, None)

    for point in (*record.curve, bare):
        assert Progress.from_row(json.loads(json.dumps(point.row()))) == point


def test_the_held_out_loss_leaves_out_a_value_that_nothing_tells(
    record: TrainingRecord,
) -> None:
    point = record.curve[0]
    silent = replace(EVALUATION, value_loss=float("nan"))

    assert point.held_out_loss == 2.5
    assert replace(point, evaluation=silent).held_out_loss == 2.0
    assert replace(point, evaluation=None).held_out_loss is None


def test_the_record_is_json_for_strict_readers_too(record: TrainingRecord) -> None:
    silent = replace(EVALUATION, value_sign=float("nan"))
    point = replace(record.curve[0], evaluation=silent)

    def refuse(word: str) -> None:
        raise AssertionError(word)

    text = TrainingRecord(TrainingOptions(), 5000, (point,)).json()

    read = json.loads(text, parse_constant=refuse)
    assert read["held_out"]["value_sign"] is None
    assert read["curve"][0]["held_out_value_sign"] is None


def test_the_samples_are_those_until_the_weights_were_kept(
    record: TrainingRecord,
) -> None:
    assert replace(record, kept=1).samples == 256


@pytest.mark.parametrize("spacing", ["log", "even"])
def test_snapshots_lie_between_start_and_end(spacing: str) -> None:
    marks = TrainingOptions(snapshots=5, spacing=spacing).snapshot_marks

    assert len(set(marks)) == 5
    assert list(marks) == sorted(marks)
    assert 0 < marks[0] < marks[-1] < 1


WRONG = {
    "snapshots": (-1, "snapshots is -1, expected 0 or more"),
    "label_smoothing": (1.5, "label_smoothing is 1.5, expected at most 1"),
    "spacing": ("odd", "spacing is 'odd', expected log or even"),
    "learning_rate": (float("nan"), "learning_rate is nan, expected a number above 0"),
    "seed": (-1, "seed is -1, expected 0 or more"),
    "patience": (0, "patience is 0, expected a number above 0"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_option_that_makes_no_sense_is_refused(name: str) -> None:
    value, message = WRONG[name]

    with pytest.raises(ValueError, match=message):
        TrainingOptions(**{name: value})


@pytest.mark.parametrize("name", ["epochs", "minutes", "batch_size", "points"])
def test_an_option_that_must_be_positive_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is 0, expected a number above 0"):
        TrainingOptions(**{name: 0})
