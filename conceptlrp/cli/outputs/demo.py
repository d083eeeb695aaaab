"""The verb that runs all stages on the network and games that ship."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conceptlrp.cli.inputs import command_line, open_network, read_positions
from conceptlrp.cli.options import BoardSize, Overwrite, Seed, check_choice, check_place
from conceptlrp.cli.outputs.atlas import write_atlas
from conceptlrp.cli.stores.attribute import fill_store
from conceptlrp.progress import progress_bars
from conceptlrp.shipped import SHIPPED, demo_name, demo_path

if TYPE_CHECKING:
    from conceptlrp.networks import BoardNetwork
    from conceptlrp.store import Store

# Enough to try everything in a minute or two; the verbs' own defaults are larger.
_LABELLED, _MAPPED, _RANDOM, _INTERCHANGED = 4000, 300, 2, 250
_ABLATED, _AVERAGED = 100, 300
_JUDGED, _CASCADE = 60, 10
_RIVALS = ("epsilon", "epsilon-flat")


def demo(
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path(
        "conceptlrp-demo"
    ),
    positions: Annotated[
        int, typer.Option(min=24, help="Positions to explain.")
    ] = 4000,
    size: BoardSize = 8,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Run all stages on what ships, and write an atlas."""
    from conceptlrp.runs import RunOptions

    check_choice("--size", size, tuple(each.size for each in SHIPPED.values()))
    check_place(out, overwrite=overwrite)
    name = demo_name(size)
    network = open_network(name)
    sampled = read_positions([name], size, None, seed).unique(symmetry=True)
    sampled = sampled.sample(positions, seed=seed)
    path = out / f"{name}.crp"
    try:
        run = RunOptions(
            mode="overwrite" if overwrite else "create",
            name=name,
            command=command_line(),
        )
        store = fill_store(network, sampled, path, run=run)
    finally:
        # The folder stays only with something in it.
        with suppress(OSError):
            out.rmdir()
    with progress_bars() as report:
        examine(store, network, seed=seed, overwrite=True, on_progress=report)
    write_atlas(
        store,
        out / "atlas",
        strength=demo_path(SHIPPED[name].card),
        network=network,
        overwrite=overwrite,
    )


def examine(store: "Store", network: "BoardNetwork", **common: Any) -> None:
    """Ask of a small store what channels follow, do and send, and how sure that is."""
    from conceptlrp.ablation import ablate
    from conceptlrp.clustering import cluster
    from conceptlrp.concept_graph import graph
    from conceptlrp.evaluation import evaluate
    from conceptlrp.labelling import LabelOptions, label, label_positions

    for layer in store.layers:
        cluster(store, layer, **common)
    label_positions(store, overwrite=True)
    few = LabelOptions(n_maps=_MAPPED, n_random=_RANDOM, n_recipients=_INTERCHANGED)
    label(store, network, n_positions=_LABELLED, options=few, **common)
    ablate(store, network, n_positions=_ABLATED, **common)
    graph(store, network, n_positions=_AVERAGED, **common)
    own = str(store.manifest.composite["name"])
    evaluate(
        store,
        network,
        composites=(own, *_RIVALS),
        n_positions=min(_JUDGED, len(store)),
        n_cascade=_CASCADE,
        **common,
    )
