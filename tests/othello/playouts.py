"""Seeded random games, made by the rules that the tests look at."""

import numpy as np
from numpy.typing import NDArray

from conceptlrp.othello import NO_MOVE, Games, legal_moves, play
from conceptlrp.othello.board import start

MOVES = {6: 32, 8: 60}


def random_moves(count: int, *, seed: int = 0, size: int = 8) -> NDArray[np.int8]:
    """Return the moves of complete random games, of shape (count, 60 or 32)."""
    rng = np.random.default_rng(seed)
    own, opponent = (np.full(count, discs, np.uint64) for discs in start(size))
    moves = np.full((count, MOVES[size]), NO_MOVE, np.int8)
    for ply in range(MOVES[size]):
        passed = legal_moves(own, opponent, size=size) == 0
        own, opponent = np.where(passed, (opponent, own), (own, opponent))
        legal = legal_moves(own, opponent, size=size)
        going = np.flatnonzero(legal)
        chosen = _random_bits(legal[going], rng)
        moves[going, ply] = chosen
        own[going], opponent[going] = play(
            own[going], opponent[going], chosen, size=size
        )
    return moves


def random_games(count: int, *, seed: int = 0, size: int = 8) -> Games:
    """Return complete random games, players named and years from 1990 on."""
    moves = random_moves(count, seed=seed, size=size)
    return Games.from_moves(
        moves,
        size=size,
        black=[f"Black {n}" for n in range(count)],
        white=[f"White {n}" for n in range(count)],
        tournament="Playouts",
        year=1990 + np.arange(count) % 10,
        source="playouts",
    )


def _random_bits(words: NDArray[np.uint64], rng: np.random.Generator) -> NDArray:
    bits = words[:, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)
    return (rng.random(bits.shape) * bits).argmax(axis=1).astype(np.int8)
