"""The verb that draws figures for papers from what a store holds."""

from inspect import signature
from pathlib import Path
from typing import Annotated, Any

import typer

from conceptlrp.cli import options as opt
from conceptlrp.cli.inputs import store_network
from conceptlrp.lrp.composites import COMPOSITES

_KINDS = (
    "references",
    "means",
    "embedding",
    "channels",
    "labels",
    "graph",
    "faithfulness",
    "sanity",
    "empty-board",
)


def figure(
    kind: Annotated[
        str, typer.Argument(help=f"{', '.join(_KINDS)}.", show_default=False)
    ],
    store: opt.StorePath,
    out: Annotated[Path, typer.Option(help="The file: .png, .svg or .pdf.")],
    layer: opt.Layer = None,
    channel: Annotated[
        list[int] | None,
        typer.Option(help="Channel of references; repeatable for means."),
    ] = None,
    target: opt.Target = None,
    network: opt.StoreNetwork = None,
    weights: opt.Weights = None,
    composite: Annotated[
        list[str] | None,
        typer.Option(
            help=f"For faithfulness, and repeatable for empty-board: "
            f"{', '.join(COMPOSITES)}."
        ),
    ] = None,
    count: Annotated[
        int | None, opt.how_many("Boards, channels or paths to draw.")
    ] = None,
    width: Annotated[
        float | None,
        typer.Option(min=2, max=20, help="Inches: a column of text has 3.5."),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Title above the figure.")] = None,
    overwrite: opt.Overwrite = False,
) -> None:
    """Draw a figure for a paper from what a store holds."""
    opt.check_choice("the kind", kind, _KINDS)
    from conceptlrp import figures
    from conceptlrp.figures.style import check_format
    from conceptlrp.store import open_store

    check_format(out)
    opt.check_place(out, overwrite=overwrite)
    opened = open_store(store)
    named = target and opened.targets[opened.target_index(target)]
    draw = getattr(figures, kind.replace("-", "_"))
    accepted = signature(draw).parameters
    subject: list[Any] = [opened]
    if "layer" in accepted:
        subject.append(_needed("layer", layer))
    if "channel" in accepted:
        subject.append(_needed("channel", channel)[0])
    if "network" in accepted:
        subject.append(store_network(opened, network, weights))
    options = {
        "channels": channel,
        "composite": composite and composite[0],
        "composites": composite,
        "count": count,
        "target": named,
        "title": title,
        "width": width,
    }
    if title is not None and "title" not in accepted:
        msg = "this figure has a title for each of its panels and takes no --title"
        raise typer.BadParameter(msg)
    given = {n: each for n, each in options.items() if each and n in accepted}
    figures.save(draw(*subject, **given), out, overwrite=overwrite)
    typer.echo(str(out))


def _needed(option: str, value: Any) -> Any:
    """Return the value of an option without which there is no figure."""
    if value in (None, []):
        msg = f"this figure needs --{option}"
        raise typer.BadParameter(msg)
    return value
