"""Networks of which some units are kept while all others have their baseline.

A unit is one square of a channel's feature map, or the whole channel. Kept units
compute from what is below them, the baseline included; all others are set to the
baseline, the mean map of the corpus.

Units are kept in the order of relevance above the baseline, or of controls. Relevance
above the mean says what ablating one unit does; of a circuit, most units are ablated at
once, and what is left of the network works elsewhere. So units are pruned in rounds: a
tenth of those left goes each time, and relevance is taken anew in the network that
remains. Chosen on games of 2012, half of them.

A unit that all positions share has the score sqrt(|mean s R| mean |R|) with relevance R
and the sign s of what is explained: the first factor alone moves the output of all
positions together, the second alone serves each of them and forgets the sum. Of one
position both are |R|.

Shapes use N positions, C channels of an H x W map, U units of all layers side by side,
and M sets or orders of units: N of them, or 1 for all positions. A rank of 0 is kept
longest.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from conceptlrp.ablation.sample import FollowedSample
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.baselines import Baseline
from conceptlrp.lrp.engine.native import Replaced
from conceptlrp.lrp.engine.propagation import NativePassed, NativePropagation
from conceptlrp.lrp.probing import forward, starts_of

Array = NDArray[np.float64]
_BATCH = 64


@dataclass(frozen=True)
class Units:
    """Where the units of each layer lie among all, squares or whole channels."""

    shapes: Mapping[str, tuple[int, int, int]]
    whole_channels: bool = False

    @cached_property
    def counts(self) -> dict[str, int]:
        """Number of units of each layer."""
        return {
            layer: c if self.whole_channels else c * h * w
            for layer, (c, h, w) in self.shapes.items()
        }

    def __len__(self) -> int:
        return sum(self.counts.values())

    @cached_property
    def layers(self) -> NDArray[np.int64]:
        """The layer (U,) of each unit, by its place."""
        return np.repeat(np.arange(len(self.counts)), list(self.counts.values()))

    def split(self, flat: Tensor) -> dict[str, Tensor]:
        """Give a row for all units (M, U) the shape of maps, (M, C, H or 1, W or 1)."""
        parts = torch.split(flat, list(self.counts.values()), 1)
        return {
            layer: part.reshape(-1, c, *((1, 1) if self.whole_channels else (h, w)))
            for (layer, (c, h, w)), part in zip(self.shapes.items(), parts, strict=True)
        }

    def join(self, maps: Mapping[str, Tensor]) -> Tensor:
        """Put maps (N, C, H, W) side by side, (N, U); channels are summed."""
        each = [maps[layer].flatten(2) for layer in self.shapes]
        if self.whole_channels:
            return torch.cat([every.sum(2) for every in each], 1)
        return torch.cat([every.flatten(1) for every in each], 1)


class KeptUnits:
    """Positions and their output (N,), ``full`` with all units, ``empty`` with none."""

    def __init__(
        self, explainer: Explainer, baseline: Baseline, sample: FollowedSample
    ) -> None:
        explainer.check_native("a circuit")
        assert isinstance(explainer.propagation, NativePropagation)
        self.explainer, self.sample = explainer, sample
        self.propagation = explainer.propagation
        shapes = {n: (*s.values(),) for n, s in explainer.shapes.items()}
        self.units = Units(shapes)  # type: ignore[arg-type]
        self.channels = Units(self.units.shapes, whole_channels=True)
        self.baseline = {
            layer: torch.from_numpy(each)[None].to(explainer.device, explainer.dtype)
            for layer, each in baseline.maps.items()
        }
        none = torch.zeros(1, len(self.units), dtype=torch.bool)
        self.full = self.outputs(self.units, ~none)
        self.empty = self.outputs(self.units, none)
        self.gap = self.full - self.empty

    def __len__(self) -> int:
        return len(self.sample)

    def sites(self, layer: str) -> int:
        """Return how many squares the map of a layer has."""
        return self.units.shapes[layer][1] * self.units.shapes[layer][2]

    def blocks(self, units: Units, kept: Tensor) -> Iterator["Block"]:
        """Run the positions, block by block, with the units kept that (M, U) names."""
        for first in range(0, len(self), _BATCH):
            rows = slice(first, min(first + _BATCH, len(self)))
            held = kept if len(kept) == 1 else kept[rows]
            others = units.split(~held.to(self.explainer.device))
            changes = {n: (mask, self.baseline[n]) for n, mask in others.items()}
            with forward(self.explainer, self.sample.boards[rows]) as passed:
                assert isinstance(passed, NativePassed)
                every = torch.arange(rows.stop - first, device=self.explainer.device)
                yield Block(self, rows, passed.intervened(changes, every), changes)

    def outputs(self, units: Units, kept: Tensor) -> Array:
        """Return the followed output (N,)."""
        found = [b.followed(b.passed.outputs) for b in self.blocks(units, kept)]
        return torch.cat(found).double().cpu().numpy()

    def activation(self, units: Units) -> Tensor:
        """Return the activation (N, U) of all units."""
        every = torch.ones(1, len(units), dtype=torch.bool)
        found = [units.join(b.passed.features) for b in self.blocks(units, every)]
        return torch.cat(found).cpu()

    def relevance(self, units: Units, kept: Tensor, *, above: bool = True) -> Tensor:
        """Return relevance (N, U) of kept units, above the baseline or plain."""
        found = []
        for block in self.blocks(units, kept):
            passed = block.passed.above(self.baseline) if above else block.passed
            layers = passed.layer_relevance(block.starts())
            found.append(units.join({n: r[:, 0] for n, r in layers.items()}).cpu())
        return torch.cat(found)


@dataclass(frozen=True)
class Block:
    """Some of the positions, run with units kept; ``changes`` made that of the rest."""

    runner: KeptUnits
    rows: slice
    passed: NativePassed
    changes: Mapping[str, Replaced]

    def __len__(self) -> int:
        return int(self.rows.stop - self.rows.start)

    @property
    def signs(self) -> Tensor:
        """Whether the output is above (1) or below (-1) that of the baseline, (N,)."""
        signs = np.sign(self.runner.gap[self.rows])
        return torch.from_numpy(signs).to(self.runner.explainer.device)

    def followed(self, outputs: Mapping[str, Tensor], *, times: int = 1) -> Tensor:
        """Return the followed one of outputs (N times, A), each position's in a row."""
        logits = outputs["policy"]
        value = outputs.get("value", logits.new_full((len(logits), 1), torch.nan))
        rows = torch.arange(self.rows.start, self.rows.stop, device=logits.device)
        rows = rows.repeat_interleave(times)
        return self.runner.sample.explained(logits, value[:, 0], rows)

    def starts(self) -> dict[str, Tensor]:
        """Return where relevance of the followed output starts."""
        sample = self.runner.sample
        plus, minus = (
            each[self.rows, None].cpu().numpy() for each in (sample.plus, sample.minus)
        )
        starts = starts_of(self.passed, plus)
        if sample.is_contrast:
            opposed = starts_of(self.passed, minus)["policy"]
            starts["policy"] = starts["policy"] - opposed
        return starts


_ROUNDING: Final = 1e-6


def pruned(
    runner: KeptUnits,
    units: Units,
    *,
    each: bool,
    dropped: float = 0.1,
    on_round: Callable[[int, int], None] | None = None,
) -> Tensor:
    """Rank units (M, U) by dropping a part of them a round, the least relevant."""
    sets, size = len(runner) if each else 1, len(units)
    kept = torch.ones(sets, size, dtype=torch.bool)
    ranks = torch.zeros(sets, size, dtype=torch.int32)
    while size:
        score = _score(runner, runner.relevance(units, kept), each=each)
        order = score.where(kept, -torch.inf).argsort(
            dim=1, descending=True, stable=True
        )
        left = min(size - 1, round(size * (1 - dropped)))
        last = order[:, left:size]
        places = torch.arange(left, size, dtype=torch.int32).expand(sets, -1)
        ranks.scatter_(1, last, places)
        kept.scatter_(1, last, False)  # noqa: FBT003
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
    """Find how many units, between two sizes, keep a part of the output most nearly."""
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
