"""Networks of which some units are kept while all others have their baseline.

A unit is one square of a channel's feature map, or the whole channel. Kept units
compute from what is below them, the baseline included; all others are set to the
baseline, the mean map of the corpus.

Shapes use N positions, C channels of an H x W map, U units of all layers side by side,
and M sets of units: N of them, or 1 for all positions.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from conceptlrp.ablation.sample import NOT_NATIVE, FollowedSample
from conceptlrp.errors import NetworkError
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
    """Positions, and the output that is followed at them, whatever units are kept.

    ``full`` and ``empty`` (N,) are that output with all units kept and with none,
    ``gap`` is the first less the second.
    """

    def __init__(
        self, explainer: Explainer, baseline: Baseline, sample: FollowedSample
    ) -> None:
        if not isinstance(explainer.propagation, NativePropagation):
            raise NetworkError(NOT_NATIVE)
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
            layers = passed.relevance(block.starts())[1]
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
