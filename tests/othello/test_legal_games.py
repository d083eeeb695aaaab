"""Which games are kept: legal ones, from the mirrored start too, moved in turn."""

from pathlib import Path

import numpy as np

from conceptlrp.othello import Corpus, Games, Position, transcript_text
from conceptlrp.othello.files.formats import read_games

MIRRORED = "8 -------- -------- -------- ---*O--- ---O*--- -------- -------- -------- *"


def test_games_from_the_mirrored_start_are_turned(playouts: Games, tmp_path: Path):
    moves = playouts.moves[:3]
    mirrored = np.where(moves >= 0, moves ^ 7, moves)
    path = tmp_path / "games.txt"
    texts = [transcript_text(game) for game in mirrored]
    path.write_text("\n".join(["f5d6", *texts, "c5a1"]))

    read = read_games(path)

    assert (read.games.moves[1:] == moves).all()
    assert read.games.standard.all()
    assert read.notes == (
        "games.txt: 3 games begin from the mirrored start and were turned",
    )
    assert (
        "line 5, move 2: 'a1' is not legal from the mirrored start" in read.problems[0]
    )


def test_the_start_of_a_mirrored_board_is_turned_too(tmp_path: Path):
    path = tmp_path / "games.ggf"
    path.write_text(f"(;GM[Othello]BO[{MIRRORED}]B[f4]W[f3];)")

    corpus = Corpus.read(path)

    assert corpus.position(0) == Position.start()
    assert corpus.games.standard.tolist() == [True]
    assert "1 game begins from the mirrored start and was turned" in corpus.notes[0]
