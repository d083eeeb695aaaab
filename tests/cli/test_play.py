"""The command line: self-play, matches and strength on tiny data."""

import json
import shlex
import sys
from pathlib import Path

import pytest

from conceptlrp.othello import Corpus
from conceptlrp.selfplay import read_self_play
from tests.command_line import assert_one_line, run, succeed

FAKE = Path(__file__).parents[1] / "selfplay" / "fake_engine.py"
QUICK = ("--opening", 40, "--together", 2, "--count", 3)


@pytest.mark.parametrize("simulations", [0, 3])
def test_a_network_plays_itself(simulations: int, folder: Path, tmp_path: Path) -> None:
    out, transcripts = tmp_path / "games.jsonl", tmp_path / "games.txt"

    text = succeed(
        *("selfplay", folder / "net.safetensors", "--out", out, *QUICK),
        *("--simulations", simulations, "--transcripts", transcripts),
    )

    played = read_self_play(out)
    assert text.startswith(f"{out}: 3 games, ")
    assert set(played.visits.sum(axis=1).tolist()) == {0, simulations}
    assert Corpus.read(transcripts).games.moves.tolist() == played.games.moves.tolist()


def test_players_meet(folder: Path) -> None:
    text = succeed(
        *("arena", f"{folder / 'net.safetensors'}@2", "mobility", "--count", 4),
        *("--opening", 40),
    )

    assert text.startswith("net.safetensors@2 - mobility: ")
    assert "in 4 games" in text


def test_a_broken_engine_is_one_line() -> None:
    engine = shlex.join(["gtp:" + sys.executable, str(FAKE), "die", "2"])

    result = run("arena", engine, "random", "--count", 2)

    assert_one_line(result, 1, r"'genmove \w+': ended \(exit code 3\)")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("arena", "random", "greedy", "-n", 3), "--count is 3, expected an even"),
        (("arena", "random", "nobody"), "nobody"),
        (("arena", "random", "gtp:no-such-program"), "cannot be started"),
        (("strength", "demo", "--out", "x.json", "--simulations", "a"), "numbers"),
    ],
)
def test_wrong_usage_is_one_line(options: tuple[object, ...], message: str) -> None:
    result = run(*options)

    assert result.code in (1, 2)
    assert_one_line(result, result.code, message)


def test_what_is_found_can_be_read_by_programs(folder: Path, tmp_path: Path) -> None:
    network = folder / "net.safetensors"
    out = ("--out", tmp_path / "games.jsonl", "--simulations", 0, "--json")
    card = ("--out", tmp_path / "card.json", "--match-games", 2, "--endgames", 1)

    played = json.loads(succeed("selfplay", network, *QUICK, *out))
    result = json.loads(succeed("arena", "random", "greedy", "-n", 2, "--json"))
    strength = json.loads(
        succeed("strength", network, "--simulations", 1, *card, "--json")
    )

    assert played["games"] == 3
    assert result["wins"] + result["draws"] + result["losses"] == 2
    assert strength == json.loads((tmp_path / "card.json").read_text())


def test_a_strength_card_is_written_and_shown(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "card.json"

    text = succeed(
        *("strength", folder / "net.safetensors", "--out", out),
        *("--games", folder / "games.txt", "--simulations", 1, "--match-games", 2),
        *("--endgames", 2, "--empties", 8),
    )

    rows = json.loads(out.read_text())["rows"]
    assert len(rows) == 10
    assert all(name.split()[0] in text for name in rows)
    assert json.loads(out.read_text())["about"]["options"]["most_empties"] == 8
    assert "best moves" in text
