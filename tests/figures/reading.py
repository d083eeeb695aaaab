"""What a figure has on it, read back."""

from collections.abc import Iterator
from functools import cache
from typing import Any
from xml.etree import ElementTree as ET

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from conceptlrp.figures.style import figure_bytes

SVG = "{http://www.w3.org/2000/svg}"


def texts(figure: Figure) -> list[str]:
    """Return everything that is written and can be seen."""
    figure.draw_without_rendering()
    return [t.get_text() for t in visible_texts(figure) if t.get_text().strip()]


def visible_texts(figure: Figure) -> Iterator[Text]:
    hidden = set(labels_out_of_view(figure))
    for text in figure.findobj(Text):
        is_drawn = text.get_visible() and text not in hidden
        if is_drawn and text.get_text().strip():
            yield text


def labels_out_of_view(figure: Figure) -> Iterator[Text]:
    """Yield the labels of axes that are off, and those beyond the ends of axes."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if not axes.axison:
                yield from axis.findobj(Text)
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                if not low <= tick.get_loc() <= high:
                    yield from (tick.label1, tick.label2)


@cache
def drawn(figure: Figure) -> Any:
    """Draw a figure and return what knows how large letters are."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.get_renderer()


def clipped(figure: Figure) -> list[str]:
    """Return what is written beyond the edges of the figure."""
    renderer = drawn(figure)
    page = figure.bbox
    found = []
    for text in visible_texts(figure):
        box = text.get_window_extent(renderer)
        slack = 1.0
        if (
            box.x0 < page.x0 - slack
            or box.x1 > page.x1 + slack
            or box.y0 < page.y0 - slack
            or box.y1 > page.y1 + slack
        ):
            found.append(text.get_text())
    return found


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    """Return pairs of texts of which one is written over the other."""
    renderer = drawn(figure)
    boxes = [
        (t.get_text(), t.get_window_extent(renderer).padded(-1.0))
        for t in visible_texts(figure)
        # The box of text on a slant says nothing about where its letters are.
        if t.get_rotation() % 90 == 0
    ]
    return [
        (one, other)
        for place, (one, box) in enumerate(boxes)
        for other, second in boxes[place + 1 :]
        if box.overlaps(second)
    ]


def svg_of(figure: Figure) -> ET.Element:
    return ET.fromstring(figure_bytes(figure, ".svg"))
