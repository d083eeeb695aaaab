"""Orders in which units are kept: by relevance above the baseline, and controls.

Relevance above the mean says what ablating one unit does; of a circuit, most units are
ablated at once, and what is left of the network works elsewhere. So units are pruned
in rounds: a tenth of those left goes each time, and relevance is taken anew in the
network that remains. Chosen on games of 2012, half of them.

A unit that all positions share has the score sqrt(|mean s R| mean |R|) with relevance R
and the sign s of what is explained: the first factor alone moves the output of all
positions together, the second alone serves each of them and forgets the sum. Of one
position both are |R|.

Shapes use N positions, U units and M orders: N of them, or 1 for all positions. A rank
of 0 is kept longest.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from conceptlrp.concept_graph.units import KeptUnits, Units

_DROPPED: Final = 0.1
_ROUNDING: Final = 1e-6


def pruned(
    runner: KeptUnits,
    units: Units,
    *,
    each: bool,
    on_round: Callable[[int, int], None] | None = None,
) -> Tensor:
    """Rank units (M, U) by dropping a tenth of them a round, the least relevant."""
    sets, size = len(runner) if each else 1, len(units)
    kept = torch.ones(sets, size, dtype=torch.bool)
    ranks = torch.zeros(sets, size, dtype=torch.int32)
    while size:
        score = _score(runner, runner.relevance(units, kept), each=each)
        order = score.where(kept, -torch.inf).argsort(
            dim=1, descending=True, stable=True
        )
        left = min(size - 1, round(size * (1 - _DROPPED)))
        dropped = order[:, left:size]
        places = torch.arange(left, size, dtype=torch.int32).expand(sets, -1)
        ranks.scatter_(1, dropped, places)
        kept.scatter_(1, dropped, False)  # noqa: FBT003
        size = left
        if on_round is not None:
            on_round(len(units) - size, len(units))
    return ranks


def by_relevance(runner: KeptUnits, units: Units, *, each: bool, above: bool) -> Tensor:
    """Rank units by relevance in the whole network, above the baseline or plain."""
    every = torch.ones(1, len(units), dtype=torch.bool)
    found = runner.relevance(units, every, above=above)
    return _ranked(_score(runner, found, each=each))


def by_activation(runner: KeptUnits, units: Units, *, each: bool) -> Tensor:
    """Rank units by their activation, its mean for all positions."""
    found = runner.activation(units).abs()
    return _ranked(found if each else found.mean(0, keepdim=True))


def at_random(units: Units, *, sets: int, seed: int) -> Tensor:
    """Rank units by lot."""
    generator = torch.Generator().manual_seed(seed)
    return _ranked(torch.rand(sets, len(units), generator=generator))


def at_random_by_layer(units: Units, ranks: Tensor, *, seed: int) -> Tensor:
    """Rank units by lot, with as many of each layer at any size as another ranking."""
    lots = at_random(units, sets=len(ranks), seed=seed + 1)
    drawn = torch.empty_like(ranks)
    for layer in range(len(units.counts)):
        here = torch.from_numpy(units.layers == layer)
        # The unit that comes k-th by lot gets the k-th of the ranks of its layer.
        own = ranks[:, here].sort(1).values
        drawn[:, here] = own.gather(1, lots[:, here].argsort(1).argsort(1))
    return drawn


def _score(runner: KeptUnits, relevance: Tensor, *, each: bool) -> Tensor:
    if each:
        return relevance.abs()
    signs = torch.from_numpy(np.sign(runner.gap)).to(relevance)[:, None]
    together = (signs * relevance).mean(0, keepdim=True).abs()
    return (together * relevance.abs().mean(0, keepdim=True)).sqrt()


def _ranked(score: Tensor) -> Tensor:
    return score.argsort(dim=1, descending=True, stable=True).argsort(1).int()


def smallest(
    runner: KeptUnits,
    units: Units,
    ranks: Tensor,
    sizes: NDArray[np.int64],
    part: float,
) -> int:
    """Find how many units keep a part of the output, between two of the sizes.

    To keep as much too much is no better than too little. Where more units keep less,
    it need not be the smallest number of all.
    """
    total = np.abs(runner.gap).sum()

    def suffices(size: int) -> bool:
        found = runner.outputs(units, ranks < size) - runner.full
        missing = float((np.sign(runner.gap) * found).sum())
        return bool(abs(missing) <= (1 - part + _ROUNDING) * total)

    above = next((k for k, n in enumerate(sizes) if suffices(int(n))), len(sizes) - 1)
    few, enough = (int(sizes[max(k, 0)]) for k in (above - 1, above))
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if suffices(middle) else (middle, enough)
    return enough
