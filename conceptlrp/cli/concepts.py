"""Verbs that end in clusters and pages: cluster and atlas."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from conceptlrp.cli.inputs import store_network
from conceptlrp.cli.options import (
    Overwrite,
    Seed,
    StorePath,
    Target,
    check_choice,
    check_place,
)
from conceptlrp.errors import OutputExistsError
from conceptlrp.progress import progress_bars

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conceptlrp.clustering import Clustering
    from conceptlrp.networks import BoardNetwork
    from conceptlrp.report import Note
    from conceptlrp.store import Store

# Channels that are worth a process for every core.
_MANY = 512


def cluster(
    store: StorePath,
    layer: Annotated[
        list[str] | None, typer.Option(help="Layer to cluster by; all by default.")
    ] = None,
    estimator: Annotated[
        str, typer.Option(help="spectral, kmeans, hdbscan, hierarchical or mixture.")
    ] = "spectral",
    clusters: Annotated[int, typer.Option(min=2, help="Number of clusters.")] = 12,
    feature: Annotated[
        str, typer.Option(help="share, raw or l2, or absolute- before one of them.")
    ] = "share",
    target: Target = None,
    stability: Annotated[
        bool,
        typer.Option("--stability", help="Also cluster 20 times by games drawn again."),
    ] = False,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Group the positions of a store by their channel relevance."""
    from conceptlrp.atlas import cluster_table
    from conceptlrp.clustering import ESTIMATORS, FEATURES
    from conceptlrp.clustering.clustering_file import clustered_layers
    from conceptlrp.store import open_store

    check_choice("--estimator", estimator, ESTIMATORS)
    check_choice("--feature", feature, FEATURES)
    opened = open_store(store)
    layers = layer or opened.layers
    for name in set(clustered_layers(opened)).intersection(layers):
        if not overwrite:
            msg = f"{store}: layer '{name}' is clustered already; pass --overwrite"
            raise OutputExistsError(msg)
    for name in layers:
        found = cluster_layer(
            opened,
            name,
            estimator=estimator,
            n_clusters=clusters,
            feature=feature,
            target=target or 0,
            seed=seed,
        )
        Console().print(cluster_table(found))
        if stability:
            _measure_stability(opened, found, estimator)


def atlas(
    store: StorePath,
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    target: Target = None,
    title: Annotated[str | None, typer.Option(help="Title of the atlas.")] = None,
    strength: Annotated[
        Path | None, typer.Option(help="Strength card of the network (.json).")
    ] = None,
    notes: Annotated[
        Path | None, typer.Option(help="Notes on channels (.yaml).", readable=False)
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(help="The store's network, or 'demo': pages of positions too."),
    ] = None,
    compare: Annotated[
        list[Path] | None,
        typer.Option(help="Another store of the same positions; repeatable."),
    ] = None,
    single_file: Annotated[
        bool, typer.Option("--single-file", help="Write one page, to be sent.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes; by default one a core for many channels."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write the concept atlas of a store: a folder that opens from disk."""
    from conceptlrp.report import read_notes
    from conceptlrp.store import open_store

    check_place(out, overwrite=overwrite)
    opened = open_store(store)
    channels = {name: opened.channels(name) for name in opened.layers}
    write_atlas(
        opened,
        out,
        target=target,
        title=title,
        strength=strength,
        notes=None if notes is None else read_notes(notes, layers=channels),
        network=None if network is None else store_network(opened, network),
        others=[open_store(each) for each in compare or ()],
        single_file=single_file,
        workers=workers or _processes(sum(channels.values())),
        overwrite=overwrite,
    )


def cluster_layer(store: "Store", layer: str, **options: Any) -> "Clustering":
    """Cluster the positions of a store by a layer, and keep the clusters in it."""
    from conceptlrp.clustering import cluster_positions, save_clustering

    found = cluster_positions(store, layer=layer, **options)
    save_clustering(found, store, overwrite=True)
    return found


def _measure_stability(store: "Store", found: "Clustering", estimator: str) -> None:
    from conceptlrp.clustering import cluster_stability, save_stability
    from conceptlrp.clustering.estimators import make_estimator
    from conceptlrp.clustering.positions import position_features

    features = position_features(
        store, layer=found.layer, target=found.target, feature=found.feature
    )
    model = make_estimator(estimator, n_clusters=found.n_clusters, seed=found.seed)
    measured = cluster_stability(
        model, features, found.games, labels=found.labels, seed=found.seed
    )
    save_stability(measured, found, store, overwrite=True)
    stable = int((measured.jaccard >= 0.75).sum())
    typer.echo(
        f"agreement {measured.agreement:.2f} \N{PLUS-MINUS SIGN} {measured.error:.2f}, "
        f"{stable} of {found.n_clusters} clusters stable"
    )


def write_atlas(
    store: "Store",
    out: Path,
    *,
    target: str | None = None,
    title: str | None = None,
    strength: Path | None = None,
    notes: "dict[tuple[str, int], Note] | None" = None,
    network: "BoardNetwork | None" = None,
    others: "Sequence[Store]" = (),
    single_file: bool = False,
    workers: int = 1,
    overwrite: bool,
) -> None:
    """Write an atlas and say where it is."""
    from conceptlrp.atlas import build_atlas, build_single_file
    from conceptlrp.selfplay import read_card

    with progress_bars() as report:
        made = (build_single_file if single_file else build_atlas)(
            store,
            out,
            target=target or 0,
            title=title,
            notes=notes,
            strength=None if strength is None else read_card(strength),
            network=network,
            others=others,
            workers=workers,
            overwrite=overwrite,
            on_progress=report,
        )
    typer.echo(f"open {made if single_file else made / 'index.html'}")


def _processes(channels: int) -> int:
    """Choose how many processes write pages: starting one takes some seconds."""
    return 1 if channels < _MANY else os.cpu_count() or 1
