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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conceptlrp.ablation.sample import FollowedSample, spread_rows
from conceptlrp.labelling.channel_name import ACTIVATION, MAP, RELEVANCE, OwnLabel
from conceptlrp.labelling.columns import Columns, position_columns
from conceptlrp.labelling.edit_result import EditedBoards, LayerEdits
from conceptlrp.labelling.edit_tables import (
    EXAMPLES,
    Known,
    Run,
    kept,
    layer_tables,
    own_responses,
)
from conceptlrp.labelling.edited_channels import (
    Pairs,
    aurocs,
    choose_moves,
    edit_changes,
    edits_of_places,
    move_changes,
)
from conceptlrp.labelling.edits import (
    Chosen,
    Studied,
    Words,
    choose_edits,
    edits_of_rules,
    joined,
    study_labels,
)
from conceptlrp.labelling.networks import Networks
from conceptlrp.labelling.result import ScoredLabels
from conceptlrp.labelling.scores import Comparison
from conceptlrp.labels import MOVE_LABELS
from conceptlrp.labels.geometry import places
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.batch import as_array
from conceptlrp.lrp.probing import VALUE
from conceptlrp.networks.planes import squares_of_actions
from conceptlrp.othello import NO_MOVE, Corpus
from conceptlrp.othello.board import count, legal_moves
from conceptlrp.progress import OnProgress
from conceptlrp.runs.job import TaskPart
from conceptlrp.runs.parts import OnRows
from conceptlrp.runs.stages import spread
from conceptlrp.statistics.ranks import Floats

_TRIES: Final = 512
_PAIRS: Final = 80
_NEIGHBOURS: Final = 200
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
    asked, explainers = actions[rows], networks.explainers[: 1 + _RANDOM]
    of_moves = None
    # Where one move is explained at all boards, no label is of it.
    if len(np.unique(actions[:, 0])) > 2:
        of_moves = study_labels(columns, MOVE_LABELS, seed=seed, nested=False)
    edits = _every_edit(corpus[rows], asked, studied, of_moves, scored, seed)
    names, every = edits.names, joined([edits.boards, edits.moved])
    shared, mapped = len(edits.boards.label), _mapped(scored, studied)
    known = Known.of(every.label, names, places(size))
    ruled = _own_rules(scored, len(explainers))
    work = partial(_run, explainers, ruled, edits, asked, mapped)
    about = [1] * len(explainers), "edited boards", networks.run
    runs = spread(work, *about, on_progress)
    near = _neighbours(sample, comparison, columns, studied)
    nothing = np.zeros((0, 3), np.intp), np.zeros(0, np.int8), np.zeros(0)
    near += [nothing] * (len(names) - len(near))
    marked = np.full((shared, 2), NO_MOVE), edits.moves[:, [1, 0]]

    def layer_edits(layer: str) -> LayerEdits:
        stored = _stored(networks, layer)
        seen = _Seen(stored[ACTIVATION], sample, ~comparison.held_out)
        beyond = np.full(len(every.label), np.nan)
        beyond[:shared] = seen.beyond(runs[0].edited[layer], every.after[:shared])
        of_own = [] if scored is None else scored.random_own.get(layer, ())
        return LayerEdits(
            **layer_tables(layer, runs, known, of_own),
            natural=_natural(stored, near),
            beyond=kept([_mean(beyond[r]) for r in known.rows]),
            usual_beyond=_mean(seen.beyond(stored[ACTIVATION][rows], words[rows])),
        )

    manifest = networks.store.manifest
    return EditedBoards(
        target=networks.target_name,
        labels=names,
        step=kept([*studied.step, *np.ones(len(names) - len(studied.step))]),
        **_of_labels(every, known.rows, near, np.concatenate(marked)),
        boards=len(np.unique(every.base)),
        edited=2 * len(every.label),
        random_networks=len(explainers) - 1,
        seed=seed,
        size=size,
        layers={layer: layer_edits(layer) for layer in explainers[0].layers},
        network=str(manifest.network.get("digest", "")),
        corpus=str(manifest.corpus.get("digest", "")),
    )


@dataclass(frozen=True, eq=False)
class _Edits:
    """All that is asked: edits for labels, of boards, and moves of boards that stay.

    The ``basic`` edits are those made for labels of the board; ``boards`` has besides
    how these switch rules and lie to places. ``moves`` (P, 4) are of the ``moved``.
    """

    names: tuple[str, ...]
    basic: Chosen
    boards: Chosen
    moved: Chosen
    moves: NDArray[np.intp]


