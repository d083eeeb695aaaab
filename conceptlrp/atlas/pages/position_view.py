"""A position as the pages show it: moves, explained outputs, layers, local atlas.

The pages of an atlas and the explorer draw the same things; where a move or a
channel leads is up to them. Shapes use n x n squares.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from markupsafe import Markup

from conceptlrp.atlas.pictures.charts import scale_svg
from conceptlrp.atlas.pictures.page_boards import map_picture, position_words
from conceptlrp.drawing.colors import LEVELS, levels, symmetric_limit
from conceptlrp.lrp import Contrast, Move, Target, Value
from conceptlrp.othello import PASS, Position
from conceptlrp.report.explained_output import NO_CHANNEL, ExplainedOutput, LayerMaps
from conceptlrp.report.words.numbers import (
    compact,
    percent,
    signed_amount,
    signed_percent,
)

ChannelHref = Callable[[str, int], str | None]


@dataclass(frozen=True)
class ChannelCard:
    """One channel's conditional map on a page, and where a click on it leads."""

    layer: str
    channel: int
    svg: Markup
    relevance: str
    share: str
    href: str | None


@dataclass(frozen=True)
class AtlasCell:
    """A square of the local atlas: its channel if any, and its step of colour."""

    square: str
    channel: int | None
    step: int
    href: str | None


@dataclass(frozen=True)
class RegionRow:
    """A region of the local atlas: its name, channel, figures and link."""

    region: str
    channel: int | None
    relevance: str
    part: str
    href: str | None


@dataclass(frozen=True)
class LayerView:
    """The channels of a layer for one output; `limit` is that of the colours."""

    name: str
    channels: int
    cards: tuple[ChannelCard, ...]
    limit: str
    cells: tuple[tuple[AtlasCell, ...], ...]
    regions: tuple[RegionRow, ...]


@dataclass(frozen=True)
class OutputView:
    """One explained output, and what of it reaches the board (`summed`)."""

    target: str
    title: str
    explained: str
    summed: str
    unit: str
    svg: Markup
    scale: Markup
    layers: tuple[LayerView, ...]


def output_title(output: ExplainedOutput) -> str:
    """Name an output for a heading."""
    target = Target.parse(output.target)
    if target == Value():
        return "Value"
    if isinstance(target, Contrast):
        return f"Move {_word(target.move)} rather than {_word(target.other)}"
    return "Pass" if target == Move(PASS) else f"Move {target.name}"


def _word(move: Target) -> str:
    return "pass" if move == Move(PASS) else move.name


def output_view(
    position: Position,
    output: ExplainedOutput,
    *,
    channel_href: ChannelHref,
    cell_href: ChannelHref | None = None,
) -> OutputView:
    """Draw one output with the channels that speak for it and against it."""
    limit = symmetric_limit(output.heatmap)
    title = f"Relevance for {output_title(output).lower()}"
    return OutputView(
        target=output.target,
        title=output_title(output),
        explained=signed_amount(output.explained),
        summed=signed_amount(float(output.heatmap.sum())),
        unit=output.unit,
        svg=map_picture(
            position, output.heatmap, limit, f"{title}; {position_words(position)}"
        ),
        scale=scale_svg(limit, unit=output.unit),
        layers=tuple(
            _layer_view(position, output, layer, channel_href, cell_href or _nowhere)
            for layer in output.layers.values()
        ),
    )


def _nowhere(_layer: str, _channel: int) -> None:
    """Lead nowhere."""


def _layer_view(
    position: Position,
    output: ExplainedOutput,
    layer: LayerMaps,
    channel_href: ChannelHref,
    cell_href: ChannelHref,
) -> LayerView:
    top, held = layer.top, layer.atlas.relevance
    limit = symmetric_limit([*(each.heatmap for each in top), held])
    return LayerView(
        name=layer.layer,
        channels=len(layer),
        cards=tuple(
            ChannelCard(
                layer=layer.layer,
                channel=each.channel,
                svg=map_picture(
                    position,
                    each.heatmap,
                    limit,
                    f"Conditional heatmap of channel {each.channel} of {layer.layer}",
                ),
                relevance=signed_amount(each.relevance),
                share=signed_percent(each.share),
                href=channel_href(layer.layer, each.channel),
            )
            for each in top
        ),
        limit=f"\N{PLUS-MINUS SIGN}{compact(limit)} {output.unit}",
        cells=_cells(position.size, layer, limit, partial(cell_href, layer.layer)),
        regions=_regions(layer, channel_href),
    )


def _cells(
    size: int, layer: LayerMaps, limit: float, href: Callable[[int], str | None]
) -> tuple[tuple[AtlasCell, ...], ...]:
    channels = layer.atlas.channel.tolist()
    steps = (levels(layer.atlas.relevance, limit) + LEVELS).tolist()
    return tuple(
        tuple(
            AtlasCell(
                square=f"{'abcdefgh'[column]}{row + 1}",
                channel=None if channel == NO_CHANNEL else channel,
                step=steps[row][column],
                href=None if channel == NO_CHANNEL else href(channel),
            )
            for column, channel in enumerate(channels[row])
        )
        for row in range(size)
    )


def _regions(layer: LayerMaps, channel_href: ChannelHref) -> tuple[RegionRow, ...]:
    return tuple(
        RegionRow(
            region=each.region,
            channel=None if each.channel == NO_CHANNEL else each.channel,
            relevance=signed_amount(each.relevance),
            part=percent(each.part),
            href=None
            if each.channel == NO_CHANNEL
            else channel_href(layer.layer, each.channel),
        )
        for each in layer.atlas.regions
    )
