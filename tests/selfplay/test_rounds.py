import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from conceptlrp.errors import GameFileError, OutputExistsError
from conceptlrp.networks import OthelloNet
from conceptlrp.networks.planes import actions_of_squares, legal_actions
from conceptlrp.othello import Corpus
from conceptlrp.selfplay import (
    SearchOptions,
    SelfPlayGames,
    SelfPlayOptions,
    read_self_play,
    self_play,
)
from conceptlrp.selfplay.puct import NetworkEvaluator, search
from conceptlrp.selfplay.rounds import play_round
from tests.selfplay.toys import HashEvaluator

QUICK = SelfPlayOptions(search=SearchOptions(simulations=6, noise=0.25), together=10)


@pytest.mark.parametrize("size", [6, 8])
@pytest.mark.parametrize("searched", [True, False])
def test_every_position_after_the_opening_is_looked_at(
    size: int, searched: bool
) -> None:
    options = SelfPlayOptions(
        search=QUICK.search if searched else None, opening_plies=4, together=12
    )

    played = play_round(HashEvaluator(size), options=options)

    corpus = played.corpus
    opening = corpus.ply < 4
    assert played.games.finished.all()
    np.testing.assert_array_equal(np.isnan(played.value), opening)
    expected = np.where(opening, 0, 6 if searched else 0)
    np.testing.assert_array_equal(played.visits.sum(axis=1), expected)
    legal = legal_actions(corpus.own, corpus.opponent, size=size)
    assert not played.visits[~legal].any()


def test_visits_and_values_are_those_of_the_search_in_that_position() -> None:
    plain = SearchOptions(simulations=6)
    evaluate = HashEvaluator()
    options = SelfPlayOptions(search=plain, symmetries=False, together=3)

    played = play_round(evaluate, options=options)

    corpus = played.corpus
    late = np.flatnonzero(corpus.ply >= 6)
    found = search(evaluate, corpus.own[late], corpus.opponent[late], options=plain)
    np.testing.assert_array_equal(played.visits[late], found.visits)
    np.testing.assert_allclose(played.value[late], found.value, atol=1e-6)


def test_a_turned_game_carries_turned_visits() -> None:
    for seed in range(3):
        played = play_round(HashEvaluator(), options=QUICK, seed=seed)

        corpus = played.corpus
        searched = corpus.ply >= 6
        actions = actions_of_squares(corpus.played)
        chosen = played.visits[np.arange(len(corpus)), actions]
        assert (chosen[searched] > 0).all()
        assert set(played.games.moves[:, 0].tolist()) <= {19, 26, 37, 44}


def test_after_the_warm_moves_the_most_visited_is_played() -> None:
    options = replace(QUICK, temperature_moves=10)

    played = play_round(HashEvaluator(), options=options)

    corpus = played.corpus
    cold = corpus.ply >= 10
    actions = actions_of_squares(corpus.played)
    chosen = played.visits[np.arange(len(corpus)), actions]
    most = played.visits.max(axis=1)
    assert (chosen[cold] == most[cold]).all()
    assert (chosen[~cold] < most[~cold]).any()


def test_equal_seeds_give_equal_games() -> None:
    evaluate = NetworkEvaluator(OthelloNet(channels=1, size=6))

    one, same, other = (
        play_round(evaluate, options=QUICK, seed=seed) for seed in (1, 1, 2)
    )

    np.testing.assert_array_equal(one.games.moves, same.games.moves)
    np.testing.assert_array_equal(one.visits, same.visits)
    np.testing.assert_array_equal(one.value, same.value)
    assert (one.games.moves != other.games.moves).any()


def test_progress_is_told_move_by_move() -> None:
    told: list[tuple[str, int, int]] = []

    play_round(
        HashEvaluator(6),
        options=SelfPlayOptions(search=None, opening_plies=2, together=2),
        on_progress=lambda *found: told.append(found),
    )

    assert told[0] == ("moves", 3, 32)
    assert [ply for _, ply, _ in told] == list(range(3, 3 + len(told)))


def test_games_are_taken_with_their_positions() -> None:
    played = play_round(HashEvaluator(), options=QUICK)

    taken = played.take(np.array([3, 1]))

    corpus = played.corpus
    rows = np.concatenate([np.flatnonzero(corpus.game == game) for game in (3, 1)])
    np.testing.assert_array_equal(taken.games.moves, played.games.moves[[3, 1]])
    np.testing.assert_array_equal(taken.visits, played.visits[rows])
    np.testing.assert_array_equal(taken.value, played.value[rows])


