"""The verb that explains a corpus into a store."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conceptlrp.cli.inputs import open_network, read_positions
from conceptlrp.cli.options import (
    BatchSize,
    CorpusPaths,
    NetworkPath,
    Overwrite,
    Sample,
    Seed,
    Targets,
    check_device,
    check_place,
)
from conceptlrp.progress import progress_bars

if TYPE_CHECKING:
    from conceptlrp.networks import BoardNetwork
    from conceptlrp.othello import Corpus
    from conceptlrp.store import Store


def attribute(
    network: NetworkPath,
    games: CorpusPaths,
    out: Annotated[Path, typer.Option(help="The store to write (NAME.crp).")],
    target: Targets = ["played"],  # noqa: B006
    composite: Annotated[
        str | None, typer.Option(help="Preset of LRP rules; default epsilon-flat.")
    ] = None,
    layer: Annotated[
        list[str] | None, typer.Option(help="Layer to report; all convolutions.")
    ] = None,
    references: Annotated[
        int, typer.Option(min=0, help="Reference heatmaps a channel; 0 for none.")
    ] = 16,
    sample: Sample = None,
    batch_size: BatchSize = 64,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 ...")] = "cpu",
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Explain every position of a corpus and keep the relevance in a store."""
    check_place(out, overwrite=overwrite)
    check_device(device)
    net = open_network(network)
    positions = read_positions(games, net.size, sample, seed)
    store = explain(
        net,
        positions,
        out,
        targets=target,
        composite=composite,
        layers=layer,
        references=references,
        batch_size=batch_size,
        device=device,
        overwrite=overwrite,
        name=network if network == "demo" else Path(network).name,
    )
    typer.echo(f"{out}: {len(store):,} positions, {', '.join(store.layers)}")


def explain(
    network: "BoardNetwork", positions: "Corpus", out: Path, **options: Any
) -> "Store":
    """Explain positions into a store, with bars and the command in its manifest."""
    from conceptlrp.lrp import attribute_corpus

    command = shlex.join(["conceptlrp", *sys.argv[1:]])
    with progress_bars() as report:
        return attribute_corpus(
            network,
            positions,
            out,
            command=command,
            on_progress=lambda step: report(step.stage, step.done, step.total),
            **options,
        )
