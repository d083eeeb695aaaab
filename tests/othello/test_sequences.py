import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from conceptlrp.errors import GameFileError
from conceptlrp.othello.files.formats import read_games
from tests.othello.game_writers import numbers


@pytest.mark.parametrize("size", [8, 6])
@pytest.mark.parametrize(
    ("way", "note"),
    [(0, None), (1, "at the start, from 0"), (2, "at the start, from 1")],
)
def test_the_way_to_count_squares_is_told_by_what_is_legal(
    request, size: int, way: int, note: str | None, tmp_path: Path
):
    games = request.getfixturevalue("playouts" if size == 8 else "small_playouts")
    path = tmp_path / "games.txt"
    path.write_text("\n".join(", ".join(map(str, row)) for row in numbers(games, way)))

    read = read_games(path, size=size)

    assert (read.games.moves == games.moves).all()
    assert read.problems == ()
    assert [note in line for line in read.notes] == [True] * (way > 0)


@pytest.mark.parametrize(
    "text", ["37 43 18", "37,43,18,-1,-1", "[37, 43, 18]", "[[37,\n43,18]]"]
)
def test_one_game_is_read_from_a_line_or_a_list(text: str, tmp_path: Path):
    path = tmp_path / "games.json"
    path.write_text(text)

    assert read_games(path).games.moves[0, :4].tolist() == [37, 43, 18, -1]


def test_a_first_line_that_cannot_be_read_hides_no_other(tmp_path: Path):
    path = tmp_path / "games.dat"
    path.write_text("x\n37 43 18\n1,2,3,f5d6\n")

    assert read_games(path).games.index.tolist() == [1]


def test_numbers_beside_transcripts_are_a_table(tmp_path: Path):
    path = tmp_path / "games.dat"
    path.write_text("1,2,3,f5d6\n4,5,6,f5f6\n")

    assert read_games(path).games.moves[:, 1].tolist() == [43, 45]


def test_a_list_that_cannot_be_read_is_left_out(tmp_path: Path):
    path = tmp_path / "games.json"
    path.write_text(json.dumps([[37, 43, 18], [37, "x", 18], [37, 999], [37, 43]]))

    read = read_games(path)

    assert read.games.index.tolist() == [0, 3]
    assert "game 2: '\"x\"' is not the number of a square" in read.problems[0]
    assert "game 3: '999' is not the number of a square" in read.problems[1]


def test_an_array_may_be_one_game(tmp_path: Path):
    np.save(tmp_path / "game.npy", np.array([37, 43, 18]))

    assert read_games(tmp_path / "game.npy").games.moves[0, :3].tolist() == [37, 43, 18]


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (
            np.zeros((2, 8, 8), int),
            r"shape \(2, 8, 8\), expected moves of shape \(G, M\)",
        ),
        (np.zeros((2, 60)), "float64 of shape"),
        (np.array([[None]]), "is no array of numbers"),
    ],
)
def test_other_arrays_are_refused(array, reason: str, tmp_path: Path):
    np.save(tmp_path / "games.npy", array)

    with pytest.raises(GameFileError, match=reason):
        read_games(tmp_path / "games.npy")


def test_an_array_larger_than_its_file_is_refused(tmp_path: Path):
    content, path = BytesIO(), tmp_path / "games.npy"
    np.save(content, np.zeros((10, 60), np.int8))
    path.write_bytes(content.getvalue().replace(b"(10, 60), }   ", b"(9999999, 60)}"))

    with pytest.raises(GameFileError, match="is no array of numbers"):
        read_games(path)
