"""The verb that draws figures for papers from what a store holds."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from conceptlrp.cli.inputs import store_network
from conceptlrp.cli.options import (
    Layer,
    Overwrite,
    StoreNetworkIfAny,
    StorePath,
    Target,
    check_choice,
    check_place,
    how_many,
)
from conceptlrp.errors import LayerError, StoreError
from conceptlrp.lrp.composites import COMPOSITES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from conceptlrp.store import Store

_BOARDS, _MEANS, _PATHS = 8, 8, 24


@dataclass(frozen=True)
class _Asked:
    """The store and the options of one figure."""

    store: "Store"
    layer: str | None
    channels: list[int]
    target: str
    network: str | None
    composites: list[str]
    count: int | None
    style: dict[str, Any]

    def needed(self, option: str) -> Any:
        """Return the value of an option without which there is no figure."""
        found = getattr(self, option)
        if found in (None, []):
            msg = f"this figure needs --{option.removesuffix('s')}"
            raise typer.BadParameter(msg)
        return found


def figure(
    kind: Annotated[
        str,
        typer.Argument(
            help="references, means, embedding, channels, labels, graph, "
            "faithfulness, sanity or empty-board.",
            show_default=False,
        ),
    ],
    store: StorePath,
    out: Annotated[Path, typer.Option(help="The file: .png, .svg or .pdf.")],
    layer: Layer = None,
    channel: Annotated[
        list[int] | None,
        typer.Option(help="Channel of references; repeatable for means."),
    ] = None,
    target: Target = None,
    network: StoreNetworkIfAny = None,
    composite: Annotated[
        list[str] | None,
        typer.Option(
            help=f"For faithfulness, and repeatable for empty-board: "
            f"{', '.join(COMPOSITES)}."
        ),
    ] = None,
    count: Annotated[int | None, how_many("Boards, channels or paths to draw.")] = None,
    width: Annotated[
        float | None,
        typer.Option(min=2, max=20, help="Inches: a column of text has 3.5."),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Title above the figure.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Draw a figure for a paper from what a store holds.

    The kind empty-board needs the --network.
    """
    check_choice("the kind", kind, tuple(_KINDS))
    from conceptlrp.figures import save_figure
    from conceptlrp.figures.saving import check_format
    from conceptlrp.store import open_store

    check_format(out)
    check_place(out, overwrite=overwrite)
    opened = open_store(store)
    style = {"width": width, "title": title}
    asked = _Asked(
        store=opened,
        layer=layer,
        channels=channel or [],
        target=opened.targets[opened.target_index(target or 0)],
        network=network,
        composites=composite or [],
        count=count,
        style={name: each for name, each in style.items() if each is not None},
    )
    save_figure(_KINDS[kind](asked), out, overwrite=overwrite)
    typer.echo(str(out))


def _references(asked: _Asked) -> "Figure":
    from conceptlrp.figures import reference_figure
    from conceptlrp.reference import reference_boards

    layer, channels = asked.needed("layer"), asked.needed("channels")
    boards = reference_boards(
        asked.store, layer, channels[0], asked.count or _BOARDS, target=asked.target
    )
    return reference_figure(boards, **asked.style)


def _means(asked: _Asked) -> "Figure":
    import numpy as np

    from conceptlrp.figures import mean_maps_figure
    from conceptlrp.lrp import Target
    from conceptlrp.report.mean_maps import mean_maps

    layer = asked.needed("layer")
    maps = mean_maps(asked.store, layer, target=asked.target)
    if maps is None:
        msg = (
            f"{asked.store.path}: has no heatmaps of channels; run 'conceptlrp "
            "attribute' with --detail references or --statistics"
        )
        raise StoreError(msg)
    positive, negative, text = maps.positive, maps.negative, maps.words
    size = (positive - negative).sum(axis=(1, 2))
    strongest = np.argsort(-size, kind="stable")[: asked.count or _MEANS].tolist()
    channels = asked.channels or strongest
    for channel in channels:
        if not 0 <= channel < len(size):
            msg = f"layer '{layer}' has no channel {channel}, expected 0 to "
            raise LayerError(msg + str(len(size) - 1))
    title = f"{layer}, mean over {text} (target: {asked.target})"
    return mean_maps_figure(
        positive[channels],
        negative[channels],
        names=[str(channel) for channel in channels],
        unit=Target.parse(asked.target).unit,
        **{"title": title, **asked.style},
    )


