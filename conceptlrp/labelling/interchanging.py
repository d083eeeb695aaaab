"""Interchange, which tells whether a channel carries a label into the output.

1. A position, the recipient, is paired with donors of the same ply and other games.
2. A channel's whole map at the donor takes the place of that at the recipient, and the
   rest of the network above the layer runs again.
3. The change of the output is correlated with the difference of the label.
4. So it is with labels exchanged between positions of a ply, and in networks with
   random weights, of which each is also judged as the network is, against the others.

A detector of a label that the output reads moves it by as much as the label differs,
whatever its prevalence; what is correlated with the label but not read moves nothing.
See Geiger et al., "Causal abstractions of neural networks", NeurIPS 2021. Shapes use P
pairs, C channels of an H x W map, and K labels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from conceptlrp.ablation.sample import FollowedSample, spread_rows
from conceptlrp.labelling.columns import nested_labels, position_columns
from conceptlrp.labelling.interchange_result import LayerInterchange
from conceptlrp.labelling.scores import Comparison
from conceptlrp.lrp import Explainer, Intervention
from conceptlrp.lrp.batch import as_array, batches
from conceptlrp.othello.board import count
from conceptlrp.progress import OnProgress
from conceptlrp.runs.job import TaskPart
from conceptlrp.runs.options import RunOptions
from conceptlrp.runs.parts import OnRows
from conceptlrp.runs.stages import spread
from conceptlrp.statistics.estimates import (
    exchanged_within,
    pair_correlations,
    pair_intervals,
    ratio,
)
from conceptlrp.statistics.intervals import LEAST_GAMES
from conceptlrp.statistics.ranks import Floats
from conceptlrp.statistics.significance import random_guard

_EXCHANGES: Final = 100
# Channels of each random network, which stand for all of them.
_RANDOM_CHANNELS: Final = 24
_FEWEST_PAIRS: Final = 10
_BLOCK: Final = 32
# Changes below this part of the output's deviation are rounding.
_ROUNDING: Final = 1e-5


@dataclass(frozen=True, eq=False)
class Interchanges:
    """Pairs of positions of a sample, and how their labels differ.

    ``recipients`` and ``donors`` (P,) are rows of the sample, ``plies``, ``games`` and
    ``columns`` (N,) and (N, K) of it; ``nested`` (K, K) as in `nested_labels`.
    """

    recipients: NDArray[np.intp]
    donors: NDArray[np.intp]
    plies: NDArray[np.int64]
    games: NDArray[np.intp]
    columns: Floats
    nested: NDArray[np.bool_]

    @property
    def differences(self) -> Floats:
        """Labels of donors less those of recipients, (P, K)."""
        return self._differ(self.columns)

    @property
    def spread(self) -> NDArray[np.int64]:
        """In how many recipients' games the pairs of each label (K,) differ."""
        games = self.games[self.recipients]
        differ = self.differences != 0
        counts = [len(np.unique(games[column])) for column in differ.T]
        return np.array(counts, np.int64)

    def exchanged(self, seed: int) -> Floats:
        """Return differences (P, K) of labels exchanged between positions of a ply."""
        used = np.unique(np.concatenate([self.recipients, self.donors]))
        columns = self.columns.copy()
        columns[used] = columns[used[exchanged_within(self.plies[used], seed=seed)]]
        return self._differ(columns)

    def _differ(self, columns: Floats) -> Floats:
        return columns[self.donors] - columns[self.recipients]


def draw_interchanges(
    sample: FollowedSample,
    comparison: Comparison,
    *,
    recipients: int,
    donors: int,
    seed: int,
) -> Interchanges:
    """Pair positions of held-out games with others of as many discs.

    A donor serves again only once all others of its ply have served.
    """
    corpus, games = sample.corpus, comparison.games
    plies = count(corpus.own | corpus.opponent).astype(np.int64)
    held_out = np.flatnonzero(comparison.held_out)
    chosen = held_out[spread_rows(games[held_out], recipients, seed=seed)]
    taking = np.isin(held_out, chosen)
    lots = np.random.default_rng(seed).permutation(len(held_out))
    # Positions that are no recipients serve first.
    queue = held_out[np.lexsort((lots, taking))]
    found: list[tuple[int, int]] = []
    for ply in np.unique(plies[chosen]):
        waiting = queue[plies[queue] == ply]
        for row in chosen[plies[chosen] == ply]:
            taken = np.flatnonzero(games[waiting] != games[row])[:donors]
            found += [(row, donor) for donor in waiting[taken]]
            waiting = np.append(np.delete(waiting, taken), waiting[taken])
    pairs = np.array(found, np.intp).reshape(-1, 2)
    labels = position_columns(comparison.labels, comparison.plies, games)
    columns = np.stack(labels.columns, axis=1).astype(np.float64)
    nested = nested_labels(labels.take(held_out))
    return Interchanges(pairs[:, 0], pairs[:, 1], plies, games, columns, nested)


