"""The verb that groups the positions of a store."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from conceptlrp.cli.options import (
    Json,
    Layers,
    Overwrite,
    Seed,
    StorePath,
    Target,
    check_choice,
)
from conceptlrp.cli.tables import print_json, print_table
from conceptlrp.errors import OutputExistsError

if TYPE_CHECKING:
    from conceptlrp.clustering import Clustering, Stability
    from conceptlrp.store import Store

_MARKERS = 5


def cluster(
    store: StorePath,
    layer: Layers = None,
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
    as_json: Json = False,
    overwrite: Overwrite = False,
) -> None:
    """Group the positions of a store by their channel relevance."""
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
    found = []
    for name in layers:
        clustering = cluster_layer(
            opened,
            name,
            estimator=estimator,
            n_clusters=clusters,
            feature=feature,
            target=target or 0,
            seed=seed,
        )
        measured = _stability(opened, clustering, estimator) if stability else None
        found.append(_facts(clustering, measured))
        if not as_json:
            _show(clustering, measured)
    if as_json:
        print_json(found)


def cluster_layer(store: "Store", layer: str, **options: Any) -> "Clustering":
    """Cluster the positions of a store by a layer, and keep the clusters in it."""
    from conceptlrp.clustering import cluster_positions, save_clustering

    found = cluster_positions(store, layer=layer, **options)
    save_clustering(found, store, overwrite=True)
    return found


def _stability(store: "Store", found: "Clustering", estimator: str) -> "Stability":
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
    return measured


def _facts(found: "Clustering", stability: "Stability | None") -> dict[str, Any]:
    return {
        "layer": found.layer,
        "target": found.target,
        "method": found.method,
        "feature": found.feature,
        "sizes": found.sizes,
        "markers": [
            {"channels": marked.channels, "effects": marked.effects}
            for marked in found.markers(_MARKERS)
        ],
        "stability": stability
        and {
            "agreement": stability.agreement,
            "error": stability.error,
            "jaccard": stability.jaccard,
        },
    }


def _show(found: "Clustering", stability: "Stability | None") -> None:
    columns: dict[str, list[object]] = {
        "cluster": list(range(found.n_clusters)),
        "positions": found.sizes.tolist(),
        "marker channels (effect size)": [
            ", ".join(
                f"{channel} ({effect:+.1f})"
                for channel, effect in zip(marked.channels, marked.effects, strict=True)
            )
            for marked in found.markers(_MARKERS)
        ],
    }
    if stability is not None:
        columns["Jaccard"] = stability.jaccard.tolist()
    print_table(columns, title=f"{found.layer}: {found.method}")
    if stability is not None:
        stable = int((stability.jaccard >= 0.75).sum())
        typer.echo(
            f"agreement {stability.agreement:.2f} \N{PLUS-MINUS SIGN} "
            f"{stability.error:.2f}, {stable} of {found.n_clusters} clusters stable"
        )
