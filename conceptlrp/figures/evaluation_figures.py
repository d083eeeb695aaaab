"""Figures of an evaluation: deletion curves, and the sanity of composites.

Shapes use K steps and L layers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator
from numpy.typing import NDArray

from conceptlrp.errors import StoreError, check_known
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
from conceptlrp.figures.style import write
from conceptlrp.lrp import Target, Value
from conceptlrp.statistics.intervals import FEW_GAMES, LEAST_GAMES
from conceptlrp.store import Store, open_store
from conceptlrp.store.reader import AnyStore

#: What `CompositeEvaluation.to_dict` returns.
Record = Mapping[str, Any]

_PERTURBATIONS: Final = {
    "empty": "Discs removed",
    "flip": "Discs turned over",
    "swap": "Discs of another board",
}
_ABLATIONS: Final = {
    "zero": "set to zero",
    "mean": "set to their mean",
    "resample": "of another board",
}
_RELEVANCE: Final = "relevance"
#: Orders that agreement is shown of without a baseline too.
_PLAIN: Final = (_RELEVANCE, "random")
_ENDS: Final = ("mean", "low", "high")
#: Orders by how they are drawn: told apart by line and mark without colour too.
_ORDERS: Final[dict[str, dict[str, Any]]] = {
    _RELEVANCE: {"color": style.FOR, "marker": "o", "linewidth": 1.6},
    "occlusion": {"color": style.INK, "linestyle": (0, (1, 1.2))},
    "center": {"color": "#56b4e9", "marker": "x", "linestyle": (0, (4, 1.5))},
    "activation": {"color": "#0072b2", "marker": "s", "linestyle": (0, (5, 1))},
    "gradient x activation": {
        "color": "#009e73",
        # Open and large, as it equals relevance where rules are linear.
        "marker": "^",
        "markersize": 4.5,
        "fillstyle": "none",
        "linestyle": (0, (4, 1, 1, 1)),
    },
    "random": {"color": "#808080", "linestyle": (0, (3, 2))},
}


#: Layers beyond which cells are too narrow for their numbers.
_NUMBERED: Final = 12
_CENTERED: Final[dict[str, Any]] = {"ha": "center", "va": "center"}
#: Gates in few words, in the order in which they are judged.
_GATES: Final = ("two moves", "two channels", "discs", "ablation", "flip lines")
_MARK_COLORS: Final = {PASSED: style.AGAINST, FAILED: style.FOR, UNDECIDED: style.QUIET}
_CASCADES: Final = {
    "top-down": "Random weights, top down",
    "bottom-up": "Random weights, bottom up",
}


def faithfulness(
    store: AnyStore,
    *,
    composite: str | None = None,
    target: str = "best",
    ablation: str = "mean",
    width: float = style.TWO_COLUMNS,
) -> Figure:
    """Draw how the output falls as discs and channels are taken away.

    Parameters
    ----------
    store, composite : Store or path, str
        A store whose composites were evaluated, and whose relevance is drawn; by
        default the store's own.
    target, ablation, width : str, str, float
        The output that is followed, "best" or "value", what becomes of channels,
        "zero", "mean" or "resample", and inches.

    Returns
    -------
    Figure
        A panel for each way of taking discs away and for each layer, and the rank
        correlation over channels of scores with what ablating each channel does,
        layer by layer: relevance above what takes the channel's place, thin the plain
        one. Bands and bars are 95 % intervals over games; the bar at the foot of a
        panel stands where those of relevance and of a random order are apart.
    """
    store = open_store(store)
    return faithfulness_figure(
        evaluation_of(store),
        composite=composite or str(store.manifest.composite.get("name", "")),
        target=target,
        ablation=ablation,
        width=width,
    )


@style.styled
def faithfulness_figure(
    evaluation: CompositeEvaluation,
    *,
    composite: str | None = None,
    target: str = "best",
    ablation: str = "mean",
    width: float = style.TWO_COLUMNS,
) -> Figure:
    """Draw deletion curves of discs and of channels, most relevant first."""
    record = evaluation.to_dict()
    composite = chosen_composite(record, composite)
    panels = _square_panels(record, composite, target)
    channels = _channel_panels(record, composite, target, ablation)
    known = _agreements(record, composite, target, ablation)
    columns = 4 if width > 5 else 2
    cells: list[_Panel | None] = [*panels, None, *channels, *[None] * bool(known)]
    rows = -(-len(cells) // columns)
    figure = style.new_figure(width, 1.55 * rows + 0.1, layout="constrained")
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, panel in zip(grid, [*cells, *[None] * columns], strict=False):
        if panel is None:
            axes.set_axis_off()
        else:
            _draw(axes, panel)
    few = evaluation.games < LEAST_GAMES
    _draw_legend(grid[len(panels)], composite, [*panels, *channels], few=few)
    is_value = Target.parse(target) == Value()
    for place in range(0, len(grid), columns):
        grid[place].set_ylabel("fall of the value" if is_value else "fall of the logit")
    if known:
        _draw_agreement(grid[len(cells) - 1], known)
    style.settle(figure)
    return figure


@dataclass(frozen=True)
class _Panel:
    """Curves on the same axes: their steps by order, and what the steps take away."""

    title: str
    label: str
    curves: dict[str, list[Record]]


def _square_panels(record: Record, composite: str, target: str) -> list[_Panel]:
    known = found(record["curves"], metric="square_gain", target=target)
    if not known:
        msg = f"target '{target}' was not evaluated, expected 'best' or 'value'"
        raise ValueError(msg)
    return [
        _Panel(title, "discs", _by_order(known, composite, part))
        for part, title in _PERTURBATIONS.items()
    ]


def _channel_panels(
    record: Record, composite: str, target: str, ablation: str
) -> list[_Panel]:
    check_known("ablation", ablation, _ABLATIONS)
    curves = found(record["curves"], metric="channel_gain", target=target)
    ending = f" {ablation}"
    parts = dict.fromkeys(c["part"] for c in curves if c["part"].endswith(ending))
    return [
        _Panel(
            style.clean(part.removesuffix(ending))[:20],
            f"channels {_ABLATIONS[ablation]}",
            _by_order(curves, composite, part),
        )
        for part in parts
    ]


def _agreements(
    record: Record, composite: str, target: str, ablation: str
) -> dict[tuple[str, bool], dict[str, Record]]:
    """Return measurements by order and whether it is plain, and by layer."""
    measured = found(record["measurements"], metric="channel_agreement", target=target)
    names = {composite if n == _RELEVANCE else n: n for n in _ORDERS}
    known: dict[tuple[str, bool], dict[str, Record]] = {}
    for each in measured:
        layer, _, way = each["part"].rpartition(" ")
        matching = {"mean": "mean", "resample": "donor"}.get(ablation)
        if way == ablation and each["method"] in names:
            order, is_plain = names[each["method"]], each["baseline"] == "zero"
            if each["baseline"] == matching or (is_plain and order in _PLAIN):
                known.setdefault((order, is_plain), {})[layer] = each
    return known


def _draw_agreement(
    axes: Axes, known: dict[tuple[str, bool], dict[str, Record]]
) -> None:
    """Draw a line over layers for each order, the plain one thin."""
    axes.set_axis_on()
    axes.set_title("Agreement with ablation")
    axes.set_ylabel("rank correlation")
    layers = list(dict.fromkeys(x for each in known.values() for x in each))
    for (order, is_plain), by_layer in known.items():
        ends = [[number(e[end]) for e in by_layer.values()] for end in _ENDS]
        mean, low, high = np.array(ends)
        look = {"markersize": 2.5} | _ORDERS[order]
        look |= {"linewidth": 0.7} if is_plain and order == _RELEVANCE else {}
        places = [layers.index(layer) for layer in by_layer]
        bars = [mean - low, high - mean]
        axes.errorbar(places, mean, bars, elinewidth=0.8, **look)
    names = [style.shortened(name, 0.6, style.SMALL) for name in layers]
    axes.set_xticks(range(len(layers)), names, rotation=90 if len(layers) > 4 else 0)
    axes.axhline(0, color=style.QUIET, linewidth=0.5, zorder=0)
    axes.set_ylim(top=1)


def _by_order(
    curves: list[Record], composite: str, part: str
) -> dict[str, list[Record]]:
    """Return the curves of one panel, those drawn last being the last."""
    steps = {c["method"]: c["steps"] for c in found(curves, part=part)}
    orders = {name: composite if name == _RELEVANCE else name for name in _ORDERS}
    return {n: steps[o] for n, o in reversed(orders.items()) if o in steps}


def _draw(axes: Axes, panel: _Panel) -> None:
    axes.set_title(panel.title)
    axes.set_xlabel(panel.label)
    for order, steps in panel.curves.items():
        gone = [0, *(step["gone"] for step in steps)]
        mean, low, high = (_column(steps, end) for end in ("mean", "low", "high"))
        look = _ORDERS[order]
        axes.fill_between(gone, low, high, color=look["color"], alpha=0.16, lw=0)
        axes.plot(gone, mean, label=order, **({"markersize": 2.2} | look))
    apart = _apart(panel.curves)
    axes.axhline(0, color=style.QUIET, linewidth=0.5, zorder=0)
    axes.margins(x=0.02, y=0.06)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 4, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    for step in apart:
        axes.axvspan(*step, 0, 0.03, color=style.FOR, lw=0)


def _column(steps: list[Record], end: str) -> NDArray[np.float64]:
    """Return the fall after each step; nothing has fallen before the first."""
    return np.array([0.0, *(number(step[f"fall_{end}"]) for step in steps)])


def _apart(curves: dict[str, list[Record]]) -> list[tuple[float, float]]:
    """Return spans of steps where relevance is above random by whole intervals."""
    if not {_RELEVANCE, "random"} <= set(curves):
        return []
    gone = np.array([step["gone"] for step in curves[_RELEVANCE]], float)
    mine = _column(curves[_RELEVANCE], "low")[1:]
    rival = _column(curves["random"], "high")[1:]
    middles = (gone[1:] + gone[:-1]) / 2
    starts = np.array([2 * gone[0] - middles[0], *middles]) if len(gone) > 1 else gone
    ends = np.array([*middles, gone[-1]]) if len(gone) > 1 else gone
    above = mine > rival
    return list(zip(starts[above].tolist(), ends[above].tolist(), strict=True))


def _draw_legend(
    axes: Axes, composite: str, panels: list[_Panel], *, few: bool
) -> None:
    used = {order for panel in panels for order in panel.curves}
    lines = [
        Line2D([], [], label=_name(order, composite), **({"markersize": 2.5} | look))
        for order, look in _ORDERS.items()
        if order in used
    ]
    bar = Line2D([], [], color=style.FOR, linewidth=3, label="relevance above chance,")
    rest = Line2D([], [], alpha=0, label="95 % intervals apart")
    none = Line2D([], [], alpha=0, label=f"{FEW_GAMES}: no intervals")
    axes.legend(
        handles=[*lines, *([none] if few else [bar, rest])],
        loc="center left",
        bbox_to_anchor=(-0.1, 0.5),
        fontsize=style.SMALL,
        handlelength=2.6,
        title="taken away first by",
        title_fontsize=style.SMALL,
        alignment="left",
    )


def _name(order: str, composite: str) -> str:
    names = {
        _RELEVANCE: f"relevance ({composite})",
        "center": "nearness to the centre",
        "gradient x activation": "gradient × activation",
        "random": "chance",
    }
    return style.clean(names.get(order, order))[:40]


def chosen_composite(record: Record, composite: str | None) -> str:
    """Return a composite's name, by default the recommended or most faithful one."""
    if composite is None:
        return str(record["recommendation"]["first"])
    check_known("composite", composite, record["composites"])
    return composite


