"""Positions that channels are ablated on, and the output that is followed there.

Shapes use N positions, n x n squares and A actions.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from conceptlrp.errors import TargetError
from conceptlrp.lrp.probing import VALUE, boards_of
from conceptlrp.lrp.targets import Contrast, Neuron, Target, Value
from conceptlrp.networks.planes import actions_of_squares, legal_actions
from conceptlrp.othello import Corpus
from conceptlrp.store import Store

_NOTHING = -2


@dataclass(frozen=True)
class FollowedSample:
    """Rows of a store with the output that its target means at each position.

    ``boards`` (N, n, n) and ``legal`` actions (N, A) are those of the corpus; ``plus``
    (N,) is the action whose logit is followed, or `VALUE`, and ``minus`` (N,) the one
    whose logit a contrast subtracts.
    """

    rows: NDArray[np.int64]
    corpus: Corpus
    boards: NDArray[np.int8]
    legal: Tensor
    plus: Tensor
    minus: Tensor

    def __len__(self) -> int:
        return len(self.boards)

    def explained(self, logits: Tensor, value: Tensor, rows: Tensor) -> Tensor:
        """Return the followed output (M,) of outputs that belong to rows (M,)."""

        def output(action: Tensor) -> Tensor:
            logit = logits.gather(1, action.clamp(min=0)[:, None])[:, 0]
            return torch.where(action == VALUE, value, logit)

        minus = self.minus[rows]
        subtracted = torch.where(minus == _NOTHING, 0, output(minus))
        return output(self.plus[rows]) - subtracted


def follow_sample(
    store: Store,
    *,
    target: int | str,
    n_positions: int,
    seed: int,
    device: torch.device,
) -> FollowedSample:
    """Draw positions of a store, from as many games as there are."""
    rows = spread_rows(
        store.columns.metadata.of_positions("game"), n_positions, seed=seed
    )
    if len(rows) < 2:
        msg = f"{len(rows)} positions to ablate channels on, expected at least 2"
        raise ValueError(msg)
    corpus, logits = store.positions[rows], store.arrays.logits(rows=rows)
    plus, minus = _actions(store, rows, target, corpus, logits)
    legal = legal_actions(corpus.own, corpus.opponent, size=corpus.size)
    tensors = (
        torch.from_numpy(np.ascontiguousarray(array)).to(device)
        for array in (legal[:, : logits.shape[1]], plus, minus)
    )
    return FollowedSample(rows, corpus, boards_of(corpus), *tensors)


def spread_rows(games: ArrayLike, n: int, *, seed: int = 0) -> NDArray[np.int64]:
    """Draw rows at random, a second one of a game only once all games have one.

    They are ascending. A game's rows are equally likely, so phases of the game come
    up as often as games have positions of them.

    Examples
    --------
    >>> spread_rows([5, 5, 5, 7], 2).shape
    (2,)
    """
    game = np.asarray(games)
    lots = np.random.default_rng(seed).permutation(len(game))
    order = np.lexsort((lots, game))
    first = np.flatnonzero(np.diff(game[order], prepend=game.min(initial=0) - 1))
    turn = np.empty(len(game), np.int64)
    turn[order] = np.arange(len(game)) - np.repeat(
        first, np.diff(first, append=len(game))
    )
    return np.sort(np.lexsort((lots, turn))[:n]).astype(np.int64)


def _actions(
    store: Store,
    rows: NDArray[np.int64],
    target: int | str,
    corpus: Corpus,
    logits: NDArray[Any],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the action (N,) that is followed and the one that is subtracted."""
    name = store.targets[store.target_index(target)]
    nothing = np.full(len(rows), _NOTHING, np.int64)
    asked = Target.parse(name, corpus.size)
    if isinstance(asked, Value):
        return np.full(len(rows), VALUE, np.int64), nothing
    if isinstance(asked, Neuron):
        msg = (
            f"target '{name}' is no output of the network; effects are of moves and "
            "the value"
        )
        raise TargetError(msg)
    squares = store.arrays.explained_square(rows=rows, target=target)
    plus = actions_of_squares(squares, size=corpus.size).astype(np.int64)
    if not isinstance(asked, Contrast):
        return plus, nothing
    opposed = asked.opposed_at(corpus, logits)
    return plus, actions_of_squares(opposed, size=corpus.size).astype(np.int64)
