"""Progress where stderr is no terminal."""

import re
from importlib import import_module
from inspect import getsource

import pytest

from conceptlrp import progress

#: Verbs whose work grows with positions, channels or games, by where they stand.
LONG = {
    "channels": [
        *("ablate", "circuit", "cluster", "compare", "edits", "evaluate", "graph"),
        *("interchange", "label", "report", "truth"),
    ],
    "games": ["arena", "selfplay", "strength", "train"],
    "outputs": ["atlas", "demo", "export"],
    "stores": ["attribute", "info"],
}


@pytest.mark.parametrize(
    "module", [f"{room}.{verb}" for room in LONG for verb in LONG[room]]
)
def test_long_verbs_show_their_progress(module: str) -> None:
    said = getsource(import_module(f"conceptlrp.cli.{module}"))

    # The other shows it for those that add a result to a store.
    assert re.search(r"(progress_bars|run_bars|store_result)\(", said)


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
        "shards: 100 of 300 in 10 s, 20 s left",
        "pages: 100 of 4,000 in 10 s, 6 min 30 s left",
        "shards: 200 of 300 in 20 s, 10 s left",
        "pages: 200 of 4,000 in 20 s, 6 min 20 s left",
    ]


def test_what_was_done_before_does_not_shorten_the_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr("conceptlrp.progress.time.monotonic", lambda: now)

    with progress.progress_bars() as report:
        now = 50.0
        report("shards", 900, 1000)
        now = 70.0
        report("shards", 910, 1000)

    assert capsys.readouterr().err.splitlines() == [
        "shards: 900 of 1,000 in 50 s",
        "shards: 910 of 1,000 in 1 min 10 s, 3 min 0 s left",
    ]


def test_short_work_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress_bars() as report:
        report("shards", 1, 1)

    assert capsys.readouterr().err == ""
