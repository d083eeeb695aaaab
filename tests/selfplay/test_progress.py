import json

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


@pytest.mark.parametrize("name", ["epochs", "minutes", "batch_size", "points"])
def test_an_option_that_must_be_positive_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is 0, expected a number above 0"):
        TrainingOptions(**{name: 0})
