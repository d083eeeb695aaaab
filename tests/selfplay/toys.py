"""Evaluators that need no network, and what they are asked about."""

import numpy as np

from conceptlrp.networks.planes import legal_actions
from conceptlrp.othello import Corpus
from conceptlrp.selfplay import RandomPlayer
from conceptlrp.selfplay.arena import play_games

_MIXER = np.uint64(0x9E3779B97F4A7C15)


class HashEvaluator:
    """Priors and values drawn from the position itself, so the batch plays no part."""

    def __init__(self, size: int = 8, values: float = 0.5) -> None:
        self.size = size
        self.values = values
        self.asked: list[tuple[int, int]] = []

    def __call__(
        self, own: np.ndarray, opponent: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        self.asked += zip(own.tolist(), opponent.tolist(), strict=True)
        legal = legal_actions(own, opponent, size=self.size)
        words = own * _MIXER ^ opponent
        actions = np.arange(legal.shape[1], dtype=np.uint64)
        weights = np.exp(2 * noise(words[:, None] + actions)) * legal
        priors = weights / weights.sum(axis=1, keepdims=True)
        value = self.values * (2 * noise(words) - 1)
        return priors.astype(np.float32), value.astype(np.float32)


def noise(words: np.ndarray) -> np.ndarray:
    """Numbers from 0 to 1 that look random, one a word."""
    for shift in (29, 32, 31):
        words = (words ^ words >> np.uint64(shift)) * _MIXER
    return (words >> np.uint64(11)) / 2.0**53


def positions(n: int, *, size: int = 8, seed: int = 0) -> Corpus:
    """Positions of random games, of all phases."""
    player = RandomPlayer(size)
    games = play_games(player, player, count=n // 20 + 1, seed=seed)
    return Corpus.from_games(games).sample(n, seed=seed)
