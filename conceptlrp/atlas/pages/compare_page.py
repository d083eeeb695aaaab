"""The pages that put another store beside the one of the atlas.

Another network, a snapshot of its training, or another composite or baseline on the
same positions: channels are matched by what they do, and stand side by side, on one
scale.
"""

from typing import Any

from markupsafe import Markup

from conceptlrp.atlas.pictures.page_boards import page_board
from conceptlrp.atlas.site import Site, concept_page
from conceptlrp.reference import reference_boards
from conceptlrp.report import StoreComparison, compare
from conceptlrp.report.comparison import LayerMatch
from conceptlrp.report.stored_layer import StoredResults
from conceptlrp.statistics import Estimate
from conceptlrp.statistics.intervals import between
from conceptlrp.store import Store

# Pairs that are drawn from either end, and boards of a channel.
_SHOWN, _BOARDS = 6, 2


def compare_page(number: int) -> str:
    """Address of a comparison's page: compare.html, compare-2.html and so on."""
    return f"compare-{number + 1}.html" if number else "compare.html"


def write_compare_page(site: Site, other: Store, number: int = 0) -> StoreComparison:
    """Match the channels of another store with those of the atlas and draw them."""
    found = compare(site.store, other, target=site.target)
    layers = [_layer(site, other, match) for match in found.layers]
    content = {"found": found, "layers": layers, "interval": _interval}
    content["others"] = StoredResults(other, site.target).names
    site.write(compare_page(number), "compare.html", **content)
    return found


def _interval(found: Estimate) -> str:
    words = between(found.low, found.high, games=found.games)
    return f"95 % interval {words}" if found.low == found.low else words.strip("()")


def _layer(site: Site, other: Store, match: LayerMatch) -> dict[str, Any]:
    """Collect the pairs of a layer, with boards of the best and the worst ones."""
    number = len(match.first)
    pictured = min(_SHOWN, number // 2)
    shown = {*range(pictured), *range(number - pictured, number)}
    pairs = [
        {
            "channel": channel,
            "other": int(match.second[place]),
            "href": concept_page(match.layer, channel),
            "correlation": float(match.correlation[place]),
            "boards": _boards(site.store, match.layer, channel, site.target)
            if place in shown
            else None,
            "beside": _boards(
                other, match.other_layer, int(match.second[place]), site.target
            )
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


def _boards(store: Store, layer: str, channel: int, target: str) -> list[Markup]:
    """Write the most relevant boards of a channel, none without heatmaps."""
    found = reference_boards(store, layer, channel, _BOARDS, target=target)
    if found.heatmaps is None:
        return []
    marks = store.arrays.explained_square(rows=found.rows, target=target)
    known = zip(found.positions, found.heatmaps, marks.tolist(), strict=True)
    return [page_board(each, heatmap=heat, mark=mark) for each, heat, mark in known]
