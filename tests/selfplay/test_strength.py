import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from conceptlrp.errors import FileFormatError, OutputExistsError
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus, Position, legal_moves, play, square_name
from conceptlrp.othello.board import PASS, count, final_score, is_over, squares
from conceptlrp.selfplay import (
    NetworkPlayer,
    RandomPlayer,
    StrengthOptions,
    match,
    read_card,
    strength_card,
)
from conceptlrp.selfplay.arena import play_games
from conceptlrp.selfplay.strength import EndgameSolver, endgame_positions, play_endgames
from conceptlrp.selfplay.training_set import validate

QUICK = StrengthOptions(
    simulations=(2,), games=2, endgames=4, most_empties=5, opening_plies=20
)


class StoppedError(Exception):
    """Stands for the end of a program between two rows."""


@pytest.fixture(scope="module")
def network() -> OthelloNet:
    torch.manual_seed(0)
    return OthelloNet(channels=1, size=6).eval()


@pytest.fixture(scope="module")
def games() -> Corpus:
    player = RandomPlayer(6)
    return Corpus.from_games(play_games(player, player, count=10, seed=1))


@pytest.fixture(scope="module")
def card(
    network: OthelloNet, games: Corpus, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("card") / "card.json"
    return strength_card(network, path, games=games, options=QUICK)


def test_a_card_has_every_measure(card: dict[str, Any]) -> None:
    assert list(card["rows"]) == [
        "moves of people",
        "endgames, network",
        "endgames, network@2",
        "network v random",
        "network v greedy",
        "network v mobility",
        "network@2 v random",
        "network@2 v greedy",
        "network@2 v mobility",
        "network@2 v network",
    ]


def test_rows_are_what_the_functions_measure(
    card: dict[str, Any], network: OthelloNet, games: Corpus
) -> None:
    people = validate(network, games)
    played = match(NetworkPlayer(network), RandomPlayer(6), count=2, opening_plies=20)

    row = card["rows"]["moves of people"]
    assert row["top1"] == pytest.approx(people.top1, abs=1e-4)
    assert row["illegal"] == pytest.approx(people.illegal, abs=1e-4)
    assert 0 <= row["value_sign_endgame"] <= 1
    row = card["rows"]["network v random"]
    assert (row["wins"], row["losses"]) == (played.wins, played.losses)
    assert row["interval"] == pytest.approx(played.interval(), abs=1e-4)


def test_a_card_keeps_the_rows_that_are_measured_and_is_not_replaced(
    card: dict[str, Any], network: OthelloNet, games: Corpus, tmp_path: Path
) -> None:
    path = tmp_path / "card.json"

    def stop(_stage: str, done: int, _total: int) -> None:
        if done == 5:
            raise StoppedError

    with pytest.raises(StoppedError):
        strength_card(network, path, games=games, options=QUICK, on_progress=stop)

    assert read_card(path)["rows"] == dict(list(card["rows"].items())[:5])
    with pytest.raises(OutputExistsError, match="exists already"):
        strength_card(network, path, options=QUICK)


def test_half_a_pair_of_games_is_refused() -> None:
    with pytest.raises(ValueError, match="engine_games is 3, expected an even"):
        StrengthOptions(engine_games=3)


@pytest.mark.parametrize("content", ["nonsense", json.dumps({"about": 1}), "[]"])
def test_what_is_no_card_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.write_text(content)

    with pytest.raises(FileFormatError, match="strength card"):
        read_card(path)


# The first two of the endgame suite of the French federation, 14 squares being empty.
PUBLISHED = [
    (
        "--XXXXX--OOOXX-O-OOOXXOX-OXOXOXXOXXXOXXX--XOXOXX-XXXOOO--OOOOO-- X",
        "g8:18 h1:12 h7:6 a2:6 a3:4 b1:-4 a4:-22 g2:-24",
    ),
    (
        "-XXXXXX---XOOOO--XOXXOOX-OOOOOOOOOOOXXOOOOOXXOOX--XXOO----XXXXX- X",
        "a4:10 b2:0 a3:-6 g7:-8 a7:-12 h7:-14 b7:-14 h2:-24",
    ),
]


def endgames(n: int, empties: int, *, size: int = 8, seed: int = 0) -> Corpus:
    """Positions of random games with so many empty squares."""
    player = RandomPlayer(size)
    corpus = Corpus.from_games(play_games(player, player, count=3 * n, seed=seed))
    left = size * size - count(corpus.own | corpus.opponent)
    return corpus[np.flatnonzero(left == empties)[:n]]


def minimax(own: int, opponent: int, size: int) -> int:
    """Difference of discs under perfect play, by looking at every line of play."""
    if is_over(own, opponent, size=size):
        return 2 * int(final_score(own, opponent, size)) - size * size
    moves = squares(int(legal_moves(own, opponent, size=size))) or [PASS]
    after = (play(own, opponent, move, size=size) for move in moves)
    return max(-minimax(int(mine), int(theirs), size) for mine, theirs in after)


def scores(own: int, opponent: int, size: int = 8) -> dict[int, int]:
    """Exact scores of all legal moves."""
    solver = EndgameSolver(size)
    found = {}
    for square in squares(int(legal_moves(own, opponent, size=size))):
        mine, theirs = play(own, opponent, square, size=size)
        found[square] = -solver.score(int(mine), int(theirs))
    return found


@pytest.mark.parametrize("size", [6, 8])
@pytest.mark.parametrize("empties", [1, 2, 3, 4, 5])
def test_scores_are_those_of_minimax(empties: int, size: int) -> None:
    solver = EndgameSolver(size)
    corpus = endgames(12, empties, size=size, seed=empties)

    for row in range(len(corpus)):
        own, opponent = int(corpus.own[row]), int(corpus.opponent[row])

        assert solver.score(own, opponent) == minimax(own, opponent, size)


def test_ordering_and_memory_do_not_change_a_score() -> None:
    solver = EndgameSolver()
    corpus = endgames(3, 8, seed=1)

    for row in range(len(corpus)):
        own, opponent = int(corpus.own[row]), int(corpus.opponent[row])

        # A position is worth what the position after its best move is.
        assert solver.score(own, opponent) == max(scores(own, opponent).values())


def test_the_winner_is_given_the_empty_squares() -> None:
    assert EndgameSolver().score(0b1111, 0) == 64


def test_a_player_without_a_move_is_scored_through_the_pass() -> None:
    # White has no move; Black then takes the last disc of White.
    position = Position.from_obf("-OXXXXXX" + "-" * 56 + " O")

    assert EndgameSolver().score(position.own, position.opponent) == -64


@pytest.mark.slow
@pytest.mark.parametrize(("line", "published"), PUBLISHED)
def test_every_move_of_a_published_position_has_its_score(
    line: str, published: str
) -> None:
    position = Position.from_obf(line)

    found = scores(position.own, position.opponent)

    expected = {word[:2]: int(word[3:]) for word in published.split()}
    assert {square_name(s): score for s, score in found.items()} == expected


@pytest.mark.parametrize(("line", "published"), PUBLISHED)
def test_a_published_position_has_its_score(line: str, published: str) -> None:
    position = Position.from_obf(line)

    score = EndgameSolver().score(position.own, position.opponent)

    assert score == int(published.split()[0][3:])


class PerfectPlayer:
    """Plays a best move, or where told so the worst one."""

    size, name = 8, "perfect"

    def __init__(self, *, worst: bool = False) -> None:
        self.worst = worst

    def __call__(
        self, own: np.ndarray, opponent: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        del rng
        choose = min if self.worst else max
        found = map(scores, own.tolist(), opponent.tolist())
        return np.array([choose(each, key=each.get) for each in found])


@pytest.fixture(scope="module")
def late(random_corpus: Corpus) -> Corpus:
    return endgame_positions(random_corpus, 40, most_empties=6)


def test_positions_have_few_empty_squares_and_a_choice(late: Corpus) -> None:
    assert len(late) == 40
    assert (count(late.own | late.opponent) >= 58).all()
    assert (count(late.legal) > 1).all()


def test_a_perfect_player_loses_nothing(late: Corpus) -> None:
    result = play_endgames(PerfectPlayer(), late)

    assert (result.positions, result.best_moves, result.disc_loss) == (40, 1.0, 0.0)


def test_the_loss_is_that_against_the_best_move(late: Corpus) -> None:
    every = map(scores, late.own.tolist(), late.opponent.tolist())
    worst = [max(each.values()) - min(each.values()) for each in every]

    result = play_endgames(PerfectPlayer(worst=True), late)

    assert result.disc_loss == pytest.approx(np.mean(worst), abs=1e-4)
    assert result.best_moves == np.mean(np.array(worst) == 0)


def test_a_random_player_lies_between(late: Corpus) -> None:
    told: list[int] = []

    result = play_endgames(
        RandomPlayer(), late, on_progress=lambda _stage, done, _n: told.append(done)
    )

    assert 0 < result.best_moves < 1
    assert told == list(range(1, 41))


def test_without_a_position_nothing_is_said(random_corpus: Corpus) -> None:
    with pytest.raises(ValueError, match="no position has few enough"):
        play_endgames(RandomPlayer(), random_corpus[:0])
