"""A page for every channel of a layer, with its data beside it.

A page is made from a `ChannelReport` alone: what the store does not hold is missing
from the report, which says how to add it. Shapes use k boards and n x n squares.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from conceptlrp.atlas.pictures.charts import histogram_svg, intervals_svg
from conceptlrp.atlas.pictures.page_boards import CardMaker, map_only, page_board
from conceptlrp.atlas.site import Site, concept_page
from conceptlrp.drawing.colors import symmetric_limit
from conceptlrp.labelling.channel_name import FIRING_PLACE, PLACE
from conceptlrp.labelling.evidence import LEVELS
from conceptlrp.labelling.result import UNTESTED
from conceptlrp.labels import sentence
from conceptlrp.othello import PASS, Position, parse_square, square_name
from conceptlrp.othello.symmetry import SYMMETRIES, turn_maps
from conceptlrp.report import ChannelReport
from conceptlrp.report.findings import ChannelEffect
from conceptlrp.report.stored_layer import MAPS_OF
from conceptlrp.report.words.channel import (
    STRIP_WORDS,
    beats_words,
    effect_interval,
    location_lines,
    role,
    shares,
    strip_title,
)
from conceptlrp.report.words.labels import (
    heading,
    label_interval,
    random_line,
    rule_line,
    rule_title,
    squares_line,
)
from conceptlrp.report.words.numbers import (
    compact,
    percent,
    signed_amount,
    signed_percent,
)

_MOVES_NAMED, _PAIRS = 4, 4
# A side with less of all relevance has no map of its own.
_MINOR = 0.1
_PLACES = (PLACE, FIRING_PLACE)


def write_concept_page(site: Site, report: ChannelReport, maker: CardMaker) -> None:
    """Write the page of one channel, and its report as JSON."""
    layer, channel = report.layer, report.channel
    strips = _strips(report, maker)
    size = site.store.manifest.board_size
    site.write(
        concept_page(layer, channel),
        "concept.html",
        report=report,
        names=site.names,
        badges=site.badges,
        pairs=_edited(site, report),
        size=size,
        heading=heading(report),
        levels=LEVELS if report.name.is_named else (),
        role=role(report),
        places=list(location_lines(report)),
        facts=_facts(report),
        looks=_looks(report, size),
        served=_served(report, size),
        strips=strips,
        histograms=list(_histograms(report)),
        phases=list(_phases(report)),
        effect=None if report.effects is None else _effect(report, size),
        maps_of=MAPS_OF,
        meaning=sentence,
        squares_line=squares_line,
        interval=label_interval,
        untested=UNTESTED,
        control=random_line(report),
        rule=rule_line,
        rule_title=rule_title,
    )


def _strips(report: ChannelReport, maker: CardMaker) -> list[dict[str, Any]]:
    """Collect the strips, each with the limit of its scale of colours."""
    strips = []
    for name in report.shown:
        boards = report.strips[name]
        active = boards.by == "activation"
        write: Callable[[float], str] = compact if active else signed_percent
        heatmaps, text = boards.heatmaps, STRIP_WORDS[name][1]
        title = strip_title(report, name)
        cards = maker.cards(boards.boards, write=write, heatmaps=heatmaps)
        known = {"name": name, "title": title, "text": text, "cards": cards}
        limit = 0.0 if heatmaps is None else symmetric_limit(heatmaps)
        strips.append({**known, "limit": limit, "note": boards.note})
    return strips


def _edited(site: Site, report: ChannelReport) -> list[tuple[Markup, Markup, str]]:
    """Draw boards, or moves, before and after the name switches, and its change."""
    edits, name = site.results.edits, report.name
    if edits is None or report.layer not in edits.layers:
        return []
    if name.label not in edits.labels:
        return []
    label, found = edits.labels.index(name.label), edits.layers[report.layer]
    watched = edits.response(report.layer, report.channel, name).measure
    if watched not in found.change:
        return []
    changes = found.change[watched][report.channel, label]
    pairs: list[tuple[Markup, Markup, str]] = []
    for change, moves, *boards in zip(
        changes.tolist(),
        edits.moves[label].tolist(),
        edits.before[label],
        edits.after[label],
        strict=True,
    ):
        if np.isfinite(change) and all(discs.any() for discs in boards):
            before, after = (
                _bare(discs, edits.size, mark)
                for discs, mark in zip(boards, moves, strict=True)
            )
            pairs.append((before, after, f"change {signed_amount(change)}"))
    return pairs[:_PAIRS]


def _bare(discs: NDArray[np.uint64], size: int, mark: int) -> Markup:
    own, opponent = discs.tolist()
    position = Position(own, opponent, size=size)
    return page_board(position, mark=mark)


def _facts(report: ChannelReport) -> tuple[tuple[str, str, str], ...]:
    found = report.statistics
    at = shares(report)
    usual = f"between {at[0.25]} and {at[0.75]} on half of the positions"
    extremes = f"at least {at[0.0]} and at most {at[1.0]}"
    return (
        ("mean size of the share", percent(found.magnitude), ""),
        ("mean share", signed_percent(found.mean_share), "for or against the output"),
        *([("share", usual, extremes)] if found.positions > 1 else []),
        ("active", percent(found.active), "of the positions"),
        ("relevant", percent(found.relevant), "of the positions"),
    )


def _looks(report: ChannelReport, size: int) -> list[tuple[str, Markup, float]]:
    """Draw where the channel looks, with the limit; either sign that matters.

    A name of a place is of that place in all its orientations, and so is the map.
    """
    maps = {"for": report.mean_positive, "against": report.mean_negative}
    known = {side: heat for side, heat in maps.items() if heat is not None}
    total = sum(float(np.abs(heat).sum()) for heat in known.values())
    drawn = []
    for side, heat in known.items():
        if total and np.abs(heat).sum() >= _MINOR * total:
            folded = _folded(heat) if report.name.measure in _PLACES else heat
            title = f"where it speaks {side}"
            drawn.append((title, map_only(size, folded), symmetric_limit(folded)))
    return drawn


def _folded(heat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average a map (n, n) over the eight symmetries of the board."""
    turned = [turn_maps(heat, s) for s in range(SYMMETRIES)]
    return np.asarray(np.mean(turned, axis=0))


