"""Learning rules in squares: which squares around a square tell a channel's map.

A tree of few leaves is grown for every channel on the games that labels are found on,
by flags of the squares of a window (own disc, opponent's disc, empty, legal move, off
the board), pooled over all squares. The rule is the node of the tree, or two, that the
channel follows most closely in as few words as a person reads at once.

Shapes use n rows (squares of positions, or positions), F flags, C channels, L leaves
and K rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from conceptlrp.labelling.columns import flat_table
from conceptlrp.labelling.measures import Half
from conceptlrp.labelling.result import LabelCriteria
from conceptlrp.labelling.rule import (
    EMPTY,
    LEGAL,
    OFF,
    OPPONENT,
    OWN,
    PLACE,
    Case,
    Cell,
    Rule,
    conditions,
    places,
    seen_from,
    sentence,
    simplify,
    square_states,
)
from conceptlrp.statistics.estimates import known_interval, ratio
from conceptlrp.statistics.intervals import LEAST_GAMES
from conceptlrp.statistics.ranks import Floats, centered_ranks, codes
from conceptlrp.statistics.significance import interval_reach, random_guard
from conceptlrp.statistics.trees import Path, Trees, grow

#: The rule of every channel, None where there is none.
Rules: TypeAlias = tuple[Rule | None, ...]

_REACH: Final = 2
_LEAVES: Final = 16
_DEPTH: Final = 5
_ROWS: Final = 1 << 14, 1 << 15
_CHANNELS: Final = 64
# What a person reads at once.
_CONDITIONS: Final = 4
# What a condition must add to the correlation, and a tree explain of the variance.
_WORTH: Final = 0.01
_LONGEST: Final = 160
_ROUNDING: Final = 1e-9
_NEAREST: Final = 1e-6
_BEST: Final = 8
_LEAST_R2: Final = 0.05
_ON_BOARD: Final = (OWN, OPPONENT, EMPTY | LEGAL, LEGAL)
# Corners, and the whole edge.
_PLACES: Final = (1, 3)


@dataclass(frozen=True, eq=False)
class Rows:
    """Squares of boards, or boards, that rules are found or confirmed on.

    ``seen`` has by cell the state of each row (n,) as a bit; ``strata`` and ``games``
    are those of the rows, which are the ``chosen`` of all rows of ``positions``.
    """

    seen: dict[Cell, NDArray[np.uint8]]
    strata: NDArray[np.intp]
    games: NDArray[np.intp]
    positions: NDArray[np.intp]
    chosen: NDArray[np.intp]

    def flag(self, cell: Cell, states: int) -> NDArray[np.bool_]:
        """Tell on which rows a cell has one of some states."""
        return np.asarray((self.seen[cell] & states) != 0)

    def holds(self, cases: Sequence[Case]) -> NDArray[np.bool_]:
        """Tell on which rows any of some cases holds."""
        found = [
            np.logical_and.reduce([self.flag(*each) for each in case.items()])
            for case in cases
        ]
        return np.asarray(np.logical_or.reduce(found))

    @cached_property
    def sizes(self) -> NDArray[np.intp]:
        """Rows of each stratum."""
        return np.bincount(self.strata)


@dataclass(frozen=True, eq=False)
class Followed:
    """How closely one channel follows flags of rows.

    With flags as 0 and 1, ranks r and s rows in a stratum, ``p`` of them with the flag,
    the correlation of ranks within strata is
    ``sum_f r / s / sqrt(sum (r / s)^2 sum_strata p (s - p) / s)``.
    """

    rows: Rows
    values: Floats
    ranks: Floats

    def closeness(self, group: NDArray[np.intp], members: Floats) -> Floats:
        """Return the mean of two correlations with unions of groups, members (L, K).

        Of ranks within strata, as that is how names compete, and of values among all
        rows, since a rule that holds within strata alone is not what boards show.
        """
        number, strata, sizes = len(members), self.rows.strata, self.rows.sizes
        counts = np.bincount(strata * number + group, minlength=len(sizes) * number)
        having = counts.reshape(-1, number) @ members
        spread = (having * (1 - having / sizes[:, None])).sum(axis=0)
        n, rows = len(group), having.sum(axis=0)
        tops = [
            np.bincount(group, each, minlength=number) @ members
            for each in (self.ranks, self.values)
        ]
        bottoms = (
            np.sqrt(spread * np.square(self.ranks).sum()),
            np.sqrt(rows * (1 - rows / n) * np.square(self.values).sum()),
        )
        within, overall = (
            np.divide(top, bottom, out=np.zeros_like(top), where=bottom > _ROUNDING)
            for top, bottom in zip(tops, bottoms, strict=True)
        )
        return np.asarray((within + overall) / 2)


@dataclass(frozen=True, eq=False)
class _Learned:
    """Rules of C channels; on held-out rows (n, C) where each holds, and unit ranks."""

    rules: list[Rule | None]
    holds: NDArray[np.bool_]
    ranks: NDArray[np.float32]


def learn_rules(
    tables: Sequence[NDArray[Any]],
    boards: NDArray[np.int8],
    halves: tuple[Half, Half],
    asked: LabelCriteria,
    *,
    trained: int = 1,
) -> list[Rules]:
    """Learn a rule for every channel of networks, each held against the random ones.

    ``tables`` have maps (N, C, n, n) of boards (N, n, n), or values (N, C); the first
    ones are of the `trained` network. A channel of which a tree explains nothing has
    no rule.
    """
    squares = _Squares(boards, tables[0], halves, asked)
    learned = [squares.learn(table) for table in tables]
    # Each rule as flags, and how its own channel follows it: r and the ends of r.
    flags = [squares.centered(each.holds) for each in learned]
    own = [
        squares.correlations(f, each.ranks)
        for f, each in zip(flags, learned, strict=True)
    ]
    found = []
    for i, one in enumerate(learned):
        others = [j for j in range(trained, len(learned)) if j != i]
        same = [np.abs(learned[j].ranks.T @ flags[i]) for j in others]
        guards = random_guard([np.zeros((0, len(one.rules))), *same]).clip(max=1)
        told = [np.array([r.r2 if r else 0 for r in learned[j].rules]) for j in others]
        theirs = [np.abs(own[j][0]) for j in others]
        r, low, high = own[i]
        found.append(
            tuple(
                rule
                and replace(
                    rule,
                    correlation=float(r[c]),
                    correlation_low=float(low[c]),
                    correlation_high=float(high[c]),
                    random=_guard(told),
                    random_correlation=float(guards[c]),
                    random_rules=_guard(theirs),
                )
                for c, rule in enumerate(one.rules)
            )
        )
    return found


class _Squares:
    """Rows of boards with their flags, on which rules of all networks are learned."""

    def __init__(
        self,
        boards: NDArray[np.int8],
        table: NDArray[Any],
        halves: tuple[Half, Half],
        asked: LabelCriteria,
    ) -> None:
        self.asked, self.size = asked, boards.shape[1]
        self.is_whole = table.ndim == 2
        states = square_states(boards)
        inside = np.ones((self.size,) * 2, np.bool_) if self.is_whole else _fired(table)
        self.learned, self.held_out = (
            self._rows(states, half, inside, most)
            for half, most in zip(halves, _ROWS, strict=True)
        )
        flags = [
            (cell, states)
            for cell in self.learned.seen
            for states in (_PLACES if cell is PLACE else (*_ON_BOARD, OFF))
        ]
        columns = [self.learned.flag(*literal) for literal in flags]
        varies = [bool(c.any() and not c.all()) for c in columns]
        self.literals = [f for f, kept in zip(flags, varies, strict=True) if kept]
        self.flags = [
            np.stack([rows.flag(*literal) for literal in self.literals], axis=1)
            for rows in (self.learned, self.held_out)
        ]

    def _rows(
        self, states: NDArray[np.int8], half: Half, inside: NDArray[np.bool_], most: int
    ) -> Rows:
        columns, size = half.columns, self.size
        states = states[half.positions]
        if self.is_whole:
            cells: list[Cell] = [(r, c) for r in range(size) for c in range(size)]
            chosen = np.arange(len(states))
        else:
            reach = range(-_REACH, _REACH + 1)
            cells = [PLACE, *((r, c) for r in reach for c in reach)]
            chosen = np.flatnonzero(np.broadcast_to(inside, states.shape))
        # Some of the rows alone, so that the cost of many has a bound.
        if len(chosen) > most:
            drawn = np.random.default_rng(self.asked.seed).permutation(len(chosen))
            chosen = np.sort(chosen[drawn[:most]])
        lies = np.broadcast_to(places(size), states.shape)
        seen = {
            cell: lies
            if cell is None
            else seen_from(states, *cell, whole=self.is_whole)
            for cell in cells
        }
        bits = {c: (1 << s.ravel()[chosen]).astype(np.uint8) for c, s in seen.items()}
        strata, games = columns.strata[chosen], columns.games[chosen]
        return Rows(bits, codes(strata), codes(games), half.positions, chosen)

    def learn(self, table: NDArray[Any]) -> _Learned:
        """Learn the rules of one network, some channels at a time."""
        some = range(0, table.shape[1], _CHANNELS)
        parts = [self._some(table[:, first : first + _CHANNELS]) for first in some]
        holds, ranks = (
            np.concatenate([getattr(part, name) for part in parts], axis=1)
            for name in ("holds", "ranks")
        )
        return _Learned([rule for part in parts for rule in part.rules], holds, ranks)

    def centered(self, flags: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return flags (n, K) about their means in strata, each of length 1."""
        strata, sizes = self.held_out.strata, self.held_out.sizes
        order = np.argsort(strata, kind="stable")
        firsts = np.cumsum(sizes) - sizes
        means = np.add.reduceat(flags[order].astype(np.float32), firsts, axis=0)
        means /= sizes[:, None].astype(np.float32)
        return _unit(flags.astype(np.float32) - means[strata])

    def correlations(
        self, flags: NDArray[np.float32], ranks: NDArray[np.float32]
    ) -> Floats:
        """Return r of columns (n, K) of length 1 and Fisher's ends by game, (3, K)."""
        r = np.clip((flags * ranks).sum(axis=0), -1, 1).astype(np.float64)
        psi = flags * ranks - (r / 2).astype(np.float32) * (flags**2 + ranks**2)
        by_game = self._by_game(psi)
        bounded = np.clip(r, _NEAREST - 1, 1 - _NEAREST)
        tail = (1 + self.asked.confidence) / 2
        reach = interval_reach(by_game, len(by_game), tail) / (1 - bounded**2)
        center = np.arctanh(bounded)
        ends = np.tanh(center - reach), np.tanh(center + reach)
        # Of a perfect detector both ends are r, which every draw of games has.
        told = np.where(len(by_game) >= LEAST_GAMES, ends, np.nan)
        return np.stack([r, *told])

    def _by_game(self, columns: NDArray[Any]) -> Floats:
        """Return sums of columns (n, K) of the rows held out, by game."""
        games = self.held_out.games
        order = np.argsort(games, kind="stable")
        firsts = np.searchsorted(games[order], np.arange(games.max(initial=-1) + 1))
        return np.add.reduceat(columns[order], firsts, axis=0).astype(np.float64)

    def _some(self, table: NDArray[Any]) -> _Learned:
        halves = self.learned, self.held_out
        learned, held_out = (
            flat_table(table[rows.positions])[rows.chosen].astype(np.float32)
            for rows in halves
        )
        mean, spread = learned.mean(axis=0), learned.std(axis=0)
        spread[spread == 0] = 1
        learned, held_out = (learned - mean) / spread, (held_out - mean) / spread
        trees = grow(self.flags[0], learned, leaves=_LEAVES, depth=_DEPTH)
        leaves, asked = (trees.leaves(f).astype(np.intp) for f in self.flags)
        predicted = np.take_along_axis(trees.mean, asked, axis=0)
        explained = np.stack(self._explained(held_out, predicted), axis=1)
        within, ranks = (
            centered_ranks(each, rows.strata) / rows.sizes[rows.strata, None]
            for each, rows in zip((learned, held_out), halves, strict=True)
        )
        rules: list[Rule | None] = []
        holds = np.zeros(held_out.shape, np.bool_)
        for c, r2 in enumerate(explained):
            follows = Followed(self.learned, learned[:, c], within[:, c])
            cases = self._choose(trees, c, leaves[:, c], follows)
            if not cases or not r2[0] >= _LEAST_R2:
                rules.append(None)
                continue
            holds[:, c] = self.held_out.holds(cases)
            rules.append(self._rule(cases, r2, held_out[:, c], holds[:, c]))
        return _Learned(rules, holds, _unit(ranks.astype(np.float32)))

    def _rule(
        self,
        cases: Sequence[Case],
        explained: Floats,
        values: NDArray[np.float32],
        holds: NDArray[np.bool_],
    ) -> Rule:
        r2, low, high = map(float, explained)
        there, elsewhere = (_mean(values[each]) for each in (holds, ~holds))
        return Rule(
            sentence=sentence(cases, self.size, whole=self.is_whole),
            conditions=tuple(conditions(case) for case in cases),
            window=0 if self.is_whole else 2 * _REACH + 1,
            size=self.size,
            sign=1 if there >= elsewhere else -1,
            r2=r2,
            low=low,
            high=high,
            share=float(holds.mean()),
            mean=there,
            elsewhere=elsewhere,
        )

    def _explained(
        self, values: NDArray[np.float32], predicted: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Return the part of the variance (C,) that is explained, and its interval."""
        asked, errors = self.asked, (values - predicted) ** 2
        parts: list[NDArray[Any]] = [np.ones_like(values), values, values**2, errors]
        n, total, squares, error = (self._by_game(part) for part in parts)
        mean = total.sum(axis=0) / n.sum(axis=0)
        # Sums by game of squares about the mean of all.
        around = squares - 2 * mean * total + n * mean**2
        spread = around.sum(axis=0)
        spread[spread <= _ROUNDING * n.sum(axis=0)] = 0
        left = ratio(error.sum(axis=0), spread)
        # The logarithm of what is left unexplained is far from the bound of R2.
        influences = ratio(error, error.sum(axis=0)) - ratio(around, spread)
        tail = (1 + asked.confidence) / 2
        reach = np.exp(interval_reach(np.nan_to_num(influences), len(n), tail))
        ends = 1 - left * reach, 1 - left / reach
        low, high = known_interval(ends, 1, len(n))
        return 1 - left, low, high

    def _choose(
        self, trees: Trees, channel: int, leaf: NDArray[np.intp], follows: Followed
    ) -> list[dict[Cell, int]]:
        """Return the node, or two, that a channel follows most closely."""
        nodes = trees.nodes(channel)
        if not nodes:
            return []
        members = np.stack([leaves for _, leaves in nodes], axis=1).astype(np.float64)
        close = follows.closeness(leaf, members)
        best = np.argsort(-np.abs(close))[:_BEST]
        pairs = [
            (a, b)
            for a, b in combinations(best, 2)
            if not members[:, [a, b]].all(1).any()
        ]
        both = members[:, [a for a, _ in pairs]] + members[:, [b for _, b in pairs]]
        closer = follows.closeness(leaf, both)
        tried = [*(((i,), close[i]) for i in best), *zip(pairs, closer, strict=True)]
        found: list[dict[Cell, int]] = []
        score = 0.0
        for chosen, value in tried:
            if abs(value) <= score:
                continue
            cases = [simplify(self._case(nodes[i][0]), self.size) for i in chosen]
            worth = _worth(cases, value)
            if worth > score and self._is_readable(cases):
                found, score = cases, worth
        return self._shortened(found, score, follows)

    def _case(self, path: Path) -> dict[Cell, int]:
        case: dict[Cell, int] = {}
        for flag, is_set in path:
            cell, states = self.literals[flag]
            case[cell] = case.get(cell, ~0) & (states if is_set else ~states)
        return case

    def _is_readable(self, cases: Sequence[Case]) -> bool:
        words = sentence(cases, self.size, whole=self.is_whole)
        return sum(map(len, cases)) <= _CONDITIONS and len(words) <= _LONGEST

    def _shortened(
        self, cases: list[dict[Cell, int]], score: float, follows: Followed
    ) -> list[dict[Cell, int]]:
        """Leave out conditions for as long as the channel follows what is left."""
        shorter = [
            [*cases[:i], {c: s for c, s in case.items() if c != cell}, *cases[i + 1 :]]
            for i, case in enumerate(cases)
            for cell in case
            if len(case) > 1
        ]
        for fewer in shorter:
            holds = self.learned.holds(fewer).astype(np.intp)
            value = follows.closeness(holds, np.array([[0.0], [1.0]]))[0]
            worth = _worth(fewer, value)
            if worth > score:
                simpler = [simplify(case, self.size) for case in fewer]
                return self._shortened(simpler, worth, follows)
        return cases


def _worth(cases: Sequence[Case], correlation: float) -> float:
    """Weigh how closely a channel follows a rule against its words."""
    words = sum(map(len, cases)) + 2 * (len(cases) - 1) + (correlation < 0)
    return abs(correlation) - _WORTH * words


def _unit(columns: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give columns (n, K) the length 1; those of rounding alone become 0."""
    length = np.sqrt(np.square(columns).sum(axis=0))
    kept = length > _ROUNDING * len(columns)
    return np.asarray(np.where(kept, columns / np.where(kept, length, 1), 0))


def _guard(numbers: Sequence[Floats]) -> float:
    """Return what 1 % of channels (C,) of random networks exceed."""
    return float(random_guard([np.zeros((0, 1)), *(n[:, None] for n in numbers)])[0])


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if values.size else float("nan")


def _fired(maps: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which squares (n, n) are no rim on which smaller maps are 0 throughout."""
    fired = np.asarray((maps != 0).any(axis=(0, 1)))
    rows, columns = fired.nonzero()
    far = [np.minimum(x, len(fired) - 1 - x) for x in (rows, columns)]
    rim = int(np.minimum(*far).min(initial=len(fired) // 2 - 1))
    inside = np.zeros_like(fired)
    inside[rim : len(fired) - rim, rim : len(fired) - rim] = True
    return np.asarray(inside, np.bool_)
