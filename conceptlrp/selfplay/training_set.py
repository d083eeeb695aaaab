"""A training set: positions with what a network should say of them.

A target policy is a distribution over actions. Where all of it lies on one action,
the move played, that action stands for it; a search gives its visit counts.

Shapes use N positions and A = n * n + 1 actions of a board of n x n squares.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.networks.planes import actions_of_squares
from conceptlrp.othello import Corpus
from conceptlrp.selfplay.rounds import SelfPlayGames

_TOLERANCE = 1e-3
_COLUMNS = ("own", "opponent", "policy", "outcome")


@dataclass(frozen=True, eq=False, repr=False)
class TrainingSet:
    """Positions, target policies and target values.

    Attributes
    ----------
    own, opponent : ndarray of uint64, shape (N,)
        Discs of the player to move and of the other one.
    policy : ndarray, int8 of shape (N,) or float32 of shape (N, A)
        The action to choose, or the probability of each.
    outcome : ndarray of float32, shape (N,)
        From -1 to 1 for the player to move; nan where it is unknown.
    size : int
        Side of the board, 6 or 8.
    """

    own: NDArray[np.uint64]
    opponent: NDArray[np.uint64]
    policy: NDArray[Any]
    outcome: NDArray[np.float32]
    size: int = 8

    def __post_init__(self) -> None:
        if np.ndim(self.policy) == 1:
            # What fits no byte must not turn into an action that exists.
            object.__setattr__(self, "policy", np.clip(self.policy, -1, 127))
        dtypes: dict[str, type[np.generic]] = {
            "own": np.uint64,
            "opponent": np.uint64,
            "policy": np.int8 if np.ndim(self.policy) == 1 else np.float32,
            "outcome": np.float32,
        }
        for name, dtype in dtypes.items():
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype))
        self._check_shapes()
        self._check_policy()

    def __len__(self) -> int:
        return len(self.own)

    def __repr__(self) -> str:
        targets = "moves" if self.policy.ndim == 1 else "visits"
        return f"TrainingSet({len(self):,} positions with {targets})"

    @staticmethod
    def from_corpus(corpus: Corpus) -> "TrainingSet":
        """Take the moves and outcomes of games as targets, in their order."""
        actions = actions_of_squares(corpus.played, size=corpus.size)
        unknown = int((actions < 0).sum())
        if unknown:
            msg = f"{unknown:,} positions come without the move played in them"
            raise ValueError(msg)
        return TrainingSet(
            *(corpus.own, corpus.opponent, actions, corpus.outcome), size=corpus.size
        )

    @staticmethod
    def from_self_play(played: SelfPlayGames) -> "TrainingSet":
        """Take the visits and outcomes of self-play as targets.

        Parameters
        ----------
        played : SelfPlayGames
            Positions that were not searched, such as those of random openings, are
            left out.

        Returns
        -------
        TrainingSet
            In the order of the positions.
        """
        searched = played.visits.sum(axis=1) > 0
        if not searched.any():
            msg = "no position was searched, so there are no visits to learn"
            raise ValueError(msg)
        corpus, visits = played.corpus[searched], played.visits[searched]
        return TrainingSet(
            corpus.own,
            corpus.opponent,
            visits / visits.sum(axis=1, keepdims=True),
            corpus.outcome,
            corpus.size,
        )

    @staticmethod
    def concatenate(parts: Sequence["TrainingSet"]) -> "TrainingSet":
        """Join training sets of one board size and one kind of policy."""
        sizes = {part.size for part in parts}
        if len(sizes) != 1:
            msg = f"positions are for boards of sizes {sorted(sizes)}, expected one"
            raise ValueError(msg)
        columns = [part._columns() for part in parts]
        joined = {name: np.concatenate([c[name] for c in columns]) for name in _COLUMNS}
        return TrainingSet(**joined, size=sizes.pop())

    @property
    def actions(self) -> int:
        """Number of actions of the board, the pass included."""
        return self.size**2 + 1

    @cached_property
    def digest(self) -> str:
        """SHA-256 of positions and targets."""
        digest = hashlib.sha256(f"conceptlrp training set, {self.size}".encode())
        for column in self._columns().values():
            digest.update(f"{column.dtype.str} {column.shape}\n".encode())
            digest.update(np.ascontiguousarray(column).tobytes())
        return digest.hexdigest()

    def _columns(self) -> dict[str, NDArray[Any]]:
        return {name: getattr(self, name) for name in _COLUMNS}

    def _check_shapes(self) -> None:
        n = len(self.own)
        for name, column in self._columns().items():
            wide = name == "policy" and column.ndim == 2
            expected = (n, self.actions) if wide else (n,)
            if column.shape != expected:
                msg = f"{name} has shape {column.shape}, expected {expected}"
                raise ValueError(msg)

    def _check_policy(self) -> None:
        if self.policy.ndim == 1:
            wrong = (self.policy < 0) | (self.policy >= self.actions)
            expected = f"an action from 0 to {self.actions - 1}"
        else:
            total = self.policy.sum(axis=1)
            wrong = ~(np.abs(total - 1) <= _TOLERANCE) | (self.policy < 0).any(axis=1)
            expected = "probabilities that add up to 1"
        if wrong.any():
            row = int(wrong.argmax())
            msg = f"policy of row {row} is {self.policy[row]}, expected {expected}"
            raise ValueError(msg)
