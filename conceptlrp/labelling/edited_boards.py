"""Edited boards of a store: whether its channels answer when a label switches.

1. Boards of held-out games are edited so that a label switches, and so that it does
   not, see `edits`.
2. All networks run on all boards, those with random weights too, and the change of
   each channel counts in the direction in which the label switched.
3. Pairs of neighbours in the corpus are compared likewise, as nature's own edits.
4. An edited board leaves what the network has seen if its activations lie further from
   the mean of its ply than those of 95 % of natural boards.

Shapes use N positions, P pairs of edits, C channels of a layer, K labels.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conceptlrp.ablation.sample import FollowedSample, spread_rows
from conceptlrp.labelling.channel_name import ACTIVATION, MAP, RELEVANCE, RULE
from conceptlrp.labelling.columns import Columns, position_columns
from conceptlrp.labelling.edit_result import EditedBoards, LayerEdits, responds
from conceptlrp.labelling.edited_channels import (
    Changes,
    aurocs,
    edit_changes,
    switched_squares,
)
from conceptlrp.labelling.edits import (
    Chosen,
    Studied,
    Words,
    choose_edits,
    edits_of_rules,
    study_labels,
)
from conceptlrp.labelling.networks import Networks
from conceptlrp.labelling.result import ScoredLabels
from conceptlrp.labelling.rule import Rule
from conceptlrp.labelling.scores import Comparison
from conceptlrp.lrp.batch import as_array
from conceptlrp.lrp.probing import VALUE
from conceptlrp.networks.planes import squares_of_actions
from conceptlrp.othello.board import count, legal_moves
from conceptlrp.progress import OnProgress
from conceptlrp.statistics.ranks import Floats

_TRIES: Final = 512
_PAIRS: Final = 80
_OF_RULE: Final = 48
_NEIGHBOURS: Final = 200
_EXAMPLES: Final = 3
_RANDOM: Final = 3
_USUAL: Final = 0.95
_RIDGE: Final = 1e-3
# Neighbours that differ and those that do not are as near, but for so many squares.
_AS_NEAR: Final = 2


def follow_edits(
    networks: Networks,
    sample: FollowedSample,
    comparison: Comparison,
    scored: ScoredLabels | None,
    *,
    boards: int,
    seed: int,
    on_progress: OnProgress,
) -> EditedBoards:
    """Edit held-out boards for all labels, and follow all channels of all networks."""
    corpus, size = sample.corpus, sample.corpus.size
    columns = position_columns(comparison.labels, comparison.plies, comparison.games)
    studied = study_labels(columns, seed=seed)
    rows, actions = _bases(sample, comparison, boards, seed), _actions(sample)
    words = np.stack([corpus.own, corpus.opponent], axis=1)
    rules = _named_rules(scored)
    names = (*studied.names, *rules)
    chosen = _choose(words[rows], actions[rows, 0], studied, rules, size, seed)
    explainers = networks.explainers[: 1 + _RANDOM]
    runs: list[tuple[Changes, dict[str, Floats]]] = []
    # Conditional maps cost most, so that they are of labels of such names alone.
    weights = switched_squares(chosen, size)
    mapped = np.isin(chosen.label, _mapped(scored, studied))
    for number, explainer in enumerate(explainers, 1):
        asked = actions[rows][chosen.base]
        runs.append(edit_changes(explainer, chosen, asked, weights, mapped))
        on_progress("edited boards", number, len(explainers))
    near = _neighbours(sample, comparison, columns, studied)
    nothing = np.zeros((0, 3), np.intp), np.zeros(0, np.int8), np.zeros(0)
    near += [nothing] * len(rules)
    known = [np.flatnonzero(chosen.label == k) for k in range(len(names))]

    def layer_edits(layer: str) -> LayerEdits:
        stored = _stored(networks, layer)
        seen = _Seen(stored[ACTIVATION], sample, ~comparison.held_out)
        beyond = seen.beyond(runs[0][1][layer], chosen.after)
        return LayerEdits(
            **_tables([run[0][layer] for run in runs], known, rows[chosen.base]),
            natural=_natural(stored, near),
            beyond=kept([_mean(beyond[r]) for r in known]),
            usual_beyond=_mean(seen.beyond(stored[ACTIVATION][rows], words[rows])),
        )

    manifest = networks.store.manifest
    return EditedBoards(
        target=networks.target_name,
        labels=names,
        step=kept([*studied.step, *np.ones(len(rules))]),
        **_of_labels(chosen, known, near),
        boards=len(np.unique(chosen.base)),
        edited=2 * len(chosen.label),
        random_networks=len(explainers) - 1,
        seed=seed,
        size=size,
        layers={layer: layer_edits(layer) for layer in explainers[0].layers},
        network=str(manifest.network.get("digest", "")),
        corpus=str(manifest.corpus.get("digest", "")),
    )


def _choose(
    words: Words,
    actions: NDArray[np.int64],
    studied: Studied,
    rules: Mapping[str, Rule],
    size: int,
    seed: int,
) -> Chosen:
    """Choose edits of boards (N, 2) for labels and for rules."""
    moves = squares_of_actions(np.maximum(actions, 0), size=size)
    square = np.where(actions == VALUE, -1, moves)
    own, opponent = words.T
    chosen = choose_edits(
        own, opponent, square, studied, tries=_TRIES, most=_PAIRS, size=size, seed=seed
    )
    labels = len(studied.names)
    return edits_of_rules(chosen, [*rules.values()], labels, most=_OF_RULE, size=size)


def _named_rules(scored: ScoredLabels | None) -> dict[str, Rule]:
    """Return the rules that are the first label of some channel, by sentence."""
    layers = [] if scored is None else scored.layers.values()
    return {
        rule.sentence: rule
        for scores in layers
        for channel, rule in zip(scores.channels, scores.rules, strict=False)
        if rule is not None and any(n.measure == RULE for n in channel.labels[:1])
    }


def _mapped(scored: ScoredLabels | None, studied: Studied) -> list[int]:
    """Return the places of labels that conditional maps show of some channel."""
    layers = [] if scored is None else scored.layers.values()
    labels = {
        each.label
        for scores in layers
        for channel in scores.channels
        for each in channel.labels[:1]
        if each.measure == MAP
    }
    return [k for k, name in enumerate(studied.names) if name in labels]


def kept(values: Any) -> Floats:
    """Return numbers as a store keeps them, so that what is read is what was saved."""
    return np.asarray(values, np.float32).astype(np.float64)


def _bases(
    sample: FollowedSample, comparison: Comparison, boards: int, seed: int
) -> NDArray[np.intp]:
    """Draw held-out positions with a legal move, one of a game."""
    corpus = sample.corpus
    legal = legal_moves(corpus.own, corpus.opponent, size=corpus.size) != 0
    able = np.flatnonzero(comparison.held_out & legal)
    drawn = able[spread_rows(comparison.games[able], boards, seed=seed)]
    drawn = np.random.default_rng(seed).permutation(drawn)
    return np.sort(drawn[np.unique(comparison.games[drawn], return_index=True)[1]])


def _actions(sample: FollowedSample) -> NDArray[np.int64]:
    """Return the action (N, 1) that is explained, and (N, 2) the one subtracted."""
    sides = [sample.plus, *([sample.minus] if sample.is_contrast else [])]
    return np.stack([as_array(side) for side in sides], axis=1).astype(np.int64)


Near = list[tuple[NDArray[np.intp], NDArray[np.int8], Floats]]


def _neighbours(
    sample: FollowedSample, comparison: Comparison, columns: Columns, studied: Studied
) -> Near:
    """Pair held-out positions with near ones of a ply that differ in a label.

    For each label rows (P, 3) of positions, of neighbours that differ by a switch and
    of others about as near that do not, the way (P,) it switches, and on how many
    squares the neighbours differ.
    """
    corpus, games, plies = sample.corpus, comparison.games, comparison.plies
    places = [columns.names.index(name) for name in studied.names]
    table = np.stack([columns.columns[k] for k in places], axis=1).astype(np.float32)
    found: list[list[Any]] = [[] for _ in places]
    for ply in np.unique(plies[comparison.held_out]):
        rows = np.flatnonzero(comparison.held_out & (plies == ply))
        own, opponent = corpus.own[rows], corpus.opponent[rows]
        away = count((own[:, None] ^ own) | (opponent[:, None] ^ opponent))
        away = np.where(games[rows][:, None] == games[rows], 99, away).astype(np.int8)
        every = np.arange(len(rows))
        for k, each in enumerate(found):
            moved = table[rows, k] - table[rows, k][:, None]
            other = np.where(np.abs(moved) >= studied.step[k], away, 99)
            near = other.argmin(axis=1)
            distance = other[every, near]
            off = np.abs(away - distance[:, None]) + 50 * (moved != 0)
            same = off.argmin(axis=1)
            good = np.flatnonzero((distance < 99) & (off[every, same] <= _AS_NEAR))
            trio = np.stack([rows, rows[near], rows[same]], axis=1)[good]
            way = np.sign(moved[every, near])[good]
            each.append(np.column_stack([trio, way, distance[good]]))
    pairs: Near = []
    for each in found:
        joined = np.concatenate(each)
        joined = joined[np.argsort(joined[:, 4], kind="stable")][:_NEIGHBOURS]
        trio = joined[:, :3].astype(np.intp)
        pairs.append((trio, joined[:, 3].astype(np.int8), joined[:, 4]))
    return pairs


def _of_labels(
    chosen: Chosen, known: list[NDArray[np.intp]], near: Near
) -> dict[str, Any]:
    """Return what is known of each label's edits, and examples of them."""

    def mean(values: NDArray[Any]) -> Floats:
        return kept([_mean(values[rows]) for rows in known])

    boards = np.zeros((3, len(known), _EXAMPLES, 2), np.uint64)
    for k, rows in enumerate(known):
        some = rows[:_EXAMPLES]
        for kind, words in enumerate((chosen.before, chosen.after, chosen.matched)):
            boards[kind, k, : len(some)] = words[some]
    return {
        "games": np.array([len(rows) for rows in known], np.int64),
        "pairs": np.array([len(trio) for trio, _, _ in near], np.int64),
        "others": mean(chosen.others),
        "same_place": mean(chosen.same_place),
        "ply_kept": np.array([chosen.ply_kept[rows].all() for rows in known]),
        "distance": kept([_mean(away) for _, _, away in near]),
        "before": boards[0],
        "after": boards[1],
        "unswitched": boards[2],
    }


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if values.size else float("nan")


