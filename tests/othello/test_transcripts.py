from pathlib import Path

import numpy as np
import pytest

from conceptlrp.errors import GameFileError, OutputExistsError
from conceptlrp.othello import Corpus, Games, write_transcripts
from conceptlrp.othello.files.formats import read_games
from conceptlrp.othello.files.transcripts import transcripts_text


def test_another_line_in_a_game_book_is_told(tmp_path: Path) -> None:
    path = tmp_path / "logbook.gam"
    path.write_text("+d3-c3: +04 01\n\nf5d6c3\n")

    read = read_games(path)

    assert len(read.games) == 1
    assert "line 3: is no game of Logistello's" in read.problems[0]
    assert read.problems[0].endswith("the line is left out")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "games.txt"


def refusal(path: Path, **options) -> str:
    with pytest.raises(GameFileError) as refused:
        read_games(path, **options)
    message = str(refused.value)
    assert "\n" not in message
    assert path.name in message
    return message


@pytest.mark.parametrize("size", [8, 6])
def test_games_are_read_back(request, path: Path, size):
    games: Games = request.getfixturevalue(
        "playouts" if size == 8 else "small_playouts"
    )

    write_transcripts(games, path)
    found = read_games(path, size=size)

    assert found.problems == ()
    for name in ("moves", "black", "white", "year", "score", "finished"):
        assert (getattr(found.games, name) == getattr(games, name)).all()
    assert (found.games.source == "games.txt").all()
    assert transcripts_text(found.games) == path.read_text()


def test_names_that_look_like_comments_are_read_back(path: Path):
    games = Games.from_moves([[37]], black="#123", white="a\tb\nc")

    write_transcripts(games, path)
    found = read_games(path).games

    assert (found.black[0], found.white[0]) == ("#123", "a b c")


def test_bare_transcripts_comments_and_blank_lines_are_read(path: Path):
    path.write_bytes(b"\xef\xbb\xbf# my games\r\n\r\nF5 D6 C3\r\n\r\n1. f5 2. f6\r\n")

    games = read_games(path).games

    assert (games.moves[:, :3] == [[37, 43, 18], [37, 45, -1]]).all()
    assert games.year.tolist() == [0, 0]
    assert games.index.tolist() == [0, 1]


def test_numbers_signs_and_remarks_around_the_moves_are_skipped(path: Path):
    lines = [
        *("1) f5d6c3", "2: f5d6c3", "3 f5d6c3", "Game #4: f5 d6 c3", "f5-d6-c3"),
        *("f5 - d6 - c3", "['f5', 'd6', 'c3']", "f5d6c3: +02", "f5d6c3 33-31 # good"),
    ]
    path.write_text("\n".join(lines))

    games = read_games(path).games

    assert games.moves[:, :4].tolist() == [[37, 43, 18, -1]] * 9
    assert games.recorded_score.tolist() == [-1] * 7 + [33, 33]


def test_written_passes_are_dropped(path: Path, playouts: Games):
    corpus = Corpus.from_games(playouts)
    row = np.flatnonzero((np.diff(corpus.mover) == 0) & (np.diff(corpus.game) == 0))[0]
    before = corpus.transcript(row + 1)
    path.write_text(f"{before}pa\n{before}\n")

    games = read_games(path).games

    assert len(games) == 2
    assert (games.moves[0] == games.moves[1]).all()


def test_an_unknown_square_is_told_with_its_line_and_column(path: Path):
    path.write_text("f5d6\nf5 d6 c9\n")

    (problem,) = read_games(path).problems

    assert "games.txt: line 2, column 7: 'c9' is not a square" in problem


def test_columns_count_from_the_beginning_of_the_line(path: Path):
    path.write_text("# x\nAnn\tBob\t1999\tf5z6\n")

    assert "line 2, column 16: 'z6'" in refusal(path)


def test_a_square_beyond_the_small_board_is_refused(path: Path):
    path.write_text("g1\n")

    assert "(a1 to f6, or pa for a pass)" in refusal(path, size=6)


def test_an_illegal_game_is_left_out_and_reported(path: Path):
    path.write_text("f5d6\n# a comment\nf5d6a1\nd3\n")

    found = read_games(path)

    assert found.problems == (
        "games.txt: line 3, move 3: 'a1' is not legal; the line is left out",
    )
    assert found.games.index.tolist() == [0, 2]


def test_moves_after_the_end_of_a_game_are_reported(path: Path, playouts: Games):
    line = transcripts_text(playouts.take([0])).split("\t")[-1].strip()
    path.write_text(f"{line}{'a1' * 20}\n{line}\n")

    found = read_games(path)

    assert len(found.games) == 1
    assert found.games.finished.all()
    assert "line 1, move" in found.problems[0]


def test_another_number_of_columns_is_told(path: Path):
    path.write_text("f5\nAnn\tf5d6\n")

    assert "line 2: 2 columns, expected a tr" in read_games(path).problems[0]


@pytest.mark.parametrize("year", ["99x", "-5", "12345", "²"])
def test_what_is_no_year_is_refused(path: Path, year):
    path.write_text(f"Ann\tBob\t{year}\tf5", encoding="utf-8")

    assert "line 1" in (message := refusal(path))
    assert "is not a year" in message


def test_names_are_utf_8_or_else_latin_1_by_line(path: Path):
    lines = [
        "Žofie\tB\t1999\tf5d6\n".encode(),
        "Zoë\tB\t1999\tf5d6\n".encode("latin-1"),
    ]
    path.write_bytes(b"".join(lines))

    assert read_games(path).games.black.tolist() == ["Žofie", "Zoë"]


def test_bytes_that_are_no_text_are_told(path: Path):
    path.write_bytes(b"f5d6\nf5\xff\xfe")

    (problem,) = read_games(path).problems

    assert "line 2, column 3: 'ÿþ' is not a square" in problem


def test_a_missing_file_is_refused(path: Path):
    assert "no such file" in refusal(path)


def test_a_margin_behind_the_moves_is_the_score(path: Path):
    path.write_text("f5d6 +12\nF5 D6 C3 -4.00\nf5d6 0\nf5d6 13\nf5, d6 40-20\n")

    games = read_games(path).games

    assert games.recorded_score.tolist() == [38, 30, 32, -1, 44]
    assert (games.moves[:, 2] >= 0).tolist() == [False, True, False, False, False]


def test_games_that_are_numbered_are_a_game_a_line(path: Path):
    path.write_text("1. f5d6c3\n2. f5f6e6\n3. f5d6\n")

    assert len(read_games(path).games) == 3


@pytest.mark.parametrize(
    "text", ["mine", "a\tb\t1999\tf5d6\nmine\n", "a\tb\t1999\tf5 d6\n"]
)
def test_a_file_of_other_lines_is_never_replaced(
    path: Path, playouts: Games, text: str
):
    path.write_text(text)

    with pytest.raises(OutputExistsError, match="is not a file that conceptlrp has"):
        write_transcripts(playouts, path, overwrite=True)

    assert path.read_text() == text


def test_an_existing_file_is_replaced_only_on_demand(path: Path, playouts: Games):
    path.write_text("anna\tbert\t1999\tf5d6\n")

    with pytest.raises(OutputExistsError, match="already exists"):
        write_transcripts(playouts, path)
    assert path.read_text() == "anna\tbert\t1999\tf5d6\n"
    write_transcripts(playouts, path, overwrite=True)

    assert len(read_games(path).games) == len(playouts)
    assert [entry.name for entry in path.parent.iterdir()] == ["games.txt"]
