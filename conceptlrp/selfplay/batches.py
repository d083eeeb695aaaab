"""Training batches: positions turned by random symmetries, without Python loops.

Every game of the WTHOR database starts with f5, so a network that learns from the
games as they are sees one orientation of the board only. Each position is therefore
turned by a random one of the 8 symmetries each time it is shown.

Shapes use B positions of a batch, P input planes and a board of n x n squares.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from conceptlrp.networks.planes import actions_of_squares, as_planes, difference
from conceptlrp.othello import Corpus, turn_squares


@dataclass(frozen=True)
class Batch:
    """What a network is shown, and what it should answer.

    Attributes
    ----------
    planes : Tensor of shape (B, P, n, n)
        Own minus opponent, or own and opponent apart, turned.
    actions : Tensor of int64, shape (B,)
        The move that was played, turned alike.
    outcome : Tensor of shape (B,)
        +1, 0 or -1 for the player to move; 0 for an unfinished game.
    weight : Tensor of shape (B,)
        1, and 0 for a position of an unfinished game, whose outcome is unknown.
    """

    planes: Tensor
    actions: Tensor
    outcome: Tensor
    weight: Tensor


class BatchMaker:
    """Make shuffled, randomly turned batches of a corpus.

    Parameters
    ----------
    corpus : Corpus
        Positions with the moves played in them.
    batch_size : int
        Positions of a batch; an incomplete last batch of an epoch is left out.
    seed : int
        Seed of the order and of the symmetries.
    planes : int
        1 for own minus opponent, 2 for own and opponent apart.

    Raises
    ------
    ValueError
        If the corpus holds less than one batch.
    """

    def __init__(
        self, corpus: Corpus, *, batch_size: int, seed: int = 0, planes: int = 1
    ) -> None:
        if len(corpus) < batch_size:
            message = (
                f"the corpus has {len(corpus)} positions, fewer than one batch of "
                f"{batch_size}; give more games or a smaller batch"
            )
            raise ValueError(message)
        self.corpus = corpus
        self.batch_size = batch_size
        self.seed = seed
        self.planes = planes
        outcome = corpus.outcome
        self._weight = np.isfinite(outcome).astype(np.float32)
        self._outcome = np.nan_to_num(outcome).astype(np.float32)

    @property
    def steps_per_epoch(self) -> int:
        """Number of whole batches in the corpus."""
        return len(self.corpus) // self.batch_size

    def __iter__(self) -> Iterator[Batch]:
        """Give batches without end, every epoch in a new order."""
        rng = np.random.default_rng(self.seed)
        while True:
            order = rng.permutation(len(self.corpus))
            used = self.steps_per_epoch * self.batch_size
            for rows in order[:used].reshape(-1, self.batch_size):
                yield self.batch(rows, rng.integers(8, size=len(rows)))

    def batch(self, rows: NDArray[np.int64], symmetries: NDArray[np.integer]) -> Batch:
        """Make the batch of these rows, each turned by its symmetry.

        Parameters
        ----------
        rows, symmetries : ndarray of integers, shape (B,)
            Rows of the corpus, and a symmetry from 0 to 7 for each.
        """
        corpus = self.corpus
        squares = turn_squares(corpus.played[rows], symmetries)
        discs = difference(corpus.own[rows], corpus.opponent[rows])
        turned = np.take_along_axis(discs, _SOURCE[symmetries], axis=1)
        planes = as_planes(turned, size=corpus.size, planes=self.planes)
        return Batch(
            planes=torch.from_numpy(planes),
            actions=torch.from_numpy(actions_of_squares(squares, size=corpus.size)),
            outcome=torch.from_numpy(self._outcome[rows]),
            weight=torch.from_numpy(self._weight[rows]),
        )


def _sources() -> NDArray[np.int64]:
    """Square whose content comes to each square under each symmetry, (8, 64)."""
    squares = np.arange(64)
    return np.stack([np.argsort(turn_squares(squares, s)) for s in range(8)])


_SOURCE = _sources()
