"""A page for some of a store's positions: policy, value, channels, local atlas.

positions/index.html        the positions that have a page
positions/p0000123.html     one of them
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from conceptlrp.atlas.pages.position_view import OutputView, output_view
from conceptlrp.atlas.pictures.page_boards import (
    board_kit,
    explained_square,
    level_style,
    page_board,
    position_kit,
    position_marks,
    position_words,
)
from conceptlrp.atlas.site import Site, cluster_page, concept_page, position_page
from conceptlrp.clustering import Clustering
from conceptlrp.lrp import Explainer
from conceptlrp.othello import BLACK, square_name
from conceptlrp.report import PositionReport, position_report
from conceptlrp.report.words.numbers import effect, plural
from conceptlrp.store import Store

# A page stays below 100 KB with so many maps of each layer and output.
_CHANNELS = 4
_SIDES = ("black", "white")
# Reference boards of every channel that are looked at.
_REFERENCES = 8


@dataclass(frozen=True)
class ChosenPosition:
    """A row of the store that gets a page; each reason with the address it names."""

    row: int
    reasons: tuple[tuple[str, str | None], ...]


def choose_positions(
    store: Store,
    clusterings: Mapping[str, Clustering],
    *,
    target: int | str = 0,
    limit: int = 100,
) -> tuple[ChosenPosition, ...]:
    """Choose the middle of every cluster and the boards that most channels share."""
    reasons: dict[int, list[tuple[str, str | None]]] = {}
    for row, text, href in (*_medoids(clusterings), *_shared(store, target)):
        if row in reasons or len(reasons) < limit:
            reasons.setdefault(row, []).append((text, href))
    return tuple(ChosenPosition(row, tuple(reasons[row])) for row in sorted(reasons))


def _medoids(
    clusterings: Mapping[str, Clustering],
) -> Iterator[tuple[int, str, str | None]]:
    for layer, clustering in clusterings.items():
        for number, rows in enumerate(clustering.typical(1)):
            for row in rows.tolist():
                text = f"nearest to the centre of cluster {number} of {layer}"
                yield int(row), text, cluster_page(layer, number)


def _shared(store: Store, target: int | str) -> Iterator[tuple[int, str, None]]:
    """Yield the boards that several channels have as reference, most channels first."""
    counts: Counter[int] = Counter()
    for layer in store.layers:
        table = store.references(layer, "share-top", target=target)
        if table is not None:
            best = table.rows[:, :_REFERENCES]
            counts.update(best[best >= 0].tolist())
    for row, channels in sorted(counts.items(), key=lambda each: (-each[1], each[0])):
        if channels > 1:
            text = f"among the {_REFERENCES} most relevant boards of "
            yield int(row), text + plural(channels, "channel"), None


@dataclass(frozen=True)
class _Listed:
    """A position on the list of those that have a page."""

    row: int
    svg: Markup
    move: str
    description: str
    reasons: tuple[str, ...]


def write_position_pages(
    site: Site, explainer: Explainer, chosen: Sequence[ChosenPosition]
) -> None:
    """Write the pages of some positions and the list of them."""
    rows = [None, *(each.row for each in chosen), None]
    for place, each in enumerate(chosen):
        position = site.store.positions.position(each.row)
        report = position_report(explainer, position, count=_CHANNELS)
        site.write(
            position_page(each.row),
            "position.html",
            row=each.row,
            previous=rows[place],
            next=rows[place + 2],
            reasons=each.reasons,
            level_style=level_style(),
            **_content(site, report, each.row),
        )
    site.write(
        "positions/index.html",
        "positions.html",
        kit=board_kit(site.store.positions.size),
        positions=[_listed(site, each) for each in chosen],
    )


def _content(site: Site, report: PositionReport, row: int) -> dict[str, object]:
    corpus = site.store.positions
    return {
        "kit": position_kit(report.position, mark=explained_square(report.move)),
        "side": _SIDES[report.position.mover],
        "description": corpus.describe(row),
        "outputs": [_output(report, each) for each in range(len(report.outputs))],
        "policy": report.policy,
        "value": None if math.isnan(report.value) else effect(report.value),
        "played": _played(site, row),
        "transcript": corpus.transcript(row),
        "obf": report.position.obf(),
    }


def _output(report: PositionReport, place: int) -> OutputView:
    return output_view(
        report.position,
        report.outputs[place],
        channel_href=lambda layer, channel: f"../{concept_page(layer, channel)}",
    )


def _played(site: Site, row: int) -> str:
    square = int(site.store.positions.played[row])
    return square_name(square, site.store.positions.size) if square >= 0 else ""


def _listed(site: Site, chosen: ChosenPosition) -> _Listed:
    position = site.store.positions.position(chosen.row)
    return _Listed(
        row=chosen.row,
        svg=page_board(
            position.size, position_words(position), position_marks(position)
        ),
        move=f"{'Black' if position.mover == BLACK else 'White'} to move",
        description=site.store.positions.describe(chosen.row),
        reasons=tuple(text for text, _ in chosen.reasons),
    )
