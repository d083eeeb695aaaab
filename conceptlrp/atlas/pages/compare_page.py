"""The pages that put another store beside the one of the atlas.

Another network, a snapshot of its training, or another composite or baseline on the
same positions: channels are matched by what they do, and drawn side by side.
"""

from functools import partial
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from conceptlrp.atlas.site import Site, concept_page
from conceptlrp.drawing import board_svg
from conceptlrp.drawing.colors import symmetric_limit
from conceptlrp.othello import Position
from conceptlrp.report import StoreComparison, compare
from conceptlrp.report.comparison import LayerMatch
from conceptlrp.report.stored_layer import mean_maps
from conceptlrp.statistics import Estimate
from conceptlrp.statistics.intervals import between
from conceptlrp.store import Store

_SHOWN = 6
Maps = NDArray[np.float64] | None


def compare_page(number: int) -> str:
    """Address of a comparison's page: compare.html, compare-2.html and so on."""
    return f"compare-{number + 1}.html" if number else "compare.html"


def write_compare_page(site: Site, other: Store, number: int = 0) -> StoreComparison:
    """Match the channels of another store with those of the atlas and draw them."""
    found = compare(site.store, other, target=site.target)
    layers = [_layer(site, other, match) for match in found.layers]
    content = {"found": found, "layers": layers, "interval": _interval}
    site.write(compare_page(number), "compare.html", **content)
    return found


def _interval(found: Estimate) -> str:
    words = between(found.low, found.high, games=found.games)
    return f"95 % interval {words}" if found.low == found.low else words.strip("()")


def _layer(site: Site, other: Store, match: LayerMatch) -> dict[str, Any]:
    """Collect the pairs of a layer, with pictures of the best and the worst ones."""
    maps = _mean_maps(site.store, match.layer, site.target)
    others = _mean_maps(other, match.other_layer, site.target)
    number = len(match.first)
    pictured = min(_SHOWN, number // 2)
    shown = {*range(pictured), *range(number - pictured, number)}
    pairs = [
        {
            "channel": channel,
            "other": int(match.second[place]),
            "href": concept_page(match.layer, channel),
            "correlation": float(match.correlation[place]),
            "pictures": _pictures(site, maps, others, match, place)
            if place in shown
            else None,
        }
        for place, channel in enumerate(match.first.tolist())
    ]
    return {
        "match": match,
        "mean": float(match.correlation.mean()),
        "strong": float((match.correlation > 0.7).mean()),
        "best": pairs[:pictured],
        "worst": pairs[number - pictured :][::-1],
        "rows": pairs,
    }


def _pictures(
    site: Site, maps: Maps, others: Maps, match: LayerMatch, place: int
) -> tuple[Markup, Markup] | None:
    """Draw the mean heatmaps of a pair, each on a scale of its own."""
    if maps is None or others is None:
        return None
    empty = Position(0, 0, size=site.store.positions.size)
    draw = partial(board_svg, empty, legal=False, size_px=112, coordinates=False)
    drawn = []
    for heat in (maps[match.first[place]], others[match.second[place]]):
        limit = symmetric_limit(heat)
        title = "Mean conditional heatmap"
        drawn.append(Markup(draw(heatmap=heat, limit=limit, title=title)))
    return drawn[0], drawn[1]


def _mean_maps(store: Store, layer: str, target: str) -> Maps:
    found = mean_maps(store, layer, target=target)
    return None if found is None else found.positive + found.negative
