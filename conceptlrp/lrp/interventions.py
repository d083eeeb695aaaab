"""Interventions, and what the network says after them.

Shapes use K experiments, N positions, T targets, A actions, c chosen channels of a
layer's C x H x W map and s chosen squares of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from conceptlrp.drawing.notebook import html_table
from conceptlrp.errors import check_choice
from conceptlrp.jsontext import plain
from conceptlrp.late import pd
from conceptlrp.networks.planes import legal_actions, squares_of_actions, with_pass
from conceptlrp.othello import Corpus, square_name

Array = NDArray[Any]
#: What an intervention can do to the units that it chooses.
ACTIONS: Final = ("set", "scale", "replace")
_SHOWN: Final = 10


@dataclass(frozen=True, eq=False)
class Intervention:
    """What is done to some units of a layer.

    Attributes
    ----------
    layer : str
        A layer of the explainer.
    channels : int, sequence of int or None
        Channels to change, None for all.
    squares : int, sequence of int or None
        Squares of the feature map to change, counted row by row; None for all. A map
        can be smaller than the board.
    action : str
        "set" units to the value, "scale" them by it, or "replace" them by those that
        the network has at other positions.
    value : float, array, or positions
        For "set" and "scale" a number or an array that broadcasts to (N, c, H, W), or
        to (N, c, s) where squares are chosen. For "replace" the N donors in any form,
        one for each position.

    Examples
    --------
    >>> Intervention("conv3", 17), Intervention("conv3", 17, [0, 9], "scale", 2.0)
    (<conv3:17 set to 0>, <conv3:17 at 2 squares times 2>)
    """

    layer: str
    channels: int | Sequence[int] | None = None
    squares: int | Sequence[int] | None = None
    action: str = "set"
    value: Any = 0.0

    def __post_init__(self) -> None:
        check_choice("action", self.action, ACTIONS)

    @property
    def words(self) -> str:
        """What it does: "conv3:17 set to 0"."""
        chosen = [] if self.channels is None else np.ravel(self.channels).tolist()
        where = self.layer
        if len(chosen) == 1:
            where += f":{chosen[0]}"
        elif chosen:
            where = f"{len(chosen)} channels of {where}"
        if self.squares is not None:
            n = np.size(self.squares)
            where += f" at {n} square{'s' * (n != 1)}"
        if self.action == "replace":
            return f"{where} of a donor"
        number = f"{float(self.value):g}" if np.ndim(self.value) == 0 else "an array"
        return f"{where} {'set to' if self.action == 'set' else 'times'} {number}"

    def __repr__(self) -> str:
        return f"<{self.words}>"


#: Experiments: each an intervention, or several that are made at once.
Experiments: TypeAlias = Intervention | Sequence[Intervention | Sequence[Intervention]]


@dataclass(frozen=True, eq=False)
class Intervened:
    """What the network says after each experiment, and what it said before.

    Attributes
    ----------
    experiments : tuple of tuple of Intervention
        What was done in each of the K experiments.
    targets : tuple of str
        Names of the T targets. Their moves are those of the network as it was.
    positions : Corpus
        The N positions.
    squares : int8 array of shape (N, T)
        Move that each target means; see `Attribution.squares`.
    before, explained : arrays of shape (N, T) and (K, N, T)
        Each target before and after.
    logits_before, logits : arrays of shape (N, A) and (K, N, A)
        Policy logits before and after.
    value_before, value : arrays of shape (N,) and (K, N)
        Value before tanh, nan without a value head.
    """

    experiments: tuple[tuple[Intervention, ...], ...]
    targets: tuple[str, ...]
    positions: Corpus
    squares: Array
    before: Array
    explained: Array
    logits_before: Array
    logits: Array
    value_before: Array
    value: Array

    @property
    def change(self) -> Array:
        """What each target has lost, before minus after: (K, N, T)."""
        change: Array = self.before - self.explained
        return change

    @property
    def best_before(self) -> Array:
        """Best legal move before, as a square or `PASS`: (N,)."""
        return self._best(self.logits_before)

    @cached_property
    def best(self) -> Array:
        """Best legal move after each experiment: (K, N)."""
        return self._best(self.logits)

    @property
    def changed(self) -> NDArray[np.bool_]:
        """Whether another legal move has become the best: (K, N)."""
        changed: NDArray[np.bool_] = self.best != self.best_before
        return changed

    @cached_property
    def legal(self) -> NDArray[np.bool_]:
        """Legal actions at each position, (N, A)."""
        corpus = self.positions
        legal = legal_actions(corpus.own, corpus.opponent, size=corpus.size)
        return legal[:, : self.logits.shape[-1]]

    def _best(self, logits: Array) -> Array:
        size = self.positions.size
        known = with_pass(logits, size=size)
        legal = legal_actions(self.positions.own, self.positions.opponent, size=size)
        actions = np.where(legal, known, -np.inf).argmax(axis=-1)
        return squares_of_actions(actions, size=size).astype(np.int8)

    @property
    def names(self) -> tuple[str, ...]:
        """What each experiment does, in words."""
        return tuple(" and ".join(i.words for i in each) for each in self.experiments)

    def frame(self) -> "pd.DataFrame":
        """Return a table of a row for each experiment, position and target."""
        k, n, t = self.explained.shape
        size = self.positions.size
        moves = (
            [square_name(int(square), size) for square in squares.ravel()]
            for squares in (np.tile(self.best_before, k), self.best)
        )
        best_before, best = (np.repeat(np.array(each), t) for each in moves)
        return pd.DataFrame(
            {
                "experiment": np.repeat(np.arange(k), n * t),
                "intervention": np.repeat(np.array(self.names, object), n * t),
                "position": np.tile(np.repeat(np.arange(n), t), k),
                "target": np.tile(np.array(self.targets, object), k * n),
                "before": np.tile(self.before.ravel(), k),
                "after": self.explained.ravel(),
                "change": self.change.ravel(),
                "best_before": best_before,
                "best": best,
                "changed": np.repeat(self.changed.ravel(), t),
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the positions, ready for strict JSON."""
        names = (
            *("targets", "squares", "before", "explained", "change"),
            *("logits_before", "logits", "value_before", "value"),
            *("best_before", "best", "changed"),
        )
        found = {name: getattr(self, name) for name in names}
        return dict(plain({"experiments": self.names, **found}))

    def __len__(self) -> int:
        return len(self.experiments)

    def __repr__(self) -> str:
        k, n = len(self), len(self.positions)
        return (
            f"Intervened({', '.join(self.targets)}; {k:,} experiment{'s' * (k != 1)} "
            f"at {n:,} position{'s' * (n != 1)})"
        )

    def _repr_html_(self) -> str:
        means, sizes = self.change.mean(axis=1), np.abs(self.change).mean(axis=(1, 2))
        order = np.argsort(-sizes, kind="stable")[:_SHOWN]
        rows = [
            (
                self.names[k],
                *(f"{mean:+.3g}" for mean in means[k]),
                f"{sizes[k]:.3g}",
                f"{self.changed[k].mean():.0%}",
            )
            for k in order
        ]
        columns = ("experiment", *self.targets, "mean size", "best move changed")
        hidden = len(self) - len(order)
        note = f"Before minus after, means over {len(self.positions):,} positions"
        note += f"; {hidden:,} smaller effects are left out" * bool(hidden)
        return html_table("Interventions", columns, rows, note=f"{note}.")
