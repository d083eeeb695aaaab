"""Reports of one channel or of all channels of a layer, from what a store holds.

Shapes use N positions, k boards and n x n squares. Strips of boards hold what the
functions of `conceptlrp.reference` find for one channel; here nothing is read twice,
and boards are described when somebody looks at them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.drawing.notebook import html_table
from conceptlrp.errors import check_least
from conceptlrp.late import pd
from conceptlrp.lrp.targets import unit_of
from conceptlrp.reference import ReferenceBoard, ReferenceBoards
from conceptlrp.reference.boards import describe_board
from conceptlrp.reference.strips import diverse_rows, even_quantiles
from conceptlrp.report.channel import ChannelLine, ChannelReport, first_strip
from conceptlrp.report.findings import (
    channel_effect,
    finite,
    marked_clusters,
    nearest_channels,
    runners_up,
    wired_channels,
)
from conceptlrp.report.notes import Note
from conceptlrp.report.statistics import (
    Column,
    channel_statistics,
    move_statistics,
    phase_statistics,
    read_columns,
)
from conceptlrp.report.stored_layer import StoredLayer, StoredResults, read_layer
from conceptlrp.report.words.context import (
    channel_warnings,
    citation,
    missing_parts,
    provenance,
)
from conceptlrp.report.words.numbers import percent
from conceptlrp.statistics.intervals import effect
from conceptlrp.store import Ranking, Store, open_store
from conceptlrp.store.format.schema import REFERENCE_KINDS
from conceptlrp.store.ranking import nothing_words, tells, top_rows, until
from conceptlrp.store.reader import AnyStore

Notes = Mapping[tuple[str, int], Note]

_ENCODING = {"encoding-type": "conceptlrp-layer-report", "encoding-version": "1"}


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
        rows = self._random_rows
        name = self.stored.results.evidence_of(self.stored.layer, column.channel).name
        if first_strip(name) == "inactive":
            least = self._least(column.activation)
            chosen["inactive"] = StripPlan("activation", "bottom", least)
        levels = even_quantiles(column.share, QUANTILES, by="share")
        return {
            **chosen,
            "quantiles": StripPlan("share", "quantiles", levels),
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

    def _least(self, activation: NDArray[np.float32]) -> Ranking:
        """Take the lowest, or draw from those that tie there, as most do at 0."""
        tied = np.flatnonzero(activation == activation.min())
        if len(tied) <= self.count:
            more = self.count + 1
            found = top_rows(activation, more, lowest=True, groups=self._games)
            return until(found, self.count)
        drawn = np.random.default_rng(0).random(len(tied))
        rows = tied[diverse_rows(drawn, self.count, games=self._games[tied]).rows]
        note = (
            f"the activation is {activation[tied[0]]:.3g} at {len(tied):,} of "
            f"{len(activation):,} positions; these are drawn at random among them"
        )
        return Ranking(rows, activation[rows], lowest=True, note=note)

    def _extreme(self, column: Column, kind: str) -> StripPlan:
        """Choose the boards of one end whose score speaks for a channel at all."""
        by, lowest = REFERENCE_KINDS[kind]
        strip, kept = ("bottom" if lowest else "top"), self.stored.references[kind]
        scores, maps = column.share if by == "share" else column.activation, None
        found = None
        if kept is not None and self.count <= kept.rows.shape[1]:
            found = Ranking(kept.rows[column.channel], kept.scores[column.channel])
            maps = kept.maps[column.channel]
        if found is None or len(found) == self.count:
            # One more than are shown, to know whether the last ties with it.
            found = top_rows(scores, self.count + 1, lowest=lowest, groups=self._games)
        ranking = found[tells(found.scores, by=by, lowest=lowest)]
        ranking = until(ranking, self.count)
        if not len(ranking):
            end = lowest if scores.any() else None
            note = nothing_words(by, lowest=end, among=len(scores))
            ranking = replace(ranking, note=note)
        kept_maps = None if maps is None else maps[: len(ranking)]
        return StripPlan(by, strip, ranking, kept_maps)

    def _described(
        self, channel: int, plan: StripPlan, shelf: BoardShelf
    ) -> ReferenceBoards:
        layer, target, heatmaps = self.stored.layer, self.stored.target, plan.heatmaps
        if heatmaps is None:
            heatmaps = self._stored_maps(channel, plan.ranking.rows)
        boards = shelf.boards(plan.ranking)
        how = (plan.by, plan.strip, target)
        note = plan.ranking.note
        return ReferenceBoards(layer, channel, *how, boards, heatmaps, note)

    def _stored_maps(self, channel: int, rows: NDArray[np.int64]) -> Maps | None:
        """Read the maps of rows that the store keeps, None if one is missing."""
        stored, maps = self.stored, self.stored.store.maps
        if not len(rows) or not np.isin(rows, maps.rows).all():
            return None
        found = maps.read(
            stored.layer, rows=rows, channels=[channel], target=stored.target
        )
        return found[:, 0]


@dataclass(frozen=True, eq=False)
class LayerReport:
    """The channels of a layer: reports one by one, and a line of each.

    Reports are made while one iterates, so that memory does not grow with their
    number.

    Attributes
    ----------
    stored, count, notes
        What the store holds about the layer, boards of a strip, and remarks by layer
        and channel.
    """

    stored: StoredLayer
    count: int
    notes: Notes

    @property
    def layer(self) -> str:
        """Name of the layer."""
        return self.stored.layer

    @property
    def target(self) -> str:
        """The explained output."""
        return self.stored.target

    def __len__(self) -> int:
        return self.stored.statistics.channels

    def __iter__(self) -> Iterator[ChannelReport]:
        return self.reports(range(len(self)))

    def reports(self, channels: Sequence[int]) -> Iterator[ChannelReport]:
        """Report some channels, in their order."""
        stored = self.stored
        strips = LayerStrips(stored, self.count)
        known = list(stored.statistics.columns)
        if [column.channel for column in known] == list(channels):
            groups: Iterable[list[Column]] = [known]
        else:
            about = stored.store, stored.layer, channels
            groups = read_columns(*about, target=stored.target)
        for columns in groups:
            plans = [strips.plans(column) for column in columns]
            rankings = [plan.ranking for each in plans for plan in each.values()]
            rows = np.concatenate([ranking.rows for ranking in rankings])
            shelf = BoardShelf(stored.store, rows)
            for column, plan in zip(columns, plans, strict=True):
                found = strips.describe(column.channel, plan, shelf)
                yield _report(stored, column, found, self.notes)
            del columns, column

    def frame(self) -> "pd.DataFrame":
        """Return a table, one row a channel."""
        lines = [{"layer": self.layer, **asdict(each.line)} for each in self]
        return pd.DataFrame(lines).set_index("channel", drop=False)

    def to_dict(self) -> dict[str, Any]:
        """Return all reports as plain values, ready for strict JSON."""
        head = {"layer": self.layer, "target": self.target}
        return {**_ENCODING, **head, "channels": [each.to_dict() for each in self]}

    def __repr__(self) -> str:
        return f"LayerReport({self.layer!r}, {len(self)} channels, {self.target!r})"

    def _repr_html_(self) -> str:
        lines: list[ChannelLine] = sorted(
            (report.line for report in self), key=lambda each: each.rank
        )
        rows = [
            (
                each.channel,
                each.name,
                each.badge,
                "" if each.score is None else effect(each.score),
                percent(each.magnitude),
                percent(each.active),
            )
            for each in lines
        ]
        columns = ("channel", "name", "evidence", "label effect", "share", "active")
        return html_table(f"{self.layer}, towards '{self.target}'", columns, rows)


def channel_report(
    store: AnyStore,
    layer: str,
    channel: int,
    *,
    target: int | str = 0,
    count: int = 8,
    notes: Notes | None = None,
) -> ChannelReport:
    """Gather everything that a store holds about a channel.

    The network is not needed. What has not been computed yet is named, with the
    command that does.

    Parameters
    ----------
    store, layer, channel : Store or path, str, int
        Relevance of a corpus, and the channel.
    target, count : int or str, int
        The explained output, and boards of a strip.
    notes : mapping of (str, int) to Note, optional
        Remarks by layer and channel, see `read_notes`.

    Returns
    -------
    ChannelReport
        For programs, as JSON and as text. An unknown layer or channel raises
        `LayerError`, a damaged part of the store `StoreError`.
    """
    store = open_store(store)
    store.check_channel(layer, channel)
    about, chosen = (layer, target, count, notes), [int(channel)]
    return next(_layer_report(store, *about, channels=chosen).reports(chosen))


def layer_report(
    store: AnyStore,
    layer: str,
    *,
    target: int | str = 0,
    count: int = 8,
    notes: Notes | None = None,
    results: StoredResults | None = None,
) -> LayerReport:
    """Report all channels of a layer, reading the store once.

    Parameters
    ----------
    store, layer, target, count, notes
        As for `channel_report`.
    results : StoredResults, optional
        What was derived from the store, where it has been read already.

    Returns
    -------
    LayerReport
        Iterate over it for the reports of its channels.
    """
    about = layer, target, count, notes
    return _layer_report(open_store(store), *about, results=results)


def _layer_report(
    store: Store,
    layer: str,
    target: int | str,
    count: int,
    notes: Notes | None,
    **options: Any,
) -> LayerReport:
    check_least("count", count)
    stored = read_layer(store, layer, target=target, **options)
    return LayerReport(stored, count, notes or {})


def _report(
    stored: StoredLayer, column: Column, strips: ChannelStrips, notes: Notes
) -> ChannelReport:
    layer, channel, target = stored.layer, column.channel, stored.target
    results, statistics = stored.results, channel_statistics(column, stored.statistics)
    size = stored.store.manifest.board_size
    upstream, downstream = wired_channels(results.graph, layer, channel, target)
    evidence = results.evidence_of(layer, channel)
    return ChannelReport(
        layer=layer,
        channel=channel,
        channels=stored.statistics.channels,
        target=target,
        unit=unit_of(target, stored.store.manifest.plan.value_kind),
        note=notes.get((layer, channel)),
        statistics=statistics,
        phases=phase_statistics(stored.statistics, channel),
        moves=move_statistics(stored.statistics, channel, size=size),
        strips=strips,
        name=evidence.name,
        evidence=evidence,
        **_maps(stored, channel),
        **_labels(stored, channel),
        effects=channel_effect(results.effects, layer, channel),
        upstream=upstream,
        downstream=downstream,
        nearest=nearest_channels(stored.statistics, channel),
        clusters=marked_clusters(stored.clustering, stored.markers, channel),
        warnings=channel_warnings(stored, channel, statistics),
        missing=missing_parts(stored),
        provenance=provenance(stored.store, target),
        citation=citation(stored.store, target, layer, channel),
        baseline=stored.store.manifest.plan.above,
    )


def _maps(stored: StoredLayer, channel: int) -> dict[str, Any]:
    maps = stored.maps
    if maps is None:
        nothing = dict.fromkeys(("mean_positive", "mean_negative", "regions"))
        return {**nothing, "maps_of": ""}
    return {
        "mean_positive": maps.positive[channel],
        "mean_negative": maps.negative[channel],
        "maps_of": maps.of,
        "regions": maps.regions_of(channel),
    }


def _labels(stored: StoredLayer, channel: int) -> dict[str, Any]:
    labels, layer = stored.labels, stored.layer
    if labels is None:
        nothing = dict.fromkeys(("labels", "random_labelled", "exchanged_labelled"))
        return {**nothing, "runners_up": ()}
    found = labels.channel(layer, channel)
    controls = (labels.random_labelled, labels.exchanged_labelled)
    # Not known with fewer than two networks with random weights.
    random, exchanged = (finite(part.get(layer, np.nan)) for part in controls)
    rules = labels.layers[layer].rules
    return {
        "labels": found,
        "rule": rules[channel] if rules else None,
        "runners_up": runners_up(labels.layers[layer], channel, labels.controls),
        "random_labelled": random,
        "exchanged_labelled": exchanged,
    }
