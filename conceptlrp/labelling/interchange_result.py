"""What interchange says: which labels each channel carries into the output.

Shapes use C channels of a layer, M of them in random networks, K labels, R random
networks and E exchanges of labels. Reading a result imports neither torch nor pandas.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray

from conceptlrp.drawing.notebook import html_table
from conceptlrp.jsontext import Plain
from conceptlrp.labelling.result import Pairs, check_channel
from conceptlrp.late import pd
from conceptlrp.statistics.intervals import FEW_GAMES, LEAST_GAMES
from conceptlrp.statistics.ranks import Floats
from conceptlrp.statistics.significance import random_guard
from conceptlrp.store.results.codec import Shape

#: What the interval of a correlation must leave out, beside 0.
LEAST: Final = 0.1
#: What is said where every label differs in pairs of fewer games than a verdict needs.
UNTESTED: Final = f"undecided, since every label differs in pairs of {FEW_GAMES}"
_LEVELS: Final = (0.3, 0.4, 0.5)


@dataclass(frozen=True)
class ChannelCause:
    """Whether a channel carries a label into the output, see `Interchange`.

    Attributes
    ----------
    label : str
        The label.
    r, low, high : float
        Correlation of the change of the output with the difference of the label when
        the channel's map comes from another position, and its 95 % interval; above 0
        where more of the label raises the output. Ends are nan where the channel
        changes nothing or too few games tell.
    exchanged, random : float
        The largest size of r with labels exchanged between positions of a ply, and that
        which 1 % of channels of networks with random weights exceed.
    equal : float
        Size of the change over pairs with equal labels, as part of that over others;
        nan where it is not known.
    games : int
        In how many games' pairs the label differs.
    passed : bool or None
        Whether it does; None where too few games tell.
    """

    label: str
    r: float
    low: float
    high: float
    exchanged: float
    random: float
    equal: float
    games: int
    passed: bool | None


@dataclass(frozen=True, eq=False)
class LayerInterchange:
    """Correlations of one layer.

    Attributes
    ----------
    r, low, high : float array of shape (C, K)
        Correlation, over pairs, of the change of the output with the difference of
        the label, and the ends of its 95 % interval; 0 for a channel that changes
        nothing, nan for a label that never differs. Ends are nan too where r is 0
        for that reason, and where the label differs in pairs of fewer than ten games.
    exchanged : float array of shape (C, K)
        The largest size of r with labels exchanged between positions of a ply.
    random : float array of shape (K,)
        The size of r that 1 % of channels of networks with random weights exceed.
    equal : float array of shape (C, K)
        Mean size of the change over pairs with equal labels, as part of that over the
        others; nan where there are fewer than ten of either.
    best_exchanged, best_random : float array of shape (E, C) or (R, M)
        The largest size of r over labels of each channel, in each exchange and in each
        random network, of which M channels were drawn.
    random_causing, exchanged_causing : float
        Which part of these channels of random networks, each network held against the
        others, and of its own with exchanged labels would cause by their best label as
        a channel of the network does; nan where it is not known.
    """

    r: Pairs
    low: Pairs
    high: Pairs
    exchanged: Pairs
    random: Annotated[Floats, Shape("K", np.float32)]
    equal: Pairs
    best_exchanged: Annotated[Floats, Shape("E C", np.float32)]
    best_random: Annotated[Floats, Shape("R M", np.float32)]
    random_causing: float = nan
    exchanged_causing: float = nan

    @property
    def passed(self) -> NDArray[np.bool_]:
        """Which pairs (C, K) fulfil every criterion, however few games there are."""
        found = (np.abs(self.r) > self.exchanged) & (
            self._nearest > np.maximum(LEAST, self.random)
        )
        return np.asarray(found)

    @property
    def least(self) -> float:
        """What the best of all labels must exceed: 1 % of random channels' best do."""
        best = self.best_random.reshape(-1, 1)
        return max(LEAST, float(random_guard([best])[0]))

    @property
    def _nearest(self) -> Floats:
        """The ends of intervals that are nearer to 0."""
        return np.where(self.r > 0, self.low, -self.high)

    def leading(
        self,
        channel: int,
        tested: NDArray[np.bool_],
        nested: NDArray[np.bool_],
        lead: float,
    ) -> list[int]:
        """Return what a channel carries, see `Interchange.leading`."""
        sizes = np.where(tested, np.nan_to_num(np.abs(self.r[channel])), 0)
        k = int(sizes.argmax()) if sizes.size else 0
        passed = self.passed[channel]
        if not (sizes.any() and passed[k] and self._nearest[channel, k] > self.least):
            return []
        near = np.flatnonzero((sizes > sizes[k] * (1 - lead)) & ~nested[k])
        near = near[near != k]
        return [] if len(near) > 1 else [k, *(int(j) for j in near if passed[j])]


