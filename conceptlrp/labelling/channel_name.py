"""The name of a channel: a label with its sign, and what of the channel it is about."""

from dataclasses import dataclass
from typing import Final

from conceptlrp.labelling.rule import Rule
from conceptlrp.labels import LABELS, MOVE_LABELS

#: The name of a channel that no label explains.
UNNAMED: Final = "unnamed"
#: Measures of whole positions: sums over the board.
RELEVANCE: Final = "relevance"
#: The moves of the boards where relevance is the largest.
STRONGEST: Final = "largest relevance"
ACTIVATION: Final = "activation"
#: Measures of maps: the size of conditional relevance, which says where a channel
#: looks, and the feature map itself, which says where it fires.
MAP: Final = "conditional map"
FEATURE_MAP: Final = "feature map"
#: Measures of maps against squares that are the same on every board.
PLACE: Final = "place of relevance"
FIRING_PLACE: Final = "place of activation"
#: What else a name can come from: a rule that was learned, and interchange.
RULE: Final = "rule"
INTERCHANGE: Final = "interchange"

_OF_ACTIVATION: Final = (ACTIVATION, FEATURE_MAP, FIRING_PLACE, RULE)
_QUANTITIES: Final = {
    MAP: "relevance on the board",
    FEATURE_MAP: "activation on the board",
    RULE: "activation on the board",
    INTERCHANGE: "the output",
}
# Sets of squares that hardly any board lacks: there are many or few.
_COUNTED: Final = (
    *("own discs", "opponent discs", "empty squares", "potential moves"),
    *("capturable discs", "discs in danger", "moves", "opponent moves"),
    *("free moves", "opponent free moves", "safe moves", "greediest moves"),
)
_SINGULAR: Final = ("frontier", "interior", "edge", "wall")


@dataclass(frozen=True)
class ChannelName:
    """A label with the sign of its effect on the channel, and what of it shows that.

    Attributes
    ----------
    label, sign : str, int
        The label, "" without a name, and 1, or -1 for a channel that is low on it.
    measure : str
        What of the channel shows it: "relevance", "activation", "conditional map",
        "feature map", "place of relevance", "place of activation", "rule", or
        "interchange" for what describes no boards but the output.
    second, second_sign, second_measure : str, int, str
        Another label that fits as well, "" and 0 without one.
    output, way : str, int
        The output that interchange shows more of the label to raise (1) or lower (-1),
        "" and 0 where it shows neither.
    carried : str
        The label that the output follows so, which may be another than describes the
        channel; "" where it is this one.
    """

    label: str = ""
    sign: int = 0
    measure: str = ""
    second: str = ""
    second_sign: int = 0
    output: str = ""
    way: int = 0
    second_measure: str = ""
    carried: str = ""

    def __str__(self) -> str:
        return self.text

    @property
    def is_named(self) -> bool:
        """Whether there is a name."""
        return bool(self.label)

    @property
    def text(self) -> str:
        """The name in words: "mobility", "used when mobility is low" or "unnamed"."""
        if not self.label:
            return UNNAMED
        found = described(self.label, self.sign, self.measure)
        if self.second:
            measure = self.second_measure or self.measure
            found += f" or {described(self.second, self.second_sign, measure)}"
        if not self.way:
            return found
        carried = self.carried or (self.label if self.sign < 0 else "")
        if carried:
            # What is low on a label says nothing of which way the label moves.
            ways = "rises" if self.way > 0 else "falls"
            return f"{found}; {self.output} {ways} with {carried}"
        return f"{found}, {'raises' if self.way > 0 else 'lowers'} {self.output}"

    @property
    def title(self) -> str:
        """The name as a heading, its first letter a capital."""
        return f"{self.text[:1].upper()}{self.text[1:]}"

    @property
    def quantity(self) -> str:
        """What of the channel the name is about, in words; "" without a name."""
        if not self.label:
            return ""
        return _QUANTITIES.get(self.measure, self.by)

    @property
    def by(self) -> str:
        """The score of a store that the boards of the name are the highest of."""
        return ACTIVATION if self.measure in _OF_ACTIVATION else RELEVANCE

    @property
    def lowest(self) -> bool:
        """Whether these boards are those of the lowest score instead."""
        # A map that is low on some squares is high on others of the same board.
        return self.sign < 0 and self.measure in (RELEVANCE, ACTIVATION)


@dataclass(frozen=True)
class OwnLabel:
    """What one measure of a channel follows best, be it enough for a name or not.

    Attributes
    ----------
    channel, label, sign, measure : int, str, int, str
        The channel, the label, 1 or -1, and what of the channel shows it.
    strength : float
        Size of the correlation of ranks.
    rule : Rule or None
        The rule, where the label is its sentence.
    """

    channel: int
    label: str
    sign: int
    measure: str
    strength: float
    rule: Rule | None = None


def described(label: str, sign: int, measure: str = ACTIVATION) -> str:
    """Say of a label and a sign what a channel does, as a measure shows it.

    >>> described("own corners", -1), described("mobility", -1)
    ('low on own corners', 'low when mobility is high')
    """
    if _is_move(label) and measure not in (PLACE, FIRING_PLACE, RULE, INTERCHANGE):
        return f"speaks {'for' if sign >= 0 else 'against'} {_plural(label)}"
    if measure == RELEVANCE:
        return _used(label, sign)
    if measure == MAP:
        return f"{'used' if sign >= 0 else 'not used'} on {label}"
    if measure in (PLACE, FIRING_PLACE):
        verb = "looks" if measure == PLACE else "fires"
        return f"{verb} {'at' if sign >= 0 else 'away from'} {label}"
    if measure == INTERCHANGE or sign >= 0:
        return label
    known = LABELS.get(label)
    is_number = known is not None and known.kind == "number"
    return f"low when {label} is high" if is_number else f"low on {label}"


def _used(label: str, sign: int) -> str:
    known = LABELS.get(label) or MOVE_LABELS.get(label)
    kind = known.kind if known else ""
    if not kind:
        return f"used with {'more' if sign >= 0 else 'less'} {label}"
    if kind == "number":
        return f"used when {label} is {'high' if sign >= 0 else 'low'}"
    if kind == "bool":
        return f"used when '{label}' {'holds' if sign >= 0 else 'does not hold'}"
    if label.endswith(_SINGULAR):
        return f"used when there is {'' if sign >= 0 else 'no '}{label}"
    many = ("many ", "few ") if label in _COUNTED else ("", "no ")
    return f"used when there are {many[sign < 0]}{label}"


def _is_move(label: str) -> bool:
    return label in MOVE_LABELS and "move" in label


def _plural(label: str) -> str:
    """Return "corner moves" of "corner move", and "move h7" as it is."""
    if label.startswith("move ") and len(label) > len("move h7"):
        return f"moves{label[4:]}"
    return f"{label}s" if label.endswith(" move") else label
