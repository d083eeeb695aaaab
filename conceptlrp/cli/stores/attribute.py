"""The verbs that explain a corpus into a store, in one go or in parts."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conceptlrp.cli import options as opt
from conceptlrp.cli.inputs import (
    command_line,
    open_network,
    read_positions,
    recorded_network,
    run_bars,
)
from conceptlrp.cli.tables import print_json

if TYPE_CHECKING:
    from conceptlrp.networks import BoardNetwork
    from conceptlrp.othello import Corpus
    from conceptlrp.store import Store


# What a word can name; donors are a file.
_BASELINES = ("zero", "mean")


def attribute(
    network: opt.NetworkPath,
    games: opt.CorpusPaths,
    out: Annotated[Path, typer.Option(help="The store to write (NAME.crp).")],
    weights: opt.Weights = None,
    target: opt.Targets = ["played"],  # noqa: B006
    composite: opt.Composite = None,
    heatmaps: opt.Heatmaps = None,
    baseline: opt.Baseline = None,
    donors: Annotated[
        Path | None,
        typer.Option(
            help="A corpus (.h5) with a position for each one, whose maps relevance is "
            "above.",
            readable=False,
        ),
    ] = None,
    layer: opt.Layers = None,
    detail: Annotated[
        str, typer.Option(help="Heatmaps kept: sums (none), references, sample, all.")
    ] = "references",
    references: Annotated[
        int, typer.Option(min=0, help="Reference heatmaps of a channel; 0 for none.")
    ] = 16,
    sample_maps: Annotated[
        int, typer.Option(min=0, help="Positions with heatmaps for --detail sample.")
    ] = 0,
    statistics: Annotated[
        bool, typer.Option("--statistics", help="Sum up the maps of every channel.")
    ] = False,
    sample: opt.Sample = None,
    seed: opt.Seed = 0,
    dtype: Annotated[
        str, typer.Option(help="What is stored: float32 or float16.")
    ] = "float32",
    compute_dtype: Annotated[
        str, typer.Option(help="float32, float64, bfloat16 or tf32.")
    ] = "float32",
    allow_gradient: opt.AllowGradient = False,
    device: opt.Device = "cpu",
    batch_size: opt.BatchSize = 64,
    shard_size: Annotated[
        int | None, typer.Option(min=1, help="Positions of a file: whole batches.")
    ] = None,
    workers: opt.Workers = None,
    scheduler: opt.Scheduler = None,
    shard: Annotated[
        str | None,
        typer.Option(help="I/N: only every N-th shard from the I-th; then merge."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the store, or repair it.")
    ] = False,
    append: Annotated[
        bool, typer.Option("--append", help="Add the positions that the store lacks.")
    ] = False,
    as_json: opt.Json = False,
    overwrite: opt.Overwrite = False,
) -> None:
    """Explain every position of a corpus into a store."""
    from conceptlrp.othello import Corpus
    from conceptlrp.runs import KeepOptions, RunOptions

    if baseline is not None:
        opt.check_choice("--baseline", baseline, _BASELINES)
    if donors is not None and baseline is not None:
        msg = "give one of --baseline and --donors"
        raise typer.BadParameter(msg)
    stripe = _stripe(shard)
    goes_on = resume or append or stripe is not None
    opt.check_place(out, overwrite=overwrite or goes_on)
    opt.check_device(device)
    net = open_network(network, weights)
    positions = read_positions(games, net.size, sample, seed)
    store = fill_store(
        net,
        positions,
        out,
        targets=target,
        composite=composite,
        heatmaps=heatmaps,
        baseline=baseline if donors is None else Corpus.load(donors),
        layers=layer,
        keep=KeepOptions(
            detail=detail,
            references=references,
            sample=sample_maps,
            statistics=statistics,
            dtype=dtype,
        ),
        run=RunOptions(
            mode=_mode(resume=resume, append=append, overwrite=overwrite),
            workers=workers,
            scheduler=scheduler,
            stripe=stripe,
            device=device,
            compute_dtype=compute_dtype,
            batch_size=batch_size,
            shard_size=shard_size,
            allow_gradient=allow_gradient,
            command=command_line(),
        ),
        seed=seed,
    )
    _show(store, as_json=as_json)


def merge(
    store: opt.StorePath,
    network: opt.StoreNetwork = None,
    weights: opt.Weights = None,
    device: opt.Device = "cpu",
    workers: opt.Workers = None,
    scheduler: opt.Scheduler = None,
    as_json: opt.Json = False,
) -> None:
    """Finish a store that several jobs computed (--shard I/N)."""
    from conceptlrp.runs import RunOptions, merge_run
    from conceptlrp.store.writing.finish import has_references
    from conceptlrp.store.writing.writer import read_plan

    opt.check_device(device)
    net = None if network is None else open_network(network, weights)
    if net is None and not has_references(store):
        net = recorded_network(store, read_plan(store).network)
    with run_bars() as report:
        merged = merge_run(
            store,
            net,
            run=RunOptions(device=device, workers=workers, scheduler=scheduler),
            on_progress=report,
        )
    _show(merged, as_json=as_json)


def fill_store(
    network: "BoardNetwork", positions: "Corpus", out: Path, **options: Any
) -> "Store":
    """Explain positions into a store, with bars."""
    from conceptlrp.runs import attribute_corpus

    with run_bars() as report:
        return attribute_corpus(network, positions, out, on_progress=report, **options)


def _mode(**modes: bool) -> Any:
    """Choose what is to happen to a store that is there already."""
    chosen = [mode for mode, is_asked in modes.items() if is_asked]
    if len(chosen) > 1:
        msg = "give one of --resume, --append and --overwrite"
        raise typer.BadParameter(msg)
    return chosen[0] if chosen else "create"


def _show(store: "Store", *, as_json: bool) -> None:
    from conceptlrp.store import store_info

    if as_json:
        print_json(store_info(store.path).to_dict())
    else:
        layers = ", ".join(store.layers)
        number = f"{len(store):,} position{'s' * (len(store) != 1)}"
        typer.echo(f"{store.path}: {number}, {layers}")


def _stripe(text: str | None) -> tuple[int, int] | None:
    """Read "I/N"."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        msg = f"--shard is '{text}', expected I/N with I from 1 to N"
        raise typer.BadParameter(msg)
    return int(found[1]), int(found[2])
