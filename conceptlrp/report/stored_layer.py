"""What a store holds about the channels of a layer, read once.

Shapes use C channels, k reference boards a channel and n x n squares.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.labelling.channel_name import UNNAMED
from conceptlrp.othello import legal_moves
from conceptlrp.othello.board import count, to_boards
from conceptlrp.report.statistics import LayerStatistics, layer_statistics
from conceptlrp.store import ReferenceTable, Store
from conceptlrp.store.arrays import REGIONS
from conceptlrp.store.format.schema import REFERENCE_KINDS
from conceptlrp.store.results.kinds import KINDS

if TYPE_CHECKING:
    from conceptlrp.ablation import Ablation
    from conceptlrp.clustering import Clustering
    from conceptlrp.clustering.clustering import Markers
    from conceptlrp.concept_graph import MeanConceptGraph
    from conceptlrp.evaluation import CompositeEvaluation, RulesTruth
    from conceptlrp.labelling import EditedBoards, Evidence, Interchange, ScoredLabels
    from conceptlrp.statistics.estimates import Estimate

_MARKERS = 8
_BOARDS = 1 << 16
#: What mean maps are means of, in words.
MAPS_OF = {"positions": "all positions", "references": "its most relevant boards"}


@dataclass(frozen=True)
class Region:
    """One kind of squares: its share of the relevance, and of the squares."""

    relevance: float
    squares: float


@dataclass(frozen=True, eq=False)
class MeanMaps:
    """Mean conditional heatmaps (C, n, n) by sign, and `regions` (C, 4) of shares."""

    of: str
    positive: NDArray[np.float64]
    negative: NDArray[np.float64]
    regions: NDArray[np.float64]
    squares: NDArray[np.float64]

    @property
    def words(self) -> str:
        """What the maps are means of, in words."""
        return MAPS_OF[self.of]

    def regions_of(self, channel: int) -> dict[str, Region]:
        """Return what lies on each kind of squares, by name."""
        pairs = zip(self.regions[channel], self.squares[channel], strict=True)
        found = (Region(float(part), float(even)) for part, even in pairs)
        return dict(zip(REGIONS, found, strict=True))


def mean_maps(store: Store, layer: str, *, target: int | str = 0) -> MeanMaps | None:
    """Average heatmaps of channels, of all or the best boards; None without any."""
    size = store.manifest.board_size
    found = store.maps.statistics(layer, target=target)
    if found is not None:
        whole = found.pooled()
        return MeanMaps(
            of="positions",
            positive=crop(whole.positive[0], size),
            negative=crop(whole.negative[0], size),
            regions=whole.region_share[0],
            squares=np.tile(_square_shares(store, size), (whole.mean.shape[1], 1)),
        )
    references = store.references(layer, "share-top", target=target)
    return None if references is None else _of_references(store, references, size)


def crop(maps: NDArray[Any], size: int) -> NDArray[np.float64]:
    """Cut the middle (..., n, n) of the board out of maps (..., m, m)."""
    edge = (maps.shape[-1] - size) // 2
    inner = slice(edge, edge + size)
    return np.asarray(maps[..., inner, inner], dtype=np.float64)


def _of_references(store: Store, table: ReferenceTable, size: int) -> MeanMaps:
    maps = crop(table.maps, size)
    # No board of the wrong sign stands for a channel.
    counts = ((table.rows >= 0) & (table.scores > 0)).astype(np.float64)
    weights = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    def mean(values: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(np.einsum("ck,ckyx->cyx", weights, values))

    masks = _region_masks(store, np.maximum(table.rows, 0), size)
    sums = [mean(np.abs(maps) * mask).sum(axis=(1, 2)) for mask in masks]
    magnitude = np.stack(sums, axis=1)
    total = magnitude[:, :3].sum(axis=1, keepdims=True)
    return MeanMaps(
        of="references",
        positive=mean(np.maximum(maps, 0)),
        negative=mean(np.minimum(maps, 0)),
        regions=magnitude / np.where(total > 0, total, 1),
        squares=np.stack([mean(m).mean(axis=(1, 2)) for m in masks], axis=1),
    )


def _region_masks(
    store: Store, rows: NDArray[np.int64], size: int
) -> tuple[NDArray[np.bool_], ...]:
    """Own discs, opponent discs, empty and legal squares, each (C, k, n, n)."""
    flat = rows.ravel()
    own, opponent = store.positions.own[flat], store.positions.opponent[flat]
    legal = legal_moves(own, opponent, size=size)
    shape = (*rows.shape, size, size)
    boards = crop(to_boards(own, opponent), size).reshape(shape)
    moves = crop(to_boards(legal, np.zeros_like(legal)), size).reshape(shape)
    return boards > 0, boards < 0, boards == 0, moves > 0


def _square_shares(store: Store, size: int) -> NDArray[np.float64]:
    """Mean share of own, opponent's, empty and legal squares on all boards, (4,)."""
    counts, corpus = np.zeros(3), store.positions
    for first in range(0, len(corpus), _BOARDS):
        some = corpus[first : first + _BOARDS]
        words = some.own, some.opponent, some.legal
        counts += [count(each).sum() for each in words]
    mine, theirs, moves = counts / len(corpus) / size**2
    return np.array([mine, theirs, 1 - mine - theirs, moves])


