"""How well features of a network tell what the rules of Othello say of a board."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from typing import Final

from conceptlrp.drawing.notebook import html_table
from conceptlrp.jsontext import Plain
from conceptlrp.late import pd
from conceptlrp.statistics.estimates import Estimate

#: All kinds of properties together.
ALL: Final = "all"
#: Whose features: the store's network's, those of random weights, the discs themselves.
SOURCES: Final = ("network", "random weights", "board")
NUMBERS: Final = ("coverage", "reconstruction")
#: What the two numbers are, for readers.
MEANING: Final = (
    "Coverage is how well the best single feature tells whether a property holds on a "
    "board: its F1 on games that chose nothing, mean over properties. Reconstruction "
    "is how much is told by features that are right more than 95 % of the time they "
    "are on: F1 over all properties together."
)
PUBLISHED: Final = (
    "Published for OthelloGPT, on its own games: reconstruction of legal moves .939 "
    "from features of a sparse autoencoder in layer 6, .997 from all layers, .03 to "
    ".999 from MLP neurons by layer; coverage of board properties .812 for "
    "autoencoders, .933 for neurons, .340 for a random network (arXiv 2408.00113, "
    "tables in github.com/adamkarvonen/SAE_BoardGameEval)."
)


@dataclass(frozen=True)
class TruthScore(Plain):
    """Two numbers of the features of a layer, for one kind of property.

    Attributes
    ----------
    source, layer, features : str
        "network", "random weights" or "board"; its layer; the kind of feature.
    count : int
        How many features there are.
    properties : str
        Kind of property, or "all".
    coverage, reconstruction : Estimate
        Between 0 and 1, with intervals over held-out games.
    """

    source: str
    layer: str
    features: str
    count: int
    properties: str
    coverage: Estimate
    reconstruction: Estimate


@dataclass(frozen=True)
class RulesTruth(Plain):
    """How well features of a network tell what the rules say of a board.

    Coverage is the mean over properties of the F1 of the best feature, with a
    threshold; feature and threshold are chosen on other games. Reconstruction is the
    F1, over all properties, of telling a property where any feature is on that is
    right in more than 95 % of the cases there. "probe" and "trees" learn each property
    instead: both numbers are of what they tell.

    Attributes
    ----------
    positions, games, learned : int
        Held-out positions, their games, and positions of the others.
    properties : mapping of str to int
        How many properties there are of each kind.
    scores : tuple of TruthScore
        By source, layer, kind of feature and kind of property.
    seed : int
        Seed of all that is random.
    network, corpus : str
        Digests of what it was made from.
    """

    positions: int
    games: int
    learned: int
    properties: Mapping[str, int]
    scores: tuple[TruthScore, ...]
    seed: int
    network: str
    corpus: str

    def frame(self) -> "pd.DataFrame":
        """Return a table, one row a score."""
        names = ("source", "layer", "features", "count", "properties")
        ends = (("", "mean"), ("_low", "low"), ("_high", "high"))
        rows = [
            {name: getattr(each, name) for name in names}
            | {
                f"{n}{e}": getattr(getattr(each, n), of)
                for n in NUMBERS
                for e, of in ends
            }
            for each in self.scores
        ]
        return pd.DataFrame(rows)

    def table(self, number: str) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """Return heads and rows of a table of "coverage" or "reconstruction"."""
        rows: dict[tuple[str, ...], list[str]] = {}
        for each in self.scores:
            about = (each.source, each.layer, each.features, f"{each.count:,}")
            rows.setdefault(about, []).append(_cell(getattr(each, number)))
        heads = ("source", "layer", "features", "count", *self.properties)
        return heads, [(*about, *cells) for about, cells in rows.items()]

    def __repr__(self) -> str:
        kinds = ", ".join(dict.fromkeys(each.features for each in self.scores))
        return f"RulesTruth(positions={self.positions}, features=[{kinds}])"

    def _repr_html_(self) -> str:
        tables = ((name.capitalize(), *self.table(name)) for name in NUMBERS)
        return "".join(html_table(*each) for each in tables)


def _cell(found: Estimate) -> str:
    """Write a number with half its interval.

    >>> _cell(Estimate(0.664, 0.65, 0.678, 9, 12))
    '.664 ± .014'
    """
    half = (found.high - found.low) / 2
    parts = [found.mean] if isnan(half) else [found.mean, half]
    return " ± ".join(f"{each:.3f}".removeprefix("0") for each in parts)
