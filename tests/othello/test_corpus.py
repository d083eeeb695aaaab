from pathlib import Path

import numpy as np
import pytest

from conceptlrp.errors import GameFileError
from conceptlrp.othello import (
    BLACK,
    NO_MOVE,
    Corpus,
    Games,
    Position,
    write_transcripts,
)
from conceptlrp.othello.files.transcripts import transcripts_text
from conceptlrp.othello.symmetry import canonical, turn, turn_squares
from tests.othello.playouts import random_games
from tests.othello.wthor_writer import write_wthor, wthor_record


@pytest.fixture
def doubled(corpus: Corpus) -> Corpus:
    """The positions of five games, then the same, each turned."""
    part = corpus[corpus.game < 5]
    return Corpus.concatenate([part, part.turn(seed=8)])


def test_files_of_both_kinds_are_read_in_order(tmp_path: Path, playouts: Games):
    write_transcripts(playouts.take([0, 1]), tmp_path / "a.txt")
    write_wthor(tmp_path / "b.WTB", [wthor_record([37, 43]), wthor_record([0])])

    corpus = Corpus.read([tmp_path / "a.txt", tmp_path / "b.WTB"])

    assert corpus.games.source.tolist() == ["a.txt", "a.txt", "b.WTB"]
    assert len(corpus) == (playouts.moves[:2] != NO_MOVE).sum() + 2
    assert len(corpus.problems) == 1


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("games", "is a folder; name the files in it"),
        ("games.pdf", r"in no known format, expected WTHOR \(.wtb\)"),
        ("positions.h5", r"Corpus.load reads corpora"),
        ("none.txt", "no such file"),
    ],
)
def test_what_is_no_game_file_is_refused(tmp_path: Path, name, reason):
    (tmp_path / "games").mkdir()
    (tmp_path / "games.pdf").write_bytes(b"%PDF-1.5")
    (tmp_path / "positions.h5").write_bytes(b"\x89HDF\r\n\x1a\n")

    with pytest.raises(GameFileError, match=reason):
        Corpus.read([tmp_path / name])


def test_reading_no_files_is_refused():
    with pytest.raises(GameFileError, match="no game files given"):
        Corpus.read([])


def test_wthor_games_are_not_read_as_small_boards(tmp_path: Path):
    write_wthor(tmp_path / "a.wtb", [])

    with pytest.raises(GameFileError, match="are 8 x 8, expected 6 x 6"):
        Corpus.read(tmp_path / "a.wtb", size=6)


def test_rows_are_chosen_by_slice_numbers_and_mask(corpus: Corpus):
    mask = corpus.ply == 10

    assert (corpus[5:50:3].own == corpus.own[5:50:3]).all()
    assert (corpus[[9, 3]].played == corpus.played[[9, 3]]).all()
    assert (corpus[mask].game == corpus.game[mask]).all()
    assert corpus[mask].games is corpus.games
    assert len(corpus[[]]) == 0


def test_one_row_is_refused_with_what_to_call(corpus: Corpus):
    with pytest.raises(TypeError, match=r"call corpus.position\(3\)"):
        corpus[3]


def test_unique_keeps_the_first_of_equal_positions(corpus: Corpus):
    found = corpus.unique()

    pairs = list(zip(corpus.own.tolist(), corpus.opponent.tolist(), strict=True))
    first = {pair: row for row, pair in reversed(list(enumerate(pairs)))}
    rows = sorted(first.values())
    assert len(rows) < len(corpus)
    assert (found.game == corpus.game[rows]).all()
    assert (found.ply == corpus.ply[rows]).all()


