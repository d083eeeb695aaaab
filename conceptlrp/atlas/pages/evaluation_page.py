"""The page that says how far the atlas can be believed.

It shows the evaluation that a store keeps: gates, chief figures with intervals, and the
curves of what happens when squares and channels are taken away.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from conceptlrp.atlas.pictures.charts import Line, curves_svg
from conceptlrp.atlas.site import Site
from conceptlrp.evaluation import CompositeEvaluation, RulesTruth
from conceptlrp.evaluation.result import (
    AGREEMENTS,
    CHANNEL_RIVALS,
    DEPENDENT,
    FAITHFUL,
    SQUARE_RIVALS,
    Chief,
)
from conceptlrp.evaluation.truth_result import MEANING, PUBLISHED
from conceptlrp.report.words.numbers import percent
from conceptlrp.statistics.estimates import Estimate
from conceptlrp.statistics.intervals import FEW_GAMES, LEAST_GAMES, between

EVALUATION_PAGE = "evaluation.html"


def write_evaluation_page(
    site: Site, found: CompositeEvaluation | None, truth: RulesTruth | None = None
) -> None:
    """Write the page, also where nothing was evaluated: that must be said too."""
    own = str(site.store.manifest.composite.get("name", ""))
    evaluation = None if found is None else found.to_dict()
    content: dict[str, Any] = {"own": own, "evaluation": evaluation, "truth": truth}
    content |= {"meaning": MEANING, "published": PUBLISHED}
    if found is not None and evaluation is not None:
        content |= _content(found, evaluation, own)
    site.write(EVALUATION_PAGE, "evaluation.html", **content)


def _content(
    found: CompositeEvaluation, evaluation: Mapping[str, Any], own: str
) -> dict[str, Any]:
    composites = found.composites
    known = own in composites
    return {
        "known": known,
        "few": found.games < LEAST_GAMES,
        "warnings": evaluation["warnings"].get(own, ()) if known else (),
        "gates": [(name, evaluation["gates"][name]) for name in composites],
        "tables": [
            *(
                _figures(found, title, columns, methods)
                for title, columns, methods in (
                    (
                        "Faithfulness: more is better",
                        FAITHFUL,
                        [*composites, *SQUARE_RIVALS, "activation"],
                    ),
                    ("Dependence: less is better", DEPENDENT, composites),
                )
            ),
            *_agreements(found),
        ],
        "squares": _charts(evaluation, own, "square_gain", SQUARE_RIVALS),
        "channels": _charts(evaluation, own, "channel_gain", CHANNEL_RIVALS),
        "conservation": _conservation(evaluation, own),
        "recommended": evaluation["recommendation"],
    }


def _figures(
    found: CompositeEvaluation,
    title: str,
    figures: Sequence[Chief],
    methods: Sequence[str],
) -> dict[str, Any]:
    """Make a table of chief figures: what each asks, and a row a method."""
    return {
        "title": title,
        "columns": [(figure.heading, figure.asks) for figure in figures],
        "rows": [(m, [_cell(found.chief(m, f)) for f in figures]) for m in methods],
    }


def _agreements(found: CompositeEvaluation) -> list[dict[str, Any]]:
    """Make a table for each output of how well scores predict what ablation does."""
    named = {"best": "the best move", "value": "the value"}
    tables = {target: found.channel_agreement(target) for target in named}
    return [
        {
            "title": f"Channels, {named[target]}: agreement of the order by a score "
            "with what ablating each channel does; 1 is perfect",
            "columns": [(heading, "") for heading, *_ in AGREEMENTS],
            "rows": [(n, [_cell(e) for e in row.values()]) for n, row in rows.items()],
        }
        for target, rows in tables.items()
        if rows
    ]


def _cell(found: Estimate | None) -> str:
    """Write a mean with its interval, if it has one."""
    if found is None:
        return ""
    if found.low != found.low:
        return f"{found.mean:.2f}"
    return f"{found.mean:.2f} {between(found.low, found.high, games=found.games)}"


def _charts(
    evaluation: Mapping[str, Any], own: str, metric: str, baselines: Sequence[str]
) -> list[tuple[str, Markup, str]]:
    """Chart the store's composite against baselines: part, picture, what it shows."""
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
        few = evaluation["games"] < LEAST_GAMES
        told = f"{FEW_GAMES.capitalize()}: no verdict." if few else _verdict(lines, own)
        found.append((part, curves_svg(ordered), told))
    return found


def _line(curve: Mapping[str, Any]) -> Line:
    keys = ("gone", "fall_mean", "fall_low", "fall_high")
    steps = [[step[key] for key in keys] for step in curve["steps"]]
    columns = np.array(steps, np.float64).reshape(-1, len(keys)).T.tolist()
    return Line(str(curve["method"]), *map(tuple, columns))


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
