import json
from pathlib import Path

import numpy as np
import pytest

from conceptlrp.errors import GameFileError
from conceptlrp.othello import NO_MOVE, Corpus
from conceptlrp.othello.files.formats import read_games
from conceptlrp.othello.files.wthor import read_names
from tests.othello.playouts import random_games
from tests.othello.wthor_writer import (
    raw_record,
    write_names,
    write_wthor,
    wthor_header,
    wthor_record,
)

SHORT = [37, 43, 18]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "WTH_1999.wtb"


def refusal(path: Path) -> str:
    with pytest.raises(GameFileError) as refused:
        read_games(path)
    message = str(refused.value)
    assert "\n" not in message
    assert path.name in message
    return message


def test_games_are_read_as_they_were_written(path: Path):
    games = random_games(20, seed=4)
    records = [
        wthor_record(moves[moves != NO_MOVE].tolist(), score=int(score))
        for moves, score in zip(games.moves, games.score, strict=True)
    ]

    found = read_games(write_wthor(path, records, year=2004))

    assert found.problems == ()
    assert (found.games.moves == games.moves).all()
    assert (found.games.recorded_score == found.games.score).all()
    assert (found.games.year == 2004).all()
    assert (found.games.source == path.name).all()
    assert found.games.index.tolist() == list(range(20))


def test_names_are_found_beside_the_file_in_any_case(path: Path):
    write_names(path.parent / "wthor.jou", ["???", "Tamenori", "Shaman"], width=20)
    write_names(path.parent / "Wthor.TRN", ["World Championship"], width=26)
    write_wthor(path, [wthor_record(SHORT, black=1, white=2)])

    games = read_games(path).games

    assert (games.black[0], games.white[0]) == ("Tamenori", "Shaman")
    assert games.tournament[0] == "World Championship"


def test_names_are_read_as_latin_1(tmp_path: Path):
    path = write_names(tmp_path / "WTHOR.TRN", ["Tournoi fermé"], width=26)

    assert read_names(path) == ("Tournoi fermé",)


def test_a_number_stands_for_a_missing_name(path: Path):
    write_wthor(path, [wthor_record(SHORT, black=123, white=1, tournament=7)])
    write_names(path.with_name("WTHOR.JOU"), ["Nobody", "Somebody"], width=20)

    games = read_games(path).games

    assert (games.black[0], games.white[0]) == ("#123", "Somebody")
    assert games.tournament[0] == "#7"


def test_an_unfinished_game_is_kept_without_an_outcome(path: Path):
    write_wthor(path, [wthor_record(SHORT, score=40)])

    corpus = Corpus.read(path)

    assert corpus.games.finished.tolist() == [False]
    assert corpus.games.score.tolist() == [-1]
    assert corpus.games.recorded_score.tolist() == [40]
    assert np.isnan(corpus.outcome).all()
    assert len(corpus) == 3


def test_an_illegal_game_is_left_out_and_reported(path: Path):
    write_wthor(path, [wthor_record(SHORT), wthor_record([37, 0]), wthor_record([26])])

    found = read_games(path)

    assert found.problems == (
        "WTH_1999.wtb: game 2, move 2: 'a1' is not legal; the game is left out",
    )
    assert found.games.index.tolist() == [0, 2]


def test_a_file_without_games_is_refused(path: Path):
    write_wthor(path, [])

    assert "has no games" in refusal(path)


def test_a_score_that_cannot_be_is_unknown(path: Path):
    write_wthor(path, [wthor_record(SHORT, score=200, theoretical=65)])

    games = read_games(path).games

    assert (games.recorded_score[0], games.theoretical_score[0]) == (-1, -1)


def test_a_truncated_file_is_refused_with_both_sizes(path: Path):
    path.write_bytes(write_wthor(path, [wthor_record(SHORT)] * 3).read_bytes()[:-10])

    assert "is truncated" in (message := refusal(path))
    assert "3 games, expected 220 bytes, found 210" in message


def test_a_file_that_is_longer_than_its_header_says_is_refused(path: Path):
    path.write_bytes(wthor_header(games=1) + wthor_record(SHORT) * 2)

    assert "1 games, expected 84 bytes, found 152" in refusal(path)


