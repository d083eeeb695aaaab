"""What the figures say of composites: gates to pass, and which one to use.

Whatever is said has an interval behind it: a gate is passed or failed only where its
interval lies on one side, and a composite is recommended only where it can be told
from all others. What is left open is said so, with the positions that would decide it.
Faithfulness decides first; of composites that are shown to be equally faithful, the
one whose heatmaps depend more on the network.

Shapes use N positions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from conceptlrp.evaluation.result import (
    CHANNEL_LIMIT,
    FAILED,
    PASSED,
    RANDOM_LOGIT_LIMIT,
    UNDECIDED,
    Gate,
    Recommendation,
)
from conceptlrp.evaluation.sample import Array, Scores
from conceptlrp.lrp.composites import GRADIENT
from conceptlrp.statistics.estimates import Estimate, known_mean, positions_needed
from conceptlrp.statistics.intervals import LEAST_GAMES, between

FAMILIES: Final = (
    ("square_gain", "best"),
    ("square_gain", "value"),
    ("channel_agreement", "best"),
    ("channel_agreement", "value"),
    ("flip_line_mass", "best"),
)
_LIKENESS: Final = (
    "random_logit_cosine",
    "channel_cosine",
    "cascade_excess",
    "empty_board_share",
)
#: An advantage below this part of the best order's gain is none.
_NEGLIGIBLE: Final = 0.05
#: Differences of faithfulness, and of likeness, that make no difference.
_EQUAL: Final = 0.05


@dataclass(frozen=True)
class _Check:
    """A difference to be above 0; wholly below `margin` it does not matter."""

    difference: Estimate
    margin: float
    figures: str
    about: str

    @property
    def state(self) -> str:
        if self.difference.above(0):
            return PASSED
        return FAILED if self.difference.below(self.margin) else UNDECIDED

    @property
    def says(self) -> bool:
        """Whether more positions could change the difference: it is not always 0."""
        found = self.difference
        known = found.mean or np.nan_to_num(found.high)
        return bool(np.isfinite(found.mean) and (found.few or known))

    @property
    def needed(self) -> int:
        mean = self.difference.mean
        return positions_needed(self.difference, max(mean, self.margin - mean))


def gates_of(scores: Scores, composite: str) -> tuple[Gate, ...]:
    """Judge one composite: two gates of dependence, three of faithfulness."""
    draws = f"{composite} draws nearly the same picture whatever"
    gate = partial(_gate, composite)
    return (
        gate(
            "heatmaps of two moves differ",
            _below(scores, composite, "random_logit_cosine", RANDOM_LOGIT_LIMIT),
            f"{draws} move is explained: its heatmaps say little about the network",
        ),
        gate(
            "heatmaps of two channels differ",
            _below(scores, composite, "channel_cosine", CHANNEL_LIMIT),
            f"{draws} channel it is conditioned on: its conditional heatmaps say "
            "little about channels",
        ),
        gate(
            "discs matter in the order of relevance",
            _squares(scores, composite),
            f"the order in which {composite} ranks discs is hardly better than others",
        ),
        gate(
            "channels matter in the order of relevance",
            _channels(scores, composite),
            f"the order in which {composite} ranks channels is hardly better than "
            "chance",
        ),
        gate(
            "relevance lies on the discs that make a move legal",
            _flip_lines(scores, composite),
            f"{composite} puts hardly more relevance on the discs that make a move "
            "legal than chance",
        ),
    )


def _gate(composite: str, name: str, checks: Sequence[_Check], fails: str) -> Gate:
    """Ask for every check; one that fails, or else one that is open, decides."""
    # Layers that the output does not read, or that have one channel, say nothing.
    checks = [each for each in checks if each.says] or checks
    states = [check.state for check in checks]
    state = next((s for s in (FAILED, UNDECIDED) if s in states), PASSED)
    deciding = [check for check in checks if check.state == state]
    # The closest one speaks for the gate, of few games that of the smallest mean.
    worst = min(deciding, key=lambda check: _least(check.difference))
    figures = f"{worst.figures}{worst.about}"
    if state == UNDECIDED:
        needed = max(check.needed for check in deciding)
        few = any(check.difference.few for check in deciding)
        warning = f"for {composite} it is undecided whether {name}: {figures}"
        return Gate(
            name, state, figures, warning + _would_tell(needed, few=few), needed
        )
    return Gate(name, state, figures, f"{fails}: {figures}")


def _below(
    scores: Scores, composite: str, metric: str, limit: float
) -> Sequence[_Check]:
    found = []
    for part, values in scores.of(composite, metric).items():
        room = scores.difference(limit - values, 0)
        less = replace(
            room, mean=limit - room.mean, low=limit - room.high, high=limit - room.low
        )
        figures = f"mean absolute cosine {_text(less)}"
        at = f" at {part}" if part else ""
        found.append(_Check(room, 0, figures, f"{at}, limit {limit}"))
    return found


def _squares(scores: Scores, composite: str) -> Sequence[_Check]:
    mine = scores.of(composite, "square_gain")
    best = scores.best("square_gain")
    rivals = {name: scores.of(name, "square_gain") for name in ("random", "center")}
    rivals["the same class"] = scores.of(composite, "square_gain_same_class")
    return [
        _compared(scores, gain, rival[part], best[part], f"{name} ({part})")
        for part, gain in mine.items()
        for name, rival in rivals.items()
    ]


def _channels(scores: Scores, composite: str) -> Sequence[_Check]:
    random, best = scores.of("random", "channel_gain"), scores.best("channel_gain")
    return [
        _compared(scores, gain, random[part], best[part], f"random ({part})")
        for part, gain in scores.of(composite, "channel_gain").items()
    ]


def _flip_lines(scores: Scores, composite: str) -> Sequence[_Check]:
    chance = scores.of("chance", "flip_line_mass")[""]
    mine = scores.of(composite, "flip_line_mass")[""]
    best = scores.best("flip_line_mass")
    return [_compared(scores, mine, chance, best[""], "chance")]


def _compared(
    scores: Scores, mine: Array, rival: Array, best: float, name: str
) -> _Check:
    """Ask that numbers (N,) lie above those of a rival at the same positions."""
    found = scores.difference(mine, rival)
    means = [float(known_mean(values)) for values in (mine, rival)]
    figures = f"{means[0]:.2f} against {means[1]:.2f} of {name}"
    more = f", difference {_text(found)}"
    return _Check(found, _NEGLIGIBLE * best, figures, more)


def _text(found: Estimate) -> str:
    return f"{found.mean:.2f} {between(found.low, found.high, games=found.games)}"


def _least(found: Estimate) -> float:
    return found.mean if np.isnan(found.low) else found.low


def _would_tell(needed: int, *, few: bool) -> str:
    if few:
        return f"; it takes positions of {LEAST_GAMES} games"
    if not needed:
        return "; more positions would tell"
    step = 10 ** max(0, len(str(needed)) - 2)
    return f"; about {-(-needed // step) * step:,} positions would tell"


def recommend(scores: Scores, gates: Mapping[str, tuple[Gate, ...]]) -> Recommendation:
    """Choose among the composites that fail the fewest gates, if it can be told.

    The most faithful one is compared with each other one at the same positions. Those
    whose difference is shown to be small are equal to it; of these, the one whose
    heatmaps depend most on the network is chosen. Gradient times input comes behind a
    composite that equals it, as it has no rules that reports could name.
    """
    failed = {n: sum(g.state == FAILED for g in found) for n, found in gates.items()}
    fewest = min(failed.values())
    able = [name for name, number in failed.items() if number == fewest]
    faithful = faithfulness(scores, tuple(gates))
    means = {name: float(known_mean(faithful[name])) for name in able}
    order = sorted(able, key=lambda name: -means[name])
    best = order[0]
    listed = ", ".join(f"{name} {means[name]:.2f}" for name in order)
    reason = f"{_passing(gates, able, fewest)}; faithfulness: {listed}"
    others = {n: scores.difference(faithful[best], faithful[n]) for n in order[1:]}
    equal = [best, *(name for name, found in others.items() if _is_equal(found))]
    open_ones = {
        name: found
        for name, found in others.items()
        if name not in equal and not found.above(0)
    }
    if open_ones:
        among = tuple(n for n in order if n in equal or n in open_ones)
        return _undecided(among, f"{reason}, not told apart", open_ones.values())
    return _most_dependent(scores, gates, equal, reason)


def _most_dependent(
    scores: Scores, gates: Mapping[str, tuple[Gate, ...]], equal: list[str], reason: str
) -> Recommendation:
    """Choose among equally faithful composites by how much they say of the network."""
    alike = {name: likeness(scores, name) for name in equal}
    least = min(equal, key=lambda name: float(known_mean(alike[name])))
    others = {n: scores.difference(alike[n], alike[least]) for n in equal if n != least}
    same = [n for n in equal if n == least or _is_equal(others[n])]
    open_ones = {n: d for n, d in others.items() if n not in same and not d.above(0)}
    if len(equal) > 1:
        listed = ", ".join(f"{n} {float(known_mean(alike[n])):.2f}" for n in equal)
        reason = (
            f"{reason}; likeness of heatmaps whatever the network, among the equally "
            f"faithful: {listed}"
        )
    if open_ones:
        among = tuple(n for n in equal if n in same or n in open_ones)
        return _undecided(among, f"{reason}, not told apart", open_ones.values())
    # Both orders leave these equal: the most faithful one that has rules.
    chosen = min(same, key=lambda name: (name == GRADIENT, equal.index(name)))
    doubtful = [gate for gate in gates[chosen] if gate.state == UNDECIDED]
    if doubtful:
        needed = max(gate.needed for gate in doubtful)
        names = ", ".join(f"'{gate.name}'" for gate in doubtful)
        reason = f"{reason}; of {chosen} it is undecided whether {names}"
        told = _would_tell(needed, few=len(np.unique(scores.games)) < LEAST_GAMES)
        return Recommendation("", (chosen,), reason + told, needed)
    return Recommendation(chosen, tuple(same), reason)


def _is_equal(found: Estimate) -> bool:
    return found.above(-_EQUAL) and found.below(_EQUAL)


def _undecided(
    among: tuple[str, ...], reason: str, differences: Iterable[Estimate]
) -> Recommendation:
    found = list(differences)
    few = any(each.few for each in found)
    needed = max(positions_needed(e, max(e.mean, _EQUAL - e.mean)) for e in found)
    return Recommendation("", among, reason + _would_tell(needed, few=few), needed)


def faithfulness(
    scores: Scores,
    composites: Sequence[str],
    families: Sequence[tuple[str, str]] = FAMILIES,
) -> dict[str, Array]:
    """Return how faithful composites are at each position, (N,), the best being near 1.

    Measures are divided by the mean of the composite that is best at it, and averaged
    over perturbations, layers and ablations, then over five families: squares and
    channels, each for the best move and the value, and mass on flip lines. Squares are
    judged by what is lost as discs go, channels by the agreement of relevance above
    what takes their place with what that does.
    """
    means = []
    for metric, target in families:
        # Where nothing can be ranked, a composite gains nothing.
        found = [
            {p: np.nan_to_num(v) for p, v in scores.of(n, metric, target).items()}
            for n in composites
        ]
        scales = {p: max(each[p].mean() for each in found) for p in found[0]}
        kept = [part for part, scale in scales.items() if scale > 0]
        if kept:
            parts = [[each[p] / scales[p] for p in kept] for each in found]
            means.append(np.mean(parts, axis=1))
    if not means:
        return {name: np.zeros(len(scores.games)) for name in composites}
    return dict(zip(composites, np.mean(means, axis=0), strict=True))


def likeness(scores: Scores, composite: str) -> Array:
    """Return how alike heatmaps are whatever the network, 0 to 1, at positions (N,).

    The mean of four measurements: cosine of two moves, cosine of two channels, rank
    correlation in excess of chance with every layer random, and the empty board's
    share; at the positions that all of them have.
    """
    found = [scores.of(composite, metric).values() for metric in _LIKENESS]
    known = [list(parts) for parts in found if parts]
    n = min(len(values) for parts in known for values in parts)
    means = [known_mean([values[:n] for values in parts]) for parts in known]
    return known_mean(means)


def _passing(
    gates: Mapping[str, tuple[Gate, ...]], able: list[str], fewest: int
) -> str:
    if fewest:
        return f"no composite passes every gate; the best fail {fewest}"
    clear = sum(all(gate.passed for gate in gates[name]) for name in able)
    doubtful = len(able) - clear
    left_open = f", {doubtful} may" if doubtful else ""
    return f"{clear} of {len(gates)} composites pass every gate{left_open}"
