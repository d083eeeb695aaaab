"""What edited boards say: whether channels follow a label that is switched on boards.

Shapes use C channels of a layer, K labels and E examples of each. Reading a result
imports neither torch nor pandas.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from conceptlrp.drawing.notebook import html_table
from conceptlrp.jsontext import Plain
from conceptlrp.labelling.channel_name import (
    ACTIVATION,
    FEATURE_MAP,
    FIRING_PLACE,
    INTERCHANGE,
    PLACE,
    RELEVANCE,
    RULE,
    STRONGEST,
    ChannelName,
)
from conceptlrp.labelling.result import Pairs, check_channel
from conceptlrp.labels import MOVE_LABELS
from conceptlrp.late import pd
from conceptlrp.statistics.intervals import FEW_GAMES, LEAST_GAMES, between
from conceptlrp.statistics.ranks import Floats
from conceptlrp.store.results.codec import Shape

#: The AUROC of edited boards that a name must reach.
LEAST_AUROC: Final = 0.9
#: What the lower end of its interval must exceed.
LEAST_LOW: Final = 0.8
#: What part of random networks' channels may respond by labels of their own.
OF_RANDOM: Final = 1 / 64
_NAN: Final = float("nan")
_SWITCH: Final = "edited boards that switch", "matched edits"
_INSIDE: Final = "edits inside", "edits of the same kind outside, by the size of change"
_TESTS: Final = {
    PLACE: _INSIDE,
    FIRING_PLACE: _INSIDE,
    "moves": (
        "the question for one move or another of a board, which switches",
        "two moves that are alike in it",
    ),
}

Numbers: TypeAlias = Annotated[Floats, Shape("K", np.float32)]


@dataclass(frozen=True)
class Response(Plain):
    """How a channel answers to edits that switch its label.

    Attributes
    ----------
    label, measure : str
        The label, and what of the channel is watched.
    auroc, low, high : float
        How often the change of a switching edit lies further in the direction of the
        name than that of a matched edit, and its 95 % interval.
    natural : float
        The same with nearest neighbours of the corpus in place of edits.
    random, random_own : float
        The AUROC that 1 % of channels of networks with random weights exceed; and the
        lower end that 1 of 64 exceeds with what it follows best itself.
    beyond : float
        Which part of the edited boards leaves what the network has seen.
    games : int
        Games that were held out, one edit and its match of each.
    passed : bool or None
        Whether the channel responds; None where that is not tested.
    text : str
        All of it in one sentence.
    """

    label: str
    measure: str
    auroc: float = _NAN
    low: float = _NAN
    high: float = _NAN
    natural: float = _NAN
    random: float = _NAN
    random_own: float = _NAN
    beyond: float = _NAN
    games: int = 0
    passed: bool | None = None
    text: str = ""


@dataclass(frozen=True, eq=False)
class LayerEdits:
    """What edits do to the channels of one layer.

    Attributes
    ----------
    auroc, low, high : dict of str to float array of shape (C, K)
        By measure: how often the change of a switching edit exceeds that of a matched
        one, and the ends of its 95 % interval; below 0.5 for a channel that falls
        where the label comes to hold, nan for labels that are not tested.
    natural : dict of str to float array of shape (C, K)
        The same over pairs of neighbours in the corpus.
    random : dict of str to float array of shape (K,)
        The AUROC, in either direction, that 1 % of channels of random networks exceed.
    beyond, usual_beyond : float array of shape (K,), float
        Which part of the boards that switch a label leaves what the network has seen,
        and of the boards that were edited.
    random_own : dict of str to float
        By kind of test, see `kind_of_test`: a lower end, so that 1 of 64 channels of
        random networks has more, by any kind, with the label or rule that this very
        channel follows best in the corpus; without kinds that none of them has.
    random_responding : float
        Which part of the channels of random networks responds to what it follows best,
        judged as a name is, by the other random networks; nan where that is not known.
    change, matched : dict of str to float array of shape (C, K, E)
        By measure, what the edits and matched edits of the examples change, in the
        direction of the label.
    """

    auroc: Mapping[str, Pairs]
    low: Mapping[str, Pairs]
    high: Mapping[str, Pairs]
    natural: Mapping[str, Pairs]
    random: Mapping[str, Numbers]
    beyond: Numbers
    usual_beyond: float
    random_own: Mapping[str, float]
    random_responding: float
    change: Mapping[str, Annotated[Floats, Shape("C K E", np.float32)]]
    matched: Mapping[str, Annotated[Floats, Shape("C K E", np.float32)]]


@dataclass(frozen=True, eq=False)
class EditedBoards(Plain):
    """How channels answer to boards that were edited so that a label switches.

    Of each board of a held-out game two edits are kept for a label: one that switches
    it and as few other labels as possible, and a matched one, of as many squares, of
    the same kind and in the same place, that does not. What stays: the number of discs,
    the four squares of the start, every disc next to others, and the explained move.
    For a place, edits inside it are held against edits of the same kind outside, by the
    size of the change. For a label of moves the board stays, and the question changes:
    a move that has it less one that has not, against two moves that are alike in it.

    Attributes
    ----------
    target : str
        The explained output, of which relevance is.
    labels : tuple of str
        The K labels that were tried: those of the board, then rules, which are the
        names of channels, by their sentences, places, and labels of moves.
    games, pairs : int array of shape (K,)
        Games with an edit, one each, and pairs of neighbours in the corpus.
    step : float array of shape (K,)
        By how much a number must change at least, 1 for what holds or not.
    others : float array of shape (K,)
        How many other labels a switching edit switches on average.
    same_place : float array of shape (K,)
        Which part of the matched edits is on squares of the same location class.
    distance : float array of shape (K,)
        On how many squares neighbours of the corpus differ, on average.
    ply_kept : bool array of shape (K,)
        False where only adding or removing a disc switches the label.
    boards, edited : int
        Boards that were edited, and edited boards that networks were run on.
    before, after, unswitched : uint64 array of shape (K, E, 2)
        Own and opponent's discs of some of the boards, drawn at random, and what they
        became by the switching and by the matched edit; 0 where there is none.
    moves : int8 array of shape (K, E, 2)
        For labels of moves, of which boards stay: a move that has it not, and one that
        has it; -1 for others.
    random_networks, seed, size : int
        Networks with random weights that ran too, the seed, the side of the board.
    layers : dict of str to LayerEdits
        By layer.
    network, corpus : str
        Digests of what it was made from.
    """

    target: str
    labels: Annotated[tuple[str, ...], Shape("K")]
    games: Annotated[NDArray[np.int64], Shape("K")]
    pairs: Annotated[NDArray[np.int64], Shape("K")]
    step: Numbers
    others: Numbers
    same_place: Numbers
    distance: Numbers
    ply_kept: Annotated[NDArray[np.bool_], Shape("K")]
    boards: int
    edited: int
    before: Annotated[NDArray[np.uint64], Shape("K E 2")]
    after: Annotated[NDArray[np.uint64], Shape("K E 2")]
    unswitched: Annotated[NDArray[np.uint64], Shape("K E 2")]
    moves: Annotated[NDArray[np.int8], Shape("K E 2")]
    random_networks: int
    seed: int
    size: int
    layers: Mapping[str, LayerEdits]
    network: str
    corpus: str

    def response(self, layer: str, channel: int, name: ChannelName) -> Response:
        """Say whether a channel answers to edits that switch its name's label.

        It does if the AUROC of the change of the name's quantity, in the direction of
        the name, is 0.9 or more and more than 1 % of channels of networks with random
        weights reach, and its interval lies above 0.8, and above what 1 of 64 of them
        reaches with the label or rule that it follows best itself.
        """
        found = self._layer(layer, channel)
        why = self._untested(found, name)
        if why:
            text = f"Not tested by edited boards: {why}."
            return Response(name.label, name.measure, text=text)
        k, measure = self.labels.index(name.label), self._watched(found, name)
        auroc, low, high, natural = (
            float(table[measure][channel, k]) if measure in table else _NAN
            for table in (found.auroc, found.low, found.high, found.natural)
        )
        # Interchange says what a channel carries, not which way it goes.
        sign = name.sign if name.measure != INTERCHANGE else np.sign(auroc - 0.5)
        if sign < 0:
            auroc, low, high, natural = 1 - auroc, 1 - high, 1 - low, 1 - natural
        random = float(found.random[measure][k])
        own = found.random_own.get(kind_of_test(name.label, name.measure), _NAN)
        passed = bool(responds(auroc, low, random)) and not low <= own
        response = Response(
            name.label,
            measure,
            auroc,
            low,
            high,
            natural,
            random,
            own,
            float(found.beyond[k]),
            int(self.games[k]),
            passed,
        )
        return replace(response, text=_sentence(response, found.usual_beyond))

    def frame(self, layer: str | None = None) -> "pd.DataFrame":
        """Return a table, one row a channel, label and measure, of one layer or all."""
        parts = []
        for name in self.layers if layer is None else (layer,):
            found, k = self.layers[name], len(self.labels)
            for measure, auroc in found.auroc.items():
                channels = len(auroc)
                none = np.full(auroc.shape, _NAN)
                low, high = found.low[measure], found.high[measure]
                random = np.tile(found.random[measure], channels)
                up = responds(auroc, low, found.random[measure])
                down = responds(1 - auroc, 1 - high, found.random[measure])
                table = {
                    "layer": np.repeat(name, channels * k),
                    "channel": np.repeat(np.arange(channels), k),
                    "label": np.tile(self.labels, channels),
                    "measure": np.repeat(measure, channels * k),
                    "auroc": auroc.ravel(),
                    "low": low.ravel(),
                    "high": high.ravel(),
                    "natural": found.natural.get(measure, none).ravel(),
                    "random": random,
                    "beyond": np.tile(found.beyond, channels),
                    "games": np.tile(self.games, channels),
                    "passed": (up | down).ravel(),
                }
                parts.append(table)
        columns = {n: np.concatenate([part[n] for part in parts]) for n in parts[0]}
        return pd.DataFrame(columns)

    def counts(self, layer: str) -> tuple[int, float]:
        """Count channels that answer to any label.

        Then which part of the channels of networks with random weights responds to
        what it follows best.
        """
        found = self.layers[layer]
        passed = [
            responds(a, found.low[m], found.random[m])
            | responds(1 - a, 1 - found.high[m], found.random[m])
            for m, a in found.auroc.items()
        ]
        some = int(np.any(passed, axis=(0, 2)).sum())
        return some, found.random_responding

    def __repr__(self) -> str:
        layers = ", ".join(f"{n}: {self.counts(n)[0]}" for n in self.layers)
        return (
            f"EditedBoards(target={self.target!r}, boards={self.boards}, "
            f"labels={len(self.labels)}, responding=[{layers}])"
        )

    def _repr_html_(self) -> str:
        rows = []
        for layer, found in self.layers.items():
            some, random = self.counts(layer)
            channels = len(next(iter(found.auroc.values())))
            rows.append((layer, channels, some, f"{random:.1%}"))
        columns = ("layer", "channels", "respond", "random networks")
        title = f"Channels that respond to edited boards, for '{self.target}'"
        tried = int((self.games >= LEAST_GAMES).sum())
        note = f"{self.boards} boards, {tried} of {len(self.labels)} labels switched."
        return html_table(title, columns, rows, note=note)

    def _untested(self, found: LayerEdits, name: ChannelName) -> str:
        """Say why a name is not tested, "" if it is."""
        if name.label not in self.labels:
            return f"no edit switches {name.label}"
        k = self.labels.index(name.label)
        if self.games[k] < LEAST_GAMES:
            return f"edits switch {name.label} in {FEW_GAMES}"
        measure = self._watched(found, name)
        tested = measure in found.auroc and np.isfinite(found.auroc[measure][:, k])
        return "" if np.any(tested) else f"its {measure} was not followed"

    def _watched(self, found: LayerEdits, name: ChannelName) -> str:
        """Return what of a channel is watched for a name."""
        if name.measure == RULE:
            # A rule of the whole board switches on no square.
            fired = found.auroc.get(FEATURE_MAP, np.zeros((0, len(self.labels))))
            known = np.isfinite(fired[:, self.labels.index(name.label)]).any()
            return FEATURE_MAP if known else ACTIVATION
        return watched(name.label, name.measure)

    def _layer(self, layer: str, channel: int) -> LayerEdits:
        sizes = {
            name: len(next(iter(each.auroc.values())))
            for name, each in self.layers.items()
        }
        check_channel(sizes, layer, channel, "was not followed")
        return self.layers[layer]


def responds(auroc: Any, low: Any, random: Any) -> Any:
    """Tell which AUROCs pass, with the lower ends and what random networks reach."""
    return (auroc >= LEAST_AUROC) & (auroc > random) & (low > LEAST_LOW)


def watched(label: str, measure: str) -> str:
    """Return what of a channel is watched for a name by a measure, but of rules."""
    if measure == INTERCHANGE:
        return RELEVANCE if label in MOVE_LABELS else ACTIVATION
    return RELEVANCE if measure == STRONGEST else measure


def kind_of_test(label: str, measure: str) -> str:
    """Return which names are tested alike: "moves", or what is watched, or "rule"."""
    return "moves" if label in MOVE_LABELS else watched(label, measure)


def _sentence(found: Response, usual: float) -> str:
    """Write all that is known of a response in one sentence."""
    shown = between(found.low, found.high, games=found.games)
    known = np.isfinite(found.natural)
    natural = f"; natural neighbours {found.natural:.2f}" if known else ""
    seen = (
        f"; {found.beyond:.0%} of the edits leave what the network has seen, "
        f"{usual:.0%} of natural boards do"
    )
    verb = "Responds" if found.passed else "Not shown to respond"
    limits = f"random networks {found.random:.2f}"
    if np.isfinite(found.random_own):
        limits += f", with labels or rules of their own from {found.random_own:.2f}"
    what, against = _TESTS.get(
        "moves" if found.label in MOVE_LABELS else found.measure, _SWITCH
    )
    return (
        f"{verb} to {what} {found.label}: {found.measure}, AUROC "
        f"{found.auroc:.2f} {shown} against {against} ({found.games} games{natural}"
        f"; {limits}{seen if np.isfinite(found.beyond) else ''})."
    )
