from itertools import pairwise
from pathlib import Path

import pytest

from conceptlrp.errors import FileFormatError
from conceptlrp.report import Note, channel_report, read_notes

LISTED = """
- layer: conv3
  channel: 17
  text: looks for a corner
  author: Ada
  date: 2026-03-01
  evidence: 14 of 16 boards
- {layer: "trunk/<b>3", channel: 0, text: yes}
"""
MAPPED = """
conv3:17:
  text: looks for a corner
  author: Ada
  date: 2026-03-01
  evidence: 14 of 16 boards
"trunk/<b>3:0": yes
"""
EXPECTED = {
    ("conv3", 17): Note("looks for a corner", "Ada", "2026-03-01", "14 of 16 boards"),
    ("trunk/<b>3", 0): Note("yes"),
}


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "notes.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("text", [LISTED, MAPPED])
def test_notes_are_a_list_or_a_mapping_and_stay_text(text, tmp_path):
    assert read_notes(written(tmp_path, text)) == EXPECTED


def test_an_empty_file_has_no_notes(tmp_path):
    assert read_notes(written(tmp_path, "# none yet\n")) == {}


WRONG = [
    ("conv3:17: a\nconv3:18: [a", r"line 2: is no YAML"),
    ("conv3:17: a\nconv3:17: b", r"line 2: a second note on conv3:17"),
    ("conv3:17: a\nconv3: b", r"line 2: 'b?'?3?'?conv3'? .*names no channel"),
    ("conv3:-1: a", r"line 1: 'conv3:-1' names no channel"),
    ("conv3:17: a\nconv3:18:\n  txt: b", r"line 3: unknown field 'txt', expected text"),
    ("conv3:17:\n  author: Ada", r"line 2: the note has no 'text'"),
    ("conv3:17:", r"line 1: the note is nothing, expected text"),
    ("conv3:17: ''", r"line 1: the note has no 'text'"),
    ("- layer: conv3\n  text: a", r"line 1: the note has no 'channel'"),
    ("- layer: conv3\n  channel: one\n  text: a", r"line 1: 'conv3:one' names no"),
    ("- a", r"line 1: found a scalar, expected fields"),
    ("- [a]", r"line 1: found a sequence, expected fields"),
    ("a", r"line 1: found a scalar, expected fields"),
    ("conv3:17:\n  text: [a, b]", r"line 2: 'text' is a sequence, expected text"),
    ("conv3:17:\n  text: a\n  text: b", r"line 3: a second 'text'"),
    ("? [a]\n: b", r"line 1: found a sequence as a name"),
    ("conv3:17: " + "a" * 10_001, r"line 1: the note is 10001 characters long"),
    (b"conv3:17: \xff", r"is no text in UTF-8"),
    ("conv3:17: !!python/object/apply:os.system [a]", r"line 1: "),
    ("conv3:17: *a", r"line 1: is no YAML"),
    ("[" * 800, r"line 1: lists and fields stand more than 8 deep"),
    ("a: b\n---\nc: d", r"line 2: is no YAML"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_what_is_no_note_is_refused_with_file_and_line(text, message, tmp_path):
    path = written(tmp_path, text)

    with pytest.raises(FileFormatError, match=message) as refused:
        read_notes(path)

    assert str(refused.value).startswith(str(path))


@pytest.mark.parametrize("channel", ["conv3:64", "conv9:0"])
def test_a_note_on_a_channel_that_is_not_there_is_refused(channel, tmp_path):
    path = written(tmp_path, f"conv3:63: a\n{channel}: b")

    with pytest.raises(FileFormatError, match=r"line 2: no channel .* conv3 \(64\)"):
        read_notes(path, layers={"conv3": 64})


def test_entries_that_repeat_others_many_times_are_refused(tmp_path):
    lines = [f"{b}: &{b} [*{a}, *{a}]" for a, b in pairwise("abcdefghi")]
    text = "\n".join(["a: &a [x, x]", *lines])

    with pytest.raises(FileFormatError, match="line 1: "):
        read_notes(written(tmp_path, text))


def test_a_note_stands_beside_the_name_and_never_for_it(bare_store):
    note = Note("a corner detector", author="Ada")

    report = channel_report(
        bare_store, layer="conv1", channel=1, notes={("conv1", 1): note}
    )

    assert report.note == note
    assert not report.name.is_named
    assert report.text().startswith("conv1, channel 1: unnamed\n")
    assert "note        a corner detector\n            (Ada)\n" in report.text()
    assert report.to_dict()["note"]["author"] == "Ada"
