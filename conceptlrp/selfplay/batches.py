"""Training batches: positions turned by random symmetries, made where the network is.

Every game of the WTHOR database starts with f5, so a network that learns from the
games as they are sees one orientation of the board only. Each position is therefore
turned by a random one of the 8 symmetries each time it is shown.

A batch is a function of the seed and of its number alone: a training that goes on
after a kill asks for the next number and needs nothing else. Bitboards lie on the
network's device and are unpacked there, which costs a processor next to nothing and
keeps a graphics card from waiting.

Shapes use B positions of a batch, P input planes, a board of n x n squares and
A = n * n + 1 actions.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from conceptlrp.networks.planes import actions_of_squares, squares_of_actions
from conceptlrp.othello.symmetry import turn_squares
from conceptlrp.selfplay.training_set import TrainingSet


@dataclass(frozen=True)
class Batch:
    """What a network is shown, and what it should answer.

    Attributes
    ----------
    planes : Tensor of shape (B, P, n, n)
        Own minus opponent, or own and opponent apart, turned.
    policy : Tensor, int64 of shape (B,) or float32 of shape (B, A)
        The action to choose or the probability of each, turned alike.
    outcome : Tensor of shape (B,)
        For the player to move; 0 where it is unknown.
    weight : Tensor of shape (B,)
        1, and 0 where the outcome is unknown.
    """

    planes: Tensor
    policy: Tensor
    outcome: Tensor
    weight: Tensor


class Batches:
    """Shuffled, randomly turned batches of examples, by their number.

    Parameters
    ----------
    examples : TrainingSet
        Positions with targets.
    batch_size : int
        Positions of a batch; what is left of an epoch is not shown.
    seed : int
        Seed of the order and of the symmetries.
    planes : int
        1 for own minus opponent, 2 for own and opponent apart.
    device : device
        Where the batches shall be.

    Raises
    ------
    ValueError
        If the examples are fewer than one batch.
    """

    def __init__(
        self,
        examples: TrainingSet,
        *,
        batch_size: int,
        seed: int = 0,
        planes: int = 1,
        device: torch.device | str = "cpu",
    ) -> None:
        if len(examples) < batch_size:
            message = (
                f"the corpus has {len(examples)} positions to learn from, fewer than "
                f"one batch of {batch_size}; give more games or a smaller batch"
            )
            raise ValueError(message)
        self.examples = examples
        self.batch_size = batch_size
        self.seed = seed
        self.planes = planes
        self.device = torch.device(device)
        self._load(examples)
        self._epoch = -1

    @property
    def steps_per_epoch(self) -> int:
        """Number of whole batches in the examples."""
        return len(self.examples) // self.batch_size

    def __getitem__(self, number: int) -> Batch:
        """Return batch 0, 1, 2 ... without end, every epoch in a new order."""
        epoch, step = divmod(number, self.steps_per_epoch)
        if epoch != self._epoch:
            self._shuffle(epoch)
        chosen = slice(step * self.batch_size, (step + 1) * self.batch_size)
        return self._batch(self._order[chosen], self._symmetries[chosen].long())

    def batch(self, rows: ArrayLike, symmetries: ArrayLike) -> Batch:
        """Make the batch of these rows, each turned by its symmetry.

        Parameters
        ----------
        rows, symmetries : array_like of int, shape (B,)
            Rows of the examples, and a symmetry from 0 to 7 for each.
        """
        return self._batch(self._put(rows).long(), self._put(symmetries).long())

    def _load(self, examples: TrainingSet) -> None:
        """Bring examples and tables of symmetries to the device."""
        known = np.isfinite(examples.outcome)
        # torch shifts signed words only; their bits are the same.
        self._own = self._put(examples.own.view(np.int64))
        self._opponent = self._put(examples.opponent.view(np.int64))
        self._policy = self._put(examples.policy)
        self._outcome = self._put(np.nan_to_num(examples.outcome))
        self._weight = self._put(known.astype(np.float32))
        turned, source = _action_tables(examples.size)
        self._turned = self._put(turned)
        self._source_actions = self._put(source)
        squares = squares_of_actions(source[:, :-1], size=examples.size)
        self._source_squares = self._put(squares)

    def _put(self, array: ArrayLike) -> Tensor:
        return torch.tensor(np.asarray(array), device=self.device)

    def _shuffle(self, epoch: int) -> None:
        rng = np.random.default_rng([self.seed, epoch])
        self._order = self._put(rng.permutation(len(self.examples)))
        drawn = rng.integers(8, size=len(self.examples), dtype=np.uint8)
        self._symmetries = self._put(drawn)
        self._epoch = epoch

    def _batch(self, rows: Tensor, symmetries: Tensor) -> Batch:
        source = self._source_squares[symmetries]
        own = (self._own[rows, None] >> source) & 1
        opponent = (self._opponent[rows, None] >> source) & 1
        kinds = (own - opponent,) if self.planes == 1 else (own, opponent)
        size = self.examples.size
        planes = torch.stack(kinds, dim=1).float().view(len(rows), -1, size, size)
        return Batch(
            planes=planes,
            policy=self._turned_policy(self._policy[rows], symmetries),
            outcome=self._outcome[rows],
            weight=self._weight[rows],
        )

    def _turned_policy(self, policy: Tensor, symmetries: Tensor) -> Tensor:
        if policy.ndim == 1:
            return self._turned[symmetries, policy.long()]
        return policy.gather(1, self._source_actions[symmetries])


def _action_tables(size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each action goes under each symmetry and where it comes from, (8, A)."""
    squares = squares_of_actions(np.arange(size * size + 1), size=size)
    moved = [turn_squares(squares, symmetry) for symmetry in range(8)]
    turned = actions_of_squares(np.stack(moved), size=size)
    return turned, np.argsort(turned, axis=1)
