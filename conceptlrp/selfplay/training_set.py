"""Positions with what a network should say of them, and how well it does on others.

A target policy is a distribution over actions. Where all of it lies on one action,
the move played, that action stands for it; a search gives its visit counts.

Shapes use N positions and A = n * n + 1 actions of a board of n x n squares.
"""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax  # type: ignore[import-untyped]

from conceptlrp.networks import BoardNetwork, predict
from conceptlrp.networks.planes import actions_of_squares, legal_actions
from conceptlrp.othello import Corpus
from conceptlrp.othello.twins import position_keys
from conceptlrp.selfplay.rounds import SelfPlayGames

_LOG = logging.getLogger(__name__)

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
        """Take the visits and outcomes of self-play as targets, in their order.

        Positions that were not searched, as those of random openings, are left out.
        """
        searched = played.visits.sum(axis=1) > 0
        if not searched.any():
            msg = "no position was searched, so there are no visits to learn"
            raise ValueError(msg)
        corpus, visits = played.corpus[searched], played.visits[searched]
        policy = visits / visits.sum(axis=1, keepdims=True)
        boards = corpus.own, corpus.opponent
        return TrainingSet(*boards, policy, corpus.outcome, corpus.size)

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


@dataclass(frozen=True)
class Validation:
    """How well a network predicts the moves and results of games.

    ``top1`` and ``top3`` are how often the move played is the best, or among the best
    three, of the legal moves, ``illegal`` how often an illegal action has the highest
    logit, ``value_sign`` how often the value has the sign of the outcome of decided
    games. ``policy_loss`` is the cross entropy of the move over all actions, in nats,
    ``value_loss`` the squared error of tanh(value) over finished games or nan.
    """

    positions: int
    top1: float
    top3: float
    illegal: float
    value_sign: float
    policy_loss: float
    value_loss: float


def validate(network: BoardNetwork, corpus: Corpus) -> Validation:
    """Compare a network with the moves and outcomes of a corpus of its board size."""
    said = predict(network, corpus.own, corpus.opponent, batch_size=1024)
    legal = legal_actions(corpus.own, corpus.opponent, size=network.size)
    actions = actions_of_squares(corpus.played, size=network.size)
    rows = np.arange(len(corpus))
    masked = np.where(legal, said.logits, -np.inf)
    better = (masked > masked[rows, actions][:, None]).sum(axis=1)
    sign, error = _value_agreement(said.value, corpus.outcome)
    return Validation(
        positions=len(corpus),
        top1=float((better < 1).mean()),
        top3=float((better < 3).mean()),
        illegal=float(1 - legal[rows, said.logits.argmax(axis=1)].mean()),
        value_sign=sign,
        policy_loss=-float(log_softmax(said.logits, axis=1)[rows, actions].mean()),
        value_loss=error,
    )


def hold_out(
    corpus: Corpus,
    *,
    year: int | None = None,
    share: float | None = None,
    seed: int = 0,
) -> tuple[Corpus, Corpus]:
    """Split off a year or share, twins on one side: the rest, and what is held out."""
    if (year is None) == (share is None):
        msg = "give a year or a share to hold out, and not both"
        raise ValueError(msg)
    key = position_keys(corpus)
    if share is not None:
        held_out = _drawn(corpus, key, share, seed)
        return corpus[~held_out], corpus[held_out]
    held_out = corpus.year == year
    rest = ~np.isin(key, key[held_out])
    if not rest.any() or not held_out.any():
        which = "all positions are" if held_out.any() else "no position is"
        also = ", or twins of its games" if not held_out.all() else ""
        msg = f"{which} from {year}, the year to hold out{also}"
        raise ValueError(msg)
    learned, twins = corpus[rest], np.unique(corpus.game[~rest & ~held_out])
    if len(twins):
        games = f"{len(twins):,} game{'s' * (len(twins) != 1)} of other years"
        note = f"{games} left out of the learning, twins of games of {year}"
        _LOG.info(note)
        learned = replace(learned, notes=(*corpus.notes, note))
    return learned, corpus[held_out]


def _drawn(
    corpus: Corpus, key: NDArray[np.int64], share: float, seed: int
) -> NDArray[np.bool_]:
    """Draw a share of the keys (N,) of games, the same for games in any order."""
    if not 0 < share < 1:
        msg = f"share is {share}, expected a number between 0 and 1"
        raise ValueError(msg)
    game, row = np.unique(corpus.game, return_index=True)
    order = np.lexsort(corpus.games.moves[game].T[::-1])
    _, first = np.unique(key[row][order], return_index=True)
    n = round(share * len(first))
    if not 0 < n < len(first):
        msg = (
            f"{share:g} of {len(first)} games are {n}, expected at least one to hold "
            "out and one to learn from; give more games or another share"
        )
        raise ValueError(msg)
    # Whatever comes first in a random order is held out.
    place = np.random.default_rng(seed).permutation(len(first))
    drawn: NDArray[np.bool_] = place[first.argsort().argsort()][key] < n
    return drawn


def _value_agreement(value: np.ndarray, outcome: np.ndarray) -> tuple[float, float]:
    """Share of right signs over decided games, squared error over finished ones."""
    finished = np.isfinite(outcome)
    decided = finished & (outcome != 0) & np.isfinite(value)
    right = np.sign(value[decided]) == np.sign(outcome[decided])
    errors = (value[finished] - outcome[finished]) ** 2
    sign, error = (
        float(each.mean()) if len(each) else float("nan") for each in (right, errors)
    )
    return sign, error
