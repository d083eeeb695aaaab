"""Positions that channels are ablated on, their feature maps, and what is followed.

Shapes use N positions, K sets of maps for each, n x n squares, A actions, and C
channels of an H x W map.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from conceptlrp.errors import TargetError, check_known
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.baselines import mean_maps
from conceptlrp.lrp.batch import as_array
from conceptlrp.lrp.probing import VALUE, boards_of, forward
from conceptlrp.lrp.targets import Contrast, Neuron, Target, Value
from conceptlrp.networks.planes import actions_of_squares, legal_actions
from conceptlrp.othello import Corpus
from conceptlrp.othello.twins import position_keys
from conceptlrp.store import Store

#: In place of the action of a contrast where there is none.
NOTHING = -2


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

    def take(self, rows: slice | NDArray[Any]) -> "FollowedSample":
        """Return some of the positions."""
        return FollowedSample(*(getattr(self, f.name)[rows] for f in fields(self)))

    @cached_property
    def games(self) -> NDArray[np.int64]:
        """Return the game (N,) of each position, twins being one; see `game_keys`."""
        return position_keys(self.corpus)

    @property
    def is_contrast(self) -> bool:
        """Whether the logit of another move is subtracted."""
        return bool((self.minus != NOTHING).any())

    def explained(self, logits: Tensor, value: Tensor, rows: Tensor) -> Tensor:
        """Return the followed output (M,) of outputs that belong to rows (M,)."""

        def output(action: Tensor) -> Tensor:
            logit = logits.gather(1, action.clamp(min=0)[:, None])[:, 0]
            return torch.where(action == VALUE, value, logit)

        minus = self.minus[rows]
        subtracted = torch.where(minus == NOTHING, 0, output(minus))
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
        msg = f"found {len(rows)} to ablate channels on, expected at least 2 positions"
        raise ValueError(msg)
    return follow_rows(store, rows, target=target, device=device)


def follow_rows(
    store: Store, rows: NDArray[np.int64], *, target: int | str, device: torch.device
) -> FollowedSample:
    """Say at each of some rows of a store which output its target means."""
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

    >>> spread_rows([5, 5, 5, 7], 2).shape
    (2,)
    """
    game = np.asarray(games)
    lots = np.random.default_rng(seed).permutation(len(game))
    low, high = int(game.min(initial=0)), int(game.max(initial=0))
    if high - low <= 2 * len(game):
        # The lowest lot of each game, where these suffice: nothing is sorted then.
        first = np.full(high - low + 1, len(game))
        np.minimum.at(first, game - low, lots)
        first = first[first < len(game)]
        if 0 < n <= len(first):
            is_drawn = np.zeros(len(game), np.bool_)
            is_drawn[np.partition(first, n - 1)[:n]] = True
            return np.flatnonzero(is_drawn[lots])
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
    nothing = np.full(len(rows), NOTHING, np.int64)
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


#: What a channel becomes: nothing, its mean over the positions square by square, or
#: its map at another position with as many discs.
ABLATIONS: Final = ("zero", "mean", "resample")


def replacements(
    explainer: Explainer, corpus: Corpus, ablation: str, *, seed: int = 0
) -> Callable[[slice], Mapping[str, Tensor]]:
    """Return what gives the maps (n or 1, C, H, W) that replace those of positions."""
    check_known("ablation", ablation, ABLATIONS)
    if ablation == "resample":
        donors = corpus[same_ply_donors(corpus, seed=seed)]
        return lambda rows: explainer.maps(donors[rows])
    maps = mean_maps(explainer, corpus)
    means = {
        layer: torch.from_numpy(mean[None]).to(explainer.device, explainer.dtype)
        for layer, mean in maps.items()
    }
    if ablation == "zero":
        means = {layer: torch.zeros_like(mean) for layer, mean in means.items()}
    return lambda _: means


@dataclass(frozen=True)
class FeatureMaps:
    """Maps (N, C, H, W) of a layer, with ``donors`` (N,) and ``mean`` (C, H, W)."""

    layer: str
    maps: NDArray[Any]
    donors: NDArray[np.int64]
    mean: NDArray[Any] | None = None

    def replacement(self, ablation: str) -> NDArray[Any]:
        """Return what takes the place of each channel, (N or 1, C, H, W)."""
        check_known("ablation", ablation, ABLATIONS)
        if ablation == "zero":
            return np.zeros_like(self.maps[:1])
        if ablation == "mean":
            return (
                self.maps.mean(axis=0)[None] if self.mean is None else self.mean[None]
            )
        return self.maps[self.donors]

    @property
    def activation(self) -> NDArray[Any]:
        """Activation of every channel, summed over its map, (N, C)."""
        return np.asarray(self.maps.sum(axis=(2, 3)))


def feature_maps(
    explainer: Explainer, corpus: Corpus, *, seed: int = 0, batch_size: int = 256
) -> dict[str, FeatureMaps]:
    """Return the feature maps of every layer of the explainer."""
    boards, parts = boards_of(corpus), []
    for first in range(0, len(boards), batch_size):
        with forward(explainer, boards[first : first + batch_size]) as passed:
            parts.append({n: as_array(f) for n, f in passed.features.items()})
    donors = same_ply_donors(corpus, seed=seed)
    return {
        layer: FeatureMaps(layer, np.concatenate([p[layer] for p in parts]), donors)
        for layer in explainer.layers
    }


def same_ply_donors(corpus: Corpus, *, seed: int = 0) -> NDArray[np.int64]:
    """Choose others (N,) with as many discs, or the nearest number, as donors."""
    discs = np.bitwise_count(corpus.own | corpus.opponent).astype(np.int64)
    lots = np.random.default_rng(seed).permutation(len(corpus))
    order = np.lexsort((lots, discs))
    donors = np.empty(len(corpus), np.int64)
    # Within a run of equal counts each takes the next one, the last the first.
    firsts = np.flatnonzero(np.diff(discs[order], prepend=-1))
    for run in np.split(order, firsts[1:]):
        donors[run] = np.roll(run, -1)
    alone = np.flatnonzero(donors == np.arange(len(corpus)))
    place = np.empty(len(corpus), np.int64)
    place[order] = np.arange(len(corpus))
    for row in alone:
        at = int(place[row])
        near = [order[i] for i in (at - 1, at + 1) if 0 <= i < len(order)]
        donors[row] = min(near, key=lambda r: abs(discs[r] - discs[row]))
    return donors
