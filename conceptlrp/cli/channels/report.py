"""The verb that reports everything known of channels."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conceptlrp.cli import options as opt
from conceptlrp.progress import progress_bars

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conceptlrp.report import ChannelReport
    from conceptlrp.store import Store

#: The file by which a folder is known to hold reports.
_MARKER = "reports.json"


def report(
    store: opt.StorePath,
    layer: Annotated[
        str | None, typer.Option(help="Layer; with --all every layer by default.")
    ] = None,
    channel: opt.Channel = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every channel, of --layer or of all.")
    ] = False,
    target: opt.Target = None,
    count: Annotated[int, opt.how_many("Boards of a strip.")] = 8,
    notes: opt.Notes = None,
    out: Annotated[
        Path | None, typer.Option(help="Write text and JSON into this folder.")
    ] = None,
    as_json: opt.Json = False,
    overwrite: opt.Overwrite = False,
) -> None:
    """Report everything known of a channel, or of every one."""
    _check_question(layer, channel, every=every, as_json=as_json, out=out)
    from conceptlrp.store import open_store

    if out is not None:
        opt.check_place(out, overwrite=overwrite)
    opened = open_store(store)
    layers = {name: opened.channels(name) for name in opened.layers}
    about: dict[str, Any] = {"target": target or 0, "count": count}
    if notes is not None:
        from conceptlrp.report import read_notes

        about["notes"] = read_notes(notes, layers=layers)
    found = _found(opened, layer, channel, **about)
    if out is None:
        _show(found, as_json=as_json, every=every)
        return
    chosen = layers if layer is None else {layer: opened.channels(layer)}
    total = 1 if channel is not None else sum(chosen.values())
    _write(found, out, total=total, overwrite=overwrite)
    typer.echo(f"{out}: {total} report{'s' * (total > 1)}")


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
    elif not every:
        typer.echo(_json(next(found)).decode())
    else:
        for place, each in enumerate(found):
            typer.echo(f"{',' if place else '['}\n{_json(each).decode()}", nl=False)
        typer.echo("\n]")


def _write(
    found: "Iterator[ChannelReport]", out: Path, *, total: int, overwrite: bool
) -> None:
    from conceptlrp.files import file_stem
    from conceptlrp.staging import staged_folder

    names: list[dict[str, Any]] = []
    with (
        progress_bars() as progress,
        staged_folder(
            out,
            marker=_MARKER,
            kind="conceptlrp-reports",
            about={"reports": names},
            overwrite=overwrite,
        ) as folder,
    ):
        for each in found:
            file = f"{file_stem(each.layer)}/c{each.channel:04d}"
            (folder / file).parent.mkdir(exist_ok=True)
            # A lone surrogate in a name is no UTF-8.
            text = each.text().encode("utf-8", "backslashreplace")
            (folder / f"{file}.txt").write_bytes(text)
            (folder / f"{file}.json").write_bytes(_json(each) + b"\n")
            entry = {"layer": each.layer, "channel": each.channel, "name": each.name}
            names.append({**entry, "file": file})
            progress("reports", len(names), total)


def _json(found: "ChannelReport") -> bytes:
    from conceptlrp import jsontext

    return jsontext.dumps(found.to_dict())
