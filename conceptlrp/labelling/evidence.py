"""Evidence for the name of a channel: it describes, responds, causes.

1. *Describes*: the label leads on the boards of the corpus, on games held out.
2. *Responds*: the channel follows edits of boards that switch the label.
3. *Causes*: the channel carries the label into the output, by interchange.

This is the one place that makes the name a view shows. A channel that no label
describes is named by interchange alone, if what it carries leads clearly; one whose
label is not what it carries says both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING, Final

from conceptlrp.jsontext import Plain
from conceptlrp.labelling.channel_name import (
    FIRING_PLACE,
    INTERCHANGE,
    PLACE,
    RULE,
    ChannelName,
)
from conceptlrp.labelling.interchange_result import ChannelCause, Interchange
from conceptlrp.labelling.result import (
    ChannelLabels,
    LabelCriteria,
    ScoredLabels,
    channel_name,
)
from conceptlrp.labels.words import clause
from conceptlrp.late import pd
from conceptlrp.statistics.intervals import (
    FEW_GAMES,
    LEAST_GAMES,
    SAME_DRAWS,
    between,
    effect,
    fixed,
)

if TYPE_CHECKING:
    from conceptlrp.labelling.edit_result import EditedBoards

#: The levels of evidence, from the weakest claim to the strongest.
LEVELS: Final = ("describes", "responds", "causes")
_NOTHING: Final = float("nan")


@dataclass(frozen=True)
class Level(Plain):
    """One level of evidence for the name of a channel.

    Attributes
    ----------
    passed : bool or None
        Whether the name reaches it; None where it is not tested.
    value, low, high : float
        The number that tells, and its 95 % interval; nan where there is none.
    games : int
        Games that it rests on, 0 where that is not known.
    text : str
        All of it in one sentence.
    """

    passed: bool | None
    value: float
    low: float
    high: float
    games: int
    text: str


@dataclass(frozen=True)
class Evidence(Plain):
    """The name of a channel and what speaks for it.

    Attributes
    ----------
    name : ChannelName
        The name, which may be none.
    describes, responds, causes : Level
        Whether boards show it, edited boards switch it, interchange carries it.
    """

    name: ChannelName
    describes: Level
    responds: Level
    causes: Level

    @property
    def badge(self) -> str:
        """The levels that the name reaches, such as "describes, causes"."""
        return ", ".join(n for n in LEVELS if getattr(self, n).passed)

    @property
    def lines(self) -> tuple[str, ...]:
        """One sentence a level, the failed and untested ones too."""
        return tuple(getattr(self, name).text for name in LEVELS)


def channel_evidence(
    layer: str,
    channel: int,
    *,
    labels: ScoredLabels | None = None,
    edits: "EditedBoards | None" = None,
    interchange: Interchange | None = None,
) -> Evidence:
    """Name a channel, and say what speaks for the name.

    Parameters
    ----------
    layer : str
        A layer; one that was not scored leaves its channels without a name.
    channel : int
        A channel of the layer.
    labels, edits, interchange : ScoredLabels, EditedBoards, Interchange or None
        What was found, of the same network and target; None where it was not tried.

    Returns
    -------
    Evidence
        With the name that every view shows.
    """
    name, describes = _described(labels, layer, channel)
    if interchange is not None and layer not in interchange.layers:
        interchange = None
    carried = _carried(labels, interchange, layer, channel)
    if not name.is_named and _noted(labels, layer, channel):
        # A copy has no name, but what it carries is its own: the other may be unread.
        causes = _causes(interchange, layer, channel, carried)
        return Evidence(name, describes, _responds(edits, layer, channel, name), causes)
    if not name.is_named:
        name = carried
    causes = _causes(interchange, layer, channel, name)
    if name.is_named and carried.is_named and not causes.passed:
        # What describes a channel need not be what it does to the output.
        name, own = replace(name, carried=carried.label), causes.text
        causes = _causes(interchange, layer, channel, carried)
        causes = replace(causes, text=f"{causes.text} {own}")
    if causes.passed and interchange is not None:
        way = 1 if causes.value > 0 else -1
        name = replace(name, output=output_words(interchange.target), way=way)
    return Evidence(name, describes, _responds(edits, layer, channel, name), causes)


def evidence_by_channel(
    labels: ScoredLabels | None = None,
    edits: "EditedBoards | None" = None,
    interchange: Interchange | None = None,
) -> dict[tuple[str, int], Evidence]:
    """Name every channel that was scored or interchanged; see `channel_evidence`.

    Parameters
    ----------
    labels, edits, interchange : ScoredLabels, EditedBoards, Interchange or None
        What was found, of the same network and target; None where it was not tried.

    Returns
    -------
    dict of tuple to Evidence
        By layer and channel.
    """
    sizes: dict[str, int] = {}
    if interchange is not None:
        sizes |= {layer: len(each.r) for layer, each in interchange.layers.items()}
    if labels is not None:
        sizes |= {layer: len(each.channels) for layer, each in labels.layers.items()}
    return {
        (layer, channel): channel_evidence(
            layer, channel, labels=labels, edits=edits, interchange=interchange
        )
        for layer, number in sizes.items()
        for channel in range(number)
    }


def counts(
    evidence: Mapping[tuple[str, int], Evidence],
    interchange: Interchange | None = None,
    edits: "EditedBoards | None" = None,
) -> "pd.DataFrame":
    """Count the channels of each layer that have a name, and that reach each level.

    Parameters
    ----------
    evidence : mapping of tuple to Evidence
        By layer and channel, as of `evidence_by_channel`.
    interchange : Interchange or None
        Adds how many of as many channels would cause in networks with random weights,
        and with labels exchanged within plies.
    edits : EditedBoards or None
        Adds how many of as many channels of these networks respond to what each of
        them follows best.

    Returns
    -------
    DataFrame
        One row a layer: how many channels it has, are named, describe, respond, and
        cause. A level that was tested for none of them is missing.
    """
    rows = []
    for layer in dict.fromkeys(layer for layer, _ in evidence):
        every = [each for (of, _), each in evidence.items() if of == layer]
        row = {"layer": layer, "channels": len(every)}
        row["named"] = sum(each.name.is_named for each in every)
        for level in LEVELS:
            known = [getattr(each, level).passed for each in every]
            tested = any(passed is not None for passed in known)
            row[level] = sum(map(bool, known)) if tested else None
        rows.append(row)
    kinds = dict.fromkeys(("channels", "named", *LEVELS), "Int64")
    table = pd.DataFrame(rows, columns=["layer", *kinds]).astype(kinds)
    for result, level, kind, name in (
        (edits, "responds", "random", "random_responding"),
        (interchange, "causes", "random", "random_causing"),
        (interchange, "causes", "exchanged", "exchanged_causing"),
    ):
        if result is not None:
            parts = {
                layer: getattr(each, name) for layer, each in result.layers.items()
            }
            table[f"{level}, {kind}"] = table["layer"].map(parts) * table["channels"]
    return table


def output_words(target: str) -> str:
    """Write an explained output in words.

    >>> output_words("value"), output_words("d3")
    ('the value', 'the logit of d3')
    """
    words = {"value": "the value"}
    moves = {"best": "the best move", "played": "the move played"}
    words |= {name: f"{move}'s logit" for name, move in moves.items()}
    return words.get(target, f"the logit of {target}")


def _untested(text: str) -> Level:
    return Level(None, _NOTHING, _NOTHING, _NOTHING, 0, text)


def _described(
    scored: ScoredLabels | None, layer: str, channel: int
) -> tuple[ChannelName, Level]:
    if scored is None or layer not in scored.layers:
        return ChannelName(), _untested("Not scored against labels.")
    scores, found = scored.layers[layer], scored.channel(layer, channel)
    if not scores.tested:
        return ChannelName(), _untested(f"Not described: labels are {scores.counted}.")
    if not found.named:
        return ChannelName(), replace(_untested(_unnamed(found)), passed=False)
    best, name = found.labels[0], channel_name(found)
    value, low, high, random = (
        each if best.auroc is None else (each + 1) / 2
        for each in (best.held_out, best.low, best.high, best.random)
    )
    write = effect if best.auroc is None else fixed
    shown = between(low, high, write, games=LEAST_GAMES, same=SAME_DRAWS)
    what = f"its {best.measure} for '{best.label}'"
    what = "its activation for the rule" if best.measure == RULE else what
    text = (
        f"Describes: {name.text}. On held-out games, {best.kind} {write(value, 2)} "
        f"{shown} of {what}; random networks reach {write(random, 2)}."
    )
    if name.meaning:
        text = f"{text} Here {name.meaning}."
    return name, Level(passed=True, value=value, low=low, high=high, games=0, text=text)


def _noted(scored: ScoredLabels | None, layer: str, channel: int) -> bool:
    """Tell whether a channel has no name whatever it follows, such as a copy."""
    if scored is None or layer not in scored.layers:
        return False
    return bool(scored.channel(layer, channel).note)


def _unnamed(found: ChannelLabels) -> str:
    if found.note:
        return f"Not described: {found.note}."
    if not found.labels:
        return "Not described: no label fulfils the criteria on held-out games."
    fit = dict.fromkeys([found.labels[0].label, *found.rivals])
    if len(fit) == 1:
        return f"Not described: '{found.labels[0].label}' does not clearly lead."
    fits = ", ".join(f"'{each}'" for each in fit)
    return f"Not described: several labels fit about equally well ({fits})."


def _carried(
    scored: ScoredLabels | None,
    interchange: Interchange | None,
    layer: str,
    channel: int,
) -> ChannelName:
    """Name a channel by what it carries, if that is one label or two that tie."""
    if interchange is None:
        return ChannelName()
    every = {} if scored is None else scored.layers
    asked = next((each.criteria for each in every.values()), LabelCriteria())
    leading = interchange.leading(layer, channel, asked.lead)
    if not leading:
        return ChannelName()
    best = leading[0]
    name = ChannelName(best.label, 1, INTERCHANGE)
    for second in leading[1:]:
        # Of two that tie the second may move the output the other way.
        sign = 1 if best.r * second.r > 0 else -1
        name = replace(name, second=second.label, second_sign=sign)
    return name


def _causes(
    interchange: Interchange | None, layer: str, channel: int, name: ChannelName
) -> Level:
    if interchange is None:
        return _untested("Not tested by interchange.")
    best = interchange.best(layer, channel)
    if not name.is_named:
        if best is None:
            return _untested("Not tested by interchange: no label differs often.")
        carried = "no one label stands out of those it carries into the output, first"
        none = carried if best.passed else "causes nothing clear, most nearly"
        return _cause_level(best, f"{none} '{best.label}'", passed=False)
    if name.label not in interchange.labels:
        if name.measure in (PLACE, FIRING_PLACE):
            return _untested("Not tried: a place is the same on every board.")
        return _untested(f"Interchange does not test '{name.label}'.")
    cause = interchange.cause(layer, channel, name.label)
    what = "its rule" if name.measure == RULE else f"'{name.label}'"
    if cause.passed is None:
        few = f"Not tested by interchange: {what} differs in {FEW_GAMES}."
        return replace(_untested(few), games=cause.games)
    if not cause.passed:
        beyond = "the interval would have to lie beyond 0.1 and beyond chance"
        text = f"not shown to cause: for {what}, {beyond}"
        return _cause_level(cause, text, passed=False)
    when = str(clause(name.label))
    when = "its rule holds on more squares" if name.measure == RULE else when
    way = f"{'raises' if cause.r > 0 else 'lowers'} {output_words(interchange.target)}"
    return _cause_level(cause, f"causes: it {way} when {when}", passed=True)


def _cause_level(cause: ChannelCause, text: str, *, passed: bool) -> Level:
    shown = between(
        cause.low, cause.high, effect, games=cause.games, same="it changes nothing"
    )
    equal = (
        f"; where the label is equal the output changes {cause.equal:.2f} times as much"
        if isfinite(cause.equal)
        else ""
    )
    sentence = (
        f"{text[:1].upper()}{text[1:]} (r {effect(cause.r)} {shown}, {cause.games} "
        f"games; exchanged labels reach {cause.exchanged:.2f}, random networks "
        f"{cause.random:.2f}{equal})."
    )
    return Level(passed, cause.r, cause.low, cause.high, cause.games, sentence)


def _responds(
    edits: "EditedBoards | None", layer: str, channel: int, name: ChannelName
) -> Level:
    if edits is None or layer not in edits.layers:
        return _untested("Not tested by edited boards.")
    if not name.is_named:
        return _untested("Not tested by edited boards: there is no name to test.")
    found = edits.response(layer, channel, name)
    return Level(
        found.passed, found.auroc, found.low, found.high, found.games, found.text
    )