def _stored(networks: Networks, layer: str) -> dict[str, NDArray[Any]]:
    """Return what the store has of a layer at the sample, (N, C) each."""
    arrays, rows = networks.store.arrays, networks.rows
    relevance = arrays.relevance(layer, rows=rows, target=networks.target)
    return {
        ACTIVATION: arrays.activation(layer, rows=rows),
        RELEVANCE: relevance,
    }


def _natural(stored: Mapping[str, NDArray[Any]], near: Near) -> dict[str, Floats]:
    """Return AUROCs (C, K) by measure over pairs of neighbours."""
    found = {}
    for measure, values in stored.items():
        columns = []
        for trio, way, _ in near:
            before, after, same = (values[rows] for rows in trio.T)
            moved = np.stack([after - before, same - before], axis=1)
            columns.append(aurocs(moved * way[:, None, None])[0])
        found[measure] = kept(np.stack(columns, axis=1))
    return found


def _tables(
    changes: list[dict[str, Floats]],
    known: list[NDArray[np.intp]],
    bases: NDArray[np.intp],
) -> dict[str, Any]:
    """Compare changes of all networks, the trained one first, in a layer."""
    tables: dict[str, list[Floats]] = {}
    for measure in changes[0]:
        tables[measure] = [_auroc_table(run[measure], known) for run in changes]
    sizes = {m: [_largest(table[0]) for table in t] for m, t in tables.items()}
    random = {m: _worst(each, 0) for m, each in sizes.items()}
    # Every other board finds the label that a channel follows, the rest confirm it.
    halves = [[rows[bases[rows] % 2 == half] for rows in known] for half in (0, 1)]
    parts = []
    for number, run in enumerate(changes):
        limits = {m: _worst(each, number) for m, each in sizes.items()}
        finding, confirming = (
            np.concatenate([_auroc_table(run[m], half) for m in run], axis=2)
            for half in halves
        )
        limit = np.concatenate([limits[m] for m in run])
        parts.append(_responding(finding[0], confirming, limit))
    trained = {m: each[0] for m, each in tables.items()}
    return {
        **{
            name: {m: kept(table[place]) for m, table in trained.items()}
            for place, name in enumerate(("auroc", "low", "high"))
        },
        "random": {m: kept(each) for m, each in random.items()},
        "responding": parts[0],
        "random_responding": float(np.mean(parts[1:])) if parts[1:] else np.nan,
        **_examples(changes[0], known),
    }