def found(values: list[Record], **asked: str) -> list[Record]:
    """Return the records whose fields are as asked for, in their order."""
    return [v for v in values if all(v[key] == each for key, each in asked.items())]


def number(value: float | None) -> float:
    """Return a number of a record, nan for None."""
    return float("nan") if value is None else float(value)


def evaluation_of(store: Store) -> CompositeEvaluation:
    """Return the evaluation that a store keeps."""
    found = store.results.get(CompositeEvaluation)
    if found is None:
        msg = f"{store.path}: has no evaluation; run 'conceptlrp evaluate'"
        raise StoreError(msg)
    return found


def sanity(store: AnyStore, *, width: float = style.TWO_COLUMNS) -> Figure:
    """Draw which gates composites pass, and how much their heatmaps say.

    Parameters
    ----------
    store, width : Store or path, float
        A store whose composites were evaluated, and inches.

    Returns
    -------
    Figure
        A row for each composite. Bars are 95 % intervals over games, dashed lines
        the limits of the gates, small marks single layers; the matrices have what
        is left of the heatmaps' rank correlation, beyond chance, as layers lose
        their weights.
    """
    return sanity_figure(evaluation_of(open_store(store)), width=width)


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
    _draw_metric(axes["moves"], "Two moves", record, "random_logit_cosine")
    _finish(axes["moves"], "|cosine| of heatmaps", RANDOM_LOGIT_LIMIT)
    _draw_channels(axes["channels"], record)
    _draw_metric(axes["empty"], "Empty squares", record, "empty_square_share")
    _finish(axes["empty"], "share of |relevance|", None)
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
            weight = "bold" if state == FAILED else "normal"
            look = {"color": _MARK_COLORS[state], "weight": weight}
            style.note(axes, column, row, MARKS[state], **_CENTERED, **look)
    columns = len(next(iter(record["gates"].values()), ()))
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_xticks(range(columns), _GATES[:columns], rotation=45, ha="right")
    axes.tick_params(axis="x", length=0, pad=1)
    axes.spines[["left", "bottom"]].set_visible(False)


def _draw_metric(axes: Axes, title: str, record: Record, metric: str) -> None:
    axes.set_title(title)
    for row, name in enumerate(record["composites"]):
        for each in found(record["measurements"], method=name, metric=metric):
            _draw_interval(axes, row, each)


def _draw_channels(axes: Axes, record: Record) -> None:
    axes.set_title("Two channels")
    for row, name in enumerate(record["composites"]):
        asked = {"method": name, "metric": "channel_cosine"}
        layers = found(record["measurements"], **asked)
        means = [number(each["mean"]) for each in layers]
        axes.plot(means, [row] * len(means), "|", color=style.QUIET, markersize=4)
        if layers:
            # The gate asks the layer that is worst.
            worst = int(np.nanargmax(means)) if np.isfinite(means).any() else 0
            _draw_interval(axes, row, layers[worst])
    _finish(axes, "|cosine| of heatmaps", CHANNEL_LIMIT)


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
            # Without a negative zero.
            text = f"{round(value, 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}")
            color = "white" if value > 0.6 else style.INK
            write(axes, column, row, text, style.TINY, color=color)
