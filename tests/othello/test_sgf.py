from pathlib import Path

import pytest

from conceptlrp.othello import WHITE, Corpus
from conceptlrp.othello.files.formats import read_games


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "games.sgf"


def test_the_main_line_is_read_from_nested_variations(path: Path):
    path.write_text(
        "(;GM[2]FF[4]SZ[8]AB[e4][d5]AW[d4][e5]PL[B]PB[A\\]b]PW[Bo (;];B[f5];W[d6]"
        "(;B[c3](;W[d3])(;W[f6];B[a1]))(;B[zz]))\n(;GM[2];B[ef];W[fd])"
    )

    games = read_games(path).games

    assert Corpus.read(path).transcript(4) == ""
    assert [Corpus.read(path).transcript(n) for n in (3, 5)] == ["f5d6c3", "e6"]
    assert (games.black[0], games.white[0]) == ("A]b", "Bo (;")
    assert games.standard.all()


@pytest.mark.parametrize(
    "points", ["AB[d5][e4]", "AB[dd:ee]AW[d4][e5]AE[h8]", "AB[de][ed]"]
)
def test_the_usual_start_may_be_set_up_in_every_notation(points: str, path: Path):
    white = "AW[d4][e5]" if "AW" not in points else ""
    path.write_text(f"(;GM[2]{points}{white};B[f5])")

    assert read_games(path).games.standard.tolist() == [True]


def test_a_game_begins_from_its_own_setup(path: Path):
    path.write_text("(;GM[2]AB[c3][c4][c5]AW[d4]PL[W];W[b4];B[a3])(;GM[2];W[e3])")

    corpus = Corpus.read(path)

    assert corpus.mover.tolist() == [WHITE, 0, WHITE]
    assert corpus.position(0).obf().startswith("------------------X-------XO------X---")
    assert corpus.games.standard.tolist() == [False, False]


@pytest.mark.parametrize(
    ("game", "reason"),
    [
        ("(;GM[2]SZ[10];B[f5])", "has board size '10', expected 8"),
        ("(;GM[2];B[f5];AB[a1];W[d6])", "has discs set up during the game"),
        ("(;GM[2];B[f5];W[k1])", "move 2: 'k1' is not a square"),
        ("(;GM[2]PB[x])", "has no moves"),
        ("(;GM[1];B[aa])", "is of game '1', not of Othello (2)"),
        ("(;GM[2];B[f5];B[f4])", "move 2 is not of the side to move"),
    ],
)
def test_a_game_that_cannot_be_read_is_told(game: str, reason: str, path: Path):
    path.write_text(f"(;GM[2];B[f5];W[d6])\n{game}\n(;GM[2];B[f5])")

    read = read_games(path)

    assert read.games.index.tolist() == [0, 2]
    assert len(read.problems) == 1
    assert "game 2" in read.problems[0]
    assert reason in read.problems[0]