def _auroc_table(changes: Floats, known: list[NDArray[np.intp]]) -> Floats:
    """Return AUROCs (3, C, K) and the ends of their intervals."""
    return np.stack([np.stack(aurocs(changes[rows])) for rows in known], axis=2)


def _largest(auroc: Floats) -> Floats:
    """Return the largest AUROC (K,) of channels (C, K), whichever way it goes."""
    return np.asarray(np.abs(auroc - 0.5).max(axis=0) + 0.5)


def _worst(sizes: list[Floats], number: int) -> Floats:
    """Return what the random networks reach, but the one of that number."""
    others = [size for i, size in enumerate(sizes) if i not in (0, number)]
    return np.asarray(np.max([np.full(len(sizes[0]), 0.5), *others], axis=0))


def _responding(finding: Floats, confirming: Floats, limit: Floats) -> float:
    """Return which part of channels answers to the label that it follows best."""
    above = np.abs(finding - 0.5) + 0.5 - limit
    best = np.where(np.isfinite(above), above, -1).argmax(axis=1)
    every = np.arange(len(finding))
    auroc, low, high = confirming[:, every, best]
    falling = finding[every, best] < 0.5
    size, least = np.where(falling, [1 - auroc, 1 - high], [auroc, low])
    passed = responds(size, least, limit[best])
    return float(passed.mean())


