"""The verb that reports everything known of channels."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conceptlrp.cli.options import Overwrite, StorePath, Target, check_place
from conceptlrp.progress import progress_bars

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conceptlrp.report import ChannelReport
    from conceptlrp.store import Store

#: The file by which a folder is known to hold reports.
_MARKER = "reports.json"
_HEADER = {"encoding-type": "conceptlrp-reports", "encoding-version": "1"}


def report(
    store: StorePath,
    layer: Annotated[
        str | None, typer.Option(help="Layer; every layer for --all.")
    ] = None,
    channel: Annotated[int | None, typer.Option(help="Number of the channel.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every channel, of --layer or of all.")
    ] = False,
    target: Target = None,
    k: Annotated[int, typer.Option("-k", "--k", min=1, help="Boards of a strip.")] = 8,
    notes: Annotated[
        Path | None, typer.Option(help="Notes on channels (.yaml).", readable=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write text and JSON into this folder.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Report everything known of a channel: boards, labels, effects, neighbours."""
    _check_question(layer, channel, every=every, as_json=as_json, out=out)
    from conceptlrp.report import read_notes
    from conceptlrp.store import open_store

    if out is not None:
        check_place(out, overwrite=overwrite)
    opened = open_store(store)
    layers = {name: opened.channels(name) for name in opened.layers}
    about: dict[str, Any] = {"target": target or 0, "count": k}
    if notes is not None:
        about["notes"] = read_notes(notes, layers=layers)
    found = _found(opened, layer, channel, **about)
    if out is None:
        _show(found, as_json=as_json, every=every)
        return
    chosen = layers if layer is None else {layer: opened.channels(layer)}
    total = 1 if channel is not None else sum(chosen.values())
    _write(found, out, total=total, overwrite=overwrite)
    typer.echo(f"{out}: {total} reports" if total > 1 else f"{out}: 1 report")


def _check_question(
    layer: str | None,
    channel: int | None,
    *,
    every: bool,
    as_json: bool,
    out: Path | None,
) -> None:
    """Refuse options that do not ask exactly one thing."""
    if every == (channel is not None):
        msg = "give one of --channel and --all"
        raise typer.BadParameter(msg)
    if channel is not None and layer is None:
        msg = "--channel needs a --layer"
        raise typer.BadParameter(msg)
    if as_json and out is not None:
        msg = "--json prints and --out writes; give one of them"
        raise typer.BadParameter(msg)


def _found(
    store: "Store", layer: str | None, channel: int | None, **about: Any
) -> "Iterator[ChannelReport]":
    from conceptlrp.report import channel_report, layer_report

    if layer is not None and channel is not None:
        yield channel_report(store, layer, channel, **about)
        return
    for name in store.layers if layer is None else (layer,):
        yield from layer_report(store, name, **about)


def _show(found: "Iterator[ChannelReport]", *, as_json: bool, every: bool) -> None:
    """Print reports one by one, as one list where every channel is asked for."""
    if not as_json:
        for place, each in enumerate(found):
            typer.echo(("\n" if place else "") + each.text(), nl=False)
        return
    if not every:
        typer.echo(_json(next(found)))
        return
    mark = "["
    for each in found:
        typer.echo(f"{mark}\n{_json(each)}", nl=False)
        mark = ","
    typer.echo("\n]")


def _write(
    found: "Iterator[ChannelReport]", out: Path, *, total: int, overwrite: bool
) -> None:
    from conceptlrp.clustering.clustering_file import file_stem
    from conceptlrp.staging import staged_folder

    names: list[dict[str, Any]] = []
    with (
        progress_bars() as progress,
        staged_folder(out, marker=_MARKER, overwrite=overwrite) as folder,
    ):
        for each in found:
            file = f"{file_stem(each.layer)}/c{each.channel:04d}"
            (folder / file).parent.mkdir(exist_ok=True)
            _put(folder / f"{file}.txt", each.text())
            _put(folder / f"{file}.json", f"{_json(each)}\n")
            place = {"layer": each.layer, "channel": each.channel}
            names.append({**place, "name": each.name.text, "file": file})
            progress("reports", len(names), total)
        index = json.dumps({**_HEADER, "reports": names}, indent=1, ensure_ascii=False)
        _put(folder / _MARKER, f"{index}\n")


def _put(path: Path, text: str) -> None:
    # A lone surrogate in a name is no UTF-8.
    path.write_bytes(text.encode("utf-8", "backslashreplace"))


def _json(found: "ChannelReport") -> str:
    return json.dumps(found.to_dict(), allow_nan=False)
