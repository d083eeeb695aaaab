"""Of which relevance a number is: by which rules, and above which baseline."""

from collections.abc import Sequence

from conceptlrp.report.words.numbers import plural
from conceptlrp.store import Plan


def relevance_of(plan: Plan) -> str:
    """Say what relevance a store holds, see `relevance_words`."""
    return relevance_words(str(plan.composite.get("name", "")), plan.above)


def relevance_words(composite: str, above: str = "zero") -> str:
    """Name relevance by its composites, two joined by "+", and its baseline.

    >>> relevance_words("epsilon-gamma")
    'relevance by epsilon-gamma'
    >>> relevance_words("epsilon+epsilon-gamma", "the mean of 1,024 positions")
    'relevance above the mean of 1,024 positions, by epsilon; heatmaps by epsilon-gamma'
    """
    channels, _, heatmaps = composite.partition("+")
    higher = "" if above == "zero" else f" above {above},"
    apart = f"; heatmaps by {heatmaps}" if heatmaps else ""
    return f"relevance{higher} by {channels or 'an unknown composite'}{apart}"


def board_words(plan: Plan) -> str:
    """Say how numbers of channels and board belong together, "" if they add up."""
    rules, _, heatmaps = str(plan.composite.get("name", "")).partition("+")
    found = gradient_words(plan.gradients)
    if not (plan.baseline or heatmaps):
        return found
    channels, output = [], []
    if plan.baseline:
        channels, output = [f"above {plan.above}"], ["of its whole value"]
    if heatmaps:
        channels, output = [*channels, f"by {rules}"], [*output, f"by {heatmaps}"]
    return (
        f"Relevance of channels is {', '.join(channels)}; the heatmap of the output is "
        f"{', '.join(output)}. The two need not add up. {found}"
    ).strip()


def gradient_words(gradients: Sequence[str]) -> str:
    """Say which operations were explained without a rule, "" for none.

    >>> gradient_words(["einsum ('einsum')"])
    "1 operation without a rule is explained by its gradient: einsum ('einsum'); \
relevance does not add up there."
    """
    if not gradients:
        return ""
    verb = "is explained by its" if len(gradients) == 1 else "are explained by their"
    return (
        f"{plural(len(gradients), 'operation')} without a rule {verb} gradient: "
        f"{', '.join(gradients)}; relevance does not add up there."
    )


def above_words(plan: Plan) -> str:
    """Say in short what relevance is above, for titles; "" for zero."""
    short = {"mean": "above the mean", "donor": "above a donor"}
    return short.get(plan.baseline.get("kind", "zero"), "")