def _served(report: ChannelReport, size: int) -> tuple[Markup, float] | None:
    """Draw the share that the channel has of each explained move, and its limit."""
    edge = (8 - size) // 2
    heat = np.zeros((size, size))
    for each in report.moves:
        square = parse_square(each.move, size)
        if square < PASS:
            heat[square // 8 - edge, square % 8 - edge] = each.mean_share
    return (map_only(size, heat), symmetric_limit(heat)) if heat.any() else None


def _square(index: int, size: int) -> str:
    edge = (8 - size) // 2
    return square_name(8 * (index // size + edge) + index % size + edge, size)


def _histograms(report: ChannelReport) -> Iterator[tuple[str, Markup, str]]:
    """Draw the histograms, each with its title and how many zeros are left out."""
    statistics = report.statistics
    for title, found, name in (
        (f"Relevance{report.above} ({report.unit})", statistics.relevance, "relevance"),
        ("Activation (sum over the board)", statistics.activation, "activation"),
    ):
        total = found.zeros + sum(found.counts)
        zeros = percent(found.zeros / total) if total else "–"
        text = f"Zero at {zeros} of the positions, left out here"
        yield title, histogram_svg(found.counts, found.edges, name=name), text


def _phases(report: ChannelReport) -> Iterator[dict[str, Any]]:
    largest = max((each.magnitude or 0.0 for each in report.phases), default=0.0) or 1.0
    for each in report.phases:
        yield {
            "moves": f"{each.first + 1}\N{EN DASH}{each.last + 1}",
            "positions": each.positions,
            "magnitude": np.nan if each.magnitude is None else each.magnitude,
            "width": (each.magnitude or 0.0) / largest,
            "active": np.nan if each.active is None else each.active,
        }


def _effect(report: ChannelReport, size: int) -> dict[str, Any]:
    """Draw what ablation does to moves and to the output, beside its control."""
    found = report.effects
    assert found is not None
    limit = symmetric_limit(found.policy)
    rows = [
        ("this channel", found.size, found.size_low, found.size_high),
        ("control", found.control, found.control_low, found.control_high),
    ]
    return {
        "policy": map_only(size, found.policy),
        "limit": limit,
        "moves": tuple(_moves(found, size)),
        "chart": intervals_svg(rows, unit=report.unit),
        "verdict": beats_words(found),
        "intervals": {
            "fall": effect_interval(found, "fall", signed_amount),
            "size": effect_interval(found, "size"),
            "control": effect_interval(found, "control"),
            "value": effect_interval(found, "value", signed_amount),
        },
    }


def _moves(found: ChannelEffect, size: int) -> Iterator[tuple[str, str]]:
    """Name the squares whose logits the channel raises and lowers most."""
    known = np.nan_to_num(found.policy).ravel()
    order = np.argsort(-known, kind="stable")
    for title, chosen in (("raises", order), ("lowers", order[::-1])):
        sign = 1 if title == "raises" else -1
        named = [
            f"{_square(int(i), size)} {compact(abs(float(known[i])))}"
            for i in chosen[:_MOVES_NAMED]
            if sign * known[i] > 0
        ]
        if named:
            yield title, ", ".join(named)
