"""The first page: the network, its layers, and all channels on a map.

From here lead the pages about the whole atlas: evaluation, concept graph, positions,
other stores.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from conceptlrp.atlas.pages.compare_page import compare_page, write_compare_page
from conceptlrp.atlas.pages.evaluation_page import (
    EVALUATION_PAGE,
    write_evaluation_page,
)
from conceptlrp.atlas.pages.graph_page import GRAPH_PAGE, write_graph_page
from conceptlrp.atlas.pages.layer_pages import LayerPart
from conceptlrp.atlas.pictures.tiles import LETTERS, Tile, digits
from conceptlrp.atlas.site import Site
from conceptlrp.errors import FileFormatError
from conceptlrp.files import file_stem
from conceptlrp.labelling.evidence import LEVELS
from conceptlrp.progress import OnProgress
from conceptlrp.report.channel import ChannelLine
from conceptlrp.report.channel_places import places_of_columns
from conceptlrp.report.words.numbers import plural, visible
from conceptlrp.store import Store

if TYPE_CHECKING:
    from conceptlrp.lrp import Explainer

#: Scripts of the pages, in the order in which an atlas of one file has them.
SCRIPTS: Final = ("board.js", "atlas.js", "home.js", "circuit.js", "game.js")
# Longer names and notes are on the page of the channel.
_NAME, _NOTE = 120, 80


def write_home_page(
    site: Site,
    parts: Sequence[LayerPart],
    explainer: "Explainer | None",
    others: Sequence[Store],
    on_progress: OnProgress | None = None,
) -> None:
    """Write the first page, what it loads, and the pages about the whole atlas."""
    places = places_of_columns(np.concatenate([each.columns for each in parts], axis=1))
    site.write_bytes("index.js", index_script(parts, places, site=site))
    for name in ("style.css", *SCRIPTS):
        site.write_bytes(name, files("conceptlrp.atlas").joinpath(name).read_bytes())
    verdict = site.results.verdict
    site.write(
        "index.html",
        "index.html",
        parts=parts,
        on_map=int((places[:, 0] >= 0).sum()),
        example=next(_examples(parts), None),
        warnings=None if verdict is None else verdict.warnings,
        levels=_level_counts(parts),
        mean_output=float(site.store.arrays.explained(target=site.target).mean()),
        pages=list(_whole_pages(site, explainer, others, on_progress)),
    )


def _examples(
    parts: Sequence[LayerPart],
) -> Iterator[tuple[str, ChannelLine, Tile]]:
    """Find the strongest channels with a heatmap, of the last layer first."""
    for part in reversed(parts):
        for fact, tile in zip(part.facts, part.tiles, strict=True):
            if fact.rank == 1 and tile.limit:
                yield part.layer, fact, tile


def _level_counts(parts: Sequence[LayerPart]) -> list[tuple[str, int]]:
    """Count the channels whose names reach each level of evidence."""
    badges = [fact.badge.split(", ") for part in parts for fact in part.facts]
    return [
        # "74 describe": the verb of several names.
        (level.removesuffix("s"), sum(level in each for each in badges))
        for level in LEVELS
    ]


def _whole_pages(
    site: Site,
    explainer: "Explainer | None",
    others: Sequence[Store],
    on_progress: OnProgress | None,
) -> Iterator[tuple[str, str]]:
    """Write what an atlas has beside its layers; yield each address with its name."""
    write_evaluation_page(site, site.results.evaluation, site.results.truth)
    yield EVALUATION_PAGE, "How far to believe it"
    if site.results.graph is not None:
        write_graph_page(site, site.results.graph)
        yield GRAPH_PAGE, "Concept graph"
    if explainer is not None:
        from conceptlrp.atlas.pages.game_pages import write_game_pages
        from conceptlrp.atlas.pages.position_pages import write_position_pages

        if site.chosen_games:
            write_game_pages(site, explainer, on_progress)
            yield (
                "games/index.html",
                f"{plural(len(site.chosen_games), 'game')} move by move",
            )
        write_position_pages(site, explainer, site.chosen, on_progress)
        yield "positions/index.html", f"{plural(len(site.chosen), 'position')} in full"
    for number, other in enumerate(others):
        compared = write_compare_page(site, other, number)
        yield compare_page(number), f"Beside {compared.names[1]}"


def strength_rows(
    card: Mapping[str, Any] | None, store: Store
) -> tuple[tuple[str, str, str], ...]:
    """Say what a strength card measured, the result, and of how much; empty without."""
    if card is None:
        return ()
    found = str(card["about"].get("network", ""))
    expected = str(store.manifest.network.get("digest", ""))
    if found != expected:
        msg = (
            f"the strength card is of network {found[:8]}, the store of "
            f"{expected[:8]}; make one with 'conceptlrp strength'"
        )
        raise FileFormatError(msg)
    return tuple((name, *_strength(row)) for name, row in card["rows"].items())


def _strength(row: Mapping[str, Any]) -> tuple[str, str]:
    if "interval" in row:
        low, high = row["interval"]
        games = row["wins"] + row["draws"] + row["losses"]
        note = f"95 % interval {low:.0%} to {high:.0%}, {games} games"
        return f"{row['score']:.1%} of the points", note
    if "disc_loss" in row:
        note = (
            f"{row['disc_loss']:.1f} discs lost per move, {row['positions']} positions"
        )
        return f"{row['best_moves']:.0%} best moves", note
    note = f"{row['top3']:.1%} among the best three, {row['positions']:,} positions"
    return f"{row['top1']:.1%} of the moves", note


def index_script(
    parts: Sequence[LayerPart], places: NDArray[np.integer], *, site: Site
) -> bytes:
    """Write search and map data, `places` (C, 2), as a script: pages may not fetch."""
    found = [
        pair for part in parts for pair in zip(part.facts, part.tiles, strict=True)
    ]
    # Names first, then the words of channels that have none.
    names = sorted({_words(fact, tile) for fact, tile in found})
    topics = sorted({tile.topic for _, tile in found})
    columns = _columns(found, names, topics)
    known = {name: each for name, each in columns.items() if set(each) != {None}}
    content = {
        "title": _cut(site.title, _NAME),
        "target": site.target,
        "layers": [visible(part.layer) for part in parts],
        "stems": [file_stem(part.layer) for part in parts],
        "sizes": [len(part.facts) for part in parts],
        "names": [_cut(name, _NAME) for _, name in names],
        "named": sum(not unnamed for unnamed, _ in names),
        "topics": [_cut(topic, _NAME) for topic in topics],
        "labels": any(part.labelled for part in parts),
        "levels": list(LEVELS),
        "unit": site.unit,
        "size": site.store.manifest.board_size,
        "notes": {n: _cut(f.note, _NOTE) for n, (f, _) in enumerate(found) if f.note},
        "letters": LETTERS,
        "boards": "".join(tile.packed for _, tile in found),
        # No place, -1, is the last of all.
        "places": digits(places.ravel() % 81**2, 81**2, 1, 2),
        "columns": known,
    }
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    # In a page of one file the script stands between tags.
    text = text.replace("<", "\\u003c")
    return f"window.ATLAS={text};\n".encode("utf-8", "backslashreplace")


def _words(fact: ChannelLine, tile: Tile) -> tuple[bool, str]:
    return not fact.named, tile.words if fact.named else tile.short


def _columns(
    found: Sequence[tuple[ChannelLine, Tile]],
    names: Sequence[tuple[bool, str]],
    topics: Sequence[str],
) -> dict[str, list[Any]]:
    """Write numbers by channel; parts are in percent, as they are read."""
    name = {each: place for place, each in enumerate(names)}
    topic = {each: place for place, each in enumerate(topics)}
    facts = [fact for fact, _ in found]
    return {
        "name": [name[_words(fact, tile)] for fact, tile in found],
        "topic": [topic[tile.topic] for _, tile in found],
        "badge": [
            sum(1 << n for n, level in enumerate(LEVELS) if level in fact.badge)
            for fact in facts
        ],
        "score": [_short(fact.score, 2) for fact in facts],
        "share": [_short(100 * fact.magnitude) for fact in facts],
        "signed": [_short(100 * fact.mean_share) for fact in facts],
        "active": [_short(100 * fact.active, 2) for fact in facts],
        "relevant": [_short(100 * fact.relevant, 2) for fact in facts],
        "phase": [fact.phase for fact in facts],
        "effect": [_short(fact.effect) for fact in facts],
        "beats": [n for n, fact in enumerate(facts) if fact.beats_control],
        "limit": [_short(tile.limit, 2) for _, tile in found],
    }


def _short(value: float | None, digits: int = 3) -> float | None:
    if value is None or not isfinite(value):
        return None
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() else short


def _cut(text: str, length: int) -> str:
    shown = visible(" ".join(text.split()))
    return shown if len(shown) <= length else shown[: length - 1] + "…"
