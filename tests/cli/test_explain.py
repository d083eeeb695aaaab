"""The verb explain."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from conceptlrp.lrp import Explainer
from conceptlrp.networks import load_network
from conceptlrp.othello import Position
from conceptlrp.report import position_report
from tests.command_line import assert_one_line, run, succeed

GAME = "f5d6c3d3c4"


def test_a_move_is_explained_by_squares_and_channels(folder: Path) -> None:
    text = succeed("explain", folder / "net.safetensors", GAME, "--move", "f4")

    assert text.startswith("  a b c d e f g h\n")
    assert "explained: f4, " in text
    assert "policy: " in text
    for layer in ("conv1", "conv4"):
        assert f"\n{layer} " in text


def test_the_best_move_is_explained_where_none_is_named(folder: Path) -> None:
    network = folder / "net.safetensors"

    found = json.loads(succeed("explain", network, GAME, "--json", "-n", 2))

    explainer = Explainer(load_network(network))
    report = position_report(explainer, Position.from_transcript(GAME), count=2)
    assert found["move"]["target"] == report.best.move
    assert len(found["move"]["layers"]["conv1"]["top"]) <= 2
    assert found["policy"][0]["move"] == report.best.move


def test_the_value_and_a_contrast_are_explained(folder: Path) -> None:
    ask = ("explain", folder / "net.safetensors", GAME)

    assert "explained: value, " in succeed(*ask, "--value")
    assert "explained: f4-b3, " in succeed(*ask, "--move", "f4", "--against", "b3")


def test_a_position_is_given_as_moves_or_as_a_line(folder: Path) -> None:
    line = Position.from_transcript(GAME).obf()
    assert line.startswith("-")

    one, other = (
        json.loads(succeed("explain", folder / "net.safetensors", text, "--json"))
        for text in (GAME, line)
    )

    assert one["position"]["obf"] == other["position"]["obf"] == line
    assert one["policy"] == other["policy"]


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ((GAME, "--move", "a1"), 1, "'a1' is not legal"),
        ((GAME, "--move", "f4", "--against", "f4"), 1, "contrasted with itself"),
        ((GAME, "--move", "f4", "--value"), 2, "give one of --move and --value"),
        ((GAME, "--layer", "conv9"), 1, "no layer 'conv9'"),
        ((GAME, "--composite", "beauty"), 1, "unknown composite 'beauty'"),
        (("f5x9",), 1, "x9"),
    ],
)
def test_what_cannot_be_explained_is_one_line(
    options: tuple[str, ...], code: int, message: str, folder: Path
) -> None:
    result = run("explain", folder / "net.safetensors", *options)

    assert_one_line(result, code, message)


def test_games_of_another_size_are_refused_with_a_hint(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run.crp"

    result = run("attribute", folder / "six.safetensors", "demo", "--out", out)

    message = "'demo' is of 8 x 8, the network plays on 6 x 6; give it games"
    assert_one_line(result, 1, message)


def test_the_board_is_written_as_a_picture_that_replaces_its_own_only(
    folder: Path, tmp_path: Path
) -> None:
    out, line = tmp_path / "x.svg", ("explain", folder / "net.safetensors", "f5d6c3d3")

    succeed(*line, "--move", "c4", "--out", out)

    picture = out.read_text()
    root = ET.fromstring(picture)
    assert root.get("aria-label").startswith("c4: logit ")
    assert len(root.findall(".//{http://www.w3.org/2000/svg}path")) > 5
    assert "already exists" in run(*line, "--out", out).err
    assert out.read_text() == picture
    succeed(*line, "--value", "--out", out, "--overwrite")
    assert out.read_text() != picture
    out.write_text("<svg>mine</svg>")
    assert "not a file that conceptlrp" in run(*line, "--out", out, "--overwrite").err
    assert out.read_text() == "<svg>mine</svg>"
    refused = run(*line, "--out", tmp_path / "x.png")
    assert "expected one of .svg" in refused.err
    assert not (tmp_path / "x.png").exists()
