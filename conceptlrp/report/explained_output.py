"""One explained output of one position, with what each channel has in it.

The local atlas says which channel matters most where: by the magnitude of conditional
relevance, so that channels for and against the output count alike.

Shapes use C channels of a layer and n x n squares of the board. Relevance is in the
unit of the output: logits for moves, value before tanh for the value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conceptlrp.jsontext import plain
from conceptlrp.report.words.numbers import adding_up

#: The channel of a square on which no channel has relevance.
NO_CHANNEL: Final = -1

_NAMES = (
    ("{a}1 corner", "upper edge", "{h}1 corner"),
    ("left edge", "centre", "right edge"),
    ("{a}{n} corner", "lower edge", "{h}{n} corner"),
)

Array = NDArray[np.floating]


@dataclass(frozen=True)
class RegionHold:
    """The channel that matters most in a region, and its part of the magnitude."""

    region: str
    channel: int
    relevance: float
    part: float


@dataclass(frozen=True, eq=False)
class LocalAtlas:
    """The channel that matters most by square (n, n) and region, and its part."""

    channel: NDArray[np.int64]
    relevance: NDArray[np.floating]
    part: NDArray[np.floating]
    regions: tuple[RegionHold, ...]


@dataclass(frozen=True, eq=False)
class ChannelMap:
    """What a channel has in an output at a position; `rank` 1 is the largest."""

    layer: str
    channel: int
    relevance: float
    share: float
    activation: float
    rank: int
    heatmap: Array


@dataclass(frozen=True, eq=False)
class LayerMaps:
    """All channels of a layer for one output of one position.

    `relevance` and `activation` (C,) are summed over the feature map; `maps` (C, n, n)
    are conditional heatmaps, which add up to the heatmap of the layer's relevance; that
    is the heatmap of the output unless relevance is above a baseline.
    """

    layer: str
    relevance: Array
    activation: Array
    maps: Array
    n_top: int = 8

    def __len__(self) -> int:
        return len(self.relevance)

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """All channels by magnitude of relevance, largest first; (C,)."""
        return np.argsort(-np.abs(self.relevance), kind="stable")

    @cached_property
    def atlas(self) -> LocalAtlas:
        """Which channel matters most on each square and in each region."""
        return local_atlas(self.maps)

    @cached_property
    def top(self) -> tuple[ChannelMap, ...]:
        """The channels with the largest relevance, without those that have none."""
        chosen = self.order[: self.n_top]
        return tuple(self.channel(int(c)) for c in chosen if self.relevance[c])

    def channel(self, channel: int) -> ChannelMap:
        """Return what one channel has in the output."""
        if not 0 <= channel < len(self):
            msg = (
                f"layer '{self.layer}' has channels 0 to {len(self) - 1}, not {channel}"
            )
            raise IndexError(msg)
        relevance, total = float(self.relevance[channel]), np.abs(self.relevance).sum()
        return ChannelMap(
            layer=self.layer,
            channel=channel,
            relevance=relevance,
            share=relevance / float(total) if total else 0.0,
            activation=float(self.activation[channel]),
            rank=int(np.flatnonzero(self.order == channel)[0]) + 1,
            heatmap=self.maps[channel],
        )


@dataclass(frozen=True)
class Totals:
    """An output as a sum: what its map has on the board, and what never gets there.

    ``biases`` is what those of all layers keep, ``absorbed`` what the rules do, such as
    by epsilon; where these cannot be told apart, biases are nan and it has both.
    """

    unit: str
    board: float
    biases: float
    absorbed: float

    @property
    def parts(self) -> dict[str, float]:
        """What adds up to the output, by name."""
        if np.isnan(self.biases):
            return {"board": self.board, "biases and absorbed": self.absorbed}
        names = ("board", "biases", "absorbed")
        return {name: getattr(self, name) for name in names}

    @property
    def written(self) -> dict[str, str]:
        """The output, by its unit, and its parts, rounded so that they add up."""
        unit = {"logits": "logit", "value before tanh": "value"}.get(self.unit)
        names = (unit or self.unit, *self.parts)
        return dict(zip(names, adding_up([*self.parts.values()]), strict=True))

    def __str__(self) -> str:
        output, *parts = (f"{name} {text}" for name, text in self.written.items())
        return f"{output} = {' + '.join(parts)}"


@dataclass(frozen=True, eq=False)
class ExplainedOutput:
    """An output at one position, explained; `target` may be two moves with a minus.

    Of `explained`, `biases` keep a part that is nan where it was not told.
    """

    target: str
    unit: str
    squares: tuple[int, ...]
    explained: float
    biases: float
    heatmap: Array
    layers: Mapping[str, LayerMaps]

    @property
    def totals(self) -> Totals:
        """What of the output reaches the board, and what keeps the rest."""
        board = float(self.heatmap.sum(dtype=np.float64))
        kept = 0.0 if np.isnan(self.biases) else self.biases
        return Totals(self.unit, board, self.biases, self.explained - board - kept)

    def to_dict(self) -> dict[str, Any]:
        """Return heatmap, top channels and local atlas as plain values for JSON."""
        return {
            "target": self.target,
            "unit": self.unit,
            "squares": list(self.squares),
            "explained": plain(self.explained),
            "totals": plain(self.totals.parts),
            "heatmap": plain(self.heatmap),
            "layers": {
                name: {
                    "channels": len(layer),
                    "top": plain(layer.top),
                    "atlas": plain(layer.atlas),
                }
                for name, layer in self.layers.items()
            },
        }


def board_regions(size: int) -> dict[str, tuple[slice, slice]]:
    """Cut a board into rows and columns of nine regions: corners, edges, the centre.

    A corner is its own square with the two C squares and the X square beside it, an
    edge what lies between two corners, two squares deep.

    >>> list(board_regions(8))[:3]
    ['a1 corner', 'upper edge', 'h1 corner']
    """
    cuts = (slice(0, 2), slice(2, size - 2), slice(size - 2, size))
    ends = {"a": "a", "h": "abcdefgh"[size - 1], "n": size}
    return {
        _NAMES[i][j].format(**ends): (cuts[i], cuts[j])
        for i, j in product(range(3), repeat=2)
    }


def local_atlas(maps: NDArray[np.floating]) -> LocalAtlas:
    """Find the channel of the largest magnitude on each square; maps are (C, n, n)."""
    magnitude = np.abs(maps)
    total = magnitude.sum(axis=0)
    first = magnitude.argmax(axis=0)
    largest = np.take_along_axis(magnitude, first[None], axis=0)[0]
    return LocalAtlas(
        channel=np.where(total > 0, first, NO_CHANNEL),
        relevance=np.take_along_axis(maps, first[None], axis=0)[0],
        part=largest / np.where(total > 0, total, 1),
        regions=tuple(
            _hold(name, maps[:, rows, columns])
            for name, (rows, columns) in board_regions(maps.shape[-1]).items()
        ),
    )


def _hold(region: str, maps: NDArray[np.floating]) -> RegionHold:
    magnitudes = np.abs(maps).sum(axis=(1, 2))
    total = float(magnitudes.sum())
    if total == 0:
        return RegionHold(region, NO_CHANNEL, 0.0, 0.0)
    channel = int(magnitudes.argmax())
    relevance = float(maps[channel].sum())
    return RegionHold(region, channel, relevance, float(magnitudes[channel]) / total)
