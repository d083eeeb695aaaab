"""Strips of boards for every channel of a layer, from what a store keeps.

Shapes use N positions, k boards and n x n squares. Strips hold what the functions
of `conceptlrp.reference` find for one channel; here nothing is read twice, and
boards are described when somebody looks at them.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from conceptlrp.reference import ReferenceBoard, ReferenceBoards
from conceptlrp.reference.boards import describe_board
from conceptlrp.reference.strips import diverse_rows, quantile_rows, telling
from conceptlrp.report.statistics import Column
from conceptlrp.report.stored_layer import StoredLayer
from conceptlrp.store import Ranking, Store
from conceptlrp.store.format.schema import REFERENCE_KINDS
from conceptlrp.store.ranking import top_rows

#: Boards of the strip from the highest to the lowest share.
QUANTILES = 10
_KINDS = {
    "relevant": "share-top",
    "opposed": "share-bottom",
    "active": "activation-top",
}

Maps = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class StripPlan:
    """Which boards a strip shows: k rows with scores, and heatmaps if any are kept."""

    by: str
    strip: str
    ranking: Ranking
    heatmaps: Maps | None = None


class BoardShelf:
    """Describes boards, each once, with one look at the outputs of the network."""

    def __init__(self, store: Store, rows: NDArray[np.int64]) -> None:
        self._store, self._rows = store, np.unique(rows)
        self._known: dict[int, ReferenceBoard] = {}

    def boards(self, ranking: Ranking) -> tuple[ReferenceBoard, ...]:
        """Return the boards of a ranking, with their scores."""
        pairs = zip(ranking.rows.tolist(), ranking.scores.tolist(), strict=True)
        return tuple(replace(self._board(row), score=score) for row, score in pairs)

    def _board(self, row: int) -> ReferenceBoard:
        if row not in self._known:
            logits, values = self._outputs
            place = int(np.searchsorted(self._rows, row))
            self._known[row] = describe_board(
                self._store.positions, row, 0.0, logits[place], float(values[place])
            )
        return self._known[row]

    @cached_property
    def _outputs(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        arrays, rows = self._store.arrays, self._rows
        return arrays.logits(rows=rows), arrays.value(rows=rows)


class ChannelStrips(Mapping[str, ReferenceBoards]):
    """The strips of a channel by name, described when first asked for."""

    def __init__(
        self,
        plans: Mapping[str, StripPlan],
        describe: Callable[[StripPlan], ReferenceBoards],
    ) -> None:
        self._plans, self._describe = plans, cache(describe)

    def __getitem__(self, name: str) -> ReferenceBoards:
        return self._describe(self._plans[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._plans)

    def __len__(self) -> int:
        return len(self._plans)


@dataclass(frozen=True, eq=False)
class LayerStrips:
    """Chooses the boards of the channels of a layer, `count` of them a strip."""

    stored: StoredLayer
    count: int

    def plans(self, column: Column) -> dict[str, StripPlan]:
        """Choose the boards of a channel, by strip."""
        chosen = {name: self._extreme(column, kind) for name, kind in _KINDS.items()}
        is_flat = not column.share.any()
        levels = np.linspace(1, 0, 0 if is_flat else QUANTILES)
        rows = self._random_rows
        return {
            **chosen,
            "quantiles": StripPlan(
                "share", "quantiles", quantile_rows(column.share, levels)
            ),
            "random": StripPlan("share", "random", Ranking(rows, column.share[rows])),
        }

    def describe(
        self, channel: int, plans: Mapping[str, StripPlan], shelf: BoardShelf
    ) -> ChannelStrips:
        """Turn plans into strips that are described when they are asked for."""
        return ChannelStrips(plans, lambda each: self._described(channel, each, shelf))

    @cached_property
    def _games(self) -> NDArray[np.integer]:
        return self.stored.store.columns.metadata.of_positions("game")

    @cached_property
    def _random_rows(self) -> NDArray[np.int64]:
        """Rows drawn as `random_boards` draws them: the same for every channel."""
        drawn = np.random.default_rng(0).random(len(self.stored.store))
        return diverse_rows(drawn, self.count, games=self._games).rows

    def _extreme(self, column: Column, kind: str) -> StripPlan:
        """Choose the boards of one end whose score speaks for a channel at all."""
        by, lowest = REFERENCE_KINDS[kind]
        strip, kept = ("bottom" if lowest else "top"), self.stored.references[kind]
        if kept is not None and self.count <= kept.rows.shape[1]:
            found = Ranking(kept.rows[column.channel], kept.scores[column.channel])
            ranking = telling(found, by=by, lowest=lowest)[: self.count]
            maps = kept.maps[column.channel][: len(ranking)]
            return StripPlan(by, strip, ranking, maps)
        scores = column.share if by == "share" else column.activation
        found = top_rows(scores, self.count, lowest=lowest, groups=self._games)
        return StripPlan(by, strip, telling(found, by=by, lowest=lowest))

    def _described(
        self, channel: int, plan: StripPlan, shelf: BoardShelf
    ) -> ReferenceBoards:
        layer, target, heatmaps = self.stored.layer, self.stored.target, plan.heatmaps
        if heatmaps is None:
            heatmaps = self._stored_maps(channel, plan.ranking.rows)
        boards = shelf.boards(plan.ranking)
        how = (plan.by, plan.strip, target)
        return ReferenceBoards(layer, channel, *how, boards, heatmaps)

    def _stored_maps(self, channel: int, rows: NDArray[np.int64]) -> Maps | None:
        """Read the maps of rows that the store keeps, None if one is missing."""
        stored, maps = self.stored, self.stored.store.maps
        if not len(rows) or not np.isin(rows, maps.rows).all():
            return None
        found = maps.read(
            stored.layer, rows=rows, channels=[channel], target=stored.target
        )
        return found[:, 0]
