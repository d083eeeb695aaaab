"""The verb query, and the conditions that it shares with top."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conceptlrp.othello import square_name
from conceptlrp.store import Store, Where, open_store
from tests.command_line import assert_one_line, run, succeed


@pytest.fixture(scope="module")
def store(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    path = tmp_path_factory.mktemp("query") / "run.crp"
    store = open_store(shutil.copytree(folder / "run.crp", path))
    rows = np.arange(len(store))
    store.columns.add({"even": rows % 2 == 0, "third": rows % 3})
    return store


def asked(store: Store, *arguments: object) -> Any:
    return json.loads(succeed("query", store.path, *arguments, "--json"))


CONDITIONS = [
    (["--ply", "10:30"], Where(ply=(10, 30))),
    (["--ply", "20:"], Where(ply=(20, None))),
    (["--phase", "endgame"], Where(phase="endgame")),
    (["--mover", "white"], Where(mover="white")),
    (["--player", "Black 1"], Where(player="Black 1")),
    (["--year", ":1991"], Where(year=(None, 1991))),
    (["--tournament", "", "--outcome", "win"], Where(tournament="", outcome="win")),
    (
        ["--label", "even", "--label", "third=0:1"],
        Where(labels={"even": 1, "third": (0, 1)}),
    ),
    (["--label", "even=false"], Where(labels={"even": False})),
]


@pytest.mark.parametrize(("options", "where"), CONDITIONS)
def test_positions_that_meet_conditions_are_listed(
    options: list[str], where: Where, store: Store
) -> None:
    found = asked(store, "--layer", "conv4", "--channel", 1, "-n", 5, *options)

    best = store.top("conv4", 1, 5, where=where)
    rows = found["layers"]["conv4"]
    assert [row["row"] for row in rows] == best.rows.tolist()
    assert [row["score"] for row in rows] == pytest.approx(best.scores.tolist())


@pytest.mark.parametrize(("options", "where"), CONDITIONS[:3])
def test_boards_that_meet_conditions_are_shown(
    options: list[str], where: Where, store: Store
) -> None:
    text = succeed(
        *("top", store.path, "--layer", "conv4", "--channel", 1, "--json", *options)
    )

    best = store.top("conv4", 1, 8, where=where)
    found = [board["row"] for board in json.loads(text)["boards"]]
    assert found == best.rows[best.scores > 0].tolist()


def test_the_played_move_is_a_condition(store: Store) -> None:
    move = str(store.columns.frame(["played"])["played"].iloc[3])

    found = asked(store, "--layer", "conv1", "--channel", 0, "--move", move)

    assert {row["played"] for row in found["layers"]["conv1"]} == {move}


def test_the_channels_of_a_position_are_ranked(store: Store) -> None:
    found = asked(store, "--position", 4, "--target", "value", "-n", 3)

    assert list(found["layers"]) == ["conv1", "conv4"]
    frame = store.channels_frame("conv4", 4, target="value")
    ranked = [row["channel"] for row in found["layers"]["conv4"]]
    assert ranked == frame.index[:3].tolist()


def test_a_peak_is_told_by_its_square(store: Store) -> None:
    found = asked(store, "--position", 4)["layers"]

    for layer, edge in (("conv1", 0), ("conv4", 2)):
        width = 8 - 2 * edge
        peaks = store.arrays.peak_square(layer, rows=[4])[0].tolist()
        for row in found[layer]:
            y, x = divmod(peaks[row["channel"]], width)
            assert row["peak_square"] == square_name(8 * (y + edge) + x + edge)
    assert "peak at" in succeed("query", store.path, "--position", 4)


def test_the_like_of_a_position_is_found(store: Store) -> None:
    found = asked(store, "--near", 4, "--layer", "conv1", "--metric", "l2", "-n", 3)

    best = store.nearest("conv1", 4, 3, metric="l2", by="share")
    assert [row["row"] for row in found["layers"]["conv1"]] == best.rows.tolist()


@pytest.mark.parametrize(
    "question", [["--channel", 1], ["--position", 2], ["--near", 2]]
)
def test_answers_are_tables(question: list[object], store: Store) -> None:
    text = succeed("query", store.path, "--layer", "conv4", *question)

    assert text.startswith("conv4")
    assert "──" in text


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ([], 2, "give one of --channel, --position and --near"),
        (["--channel", 1, "--near", 2], 2, "give one of --channel"),
        (["--channel", 1], 2, "--channel needs a --layer"),
        (["--near", 1], 2, "--near needs a --layer"),
        (["--position", 1, "--ply", "3"], 2, "takes no conditions"),
        (["--position", 500], 1, "has no row 500, expected 0 to"),
        (["--near", -1, "--layer", "conv1"], 1, "has no row -1"),
        (["--channel", 99, "--layer", "conv1"], 1, "has no channel 99"),
        (["--channel", 0, "--layer", "conv9"], 1, "no layer 'conv9'"),
        (["--position", 0, "--by", "size"], 2, "--by is 'size', expected one of"),
        (["--near", 0, "--layer", "conv1", "--by", "peak"], 2, "--by is 'peak'"),
        (["--near", 0, "--layer", "conv1", "--metric", "l1"], 2, "--metric is 'l1'"),
    ],
)
def test_a_question_that_has_no_answer_is_refused(
    options: list[object], code: int, message: str, store: Store
) -> None:
    assert_one_line(run("query", store.path, *options), code, message)


@pytest.mark.parametrize("verb", ["query", "top"])
@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--ply", "early"], 2, "--ply is 'early', expected a number or A:B"),
        (["--year", ":"], 2, "--year is ':', expected a number or A:B"),
        (["--label", "third=1.2.3"], 2, "--label is '1.2.3'"),
        (["--phase", "late"], 2, "--phase is 'late', expected one of opening"),
        (["--mover", "red"], 2, "--mover is 'red'"),
        (["--outcome", "won"], 2, "--outcome is 'won'"),
        (["--move", "x9"], 1, "x9"),
        (["--label", "corner"], 1, "no label 'corner', expected one of: even, third"),
    ],
)
def test_a_condition_that_is_none_is_refused(
    verb: str, options: list[object], code: int, message: str, store: Store
) -> None:
    arguments = (verb, store.path, "--layer", "conv1", "--channel", 0, *options)

    assert_one_line(run(*arguments), code, message)


def test_a_note_names_the_channel_as_the_verb_top_does(store: Store) -> None:
    asks = (store.path, "--layer", "conv4", "--channel", 1, "--year", "2990:")

    for verb in ("query", "top"):
        assert "conv4:1: no position meets the conditions" in succeed(verb, *asks)
