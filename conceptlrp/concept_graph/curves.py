"""What is kept of an output by circuits of every size, and its area.

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

Shapes use N positions and K sizes.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from conceptlrp.concept_graph.units import KeptUnits, Units
from conceptlrp.statistics.estimates import Estimate, bootstrap_means, ratio
from conceptlrp.store.results.codec import Shape

Values = Annotated[NDArray[np.float64], Shape("K")]


@dataclass(frozen=True, eq=False)
class KeptCurve:
    """What circuits of K sizes keep and lose, with 95 % intervals over games.

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
    runner: KeptUnits, units: Units, ranks: Tensor, sizes: NDArray[np.int64], seed: int
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
    return _estimated(found, np.abs(runner.gap), sizes / len(units), runner, seed)


def _estimated(
    found: dict[str, NDArray[np.float64]],
    gap: NDArray[np.float64],
    parts: NDArray[np.float64],
    runner: KeptUnits,
    seed: int,
) -> KeptCurve:
    n_sizes, games = len(parts), runner.sample.corpus.game
    columns = np.concatenate([*found.values(), gap[:, None]], axis=1)
    drawn = bootstrap_means(columns, games, seed=seed)
    if len(np.unique(games)) < 2:
        drawn = np.full_like(drawn, np.nan)
    # The mean goes first, then the draws: all are ratios of sums.
    drawn = np.concatenate([columns.mean(axis=0, keepdims=True), drawn])
    shares = ratio(drawn[:, :-1], drawn[:, -1:])
    numbers: dict[str, NDArray[np.float64]] = {}
    areas: dict[str, Estimate] = {}
    for place, name in enumerate(found):
        own = shares[:, place * n_sizes : (place + 1) * n_sizes]
        low, high = _ends(own[1:])
        numbers |= {name: own[0], f"{name}_low": low, f"{name}_high": high}
        area = np.asarray(np.trapezoid(own, parts, axis=1))
        low, high = _ends(area[1:])
        areas[name] = Estimate(float(area[0]), float(low), float(high), len(gap))
    return KeptCurve(**numbers, cpr=areas["kept"], cmd=areas["distance"])


def _ends(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    known = drawn[np.isfinite(drawn.reshape(len(drawn), -1)).all(axis=1)]
    if not len(known):
        return np.full((2, *drawn.shape[1:]), np.nan)
    return np.asarray(np.percentile(known, (2.5, 97.5), axis=0))
