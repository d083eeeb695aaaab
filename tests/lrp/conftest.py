"""Small networks and positions for tests of relevance."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from conceptlrp.networks import OthelloNet
from conceptlrp.othello import NO_MOVE, Corpus, Games, legal_moves, play
from conceptlrp.othello.board import start


def randomize(network: nn.Module, seed: int = 0) -> nn.Module:
    """Give a network random weights and batch norm statistics, for evaluation."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if not tensor.is_floating_point():
                continue
            noise = torch.randn(tensor.shape, generator=generator)
            if name.endswith("running_var"):
                tensor.copy_(0.5 + noise.abs())
            elif tensor.dim() > 1:
                tensor.copy_(noise / tensor[0].numel() ** 0.5)
            else:
                tensor.copy_(0.3 * noise + (1.0 if "bn" in name else 0.0))
    return network.eval()


def playout_moves(rng: np.random.Generator, size: int) -> list[int]:
    """Play random legal moves to the end of the game, passes left out."""
    own, opponent = (np.uint64(b) for b in start(size))
    moves: list[int] = []
    for _ in range(80):
        legal = int(legal_moves(own, opponent, size=size))
        if not legal:
            own, opponent = opponent, own
            legal = int(legal_moves(own, opponent, size=size))
        if not legal:
            break
        squares = [s for s in range(64) if legal >> s & 1]
        moves.append(int(rng.choice(squares)))
        own, opponent = play(own, opponent, moves[-1])
    return moves


def random_corpus(n_games: int, *, size: int = 8, seed: int = 0) -> Corpus:
    """Return all positions of random games."""
    rng = np.random.default_rng(seed)
    width = size * size - 4
    games = [playout_moves(rng, size) for _ in range(n_games)]
    moves = np.full((n_games, width), NO_MOVE, np.int8)
    for row, game in zip(moves, games, strict=True):
        row[: len(game)] = game
    return Corpus.from_games(Games.from_moves(moves, size=size))


@pytest.fixture(scope="session")
def random_positions() -> Corpus:
    """Return 24 positions of random games."""
    return random_corpus(4).sample(24, seed=1)


@pytest.fixture(scope="session")
def small_network() -> OthelloNet:
    """Return an 8x8 network of 6 channels with random weights."""
    return randomize(OthelloNet(channels=6))  # type: ignore[return-value]


def a_third(names: Iterable[str]) -> list[Any]:
    """Leave two in three of many like cases to the tests that are slow."""
    return [
        pytest.param(name, marks=[pytest.mark.slow] * (i % 3 > 0), id=name)
        for i, name in enumerate(names)
    ]
