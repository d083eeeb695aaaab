"""What a store holds about the channels of a layer, read once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from conceptlrp.report.layer_statistics import LayerStatistics, layer_statistics
from conceptlrp.report.mean_maps import MeanMaps, mean_maps
from conceptlrp.store import ReferenceTable, Store
from conceptlrp.store.format.schema import REFERENCE_KINDS

if TYPE_CHECKING:
    from conceptlrp.ablation import Ablation
    from conceptlrp.clustering import Clustering
    from conceptlrp.clustering.clustering import Markers
    from conceptlrp.concept_graph import MeanConceptGraph
    from conceptlrp.evaluation import CompositeEvaluation
    from conceptlrp.labelling import ScoredLabels

_MARKERS = 8


@dataclass(frozen=True)
class Verdict:
    """What an evaluation says of the composite of a store, a sentence a warning.

    `arrived` is the median part of the explained output that reaches the board.
    """

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
        """Scores of labels."""
        from conceptlrp.labelling import ScoredLabels

        return self.store.results.get(ScoredLabels, target=self.target)

    @cached_property
    def effects(self) -> "Ablation | None":
        """Effects of ablation."""
        from conceptlrp.ablation import Ablation

        return self.store.results.get(Ablation, target=self.target)

    @cached_property
    def graph(self) -> "MeanConceptGraph | None":
        """The concept graph, if it has the target."""
        from conceptlrp.concept_graph import MeanConceptGraph

        found = self.store.results.get(MeanConceptGraph)
        return found if found is not None and self.target in found.targets else None

    @cached_property
    def evaluation(self) -> "CompositeEvaluation | None":
        """The evaluation of composites."""
        from conceptlrp.evaluation import CompositeEvaluation

        return self.store.results.get(CompositeEvaluation)

    @cached_property
    def verdict(self) -> Verdict | None:
        """What the evaluation says of the composite of the store, if it has it."""
        found = self.evaluation
        composite = str(self.store.manifest.composite.get("name", ""))
        if found is None or composite not in found.composites:
            return None
        conservation = found.details[composite]["conservation"]
        return Verdict(
            tuple(_sentence(each) for each in found.warnings(composite)),
            None if conservation is None else float(conservation["arrived"]),
        )

    @cached_property
    def clusterings(self) -> "dict[str, Clustering]":
        """Clusters of positions by layer."""
        found = {layer: self.clustering(layer) for layer in self.store.layers}
        return {layer: each for layer, each in found.items() if each is not None}

    def clustering(self, layer: str) -> "Clustering | None":
        """Clusters of positions by one layer, read once."""
        from conceptlrp.clustering import Clustering

        if layer not in self._clusterings:
            self._clusterings[layer] = self.store.results.get(
                Clustering, target=self.target, layer=layer
            )
        return self._clusterings[layer]


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

    @cached_property
    def markers(self) -> "tuple[Markers, ...]":
        """Channels that set each cluster apart, strongest first."""
        return () if self.clustering is None else self.clustering.markers(_MARKERS)


def read_layer(
    store: Store, layer: str, *, target: int | str = 0, results: StoredResults | None
) -> StoredLayer:
    """Read what a store holds about a layer; refuses layers that it does not have."""
    name = store.targets[store.target_index(target)]
    store.channels(layer)
    return StoredLayer(
        store=store,
        layer=layer,
        target=name,
        statistics=layer_statistics(store, layer, target=name),
        references={
            kind: store.references(layer, kind, target=name) for kind in REFERENCE_KINDS
        },
        maps=mean_maps(store, layer, target=name),
        results=results or StoredResults(store, name),
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
