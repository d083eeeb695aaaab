"""Other conventions of planes, policy and value, tried on games.

A network that was trained on planes in another order, or whose policy is transposed,
runs and is explained without an error, but plays badly. So moves and results of games
are compared with what it says as it is, and under each of the usual mistakes. One is
named where the network is clearly better for it.

Shapes use N positions, P planes and A actions of a board of n x n squares.
"""

from collections.abc import Callable, Iterator
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax  # type: ignore[import-untyped]

from conceptlrp.lrp.probing import best_actions, boards_of
from conceptlrp.networks.planes import (
    Encoding,
    actions_of_squares,
    legal_actions,
    with_pass,
)
from conceptlrp.othello import Corpus
from conceptlrp.othello.board import BLACK
from conceptlrp.othello.symmetry import SYMMETRIES, turn_maps
from conceptlrp.othello.twins import position_keys
from conceptlrp.statistics.estimates import Estimate, estimate, paired_difference
from conceptlrp.statistics.intervals import LEAST_GAMES

Array = NDArray[Any]
#: Planes (N, P, n, n) to logits (N, A) and value (N,), which is nan without a head.
Outputs = Callable[[Array], tuple[Array, Array]]
#: What another convention must gain. Networks with random weights prefer some squares,
#: by which a turned policy gains up to .09 of the moves of WTHOR's games.
_GAIN = 0.1
_TURNS = ((4, ".T"), (1, "[:, ::-1]"), (2, "[::-1]"))


class _Reading(NamedTuple):
    """Another convention, its cure, and the planes or the action of each output."""

    words: str
    cure: str
    array: Array
    arguments: dict[str, Any]


def play_of(outputs: Outputs, encoding: Encoding, corpus: Corpus) -> dict[str, Any]:
    """Compare a network with moves and results, as it is and read otherwise.

    Returns: the fields ``shares``, ``findings`` and ``remedy`` of a `NetworkCheck`.
    """
    games = _Games(corpus)
    logits, value = outputs(encoding(games.boards))
    if not np.isfinite(logits).all():
        return {"findings": ("the policy is not finite; load other weights",)}
    hits, remedy = games.hits(logits), {}
    findings = list(_squashed(logits, value))
    probabilities = softmax(with_pass(logits, size=corpus.size), axis=1)
    measured = {"moves": hits, "chance": games.chance}
    measured["legal"] = (probabilities * games.legal).sum(axis=1)
    if lacking := games.lacking(hits, "moves"):
        findings.append(f"play was not measured: the sample has {lacking}")
    else:
        tried = list(games.tried(outputs, encoding, logits, value))
        readings, then, other = max(tried, key=lambda trial: np.nansum(trial[1]))
        gains = [games.gain(then, each, len(tried)) for each in (hits, games.chance)]
        if min(gains) >= _GAIN:
            findings.append(_sentence("it plays {} of the moves", readings, then, hits))
            remedy = {k: v for each in readings for k, v in each.arguments.items()}
            value = other
        elif not games.gain(hits, games.chance):
            chance = np.nanmean(games.chance)
            findings.append(f"it does not play better than chance ({chance:.0%})")
    if np.isfinite(value).any():
        measured["value"] = games.right(value)
        measured["constant"] = games.right(games.majority)
        if unknown := games.lacking(games.result, "results"):
            told = [f"value was not measured: the sample has {unknown}"]
            findings += [] if lacking else told
        else:
            findings += games.of_value(value)
    shares = {name: games.share(each) for name, each in measured.items()}
    return {"shares": shares, "findings": tuple(findings), "remedy": remedy}


class _Games:
    """Positions with their moves and results, to hold a network against."""

    def __init__(self, corpus: Corpus) -> None:
        self.game, self.size = position_keys(corpus), corpus.size
        self.boards = boards_of(corpus)
        self.legal = legal_actions(corpus.own, corpus.opponent, size=self.size)
        self.played = actions_of_squares(corpus.played, size=self.size)
        self.black = np.where(corpus.mover == BLACK, 1, -1).astype(np.int8)
        #: 1 or -1, nan in a draw; and the one of them that is right more often.
        self.result = np.where(corpus.outcome == 0, np.nan, corpus.outcome)
        self.majority = np.full(len(corpus), np.nansum(self.result) or 1.0)
        self.chance = np.where(self.played < 0, np.nan, 1 / self.legal.sum(axis=1))

    def hits(self, logits: Array) -> Array:
        """Tell where the best legal action is the move played, nan without one."""
        best = best_actions(with_pass(logits, size=self.size), self.legal)
        return np.where(self.played < 0, np.nan, best == self.played)

    def right(self, value: Array) -> Array:
        """Tell where a value has the sign of the result, nan in a draw."""
        return np.where(np.isnan(self.result), np.nan, np.sign(value) == self.result)

    def lacking(self, values: Array, what: str) -> str:
        """Say what values (N,) have too little of to be measured, "" if enough."""
        number = len(np.unique(self.game[np.isfinite(values)]))
        few = f"{number} game{'s' * (number != 1)}, expected at least {LEAST_GAMES}"
        return (few if number else f"no {what}") if number < LEAST_GAMES else ""

    def share(self, values: Array) -> Estimate:
        """Return the mean of values (N,)."""
        return estimate(values, self.game)

    def gain(self, one: Array, other: Array, tried: int = 1) -> float:
        """Return how much larger a share is than another, 0 if that may be chance.

        The best of several `tried` is that much more often so by chance (Bonferroni).
        """
        found = paired_difference(one, other, self.game, confidence=1 - 0.05 / tried)
        return found.mean if found.above(0) else 0.0

    def tried(
        self, outputs: Outputs, encoding: Encoding, logits: Array, value: Array
    ) -> Iterator[tuple[list[_Reading], Array, Array]]:
        """Yield readings, of none to two conventions, with the hits and the value."""
        policies = list(_other_policies(self.size, logits.shape[1]))
        for planes in (None, *_other_planes(encoding, self.boards, self.black)):
            if planes is not None:
                logits, value = outputs(planes.array)
            for policy in (None, *policies):
                turned = logits.copy()
                if policy is not None:
                    turned[:, policy.array] = logits
                readings = [each for each in (planes, policy) if each is not None]
                yield readings, self.hits(turned), value

    def of_value(self, value: Array) -> list[str]:
        """Say of a value (N,) that it is someone else's, or of no use."""
        given, constant = self.right(value), self.right(self.majority)
        others = {
            "the opponent": -value,
            "black": value * self.black,
            "white": -value * self.black,
        }
        # One color may win more of these games, which is no knowledge of the value.
        color = self.right(self.black * (np.nansum(self.result * self.black) or 1.0))
        for whose, other in others.items():
            then, n = self.right(other), len(others)
            gains = [self.gain(then, each, n) for each in (given, constant, color)]
            if gains[0] >= _GAIN and min(gains) > 0:
                cure = "let it return that for the player to move"
                read = _Reading(f"its value is for {whose}", cure, other, {})
                return [_sentence("it knows {} of the winners", [read], then, given)]
        share = f"a constant's ({np.nanmean(constant):.0%})"
        better = self.gain(given, constant) > 0
        return [] if better else [f"its value's sign is no better than {share}"]


