"""How channels of all networks answer to edits, and what of it random ones reach.

A channel of a random network is asked as one of the trained network is: about the label
that it follows best in the corpus, by each measure, and about a rule of its own.

Shapes use P pairs of edits, C channels of a layer, K labels.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conceptlrp.labelling.channel_name import (
    ACTIVATION,
    FEATURE_MAP,
    FIRING_PLACE,
    PLACE,
    RELEVANCE,
    RULE,
    OwnLabel,
)
from conceptlrp.labelling.edit_result import OF_RANDOM, kind_of_test, responds, watched
from conceptlrp.labelling.edited_channels import Changes, aurocs
from conceptlrp.labelling.result import LabelScores
from conceptlrp.labels import MOVE_LABELS
from conceptlrp.statistics.ranks import Floats
from conceptlrp.statistics.significance import random_guard

#: Pairs of each label that are kept to be shown.
EXAMPLES: Final = 3


def kept(values: Any) -> Floats:
    """Return numbers as a store keeps them, so that what is read is what was saved."""
    return np.asarray(values, np.float32).astype(np.float64)


def own_labels(
    scores: LabelScores, controls: Collection[str] = ()
) -> tuple[OwnLabel, ...]:
    """Return what each measure of channels follows best, and their rules."""
    found = []
    for measure, table in scores.correlation.items():
        tested = np.isfinite(scores.p[measure]) & np.isfinite(table)
        tested &= np.array([name not in controls for name in scores.labels])
        moves = np.array([name in MOVE_LABELS for name in scores.labels])
        for group in (moves, ~moves):
            sizes = np.where(tested & group, np.abs(table), -1)
            for channel, k in enumerate(sizes.argmax(axis=1)):
                if sizes[channel, k] > 0:
                    sign = -1 if scores.effect[measure][channel, k] < 0 else 1
                    size, label = float(sizes[channel, k]), scores.labels[k]
                    found.append(OwnLabel(channel, label, sign, measure, size))
    for channel, rule in enumerate(scores.rules):
        if rule is not None:
            r, sign = rule.correlation, -1 if rule.correlation < 0 else 1
            found.append(OwnLabel(channel, rule.sentence, sign, RULE, abs(r), rule))
    return tuple(found)


@dataclass(frozen=True, eq=False)
class Known:
    """The rows of edits of each of K labels, of which some are ``fixed`` (K,) places.

    All but relevance lack those of moves, which come last.
    """

    names: tuple[str, ...]
    rows: list[NDArray[np.intp]]
    fixed: NDArray[np.bool_]

    @classmethod
    def of(
        cls, label: NDArray[np.intp], names: tuple[str, ...], fixed: Collection[str]
    ) -> "Known":
        """Return the rows of each label."""
        rows = [np.flatnonzero(label == k) for k in range(len(names))]
        return cls(names, rows, np.array([name in fixed for name in names]))

    def sources(self, changes: Mapping[str, NDArray[Any]]) -> "_Sources":
        """Return changes (P, 2, C) by measure, and the rows of each label in them.

        Of places it is the size of a change that tells.
        """
        found = {
            measure: (table, self._within(len(table), ~self.fixed))
            for measure, table in changes.items()
        }
        for measure, source in ((PLACE, RELEVANCE), (FIRING_PLACE, ACTIVATION)):
            table = np.abs(changes[source])
            found[measure] = table, self._within(len(table), self.fixed)
        return found

    def _within(self, rows: int, chosen: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
        return [
            every[every < rows] if some else every[:0]
            for every, some in zip(self.rows, chosen, strict=True)
        ]


_Sources = dict[str, tuple[NDArray[Any], list[NDArray[np.intp]]]]


@dataclass(frozen=True, eq=False)
class Run:
    """What a network does on edited boards, and by its own rules, by channel."""

    changes: Changes
    edited: dict[str, Floats]
    own: dict[tuple[str, int], Floats]


def own_responses(
    changes: Mapping[str, Floats],
    label: NDArray[np.intp],
    ruled: Sequence[tuple[str, OwnLabel]],
) -> dict[tuple[str, int], Floats]:
    """Return AUROCs with their ends (3,) of rules of single channels."""
    found = {}
    for o, (layer, each) in enumerate(ruled):
        for measure in (FEATURE_MAP, ACTIVATION):
            ends = np.stack(aurocs(changes[measure][label == o][:, :, None]))[:, 0]
            if np.isfinite(ends[0]):
                found[layer, each.channel] = ends
                break
    return found


def layer_tables(
    layer: str, runs: list[Run], known: Known, own: Sequence[Sequence[OwnLabel]]
) -> dict[str, Any]:
    """Compare changes of all networks, the trained one first, in a layer."""
    sources = [known.sources(run.changes[layer]) for run in runs]
    tables = [
        {m: _auroc_table(*source) for m, source in each.items()} for each in sources
    ]
    trained, channels = tables[0], runs[0].changes[layer][ACTIVATION].shape[2]

    def limits(without: int) -> dict[str, Floats]:
        others = [t for i, t in enumerate(tables) if i not in (0, without)]
        return {m: _exceeded([t[m][0] for t in others], known) for m in trained}

    answers = [
        _own_answers(table, limits(i), known.names, labels, layer, run.own)
        for i, (table, run, labels) in enumerate(
            zip(tables[1:], runs[1:], own, strict=False), 1
        )
    ]
    passed = [
        _passing(each, _levels(answers[:i] + answers[i + 1 :], channels), channels)
        for i, each in enumerate(answers)
    ]
    return {
        **{
            name: {m: kept(table[place]) for m, table in trained.items()}
            for place, name in enumerate(("auroc", "low", "high"))
        },
        "random": {m: kept(each) for m, each in limits(0).items()},
        "random_own": _levels(answers, channels),
        "random_responding": float(np.mean(passed)) if len(passed) > 1 else np.nan,
        **_examples(sources[0], channels),
    }


def _auroc_table(changes: NDArray[Any], known: list[NDArray[np.intp]]) -> Floats:
    """Return AUROCs (3, C, K) and the ends of their intervals."""
    return np.stack([np.stack(aurocs(changes[rows])) for rows in known], axis=2)


def _exceeded(tables: list[Floats], known: Known) -> Floats:
    """Return the AUROCs (K,), either way, that 1 % of random channels (C, K) exceed."""
    sizes = [np.nan_to_num(np.abs(table - 0.5)) for table in tables]
    return random_guard([np.zeros((0, len(known.rows))), *sizes]) + 0.5


@dataclass(frozen=True)
class _Answer:
    """How a channel of a random network answers to what it follows best."""

    kind: str
    channel: int
    strength: float
    low: float
    passed: bool


def _own_answers(
    tables: Mapping[str, Floats],
    limits: Mapping[str, Floats],
    names: tuple[str, ...],
    labels: Sequence[OwnLabel],
    layer: str,
    ruled: Mapping[tuple[str, int], Floats],
) -> list[_Answer]:
    """Ask channels of a random network about labels and rules of their own."""
    found = []
    for each in labels:
        measure, limit = watched(each.label, each.measure), 0.5
        ends = np.full(3, np.nan)
        if each.rule:
            ends = ruled.get((layer, each.channel), ends)
        elif each.label in names and measure in tables:
            k = names.index(each.label)
            ends, limit = tables[measure][:, each.channel, k], limits[measure][k]
        auroc, low = ends[:2] if each.sign > 0 else (1 - ends[0], 1 - ends[2])
        if np.isfinite(auroc):
            passed = bool(responds(auroc, low, limit))
            kind = kind_of_test(each.label, each.measure)
            found.append(_Answer(kind, each.channel, each.strength, low, passed))
    return found


def _levels(answers: list[list[_Answer]], channels: int) -> dict[str, float]:
    """Return by kind a lower end, so that 1 of 64 channels has more by any of them."""
    lows: dict[str, list[float]] = {}
    for each in (each for network in answers for each in network):
        lows.setdefault(each.kind, []).append(each.low)
    passing = {each.kind for network in answers for each in network if each.passed}
    few = int(channels * len(answers) * OF_RANDOM / max(len(passing), 1))
    none = [0.0] * (few + 1)
    return {
        kind: float(kept(sorted([*some, *none], reverse=True)[few]))
        for kind, some in lows.items()
    }


def _passing(
    answers: Sequence[_Answer], levels: Mapping[str, float], channels: int
) -> NDArray[np.bool_]:
    """Tell which channels (C,) of a random network respond to what they follow best."""
    found = np.zeros(channels, np.bool_)
    for each in sorted(answers, key=lambda each: each.strength):
        found[each.channel] = each.passed and each.low > levels.get(each.kind, 0)
    return found


def _examples(
    sources: Mapping[str, tuple[NDArray[Any], list[NDArray[np.intp]]]], channels: int
) -> dict[str, Any]:
    """Return the changes (C, K, E) of the first pairs of each label."""
    found: dict[str, dict[str, Floats]] = {"change": {}, "matched": {}}
    for measure, (values, known) in sources.items():
        for place, table in enumerate(found.values()):
            table[measure] = np.full((channels, len(known), EXAMPLES), np.nan)
            for k, rows in enumerate(known):
                some = values[rows[:EXAMPLES], place]
                table[measure][:, k, : len(some)] = kept(some.T)
    return found
