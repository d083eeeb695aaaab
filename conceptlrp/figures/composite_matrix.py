"""Sanity of composites: gates, and how much heatmaps depend on the network.

Shapes use L layers.
"""

from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator
from numpy.typing import NDArray

from conceptlrp.evaluation import CompositeEvaluation
from conceptlrp.evaluation.result import (
    CHANNEL_LIMIT,
    FAILED,
    MARKS,
    PASSED,
    RANDOM_LOGIT_LIMIT,
    UNDECIDED,
)
from conceptlrp.figures import style
from conceptlrp.figures.deletion_curves import Record, evaluation_of, found, number
from conceptlrp.store import open_store
from conceptlrp.store.reader import AnyStore

#: Layers beyond which cells are too narrow for their numbers.
_NUMBERED: Final = 12
#: Gates in few words, in the order in which they are judged.
_GATES: Final = ("two moves", "two channels", "discs", "ablation", "flip lines")
_MARK_COLORS: Final = {
    PASSED: style.AGAINST,
    FAILED: style.FOR,
    UNDECIDED: style.QUIET,
}
_CASCADES: Final = {
    "top-down": "Random weights, top down",
    "bottom-up": "Random weights, bottom up",
}


def sanity(store: AnyStore, *, width: float = style.TWO_COLUMNS) -> Figure:
    """Draw which gates composites pass, and how much their heatmaps say.

    Parameters
    ----------
    store : Store or path
        Relevance of a corpus, whose composites were evaluated.
    width : float
        Inches.

    Returns
    -------
    Figure
        A row for each composite. Bars are 95 % intervals over games, dashed lines
        the limits of the gates, small marks single layers; the matrices have what
        is left of the heatmaps' rank correlation, beyond chance, as layers lose
        their weights.
    """
    store = open_store(store)
    return sanity_figure(evaluation_of(store), width=width)


@style.styled
def sanity_figure(
    evaluation: CompositeEvaluation, *, width: float = style.TWO_COLUMNS
) -> Figure:
    """Draw `sanity` of an evaluation."""
    record = evaluation.to_dict()
    rows = len(record["composites"])
    panels = ["gates", "moves", "channels", "empty"]
    cascades = [name for name in _CASCADES for _ in range(2)]
    layout: Any = [panels, cascades]
    if width <= 5:
        layout = [[name] for name in (*panels, *_CASCADES)]
    height = len(layout) * (0.13 * rows + 0.75) + 0.05
    figure = style.new_figure(width, height, layout="constrained")
    axes = figure.subplot_mosaic(layout)
    _draw_gates(axes["gates"], record)
    moves = ("|cosine| of heatmaps", RANDOM_LOGIT_LIMIT)
    _draw_metric(axes["moves"], "Two moves", record, "random_logit_cosine", *moves)
    _draw_channels(axes["channels"], record)
    empty = ("share of |relevance|", None)
    _draw_metric(axes["empty"], "Empty squares", record, "empty_square_share", *empty)
    for name, title in _CASCADES.items():
        _draw_cascade(axes[name], record, name, title)
    for name in (*panels, *_CASCADES):
        is_left = any(line[0] == name for line in layout)
        _name_rows(axes[name], record, shown=is_left)
    style.settle(figure)
    return figure


def _name_rows(axes: Axes, record: Record, *, shown: bool) -> None:
    """Name composites from the top down, the recommended one in bold."""
    names = record["composites"]
    best = record["recommendation"]["composite"]
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.yaxis.set_major_locator(FixedLocator(range(len(names))))
    axes.tick_params(axis="y", length=0)
    if not shown:
        axes.set_yticklabels([])
        return
    labels = axes.set_yticklabels(
        [style.shortened(name, 1.5, style.SMALL, weight="bold") for name in names]
    )
    for name, label in zip(names, labels, strict=True):
        label.set_fontweight("bold" if name == best else "normal")


