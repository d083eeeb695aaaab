import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from conceptlrp.errors import FileFormatError, OutputExistsError
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus, Position, legal_moves, play, square_name
from conceptlrp.othello.board import (
    PASS,
    count,
    final_score,
    from_boards,
    is_over,
    squares,
)
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
    with pytest.raises(OutputExistsError, match="already exists"):
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


# The endgame suite of the French federation, number by number those with up to 16 empty
# squares, the first seven with 14; it and the scores of all moves are published at
# http://www.radagast.se/othello/ffotest.html and with several programs.
PUBLISHED = {
    1: (
        "--XXXXX--OOOXX-O-OOOXXOX-OXOXOXXOXXXOXXX--XOXOXX-XXXOOO--OOOOO-- X",
        "g8:18 h1:12 h7:6 a2:6 a3:4 b1:-4 a4:-22 g2:-24",
    ),
    2: (
        "-XXXXXX---XOOOO--XOXXOOX-OOOOOOOOOOOXXOOOOOXXOOX--XXOO----XXXXX- X",
        "a4:10 b2:0 a3:-6 g7:-8 a7:-12 h7:-14 b7:-14 h2:-24",
    ),
    3: (
        "----OX----OOXX---OOOXX-XOOXXOOOOOXXOXXOOOXXXOOOOOXXXXOXO--OOOOOX X",
        "d1:2 g3:0 b8:-2 b1:-4 c1:-4 a2:-4 a3:-6 b2:-12",
    ),
    4: (
        "-XXXXXX-X-XXXOO-XOXXXOOXXXOXOOOX-OXOOXXX--OOOXXX--OOXX----XOXXO- X",
        "h8:0 a5:0 b6:-4 b7:-4 a6:-8 b2:-12 h2:-26",
    ),
    5: (
        "-OOOOO----OXXO-XXXOXOXX-XXOXOXXOXXOOXOOOXXXXOO-OX-XOOO---XXXXX-- X",
        "g8:32 g2:12 b2:-20 g6:-26 g1:-32 g7:-34",
    ),
    6: (
        "--OXXX--OOOXXX--OOOXOXO-OOXOOOX-OOXXXXXXXOOXXOX--OOOOX---XXXXXX- X",
        "a1:14 h3:14 a8:12 h2:8 g2:8 h4:4 g7:4 a7:-22 b1:-24",
    ),
    7: (
        "--OXXO--XOXXXX--XOOOXXXXXOOXXXXXXOOOOXXX-XXXXXXX--XXOOO----XXOO- X",
        "a6:8 g1:0 a1:-2 h8:-6 h7:-14 b1:-30",
    ),
    8: (
        "---X-X--X-XXXX--XXXXOXXXXXXOOOOOXXOXXXO-XOXXXXO-XOOXXX--XOOXXO-- O",
        "e1:8 h2:4 g2:4 b2:4 g7:4 b1:2 g1:-6 c1:-8",
    ),
    9: (
        "--XOXX--O-OOXXXX-OOOXXXX-XOXXXOXXXOXOOOXOXXOXOXX--OXOO----OOOO-- O",
        "g7:-8 a4:-8 b1:-16 a7:-16 b7:-26 a3:-30 g1:-38 h7:-40",
    ),
    10: (
        "-XXXX-----OXXX--XOXOXOXXOXOXXOXXOXXOXOOOXXXOXOOX--OXXO---OOOOO-- O",
        "b2:10 b7:4 f1:0 a7:-4 a2:-6 g2:-12 h2:-16 h7:-20",
    ),
    11: (
        "---O-XOX----XXOX---XXOOXO-XXOXOXXXXOOXOX-XOOXXXXXOOOXX-XOOOOOOO- O",
        "b3:30 c2:26 a6:24 g7:20 c3:18 d2:16 b4:10 e1:6",
    ),
    12: (
        "--O--O--X-OOOOX-XXOOOXOOXXOXOXOOXXOXXOOOXXXXOOOO--OXXX---XXXXX-- O",
        "b7:-8 a7:-10 g7:-14 g8:-14 h2:-16 g1:-16 h1:-20",
    ),
    13: (
        "--XXXXX--OOOXX---OOOXXXX-OXOXOXXOXXXOXXX--XOXOXX--OXOOO--OOOOO-- X",
        "b7:14 a4:0 a3:-8 b1:-18 g8:-20 h7:-20 a2:-24",
    ),
    14: (
        "--XXXXX---OOOX---XOOXXXX-OOOOOOOOOOXXXOOOOOXXOOX--XXOO----XXXXX- X",
        "a3:18 a4:12 b1:8 g7:-4 h7:-14 a7:-24 b7:-24 b2:-28",
    ),
    15: (
        "----O------OOX---OOOXX-XOOOXOOOOOXXOXXOOOXXXOOOOOXXXOOXO--OOOOOX X",
        "g3:4 b8:4 f1:0 c1:0 c2:-2 d1:-4 b2:-8 a3:-8",
    ),
    16: (
        "-XXXXXX-X-XXXOO-XOXXXOOXXOOXXXOX-OOOXXXX--OOXXXX---OOO----XOX-O- X",
        "f8:24 c7:20 a5:6 h1:6 b6:0 b7:-2 a6:-6 h2:-26",
    ),
    17: (
        "-OOOOO----OXXO-XXXOOOXX-XXOXOXXOXXOOXOOOXXXXOO-OX-XOO----XXXX--- X",
        "f8:8 g2:6 g6:-24 g1:-32 f7:-32 g7:-34 b2:-38",
    ),
    18: (
        "-XXX------OOOX--XOOOOOXXOXOXOOXXOXXOOOOOXXXOXOOX--OXXO---OOOOO-- X",
        "g2:-2 b7:-6 f1:-8 e1:-10 h7:-12 g8:-14 g7:-14 a2:-18 b2:-18",
    ),
    19: (
        "--OXXO--XOXXXX--XOOOOXXXXOOOXXXXX-OOOXXX--OOOOXX--XXOOO----XXOO- X",
        "b6:8 h8:4 b7:0 g1:-6 b5:-16 h7:-16 b1:-24",
    ),
    20: (
        "XXXOXXXXOXXXXXXXOOXXXXXXOOOXXXXXOOOXXOO-OOOOO---OOOOOOO-OOOOOOO- X",
        "h5:6 g6:-2 f6:-4 h6:-10",
    ),
    21: (
        "OOOOOOOOXOOXXX--XXOOXOO-XOXOOO--XOOOOX--XOOXOO--XOOOOO--XXXX---- O",
        "g5:0 g2:-2 g4:-4 g6:-6",
    ),
}


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


