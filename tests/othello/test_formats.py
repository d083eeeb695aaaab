"""Every format of games: told by content, read back, damaged in one place."""

import json
from pathlib import Path
from time import process_time

import pytest

from conceptlrp.errors import GameFileError
from conceptlrp.othello import Corpus, Games
from conceptlrp.othello.files.formats import FORMATS, read_games
from tests.othello.game_writers import LARGE, WRITERS, csv, ggf, self_play, transcripts

EVERY = WRITERS | LARGE
#: Those that tell a name, a score or a date, beside the moves.
NAMED, SCORED = (
    {"ggf", "sgf", "pgn", "csv"},
    {"ggf", "sgf", "pgn", "scored transcripts", "book"},
)


@pytest.mark.parametrize("name", EVERY)
def test_games_are_read_back_whatever_the_file_is_called(
    name: str, playouts: Games, tmp_path: Path
):
    path = tmp_path / "games.dat"
    path.write_bytes(EVERY[name](playouts))

    read = read_games(path)

    assert (read.problems, read.notes) == ((), ())
    assert (read.games.moves == playouts.moves).all()
    assert (read.games.score == playouts.score).all()
    assert name not in NAMED or (read.games.black == playouts.black).all()
    assert name not in SCORED or (read.games.recorded_score == playouts.score).all()


@pytest.mark.parametrize("name", WRITERS)
def test_small_games_are_read_back(name: str, small_playouts: Games, tmp_path: Path):
    path = tmp_path / "games.dat"
    path.write_bytes(WRITERS[name](small_playouts))
    told = name in ("ggf", "sgf", "self-play")

    read = read_games(path, size=None if told else 6)

    assert read.games.size == 6
    assert (read.problems, read.notes) == ((), ())
    assert (read.games.moves == small_playouts.moves).all()


@pytest.mark.parametrize("name", sorted({*EVERY} - {"npy", "wthor"}))
def test_a_damaged_game_is_left_out_alone(name: str, playouts: Games, tmp_path: Path):
    path = tmp_path / "games.dat"
    games = playouts.take(range(9))
    text = EVERY[name](games).decode()
    # What is written of the fifth game, found by what the others do not have.
    without = EVERY[name](games.take([0, 1, 2, 3, 5, 6, 7, 8])).decode()
    first = next(
        i for i, (a, b) in enumerate(zip(text, without, strict=False)) if a != b
    )
    end = first + len(text) - len(without)
    middle = (first + end) // 2
    path.write_text(text[:middle] + "!@" + text[middle + 2 :])

    read = read_games(path)

    assert len(read.games) == 8
    assert len(read.problems) == 1
    assert read.problems[0].endswith(" is left out")
    assert (read.games.moves == games.moves[read.games.index]).all()


@pytest.mark.parametrize("name", EVERY)
def test_a_format_looks_like_itself_alone_or_comes_first(name: str, playouts: Games):
    data = EVERY[name](playouts)

    likely = [known.name for known in FORMATS if known.looks_like(data)]

    assert len(likely) == 1


def test_a_size_that_is_not_the_file_s_is_refused(
    small_playouts: Games, tmp_path: Path
):
    path = tmp_path / "games.jsonl"
    path.write_bytes(self_play(small_playouts))

    with pytest.raises(GameFileError, match="are 6 x 6, expected 8 x 8; give games of"):
        read_games(path, size=8)


@pytest.mark.parametrize("name", ["pgn", "csv", "scored transcripts", "npy"])
def test_a_size_that_is_not_told_is_found(
    name: str, small_playouts: Games, tmp_path: Path
):
    path = tmp_path / "games.dat"
    path.write_bytes(WRITERS[name](small_playouts))

    read = read_games(path)

    assert (read.games.moves == small_playouts.moves).all()
    assert "no game is legal on 8 x 8, so that it was read as 6 x 6" in read.notes[0]


