"""The verb that groups the positions of a store."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from conceptlrp.cli import options as opt
from conceptlrp.cli.tables import print_json, print_table, remark
from conceptlrp.errors import SameRelevanceError
from conceptlrp.progress import progress_bars

if TYPE_CHECKING:
    from conceptlrp.clustering import Clustering

_MARKERS = 5


def cluster(
    store: opt.StorePath,
    layer: opt.Layers = None,
    estimator: Annotated[
        str, typer.Option(help="spectral, kmeans, hdbscan, hierarchical or mixture.")
    ] = "spectral",
    clusters: Annotated[int, typer.Option(min=2, help="Number of clusters.")] = 12,
    feature: Annotated[
        str, typer.Option(help="share, raw or l2, or absolute- before one of them.")
    ] = "share",
    target: opt.Target = None,
    stability: Annotated[
        bool,
        typer.Option("--stability", help="Also cluster 20 times by games drawn again."),
    ] = False,
    seed: opt.Seed = 0,
    as_json: opt.Json = False,
    overwrite: opt.Overwrite = False,
) -> None:
    """Group the positions of a store by their channel relevance."""
    from conceptlrp import clustering
    from conceptlrp.clustering import ESTIMATORS, FEATURES, Clustering, ClusterOptions
    from conceptlrp.store import open_store

    opt.check_choice("--estimator", estimator, ESTIMATORS)
    opt.check_choice("--feature", feature, FEATURES)
    opened = open_store(store)
    layers = layer or opened.layers
    for name in layers:
        opened.results.check_free(
            Clustering, target=target or 0, layer=name, overwrite=overwrite
        )
    found: list[dict[str, Any]] = []
    for name in layers:
        try:
            with progress_bars() as report:
                made = clustering.cluster(
                    opened,
                    name,
                    target=target or 0,
                    n_clusters=clusters,
                    estimator=estimator,
                    options=ClusterOptions(feature=feature),
                    stability=stability,
                    seed=seed,
                    overwrite=overwrite,
                    on_progress=report,
                )
        except SameRelevanceError as error:
            # Such as those of the other head.
            if layer:
                raise
            remark(str(error))
            continue
        found.append(_facts(made))
        if not as_json:
            _show(made)
    if as_json:
        print_json(found)


def _facts(found: "Clustering") -> dict[str, Any]:
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
        "stability": found.stability,
    }


def _show(found: "Clustering") -> None:
    columns: dict[str, list[object]] = {
        "cluster": list(range(found.n_clusters)),
        "positions": found.sizes.tolist(),
        "marker channels (effect size)": [
            str(marked) for marked in found.markers(_MARKERS)
        ],
    }
    if found.stability is not None:
        columns["Jaccard"] = found.stability.jaccard.tolist()
    print_table(columns, title=f"{found.layer}: {found.method}")
    if found.stability is not None:
        typer.echo(found.stability.text())