def interchange_channels(
    explainers: Sequence[Explainer],
    sample: FollowedSample,
    pairs: Interchanges,
    tested: NDArray[np.bool_],
    *,
    lead: float,
    seed: int,
    run: RunOptions | None,
    on_progress: OnProgress,
) -> dict[str, LayerInterchange]:
    """Interchange all channels of a network, and some of those with random weights.

    The network comes first. ``tested`` (K,) labels count for the best of a channel,
    which has to `lead` the others.
    """
    asked, generator = [], np.random.default_rng(seed)
    for number, explainer in enumerate(explainers):
        channels = {
            name: np.arange(shape["channels"])
            for name, shape in explainer.shapes.items()
        }
        if number:
            channels = {
                name: np.sort(generator.permutation(c)[:_RANDOM_CHANNELS])
                for name, c in channels.items()
            }
        asked.append(channels)
    work = partial(_changes, explainers, asked, sample, pairs)
    sizes = [len(pairs.recipients)] * len(explainers)
    trained, *random = spread(work, sizes, "interchange", run, on_progress)
    return {
        layer: _correlate(
            [found, *(each[layer] for each in random)],
            pairs,
            tested,
            lead=lead,
            seed=seed,
        )
        for layer, found in trained.items()
    }


def _correlate(
    networks: list[Floats],
    pairs: Interchanges,
    tested: NDArray[np.bool_],
    *,
    lead: float,
    seed: int,
) -> LayerInterchange:
    """Correlate changes (P, C) of a layer with labels, and hold them against chance.

    Those of the network come first.
    """
    changes, differences = np.concatenate(networks, axis=1), pairs.differences
    exchanged = np.stack(
        [_sizes(changes, pairs.exchanged(seed + 1 + e)) for e in range(_EXCHANGES)]
    )
    found = _told(changes, differences, pairs)
    found |= {"exchanged": exchanged.max(axis=0)}
    found |= {"equal": _equal(changes, differences)}
    ends = np.cumsum([each.shape[1] for each in networks])[:-1]
    of_each = {name: np.split(each, ends) for name, each in found.items()}
    own = np.split(exchanged, ends, axis=1)
    layers = [
        LayerInterchange(
            **_of(of_each, i),
            **_guards(
                [r for j, r in enumerate(of_each["r"]) if j not in (0, i)], tested
            ),
            best_exchanged=_kept(own[i][:, :, tested].max(axis=2, initial=0)),
        )
        for i in range(len(networks))
    ]
    trained, *random = layers
    by_chance = [
        bool(each.leading(channel, tested, pairs.nested, lead))
        for each in random
        for channel in range(len(each.r))
    ]
    return replace(
        trained,
        random_causing=float(np.mean(by_chance)) if len(random) > 1 else np.nan,
        exchanged_causing=_exchanged_causing(
            trained, networks[0], own[0], pairs, tested, lead=lead, seed=seed
        ),
    )


def _of(found: dict[str, list[Floats]], number: int) -> dict[str, Any]:
    """Return what was found of one network, as a store keeps it."""
    return {name: _kept(each[number]) for name, each in found.items()}


def _told(changes: Floats, differences: Floats, pairs: Interchanges) -> dict[str, Any]:
    """Return correlations (C, K) and the ends of their intervals."""
    games = pairs.games[np.stack([pairs.recipients, pairs.donors], axis=1)]
    low, high = pair_intervals(changes, differences, games)
    for end in (low, high):
        end[:, pairs.spread < LEAST_GAMES] = np.nan
    return {"r": pair_correlations(changes, differences), "low": low, "high": high}


