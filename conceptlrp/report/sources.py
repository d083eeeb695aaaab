"""All that a store holds about the channels of a layer, read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from conceptlrp.ablation import Ablation, load_effects
from conceptlrp.clustering import Clustering, load_clustering
from conceptlrp.clustering.clustering_file import clustered_layers
from conceptlrp.clustering.markers import Markers
from conceptlrp.concept_graph import load_graph
from conceptlrp.errors import StoreError
from conceptlrp.evaluation import load_evaluation
from conceptlrp.labelling import ScoredLabels, load_label_scores
from conceptlrp.report.layer_statistics import LayerStatistics, layer_statistics
from conceptlrp.report.mean_maps import MeanMaps, mean_maps
from conceptlrp.report.note import Note
from conceptlrp.report.wiring import LayerWiring, layer_wiring
from conceptlrp.store import ReferenceTable, Store
from conceptlrp.store.schema import REFERENCE_KINDS

__all__ = ["LayerSources", "read_sources"]

_MARKERS = 8


@dataclass(frozen=True)
class Verdict:
    """What an evaluation says of the composite of a store.

    Attributes
    ----------
    warnings : tuple of str
        What reports made with it have to say.
    arrived : float or None
        Median part of the explained output that arrives at the board, where known.
    """

    warnings: tuple[str, ...]
    arrived: float | None


@dataclass(frozen=True, eq=False)
class LayerSources:
    """What reports of the channels of a layer are made from.

    Attributes
    ----------
    store : Store
        Relevance of a corpus.
    layer, target : str
        The layer and the explained output.
    statistics : LayerStatistics
        Statistics of all channels.
    references : dict of str to ReferenceTable or None
        Kept reference boards by kind.
    maps : MeanMaps or None
        Mean heatmaps.
    clustering : Clustering or None
        Clusters of positions by this layer and target.
    labels : ScoredLabels or None
        Scores of labels.
    effects : Ablation or None
        Effects of ablation.
    wiring : LayerWiring or None
        Edges of the concept graph.
    verdict : Verdict or None
        What the composite was found to be worth.
    notes : mapping of (str, int) to Note
        Remarks by layer and channel.
    """

    store: Store
    layer: str
    target: str
    statistics: LayerStatistics
    references: Mapping[str, ReferenceTable | None]
    maps: MeanMaps | None
    clustering: Clustering | None
    labels: ScoredLabels | None
    effects: Ablation | None
    wiring: LayerWiring | None
    verdict: Verdict | None
    notes: Mapping[tuple[str, int], Note]

    @cached_property
    def markers(self) -> tuple[Markers, ...]:
        """Channels that set each cluster apart, strongest first."""
        return () if self.clustering is None else self.clustering.markers(_MARKERS)


def read_sources(
    store: Store,
    layer: str,
    *,
    target: int | str = 0,
    notes: Mapping[tuple[str, int], Note] | None = None,
) -> LayerSources:
    """Read what a store holds about a layer.

    Returns: with None for what has not been added to the store.
    """
    name = store.targets[store.target_index(target)]
    store.channels(layer)
    references = {
        kind: store.references(layer, kind, target=name) for kind in REFERENCE_KINDS
    }
    return LayerSources(
        store=store,
        layer=layer,
        target=name,
        statistics=layer_statistics(store, layer, target=name),
        references=references,
        maps=mean_maps(store, layer, target=name),
        clustering=_clustering(store, layer, name),
        labels=load_label_scores(store, target=name),
        effects=load_effects(store, target=name),
        wiring=_wiring(store, layer, name),
        verdict=_verdict(store),
        notes=notes or {},
    )


def _clustering(store: Store, layer: str, target: str) -> Clustering | None:
    if layer not in clustered_layers(store):
        return None
    found = load_clustering(store, layer)
    return found if found.target == target else None


def _wiring(store: Store, layer: str, target: str) -> LayerWiring | None:
    graph = load_graph(store)
    if graph is None or target not in graph.targets or layer not in graph.layers:
        return None
    return layer_wiring(graph, layer, target=target)


def _verdict(store: Store) -> Verdict | None:
    """Read the evaluation, if it has the composite of the store."""
    found, composite = load_evaluation(store), store.manifest.composite.get("name")
    if found is None:
        return None
    try:
        if composite not in found["composites"]:
            return None
        conservation = found["details"][composite]["conservation"]
        return Verdict(
            warnings=tuple(str(each) for each in found["warnings"][composite]),
            arrived=None if conservation is None else float(conservation["arrived"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        msg = (
            f"{store.path}: the evaluation is damaged; run 'conceptlrp evaluate "
            "--overwrite'"
        )
        raise StoreError(msg) from error