def _examples(
    changes: Mapping[str, Floats], known: list[NDArray[np.intp]]
) -> dict[str, Any]:
    """Return the changes (C, K, E) of the first pairs of each label."""
    found: dict[str, dict[str, Floats]] = {"change": {}, "matched": {}}
    for measure, values in changes.items():
        for place, table in enumerate(found.values()):
            shape = (values.shape[2], len(known), _EXAMPLES)
            table[measure] = np.full(shape, np.nan)
            for k, rows in enumerate(known):
                some = values[rows[:_EXAMPLES], place]
                table[measure][:, k, : len(some)] = kept(some.T)
    return found


class _Seen:
    """How far activations of a layer (N, C) lie from those of their ply.

    Mahalanobis' distance from the mean of the boards with as many discs, or one more or
    less, by the covariance about these means; both of games that were not held out.
    """

    def __init__(
        self, stored: NDArray[Any], sample: FollowedSample, fitted: NDArray[np.bool_]
    ) -> None:
        words = np.stack([sample.corpus.own, sample.corpus.opponent], axis=1)
        discs, channels = _discs(words), stored.shape[1]
        self.few = fitted.sum() < 2 * channels
        near = [fitted & (np.abs(discs - number) <= 1) for number in range(65)]
        overall = stored[fitted].mean(axis=0)
        self.means = np.array(
            [stored[rows].mean(axis=0) if rows.any() else overall for rows in near]
        )
        rest = stored[fitted] - self.means[discs[fitted]]
        spread = rest.T @ rest / max(len(rest), 1)
        # Channels that are copies of each other, or dead, have no covariance of theirs.
        ridge = _RIDGE * (np.trace(spread) / channels or 1.0)
        self.precision = np.linalg.inv(spread + ridge * np.eye(channels))
        self.bound = np.quantile(self.distance(stored[~fitted], discs[~fitted]), _USUAL)

    def distance(self, values: NDArray[Any], discs: NDArray[np.int64]) -> Floats:
        """Return squared distances (N,) of activations on boards with so many discs."""
        rest = values - self.means[discs]
        return np.asarray(((rest @ self.precision) * rest).sum(axis=1))

    def beyond(self, values: NDArray[Any], words: Words) -> Floats:
        """Tell which boards (N, 2) lie further out than the bound, nan if unknown."""
        if self.few:
            return np.full(len(values), np.nan)
        return (self.distance(values, _discs(words)) > self.bound).astype(np.float64)


def _discs(words: Words) -> NDArray[np.int64]:
    return count(words[:, 0] | words[:, 1]).astype(np.int64)