@dataclass(frozen=True, eq=False)
class Interchange(Plain):
    """How the output follows labels when single channels come from other positions.

    A channel's map at one position, the recipient, is replaced by its map at another
    one of the same ply and of another game, the donor. Over such pairs, ``r`` is the
    correlation of the change of the output, after less before, with the difference of
    a label, donor less recipient: above 0, more of the label raises the output. A
    channel that carries the label and nothing else has an r of 1 or -1
    however frequent the label is; one that is not read, or read for something else,
    has 0.

    Attributes
    ----------
    target : str
        The explained output.
    labels, controls : tuple of str
        The K labels, and which of them are controls that no channel should carry.
    spread : int array of shape (K,)
        In how many games' pairs each label differs.
    nested : bool array of shape (K, K)
        Which labels say nearly the same, or one more than the other.
    recipients, pairs, games : int
        Positions of held-out games that were given maps, pairs with their donors,
        and games of both.
    random_networks, seed : int
        Networks with random weights that channels are held against, and the seed of
        all that is random.
    layers : mapping of str to LayerInterchange
        By layer.
    network, corpus : str
        Digests of what it was made from.
    rules : tuple of str
        Which labels are rules that name channels, each a label of its own channels:
        on how many squares it holds.
    """

    target: str
    labels: Annotated[tuple[str, ...], Shape("K")]
    controls: tuple[str, ...]
    spread: Annotated[NDArray[np.int64], Shape("K")]
    nested: Annotated[NDArray[np.bool_], Shape("K K")]
    recipients: int
    pairs: int
    games: int
    random_networks: int
    seed: int
    layers: Mapping[str, LayerInterchange]
    network: str
    corpus: str
    rules: tuple[str, ...] = ()

    def cause(self, layer: str, channel: int, label: str) -> ChannelCause:
        """Say whether a channel carries a label into the output.

        It does where r is larger in size than in every exchange of labels within
        plies, and the interval is beyond 0.1 and what networks with random weights
        reach. It is undecided where the label differs in pairs of fewer than ten games.
        """
        found = self._layer(layer, channel)
        if label not in self.labels:
            msg = f"no label is named '{label}', expected one of the {len(self.labels)}"
            raise ValueError(msg)
        return self._cause(found, channel, self.labels.index(label))

    def best(self, layer: str, channel: int) -> ChannelCause | None:
        """Return what a channel carries most clearly: the label of the largest r.

        Controls and undecided labels are left out; None where no other is left.
        """
        found = self._layer(layer, channel)
        known = np.flatnonzero(self.tested & ~np.isnan(found.r[channel]))
        if not known.size:
            return None
        k = known[np.abs(found.r[channel, known]).argmax()]
        return self._cause(found, channel, int(k))

    def leading(self, layer: str, channel: int, lead: float) -> list[ChannelCause]:
        """Return what a channel carries, if it is one label or two that tie.

        The best must pass, beyond what random networks' best labels reach, and lead all
        but one of those that are not nested with it, by `lead` of its own size. With
        three or more about equal the list is empty.
        """
        found = self._layer(layer, channel)
        led = found.leading(channel, self.tested, self.nested, lead)
        return [self._cause(found, channel, k) for k in led]

    @property
    def tested(self) -> NDArray[np.bool_]:
        """Which labels (K,) differ in enough games and are no controls or rules."""
        return tested_labels(self.labels, (*self.controls, *self.rules), self.spread)

    def counts(self, layer: str, level: float) -> tuple[int, float, float]:
        """Count channels with a label whose r reaches a level in size.

        Then, on average, as many of a network with random weights, and with labels
        exchanged.
        """
        found = self.layers[layer]
        sizes = np.abs(np.where(self.tested, np.nan_to_num(found.r), 0))
        tables = (sizes.max(axis=1, initial=0), found.best_random, found.best_exchanged)
        parts = [float((t >= level).mean()) if t.size else np.nan for t in tables]
        mine, random, exchanged = (part * len(found.r) for part in parts)
        return round(mine), random, exchanged

    def frame(self, layer: str | None = None) -> "pd.DataFrame":
        """Return a table, one row a channel and label, of one layer or all."""
        parts = []
        for name in self.layers if layer is None else (layer,):
            found, k = self.layers[name], len(self.labels)
            channels = len(found.r)
            columns = ("r", "low", "high", "exchanged", "equal")
            numbers = {each: getattr(found, each).ravel() for each in columns}
            few = np.tile(self.spread < LEAST_GAMES, channels)
            passed = pd.array(found.passed.ravel(), dtype="boolean")
            passed[few] = pd.NA
            table = {
                "layer": np.repeat(name, channels * k),
                "channel": np.repeat(np.arange(channels), k),
                "label": np.tile(self.labels, channels),
                **numbers,
                "random": np.tile(found.random, channels),
                "games": np.tile(self.spread, channels),
                "passed": passed,
            }
            parts.append(pd.DataFrame(table))
        return pd.concat(parts, ignore_index=True)

    def __repr__(self) -> str:
        layers = ", ".join(self.layers)
        return (
            f"Interchange(target={self.target!r}, pairs={self.pairs}, "
            f"labels={len(self.labels)}, layers=[{layers}])"
        )

    def _repr_html_(self) -> str:
        rows = [
            (layer, len(found.r), *(self.counted(layer, level) for level in _LEVELS))
            for layer, found in self.layers.items()
        ]
        levels = (f"|r| ≥ {level}" for level in _LEVELS)
        title = f"Channels that carry a label into '{self.target}'"
        note = (
            f"{self.pairs:,} pairs of positions; in brackets, of a network with random "
            "weights, and with labels exchanged within plies."
        )
        return html_table(title, ("layer", "channels", *levels), rows, note=note)

    def counted(self, layer: str, level: float) -> str:
        """Write `counts`, such as "24 (2.1, 0)", or that no label was decided on."""
        if not self.tested.any():
            return FEW_GAMES
        mine, *controls = self.counts(layer, level)
        return f"{mine} ({', '.join(f'{each:.2g}' for each in controls)})"

    def _layer(self, layer: str, channel: int) -> LayerInterchange:
        sizes = {name: len(each.r) for name, each in self.layers.items()}
        check_channel(sizes, layer, channel, "was not interchanged")
        return self.layers[layer]

    def _cause(self, found: LayerInterchange, channel: int, k: int) -> ChannelCause:
        games = int(self.spread[k])
        names = ("r", "low", "high", "exchanged", "equal")
        return ChannelCause(
            label=self.labels[k],
            **{name: float(getattr(found, name)[channel, k]) for name in names},
            random=float(found.random[k]),
            games=games,
            passed=None if games < LEAST_GAMES else bool(found.passed[channel, k]),
        )


def tested_labels(
    labels: tuple[str, ...], controls: tuple[str, ...], spread: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Tell which labels (K,) differ in enough games (K,) and are no controls."""
    return np.asarray((spread >= LEAST_GAMES) & ~np.isin(labels, controls))
