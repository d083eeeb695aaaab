"""Two stores of the same positions side by side: which channel became which.

The stores may differ in the network, as snapshots of a training do, or in the
composite. Channels of two networks have no common numbers, so they are matched by the
correlation of what they do, among positions of equal ply.

Shapes use N positions, C channels of the first store and D of the second.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import StoreError
from conceptlrp.report.channel_matching import (
    Floats,
    LayerMatch,
    correlation_within,
    match_layer,
)
from conceptlrp.statistics import Estimate
from conceptlrp.statistics.estimates import estimate
from conceptlrp.statistics.similarity import cosine
from conceptlrp.store import Store

if TYPE_CHECKING:
    import pandas as pd

#: What channels can be matched by.
MATCHED_BY: Final = ("relevance", "share", "activation")


@dataclass(frozen=True, eq=False)
class StoreComparison:
    """What two stores of the same positions have in common.

    Attributes
    ----------
    names : (str, str)
        Network and composite of either store.
    target : str
        The explained output.
    by : str
        What channels were matched by, one of `MATCHED_BY`.
    positions : int
        Positions that were compared.
    layers : tuple of LayerMatch
        Layers of the same place.
    same_move : Estimate
        Part of the positions where both networks have the same highest logit.
    value_correlation : float
        Correlation of the values before tanh, nan without a value head.
    heatmap_cosine : Estimate
        Cosine of the heatmaps of the explained output.
    """

    names: tuple[str, str]
    target: str
    by: str
    positions: int
    layers: tuple[LayerMatch, ...]
    same_move: Estimate
    value_correlation: float
    heatmap_cosine: Estimate

    def frame(self) -> "pd.DataFrame":
        """Return a table, one row a pair of channels."""
        import pandas as pd

        rows = [
            {
                "layer": match.layer,
                "channel": int(first),
                "other_layer": match.other_layer,
                "other_channel": int(second),
                "correlation": float(correlation),
                "chance": match.chance,
            }
            for match in self.layers
            for first, second, correlation in zip(
                match.first, match.second, match.correlation, strict=True
            )
        ]
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, ready for JSON: nan as None."""
        value = self.value_correlation
        return {
            "names": list(self.names),
            "target": self.target,
            "by": self.by,
            "positions": self.positions,
            "same_move": self.same_move.to_dict(),
            "value_correlation": value if np.isfinite(value) else None,
            "heatmap_cosine": self.heatmap_cosine.to_dict(),
            "layers": [match.to_dict() for match in self.layers],
        }


def compare_stores(
    first: Store,
    second: Store,
    *,
    layers: Sequence[str] | None = None,
    target: int | str = 0,
    by: str = "share",
    n_positions: int = 20_000,
    seed: int = 0,
) -> StoreComparison:
    """Compare two stores of the same corpus and match their channels.

    Parameters
    ----------
    first, second : Store
        Two networks, snapshots or composites on the same positions.
    layers : sequence of str, optional
        Layers of both stores; by default those that share a name, or else all in
        their order if there are as many.
    target : int or str
        The explained output; the same name is looked for in the second store.
    by : str
        "share" or "relevance" of channels, or "activation", which does not change
        with the composite.
    n_positions : int
        Positions at most, drawn at random.
    seed : int
        The same seed gives the same numbers.

    Returns
    -------
    StoreComparison
        Matches layer by layer, and how alike outputs and heatmaps are.

    Raises
    ------
    StoreError
        If the stores hold other positions, or no layers that belong together.
    ValueError
        For something that channels cannot be matched by.
    """
    if by not in MATCHED_BY:
        msg = f"by is '{by}', expected one of {', '.join(MATCHED_BY)}"
        raise ValueError(msg)
    pairs = _layer_pairs(first, second, layers)
    name = first.targets[first.target_index(target)]
    rows = _common_rows(first, second, n_positions, seed)
    ply = np.asarray(first.positions.ply)[rows[0]]
    games = np.asarray(first.positions.game)[rows[0]]
    matches = []
    for layer, other in pairs:
        tables = (
            _table(first, layer, by, rows[0], name),
            _table(second, other, by, rows[1], name),
        )
        matches.append(match_layer((layer, other), tables, ply, seed=seed))
    moves, value, heatmaps = _outputs(first, second, rows, name)
    return StoreComparison(
        names=(_name(first), _name(second)),
        target=name,
        by=by,
        positions=len(ply),
        layers=tuple(matches),
        same_move=estimate(moves, games),
        value_correlation=value,
        heatmap_cosine=estimate(heatmaps, games),
    )


def _outputs(
    first: Store, second: Store, rows: tuple[NDArray[np.int64], ...], target: str
) -> tuple[Floats, float, Floats]:
    """Compare best moves, values and heatmaps, position by position."""
    stores = list(zip((first, second), rows, strict=True))
    best = [store.logits(rows=part).argmax(axis=1) for store, part in stores]
    values = [store.value(rows=part).astype(np.float64) for store, part in stores]
    heatmaps = [store.heatmap(rows=part, target=target) for store, part in stores]
    flat = [heatmap.reshape(len(heatmap), -1) for heatmap in heatmaps]
    known = all(np.isfinite(each).all() for each in values)
    alike = correlation_within(
        values[0][:, None], values[1][:, None], np.zeros(len(rows[0]), np.intp)
    )
    value = float(alike[0, 0]) if known else float("nan")
    return (best[0] == best[1]).astype(np.float64), value, cosine(*flat)


def _table(
    store: Store, layer: str, by: str, rows: NDArray[np.int64], target: str
) -> Floats:
    if by == "activation":
        return store.activation(layer, rows=rows).astype(np.float64)
    read = store.share if by == "share" else store.relevance
    return read(layer, rows=rows, target=target).astype(np.float64)


def _layer_pairs(
    first: Store, second: Store, layers: Sequence[str] | None
) -> list[tuple[str, str]]:
    if layers is not None:
        for store in (first, second):
            for layer in layers:
                store.channels(layer)
        return [(layer, layer) for layer in layers]
    common = [(layer, layer) for layer in first.layers if layer in second.layers]
    if not common and len(first.layers) == len(second.layers):
        common = list(zip(first.layers, second.layers, strict=True))
    if not common:
        msg = (
            f"{first.path} has layers {', '.join(first.layers)} and {second.path} "
            f"{', '.join(second.layers)}; none belong together"
        )
        raise StoreError(msg)
    return common


def _common_rows(
    first: Store, second: Store, n: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    digests = [str(store.manifest.corpus.get("digest")) for store in (first, second)]
    if digests[0] != digests[1]:
        msg = (
            f"{second.path}: explains corpus {digests[1][:12]}, {first.path} corpus "
            f"{digests[0][:12]}; attribute the same positions to compare them"
        )
        raise StoreError(msg)
    common, *places = np.intersect1d(first.ids, second.ids, return_indices=True)
    if len(common) < 2:
        msg = f"{first.path} and {second.path} share {len(common)} positions, need 2"
        raise StoreError(msg)
    generator = np.random.default_rng(seed)
    chosen = np.sort(generator.permutation(len(common))[:n])
    return places[0][chosen], places[1][chosen]


def _name(store: Store) -> str:
    made = store.manifest
    network = made.network.get("name") or str(made.network.get("digest", ""))[:12]
    return f"{network} ({made.composite.get('name', 'unknown composite')})"
