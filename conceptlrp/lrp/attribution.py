"""Attribution of positions: relevance of the input, of layers and of channels.

Shapes use N positions, T targets, P input planes, C channels of a layer whose
feature map is H x W (1 x 1 after a linear module), n x n squares of the board
and A actions. Relevance is in the unit of the explained output: logits for a
move, value before tanh for the value head.
"""

from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.drawing import board_svg
from conceptlrp.drawing.colors import symmetric_limit
from conceptlrp.drawing.notebook import html_boards
from conceptlrp.jsontext import plain
from conceptlrp.late import pd
from conceptlrp.othello import Corpus

Array = NDArray[np.floating]

_SHOWN = 4


@dataclass(frozen=True, repr=False)
class Attribution:
    """Relevance of a batch of positions for a list of targets.

    Attributes
    ----------
    targets : tuple of str
        Names of the T targets.
    input_relevance : ndarray of shape (N, T, P, n, n)
        Relevance of every input plane.
    relevance : dict of str to ndarray of shape (N, T, C, H, W)
        Relevance at the feature map of every layer.
    activation : dict of str to ndarray of shape (N, C, H, W)
        The feature maps themselves.
    conditional : dict of str to ndarray of shape (N, T, K, n, n)
        Conditional heatmaps: input relevance that flows through one channel
        alone, planes summed. Empty where none were asked for.
    channels : dict of str to ndarray of shape (N, K)
        Which channel each conditional heatmap is about.
    squares : ndarray of shape (N, T)
        The move each target means, `NO_MOVE` for one that is no move.
    explained : ndarray of shape (N, T)
        The targets' values, from which relevance starts.
    logits : ndarray of shape (N, A)
        Policy logits.
    value : ndarray of shape (N,)
        Value before tanh, nan for a network without a value head.
    positions : Corpus
        What was explained.
    layer_heatmap : dict of str to ndarray of shape (N, T, n, n)
        Input relevance that flows through all channels of a layer together: the sum of
        their conditional heatmaps. Of the layers that these were asked of.
    mode : str
        How conditional heatmaps were computed: "forward" (one sweep for all
        channels and targets), "reverse" (a pass for each), "both" (in some layers
        this, in others that) or "hooks".
    baseline : str
        What relevance of layers and channels is measured from: "zero", "mean" or
        "donor". The input has no baseline.
    gradients : tuple of str
        Operations without a rule, explained by their gradient as was allowed:
        relevance does not add up there.
    """

    targets: tuple[str, ...]
    input_relevance: Array
    relevance: dict[str, Array]
    activation: dict[str, Array]
    conditional: dict[str, Array]
    channels: dict[str, NDArray[np.int64]]
    squares: NDArray[np.int8]
    explained: Array
    logits: Array
    value: Array
    positions: Corpus
    layer_heatmap: dict[str, Array] = field(default_factory=dict)
    mode: str = ""
    baseline: str = "zero"
    gradients: tuple[str, ...] = ()

    @property
    def heatmap(self) -> Array:
        """Input relevance with planes summed, of shape (N, T, n, n)."""
        summed: Array = self.input_relevance.sum(axis=2)
        return summed

    @property
    def channel_relevance(self) -> dict[str, Array]:
        """Relevance of every channel, summed over its map: (N, T, C) a layer."""
        return {name: r.sum(axis=(3, 4)) for name, r in self.relevance.items()}

    def frame(self) -> "pd.DataFrame":
        """Return channel relevance as a table, a row a position, target and channel."""
        names = ("position", "target", "channel")
        tables = []
        for layer, relevance in self.channel_relevance.items():
            axes = (range(len(self)), self.targets, range(relevance.shape[2]))
            index = pd.MultiIndex.from_product(axes, names=names)
            table = pd.DataFrame({"relevance": relevance.ravel()}, index=index)
            tables.append(table.reset_index().assign(layer=layer))
        return pd.concat(tables)[
            ["position", "target", "layer", "channel", "relevance"]
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return outputs, heatmaps and channel relevance, ready for strict JSON."""
        names = ("targets", "squares", "explained", "value", "heatmap", "baseline")
        found = {name: getattr(self, name) for name in (*names, "gradients")}
        return dict(plain({**found, "channel_relevance": self.channel_relevance}))

    def __len__(self) -> int:
        return len(self.logits)

    def __repr__(self) -> str:
        above = "" if self.baseline == "zero" else f" above {self.baseline}"
        return f"Attribution({', '.join(self.targets)}{above}; {self._size})"

    @property
    def _size(self) -> str:
        layers = ", ".join(f"{n} ({r.shape[2]})" for n, r in self.relevance.items())
        found = f"{len(self):,} position{'s' * (len(self) != 1)}; layers {layers}"
        names = ", ".join(self.gradients)
        return f"{found}; {names} by gradient" if names else found

    def _repr_html_(self) -> str:
        heatmaps = self.heatmap[:_SHOWN]
        limits = [symmetric_limit(maps) for maps in heatmaps.swapaxes(0, 1)]
        cards = [
            (
                board_svg(
                    self.positions.position(row),
                    heatmap=heatmaps[row, place],
                    limit=limits[place],
                    mark=int(self.squares[row, place]),
                ),
                (
                    f"position {row}, {target} {self.explained[row, place]:+.3g}",
                    f"relevance to ±{limits[place]:g}",
                ),
            )
            for row in range(len(heatmaps))
            for place, target in enumerate(self.targets)
        ]
        return html_boards("Attribution", cards, note=self._size)


def concatenate(parts: list[Attribution], positions: Corpus) -> Attribution:
    """Join attributions of consecutive batches, made with the same arguments."""
    if len(parts) == 1:
        return parts[0]
    joined = {
        f.name: join([getattr(part, f.name) for part in parts])
        for f in fields(Attribution)
        if f.name not in ("targets", "mode", "baseline", "positions", "gradients")
    }
    return replace(parts[0], positions=positions, **joined)


def join(values: list[Any]) -> Any:
    """Join arrays of consecutive batches, or arrays by name."""
    if isinstance(values[0], dict):
        return {name: join([each[name] for each in values]) for name in values[0]}
    return np.concatenate(values)