def test_joined_games_keep_their_positions() -> None:
    played = play_round(HashEvaluator(), options=QUICK)
    halves = [played.take(np.arange(5)), played.take(np.arange(5, 10))]

    joined = SelfPlayGames.concatenate(halves)

    np.testing.assert_array_equal(joined.games.moves, played.games.moves)
    np.testing.assert_array_equal(joined.visits, played.visits)
    np.testing.assert_array_equal(joined.value, played.value)


def test_impossible_options_are_refused() -> None:
    with pytest.raises(ValueError, match="temperature is -1"):
        SelfPlayOptions(temperature=-1)


QUICKER = SelfPlayOptions(
    search=SearchOptions(simulations=4), opening_plies=20, together=3
)


@pytest.fixture(scope="module")
def small_network() -> OthelloNet:
    torch.manual_seed(0)
    return OthelloNet(channels=1, size=6).eval()


@pytest.fixture(scope="module")
def content(
    small_network: OthelloNet, tmp_path_factory: pytest.TempPathFactory
) -> bytes:
    path = tmp_path_factory.mktemp("record") / "whole.jsonl"
    self_play(small_network, path, count=8, options=QUICKER, seed=5)
    return path.read_bytes()


@pytest.fixture
def whole(content: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "whole.jsonl"
    path.write_bytes(content)
    return path


def test_what_was_written_is_read(whole: Path) -> None:
    played = read_self_play(whole)

    corpus = played.corpus
    assert len(played.games) == len(np.unique(played.games.moves, axis=0)) == 8
    searched = played.visits.sum(axis=1)
    np.testing.assert_array_equal(searched, np.where(corpus.ply < 20, 0, 4))
    np.testing.assert_array_equal(np.isnan(played.value), corpus.ply < 20)


def test_a_corpus_is_read_from_it(whole: Path) -> None:
    corpus = Corpus.read(whole, size=6)

    assert corpus.digest == read_self_play(whole).corpus.digest
    assert set(corpus.black.tolist()) == {"network"}
    assert corpus.problems == ()


def test_a_file_that_is_there_is_not_replaced(
    whole: Path, small_network: OthelloNet
) -> None:
    with pytest.raises(OutputExistsError, match="already exists"):
        self_play(small_network, whole, count=8, options=QUICKER, seed=6)


def test_more_games_begin_with_the_same(whole: Path, small_network: OthelloNet) -> None:
    first = read_self_play(whole).games.moves

    more = self_play(
        small_network, whole, count=10, options=QUICKER, seed=5, overwrite=True
    )

    np.testing.assert_array_equal(more.games.moves[:8], first)
    assert len(more.games) == 10


def test_it_can_be_overwritten(whole: Path, small_network: OthelloNet) -> None:
    played = self_play(
        small_network, whole, count=2, options=QUICKER, seed=6, overwrite=True
    )

    assert len(played.games) == 2


def test_too_little_chance_for_so_many_games_is_refused(
    small_network: OthelloNet, tmp_path: Path
) -> None:
    options = SelfPlayOptions(search=None, temperature=0, opening_plies=0, together=8)

    with pytest.raises(ValueError, match="only 4 of 40 distinct games came up"):
        self_play(small_network, tmp_path / "few.jsonl", count=40, options=options)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text('{"recipe": 1}\n')

    with pytest.raises(GameFileError, match=r"other.jsonl: is no file of self-play"):
        Corpus.read(path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense", "line 2: is no JSON"),
        ("[1, 2]", "line 2: is no JSON object"),
        ("[" * 100_000, "line 2: is no JSON"),
        ('{"moves": "f5z9"}', "line 2, column 3: 'z9' is not a square"),
    ],
)
def test_a_damaged_line_is_named(line: str, message: str, whole: Path) -> None:
    header = whole.read_text().splitlines()[0]
    whole.write_text(f"{header}\n{line}\n")

    with pytest.raises(GameFileError, match=message):
        Corpus.read(whole, size=6)


def test_values_and_visits_must_be_as_many_as_the_moves(whole: Path) -> None:
    lines = whole.read_text().splitlines()
    game = json.loads(lines[1])
    lines[1] = json.dumps(game | {"values": game["values"][1:]})
    whole.write_text("".join(f"{line}\n" for line in lines))

    with pytest.raises(GameFileError, match="line 2: expected 32 values"):
        read_self_play(whole)


def test_a_newer_version_and_another_board_are_refused(whole: Path) -> None:
    assert Corpus.read(whole).size == 6
    with pytest.raises(GameFileError, match="games are 6 x 6, expected 8 x 8"):
        Corpus.read(whole, size=8)
    whole.write_text(whole.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(GameFileError, match="is of version 2"):
        Corpus.read(whole, size=6)