def test_files_of_two_sizes_are_refused_together(
    playouts: Games, small_playouts: Games, tmp_path: Path
):
    small, large = tmp_path / "small.jsonl", tmp_path / "large.ggf"
    small.write_bytes(self_play(small_playouts))
    large.write_bytes(ggf(playouts.take([0])))

    with pytest.raises(
        GameFileError, match=r"sizes: small.jsonl 6 x 6, large.ggf 8 x 8"
    ):
        Corpus.read([small, large])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "in no known format, expected"),
        (b"# none\n", "in no known format"),
        (b"hello\nworld\n", "in no known format, expected WTHOR"),
        (b"\x00\x01\x02", "in no known format"),
        (b"\x1f\x8b\x08", "is compressed; unpack it"),
        (b"version https://git-lfs.github.com/spec/v1\n", "run 'git lfs pull'"),
        (b"f5a1\n", r"line 1, move 2: 'a1' is not legal; nothing in the file could be"),
    ],
)
def test_what_cannot_be_read_is_refused(content: bytes, reason: str, tmp_path: Path):
    path = tmp_path / "games.dat"
    path.write_bytes(content)

    with pytest.raises(GameFileError, match=reason):
        read_games(path)


@pytest.mark.parametrize(
    "content",
    [
        b"(;" * 50_000,
        b"(;GM[Othello]" * 5_000,
        b"(;GM[Othello]" + b"A[" * 50_000,
        b"GM[Othello]" + b"A" * 100_000,
        b"(;GM[Othello]RE[" + b"9" * 5_000 + b"]B[zz];)",
        b'{"format": "conceptlrp-selfplay"' + b'"' * 100_000,
        b"[" * 100_000,
        b"[1, 2, 3" + b" " * 100_000 + b"x",
        b'[A "' + b"\\" * 100_000,
        b"f5" + b" " * 100_000 + b"x",
        b"f5" * 50_000,
        b"1." * 50_000,
        b"+d3" * 50_000,
        b"," * 100_000 + b"f5d6",
        b'"' * 100_000 + b",f5d6",
        b"\n" * 100_000,
    ],
)
@pytest.mark.parametrize("suffix", [".dat", ".ggf", ".txt", ".csv", ".json"])
def test_long_runs_take_linear_time(content: bytes, suffix: str, tmp_path: Path):
    path = tmp_path / f"games{suffix}"
    path.write_bytes(content)
    began = process_time()

    with pytest.raises(GameFileError):
        read_games(path)

    # What takes quadratic time is beyond any of this.
    assert process_time() - began < 5


def test_long_names_are_cut_with_a_note(tmp_path: Path):
    path = tmp_path / "games.txt"
    path.write_text(f"{'A' * 1_000_000}\tBob\t1999\tf5d6\nAnn\tB\x00b\t1999\tf5f6\n")

    read = read_games(path)

    assert read.games.black.tolist() == ["A" * 200, "Ann"]
    assert read.games.white.tolist() == ["Bob", "B b"]
    assert read.notes == ("games.txt: names cut to 200 characters: 1",)


def test_a_result_that_is_not_that_of_the_moves_is_noted(
    playouts: Games, tmp_path: Path
):
    path, lines = tmp_path / "games.csv", csv(playouts).decode().split("\r\n")
    won = playouts.score[3] > 32
    lines[4] = lines[4].replace(
        ",1," if won else ",-1,", ",white," if won else ",Black,"
    )
    path.write_text("\n".join(lines))

    read = read_games(path)

    (note,) = read.notes
    assert (
        "end otherwise than the file says: 1, the first is line 5; the result" in note
    )
    assert (read.games.score == playouts.score).all()


@pytest.mark.parametrize(("moves", "size"), [("d2c2", 8), ("f5d6c3d3c7", 6)])
def test_games_of_the_other_size_are_told_from_illegal_ones(moves, size, tmp_path):
    path = tmp_path / "games.txt"
    path.write_text(moves)

    with pytest.raises(GameFileError, match=f"expected {size} x {size}; give games of"):
        read_games(path, size=size)


@pytest.mark.parametrize("indent", [None, 1])
def test_transcripts_in_a_list_of_json_are_read(
    indent: int | None, playouts: Games, tmp_path: Path
):
    lines = transcripts(playouts)
    (tmp_path / "games.json").write_text(json.dumps([*lines, "a1"], indent=indent))

    read = read_games(tmp_path / "games.json")

    assert (read.games.moves == playouts.moves).all()
    assert len(read.problems) == 1
    assert "line 201" in read.problems[0]