def _every_edit(
    boards: Corpus,
    actions: NDArray[np.int64],
    studied: Studied,
    of_moves: Studied | None,
    scored: ScoredLabels | None,
    seed: int,
) -> _Edits:
    """Edit boards (N,) for labels of them, rules, places and labels of moves."""
    size, fixed = boards.size, places(boards.size)
    rules = {} if scored is None else scored.told
    squares = squares_of_actions(np.maximum(actions[:, 0], 0), size=size)
    basic = choose_edits(
        boards.own,
        boards.opponent,
        np.where(actions[:, 0] == VALUE, -1, squares),
        studied,
        tries=_TRIES,
        most=_PAIRS,
        size=size,
        seed=seed,
    )
    names = (*studied.names, *rules, *fixed)
    masks, labels = [mask for _, mask in fixed.values()], len(studied.names)
    parts = (
        basic,
        edits_of_rules(basic, [*rules.values()], labels, size=size),
        edits_of_places(basic, masks, labels + len(rules), size=size),
    )
    moved, moves = joined([]), np.zeros((0, 4), np.intp)
    if of_moves is not None:
        moved, moves = choose_moves(boards, of_moves, len(names), most=_PAIRS)
        names += of_moves.names
    return _Edits(names, basic, joined(parts), moved, moves)


def _run(
    explainers: Sequence[Explainer],
    own_rules: Sequence[Sequence[tuple[str, OwnLabel]]],
    edits: _Edits,
    actions: NDArray[np.int64],
    mapped: Sequence[int],
    network: TaskPart,
    on_rows: OnRows,
) -> Run:
    """Follow a network on all edits, and its channels by rules of their own."""
    explainer, ruled = explainers[network.index], own_rules[network.index]
    size = explainer.size
    rules = [each.rule for _, each in ruled if each.rule]
    own = edits_of_rules(edits.basic, rules, 0, size=size)
    owners = [(ruled[k][0], ruled[k][1].channel) for k in own.label]
    pairs = Pairs.of(joined([edits.boards, own]), actions, size, mapped, len(owners))
    changes, of_rules, edited = edit_changes(explainer, pairs, owners)
    for layer, of_moves in move_changes(explainer, edits.moved, edits.moves).items():
        both = changes[layer][RELEVANCE], of_moves
        changes[layer][RELEVANCE] = np.concatenate(both)
    on_rows(1)
    return Run(changes, edited, own_responses(of_rules, own.label, ruled))


def _own_rules(
    scored: ScoredLabels | None, networks: int
) -> list[list[tuple[str, OwnLabel]]]:
    """Return the rules of channels of random networks, by network and with the layer.

    Those of the trained network, which comes first, are tested in all.
    """
    found: list[list[tuple[str, OwnLabel]]] = [[] for _ in range(networks)]
    for layer, own in {} if scored is None else scored.random_own.items():
        for ruled, labels in zip(found[1:], own, strict=False):
            ruled += [(layer, each) for each in labels if each.rule]
    return found


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
    chosen: Chosen, known: list[NDArray[np.intp]], near: Near, moves: NDArray[Any]
) -> dict[str, Any]:
    """Return what is known of each label's edits, and examples of them.

    Moves (P, 2) are those without the label and with it.
    """

    def mean(values: NDArray[Any]) -> Floats:
        return kept([_mean(values[rows]) for rows in known])

    boards = np.zeros((3, len(known), EXAMPLES, 2), np.uint64)
    marked = np.full((len(known), EXAMPLES, 2), NO_MOVE, np.int8)
    for k, rows in enumerate(known):
        some = rows[:EXAMPLES]
        marked[k, : len(some)] = moves[some]
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
        "moves": marked,
    }


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if values.size else float("nan")


def _stored(networks: Networks, layer: str) -> dict[str, NDArray[Any]]:
    """Return what the store has of a layer at the sample, (N, C) each."""
    arrays, rows = networks.store.arrays, networks.rows
    relevance = arrays.relevance(layer, rows=rows, target=networks.target)
    return {ACTIVATION: arrays.activation(layer, rows=rows), RELEVANCE: relevance}


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
