"""Where a channel looks, in words: kinds of squares, places, the strongest ones.

Shapes use n x n squares.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from conceptlrp.labels import LOCATION_CLASSES, location_classes
from conceptlrp.report.mean_maps import MAPS_OF, crop
from conceptlrp.report.words.numbers import percent

if TYPE_CHECKING:
    from conceptlrp.report.channel import ChannelReport

_PLACES = {"corner": "corners", "center": "the four squares in the centre"}
# How much more than if spread evenly, and how much of the whole, is worth a word.
_CONCENTRATED, _SUBSTANTIAL = 1.5, 0.05
_PLACES_NAMED, _SQUARES_NAMED = 3, 4


def location_lines(report: "ChannelReport") -> Iterator[str]:
    """Say where the relevance of a channel lies, if there are heatmaps."""
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
        f"In the heatmaps of {MAPS_OF[report.maps_of]}, {part['own']} of its "
        f"relevance lies on own discs ({even['own']} of the squares), "
        f"{part['opponent']} on opponent discs ({even['opponent']}) and "
        f"{part['empty']} on empty squares ({even['empty']}); legal moves hold "
        f"{part['legal']} ({even['legal']})."
    )
    share = magnitude / total
    yield f"{_densest(share)} Strongest squares: {_squares(share)}."
    places = _places(share)
    if places:
        yield f"Kinds of squares with more than their share: {places}."


def _densest(share: NDArray[np.float64]) -> str:
    """Say how much the 3 x 3 squares have that have most."""
    inner = len(share) - 2
    windows = np.lib.stride_tricks.sliding_window_view(share, (3, 3)).sum(axis=(2, 3))
    row, column = divmod(int(windows.argmax()), inner)
    most, even = float(windows[row, column]), 9 / share.size
    if most < _CONCENTRATED * even:
        return "It is spread over the board."
    square = f"{'abcdefgh'[column + 1]}{row + 2}"
    return (
        f"The nine squares around {square} have {percent(most)} of it "
        f"({percent(even)} of the squares)."
    )


def _places(share: NDArray[np.float64]) -> str:
    """Name the location classes that have more than their share of a map."""
    size = len(share)
    classes = crop(location_classes(size).reshape(8, 8), size)
    found = []
    for number, name in enumerate(LOCATION_CLASSES):
        inside = classes == number
        part, even = float(share[inside].sum()), float(inside.mean())
        if part >= _SUBSTANTIAL and part >= _CONCENTRATED * even:
            place = _PLACES.get(name, f"{name}-squares")
            found.append((part / even, f"{place} {percent(part)} ({percent(even)})"))
    return ", ".join(t for _, t in sorted(found, reverse=True)[:_PLACES_NAMED])


def _squares(share: NDArray[np.float64]) -> str:
    size = len(share)
    order = np.argsort(-share, axis=None, kind="stable")[:_SQUARES_NAMED].tolist()
    return ", ".join(
        f"{'abcdefgh'[i % size]}{i // size + 1} {percent(float(share.flat[i]))}"
        for i in order
    )
