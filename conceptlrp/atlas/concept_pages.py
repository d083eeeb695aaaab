"""A page for every channel of a layer, and its cell on the first page.

Shapes use N positions, C channels and k boards.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from conceptlrp.atlas.board_cards import BoardCard, BoardShelf
from conceptlrp.atlas.charts import histogram_svg, scale_svg
from conceptlrp.atlas.layer_table import LayerTable
from conceptlrp.atlas.site import Site, concept_page
from conceptlrp.drawing.board_svg import board_svg
from conceptlrp.drawing.colors import symmetric_limit
from conceptlrp.othello import Position
from conceptlrp.report.wording import compact, percent, signed_percent

__all__ = ["Strip", "write_concept_pages"]

_MARKERS = 8

_STRIPS = (
    (
        "share-top",
        "Most relevant",
        "Largest positive share of the layer's relevance: it speaks for the output.",
    ),
    (
        "share-bottom",
        "Most opposed",
        "Largest negative share of the layer's relevance: it speaks against it.",
    ),
    (
        "activation-top",
        "Most active",
        "Largest activation, whether or not the explained output uses it.",
    ),
)


@dataclass(frozen=True)
class Strip:
    """Boards in one order.

    Attributes
    ----------
    title, text : str
        What the order is.
    cards : tuple of BoardCard
        The boards, best first.
    """

    title: str
    text: str
    cards: tuple[BoardCard, ...]


@dataclass(frozen=True)
class _Phase:
    """A row of the table by phase."""

    moves: str
    size: int
    magnitude: float
    width: float
    active: float


def write_concept_pages(site: Site, table: LayerTable, shelf: BoardShelf) -> None:
    """Write the pages of all channels of a layer.

    Parameters
    ----------
    site : Site
        The atlas.
    table : LayerTable
        The layer.
    shelf : BoardShelf
        Where the boards come from.
    """
    means = table.mean_maps()
    ranks = np.empty(table.channels, dtype=int)
    ranks[table.order] = np.arange(table.channels)
    for channel in range(table.channels):
        strips, limit = _strips(site, table, shelf, channel)
        site.write(
            concept_page(table.layer, channel),
            "concept.html",
            layer=table.layer,
            channel=channel,
            channels=table.channels,
            dead=table.active[channel] == 0,
            facts=_facts(table, channel, int(ranks[channel])),
            note=site.notes.get((table.layer, channel)),
            mean_map=None if means is None else _mean_map(site, means[channel]),
            mean_limit=0.0 if means is None else symmetric_limit(means[channel]),
            strips=strips,
            scale=scale_svg(limit, unit=site.unit) if limit else None,
            histograms=_histograms(site, table, channel),
            phases=_phases(table, channel),
            neighbours=list(
                zip(
                    table.neighbours[channel].tolist(),
                    table.similarity[channel],
                    strict=True,
                )
            ),
            clusters=_marked_clusters(site, table.layer, channel),
        )


def _strips(
    site: Site, table: LayerTable, shelf: BoardShelf, channel: int
) -> tuple[tuple[Strip, ...], float]:
    """Collect the strips, all on one scale of colours, and its limit."""
    games = site.store.positions.game
    found = [table.strip(channel, kind, site.k, games) for kind, _, _ in _STRIPS]
    maps = [heat for _, _, heat in found if heat is not None]
    limit = max((symmetric_limit(heat) for heat in maps), default=0.0)
    strips = []
    for (kind, title, text), (rows, scores, heatmaps) in zip(
        _STRIPS, found, strict=True
    ):
        write = compact if kind == "activation-top" else signed_percent
        cards = shelf.cards(rows, scores, write=write, heatmaps=heatmaps, limit=limit)
        strips.append(Strip(title, text, cards))
    return tuple(strips), limit


def _facts(
    table: LayerTable, channel: int, rank: int
) -> tuple[tuple[str, str, str], ...]:
    place = f"rank {rank + 1} of {table.channels}"
    return (
        (
            "share of relevance",
            percent(table.magnitude[channel]),
            f"mean magnitude, {place}",
        ),
        (
            "signed",
            signed_percent(table.mean_share[channel]),
            "mean share, for or against",
        ),
        ("active", percent(table.active[channel]), "of the positions"),
        ("relevant", percent(table.relevant[channel]), "of the positions"),
    )


def _mean_map(site: Site, heat: NDArray[np.floating]) -> Markup:
    empty = Position(0, 0, size=site.store.positions.size)
    draw = partial(board_svg, empty, legal=False, size_px=208)
    title = "Mean conditional heatmap of the most relevant boards"
    return Markup(draw(heatmap=heat, title=title))


def _histograms(
    site: Site, table: LayerTable, channel: int
) -> tuple[tuple[str, Markup, str], ...]:
    relevance, activation = table.relevance[:, channel], table.activation[:, channel]
    return (
        (
            f"Relevance ({site.unit})",
            histogram_svg(relevance, name="relevance"),
            f"zero at {percent(float((relevance == 0).mean()))} of the positions",
        ),
        (
            "Activation (sum over the board)",
            histogram_svg(activation, name="activation"),
            f"zero at {percent(float((activation == 0).mean()))} of the positions",
        ),
    )


def _phases(table: LayerTable, channel: int) -> tuple[_Phase, ...]:
    magnitudes = table.phase_magnitude[:, channel]
    largest = float(np.nanmax(magnitudes, initial=0.0)) or 1.0
    return tuple(
        _Phase(
            moves=f"{10 * number + 1}\N{EN DASH}{10 * number + 10}",
            size=int(size),
            magnitude=float(magnitudes[number]),
            width=float(np.nan_to_num(magnitudes[number])) / largest,
            active=float(table.phase_active[number, channel]),
        )
        for number, size in enumerate(table.phase_sizes)
    )


def _marked_clusters(site: Site, layer: str, channel: int) -> list[tuple[int, float]]:
    """Clusters that have the channel among their markers, with the effect."""
    if layer not in site.clusterings:
        return []
    markers = site.clusterings[layer].markers(_MARKERS)
    return [
        (number, float(found.effects[found.channels == channel][0]))
        for number, found in enumerate(markers)
        if (found.channels == channel).any()
    ]
