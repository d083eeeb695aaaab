"""The first page: the network, its layers, and all channels on a map.

From here lead the pages about the whole atlas: evaluation, concept graph, positions,
other stores.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from conceptlrp.atlas.pages.compare_page import compare_page, write_compare_page
from conceptlrp.atlas.pages.evaluation_page import (
    EVALUATION_PAGE,
    write_evaluation_page,
)
from conceptlrp.atlas.pages.graph_page import GRAPH_PAGE, write_graph_page
from conceptlrp.atlas.pages.index_script import index_script
from conceptlrp.atlas.pages.layer_work import LayerPart
from conceptlrp.atlas.site import Site
from conceptlrp.report.channel_places import places_of_columns
from conceptlrp.report.words.numbers import plural
from conceptlrp.store import Store

if TYPE_CHECKING:
    from conceptlrp.lrp import Explainer


@dataclass(frozen=True)
class PageLink:
    """A page that the first page links to: its address and what it is called."""

    href: str
    text: str


@dataclass(frozen=True)
class StrengthRow:
    """A line of a strength card: what was measured, the result, and of how much."""

    what: str
    figure: str
    note: str


def write_home_page(
    site: Site,
    parts: Sequence[LayerPart],
    explainer: "Explainer | None",
    others: Sequence[Store],
) -> None:
    """Write the first page, what it loads, and the pages about the whole atlas."""
    places = places_of_columns(np.concatenate([each.columns for each in parts], axis=1))
    site.write_bytes("index.js", index_script(parts, places, unit=site.unit))
    for name in ("style.css", "atlas.js"):
        site.write_bytes(name, files("conceptlrp.atlas").joinpath(name).read_bytes())
    examples = [part.example for part in parts if part.example]
    verdict = site.results.verdict
    site.write(
        "index.html",
        "index.html",
        parts=parts,
        on_map=int((places[:, 0] >= 0).sum()),
        example=examples[-1] if examples else None,
        warnings=None if verdict is None else verdict.warnings,
        mean_output=float(site.store.arrays.explained(target=site.target).mean()),
        pages=list(_whole_pages(site, explainer, others)),
    )


def _whole_pages(
    site: Site, explainer: "Explainer | None", others: Sequence[Store]
) -> Iterator[PageLink]:
    """Write what an atlas has beside its layers, in the order worth reading."""
    write_evaluation_page(site, site.results.evaluation)
    yield PageLink(EVALUATION_PAGE, "How far to believe it")
    if site.results.graph is not None:
        write_graph_page(site, site.results.graph)
        yield PageLink(GRAPH_PAGE, "Concept graph")
    if explainer is not None:
        from conceptlrp.atlas.pages.position_pages import (
            choose_positions,
            write_position_pages,
        )

        chosen = choose_positions(site.store, site.clusterings, target=site.target)
        write_position_pages(site, explainer, chosen)
        name = f"{plural(len(chosen), 'position')} in full"
        yield PageLink("positions/index.html", name)
    for number, other in enumerate(others):
        compared = write_compare_page(site, other, number)
        yield PageLink(compare_page(number), f"Beside {compared.names[1]}")


def strength_rows(
    card: Mapping[str, Any] | None, store: Store
) -> tuple[StrengthRow, ...]:
    """Put a strength card in words, in its order; empty without a card."""
    if card is None:
        return ()
    found = str(card["about"].get("network", ""))
    expected = str(store.manifest.network.get("digest", ""))
    if found != expected:
        msg = (
            f"the strength card is of network {found[:8]}, the store of "
            f"{expected[:8]}; make one with 'conceptlrp strength'"
        )
        raise ValueError(msg)
    return tuple(_strength_row(name, row) for name, row in card["rows"].items())


def _strength_row(name: str, row: Mapping[str, Any]) -> StrengthRow:
    if "interval" in row:
        low, high = row["interval"]
        games = row["wins"] + row["draws"] + row["losses"]
        note = f"95 % interval {low:.0%} to {high:.0%}, {games} games"
        return StrengthRow(name, f"{row['score']:.1%} of the points", note)
    if "disc_loss" in row:
        note = (
            f"{row['disc_loss']:.1f} discs lost per move, {row['positions']} positions"
        )
        return StrengthRow(name, f"{row['best_moves']:.0%} best moves", note)
    note = f"{row['top3']:.1%} among the best three, {row['positions']:,} positions"
    return StrengthRow(name, f"{row['top1']:.1%} of the moves", note)
