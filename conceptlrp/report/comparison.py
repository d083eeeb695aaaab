"""Two stores of the same positions side by side: which channel became which.

The stores may differ in the network, as snapshots of a training do, or in the
composite or baseline. Channels of two networks have no common numbers, so they are
matched by the correlation of what they do. Nearly everything that channels share is the
phase of the game: correlations are taken among positions of equal ply, and shown beside
those of positions that were exchanged within their ply.

Shapes use N positions, C channels of the first store and D of the second.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conceptlrp.drawing.notebook import html_table
from conceptlrp.errors import StoreError, check_choice, check_names
from conceptlrp.jsontext import plain
from conceptlrp.late import pd
from conceptlrp.othello.twins import position_keys
from conceptlrp.progress import OnProgress
from conceptlrp.report.words.relevance import gradient_words, relevance_of
from conceptlrp.statistics import Estimate
from conceptlrp.statistics.estimates import cosine, estimate
from conceptlrp.store import Plan, Store, open_store
from conceptlrp.store.reader import AnyStore

#: What channels can be matched by.
MATCHED_BY: Final = ("relevance", "share", "activation")

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LayerMatch:
    """Channels of a layer matched one to one, best first; `best` (C,) is of any."""

    layer: str
    other_layer: str
    first: NDArray[np.intp]
    second: NDArray[np.intp]
    correlation: Floats
    best: Floats
    chance: float


@dataclass(frozen=True, eq=False)
class StoreComparison:
    """What two stores of the same positions have in common.

    Attributes
    ----------
    names, target : (str, str), str
        Network, composite and baseline of either store, and the explained output.
    by, positions : str, int
        What channels were matched by, one of `MATCHED_BY`, on how many positions.
    layers : tuple of LayerMatch
        Layers of the same place.
    same_move : Estimate
        Part of the positions where both networks have the same highest logit.
    value_correlation : float
        Correlation of the values before tanh, nan without a value head.
    heatmap_cosine : Estimate
        Cosine of the heatmaps of the explained output.
    remarks : tuple of str
        Sentences on what limits the comparison, such as different baselines.
    """

    names: tuple[str, str]
    target: str
    by: str
    positions: int
    layers: tuple[LayerMatch, ...]
    same_move: Estimate
    value_correlation: float
    heatmap_cosine: Estimate
    remarks: tuple[str, ...] = ()

    def frame(self) -> "pd.DataFrame":
        """Return a table, one row a pair of channels."""
        tables = [
            pd.DataFrame(
                {
                    "layer": match.layer,
                    "channel": match.first,
                    "other_layer": match.other_layer,
                    "other_channel": match.second,
                    "correlation": match.correlation,
                    "chance": match.chance,
                }
            )
            for match in self.layers
        ]
        return pd.concat(tables, ignore_index=True)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, ready for JSON: nan as None."""
        found: dict[str, Any] = plain(self)
        return found

    def __repr__(self) -> str:
        one, other = self.names
        return f"StoreComparison({one} and {other}, {self.positions} positions)"

    def _repr_html_(self) -> str:
        rows = [
            (
                match.layer,
                match.other_layer,
                len(match.first),
                f"{match.correlation.mean():.2f}",
                f"{match.chance:.2f}",
            )
            for match in self.layers
        ]
        columns = ("layer", "other layer", "pairs", "mean correlation", "by chance")
        return html_table(" and ".join(self.names), columns, rows) + "".join(
            f"<p>{remark}</p>" for remark in self.remarks
        )


def compare(
    first: AnyStore,
    second: AnyStore,
    *,
    layers: Sequence[str] | None = None,
    target: int | str = 0,
    by: str = "share",
    n_positions: int = 20_000,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> StoreComparison:
    """Compare two stores of the same corpus and match their channels.

    Parameters
    ----------
    first, second : Store or path
        Two networks, snapshots, composites or baselines on the same positions.
    layers, target : sequence of str, int or str
        Layers of both stores, by default those that share a name, or else all in their
        order if there are as many; and the explained output of either.
    by : str
        "share" or "relevance" of channels, or "activation", which does not change
        with the composite.
    n_positions, seed : int, int
        Positions at most, drawn at random.
    on_progress : callable, optional
        Called with "layers", how many are matched, and of how many.

    Returns
    -------
    StoreComparison
        Matches layer by layer, and how alike outputs and heatmaps are. Stores of other
        positions, or without layers that belong together, raise `StoreError`.
    """
    first, second = open_store(first), open_store(second)
    check_choice("by", by, MATCHED_BY)
    pairs = _layer_pairs(first, second, layers)
    name = first.targets[first.target_index(target)]
    rows = _common_rows(first, second, n_positions, seed)
    ply = np.asarray(first.positions.ply)[rows[0]]
    games = position_keys(first.positions[rows[0]])
    matches = []
    for layer, other in pairs:
        tables = (
            _table(first, layer, by, rows[0], name),
            _table(second, other, by, rows[1], name),
        )
        matches.append(match_layer((layer, other), tables, ply, seed=seed))
        if on_progress is not None:
            on_progress("layers", len(matches), len(pairs))
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
        remarks=_remarks((first, second)),
    )


