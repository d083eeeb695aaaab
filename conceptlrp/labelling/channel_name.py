"""The name of a channel: a label with its sign, and what of the channel it is about."""

from dataclasses import dataclass
from typing import Final

from conceptlrp.labelling.rule import Rule
from conceptlrp.labels import MOVE_LABELS, sentence
from conceptlrp.labels.words import Clause, clause, either, explained_moves, on_squares

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

#: What every page and verb says once of all names.
HOW_TO_READ: Final = (
    "Names: the mover is the side to move, and the value is the mover's. Active is "
    "said of activation, used of relevance, looks and fires of where these lie on "
    "every board. That a channel raises or lowers the output is shown by interchange, "
    "with its map of another game's position of the same ply in place of its own: r is "
    "the correlation of what this changes with the difference of the label."
)
# What a name says of a channel that is high on its label, and of one that is low. One
# that speaks for moves is MOVES, whatever measure of relevance shows it.
_MOVES: Final = "moves"
_VERBS: Final = {
    ACTIVATION: ("active when", "inactive when"),
    RELEVANCE: ("used when", "less used when"),
    _MOVES: ("speaks for", "speaks against"),
    MAP: ("used on", "less used on"),
    FEATURE_MAP: ("active on", "inactive on"),
    RULE: ("active on", "inactive on"),
    PLACE: ("looks at", "looks away from"),
    FIRING_PLACE: ("fires at", "fires away from"),
    INTERCHANGE: ("when", "when"),
}
_WAYS: Final = {1: "raises", -1: "lowers", 0: "moves"}
_OF_ACTIVATION: Final = (ACTIVATION, FEATURE_MAP, FIRING_PLACE, RULE)
_QUANTITIES: Final = {
    MAP: "relevance on the board",
    FEATURE_MAP: "activation on the board",
    RULE: "activation on the board",
    INTERCHANGE: "the output",
}


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
    counted : tuple of str or None
        Which sets of squares are known to be many or few, and not some or none; None
        where that is not known.
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
    counted: tuple[str, ...] | None = None

    def __str__(self) -> str:
        return self.text

    @property
    def is_named(self) -> bool:
        """Whether there is a name."""
        return bool(self.label)

    @property
    def text(self) -> str:
        """The name in words, or "unnamed".

        >>> name = ChannelName("mobility", -1, ACTIVATION, output="the value", way=1)
        >>> print(name)
        inactive when the mover's mobility is high; that raises the value
        """
        if not self.label:
            return UNNAMED
        found, way = self._followed, f"{_WAYS[self.way]} {self.output or 'the output'}"
        if self.measure == INTERCHANGE:
            return f"{way} {found}"
        if not self.way:
            return found
        if self.carried:
            return f"{found}; when {clause(self.carried)}, it {way}"
        # Of a channel that is low on a label it is more of the label that does it.
        return f"{found}; {'it' if self.sign >= 0 else 'that'} {way}"

    @property
    def _followed(self) -> str:
        """What it is high or low on; of two that share words these are said once."""
        verb, said = _predicate(self.label, self.sign, self.measure, self.counted)
        if not self.second:
            return f"{verb} {said}"
        measure = self.second_measure or self.measure
        other, also = _predicate(self.second, self.second_sign, measure, self.counted)
        if verb.endswith("when") and measure == self.measure and other != verb:
            also, other = clause(self.second, self.counted, high=False), verb
        if other == verb:
            return f"{verb} {either(said, also)}"
        return f"{verb} {said}, or {other} {also}"

    @property
    def meaning(self) -> str:
        """What its labels mean, in players' words; "" where nothing is to be added."""
        names = dict.fromkeys((self.label, self.second, self.carried))
        known = ((name, sentence(name)) for name in names)
        return "; ".join(f"{name}: {said}" for name, said in known if said)

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


def described(
    label: str,
    sign: int,
    measure: str = ACTIVATION,
    counted: tuple[str, ...] | None = None,
) -> str:
    """Say of a label and a sign what a channel does, as a measure shows it.

    >>> print(described("own corners", -1))
    inactive when the mover has corners
    """
    verb, said = _predicate(label, sign, measure, counted)
    return f"{verb} {said}"


def _predicate(
    label: str, sign: int, measure: str, counted: tuple[str, ...] | None
) -> tuple[str, Clause]:
    if measure in (RELEVANCE, STRONGEST):
        measure = _MOVES if _is_move(label) else RELEVANCE
    verb = _VERBS.get(measure, ("high when", "low when"))[sign < 0]
    if measure == _MOVES:
        return verb, explained_moves(label)
    if verb.endswith("when"):
        high = measure != INTERCHANGE or sign >= 0
        return verb, clause(label, counted, high=high)
    return verb, Clause("", on_squares(label))


def _is_move(label: str) -> bool:
    return label in MOVE_LABELS and "move" in label
