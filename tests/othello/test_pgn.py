from pathlib import Path

import pytest

from conceptlrp.othello import Corpus
from conceptlrp.othello.files.formats import read_games


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "games.pgn"


def test_tags_tell_who_played_when_and_how_it_ended(path: Path):
    path.write_text(
        '[Event "Open \\"A\\""]\n[Date "2015.05.02"]\n[Black "Able"]\n[White "Baker"]\n'
        '[Result "33-31"]\n\n1. f5 d6 2. c3 d3 3. c4 33-31\n'
    )

    games = read_games(path).games

    known = (games.black, games.white, games.year, games.recorded_score)
    assert [column[0] for column in known] == ["Able", "Baker", 2015, 33]
    assert Corpus.read(path).transcript(4) == "f5d6c3d3"


@pytest.mark.parametrize(
    "moves",
    [
        "1.f5 d6 2.c3",
        '1. f5! {best [Black "x"] (;} d6 $4 ; the end\n2. c3 *',
        "1. F5 (1. d3 c3 (1. e6) c4) 1... D6 2. C3 1-0",
        "1. f5 d6\n2. c3",
    ],
)
def test_comments_variations_and_numbers_are_skipped(moves: str, path: Path):
    path.write_text(f'[Event "x"]\n\n{moves}\n')

    read = read_games(path)

    assert read.problems == ()
    assert read.games.moves[0, :4].tolist() == [37, 43, 18, -1]
    assert read.games.recorded_score.tolist() == [-1]


def test_numbered_moves_over_lines_are_one_game_without_tags(path: Path):
    path = path.with_suffix(".txt")
    path.write_text("1. f5 d6\n2. c3 d3\n")

    assert read_games(path).games.moves[0, :4].tolist() == [37, 43, 18, 19]


@pytest.mark.parametrize(
    ("moves", "reason"),
    [
        ("1. f5 x9", "game 2, line 4, move 2: 'x9' is not a square"),
        ("1. f5 (1. d3 d6", "game 2, line 4: has a variation that is not closed"),
        ("1. f5 f1", "game 2, line 4, move 2: 'f1' is not legal"),
        ("1-0", "game 2, line 4: has no moves"),
    ],
)
def test_a_game_that_cannot_be_read_is_told(moves: str, reason: str, path: Path):
    good = '[Event "x"]\n\n1. f5 d6\n'
    path.write_text(f'{good}[Event "y"]\n\n{moves}\n{good}')

    read = read_games(path)

    assert read.games.index.tolist() == [0, 2]
    assert len(read.problems) == 1
    assert reason in read.problems[0]
