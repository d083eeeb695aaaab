"""The result of an ablation: what outputs lose without each channel.

Shapes use C channels of a layer and n x n squares. Effects on the explained output
are in its unit (logits for a policy move, value before tanh); means are over
positions, with 95 % intervals of a bootstrap over games: nan of fewer than ten games,
and where an effect is the same at every position.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray

from conceptlrp.drawing.notebook import html_table
from conceptlrp.jsontext import Plain
from conceptlrp.late import pd
from conceptlrp.statistics.intervals import FEW_GAMES, LEAST_GAMES
from conceptlrp.store.results.codec import Shape

Array = Annotated[NDArray[np.float64], Shape("C")]

_SHOWN: Final = 5


@dataclass(frozen=True, eq=False)
class LayerEffects:
    """Effects of ablating each of the C channels of a layer alone.

    Attributes
    ----------
    fall, fall_low, fall_high : float64 array of shape (C,)
        Explained output before less after, which is positive for a channel that
        speaks for it, and the ends of the interval.
    size, size_low, size_high : float64 array of shape (C,)
        Mean magnitude of the change of the explained output.
    value, value_low, value_high : float64 array of shape (C,)
        Value before tanh, before less after; nan without a value head.
    moves_changed : float64 array of shape (C,)
        Part of the positions where another legal move becomes the best.
    policy : float64 array of shape (C, n, n)
        Logit of each square before less after, averaged over the positions where
        it is a legal move; nan for a square that never is.
    control, control_low, control_high : float64 array of shape (C,)
        What `size` is for a change as large that other channels are given, see
        `ablate`.
    games : int
        Games that the positions are of.
    """

    fall: Array
    fall_low: Array
    fall_high: Array
    size: Array
    size_low: Array
    size_high: Array
    value: Array
    value_low: Array
    value_high: Array
    moves_changed: Array
    policy: Annotated[NDArray[np.float64], Shape("C S S")]
    control: Array
    control_low: Array
    control_high: Array
    games: int

    @property
    def few(self) -> bool:
        """Whether the positions are of too few games for intervals and verdicts."""
        return self.games < LEAST_GAMES

    @property
    def order(self) -> NDArray[np.intp]:
        """Channels (C,), the one with the largest `size` first."""
        return np.asarray(np.argsort(-self.size, kind="stable"))

    @property
    def beats_control(self) -> NDArray[np.bool_]:
        """Whether each channel (C,) does more than its control, intervals apart.

        Of fewer than ten games none is known to.
        """
        least = np.where(np.isnan(self.size_low), self.size, self.size_low)
        most = np.where(np.isnan(self.control_high), self.control, self.control_high)
        return np.asarray((least > most) & (not self.few))

    @property
    def beyond(self) -> str:
        """How many channels do more than their control, or why that is not known."""
        return FEW_GAMES if self.few else str(int(self.beats_control.sum()))

    def __repr__(self) -> str:
        return f"<effects of {len(self.size)} channels, beyond control: {self.beyond}>"

    def numbers(self) -> dict[str, Array]:
        """Return every array of shape (C,) by its name."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        left_out = ("policy", "games")
        return {name: array for name, array in found.items() if name not in left_out}


@dataclass(frozen=True, eq=False)
class Ablation(Plain):
    """Effects of ablating every channel of a network alone.

    Attributes
    ----------
    target : str
        Name of the explained output.
    ablation : str
        What takes the place of a channel: "zero", "mean" or "resample".
    positions, seed : int
        How many positions were drawn, and the seed of all that is random.
    layers : mapping of str to LayerEffects
        By name of the layer, in execution order.
    network, corpus : str
        Digests of what was ablated, and of where positions were drawn from.
    """

    target: str
    ablation: str
    positions: int
    seed: int
    layers: Mapping[str, LayerEffects]
    network: str
    corpus: str

    def frame(self) -> "pd.DataFrame":
        """Return a table of a row for each channel, without the maps of the policy."""
        tables = {n: pd.DataFrame(each.numbers()) for n, each in self.layers.items()}
        return pd.concat(tables, names=["layer", "channel"]).reset_index()

    def __repr__(self) -> str:
        layers = ", ".join(self.layers)
        return (
            f"Ablation(target={self.target!r}, ablation={self.ablation!r}, "
            f"positions={self.positions}, layers=[{layers}])"
        )

    def _repr_html_(self) -> str:
        rows = [
            (
                layer,
                len(each.size),
                each.beyond,
                ", ".join(f"{c} ({each.size[c]:.3g})" for c in each.order[:_SHOWN]),
            )
            for layer, each in self.layers.items()
        ]
        columns = ("layer", "channels", "beyond their control", "largest effects")
        title = f"'{self.target}' without one channel ({self.ablation})"
        note = f"Means over {self.positions} positions; frame() has all channels."
        return html_table(title, columns, rows, note=note)
