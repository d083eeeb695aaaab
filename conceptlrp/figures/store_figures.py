"""The figures of a store: what each of them shows of what the store holds.

Names, maps, places and boards are those of reports; the other modules of this room
only draw.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from torch import nn

from conceptlrp.concept_graph import MeanConceptGraph
from conceptlrp.errors import LayerError, StoreError
from conceptlrp.evaluation import CompositeEvaluation
from conceptlrp.figures.board_grids import mean_maps_figure, reference_figure
from conceptlrp.figures.composite_matrix import sanity_figure
from conceptlrp.figures.concept_graph import concept_graph_figure
from conceptlrp.figures.deletion_curves import faithfulness_figure
from conceptlrp.figures.empty_boards import empty_board_figure
from conceptlrp.figures.label_matrix import label_matrix_figure
from conceptlrp.figures.points import channel_map_figure, embedding_figure
from conceptlrp.figures.style import ONE_COLUMN, TWO_COLUMNS
from conceptlrp.labelling.channel_name import channel_names
from conceptlrp.lrp import Target
from conceptlrp.reference import reference_boards
from conceptlrp.report.channel_places import layer_places
from conceptlrp.report.layer_statistics import layer_statistics
from conceptlrp.report.mean_maps import mean_maps
from conceptlrp.report.stored_layer import StoredResults
from conceptlrp.store import Store, Where

_EMPTY_BOARDS = ("epsilon-flat", "epsilon-plus-flat", "epsilon-gamma", "epsilon")


def references(
    store: Store,
    layer: str,
    channel: int,
    *,
    count: int = 8,
    by: str = "share",
    target: int | str = 0,
    where: Where | None = None,
    title: str | None = None,
    width: float = TWO_COLUMNS,
) -> Figure:
    """Draw the boards on which a channel matters most.

    Parameters
    ----------
    store : Store
        Relevance of a corpus.
    layer, channel : str, int
        The channel.
    count : int
        How many boards.
    by : str
        Score of the boards, see `conceptlrp.reference.reference_boards`.
    target : int or str
        The explained output.
    where : Where, optional
        Draw only positions that meet conditions.
    title : str, optional
        Printed above; by default the channel, its name and how boards were chosen.
    width : float
        Inches.

    Returns
    -------
    Figure
        A board has its rank, score, game and move below; the move that was played
        has a cross where it is what is explained.

    Raises
    ------
    ValueError
        If there are no boards.
    """
    boards = reference_boards(
        store, layer, channel, count, by=by, target=target, where=where
    )
    names = channel_names(_results(store, target).labels)
    name = names.get((layer, channel), "")
    return reference_figure(boards, name=name, title=title, width=width)


def means(
    store: Store,
    layer: str,
    channels: Sequence[int] | None = None,
    *,
    count: int = 8,
    target: int | str = 0,
    title: str | None = None,
    width: float = TWO_COLUMNS,
) -> Figure:
    """Draw where channels find what speaks for the output, and against it.

    Parameters
    ----------
    store : Store
        Relevance of a corpus.
    layer : str
        Name of the layer.
    channels : sequence of int, optional
        The channels; by default those with most relevance in their maps.
    count : int
        How many channels, where none are given.
    target : int or str
        The explained output.
    title : str, optional
        Printed above.
    width : float
        Inches.

    Returns
    -------
    Figure
        Two maps for each channel, with limits of its own printed below.

    Raises
    ------
    LayerError
        If a channel is unknown.
    StoreError
        If the store has no heatmaps.
    """
    results = _results(store, target)
    maps = mean_maps(store, layer, target=target)
    if maps is None:
        msg = (
            f"{store.path}: has no heatmaps of channels; run 'conceptlrp attribute' "
            "with --detail references or --statistics"
        )
        raise StoreError(msg)
    size = (maps.positive - maps.negative).sum(axis=(1, 2))
    strongest = np.argsort(-size, kind="stable")[:count].tolist()
    chosen = strongest if channels is None else list(channels)
    for channel in chosen:
        if not 0 <= channel < len(size):
            msg = f"layer '{layer}' has no channel {channel}, expected 0 to "
            raise LayerError(msg + str(len(size) - 1))
    names = channel_names(results.labels)
    return mean_maps_figure(
        maps.positive[chosen],
        maps.negative[chosen],
        names=[f"{c} {names.get((layer, c), '')}".rstrip() for c in chosen],
        unit=Target.parse(results.target).unit,
        title=title or f"{layer}, mean over {maps.words} (target: {results.target})",
        width=width,
    )


def embedding(
    store: Store,
    layer: str,
    *,
    target: int | str = 0,
    max_points: int = 5000,
    title: str | None = None,
    width: float = ONE_COLUMN,
) -> Figure:
    """Draw the clustered positions of a layer in the plane.

    Parameters
    ----------
    store : Store
        Relevance of a corpus, clustered.
    layer : str
        Name of the layer.
    target : int or str
        The explained output.
    max_points : int
        Points at most; a fixed random sample where there are more.
    title : str, optional
        Printed above.
    width : float
        Inches.

    Returns
    -------
    Figure
        Clusters differ in colour and mark, and have their number in their middle;
        noise is grey.

    Raises
    ------
    StoreError
        If the layer is not clustered for this output.
    ValueError
        If the clustering has no embedding.
    """
    store.channels(layer)
    results = _results(store, target)
    if layer not in results.clusterings:
        msg = f"{store.path}: '{layer}' is not clustered for '{results.target}'; run "
        raise StoreError(msg + "'conceptlrp cluster'")
    return embedding_figure(
        results.clusterings[layer],
        max_points=max_points,
        title=title,
        width=width,
    )


def channels(
    store: Store,
    layer: str,
    *,
    target: int | str = 0,
    title: str | None = None,
    width: float = ONE_COLUMN,
) -> Figure:
    """Draw the channels of a layer, those used on the same positions together.

    Parameters
    ----------
    store : Store
        Relevance of a corpus.
    layer : str
        Name of the layer.
    target : int or str
        The explained output.
    title : str, optional
        Printed above.
    width : float
        Inches.

    Returns
    -------
    Figure
        A disc for each channel whose share changes, coloured by its mean magnitude,
        at the place that the atlas shows it at.
    """
    store.channels(layer)
    places = layer_places(store, target=target)[layer]
    sizes = layer_statistics(store, layer, target=target).magnitude
    output = store.targets[store.target_index(target)]
    placed = np.flatnonzero(places[:, 0] >= 0)
    return channel_map_figure(
        places[placed].astype(float),
        sizes[placed],
        placed.tolist(),
        name="mean |share| of relevance",
        title=title or f"{layer}: {len(placed)} channels (target: {output})",
        width=width,
    )


def labels(
    store: Store,
    layer: str,
    *,
    target: int | str = 0,
    measure: str | None = None,
    count: int | None = None,
    title: str | None = None,
    width: float = TWO_COLUMNS,
) -> Figure:
    """Draw the effect of every channel of a layer for every label.

    Parameters
    ----------
    store : Store
        Relevance of a corpus, labelled.
    layer : str
        Name of the layer.
    target : int or str
        The explained output.
    measure : str, optional
        What of the channels was scored, such as "relevance"; by default, for each
        pair, the measure with the largest effect.
    count : int, optional
        Channels at most, by default as many as fit; those with a name and then the
        largest effects stay.
    title : str, optional
        Printed above.
    width : float
        Inches.

    Returns
    -------
    Figure
        A row for each label and a column for each channel, those with one name side
        by side. A dark frame is a channel's name, a thin one another label that it
        was found to have; a blank cell was not tested.

    Raises
    ------
    StoreError
        If the layer has no labels.
    ValueError
        If the measure was not scored, or there is nothing to draw.
    """
    results = _results(store, target)
    scored = results.labels
    if scored is None or layer not in scored.layers:
        msg = f"{store.path}: has no labels of '{layer}'; run 'conceptlrp label'"
        raise StoreError(msg)
    return label_matrix_figure(
        scored.layers[layer],
        measure=measure,
        channels=count,
        title=title or f"{layer}: labels of channels (target: {results.target})",
        width=width,
    )


def graph(
    store: Store,
    *,
    target: int | str = 0,
    count: int = 24,
    title: str | None = None,
    width: float = TWO_COLUMNS,
) -> Figure:
    """Draw the strongest paths from an output down to the first layer.

    Parameters
    ----------
    store : Store
        Relevance of a corpus, with a concept graph.
    target : int or str
        The explained output, which stands on top.
    count : int
        How many paths; channels and edges on none of them are left out.
    title : str, optional
        Printed above.
    width : float
        Inches.

    Returns
    -------
    Figure
        Channels have their names below their numbers. Edges are as wide as their
        share of what the node above sends, orange where their mean relevance speaks
        for the target, blue and broken where against.

    Raises
    ------
    StoreError
        If the store has no concept graph.
    ValueError
        If no relevance leaves the target.
    """
    results = _results(store, target)
    return concept_graph_figure(
        _graph(results),
        results.target,
        paths=count,
        names=channel_names(results.labels),
        title=title,
        width=width,
    )


def faithfulness(
    store: Store,
    *,
    composite: str | None = None,
    target: str = "best",
    ablation: str = "mean",
    width: float = TWO_COLUMNS,
) -> Figure:
    """Draw how the output falls as discs and channels are taken away.

    Parameters
    ----------
    store : Store
        Relevance of a corpus, whose composites were evaluated.
    composite : str, optional
        Whose relevance is drawn; by default the store's own.
    target : str
        Output that is followed as discs go, "best" or "value"; channels are
        followed at the best move.
    ablation : str
        What becomes of channels: "zero", "mean" or "resample".
    width : float
        Inches.

    Returns
    -------
    Figure
        A panel for each way of taking discs away and for each layer. Bands are 95 %
        intervals over games; the bar at the foot of a panel stands where those of
        relevance and of a random order are apart.

    Raises
    ------
    StoreError
        If the store has no evaluation.
    ValueError
        If the composite, target or ablation was not evaluated.
    """
    return faithfulness_figure(
        _evaluation(store),
        composite=composite or _composite(store),
        target=target,
        ablation=ablation,
        width=width,
    )


def sanity(store: Store, *, width: float = TWO_COLUMNS) -> Figure:
    """Draw which gates composites pass, and how much their heatmaps say.

    Parameters
    ----------
    store : Store
        Relevance of a corpus, whose composites were evaluated.
    width : float
        Inches.

    Returns
    -------
    Figure
        A row for each composite. Bars are 95 % intervals over games, dashed lines
        the limits of the gates, small marks single layers; the matrices have what
        is left of the heatmaps' rank correlation, beyond chance, as layers lose
        their weights.

    Raises
    ------
    StoreError
        If the store has no evaluation.
    """
    return sanity_figure(_evaluation(store), width=width)


def empty_board(
    store: Store,
    network: nn.Module,
    *,
    composites: Sequence[str] | None = None,
    move: str | None = None,
    title: str | None = None,
    width: float = TWO_COLUMNS,
) -> Figure:
    """Draw the heatmaps of a board without a single disc.

    Parameters
    ----------
    store : Store
        Relevance of a corpus.
    network : Module
        Its network, in evaluation mode.
    composites : sequence of str, optional
        Names of presets, a column for each; by default the store's own, and others
        to compare it with.
    move : str, optional
        The square whose logit is explained; by default a first move.
    title : str, optional
        Printed above.
    width : float
        Inches.

    Returns
    -------
    Figure
        A row for the move and, where there is a value head, one for the value. Below
        each board stand its own limit and what its squares add up to.

    Raises
    ------
    CompositeError
        A composite is unknown.
    NotationError
        The move is no square.
    """
    names = composites or tuple(dict.fromkeys((_composite(store), *_EMPTY_BOARDS)))[:4]
    return empty_board_figure(network, names, move=move, title=title, width=width)


def _results(store: Store, target: int | str) -> StoredResults:
    return StoredResults(store, store.targets[store.target_index(target)])


def _composite(store: Store) -> str:
    return str(store.manifest.composite.get("name", ""))


def _graph(results: StoredResults) -> MeanConceptGraph:
    if results.graph is None:
        msg = f"{results.store.path}: has no concept graph; run 'conceptlrp graph'"
        raise StoreError(msg)
    return results.graph


def _evaluation(store: Store) -> CompositeEvaluation:
    found = StoredResults(store, store.targets[0]).evaluation
    if found is None:
        msg = f"{store.path}: has no evaluation; run 'conceptlrp evaluate'"
        raise StoreError(msg)
    return found
