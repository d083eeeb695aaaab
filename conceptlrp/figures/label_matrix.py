"""Labels of channels as a matrix of effects, names outlined.

Shapes use C channels and K labels.
"""

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from conceptlrp.errors import check_known
from conceptlrp.figures import style
from conceptlrp.figures.style import axes_at, color_bar
from conceptlrp.labelling import LabelScores

_LEFT: Final = 1.65
_ROW: Final = 0.115
_COLUMN: Final = 0.08
_FOOT: Final = 0.66


@style.styled
def label_matrix_figure(
    scores: LabelScores,
    *,
    measure: str | None = None,
    channels: int | None = None,
    labels: int = 40,
    title: str | None = None,
    width: float = style.TWO_COLUMNS,
) -> Figure:
    """Draw the effect of every channel (columns) for every label (rows)."""
    effects = _effects(scores, measure)
    wide = width - _LEFT - 0.08
    columns = _columns(scores, effects, channels or int(wide / _COLUMN))
    rows = _rows(scores, effects[columns], labels)
    if not (len(columns) and len(rows)):
        msg = "no channel was scored against a label, expected at least one"
        raise ValueError(msg)
    height = 0.26 + len(rows) * _ROW + _FOOT
    figure = style.new_figure(width, height)
    axes = axes_at(figure, _LEFT, _FOOT, wide, len(rows) * _ROW)
    axes.pcolormesh(
        np.ma.masked_invalid(effects[np.ix_(columns, rows)].T),
        cmap=style.RELEVANCE_COLORS,
        norm=style.symmetric_norm(1.0),
        edgecolors="face",
        linewidth=0.2,
    )
    axes.set_ylim(len(rows), 0)
    _frame_labels(axes, scores, columns, rows)
    _name_axes(axes, scores, columns, rows)
    shown = f"Labels of {len(columns)} of {len(effects)} channels"
    style.write_title(figure, shown if title is None else title)
    _draw_legend(figure, "effect" if measure is None else f"effect of {measure}")
    return figure


def _effects(scores: LabelScores, measure: str | None) -> NDArray[np.float64]:
    """Return the effects (C, K) of a measure, or the largest of all."""
    if measure is not None:
        check_known("measure", measure, scores.measures)
        return np.asarray(scores.effect[measure])
    every = np.stack([scores.effect[name] for name in scores.measures])
    largest = np.nan_to_num(np.abs(every), nan=-1).argmax(axis=0)
    return np.asarray(np.take_along_axis(every, largest[None], axis=0)[0])


def _columns(scores: LabelScores, effects: NDArray[np.float64], most: int) -> list[int]:
    """Return the channels that are drawn: named ones by label, then the others."""
    size = np.nan_to_num(np.abs(effects)).max(axis=1, initial=0.0)
    ranks = {name: rank for rank, name in enumerate(scores.labels)}
    names = ([x.label for x in c.labels[: c.named]] for c in scores.channels)
    rank = np.array([ranks[n[0]] if n else len(ranks) for n in names], np.int64)
    strongest = np.lexsort((-size, rank == len(ranks)))[:most]
    order = np.lexsort((-size[strongest], rank[strongest]))
    found: list[int] = strongest[order].tolist()
    return found


def _rows(scores: LabelScores, effects: NDArray[np.float64], most: int) -> list[int]:
    """Return the labels that are drawn, in their order, without untested ones."""
    size = np.nan_to_num(np.abs(effects)).max(axis=0, initial=0.0)
    given = {label.label for channel in scores.channels for label in channel.labels}
    is_rest = np.array([name not in given for name in scores.labels], bool)
    strongest = np.lexsort((-size, is_rest))[:most]
    return sorted(int(k) for k in strongest if size[k] > 0)


def _frame_labels(
    axes: Axes, scores: LabelScores, columns: list[int], rows: list[int]
) -> None:
    places = {scores.labels[label]: row for row, label in enumerate(rows)}
    for column, channel in enumerate(columns):
        found = scores.channels[channel]
        for rank, label in enumerate(found.labels):
            if label.label in places:
                is_name = rank < found.named
                place = (column, places[label.label])
                axes.add_patch(_frame(place, is_name=is_name))


def _frame(
    place: tuple[float, float], side: float = 1.0, *, is_name: bool
) -> Rectangle:
    """Return a frame, which lies above thinner ones."""
    return Rectangle(
        place,
        side,
        side,
        fill=False,
        edgecolor=style.INK,
        linewidth=1.3 if is_name else 0.4,
        zorder=3 if is_name else 2,
        clip_on=False,
    )


def _name_axes(
    axes: Axes, scores: LabelScores, columns: list[int], rows: list[int]
) -> None:
    labels = [
        style.shortened(scores.labels[k], _LEFT - 0.1, style.SMALL, weight="bold")
        for k in rows
    ]
    axes.set_yticks(np.arange(len(labels)) + 0.5, labels)
    for tick, label in zip(axes.get_yticklabels(), rows, strict=True):
        is_name = scores.labels[label] in scores.names
        tick.set_fontweight("bold" if is_name else "normal")
    axes.set_xticks(
        np.arange(len(columns)) + 0.5,
        [str(c) for c in columns],
        rotation=90,
        size=style.TINY,
    )
    axes.tick_params(length=0, pad=2)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("channel", labelpad=2)


def _draw_legend(figure: Figure, what: str) -> None:
    """Draw the scale and what frames mean, below the matrix."""
    width, height = figure.get_size_inches()
    color_bar(
        figure,
        (0.3, 0.22, _LEFT - 0.65),
        style.symmetric_norm(1.0),
        style.RELEVANCE_COLORS,
        {-1: "\N{MINUS SIGN}1", 0: "0", 1: "+1"},
    )
    middle = (0.3 + (_LEFT - 0.65) / 2) / width
    text = style.shortened(what, _LEFT, style.SMALL)
    style.note(figure, middle, 0.36 / height, text, ha="center")
    legend = axes_at(figure, _LEFT, 0.06, width - _LEFT - 0.08, 0.14)
    legend.set(xlim=(0, (width - _LEFT - 0.08) / 0.14), ylim=(0, 1))
    legend.set_axis_off()
    for x, is_name, text in ((0.1, True, "name"), (5.0, False, "another label found")):
        legend.add_patch(_frame((x, 0.1), 0.8, is_name=is_name))
        style.note(legend, x + 1.3, 0.5, text, va="center_baseline")
