from pathlib import Path

import numpy as np
import pytest

from conceptlrp.othello.files.formats import read_games
from conceptlrp.othello.position import transcript_text


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "games.csv"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_column_of_moves_is_found_by_its_cells(separator: str, path: Path):
    rows = [
        ["eOthello_game_id", "winner", "game_moves", "white_player", "Black", "date"],
        ["a1", "1", '"F5D6 C3"', '"Al, Bo; |\t"', "", "2020-02-03"],
        ["b2", "-1", "f5f6", '"open', "C", "x"],
    ]
    path.write_text("\n".join(separator.join(row) for row in rows))

    games = read_games(path).games

    assert games.moves[:, :3].tolist() == [[37, 43, 18], [37, 45, -1]][: len(games)]
    assert games.white[0] == "Al, Bo; |"
    assert (games.black[0], games.year[0]) == ("", 2020)


def test_a_table_needs_no_header(path: Path):
    path.write_text("1,f5d6c3\n2,f5f6e6\n")

    assert len(read_games(path).games) == 2


@pytest.mark.parametrize(
    ("white", "draw", "black"),
    [("White", "draw", "Black"), ("white wins", "tie", "BLACK won"), ("Bo", "", "al")],
)
def test_the_winner_may_be_told_in_words(white, draw, black, path: Path, playouts):
    texts = [transcript_text(row.tolist()) for row in playouts.moves[:12]]
    words = {1: black, 0: draw, -1: white}
    sides = np.sign(playouts.score[:12].astype(int) - 32).tolist()
    for said in (1, -1):
        rows = [
            f"Al,Bo,{words[said * side]},{text}"
            for side, text in zip(sides, texts, strict=True)
        ]
        path.write_text("\n".join(["black,white,winner,moves", *rows]))

        found = read_games(path)

        assert len(found.games) == len(texts)
        assert "".join(found.notes).count("end otherwise") == (said < 0)


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("black_score,white_score", "50,13"),
        ("White Discs,Black Discs", "13,50"),
        ("black_discs,x", "51,"),
        ("margin,x", "+38,"),
    ],
)
def test_discs_are_no_margin(header: str, cells: str, path: Path):
    path.write_text(f"{header},moves\n{cells},f5d6c3\n")

    assert read_games(path).games.recorded_score.tolist() == [51]


def test_rows_that_cannot_be_read_are_told_by_line(path: Path):
    path.write_text(
        "id,moves\n1,f5d6\n2\n\n3,f5z9\n4,f5d6\n5,\n" + "6," + "x" * 200_000
    )

    read = read_games(path)

    assert read.games.index.tolist() == [0, 3]
    told = [line.removeprefix("games.csv: ") for line in read.problems]
    assert [line.split(",")[0].split(":")[0] for line in told] == [
        "line 3",
        "line 5",
        "line 7",
        "line 8",
    ]