def test_unique_up_to_symmetry_sees_through_turning(doubled: Corpus):
    half = doubled[: len(doubled) // 2]

    found = doubled.unique(symmetry=True)

    own, opponent, _ = canonical(half.own, half.opponent)
    expected = len(set(zip(own.tolist(), opponent.tolist(), strict=True)))
    assert len(found) == expected
    assert len(doubled.unique()) > len(found)
    left = f"{len(doubled) - expected} of {len(doubled)} positions are left out"
    assert found.notes == (f"{left}, equal to one before up to symmetry",)
    assert (found.symmetry == 0).all()


def test_unique_is_exact_when_mixed_words_collide(playouts: Games):
    # Both pairs give the same mixed word, so sorting by it tells them not apart.
    own = np.array([1, 2, 1, 2], np.uint64)
    mixer = np.uint64(0x9E3779B97F4A7C15)
    opponent = np.array([0, 0, 0, 0], np.uint64) ^ own * mixer
    base = Corpus.from_games(playouts)[:4]
    columns = {**base.columns(), "own": own, "opponent": opponent}

    found = Corpus(**columns, games=playouts).unique()

    assert found.own.tolist() == [1, 2]


def test_a_sample_is_sorted_and_repeatable(corpus: Corpus):
    keys = corpus.game.astype(np.int64) * 64 + corpus.ply

    found = corpus.sample(100, seed=5)

    chosen = found.game.astype(np.int64) * 64 + found.ply
    assert len(set(chosen.tolist())) == 100
    assert np.isin(chosen, keys).all()
    assert (np.diff(chosen) > 0).all()
    assert found.digest == corpus.sample(100, seed=5).digest
    assert found.digest != corpus.sample(100, seed=6).digest


def test_a_sample_as_large_as_the_corpus_keeps_all(corpus: Corpus):
    assert corpus.sample(10**9) is corpus
    with pytest.raises(ValueError, match="count is -1, expected at least 0"):
        corpus.sample(-1)


def test_turning_uses_all_symmetries_and_a_seed(corpus: Corpus):
    turned = corpus.turn(seed=1)

    assert set(turned.symmetry.tolist()) == set(range(8))
    assert (turned.own == turn(corpus.own, turned.symmetry)).all()
    assert (turned.played == turn_squares(corpus.played, turned.symmetry)).all()
    assert turned.digest == corpus.turn(seed=1).digest
    assert turned.digest != corpus.turn(seed=2).digest


def test_turning_twice_is_remembered_as_one_symmetry(corpus: Corpus):
    turned = corpus.turn(seed=1).turned_by(5).turn(seed=3)

    assert (turned.own == turn(corpus.own, turned.symmetry)).all()
    assert (turned.opponent == turn(corpus.opponent, turned.symmetry)).all()


def test_the_played_move_stays_legal_when_turned(corpus: Corpus):
    turned = corpus.turn(seed=2)

    assert (turned.legal >> turned.played.astype(np.uint64) & np.uint64(1)).all()


@pytest.mark.parametrize("size", [6, 8])
def test_every_transcript_of_a_turned_corpus_leads_to_its_position(
    corpus: Corpus, small_corpus: Corpus, size: int
):
    turned = {6: small_corpus, 8: corpus}[size].sample(500, seed=3).turn(seed=4)

    for row in range(len(turned)):
        text, s = turned.transcript(row), int(turned.symmetry[row])
        found = Position.from_transcript(text, size, symmetry=s)
        assert found == turned.position(row)


def test_a_position_is_turned_with_its_last_move(corpus: Corpus):
    plain, turned = corpus[30:40], corpus[30:40].turned_by(3)

    for row in range(10):
        last = turn_squares(plain.position(row).last, 3)
        assert turned.position(row).last == last
        assert turned.position(row).own == turn(plain.position(row).own, 3)


def test_outcomes_are_seen_by_the_side_to_move(corpus: Corpus):
    score = corpus.games.score[corpus.game].astype(int)

    black = corpus.mover == BLACK
    assert (corpus.margin[black] == (2 * score - 64)[black]).all()
    assert (corpus.margin[~black] == -(2 * score - 64)[~black]).all()
    assert set(corpus.outcome.tolist()) <= {-1.0, 0.0, 1.0}
    assert corpus.outcome.dtype == corpus.margin.dtype == np.float32


def test_margins_of_the_small_board_count_its_squares(small_corpus: Corpus):
    score = small_corpus.games.score[small_corpus.game].astype(int)

    assert (np.abs(small_corpus.margin) == np.abs(2 * score - 36)).all()


def test_an_unfinished_game_has_no_outcome():
    corpus = Corpus.from_games(Games.from_moves([[37, 43]]))

    assert np.isnan(corpus.outcome).all()
    assert np.isnan(corpus.margin).all()


def test_a_description_names_players_year_and_move(corpus: Corpus):
    assert corpus.describe(22) == "Black 0 - White 0, 1990, move 23"


def test_a_description_without_names_has_the_file():
    games = Games.from_moves([[37, 43], [37, NO_MOVE]], source="mine.txt")

    corpus = Corpus.from_games(games)

    assert corpus.describe(2) == "mine.txt, game 2, move 1"


def test_names_and_years_follow_the_positions(corpus: Corpus):
    assert corpus.black[-1] == "Black 199"
    assert corpus.white[0] == "White 0"
    assert corpus.year[-1] == 1999


def test_corpora_are_joined_with_their_games(corpus: Corpus):
    other = Corpus.from_games(random_games(3, seed=11))

    joined = Corpus.concatenate([corpus, other, corpus[:5]])

    assert len(joined.games) == len(corpus.games) + 3
    assert joined.describe(len(corpus)) == other.describe(0)
    assert joined.transcript(len(corpus) + 70) == other.transcript(70)
    assert joined[-5:].digest == corpus[:5].digest


def test_nothing_is_not_joined():
    with pytest.raises(ValueError, match="expected exactly one"):
        Corpus.concatenate([])


def test_the_digest_does_not_depend_on_games_that_are_not_used(corpus: Corpus):
    part = corpus[corpus.game == 7]

    assert part.digest == part.compact().digest
    assert len(part.compact().games) == 1


def test_the_digest_depends_on_the_content(corpus: Corpus):
    part = corpus[:50]
    digests = {part.digest, part.turned_by(1).digest, part[::-1].digest}

    assert len(digests) == 3
    assert len(part.digest) == 64


def test_a_frame_has_a_row_for_each_position(small_corpus: Corpus):
    frame = small_corpus.frame()

    assert len(frame) == len(small_corpus)
    assert frame["played"][0] in ("c2", "b3", "e4", "d5")
    assert frame["black"].iloc[-1] == "Black 99"
    assert set(frame["mover"]) == {"black", "white"}


def test_an_unknown_played_move_has_no_name(corpus: Corpus):
    columns = {**corpus[:2].columns(), "played": np.array([NO_MOVE, 64])}

    frame = Corpus(**columns, games=corpus.games).frame()

    assert frame["played"].tolist() == ["", "pa"]


def test_columns_of_different_lengths_are_refused(corpus: Corpus):
    columns = {**corpus[:4].columns(), "ply": corpus.ply[:3]}

    with pytest.raises(ValueError, match=r"ply has shape \(3,\), expected \(4,\)"):
        Corpus(**columns, games=corpus.games)


def test_positions_of_games_that_are_not_there_are_refused(corpus: Corpus):
    with pytest.raises(ValueError, match="beyond the 2 given"):
        Corpus(**corpus.columns(), games=corpus.games.take([0, 1]))


def test_a_corpus_knows_the_size_of_its_board(corpus, small_corpus):
    assert (corpus.size, small_corpus.size) == (8, 6)
    assert small_corpus.position(0) == Position.start(6)
    assert transcripts_text(small_corpus.games).count("\n") == 100


def test_the_games_that_ship_are_read_by_name():
    corpus = Corpus.read("demo")

    assert len(corpus.games) == 5200
    assert set(corpus.symmetry.tolist()) == set(range(8))
    assert corpus.digest == Corpus.read("demo").digest
    with pytest.raises(GameFileError, match="8 x 8, not 6 x 6; 'demo6' names those"):
        Corpus.read("demo", size=6)


def test_one_path_is_read_like_a_list_of_it(tmp_path: Path, playouts: Games):
    path = tmp_path / "a.txt"
    write_transcripts(playouts.take([0, 1]), path)

    digests = {Corpus.read(paths).digest for paths in (path, str(path), [path])}

    assert len(digests) == 1


@pytest.mark.parametrize("paths", [3, None, [3], np.zeros(2)])
def test_what_is_no_path_is_refused(paths):
    with pytest.raises(TypeError, match="expected a str or Path"):
        Corpus.read(paths)


def test_what_is_no_path_is_neither_loaded_nor_saved(corpus: Corpus):
    with pytest.raises(TypeError, match="path is int, expected a str or Path"):
        Corpus.load(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="path is NoneType"):
        corpus.save(None)  # type: ignore[arg-type]


def test_a_single_board_is_a_corpus_of_one():
    board = np.zeros((6, 6), int)
    board[0, 0], board[5, 4] = 1, -1

    found = Corpus.from_boards(board)

    assert (len(found), found.size) == (1, 6)
    assert found.position(0).obf() == f"X{'-' * 33}O- X"
    assert Corpus.from_boards([board.tolist()]).digest == found.digest


@pytest.mark.parametrize(
    ("boards", "reason"),
    [
        (np.zeros(64), r"shape \(64,\), expected \(N, 8, 8\)"),
        (np.zeros((2, 8, 7)), r"shape \(2, 8, 7\)"),
        (np.full((8, 8), 2), "board 0 holds 2 in row 0, column 0"),
        (np.full((1, 8, 8), np.nan), "board 0 holds nan"),
        ([[1, 0], [1]], "boards are no array"),
        ("board", r"shape \(\)"),
        (None, r"shape \(\)"),
    ],
)
def test_what_is_no_board_is_refused(boards, reason):
    with pytest.raises(ValueError, match=reason):
        Corpus.from_boards(boards)


def test_a_single_position_is_a_corpus_of_one():
    position = Position.from_transcript("f5d6c3")

    found = Corpus.from_positions(position)

    assert found.position(0) == Position.from_obf(position.obf())
    assert found.digest == Corpus.from_positions([position]).digest


@pytest.mark.parametrize(
    ("positions", "reason"),
    [
        (3, "positions is int, expected a list of Position"),
        ([Position.start(), "f5"], "position 1 is str, expected a Position"),
        (np.zeros((1, 8, 8)), "position 0 is ndarray"),
    ],
)
def test_what_is_no_position_is_refused(positions, reason):
    with pytest.raises(TypeError, match=reason):
        Corpus.from_positions(positions)


def test_positions_of_two_sizes_or_none_are_refused():
    with pytest.raises(ValueError, match=r"sizes \[6, 8\], expected one size"):
        Corpus.from_positions([Position.start(), Position.start(6)])
    with pytest.raises(ValueError, match="expected one size"):
        Corpus.from_positions([])


def test_rows_are_whole_numbers_of_any_kind(corpus: Corpus):
    assert corpus.position(np.int32(7)) == corpus.position(7)
    assert corpus.describe(-1) == corpus.describe(len(corpus) - 1)
    with pytest.raises(IndexError, match=rf"but the corpus has {len(corpus)} pos"):
        corpus.position(len(corpus))
    with pytest.raises(TypeError, match="row is 'f5', expected a whole number"):
        corpus.transcript("f5")  # type: ignore[arg-type]


def test_only_corpora_are_joined(corpus: Corpus):
    with pytest.raises(TypeError, match="part 1 is list, expected a Corpus"):
        Corpus.concatenate([corpus, []])  # type: ignore[list-item]


def test_a_corpus_is_shown_in_a_line_and_as_a_table(corpus: Corpus):
    n = len(corpus)

    assert repr(corpus) == f"Corpus({n:,} positions, 200 games, 8 x 8)"
    assert f"{n:,}" in corpus._repr_html_()
    assert "1990 to 1999" in corpus._repr_html_()
    assert "unknown" in Corpus.from_boards(np.zeros((8, 8)))._repr_html_()
