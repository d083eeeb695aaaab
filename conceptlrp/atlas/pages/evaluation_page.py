"""The page that says how far the atlas can be believed.

It shows the evaluation that a store keeps: gates, chief figures with intervals, and the
curves of what happens when squares and channels are taken away.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from conceptlrp.atlas.pictures.charts import Line, curves_svg
from conceptlrp.atlas.site import Site
from conceptlrp.evaluation import CompositeEvaluation
from conceptlrp.report.words.numbers import percent

EVALUATION_PAGE = "evaluation.html"

#: Chief figures: heading, metric, target, part (None for the mean of parts) and what it
#: asks.
_FAITHFUL: Final = (
    ("order of discs", "square_gain", "best", "empty",
     "how much sooner the logit falls as discs go in the order of relevance"),
    ("recoloured", "square_gain", "best", "flip",
     "the same when discs change colour"),
    ("in the corpus", "square_gain", "best", "swap",
     "the same when squares come from other positions"),
    ("for the value", "square_gain", "value", "empty",
     "how much sooner the value falls as discs go"),
    ("order of channels", "channel_gain", "best", None,
     "how much sooner the logit falls as channels go, mean over layers and ablations"),
    ("flip lines", "flip_line_mass", "best", "",
     "positive relevance on the discs that make the move legal"),
)  # fmt: skip
_DEPENDENT: Final = (
    ("two moves", "random_logit_cosine", "best", "",
     "how alike heatmaps of two moves are"),
    ("two channels", "channel_cosine", "best", None,
     "how alike heatmaps of two channels are"),
    ("random weights", "cascade_excess", "best", "top-down",
     "how alike heatmaps stay when every layer is random"),
    ("empty squares", "empty_square_share", "best", "",
     "part of a heatmap on empty squares"),
    ("empty board", "empty_board_share", "best", "",
     "part of a heatmap that an empty board gets as well"),
    ("turned boards", "symmetry_cosine", "best", "",
     "likeness to the turned heatmap: more is better here"),
)  # fmt: skip
_BASELINES: Final = ("random", "center", "occlusion")
_CHANNEL_BASELINES: Final = ("activation", "gradient x activation", "random")


def write_evaluation_page(site: Site, found: CompositeEvaluation | None) -> None:
    """Write the page, also where nothing was evaluated: that must be said too."""
    own = str(site.store.manifest.composite.get("name", ""))
    evaluation = None if found is None else found.to_dict()
    content: dict[str, Any] = {"own": own, "evaluation": evaluation}
    if evaluation is not None:
        content |= _content(evaluation, own)
    site.write(EVALUATION_PAGE, "evaluation.html", **content)


def _content(evaluation: Mapping[str, Any], own: str) -> dict[str, Any]:
    composites = [str(name) for name in evaluation["composites"]]
    known = own in composites
    return {
        "known": known,
        "warnings": evaluation["warnings"].get(own, ()) if known else (),
        "gates": [(name, evaluation["gates"][name]) for name in composites],
        "tables": [
            _figures(title, evaluation["measurements"], columns, methods)
            for title, columns, methods in (
                ("Faithfulness: more is better", _FAITHFUL, [*composites, *_BASELINES]),
                ("Dependence: less is better", _DEPENDENT, composites),
            )
        ],
        "squares": _charts(evaluation, own, "square_gain", _BASELINES),
        "channels": _charts(evaluation, own, "channel_gain", _CHANNEL_BASELINES),
        "conservation": _conservation(evaluation, own),
        "recommended": evaluation["recommendation"],
    }


def _figures(
    title: str,
    measurements: Sequence[Mapping[str, Any]],
    figures: Sequence[tuple[str, str, str, str | None, str]],
    methods: Sequence[str],
) -> dict[str, Any]:
    """Make a table of chief figures: what each asks, and a row a method."""
    chosen = [
        [
            each
            for each in measurements
            if (each["metric"], each["target"]) == (metric, target)
            and part in (None, each["part"])
        ]
        for _, metric, target, part, _ in figures
    ]
    return {
        "title": title,
        "columns": [(name, asks) for name, *_, asks in figures],
        "rows": [(m, [_cell(found, m) for found in chosen]) for m in methods],
    }


def _cell(chosen: Iterable[Mapping[str, Any]], method: str) -> str:
    """Write a mean with its interval, or the mean of the means of several parts."""
    found = [
        each for each in chosen if each["method"] == method and each["mean"] is not None
    ]
    if not found:
        return ""
    mean = sum(each["mean"] for each in found) / len(found)
    if len(found) > 1:
        return f"{mean:.2f}"
    low, high = found[0]["low"], found[0]["high"]
    return f"{mean:.2f} [{low:.2f}, {high:.2f}]"


def _charts(
    evaluation: Mapping[str, Any], own: str, metric: str, baselines: Sequence[str]
) -> list[tuple[str, Markup, str]]:
    """Draw one chart a part, of the store's composite against the baselines.

    Returns the part, the picture and what it shows.
    """
    curves = [
        each
        for each in evaluation["curves"]
        if (each["metric"], each["target"]) == (metric, "best")
        and each["method"] in (own, *baselines)
    ]
    parts = list(dict.fromkeys(each["part"] for each in curves))
    found = []
    for part in parts:
        lines = {each["method"]: _line(each) for each in curves if each["part"] == part}
        ordered = [lines[name] for name in (own, *baselines) if name in lines]
        found.append((part, curves_svg(ordered), _verdict(lines, own)))
    return found


def _line(curve: Mapping[str, Any]) -> Line:
    steps = curve["steps"]
    return Line(
        name=str(curve["method"]),
        x=tuple(float(step["gone"]) for step in steps),
        mean=tuple(float(step["fall_mean"]) for step in steps),
        low=tuple(float(step["fall_low"]) for step in steps),
        high=tuple(float(step["fall_high"]) for step in steps),
    )


def _verdict(lines: Mapping[str, Line], own: str) -> str:
    """Say for how many steps the order of relevance is clearly above that of chance."""
    if own not in lines or "random" not in lines:
        return ""
    mine, chance = lines[own], lines["random"]
    apart = sum(low > high for low, high in zip(mine.low, chance.high, strict=True))
    number = len(mine.low)
    if apart == number:
        return "The order of relevance beats random at every step, intervals apart."
    if apart == 0:
        return "The order of relevance nowhere clearly beats random."
    return (
        f"The order of relevance beats random at {apart} of {number} steps, intervals "
        "apart."
    )


def _conservation(evaluation: Mapping[str, Any], own: str) -> list[tuple[str, str]]:
    """Say where relevance of the store's composite stays on its way to the board."""
    details = evaluation["details"].get(own) or {}
    found = details.get("conservation")
    if not found:
        return []
    rows = [("arrives at the board", percent(found["arrived"]))]
    rows += [
        (f"absorbed by biases of {layer}", percent(parts["bias"]))
        for layer, parts in found["layers"].items()
    ]
    return rows
