"""A circuit: the units that keep an output when all others have their baseline.

With d = f(all) - f(none), the output with all units and with all at the baseline,

    kept      sum s (f(circuit) - f(none)) / sum |d|     s = sign d
    distance  sum |f(all) - f(circuit)| / sum |d|
    lost      sum s (f(all) - f(all but the circuit)) / sum |d|

over positions: ratios of sums, so that a position where nothing is at stake counts for
nothing. With all units they are 1, 0 and 1, with none 0, 1 and 0. Kept can exceed 1
where what speaks against the output was dropped; the distance then grows again.

Areas over the part of units that is kept are those of MIB (Mueller et al., ICML 2025,
arXiv:2504.13151): CPR of `kept`, higher is better, and CMD of `distance`, lower is
better. MIB takes its distance after averaging over inputs; here it is taken before,
so that too much at one position does not make up for too little at another.

Shapes use N positions, K sizes or edges, and C channels of an H x W map.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from conceptlrp import jsontext
from conceptlrp.concept_graph.unit_edges import Pair, UnitEdges
from conceptlrp.concept_graph.units import KeptUnits, Units
from conceptlrp.drawing.notebook import html_table
from conceptlrp.late import pd
from conceptlrp.statistics.estimates import Estimate, ratio_intervals
from conceptlrp.statistics.intervals import FEW_GAMES
from conceptlrp.store.results.codec import Shape

Values = Annotated[NDArray[np.float64], Shape("K")]


@dataclass(frozen=True, eq=False)
class KeptCurve:
    """What circuits of K sizes keep and lose, with 95 % intervals over games.

    Ends are nan of fewer than ten games and where nothing varies, as without any unit.

    Attributes
    ----------
    kept, kept_low, kept_high : float64 array of shape (K,)
        Part of the output that the circuit alone keeps.
    distance, distance_low, distance_high : float64 array of shape (K,)
        How far it is from the whole network, position by position.
    lost, lost_low, lost_high : float64 array of shape (K,)
        Part of the output that is lost without the circuit.
    cpr, cmd : Estimate
        Areas under `kept` and under `distance`.
    """

    kept: Values
    kept_low: Values
    kept_high: Values
    distance: Values
    distance_low: Values
    distance_high: Values
    lost: Values
    lost_low: Values
    lost_high: Values
    cpr: Estimate
    cmd: Estimate

    def __repr__(self) -> str:
        return f"KeptCurve(cpr={self.cpr.mean:.3f}, cmd={self.cmd.mean:.3f})"


def trace_curve(
    runner: KeptUnits, units: Units, ranks: Tensor, sizes: NDArray[np.int64]
) -> KeptCurve:
    """Keep, and then ablate, the first units of a ranking (M, U) in K sizes."""
    alone = np.stack([runner.outputs(units, ranks < int(n)) for n in sizes], 1)
    without = np.stack([runner.outputs(units, ranks >= int(n)) for n in sizes], 1)
    full, empty = runner.full[:, None], runner.empty[:, None]
    signs = np.sign(runner.gap)[:, None]
    found = {
        "kept": signs * (alone - empty),
        "distance": np.abs(full - alone),
        "lost": signs * (full - without),
    }
    return _estimated(found, np.abs(runner.gap), sizes / len(units), runner)


def _estimated(
    found: dict[str, NDArray[np.float64]],
    gap: NDArray[np.float64],
    parts: NDArray[np.float64],
    runner: KeptUnits,
) -> KeptCurve:
    games = runner.sample.games
    number = len(np.unique(games))
    numbers: dict[str, NDArray[np.float64]] = {}
    areas: dict[str, Estimate] = {}
    for name, columns in found.items():
        area = np.trapezoid(columns, parts, axis=1)
        # The area is a part of the gap as those under it are.
        ends = ratio_intervals(np.column_stack([columns, area]), gap, games)
        own = (each[:-1] for each in ends)
        numbers |= dict(zip((name, f"{name}_low", f"{name}_high"), own, strict=True))
        mean, low, high = (float(each[-1]) for each in ends)
        areas[name] = Estimate(mean, low, high, len(gap), number)
    return KeptCurve(**numbers, cpr=areas["kept"], cmd=areas["distance"])


#: The ranking that the circuit is the beginning of; the others are compared with it.
OWN: Final = "circuit"
#: What whole channels keep, pruned in the same way; their sizes are parts of channels.
CHANNELS: Final = "whole channels"


@dataclass(frozen=True, eq=False)
class KeptLayer:
    """Units of one layer that a circuit keeps.

    Attributes
    ----------
    kept : float32 array of shape (C, H, W)
        Part of the positions whose circuit has the unit: 0 or 1 where they share one.
    relevance : float32 array of shape (C, H, W)
        Mean relevance above the baseline within the circuit, towards the change of the
        output; 0 of units outside.
    """

    kept: Annotated[NDArray[np.float32], Shape("C H W")]
    relevance: Annotated[NDArray[np.float32], Shape("C H W")]

    def __repr__(self) -> str:
        return f"<{np.count_nonzero(self.kept)} of {self.kept.size} units kept>"


@dataclass(frozen=True, eq=False)
class Circuit:
    """The smallest set of units found that keeps a given part of an output.

    Attributes
    ----------
    target : str
        Name of the explained output.
    name : str
        What the positions have in common, such as "label=corner; phase=endgame".
    rows : int64 array of shape (N,)
        The positions, as rows of the store.
    held_out : int
        On how many of them, of other games than those that ranked the units, all is
        measured; 0 where it is on the same positions: for `each` and for few games.
    part : float
        Part of the output that was asked for.
    each : bool
        Whether every position has a circuit of its own, or all share one.
    method : str
        "pruned" in rounds, or ranked "once".
    size, units : int
        How many units are kept, of how many.
    sizes : int64 array of shape (K,)
        Sizes of the curves in units, that of the circuit among them.
    curves : dict of str to KeptCurve
        What "circuit", the beginning of its ranking, keeps at every size, and what
        others of equal size do: ranked "once" by relevance above the baseline, by
        "plain relevance", "activation", at "random", and at "random by layer", with as
        many units of each layer. For "whole channels" the sizes are the same parts of
        all channels.
    layers : dict of str to KeptLayer
        The units that are kept.
    edges : dict of (str, str) to UnitEdges
        The strongest edges between them, by upper and lower layer.
    baseline : str
        What all other units are set to.
    games, seed : int
        Games that the positions are from, and the seed of all that is random.
    network, corpus : str
        Digests of what was explained, and of where the positions are from.
    """

    target: str
    name: str
    rows: Annotated[NDArray[np.int64], Shape("N")]
    held_out: int
    part: float
    each: bool
    method: str
    size: int
    units: int
    sizes: Annotated[NDArray[np.int64], Shape("K")]
    curves: dict[str, KeptCurve]
    layers: dict[str, KeptLayer]
    edges: dict[Pair, UnitEdges]
    baseline: str
    games: int
    seed: int
    network: str
    corpus: str

    def __repr__(self) -> str:
        return (
            f"Circuit({self.target!r}, {self.words}: {self.size:,} of {self.units:,} "
            f"units keep {self.at()['kept']:.2f})"
        )

    @property
    def few(self) -> bool:
        """Whether it was tested on too few games for intervals."""
        return self.curves[OWN].cpr.few

    @property
    def words(self) -> str:
        """How many positions it is of, and what they have in common."""
        number = f"{len(self.rows):,} position{'s' * (len(self.rows) != 1)}"
        named = f"{number} ({self.name})" if self.name else number
        return f"{named}, {self.held_out:,} held out" if self.held_out else named

    def _repr_html_(self) -> str:
        rows = [
            (name, *(f"{found[key]:.2f}" for key in ("kept", "distance", "lost")))
            for name in self.curves
            if (found := self.at(curve=name))
        ]
        columns = ("units", "kept", "distance", "lost without them")
        told = [
            *self.layer_words,
            *([f"{FEW_GAMES}: no intervals"] if self.few else []),
        ]
        return html_table(repr(self), columns, rows, note="; ".join(told))

    @property
    def layer_words(self) -> list[str]:
        """How many units of each layer are kept."""
        return [
            f"{layer} {each.kept.sum():,.0f} of {each.kept.size:,}"
            for layer, each in self.layers.items()
        ]

    def at(self, part: float | None = None, *, curve: str = OWN) -> dict[str, float]:
        """Return what a curve has at a part of the units, by default the circuit's.

        It is taken at the nearest of the sizes, whose part is "units".
        """
        wanted = self.size if part is None else part * self.units
        place = int(np.abs(self.sizes - wanted).argmin())
        numbers = vars(self.curves[curve])
        found = {n: float(a[place]) for n, a in numbers.items() if n not in _AREAS}
        return {"units": float(self.sizes[place] / self.units), **found}

    def curve_frame(self) -> "pd.DataFrame":
        """Return all curves as one table, a row for each ranking and size."""
        rows = [
            {"ranking": name, **self.at(float(part), curve=name)}
            for name in self.curves
            for part in self.sizes / self.units
        ]
        return pd.DataFrame(rows)

    def frame(self) -> "pd.DataFrame":
        """Return the units that are kept, the most relevant first."""
        parts = []
        for layer, each in self.layers.items():
            at = np.nonzero(each.kept)
            table: dict[str, Any] = {"layer": layer}
            table |= dict(zip(("channel", "row", "column"), at, strict=True))
            table |= {"kept": each.kept[at], "relevance": each.relevance[at]}
            parts.append(pd.DataFrame(table))
        return _most_relevant(pd.concat(parts, ignore_index=True))

    def edge_frame(self) -> "pd.DataFrame":
        """Return the edges between units, the most relevant first."""
        rows = [
            (self.unit(up, int(u)), self.unit(low, int(v)), r, e)
            for (up, low), found in self.edges.items()
            for u, v, r, e in zip(
                found.upper, found.lower, found.relevance, found.effect, strict=True
            )
        ]
        columns = ["upper", "lower", "relevance", "effect"]
        return _most_relevant(pd.DataFrame(rows, columns=columns))

    def unit(self, layer: str, number: int) -> str:
        """Name a unit of a layer as targets do: "conv3:17@2,4"."""
        shape = self.layers[layer].kept.shape
        channel, row, column = np.unravel_index(number, shape)
        return f"{layer}:{channel}@{row},{column}"

    def to_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON; units and edges as lists."""
        kept = ("layers", "edges")
        found = {n: value for n, value in vars(self).items() if n not in kept}
        lists = {
            "kept": self.frame().to_dict("records"),
            "edges": self.edge_frame().to_dict("records"),
        }
        return dict(jsontext.plain(found | lists))

    def node_link(self) -> dict[str, Any]:
        """Return the circuit as plain values, as `node_link` does a graph.

        Nodes are the kept units, by their name, and the target, which has an edge to
        every kept unit that no other unit of the circuit's layers reads.
        """
        top = f"target:{self.target}"
        nodes: list[dict[str, Any]] = [{"id": top, "layer": "target", "channel": 0}]
        units: list[dict[str, Any]] = self.frame().to_dict("records")  # type: ignore[assignment]
        for unit in units:
            name = "{layer}:{channel}@{row},{column}".format_map(unit)
            nodes.append({"id": name, **unit})
        frame = self.edge_frame().rename(columns={"upper": "source", "lower": "target"})
        edges: list[dict[str, Any]] = frame.to_dict("records")  # type: ignore[assignment]
        read = {low for _, low in self.edges}
        edges += [
            {"source": top, "target": node["id"], "relevance": node["relevance"]}
            for node in nodes[1:]
            if node["layer"] not in read
        ]
        numbers = {n: value for n, value in self.at().items() if np.isfinite(value)}
        names = {"target": self.target, "baseline": self.baseline}
        about = {**names, "positions": self.words, **numbers}
        found = {"graph": about, "nodes": nodes, "edges": edges}
        return dict(jsontext.plain({"directed": True, "multigraph": False, **found}))


def _most_relevant(found: "pd.DataFrame") -> "pd.DataFrame":
    return found.sort_values(
        "relevance", key=np.abs, ascending=False, kind="stable", ignore_index=True
    )


_AREAS: Final = ("cpr", "cmd")