def _draw_gates(axes: Axes, record: Record) -> None:
    axes.set_title("Gates")
    for row, name in enumerate(record["composites"]):
        for column, gate in enumerate(record["gates"][name]):
            state = gate["state"]
            axes.text(
                column,
                row,
                MARKS[state],
                size=style.SMALL,
                ha="center",
                va="center",
                color=_MARK_COLORS[state],
                weight="bold" if state == FAILED else "normal",
            )
    columns = len(next(iter(record["gates"].values()), ()))
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_xticks(range(columns), _GATES[:columns], rotation=45, ha="right")
    axes.tick_params(axis="x", length=0, pad=1)
    axes.spines[["left", "bottom"]].set_visible(False)


def _draw_metric(
    axes: Axes,
    title: str,
    record: Record,
    metric: str,
    label: str,
    limit: float | None,
) -> None:
    axes.set_title(title)
    for row, name in enumerate(record["composites"]):
        for each in _measured(record, name, metric):
            _draw_interval(axes, row, each)
    _finish(axes, label, limit)


def _draw_channels(axes: Axes, record: Record) -> None:
    axes.set_title("Two channels")
    for row, name in enumerate(record["composites"]):
        layers = _measured(record, name, "channel_cosine")
        means = [number(each["mean"]) for each in layers]
        axes.plot(means, [row] * len(means), "|", color=style.QUIET, markersize=4)
        if layers:
            # The gate asks the layer that is worst.
            worst = int(np.nanargmax(means)) if np.isfinite(means).any() else 0
            _draw_interval(axes, row, layers[worst])
    _finish(axes, "|cosine| of heatmaps", CHANNEL_LIMIT)


def _measured(record: Record, composite: str, metric: str) -> list[Record]:
    return found(record["measurements"], method=composite, metric=metric)


def _draw_interval(axes: Axes, row: int, each: Record) -> None:
    low, mean, high = (number(each[end]) for end in ("low", "mean", "high"))
    axes.plot(
        [low, high], [row, row], color=style.INK, linewidth=1, solid_capstyle="butt"
    )
    axes.plot([mean], [row], "o", color=style.INK, markersize=3)


def _finish(axes: Axes, label: str, limit: float | None) -> None:
    axes.set_xlabel(label)
    axes.set_xlim(-0.03, 1.03)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.grid(axis="y", color=style.FAINT, linewidth=0.4)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    if limit is not None:
        axes.axvline(limit, color=style.FOR, linewidth=0.9, linestyle=(0, (3, 2)))


def _draw_cascade(axes: Axes, record: Record, cascade: str, title: str) -> None:
    axes.set_title(title)
    names = record["composites"]
    cascades = [record["details"][name]["cascades"] for name in names]
    tables = [next(iter(found(each, cascade=cascade)), None) for each in cascades]
    layers: list[str] = next((table["layers"] for table in tables if table), [])
    untold = [{"mean": None}] * len(layers)
    values = np.array(
        [
            [number(each["mean"]) for each in (table["excess"] if table else untold)]
            for table in tables
        ]
    )
    axes.imshow(
        values.reshape(len(names), len(layers)),
        cmap=style.SIZE_COLORS,
        vmin=0,
        vmax=1,
        aspect="auto",
        interpolation="none",
    )
    if len(layers) <= _NUMBERED:
        _write_numbers(axes, values)
    labels = [style.shortened(name, 0.6, style.SMALL) for name in layers]
    turned = 90 if max(map(len, labels), default=0) > _NUMBERED - len(labels) else 0
    axes.set_xticks(range(len(layers)), labels, rotation=turned)
    axes.set_xlabel("|ρ| beyond chance as layers follow")
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)


def _write_numbers(axes: Axes, values: NDArray[np.float64]) -> None:
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            axes.text(
                column,
                row,
                # Without a negative zero.
                f"{round(value, 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}"),
                size=style.TINY,
                ha="center",
                va="center_baseline",
                color="white" if value > 0.6 else style.INK,
            )
