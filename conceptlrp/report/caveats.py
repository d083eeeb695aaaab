"""What to keep in mind with a report, and what it could say but does not."""

from collections.abc import Iterator

from conceptlrp.labelling import ScoredLabels
from conceptlrp.labelling.channel_labels import UNNAMED
from conceptlrp.labelling.channel_name import channel_name
from conceptlrp.report.sources import LayerSources, Verdict
from conceptlrp.report.statistics import ChannelStatistics
from conceptlrp.report.wording import percent, plural

__all__ = ["channel_warnings", "missing_parts"]

# Below these an interval is wide and a phase nearly empty.
_FEW_POSITIONS, _FEW_GAMES = 1000, 50
_RARE = 0.01
# More than this part of the output, lost or made, never reaches the board.
_ABSORBED = 0.25


def channel_warnings(
    sources: LayerSources, channel: int, statistics: ChannelStatistics
) -> tuple[str, ...]:
    """Collect what limits what a report says.

    Returns: Sentences; those about the channel first.
    """
    found = [*_of_channel(sources, channel, statistics), *_of_store(sources)]
    return tuple(found)


def _of_channel(
    sources: LayerSources, channel: int, statistics: ChannelStatistics
) -> Iterator[str]:
    if statistics.dead:
        yield "The channel is dead: it is active on no position."
    elif statistics.relevant == 0:
        yield "The channel is active, but the explained output never draws on it."
    elif statistics.relevant < _RARE:
        positions = plural(
            round(statistics.relevant * statistics.positions), "position"
        )
        yield f"The channel is relevant on {positions} only: its boards are its all."
    if sources.labels is not None and sources.layer in sources.labels.layers:
        yield from _of_labels(sources.labels, sources.layer, channel)


def _of_labels(labels: ScoredLabels, layer: str, channel: int) -> Iterator[str]:
    found, cause = labels.channel(layer, channel), labels.cause(layer, channel)
    if found.name != UNNAMED and cause is not None and not cause.check.passed:
        yield (
            f"The channel goes with '{channel_name(found)}', but does not pass the "
            "causal check: its name describes an association only."
        )
    controls = [x.label for x in found.labels if x.label in labels.controls]
    if controls:
        names = ", ".join(f"'{name}'" for name in controls)
        yield (
            f"The control {names} fits the channel, which means nothing: do not trust "
            "its other labels."
        )


def _of_store(sources: LayerSources) -> Iterator[str]:
    store = sources.store
    games = int(store.manifest.corpus.get("games", _FEW_GAMES))
    if len(store) < _FEW_POSITIONS:
        yield f"{plural(len(store), 'position')} are few: rare concepts are not seen."
    if games < _FEW_GAMES:
        yield f"{plural(games, 'game')} are few: boards of a strip are much alike."
    if sources.verdict is not None:
        yield from _of_composite(sources.verdict)
    if sources.labels is not None:
        yield from _labelled_at_random(sources)


def _of_composite(verdict: Verdict) -> Iterator[str]:
    for warning in verdict.warnings:
        yield f"{warning[:1].upper()}{warning[1:].rstrip('.')}."
    if verdict.arrived is not None and abs(1 - verdict.arrived) > _ABSORBED:
        yield (
            f"Of the explained output {percent(verdict.arrived)} arrives at the board; "
            "biases and stabilizers take the rest."
        )


def _labelled_at_random(sources: LayerSources) -> Iterator[str]:
    labels = sources.labels
    if labels is None or sources.layer not in labels.random_labelled:
        return
    share = labels.random_labelled[sources.layer]
    if share > labels.layers[sources.layer].criteria.false_discoveries:
        yield (
            f"A network with random weights gets labels on {percent(share)} of the "
            f"channels of {sources.layer}: a label alone says little."
        )


def missing_parts(sources: LayerSources) -> tuple[str, ...]:
    """Say what the store does not hold, and which command adds it.

    Returns: a sentence each.
    """
    return tuple(_missing(sources))


def _missing(sources: LayerSources) -> Iterator[str]:
    layer, target = sources.layer, sources.target
    of_target = "" if sources.store.target_index(target) == 0 else f" --target {target}"
    if sources.maps is None:
        yield (
            "No heatmaps: run 'conceptlrp attribute' with '--detail references', and "
            "'--statistics' for means over all positions."
        )
    if sources.labels is None or layer not in sources.labels.layers:
        yield f"No labels: {_run('label', of_target)}."
    if sources.effects is None or layer not in sources.effects.layers:
        yield f"No effects of ablation: {_run('ablate', of_target)}."
    if sources.wiring is None:
        yield f"No concept graph: {_run('graph')}."
    if sources.clustering is None:
        option = f"--layer {layer}{of_target}"
        yield f"No clusters: run 'conceptlrp cluster STORE {option}'."
    if sources.verdict is None:
        yield f"No evaluation of the composite: {_run('evaluate')}."


def _run(verb: str, options: str = "") -> str:
    return f"run 'conceptlrp {verb} STORE --network NETWORK{options}'"
