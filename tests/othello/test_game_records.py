from pathlib import Path

import numpy as np
import pytest

from conceptlrp.errors import GameFileError
from conceptlrp.othello import Corpus, Games, square_name
from conceptlrp.othello.files.formats import read_ggf, read_logistello
from conceptlrp.othello.games import replay
from conceptlrp.selfplay import RandomPlayer
from conceptlrp.selfplay.arena import play_games

START = "8 -------- -------- -------- ---O*--- ---*O--- -------- -------- -------- *"
RANDOM = "8 -------- -------- --*O---- ---O*--- ---*O--- -------- -------- -------- *"


@pytest.fixture(scope="module")
def games() -> Games:
    """Games of which some have passes."""
    return play_games(RandomPlayer(), RandomPlayer(), count=30, seed=0)


def ggf(games: Games, row: int, *, start: str = START, result: str = "") -> str:
    """Write a game as a game server does, with passes, values and times."""
    found = replay(games.moves[row : row + 1])
    text, expected = "", 0
    for mover, move in zip(found.mover.tolist(), found.played.tolist(), strict=True):
        if mover != expected:
            text += f"{'BW'[expected]}[PA]"
        text += f"{'BW'[mover]}[{square_name(move).upper()}/1.25/0.5]"
        expected = 1 - mover
    margin = 2 * int(games.score[row]) - 64
    result = result or f"{margin:+d}.000"
    return (
        f"(;GM[Othello]PC[GGS/os]DT[2003.05.17_18:59:13.MDT]PB[anna]PW[bert]"
        f"RE[{result}]TI[15:00]TY[8]BO[{start}]{text};)"
    )


def test_games_of_a_server_are_read(games: Games, tmp_path: Path) -> None:
    path = tmp_path / "games.ggf"
    path.write_text("".join(f"1 {ggf(games, row)}\n" for row in range(30)))

    read = read_ggf(path)

    assert read.problems == ()
    np.testing.assert_array_equal(read.games.moves, games.moves)
    np.testing.assert_array_equal(read.games.recorded_score, games.score)
    assert (read.games.black[0], read.games.white[0]) == ("anna", "bert")
    assert set(read.games.year.tolist()) == {2003}
    assert "[PA]" in path.read_text()


def test_two_games_of_a_line_are_both_read(games: Games, tmp_path: Path) -> None:
    path = tmp_path / "games.ggf"
    path.write_text(f"2 {ggf(games, 0)}{ggf(games, 1)}\n")

    assert Corpus.read(path).games.moves.tolist() == games.moves[:2].tolist()


@pytest.mark.parametrize("result", ["+64.000:t", "-2.00:r", "?", "+99.000"])
def test_a_game_that_was_not_played_out_has_no_score(
    result: str, games: Games, tmp_path: Path
) -> None:
    path = tmp_path / "games.ggf"
    path.write_text(ggf(games, 0, result=result))

    assert read_ggf(path).games.recorded_score.tolist() == [-1]


def test_a_game_from_another_start_is_left_out(games: Games, tmp_path: Path) -> None:
    path = tmp_path / "games.ggf"
    path.write_text(ggf(games, 0, start=RANDOM) + ggf(games, 1))

    read = read_ggf(path)

    assert len(read.games) == 1
    assert read.problems == (
        "games.ggf: game 1: does not begin from the start; the game is left out",
    )


def test_a_larger_board_and_an_illegal_move_are_told(
    games: Games, tmp_path: Path
) -> None:
    path = tmp_path / "games.ggf"
    large = "(;GM[Othello]TY[10]BO[10 ---- *]B[a1];)"
    illegal = f"(;GM[Othello]TY[8]BO[{START}]B[a1];)"
    path.write_text(f"{large}\n{illegal}\n{ggf(games, 0)}")

    read = read_ggf(path)

    assert len(read.games) == 1
    assert "game 1: has board size '10', expected 8" in read.problems[0]
    assert "game 2, move 1: 'a1' is not legal" in read.problems[1]


def test_what_is_no_ggf_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "games.ggf"
    path.write_text("f5d6c3")
    with pytest.raises(GameFileError, match="has no game in GGF"):
        read_ggf(path)

    path.write_text(f"(;GM[Othello]BO[{START}]B[z9];)")
    with pytest.raises(GameFileError, match="game 1, move 1: 'z9' is not a square"):
        read_ggf(path)


def test_a_game_book_of_logistello_is_read(games: Games, tmp_path: Path) -> None:
    path = tmp_path / "logbook.gam"
    lines = []
    for row in range(len(games)):
        found = replay(games.moves[row : row + 1])
        signs = ["+-"[mover] for mover in found.mover]
        moves = [square_name(int(move)) for move in found.played]
        text = "".join(s + m for s, m in zip(signs, moves, strict=True))
        lines.append(f"{text}: {2 * int(games.score[row]) - 64:+03d} 01\n")
    path.write_text("".join(lines))

    read = read_logistello(path)

    np.testing.assert_array_equal(read.games.moves, games.moves)
    assert Corpus.read(path).games.score.tolist() == games.score.tolist()


def test_another_line_in_a_game_book_is_told(tmp_path: Path) -> None:
    path = tmp_path / "logbook.gam"
    path.write_text("+d3-c3: +04 01\n\nf5d6c3\n")

    with pytest.raises(GameFileError, match=r"line 3: is no game of Logistello's"):
        read_logistello(path)