@pytest.mark.parametrize("content", [b"", b"\x14\x04"])
def test_a_file_without_a_header_is_refused(path: Path, content):
    path.write_bytes(content)

    assert f"{len(content)} bytes, expected a WTHOR header of 16" in refusal(path)


def test_text_is_refused_with_its_beginning(path: Path):
    path.write_text("f5d6c3d3c4f4f6 and so on\n")

    assert "is text that begins with 'f5d6c3" in refusal(path)


def test_games_on_the_large_board_are_refused(path: Path):
    path.write_bytes(wthor_header(games=1, board=10) + bytes(104))

    assert "10 x 10 board" in refusal(path)


def test_solitaires_are_refused(path: Path):
    path.write_bytes(wthor_header(games=1, kind=1) + bytes(548))

    assert "holds solitaires" in refusal(path)


def test_other_board_sizes_are_refused(path: Path):
    path.write_bytes(wthor_header(board=9))

    assert "byte 12) has board size 9" in refusal(path)


def test_a_file_of_names_is_no_file_of_games(tmp_path: Path):
    path = write_names(tmp_path / "WTHOR.JOU", ["Ann"], width=20)

    assert "holds names, not games" in refusal(path)


def test_a_file_of_games_is_no_file_of_names(path: Path):
    write_wthor(path, [wthor_record(SHORT)])

    with pytest.raises(GameFileError, match="68 bytes of names, but the header"):
        read_names(path)


def test_a_game_with_a_byte_that_is_no_square_is_left_out(path: Path):
    records = [wthor_record(SHORT), raw_record(bytes([56, 64, 90])), wthor_record([26])]
    write_wthor(path, records)

    read = read_games(path)

    assert read.games.index.tolist() == [0, 2]
    (problem,) = read.problems
    assert "game 2, move 3: 90 is the number of no square; the game is left" in problem


def test_a_move_after_the_end_is_told_with_its_place(path: Path):
    write_wthor(path, [wthor_record(SHORT), raw_record(bytes([56, 0, 64]))])

    (problem,) = read_games(path).problems

    assert "game 2, move 2: a gap is not legal" in problem or "move 3" in problem


def test_a_year_that_cannot_be_is_refused(path: Path):
    path.write_bytes(wthor_header(year=40000))

    assert "has year 40000" in refusal(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path):
    assert "no such file" in refusal(tmp_path / "WTH_2050.wtb")
    assert "is a folder" in refusal(tmp_path)


@pytest.mark.parametrize("seed", range(40))
def test_any_bytes_are_read_or_refused(path: Path, seed):
    rng = np.random.default_rng(seed)
    content = bytearray(wthor_header(games=2) + wthor_record(SHORT) * 2)
    for place in rng.integers(0, len(content), 3):
        content[place] = rng.integers(0, 256)
    path.write_bytes(content[: rng.integers(10, 200)])

    try:
        found = read_games(path)
    except GameFileError:
        return

    assert len(found.games) + len(found.problems) == 2


@pytest.mark.parametrize("year", [1977, 1980, 1984, 2004])
def test_a_year_of_the_database_has_its_known_counts(wthor_folder: Path, year):
    check_year(wthor_folder, year)


@pytest.mark.slow
def test_every_year_of_the_database_has_its_known_counts(wthor_folder: Path):
    for path in sorted(wthor_folder.glob("*.wtb")):
        check_year(wthor_folder, int(path.stem[-4:]))


def check_year(folder: Path, year: int) -> None:
    truth = json.loads((folder / "truth.json").read_text())["years"][str(year)]

    corpus = Corpus.read(folder / f"WTH_{year}.wtb")

    games, done = corpus.games, corpus.games.finished
    # A pass lies between two positions of a game with the same side to move.
    same_side = (np.diff(corpus.mover) == 0) & (np.diff(corpus.game) == 0)
    assert len(games) == truth["games"] == truth["legal"]
    assert corpus.problems == ()
    assert len(corpus) == truth["positions"]
    assert done.sum() == truth["finished"]
    assert same_side.sum() == truth["passes"]
    assert (games.score[done] == games.recorded_score[done]).all()
    assert (games.year == year).all()
    assert not np.char.startswith(games.black, "#").any()