@dataclass(frozen=True)
class Verdict:
    """An evaluation's warnings of a composite; the median that `arrived` of outputs."""

    warnings: tuple[str, ...]
    arrived: float | None


@dataclass(frozen=True, eq=False)
class StoredResults:
    """What was derived from a store for one target; None for what was not."""

    store: Store
    target: str
    _clusterings: "dict[str, Clustering | None]" = field(default_factory=dict)

    @cached_property
    def labels(self) -> "ScoredLabels | None":
        """Scores of labels, None too where every label holds in too few games."""
        return self.scored if self.scored is None or self.is_tested else None

    @cached_property
    def scored(self) -> "ScoredLabels | None":
        """Scores of labels, also where none could be tested."""
        found: ScoredLabels | None = self._kept("labels")
        return found

    @property
    def is_tested(self) -> bool:
        """Whether any label could be tested on any layer."""
        layers = () if self.scored is None else self.scored.layers.values()
        return any(each.tested for each in layers)

    @cached_property
    def interchange(self) -> "Interchange | None":
        """Which labels channels carry into the output."""
        found: Interchange | None = self._kept("interchange")
        return found

    @cached_property
    def edits(self) -> "EditedBoards | None":
        """How channels answer edits of boards."""
        found: EditedBoards | None = self._kept("edits")
        return found

    @cached_property
    def evidence(self) -> "dict[tuple[str, int], Evidence]":
        """Names of channels and what speaks for them, by layer and channel."""
        from conceptlrp.labelling.evidence import evidence_by_channel

        return evidence_by_channel(self.scored, self.edits, self.interchange)

    def evidence_of(self, layer: str, channel: int) -> "Evidence":
        """Name one channel, also where nothing was looked for."""
        from conceptlrp.labelling.evidence import channel_evidence

        # What was not scored or interchanged has no name, but says so.
        return self.evidence.get((layer, channel)) or channel_evidence(layer, channel)

    @cached_property
    def names(self) -> dict[tuple[str, int], str]:
        """Names of the channels that have one, by layer and channel."""
        named = {place: e.name for place, e in self.evidence.items() if e.name.is_named}
        return {place: name.text for place, name in named.items()}

    def name(self, layer: str, channel: int) -> str:
        """Name of a channel, or that it has none."""
        return self.names.get((layer, channel), UNNAMED)

    @cached_property
    def badges(self) -> dict[tuple[str, int], str]:
        """What speaks for these names, such as "describes, causes"."""
        return {place: self.evidence[place].badge for place in self.names}

    @cached_property
    def effects(self) -> "Ablation | None":
        """Effects of ablation."""
        found: Ablation | None = self._kept("ablation")
        return found

    @cached_property
    def graph(self) -> "MeanConceptGraph | None":
        """The concept graph, if it has the target."""
        found: MeanConceptGraph | None = self._kept("graph")
        return found if found is not None and self.target in found.targets else None

    @cached_property
    def evaluation(self) -> "CompositeEvaluation | None":
        """The evaluation of composites."""
        found: CompositeEvaluation | None = self._kept("evaluation")
        return found

    @cached_property
    def truth(self) -> "RulesTruth | None":
        """How well features tell what the rules say."""
        found: RulesTruth | None = self._kept("rules-truth")
        return found

    @cached_property
    def verdict(self) -> Verdict | None:
        """What the evaluation says of the composite of the store, if it has it."""
        found = self.evaluation
        composite = str(self.store.manifest.composite.get("name", ""))
        if found is None or composite not in found.composites:
            return None
        conservation = found.details[composite]["conservation"]
        return Verdict(
            tuple(
                f"{each[:1].upper()}{each[1:].rstrip('.')}."
                for each in found.warnings(composite)
            ),
            None if conservation is None else float(conservation["arrived"]),
        )

    @cached_property
    def clusterings(self) -> "dict[str, Clustering]":
        """Clusters of positions by layer."""
        found = {layer: self.clustering(layer) for layer in self.store.layers}
        return {layer: each for layer, each in found.items() if each is not None}

    def clustering(self, layer: str) -> "Clustering | None":
        """Clusters of positions by one layer, read once."""
        if layer not in self._clusterings:
            self._clusterings[layer] = self._kept("clustering", layer=layer)
        return self._clusterings[layer]

    def _kept(self, kind: str, **about: str) -> Any:
        """Read a result by its kind; what it needs is imported only then."""
        found = KINDS[kind].result
        return self.store.results.get(found, target=self.target, **about)