def _guards(random: list[Floats], tested: NDArray[np.bool_]) -> dict[str, Any]:
    """Return what correlations (M, K) of random networks hardly exceed."""
    sizes = [np.nan_to_num(np.abs(r)) for r in random]
    best = [each[:, tested].max(axis=1, initial=0) for each in sizes]
    some = min(map(len, best), default=0)
    return {
        "random": _kept(random_guard([np.zeros((0, len(tested))), *sizes])),
        "best_random": _kept(np.array(best).reshape(len(best), some)),
    }


def _exchanged_causing(
    layer: LayerInterchange,
    changes: Floats,
    exchanged: Floats,
    pairs: Interchanges,
    tested: NDArray[np.bool_],
    *,
    lead: float,
    seed: int,
) -> float:
    """Return which part of channels causes by labels that were exchanged.

    Each of the exchanges (E, C, K) is held against the others.
    """
    second, largest = np.partition(exchanged, -2, axis=0)[-2:]
    number = 0
    for e, sizes in enumerate(exchanged):
        others = np.where(sizes == largest, second, largest)
        beyond = (sizes > np.maximum(others, layer.least))[:, tested].any(axis=1)
        if beyond.any():
            differences = pairs.exchanged(seed + 1 + e)
            told = _told(changes[:, beyond], differences, pairs)
            part = replace(layer, **told, exchanged=others[beyond])
            some = range(int(beyond.sum()))
            led = [part.leading(c, tested, pairs.nested, lead) for c in some]
            number += sum(map(bool, led))
    return number / max(exchanged[:, :, 0].size, 1)


def _kept(numbers: Floats) -> Floats:
    """Round as a store does, so that what is saved and what is read are equal."""
    return numbers.astype(np.float32).astype(np.float64)


def _sizes(changes: Floats, differences: Floats) -> Floats:
    return np.asarray(np.nan_to_num(np.abs(pair_correlations(changes, differences))))


def _equal(changes: Floats, differences: Floats) -> Floats:
    """Compare mean sizes of changes with equal labels and with others, (C, K)."""
    sizes, same = np.abs(changes), differences == 0
    kinds = [kind.astype(np.float64) for kind in (same, ~same)]
    means = [ratio(sizes.T @ kind, kind.sum(axis=0)) for kind in kinds]
    few = np.min([kind.sum(axis=0) for kind in kinds], axis=0) < _FEWEST_PAIRS
    return np.where(few, np.nan, ratio(*np.nan_to_num(means)))


def _changes(
    explainers: Sequence[Explainer],
    asked: Sequence[Mapping[str, NDArray[np.intp]]],
    sample: FollowedSample,
    pairs: Interchanges,
    network: TaskPart,
    on_rows: OnRows,
) -> dict[str, Floats]:
    """Return by how much donors' maps change the output, (P, C) by layer."""
    explainer, channels = explainers[network.index], asked[network.index]
    number = len(pairs.recipients)
    found = {layer: np.zeros((number, len(c))) for layer, c in channels.items()}
    before = np.zeros(number)
    for block in batches(number, _BLOCK):
        rows, donors = pairs.recipients[block], sample.corpus[pairs.donors[block]]
        made = [
            Intervention(layer, int(c), action="replace", value=donors)
            for layer, chosen in channels.items()
            for c in chosen
        ]
        said = explainer.intervene(sample.corpus[rows], made)
        before[block] = _explained(sample, said.logits_before, said.value_before, rows)
        after = _explained(
            sample, said.logits, said.value, np.tile(rows, len(made))
        ).reshape(len(made), -1)
        ends = np.cumsum([len(chosen) for chosen in channels.values()])[:-1]
        moved = np.split((after - before[block]).T, ends, axis=1)
        for layer, changes in zip(channels, moved, strict=True):
            found[layer][block] = changes
        on_rows(len(rows))
    noise = _ROUNDING * float(before.std()) if number else 0.0
    return {n: np.where(np.abs(c) > noise, c, 0) for n, c in found.items()}


def _explained(
    sample: FollowedSample,
    logits: NDArray[Any],
    value: NDArray[Any],
    rows: NDArray[np.intp],
) -> NDArray[Any]:
    """Return the followed output (M,) of outputs (..., A) and (...) of rows (M,)."""
    device = sample.plus.device
    given = (logits.reshape(len(rows), -1), value.reshape(-1), rows)
    tensors = (torch.from_numpy(each).to(device) for each in given)
    return as_array(sample.explained(*tensors))