def _embedding(asked: _Asked) -> "Figure":
    from conceptlrp.clustering import load_clustering
    from conceptlrp.figures import embedding_figure

    asked.store.channels(asked.needed("layer"))
    return embedding_figure(
        load_clustering(asked.store, asked.needed("layer")), **asked.style
    )


def _channels(asked: _Asked) -> "Figure":
    from conceptlrp.figures import channel_map_figure
    from conceptlrp.report.channel_places import layer_places
    from conceptlrp.report.layer_statistics import layer_statistics

    layer = asked.needed("layer")
    asked.store.channels(layer)
    places = layer_places(asked.store, target=asked.target)[layer]
    sizes = layer_statistics(asked.store, layer, target=asked.target).magnitude
    placed = (places[:, 0] >= 0).nonzero()[0]
    title = f"{layer}: {len(placed)} channels (target: {asked.target})"
    return channel_map_figure(
        places[placed],
        sizes[placed],
        numbers=placed.tolist(),
        name="mean |share| of relevance",
        **{"title": title, **asked.style},
    )


def _labels(asked: _Asked) -> "Figure":
    from conceptlrp.figures import label_matrix_figure
    from conceptlrp.labelling import load_label_scores

    layer = asked.needed("layer")
    found = load_label_scores(asked.store, target=asked.target)
    if found is None or layer not in found.layers:
        msg = f"{asked.store.path}: has no labels of '{layer}'; run 'conceptlrp label'"
        raise StoreError(msg)
    title = f"{layer}: labels of channels (target: {asked.target})"
    return label_matrix_figure(
        found.layers[layer],
        channels=asked.count,
        **{"title": title, **asked.style},
    )


def _graph(asked: _Asked) -> "Figure":
    from conceptlrp.concept_graph import load_graph
    from conceptlrp.figures import concept_graph_figure

    found = load_graph(asked.store)
    if found is None:
        msg = f"{asked.store.path}: has no concept graph; run 'conceptlrp graph'"
        raise StoreError(msg)
    paths = asked.count or _PATHS
    return concept_graph_figure(found, asked.target, paths=paths, **asked.style)


def _evaluated(asked: _Asked) -> dict[str, Any]:
    from conceptlrp.evaluation import load_evaluation

    if "title" in asked.style:
        msg = "this figure has a title for each of its panels and takes no --title"
        raise typer.BadParameter(msg)
    found = load_evaluation(asked.store)
    if found is None:
        msg = f"{asked.store.path}: has no evaluation; run 'conceptlrp evaluate'"
        raise StoreError(msg)
    return found


def _faithfulness(asked: _Asked) -> "Figure":
    from conceptlrp.figures import faithfulness_figure

    composite = asked.composites[0] if asked.composites else None
    return faithfulness_figure(_evaluated(asked), composite=composite, **asked.style)


def _sanity(asked: _Asked) -> "Figure":
    from conceptlrp.figures import sanity_figure

    return sanity_figure(_evaluated(asked), **asked.style)


def _empty_board(asked: _Asked) -> "Figure":
    from conceptlrp.figures import empty_board_figure

    network = store_network(asked.store, asked.needed("network"))
    chosen = (asked.composites,) if asked.composites else ()
    return empty_board_figure(network, *chosen, **asked.style)


_KINDS: Final[dict[str, Callable[[_Asked], "Figure"]]] = {
    "references": _references,
    "means": _means,
    "embedding": _embedding,
    "channels": _channels,
    "labels": _labels,
    "graph": _graph,
    "faithfulness": _faithfulness,
    "sanity": _sanity,
    "empty-board": _empty_board,
}
