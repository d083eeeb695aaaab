"""Where a channel looks, in words: kinds of squares, places, the strongest ones.

Shapes use n x n squares.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from conceptlrp.labels import LOCATION_CLASSES, location_classes
from conceptlrp.report.channel_report import ChannelReport
from conceptlrp.report.mean_maps import crop
from conceptlrp.report.wording import percent

__all__ = ["location_lines"]

_OF = {"positions": "of all positions", "references": "of its most relevant boards"}
_PLACES = {"corner": "corners", "center": "the four squares in the centre"}
# How much more than if spread evenly, and how much of the whole, is worth a word.
_CONCENTRATED, _SUBSTANTIAL = 1.5, 0.05
_PLACES_NAMED, _SQUARES_NAMED = 3, 4


def location_lines(report: ChannelReport) -> Iterator[str]:
    """Say where the relevance of a channel lies, if there are heatmaps.

    Parameters
    ----------
    report : ChannelReport
        What is known of the channel.

    Yields
    ------
    str
        A sentence or two.
    """
    maps = report.mean_positive, report.mean_negative
    if maps[0] is None or maps[1] is None or report.regions is None:
        return
    magnitude = maps[0] - maps[1]
    total = float(magnitude.sum())
    if total == 0:
        return
    part = {name: percent(each.relevance) for name, each in report.regions.items()}
    even = {name: percent(each.squares) for name, each in report.regions.items()}
    yield (
        f"In the heatmaps {_OF[report.maps_of]}, {part['own']} of its relevance lies "
        f"on own discs ({even['own']} of the squares), {part['opponent']} on opponent "
        f"discs ({even['opponent']}) and {part['empty']} on empty squares "
        f"({even['empty']}), legal moves having {part['legal']} ({even['legal']})."
    )
    yield f"{_places(magnitude / total)} Strongest squares: {_squares(magnitude)}."


def _places(share: NDArray[np.float64]) -> str:
    """Name the location classes that have more than their part of a map."""
    size = len(share)
    classes = crop(location_classes(size).reshape(8, 8), size)
    found = []
    for number, name in enumerate(LOCATION_CLASSES):
        inside = classes == number
        part, even = float(share[inside].sum()), float(inside.mean())
        if part >= _SUBSTANTIAL and part >= _CONCENTRATED * even:
            place = _PLACES.get(name, f"{name}-squares")
            found.append((part / even, f"{place} {percent(part)} ({percent(even)})"))
    if not found:
        return "No kind of place stands out."
    named = [text for _, text in sorted(found, reverse=True)[:_PLACES_NAMED]]
    return f"Places that stand out: {', '.join(named)}."


def _squares(magnitude: NDArray[np.float64]) -> str:
    size, share = len(magnitude), magnitude / magnitude.sum()
    order = np.argsort(-share, axis=None, kind="stable")[:_SQUARES_NAMED].tolist()
    return ", ".join(
        f"{'abcdefgh'[i % size]}{i // size + 1} {percent(float(share.flat[i]))}"
        for i in order
    )
