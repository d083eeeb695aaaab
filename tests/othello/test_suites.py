"""Suites of positions: which positions, moves and scores a file gives, and what not."""

from pathlib import Path

import numpy as np
import pytest

from conceptlrp.errors import GameFileError
from conceptlrp.othello import BLACK, NO_MOVE, WHITE, Corpus, Position, parse_square
from conceptlrp.othello.files.suites import looks_like, read

BOARD = Position.from_transcript("f5d6c3d3c4")
MIDGAME = Position.from_transcript("f5f6e6f4")
SMALL = Position.from_transcript("e4c5", 6)


def corpus_of(*lines: str, name: str = "suite.obf", size: int | None = None) -> Corpus:
    data = "\n".join(lines).encode()
    assert looks_like(data)
    found = read(Path(name), data, size=size)
    return Corpus.from_games(found.games, problems=found.problems, notes=found.notes)


def test_the_best_move_and_its_score_become_columns():
    corpus = corpus_of(
        "% problems of our own",
        f"{BOARD.obf()}; F3:-4; b3:+18; B5:+18; % two are best",
        "",
        f"{MIDGAME.obf()}; g5:+6;",
        f"{MIDGAME.obf()}; +12;",
    )

    assert corpus.problems == ()
    assert [corpus.position(i).obf() for i in range(3)] == [
        BOARD.obf(),
        MIDGAME.obf(),
        MIDGAME.obf(),
    ]
    assert corpus.played.tolist() == [parse_square("b3"), parse_square("g5"), NO_MOVE]
    # White is to move on the first board, black on the others.
    assert corpus.mover.tolist() == [WHITE, BLACK, BLACK]
    assert corpus.games.theoretical_score.tolist() == [23, 35, 38]
    np.testing.assert_array_equal(corpus.frame()["theoretical_margin"], [18, 6, 12])


def test_lines_without_a_mover_are_seen_by_x():
    corpus = corpus_of(f"{BOARD.obf()[:64]} 4", f"{BOARD.obf()[:64]} -3")

    assert corpus.mover.tolist() == [BLACK, BLACK]
    assert corpus.games.theoretical_score.tolist() == [34, -1]
    assert corpus.notes == (
        "suite.obf: no side to move is named, X is taken for it in 2 of 2 positions",
        "suite.obf: the score is odd and not kept in 1 of 2 positions",
    )


def test_malformed_lines_are_left_out_with_their_number():
    good = f"{BOARD.obf()}; b3:+2;"
    corpus = corpus_of(
        good,
        BOARD.obf()[1:],
        BOARD.obf()[:64],
        f"{BOARD.obf()}; z9:+2;",
        f"{BOARD.obf()}; b3:high;",
        f"{BOARD.obf()}; a1:+2;",
        f"{BOARD.obf()}; b3:+66;",
        SMALL.obf(),
        f"{good}{' ' * 5000}%",
        Position.start().obf(),
        good,
    )

    assert len(corpus) == 4
    reasons = {
        int(p.split("line ")[1].split(",")[0].split(":")[0]): p for p in corpus.problems
    }
    assert sorted(reasons) == [2, 3, 4, 5, 6, 7, 8, 9]
    for number, reason in {
        2: "is not a position",
        3: "names no side to move",
        4: "'z9' is not a square",
        5: "'high' is no score",
        6: "'a1' is not legal; the move is left out",
        7: "score +66 is more than 64 discs",
        8: "a board of 6 x 6 squares, expected 8 x 8",
        9: "is longer than 4000 characters",
    }.items():
        assert reason in reasons[number]


def test_the_size_is_that_of_the_file():
    assert corpus_of(SMALL.obf(), SMALL.obf()).size == 6
    with pytest.raises(GameFileError, match="6 x 6 squares, expected 8 x 8"):
        corpus_of(SMALL.obf(), size=8)


@pytest.mark.parametrize("between", ["\n", "\n\n", "\nBlack 5 White 4\n\n"])
def test_diagrams_of_a_file_are_read(between: str, corpus: Corpus):
    rows = [12, 200, 391]
    text = between.join(corpus.position(i).diagram() for i in rows)

    found = corpus_of(text, name="boards.txt")

    assert found.problems == ()
    assert (found.own == corpus.own[rows]).all()
    assert (found.mover == corpus.mover[rows]).all()


def test_ranks_without_blanks_are_no_passes(tmp_path: Path, corpus: Corpus):
    bare = corpus.position(12).obf().split()[0]
    ranks = "\n".join(bare[i : i + 8] for i in range(0, 64, 8))
    path = tmp_path / "boards.txt"
    path.write_text(f"{ranks}\n{'XO'[corpus.mover[12]]} to move\n")

    assert Corpus.read(path).position(0).obf() == corpus.position(12).obf()


def test_a_broken_diagram_is_left_out_with_its_line():
    diagrams = [
        BOARD.diagram(),
        BOARD.diagram().replace("5 - .", "5 - Q"),
        BOARD.diagram(),
    ]

    found = corpus_of("\n\n".join(diagrams), name="boards.txt")

    assert len(found) == 2
    assert found.problems == (
        "boards.txt: line 13: a diagram of 4 ranks of 8 squares; it is left out",
    )


def test_a_position_whose_side_must_pass_has_no_move():
    corpus = corpus_of(f"OX{'-' * 62} X; PA:-10;")

    assert (len(corpus), corpus.played.tolist()) == (1, [NO_MOVE])
    assert corpus.games.theoretical_score.tolist() == [27]


@pytest.mark.parametrize(
    "data", [b"", b"f5d6c3", b"\0\1\2", b"\x80\4]", b"game,moves\n1,f5d6"]
)
def test_other_files_are_no_suites(data: bytes):
    assert not looks_like(data)
    with pytest.raises(GameFileError, match=r"suite.obf: has no position"):
        read(Path("suite.obf"), data)


def test_a_million_characters_without_an_end_are_quick():
    line = BOARD.obf() + "; b3:+2" * 200_000

    with pytest.raises(GameFileError, match="longer than"):
        read(Path("suite.obf"), line.encode())
