"""The verb report."""

import json
from pathlib import Path

import pytest

from conceptlrp.report import channel_report, layer_report
from tests.atlas.conftest import LAYERS
from tests.command_line import assert_one_line, listing, run, succeed
from tests.report.conftest import UPPER


def test_a_channel_is_printed_as_text(kept_store):
    printed = succeed(
        *("report", kept_store.path, "--layer", "conv1", "--channel", 1, "-n", 2)
    )

    assert printed == channel_report(kept_store, "conv1", 1, count=2).text()


def test_a_channel_is_printed_as_json(full_store):
    printed = succeed(
        *("report", full_store.path, "--layer", "conv1", "--channel", 1),
        *("--target", "value", "--json"),
    )

    expected = channel_report(full_store, "conv1", 1, target="value")
    assert json.loads(printed) == expected.to_dict()


def test_all_channels_of_a_layer_are_printed_one_after_another(bare_store):
    printed = succeed("report", bare_store.path, "--layer", UPPER, "--all")

    texts = [report.text() for report in layer_report(bare_store, UPPER)]
    assert printed == "\n".join(texts)


def test_all_channels_are_printed_as_one_list(bare_store):
    found = json.loads(succeed("report", bare_store.path, "--all", "--json"))

    places = [(each["layer"], each["channel"]) for each in found]
    assert places == [(layer, c) for layer, n in LAYERS.items() for c in range(n)]


def test_a_folder_gets_text_and_json_of_every_channel(full_store, tmp_path):
    out = tmp_path / "reports"

    told = succeed("report", full_store.path, "--all", "--out", out)

    assert told == f"{out}: 10 reports\n"
    index = json.loads((out / "reports.json").read_text())
    assert len(index["reports"]) == 10
    for entry in index["reports"]:
        report = channel_report(
            full_store, layer=entry["layer"], channel=entry["channel"]
        )
        assert (out / f"{entry['file']}.txt").read_text() == report.text()
        found = json.loads((out / f"{entry['file']}.json").read_text())
        assert found == report.to_dict()


def test_notes_are_read_from_a_file(bare_store, tmp_path):
    notes = tmp_path / "notes.yaml"
    notes.write_text("conv1:1: sees corners\n")

    printed = succeed(
        *("report", bare_store.path, "--layer", "conv1", "--channel", 1),
        *("--notes", notes),
    )

    assert "note        sees corners\n" in printed


USAGE = [
    (["--layer", "conv1"], "give one of --channel and --all"),
    (["--layer", "conv1", "--channel", 1, "--all"], "give one of --channel and --all"),
    (["--channel", 1], "--channel needs a --layer"),
    (["--all", "--json", "--out", "x"], "give one of them"),
    (["--all", "--count", 0], "-n"),
    (["--layer", "conv1", "--channel", "one"], "--channel"),
]


@pytest.mark.parametrize(("options", "message"), USAGE)
def test_wrong_usage_is_told_in_one_line(options, message, bare_store):
    assert_one_line(run("report", bare_store.path, *options), 2, message)


WRONG = [
    (["--layer", "conv9", "--channel", 1], "has no layer 'conv9'"),
    (["--layer", "conv9", "--all"], "has no layer 'conv9'"),
    (["--layer", "conv1", "--channel", 6], "no channel 6, expected 0 to 5"),
    (["--layer", "conv1", "--channel", 0, "--target", "a1"], "no target 'a1'"),
    (["--all", "--notes", "nowhere.yaml"], "nowhere.yaml: no such file"),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_what_cannot_be_reported_is_told_in_one_line(options, message, bare_store):
    assert_one_line(run("report", bare_store.path, *options), 1, message)


def test_a_note_that_is_none_is_told_with_file_and_line(bare_store, tmp_path):
    notes = tmp_path / "notes.yaml"
    notes.write_text("conv1:1: a\nconv1:6: b\n")

    result = run("report", bare_store.path, "--all", "--notes", notes)

    assert_one_line(result, 1, "notes.yaml: line 2: no channel 6 of layer 'conv1'")


def test_a_store_that_is_not_there_is_told_in_one_line(tmp_path):
    assert_one_line(run("report", tmp_path / "none.crp", "--all"), 1, "none.crp")


@pytest.mark.parametrize("options", [[], ["--overwrite"]])
def test_a_folder_of_something_else_is_never_replaced(options, bare_store, tmp_path):
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "thesis.tex").write_text("text")
    before = listing(tmp_path)

    result = run("report", bare_store.path, "--all", "--out", out, *options)

    assert_one_line(result, 1, "thesis: ")
    assert listing(tmp_path) == before


def test_reports_are_replaced_when_asked_for(bare_store, tmp_path):
    out = tmp_path / "reports"
    asked = ["report", bare_store.path, "--layer", "conv1", "--out", out]
    succeed(*asked, "--all")

    succeed(*asked, "--channel", 3, "--overwrite")

    assert sorted(path.name for path in out.rglob("c*.txt")) == ["c0003.txt"]


def test_nothing_is_left_when_a_report_fails(bare_store, tmp_path: Path):
    result = run(
        *("report", bare_store.path, "--layer", "conv9", "--all"),
        *("--out", tmp_path / "reports"),
    )

    assert_one_line(result, 1, "conv9")
    assert listing(tmp_path) == {}
