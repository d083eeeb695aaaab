"""Figures of what a store holds, with the names, maps and places of reports.

The other modules of this room draw.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from conceptlrp.errors import StoreError
from conceptlrp.figures.boards import (
    empty_board_figure,
    mean_maps_figure,
    reference_figure,
)
from conceptlrp.figures.concept_graph import concept_graph_figure
from conceptlrp.figures.label_matrix import label_matrix_figure
from conceptlrp.figures.points import channel_map_figure, embedding_figure
from conceptlrp.figures.style import ONE_COLUMN, TWO_COLUMNS
from conceptlrp.lrp.batch import check_channel
from conceptlrp.lrp.targets import unit_of
from conceptlrp.networks.checkpoint import AnyNetwork
from conceptlrp.reference import reference_boards
from conceptlrp.report.channel_places import layer_places
from conceptlrp.report.statistics import layer_statistics
from conceptlrp.report.stored_layer import StoredResults, mean_maps
from conceptlrp.report.words.numbers import plural
from conceptlrp.report.words.relevance import above_words
from conceptlrp.store import Store, Where, open_store
from conceptlrp.store.reader import AnyStore

_EMPTY_BOARDS = ("epsilon-flat", "epsilon-plus-flat", "epsilon-gamma", "epsilon")


def references(
    store: AnyStore,
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
    store, layer, channel, count, by, target, where
        Which boards, as for `conceptlrp.reference.reference_boards`.
    title, width : str, float
        The text above the figure, and its inches.

    Returns
    -------
    Figure
        A board has its rank, score, game and move below; the move that was played
        has a cross where it is what is explained.
    """
    store = open_store(store)
    boards = reference_boards(
        store, layer, channel, count, by=by, target=target, where=where
    )
    names = results_of(store, target).names
    name = names.get((layer, channel), "")
    return reference_figure(
        boards,
        name=name,
        above=_above(store),
        unit=_unit(store, boards.target),
        title=title,
        width=width,
    )