@dataclass(frozen=True, eq=False)
class StoredLayer:
    """What reports of the channels of a layer are made from."""

    store: Store
    layer: str
    target: str
    statistics: LayerStatistics
    references: Mapping[str, ReferenceTable | None]
    maps: MeanMaps | None
    results: StoredResults

    @property
    def clustering(self) -> "Clustering | None":
        """Clusters of positions by this layer."""
        return self.results.clustering(self.layer)

    @property
    def labels(self) -> "ScoredLabels | None":
        """Scores of labels, if this layer was labelled."""
        found = self.results.labels
        return found if found is not None and self.layer in found.layers else None

    @property
    def interchange(self) -> "Interchange | None":
        """Which labels channels carry into the output, if it knows of this layer."""
        found = self.results.interchange
        return found if found is not None and self.layer in found.layers else None

    @cached_property
    def agreement(self) -> "Estimate | None":
        """How well the store's relevance orders channels by what ablating them does."""
        found, made = self.results.evaluation, self.store.manifest
        if found is None:
            return None
        return found.layer_agreement(
            str(made.composite.get("name", "")),
            self.layer,
            target=self.target,
            baseline=str(made.baseline.get("kind", "zero")),
        )

    @cached_property
    def markers(self) -> "tuple[Markers, ...]":
        """Channels that set each cluster apart, strongest first."""
        return () if self.clustering is None else self.clustering.markers(_MARKERS)


def read_layer(
    store: Store,
    layer: str,
    *,
    target: int | str = 0,
    results: StoredResults | None = None,
    channels: Sequence[int] = (),
) -> StoredLayer:
    """Read what a store holds about a layer, and columns of some channels with it."""
    name = store.targets[store.target_index(target)]
    store.channels(layer)
    return StoredLayer(
        store=store,
        layer=layer,
        target=name,
        statistics=layer_statistics(store, layer, target=name, channels=channels),
        references={
            kind: store.references(layer, kind, target=name) for kind in REFERENCE_KINDS
        },
        maps=mean_maps(store, layer, target=name),
        results=results or StoredResults(store, name),
    )