def published(number: int) -> tuple[Position, dict[str, int]]:
    line, told = PUBLISHED[number]
    moves = {word[:2]: int(word[3:]) for word in told.split()}
    return Position.from_obf(line), moves


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 2, 9, 17])
def test_every_move_of_a_published_position_has_its_score(number: int) -> None:
    position, moves = published(number)

    found = scores(position.own, position.opponent)

    assert {square_name(s): score for s, score in found.items()} == moves


@pytest.mark.parametrize(
    "number",
    [n if n < 3 else pytest.param(n, marks=pytest.mark.slow) for n in PUBLISHED],
)
def test_a_published_position_has_its_score(number: int) -> None:
    position, moves = published(number)

    score = EndgameSolver().score(position.own, position.opponent)

    assert score == max(moves.values())


def test_what_was_scored_is_not_searched_again() -> None:
    corpus, solver = endgames(3, 9, size=6, seed=2), EndgameSolver(6)
    boards = list(zip(corpus.own.tolist(), corpus.opponent.tolist(), strict=True))
    alone = [EndgameSolver(6).score(*board) for board in boards]

    assert [solver.score(*board) for board in boards] == alone
    searched = solver.nodes
    assert [solver.score(*board) for board in boards] == alone
    assert solver.nodes == searched


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


class Omniscient(OthelloNet):
    """Has the exact score as its value, with the opposite sign where told so."""

    def __init__(self, sign: int = 1) -> None:
        super().__init__(channels=1, size=6)
        self.sign, self.solver = sign, EndgameSolver(6)

    def forward(self, boards: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        policy, value = super().forward(boards)
        flat = boards.reshape(-1, 6, 6).numpy()
        words = [from_boards(flat == disc).tolist() for disc in (1, -1)]
        exact = [
            self.sign * self.solver.score(*pair) for pair in zip(*words, strict=True)
        ]
        return policy, torch.tensor(exact, dtype=value.dtype).reshape(value.shape)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_sign_of_a_value_is_compared_with_the_exact_score(sign: int) -> None:
    late = endgame_positions(endgames(30, 4, size=6), 30, most_empties=4)

    result = play_endgames(NetworkPlayer(Omniscient(sign).eval()), late)

    assert result.value_sign == (sign + 1) / 2
    assert play_endgames(RandomPlayer(6), late).value_sign is None


def test_without_games_the_lowest_mobility_plays_some(
    network: OthelloNet, tmp_path: Path
) -> None:
    rows = strength_card(network, tmp_path / "card.json", options=QUICK)["rows"]

    assert list(rows)[:3] == [
        "endgames, network",
        "endgames, network@2",
        "network v random",
    ]
    assert rows["endgames, network"]["positions"] == 4


def test_without_a_position_nothing_is_said(random_corpus: Corpus) -> None:
    with pytest.raises(ValueError, match="no position has few enough"):
        play_endgames(RandomPlayer(), random_corpus[:0])