def _outputs(
    first: Store, second: Store, rows: tuple[NDArray[np.int64], ...], target: str
) -> tuple[Floats, float, Floats]:
    """Compare best moves, values and heatmaps, position by position."""
    stores = list(zip((first, second), rows, strict=True))
    best = [store.arrays.logits(rows=part).argmax(axis=1) for store, part in stores]
    values = [
        store.arrays.value(rows=part).astype(np.float64) for store, part in stores
    ]
    heatmaps = [
        store.arrays.heatmap(rows=part, target=target) for store, part in stores
    ]
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
    asked = {} if by == "activation" else {"target": target}
    found: Floats = getattr(store.arrays, by)(layer, rows=rows, **asked)
    return found.astype(np.float64)


def _layer_pairs(
    first: Store, second: Store, layers: Sequence[str] | None
) -> list[tuple[str, str]]:
    if layers is not None:
        asked = check_names(layers, "layers", "a layer")
        for store in (first, second):
            for layer in asked:
                store.channels(layer)
        return [(layer, layer) for layer in asked]
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
    return f"{network} ({relevance_of(made.plan).removeprefix('relevance ')})"


def _remarks(stores: tuple[Store, Store]) -> tuple[str, ...]:
    one, other = (store.manifest.plan for store in stores)
    found = dict.fromkeys(gradient_words(each.gradients) for each in (one, other))
    return (*_of_baselines(one, other), *filter(None, found))


def _of_baselines(one: Plan, other: Plan) -> tuple[str, ...]:
    if one.baseline.get("digest") == other.baseline.get("digest"):
        return ()
    if one.above == other.above:
        words = f"Both have relevance above {one.above}, but other ones"
    else:
        words = (
            f"Relevance of the first is above {one.above}, of the second above "
            f"{other.above}"
        )
    return (f"{words}: they answer different questions.",)


def match_layer(
    names: tuple[str, str],
    tables: tuple[Floats, Floats],
    groups: NDArray[Any],
    *,
    seed: int = 0,
) -> LayerMatch:
    """Match the channels of two layers one to one."""
    exchanged = _exchanged(groups, seed)
    correlation = correlation_within(*tables, groups)
    first, second = match_channels(correlation)
    unrelated = correlation_within(tables[0], tables[1][exchanged], groups)
    return LayerMatch(
        layer=names[0],
        other_layer=names[1],
        first=first,
        second=second,
        correlation=correlation[first, second],
        best=correlation.max(axis=1),
        chance=float(unrelated[match_channels(unrelated)].mean()),
    )


def match_channels(correlation: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pair rows with columns so that the sum of correlations is largest.

    Shapes: `correlation` (C, D). Returns `rows, columns` (min(C, D),): the pairs, those
    of the largest correlation first.

    >>> rows, columns = match_channels(np.array([[0.2, 0.9], [0.1, 0.8]]))
    >>> rows.tolist(), columns.tolist()
    ([0, 1], [1, 0])
    """
    from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

    rows, columns = linear_sum_assignment(correlation, maximize=True)
    order = np.argsort(-correlation[rows, columns], kind="stable")
    return rows[order], columns[order]


def correlation_within(one: Floats, other: Floats, groups: NDArray[Any]) -> Floats:
    """Correlate columns within groups (N,): (C, D), 0 for one constant in each."""
    _, group = np.unique(groups, return_inverse=True)
    left, right = (_unit(_centered(table, group)) for table in (one, other))
    found: Floats = left.T @ right
    return found


def _exchanged(groups: NDArray[Any], seed: int) -> NDArray[np.intp]:
    """Return rows in an order that exchanges them within their group."""
    generator = np.random.default_rng(seed)
    order = np.argsort(groups, kind="stable")
    drawn = np.lexsort((generator.random(len(groups)), groups))
    exchanged = np.empty(len(groups), np.intp)
    exchanged[order] = drawn
    return exchanged


def _centered(table: Floats, group: NDArray[np.intp]) -> Floats:
    sums = np.zeros((int(group.max()) + 1, table.shape[1]))
    np.add.at(sums, group, table)
    centered: Floats = table - (sums / np.bincount(group)[:, None])[group]
    return centered


def _unit(table: Floats) -> Floats:
    """Divide columns by their length; one that only rounding fills becomes 0."""
    size = np.sqrt((table**2).sum(axis=0))
    small = size <= 1e-9 * max(float(size.max(initial=0)), 1e-30)
    return np.where(small, 0, table / np.where(small, 1, size))
