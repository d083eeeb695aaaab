"""Games that a network plays against itself, as material to explain it on."""

import numpy as np
from numpy.typing import NDArray

from conceptlrp.networks import BoardNetwork
from conceptlrp.othello import Games
from conceptlrp.othello.board import start
from conceptlrp.othello.symmetry import turn, turn_squares
from conceptlrp.selfplay.arena import play_games, random_openings
from conceptlrp.selfplay.players import NetworkPlayer

# Rounds without a new game after which there seems to be none left.
_IDLE_ROUNDS = 5


def sample_games(
    network: BoardNetwork,
    n: int,
    *,
    temperature: float = 0.5,
    opening_plies: int = 6,
    seed: int = 0,
    name: str = "network",
) -> Games:
    """Sample distinct games of a network against itself, without search.

    A game begins with random moves, goes on with moves drawn from the policy, and is
    in the end turned by a random one of the symmetries that keep the start, so that
    every first move occurs.

    Parameters
    ----------
    network : BoardNetwork
        Plays both colours.
    n : int
        Number of games, no two of which have the same moves.
    temperature : float
        See `NetworkPlayer`; 0 leaves only the opening to chance.
    opening_plies : int
        Random moves before the network takes over.
    seed : int
        Seed of openings, moves and symmetries.
    name : str
        Name of both players.

    Returns
    -------
    Games
        Finished games with the name of the network on both sides.

    Raises
    ------
    ValueError
        If `n` distinct games do not come up, because too little is left to chance.
    """
    player = NetworkPlayer(network, temperature, name)
    kept = np.empty((0, network.size**2 - 4), dtype=np.int8)
    idle = 0
    seeds = np.random.SeedSequence(seed)
    while len(kept) < n and idle < _IDLE_ROUNDS:
        round_seeds = seeds.spawn(1)[0].generate_state(3)
        sampled = _round(player, n - len(kept), opening_plies, round_seeds)
        known, kept = len(kept), _distinct(np.concatenate([kept, sampled]))
        idle = idle + 1 if len(kept) == known else 0
    if len(kept) < n:
        message = (
            f"only {len(kept)} of {n} distinct games came up; "
            "raise the temperature or the opening plies"
        )
        raise ValueError(message)
    return Games.from_moves(kept, size=network.size, black=name, white=name)


def _round(
    player: NetworkPlayer, n: int, plies: int, seeds: NDArray[np.unsignedinteger]
) -> NDArray[np.int8]:
    """Play n games from random openings and turn them; three seeds for one round."""
    opening, playing, turning = (int(seed) for seed in seeds)
    openings = random_openings(n, plies, seed=opening, size=player.size)
    games = play_games(player, player, openings=openings, seed=playing)
    return _turned(games, turning)


def _turned(games: Games, seed: int) -> NDArray[np.int8]:
    """Turn each game by a random symmetry that keeps the start."""
    discs = start(games.size)
    kept = [s for s in range(8) if tuple(map(int, turn(discs, s))) == discs]
    drawn = np.random.default_rng(seed).choice(kept, size=(len(games), 1))
    return turn_squares(games.moves, drawn)


def _distinct(moves: NDArray[np.int8]) -> NDArray[np.int8]:
    """Keep the first of equal rows, in order."""
    _, first = np.unique(moves, axis=0, return_index=True)
    return moves[np.sort(first)]
