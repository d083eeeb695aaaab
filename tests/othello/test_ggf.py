from pathlib import Path

import pytest

from conceptlrp.errors import GameFileError
from conceptlrp.othello import Corpus, Games
from conceptlrp.othello.files.formats import read_games
from tests.othello.game_writers import START, ggf, ggf_game

RANDOM = "8 -------- -------- -------- --***--- ---*O--- -------- -------- -------- O"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "games.ggf"


def test_games_of_a_server_have_passes_names_and_years(playouts: Games, path: Path):
    path.write_bytes(ggf(playouts))

    read = read_games(path)

    assert b"[PA/" in path.read_bytes()
    assert (read.games.moves == playouts.moves).all()
    assert (read.games.white == playouts.white).all()
    assert set(read.games.year.tolist()) == {2003}


@pytest.mark.parametrize("result", ["+64.000:t", "-2.00:r", "?", "+99.000"])
def test_a_game_that_was_not_played_out_has_no_score(
    result: str, playouts: Games, path: Path
):
    path.write_text(ggf_game(playouts, 0, result=result))

    assert read_games(path).games.recorded_score.tolist() == [-1]


def test_the_margin_of_a_game_with_komi_is_no_score(playouts: Games, path: Path):
    path.write_text(ggf_game(playouts, 0, kind="8k"))

    assert read_games(path).games.recorded_score.tolist() == [-1]


def test_a_pair_of_games_begins_from_its_random_board(path: Path):
    game = f"(;GM[Othello]PB[a]PW[b]TY[s8r5]RE[+2.000]BO[{RANDOM}]W[C5];)"
    path.write_text(f"2 {game}{game}\n")

    corpus = Corpus.read(path)

    assert corpus.games.standard.tolist() == [False, False]
    assert [p.obf() for p in map(corpus.position, range(2))] == [
        "--------------------------XXX------XO--------------------------- O"
    ] * 2
    assert corpus.frame()["played"].tolist() == ["c5", "c5"]
    assert corpus.problems == ()


@pytest.mark.parametrize("size", [8, 6])
def test_a_game_without_a_board_begins_from_the_usual_start(size: int, path: Path):
    first = Corpus.from_games(Games.from_moves([[19]], size=size))
    name = first.frame()["played"][0]
    path.write_text(f"(;GM[Othello]TY[s{size}]B[{name}];)(;GM[Othello]TY[10]B[f5];)")

    read = read_games(path)

    assert read.games.size == size
    assert read.games.moves[:, 0].tolist() == [19]
    assert read.games.standard.all()
    assert len(read.problems) == 1


def test_a_game_in_which_the_fewest_discs_win_is_left_out(playouts: Games, path: Path):
    path.write_text(ggf_game(playouts, 0, kind="8a") + ggf_game(playouts, 1))

    read = read_games(path)

    assert read.games.index.tolist() == [1]
    (problem,) = read.problems
    assert "game 1: is of type '8a', in which the fewest discs win; the game" in problem


def test_other_boards_and_illegal_moves_are_told(playouts: Games, path: Path):
    large = "(;GM[Othello]TY[10]BO[10 ---- *]B[a1];)"
    broken = "(;GM[Othello]TY[8]BO[8 --- *]B[a1];)"
    illegal = f"(;GM[Othello]TY[8]BO[{START[8]}]B[a1];)"
    no_square = f"(;GM[Othello]TY[8]BO[{START[8]}]B[f5]W[z9];)"
    other = f"(;GM[Go]TY[8]BO[{START[8]}]B[f5];)"
    turn = f"(;GM[Othello]BO[{START[8]}]B[f5]B[f4];)"
    games = [large, broken, illegal, no_square, other, turn, ggf_game(playouts, 0)]
    path.write_text("\n".join(games))

    read = read_games(path)

    assert len(read.games) == 1
    assert sorted(line.split("; the game")[0] for line in read.problems) == [
        "games.ggf: game 1: has board size '10', expected 8",
        "games.ggf: game 2: has a board that cannot be read",
        "games.ggf: game 3, move 1: 'a1' is not legal",
        "games.ggf: game 4, move 2: 'z9' is not a square (a1 to h8, or pa for a pass)",
        "games.ggf: game 5: is of 'Go', not of Othello",
        "games.ggf: game 6, move 2 is not of the side to move",
    ]


def test_a_game_that_is_not_closed_ends_where_the_next_begins(
    playouts: Games, path: Path
):
    path.write_bytes(ggf(playouts).replace(b";)", b""))

    assert (read_games(path).games.moves == playouts.moves).all()


def test_a_file_without_a_game_is_refused(path: Path):
    path.write_text("nothing")

    with pytest.raises(GameFileError, match="has no game, such as"):
        read_games(path)
