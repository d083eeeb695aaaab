"""What to keep in mind with a report, what it lacks, and where its numbers are from."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from conceptlrp.labelling.result import UNTESTED
from conceptlrp.report.words.numbers import percent, plural
from conceptlrp.report.words.relevance import gradient_words, relevance_of
from conceptlrp.store import Store
from conceptlrp.store.results.kinds import KINDS

if TYPE_CHECKING:
    from conceptlrp.labelling import ScoredLabels
    from conceptlrp.report.statistics import ChannelStatistics
    from conceptlrp.report.stored_layer import StoredLayer, Verdict

# Below these an interval is wide and a phase nearly empty.
_FEW_POSITIONS, _FEW_GAMES = 1000, 50
_RARE = 0.01
# More than this part of the output, lost or made, never reaches the board.
_ABSORBED = 0.25
# Below this relevance ranks the channels of one position only roughly.
_AGREES = 0.7

_NO_MAPS: Final = (
    "No heatmaps: run 'conceptlrp attribute' with '--detail references', and "
    "'--statistics' for means over all positions."
)
#: Results that a report has a place for, by kind, in words.
_WORDS: Final = {
    "labels": "labels",
    "interchange": "interchange of channels",
    "ablation": "effects of ablation",
    "graph": "concept graph",
    "clustering": "clusters",
    "evaluation": "evaluation of the composite",
}


def missing_parts(stored: "StoredLayer") -> tuple[str, ...]:
    """Say what the store does not hold of a layer, and which command adds it."""
    results, layer = stored.results, stored.layer
    effects, graph = results.effects, results.graph
    there = {
        "labels": stored.labels is not None,
        "interchange": stored.interchange is not None,
        "ablation": effects is not None and layer in effects.layers,
        "graph": graph is not None and layer in graph.layers,
        "clustering": stored.clustering is not None,
        "evaluation": results.verdict is not None,
    }
    is_first = stored.store.target_index(stored.target) == 0
    about = {"target": "" if is_first else stored.target, "layer": layer}
    found = [] if stored.maps is not None else [_NO_MAPS]
    for name, words in _WORDS.items():
        if name == "labels" and results.scored and not results.is_tested:
            found.append(f"Labels were {UNTESTED}; explain more games.")
        elif not there[name]:
            kind = KINDS[name]
            target, of_layer = (
                value if key in kind.about else "" for key, value in about.items()
            )
            command = kind.command("STORE", target=target, layer=of_layer)
            found.append(f"No {words}: run '{command}'.")
    return tuple(found)


def channel_warnings(
    stored: "StoredLayer", channel: int, statistics: "ChannelStatistics"
) -> tuple[str, ...]:
    """Collect what limits what a report says, what is about the channel first."""
    return (*_of_channel(stored, channel, statistics), *_of_store(stored))


def _of_channel(
    stored: "StoredLayer", channel: int, statistics: "ChannelStatistics"
) -> Iterator[str]:
    if statistics.dead:
        yield "The channel is dead: it is active on no position."
    elif statistics.relevant == 0:
        yield "The channel is active, but the explained output never draws on it."
    elif statistics.relevant < _RARE:
        number = round(statistics.relevant * statistics.positions)
        yield (
            f"The channel is relevant on only {plural(number, 'position')}: hardly "
            "more than the boards shown."
        )
    found = stored.results.evidence_of(stored.layer, channel)
    if found.name.is_named and found.causes.passed is False:
        yield (
            "The name fails interchange: it says what the channel goes with, and not "
            "what it does to the output."
        )
    if stored.labels is not None:
        yield from _of_controls(stored.labels, stored.layer, channel)


def _of_controls(labels: "ScoredLabels", layer: str, channel: int) -> Iterator[str]:
    found = labels.channel(layer, channel)
    controls = [x.label for x in found.labels if x.label in labels.controls]
    if controls:
        names = ", ".join(f"'{each}'" for each in controls)
        yield (
            f"The channel also fits the control {names}, which means nothing: do not "
            "trust its other labels."
        )


def _of_store(stored: "StoredLayer") -> Iterator[str]:
    store = stored.store
    if gradients := gradient_words(store.manifest.plan.gradients):
        yield gradients
    games = int(store.manifest.corpus.get("games", _FEW_GAMES))
    if len(store) < _FEW_POSITIONS:
        positions = plural(len(store), "position")
        yield f"The store has only {positions}: rare concepts do not show."
    if games < _FEW_GAMES and has_games(store):
        yield (
            f"The positions come from only {plural(games, 'game')}: the boards of a "
            "strip resemble one another."
        )
    if stored.results.verdict is not None:
        yield from _of_composite(stored.results.verdict)
    agreement = stored.agreement
    if agreement is not None and agreement.mean < _AGREES:
        yield (
            f"At a single position the order of the channels of {stored.layer} by "
            f"relevance agrees only by {agreement.mean:.2f} with what setting each to "
            "its mean does (1 is perfect, 0 chance)."
        )
    if stored.labels is not None:
        yield from _labelled_at_random(stored.labels, stored.layer)


def _of_composite(verdict: "Verdict") -> Iterator[str]:
    yield from verdict.warnings
    if verdict.arrived is not None and abs(1 - verdict.arrived) > _ABSORBED:
        yield (
            f"Only {percent(verdict.arrived)} of the explained output arrives at the "
            "board; biases and stabilizers absorb the rest."
            if verdict.arrived < 1
            else f"{percent(verdict.arrived)} of the explained output arrives at the "
            "board: biases and stabilizers add to it."
        )


def _labelled_at_random(labels: "ScoredLabels", layer: str) -> Iterator[str]:
    if labels.power_note and labels.layers[layer].tested:
        yield labels.power_note
    share = labels.random_labelled.get(layer)
    if share is not None and share > labels.layers[layer].criteria.false_discoveries:
        yield (
            f"A network with random weights gets labels on {percent(share)} of the "
            f"channels of {layer}: a label alone says little."
        )
    share = labels.exchanged_labelled.get(layer)
    if share is not None and share > labels.layers[layer].criteria.false_discoveries:
        yield (
            f"Exchanged between positions of the same ply, {percent(share)} of the "
            f"channels of {layer} still get labels: a label alone says little."
        )


_DIGITS = 12


def provenance(store: Store, target: str) -> tuple[tuple[str, str], ...]:
    """Say what was explained, with what, and how."""
    made = store.manifest
    positions = plural(len(store), "position")
    found = (
        ("network", f"{made.network.get('name', '')} ({_digest(made.network)})"),
        ("planes", str(made.network.get("planes", ""))),
        ("notes", "; ".join(made.network.get("notes", ()))),
        ("corpus", f"{positions} {games_words(store)} ({_digest(made.corpus)})"),
        ("composite", str(made.composite.get("name", ""))),
        ("gradients", gradient_words(made.plan.gradients)),
        ("baseline", made.plan.above),
        ("explained output", target),
        ("versions", ", ".join(f"{name} {v}" for name, v in made.versions.items())),
        ("command", made.command),
    )
    return tuple((name, value) for name, value in found if value)


def has_games(store: Store) -> bool:
    """Tell whether any position comes from a game, and not all are boards alone."""
    positions = store.positions
    return not bool(positions.is_loose[positions.game].all())


def games_words(store: Store) -> str:
    """Say of how many games the positions of a store are, or that they are of none."""
    games = int(store.manifest.corpus.get("games", 0))
    return f"of {plural(games, 'game')}" if has_games(store) else "without games"


def citation(store: Store, target: str, layer: str, channel: int) -> str:
    """Return a line that says which channel is meant, for a reference."""
    made = store.manifest
    return (
        f"Channel {channel} of {layer} of network {made.network.get('name', '')} "
        f"{_digest(made.network)}, explained towards '{target}': "
        f"{relevance_of(made.plan)}, on {plural(len(store), 'position')} of corpus "
        f"{_digest(made.corpus)}; conceptlrp {made.versions.get('conceptlrp', '')}."
    )


def _digest(record: Mapping[str, Any]) -> str:
    return str(record.get("digest", ""))[:_DIGITS]