def means(
    store: AnyStore,
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
    store, layer, channels, count, target, title, width
        As for `references`, and the channels; by default the `count` with most
        relevance in their maps.

    Returns
    -------
    Figure
        Two maps for each channel, with limits of its own printed below.
    """
    store = open_store(store)
    results = results_of(store, target)
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
        check_channel(layer, channel, len(size))
    names = results.names
    return mean_maps_figure(
        maps.positive[chosen],
        maps.negative[chosen],
        names=[f"{c} {names.get((layer, c), '')}".rstrip() for c in chosen],
        unit=_unit(store, results.target),
        title=title or f"{layer}, mean over {maps.words} {_target(store, target)}",
        width=width,
    )


def embedding(
    store: AnyStore,
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
    store, layer, target, max_points, title, width
        As for `references`, of a store that was clustered, and the points at most; a
        fixed random sample where there are more.

    Returns
    -------
    Figure
        Clusters differ in colour and mark, and have their number in their middle;
        noise is grey.
    """
    store = open_store(store)
    store.channels(layer)
    results = results_of(store, target)
    if layer not in results.clusterings:
        msg = f"{store.path}: '{layer}' is not clustered for '{results.target}'; run "
        raise StoreError(msg + "'conceptlrp cluster'")
    found = results.clusterings[layer]
    return embedding_figure(found, max_points=max_points, title=title, width=width)


def channels(
    store: AnyStore,
    layer: str,
    *,
    target: int | str = 0,
    title: str | None = None,
    width: float = ONE_COLUMN,
) -> Figure:
    """Draw the channels of a layer, those used on the same positions together.

    Parameters
    ----------
    store, layer, target, title, width
        As for `references`.

    Returns
    -------
    Figure
        A disc for each channel whose share changes, coloured by its mean magnitude,
        at the place that the atlas shows it at.
    """
    store = open_store(store)
    store.channels(layer)
    places = layer_places(store, target=target)[layer]
    sizes = layer_statistics(store, layer, target=target).magnitude
    output = store.targets[store.target_index(target)]
    placed = np.flatnonzero(places[:, 0] >= 0)
    return channel_map_figure(
        places[placed].astype(float),
        sizes[placed],
        placed.tolist(),
        name=f"mean |share| {above_words(store.manifest.plan) or 'of relevance'}",
        title=title or f"{layer}: {len(placed)} channels (target: {output})",
        width=width,
    )


def _target(store: Store, target: int | str) -> str:
    """Say what a figure explains, as its title ends."""
    return f"(target: {store.targets[store.target_index(target)]}{_above(store)})"


def _unit(store: Store, target: str) -> str:
    return unit_of(target, store.manifest.plan.value_kind)


def _above(store: Store) -> str:
    plan = store.manifest.plan
    n = len(plan.gradients)
    words = (above_words(plan), n and f"{plural(n, 'operation')} by gradient")
    return "".join(f", {each}" for each in words if each)


def results_of(store: Store, target: int | str) -> StoredResults:
    """Return what was derived from a store for an output, as reports read it."""
    return StoredResults(store, store.targets[store.target_index(target)])


def labels(
    store: AnyStore,
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
    store, layer, target, measure, count, title, width
        As for `references`, of a store that was labelled; what of the channels was
        scored, such as "relevance", by default the measure with the largest effect of
        each pair; and channels at most, by default as many as fit: those with a name
        and then the largest effects stay.

    Returns
    -------
    Figure
        A row for each label and a column for each channel, those with one name side
        by side. A dark frame is a channel's name, a thin one another label that it
        was found to have; a blank cell was not tested.
    """
    store = open_store(store)
    results = results_of(store, target)
    scored = results.labels
    if scored is None or layer not in scored.layers:
        msg = f"{store.path}: has no labels of '{layer}'; run 'conceptlrp label'"
        raise StoreError(msg)
    return label_matrix_figure(
        scored.layers[layer],
        measure=measure,
        channels=count,
        title=title or f"{layer}: labels of channels {_target(store, target)}",
        width=width,
    )


def graph(
    store: AnyStore,
    *,
    target: int | str = 0,
    count: int = 24,
    title: str | None = None,
    width: float = TWO_COLUMNS,
) -> Figure:
    """Draw the strongest paths from an output down to the first layer.

    Parameters
    ----------
    store, target, count, title, width
        As for `references`, of a store with a concept graph; the output stands on top,
        and channels and edges on none of `count` paths are left out.

    Returns
    -------
    Figure
        Channels have their names below their numbers. Edges are as wide as their
        share of what the node above sends, orange where their mean relevance speaks
        for the target, blue and broken where against.
    """
    store = open_store(store)
    results = results_of(store, target)
    if results.graph is None:
        msg = f"{store.path}: has no concept graph; run 'conceptlrp graph'"
        raise StoreError(msg)
    return concept_graph_figure(
        results.graph,
        results.target,
        paths=count,
        names=results.names,
        above=_above(store),
        title=title,
        width=width,
    )


def empty_board(
    store: AnyStore,
    network: AnyNetwork,
    *,
    composites: Sequence[str] | None = None,
    move: str | None = None,
    title: str | None = None,
    width: float = TWO_COLUMNS,
) -> Figure:
    """Draw the heatmaps of a board without a single disc.

    Parameters
    ----------
    store, network : Store or path, Module or path
        The store and its network, in evaluation mode.
    composites, move : sequence of str, str
        Names of presets, a column for each, by default the store's own, and others to
        compare it with; and the square whose logit is explained, by default that of a
        first move.
    title, width : str, float
        The text above the figure, and its inches.

    Returns
    -------
    Figure
        A row for the move and, where there is a value head, one for the value. Below
        each board stand its own limit and what its squares add up to.
    """
    store = open_store(store)
    own = str(store.manifest.composite.get("name", ""))
    names = composites or tuple(dict.fromkeys((own, *_EMPTY_BOARDS)))[:4]
    return empty_board_figure(
        network,
        names,
        allow_gradient=bool(store.manifest.plan.gradients),
        move=move,
        title=title,
        width=width,
    )
