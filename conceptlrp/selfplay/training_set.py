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
from numpy.typing import ArrayLike, NDArray

from conceptlrp.networks.planes import actions_of_squares
from conceptlrp.othello import Corpus
from conceptlrp.selfplay.self_play import SelfPlayGames

_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
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
        Squares along one side of the board, 6 or 8.

    Raises
    ------
    ValueError
        If shapes do not fit, an action does not exist, or probabilities are below 0
        or do not add up to 1.
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

    def __getitem__(self, rows: Any) -> "TrainingSet":
        chosen = {name: column[rows] for name, column in self.columns().items()}
        return TrainingSet(**chosen, size=self.size)

    @staticmethod
    def from_corpus(corpus: Corpus) -> "TrainingSet":
        """Take the moves and outcomes of games as targets.

        Parameters
        ----------
        corpus : Corpus
            Positions with the moves played in them.

        Returns
        -------
        TrainingSet
            In the order of the corpus.

        Raises
        ------
        ValueError
            If a position comes without its move.
        """
        actions = actions_of_squares(corpus.played, size=corpus.size)
        unknown = int((actions < 0).sum())
        if unknown:
            message = f"{unknown:,} positions come without the move played in them"
            raise ValueError(message)
        return TrainingSet(
            corpus.own,
            corpus.opponent,
            actions.astype(np.int8),
            corpus.outcome,
            corpus.size,
        )

    @staticmethod
    def from_visits(
        own: ArrayLike,
        opponent: ArrayLike,
        visits: ArrayLike,
        outcome: ArrayLike,
        *,
        size: int = 8,
    ) -> "TrainingSet":
        """Take the visit counts of a search as target policy.

        Parameters
        ----------
        own, opponent : array_like of uint64, shape (N,)
            Discs of the player to move and of the other one.
        visits : array_like, shape (N, A)
            How often the search went each way, or anything proportional to it.
        outcome : array_like, shape (N,)
            Of the game, or a mean of it and of the value that the search found.
        size : int
            Squares along one side of the board, 6 or 8.

        Returns
        -------
        TrainingSet
            With probabilities proportional to the visits.

        Raises
        ------
        ValueError
            If a position was never visited.
        """
        counts = np.asarray(visits, dtype=np.float64)
        total = counts.sum(axis=1, keepdims=True)
        if (total <= 0).any():
            message = "a position has no visit, expected at least one in each"
            raise ValueError(message)
        policy = (counts / total).astype(np.float32)
        return TrainingSet(
            np.asarray(own, np.uint64),
            np.asarray(opponent, np.uint64),
            policy,
            np.asarray(outcome, np.float32),
            size,
        )

    @staticmethod
    def from_self_play(
        played: SelfPlayGames, *, value_share: float = 0.0
    ) -> "TrainingSet":
        """Take the visits and outcomes of self-play as targets.

        Parameters
        ----------
        played : SelfPlayGames
            Positions that were not searched, such as those of random openings, are
            left out.
        value_share : float
            Share of the search's value in the target value, the rest being the
            outcome's.

        Returns
        -------
        TrainingSet
            In the order of the positions.

        Raises
        ------
        ValueError
            If the share is outside 0 to 1, or nothing was searched.
        """
        if not 0 <= value_share <= 1:
            message = f"value_share is {value_share}, expected a number from 0 to 1"
            raise ValueError(message)
        searched = played.visits.sum(axis=1) > 0
        if not searched.any():
            message = "no position was searched, so there are no visits to learn"
            raise ValueError(message)
        corpus = played.corpus[searched]
        value = played.value[searched]
        return TrainingSet.from_visits(
            corpus.own,
            corpus.opponent,
            played.visits[searched],
            corpus.outcome * (1 - value_share) + value * value_share,
            size=corpus.size,
        )

    @staticmethod
    def concatenate(parts: Sequence["TrainingSet"]) -> "TrainingSet":
        """Join examples for one size of board.

        Parameters
        ----------
        parts : sequence of TrainingSet
            At least one. Where any has probabilities, the result has them.

        Returns
        -------
        TrainingSet
            One part after the other.

        Raises
        ------
        ValueError
            If the boards differ in size.
        """
        sizes = {part.size for part in parts}
        if len(sizes) != 1:
            message = f"examples are for boards of sizes {sorted(sizes)}, expected one"
            raise ValueError(message)
        dense = any(part.policy.ndim == 2 for part in parts)
        policies = [part.probabilities if dense else part.policy for part in parts]
        return TrainingSet(
            np.concatenate([part.own for part in parts]),
            np.concatenate([part.opponent for part in parts]),
            np.concatenate(policies),
            np.concatenate([part.outcome for part in parts]),
            sizes.pop(),
        )

    @property
    def actions(self) -> int:
        """Number of actions of the board, the pass included."""
        return self.size**2 + 1

    @property
    def probabilities(self) -> NDArray[Any]:
        """Target policy as probabilities of shape (N, A)."""
        if self.policy.ndim == 2:
            return self.policy
        certain: NDArray[Any] = np.eye(self.actions, dtype=np.float32)[self.policy]
        return certain

    @cached_property
    def digest(self) -> str:
        """SHA-256 of positions and targets."""
        digest = hashlib.sha256(f"conceptlrp examples, size {self.size}".encode())
        for column in self.columns().values():
            digest.update(f"{column.dtype.str} {column.shape}\n".encode())
            digest.update(np.ascontiguousarray(column).tobytes())
        return digest.hexdigest()

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by their names."""
        names = ("own", "opponent", "policy", "outcome")
        return {name: getattr(self, name) for name in names}

    def _check_shapes(self) -> None:
        n = len(self.own)
        for name, column in self.columns().items():
            wide = name == "policy" and column.ndim == 2
            expected = (n, self.actions) if wide else (n,)
            if column.shape != expected:
                message = f"{name} has shape {column.shape}, expected {expected}"
                raise ValueError(message)

    def _check_policy(self) -> None:
        if not len(self):
            return
        if self.policy.ndim == 1:
            wrong = (self.policy < 0) | (self.policy >= self.actions)
            expected = f"an action from 0 to {self.actions - 1}"
        else:
            total = self.policy.sum(axis=1)
            wrong = ~(np.abs(total - 1) <= _TOLERANCE) | (self.policy < 0).any(axis=1)
            expected = "probabilities that add up to 1"
        if wrong.any():
            row = int(wrong.argmax())
            message = f"policy of row {row} is {self.policy[row]}, expected {expected}"
            raise ValueError(message)
