"""Attribution of positions: relevance of the input, of layers and of channels.

Shapes use N positions, T targets, P input planes, C channels of a layer whose
feature map is H x W (1 x 1 behind a linear module), n x n squares of the board
and A actions. Relevance is in the unit of the explained output: logits for a
move, value before tanh for the value head.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from conceptlrp.drawing import board_svg
from conceptlrp.drawing.colors import symmetric_limit
from conceptlrp.drawing.notebook import html_boards
from conceptlrp.othello import Position

Array = NDArray[np.floating]

_SHOWN = 4


@dataclass(frozen=True)
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
    mode : str
        How conditional heatmaps were computed: "forward" (one sweep for all
        channels and targets), "reverse" (a pass for each) or "hooks".
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
    mode: str = ""

    @property
    def heatmap(self) -> Array:
        """Input relevance with planes summed, of shape (N, T, n, n)."""
        summed: Array = self.input_relevance.sum(axis=2)
        return summed

    @property
    def channel_relevance(self) -> dict[str, Array]:
        """Relevance of every channel, summed over its map: (N, T, C) a layer."""
        return {name: r.sum(axis=(3, 4)) for name, r in self.relevance.items()}

    def __len__(self) -> int:
        return len(self.logits)

    def _repr_html_(self) -> str:
        """Draw the first positions, of which only the relevance is known here."""
        heatmaps = self.heatmap[:_SHOWN]
        board = Position(0, 0, size=heatmaps.shape[-1])
        limits = [symmetric_limit(maps) for maps in heatmaps.swapaxes(0, 1)]
        cards = [
            (
                board_svg(
                    board,
                    heatmap=heatmaps[row, place],
                    limit=limits[place],
                    mark=int(self.squares[row, place]),
                    legal=False,
                ),
                (
                    f"position {row}, {target} {self.explained[row, place]:+.3g}",
                    f"relevance to ±{limits[place]:g}",
                ),
            )
            for row in range(len(heatmaps))
            for place, target in enumerate(self.targets)
        ]
        layers = ", ".join(f"{n} ({r.shape[2]})" for n, r in self.relevance.items())
        note = f"{len(self):,} positions; layers {layers}"
        return html_boards("Attribution", cards, note=note)


def concatenate(parts: list[Attribution]) -> Attribution:
    """Join attributions of consecutive batches, made with the same arguments."""
    if len(parts) == 1:
        return parts[0]
    joined = {
        f.name: _join([getattr(part, f.name) for part in parts])
        for f in fields(Attribution)
        if f.name not in ("targets", "mode")
    }
    first = parts[0]
    return Attribution(targets=first.targets, mode=first.mode, **joined)  # type: ignore[arg-type]


def _join(values: list[Array] | list[dict[str, Array]]) -> Array | dict[str, Array]:
    first = values[0]
    if isinstance(first, dict):
        return {k: np.concatenate([v[k] for v in values]) for k in first}  # type: ignore[call-overload]
    return np.concatenate(values)  # type: ignore[arg-type]
