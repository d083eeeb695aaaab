import numpy as np
import pytest

from conceptlrp.othello import Corpus
from conceptlrp.othello.board import count
from conceptlrp.selfplay import (
    EndgameSolver,
    RandomPlayer,
    endgame_positions,
    play_endgames,
)


class PerfectPlayer:
    """Plays a best move, or where told so the worst one."""

    size, name = 8, "perfect"

    def __init__(self, *, worst: bool = False) -> None:
        self.worst = worst

    def __call__(
        self, own: np.ndarray, opponent: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        del rng
        solver, choose = EndgameSolver(), min if self.worst else max
        solutions = map(solver.solve, own.tolist(), opponent.tolist())
        return np.array([choose(s.scores, key=s.scores.get) for s in solutions])


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
    solver = EndgameSolver()
    solutions = [
        solver.solve(int(own), int(opponent))
        for own, opponent in zip(late.own, late.opponent, strict=True)
    ]
    worst = [s.score - min(s.scores.values()) for s in solutions]

    result = play_endgames(PerfectPlayer(worst=True), late)

    assert result.disc_loss == pytest.approx(np.mean(worst), abs=1e-4)
    assert result.best_moves == np.mean(np.array(worst) == 0)


def test_a_random_player_lies_between(late: Corpus) -> None:
    told: list[int] = []

    result = play_endgames(
        RandomPlayer(), late, on_positions=lambda done, _n: told.append(done)
    )

    assert 0 < result.best_moves < 1
    assert told == list(range(1, 41))


def test_without_a_position_nothing_is_said(random_corpus: Corpus) -> None:
    with pytest.raises(ValueError, match="no position has few enough"):
        play_endgames(RandomPlayer(), random_corpus[:0])
