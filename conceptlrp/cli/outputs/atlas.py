"""The verb that writes pages of what a store holds."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conceptlrp.cli import options as opt
from conceptlrp.cli.inputs import store_network
from conceptlrp.cli.tables import remark
from conceptlrp.errors import NetworkError
from conceptlrp.progress import progress_bars

if TYPE_CHECKING:
    from conceptlrp.store import Store

# With this many channels a process for every core is worth its start.
_MANY = 512


def atlas(
    store: opt.StorePath,
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    target: opt.Target = None,
    title: Annotated[str | None, typer.Option(help="Title of the atlas.")] = None,
    strength: Annotated[
        Path | None, typer.Option(help="Strength card of the network (.json).")
    ] = None,
    notes: opt.Notes = None,
    network: opt.StoreNetwork = None,
    weights: opt.Weights = None,
    compare: Annotated[
        list[Path] | None,
        typer.Option(help="Another store of the same positions; repeatable."),
    ] = None,
    single_file: Annotated[
        bool, typer.Option("--single-file", help="Write one page, to send to someone.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes; for many channels one a core by default."),
    ] = None,
    overwrite: opt.Overwrite = False,
) -> None:
    """Write the atlas of a store: pages that open from disk.

    It has pages of positions too where the network is found or named.
    """
    from conceptlrp.report import read_notes
    from conceptlrp.store import open_store

    opt.check_place(out, overwrite=overwrite)
    opened = open_store(store)
    channels = {name: opened.channels(name) for name in opened.layers}
    remarks = None if notes is None else read_notes(notes, layers=channels)
    try:
        net = store_network(opened, network, weights)
    except NetworkError as error:
        if network is not None:
            raise
        net = None
        remark(f"no pages of positions: {error}")
    write_atlas(
        opened,
        out,
        single_file=single_file,
        strength=strength,
        target=target or 0,
        title=title,
        notes=remarks,
        network=net,
        others=[open_store(each) for each in compare or ()],
        workers=workers or _processes(sum(channels.values())),
        overwrite=overwrite,
    )


def write_atlas(
    store: "Store",
    out: Path,
    *,
    single_file: bool = False,
    strength: Path | None = None,
    **options: Any,
) -> None:
    """Write an atlas and say where it is."""
    from conceptlrp.atlas import build_atlas, build_single_file
    from conceptlrp.selfplay import read_card

    with progress_bars() as report:
        made = (build_single_file if single_file else build_atlas)(
            store,
            out,
            strength=None if strength is None else read_card(strength),
            on_progress=report,
            **options,
        )
    typer.echo(f"open {made if single_file else made / 'index.html'}")


def _processes(channels: int) -> int:
    """Choose how many processes write pages: starting one takes some seconds."""
    return 1 if channels < _MANY else os.cpu_count() or 1
