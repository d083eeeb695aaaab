"""What the script of the first page searches: all channels, column by column.

A page from disk may not fetch anything, so that the data are a script themselves.
"""

import json
from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.atlas.pages.layer_work import LayerPart
from conceptlrp.files import file_stem
from conceptlrp.report.channel import ChannelLine
from conceptlrp.report.words.numbers import visible

# Longer names and notes are on the page of the channel.
_NAME, _NOTE = 120, 80


def index_script(
    parts: Sequence[LayerPart], places: NDArray[np.integer], *, unit: str
) -> bytes:
    """Write the data of the search and of the map as a classic script.

    Shapes: `places` (C, 2). Returns: an assignment to ``window.ATLAS``, without any
    text that a page could take for markup.
    """
    facts = list(_facts(parts))
    names = sorted({fact.name for _, fact in facts})
    columns = _columns(facts, names)
    columns["x"], columns["y"] = places[:, 0].tolist(), places[:, 1].tolist()
    notes = {
        place: _cut(fact.note, _NOTE)
        for place, (_, fact) in enumerate(facts)
        if fact.note
    }
    content = {
        "layers": [visible(part.layer) for part in parts],
        "stems": [file_stem(part.layer) for part in parts],
        "names": [_cut(name, _NAME) for name in names],
        "labels": any(part.labelled for part in parts),
        "unit": unit,
        "notes": notes,
        "columns": columns,
    }
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    # In a page of one file the script stands between tags.
    text = text.replace("<", "\\u003c")
    return f"window.ATLAS={text};\n".encode("utf-8", "backslashreplace")


def _facts(parts: Sequence[LayerPart]) -> Iterator[tuple[int, ChannelLine]]:
    for number, part in enumerate(parts):
        for fact in part.facts:
            yield number, fact


def _columns(
    facts: Sequence[tuple[int, ChannelLine]], names: Sequence[str]
) -> dict[str, list[Any]]:
    number = {name: place for place, name in enumerate(names)}
    return {
        "layer": [layer for layer, _ in facts],
        "channel": [fact.channel for _, fact in facts],
        "name": [number[fact.name] for _, fact in facts],
        "named": [int(fact.named) for _, fact in facts],
        "score": [_short(fact.score, 2) for _, fact in facts],
        "share": [_short(fact.magnitude) for _, fact in facts],
        "signed": [_short(fact.mean_share) for _, fact in facts],
        "active": [_short(fact.active) for _, fact in facts],
        "relevant": [_short(fact.relevant) for _, fact in facts],
        "phase": [fact.phase for _, fact in facts],
        "effect": [_short(fact.effect) for _, fact in facts],
        "beats": [int(fact.beats_control) for _, fact in facts],
    }


def _short(value: float | None, digits: int = 3) -> float | None:
    if value is None or not isfinite(value):
        return None
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() else short


def _cut(text: str, length: int) -> str:
    shown = visible(" ".join(text.split()))
    return shown if len(shown) <= length else shown[: length - 1] + "…"
