"""Progress where stderr is no terminal."""

import pytest

from conceptlrp import progress


def test_a_stage_has_at_most_one_line_in_ten_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr("conceptlrp.progress.time.monotonic", lambda: now)

    with progress.progress_bars() as report:
        for done in range(300):
            now = 100.0 + done / 10
            report("shards", done, 300)
            report("pages", done, 4000)

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "shards: 100 of 300 in 10 s",
        "pages: 100 of 4,000 in 10 s",
        "shards: 200 of 300 in 20 s",
        "pages: 200 of 4,000 in 20 s",
    ]


def test_short_work_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress_bars() as report:
        report("shards", 1, 1)

    assert capsys.readouterr().err == ""