def _sentence(text: str, readings: list[_Reading], then: Array, given: Array) -> str:
    words = " and ".join(each.words for each in readings)
    cures = " and ".join(each.cure for each in readings)
    shares = [f"{np.nanmean(each):.0%}" for each in (then, given)]
    return f"{text.format(shares[0])} if {words}, {shares[1]} as given: {cures}"


def _other_planes(
    encoding: Encoding, boards: Array, black: Array
) -> Iterator[_Reading]:
    """Yield planes in another order, of the other player, and in another range."""
    name, size, parts = encoding.name, boards.shape[-1], encoding.name.split("-")
    code = f"{name}(boards)" if encoding.function else "boards[:, None]"
    others: dict[str, tuple[str, Any]] = {}
    if encoding.function is None and "minus" not in parts:
        code = f"Encoding.of({name!r}, {size})(boards)"
        swap = {"own": "opponent", "opponent": "own"}
        swapped = [swap.get(part, part) for part in parts]
        for order in permutations(parts) if len(parts) < 4 else [swapped]:
            others[repr("-".join(order))] = "swapped", "-".join(order)
    else:
        turned = f"lambda boards: {code.replace('boards', '-boards')}"
        others[turned] = "swapped", lambda boards: encoding(-boards)
    if encoding(boards).min() < 0:
        half = f"lambda boards: ({code} + 1) / 2"
        others[half] = "from 0 to 1", lambda boards: (encoding(boards) + 1) / 2
    else:
        twice = f"lambda boards: 2 * {code} - 1"
        others[twice] = "from -1 to 1", lambda boards: 2 * encoding(boards) - 1
    for spelled, (words, encode) in others.items():
        planes = Encoding.of(encode, size)(boards)
        cure = f"pass encode={spelled} to adapt"
        yield _Reading(f"the planes are {words}", cure, planes, {"encode": encode})
    cure = "let it read own and opponent's, as a board does not tell whose turn it is"
    planes = encoding(boards * black[:, None, None])
    yield _Reading("the planes are black's and white's", cure, planes, {})


def _other_policies(size: int, width: int) -> Iterator[_Reading]:
    """Yield actions of the outputs in another order: turned squares, pass first."""
    area = size * size
    squares, end = np.arange(area).reshape(size, size), [area] * (width - area)
    orders = {f"[{area}, *range({area})]": [*end, *squares.flat]} if end else {}
    for s in range(1, SYMMETRIES):
        turned = "".join(code for bit, code in _TURNS if s & bit)
        spelled = f"[*np.arange({area}).reshape({size}, {size}){turned}.flat, *{end}]"
        orders[spelled] = [*turn_maps(squares, s).flat, *end]
    for spelled, actions in orders.items():
        words = "is turned" if "flat" in spelled else "has the pass first"
        cure, array = f"pass policy={spelled} to adapt", np.array(actions)
        yield _Reading(f"the policy {words}", cure, array, {"policy": array.tolist()})


def _squashed(logits: Array, value: Array) -> Iterator[str]:
    """Say of outputs that they look like those of a softmax or tanh."""
    powers = np.exp(np.minimum(logits, 1))
    for kind, each in {"softmax": logits, "log-softmax": powers}.items():
        if each.min() >= 0 and np.allclose(each.sum(axis=1), 1, atol=1e-3):
            yield f"the policy sums to 1, as after a {kind}: let it return logits"
    # Before a tanh values go beyond 1, and few are near an end.
    low, high, most = np.quantile(np.abs(value), (0.05, 0.95, 1))
    if low < 0.5 < 0.8 < high <= most <= 1:
        yield "the value is within -1 and 1, as after a tanh: let it return its input"
