"""What edits of boards change in the channels of a network, and whether that tells.

Shapes use P pairs of a switching and a matched edit, C channels of a layer, K labels,
R natural positions and S squares of the board.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit  # type: ignore[import-untyped]
from scipy.stats import rankdata  # type: ignore[import-untyped]

from conceptlrp.labelling.channel_name import ACTIVATION, FEATURE_MAP, MAP, RELEVANCE
from conceptlrp.labelling.columns import mask_bits
from conceptlrp.labelling.edits import (
    OF_RULE,
    Chosen,
    Studied,
    Words,
    edit_kinds,
    first_rows,
    groups,
    joined,
    of_boards,
)
from conceptlrp.labelling.networks import on_board
from conceptlrp.labels import move_labels
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.batch import as_array, batches, channel_rows
from conceptlrp.lrp.probing import planes_of, starts_of
from conceptlrp.networks.planes import actions_of_squares, crop
from conceptlrp.othello import Corpus, legal_moves
from conceptlrp.othello.board import squares, to_boards
from conceptlrp.othello.symmetry import SYMMETRIES, turn_squares
from conceptlrp.statistics.intervals import LEAST_GAMES
from conceptlrp.statistics.ranks import Floats

_BATCH: Final = 96
# Of so many boards all edits are run at once.
_BOARDS: Final = 4
# Where each symmetry takes each square, (8, 64).
_TURNED: Final = turn_squares(np.arange(64), np.arange(SYMMETRIES)[:, None])

#: By layer and measure, changes (P, 2, C) of the switching and the matched edits.
Changes = dict[str, dict[str, NDArray[np.float32]]]


@dataclass(frozen=True, eq=False)
class Pairs:
    """P pairs of edits, and how networks are asked about them.

    ``actions`` (P, 1 or 2) are explained, the second subtracted; conditional maps are
    of the ``mapped`` (P,) pairs alone. Maps change on squares by ``weights`` (P, 2, S).
    """

    chosen: Chosen
    actions: NDArray[np.int64]
    mapped: NDArray[np.bool_]
    weights: Floats

    @classmethod
    def of(
        cls,
        chosen: Chosen,
        actions: NDArray[np.int64],
        size: int,
        mapped: Sequence[int],
        own: int,
    ) -> "Pairs":
        """Return pairs of which those of some labels have maps; actions are by base.

        The last ones, of a network's ``own`` rules, have none.
        """
        weights = switched_squares(chosen, size)
        told = np.isin(chosen.label, mapped)
        told[len(told) - own :] = False
        return cls(chosen, actions[chosen.base], told, weights)

    def blocks(self) -> Iterator[NDArray[np.intp]]:
        """Yield rows of a few boards, as edits of a board are run once."""
        order = np.lexsort((self.chosen.base, ~self.mapped))
        group = self.chosen.base[order] // _BOARDS * 2 + self.mapped[order]
        yield from np.split(order, np.flatnonzero(np.diff(group)) + 1)


def edit_changes(
    explainer: Explainer, pairs: Pairs, own: Sequence[tuple[str, int]]
) -> tuple[Changes, dict[str, Floats], dict[str, Floats]]:
    """Return what edits change in all channels, in the direction of the label.

    Of the last pairs, as many as ``own``, each is of the rule of one channel of a layer
    alone. Then these changes (O, 2) by measure, and the activations (P, C) of the
    boards that switch.
    """
    found: Changes = {}
    edited: dict[str, Floats] = {}
    ruled = {m: np.full((len(own), 2), np.nan) for m in (ACTIVATION, FEATURE_MAP)}
    shared = len(pairs.chosen.label) - len(own)
    layer_of = np.array([layer for layer, _ in own], np.str_)
    channel_of = np.array([channel for _, channel in own], np.intp)
    for rows in pairs.blocks() if len(pairs.chosen.label) else ():
        part, weights = pairs.chosen.take(rows), pairs.weights[rows]
        every = np.concatenate([part.before, part.after, part.matched])
        boards, first, place = np.unique(
            every, axis=0, return_index=True, return_inverse=True
        )
        asked, some = np.tile(pairs.actions[rows], (3, 1))[first], pairs.mapped[rows]
        place, all_of = place.reshape(3, -1), np.flatnonzero(rows < shared)
        for layer, tables in _follow(
            explainer, boards, asked, mapped=bool(some.any())
        ).items():
            mine = np.flatnonzero(rows >= shared)
            mine = mine[layer_of[rows[mine] - shared] == layer]
            at = rows[mine] - shared
            for measure, table in tables.items():
                kept, channels = found.setdefault(layer, {}), table.shape[1]
                if measure not in kept:
                    kept[measure] = np.full((shared, 2, channels), np.nan, np.float32)
                kept[measure][rows[all_of]] = _moved(
                    table, place[:, all_of], part.way[all_of], weights[all_of]
                )
                if measure in ruled:
                    of_one = table[place[:, mine], channel_of[at]][:, :, None]
                    ruled[measure][at] = _moved(
                        of_one.reshape(-1, *of_one.shape[2:]),
                        np.arange(3 * len(mine)).reshape(3, -1),
                        part.way[mine],
                        weights[mine],
                    )[..., 0]
                if measure == ACTIVATION:
                    whole = edited.setdefault(layer, np.empty((shared, channels)))
                    whole[rows[all_of]] = table[place[1, all_of]]
    return found, ruled, edited


def _moved(
    table: NDArray[Any], place: NDArray[np.intp], way: NDArray[np.int8], weights: Floats
) -> Floats:
    """Return changes (p, 2, C) between rows of a table, of maps by weights of squares.

    ``place`` (3, p) has the boards before, after and of the match.
    """
    if table.ndim == 2:
        before, after, matched = table[place]
        return np.asarray(
            np.stack([after - before, matched - before], axis=1) * way[:, None, None]
        )
    moved = np.full((place.shape[1], 2, table.shape[1]), np.nan)
    told = np.flatnonzero((weights != 0).any(axis=2).all(axis=1))
    before, after, matched = table[place[:, told]]
    for k, each in enumerate((after, matched)):
        moved[told, k] = np.einsum("ps,pcs->pc", weights[told, k], each - before)
    return moved


def move_changes(
    explainer: Explainer, chosen: Chosen, moves: NDArray[np.intp]
) -> dict[str, NDArray[np.float32]]:
    """Return by how much relevance differs (P, 2, C) between moves (P, 4) of boards."""
    base = np.repeat(chosen.base, moves.shape[1])
    every = np.column_stack([base, moves.ravel()])
    asked, first, place = np.unique(
        every, axis=0, return_index=True, return_inverse=True
    )
    words = np.repeat(chosen.before, moves.shape[1], axis=0)[first]
    actions = actions_of_squares(asked[:, 1], size=explainer.size)[:, None]
    parts: dict[str, list[NDArray[Any]]] = {}
    for rows in batches(len(asked), _BATCH):
        for layer, tables in _follow(
            explainer, words[rows], actions[rows], mapped=False
        ).items():
            parts.setdefault(layer, []).append(tables[RELEVANCE])
    found = {}
    for layer, each in parts.items():
        table = np.concatenate(each)[place.reshape(moves.shape)]
        found[layer] = table[:, ::2] - table[:, 1::2]
    return found


def edits_of_places(
    chosen: Chosen, places: Sequence[int], first: int, *, size: int
) -> Chosen:
    """Return pairs of an edit inside a place and one of the same kind outside.

    Both are edits of a board that were made for labels, one pair a board; places, as
    words, are numbered from the `first`.
    """
    # In any order, so that no place has edits of one label first.
    order = np.random.default_rng(0).permutation(2 * len(chosen.base))
    rows = order % len(chosen.base)
    after = np.concatenate([chosen.after, chosen.matched])[order]
    before, base = chosen.before[rows], chosen.base[rows]
    changed = np.bitwise_or.reduce(before ^ after, axis=1)
    kinds = edit_kinds(before.T, after, size)[0]
    alike = groups(np.column_stack([base, kinds]))
    kept = kinds[:, 2:4].sum(axis=1) == kinds[:, 4:].sum(axis=1)
    found = []
    for number, place in enumerate(np.array(places, np.uint64), first):
        inside, outside = (
            np.flatnonzero((changed & out) == 0) for out in (~place, place)
        )
        _, one, other = np.intersect1d(
            alike[inside], alike[outside], return_indices=True
        )
        inside, outside = inside[one], outside[other]
        turn = np.lexsort((inside, ~kept[inside]))
        turn = of_boards(base[inside], turn)
        if kept[inside[turn]].sum() >= LEAST_GAMES:
            turn = turn[kept[inside[turn]]]
        inside, outside = inside[turn[:OF_RULE]], outside[turn[:OF_RULE]]
        edits = {"after": after[inside], "matched": after[outside]}
        found.append(chosen.anew(rows[inside], number, ply_kept=kept[inside], **edits))
    return joined(found)


def choose_moves(
    boards: Corpus, studied: Studied, first: int, *, most: int
) -> tuple[Chosen, NDArray[np.intp]]:
    """Choose moves of boards (N,) of which one has a label and the other has not.

    Their match are two moves of the board that both have it, or both have not, and
    differ in other labels as nearly alike as there are. Boards stay as they are. Moves
    (P, 4) are the one with the label and the other one, then those of the match.
    """
    legal = legal_moves(boards.own, boards.opponent, size=boards.size)
    at, square = to_boards(legal, 0).reshape(len(boards), 64).nonzero()
    labels = move_labels(boards[at], square)
    table = np.stack([labels.position[n] for n in studied.names], axis=1)
    words = np.stack([boards.own, boards.opponent], axis=1)
    found: list[tuple[NDArray[Any], ...]] = []
    for board in range(len(boards)):
        here = np.flatnonzero(at == board)
        one, other = np.nonzero(~np.eye(len(here), dtype=np.bool_))
        if not len(one):
            continue
        delta = table[here[one]] - table[here[other]].astype(np.float64)
        relative = np.clip(delta / studied.step, -1, 1)
        cost = np.abs(relative) @ studied.weight.T
        cost = np.where(delta >= studied.step, cost, np.inf)
        best = cost.argmin(axis=0)
        # Of weighted squared differences to the best what is not the same for all.
        weighted = studied.weight * relative[best]
        away = np.square(relative) @ studied.weight.T - 2 * relative @ weighted.T
        away = np.where(delta == 0, away, np.inf)
        match, least = away.argmin(axis=0), cost.min(axis=0)
        good = np.flatnonzero(np.isfinite(least) & np.isfinite(away.min(axis=0)))
        pairs = [here[side[p[good]]] for p in (best, match) for side in (one, other)]
        chosen = square[np.stack(pairs, axis=1)]
        found.append((good, np.full(len(good), board), least[good], chosen))
    if not found:
        return joined([]), np.zeros((0, 4), np.intp)
    label, base, cost, moves = map(np.concatenate, zip(*found, strict=True))
    rows = first_rows(label, cost, most)
    at, n = base[rows], len(rows)
    known = words[at], words[at], words[at], np.ones(n, np.int8), np.full(n, np.nan)
    same, none = np.zeros(n, np.bool_), np.zeros(n, np.uint64)
    rest = same, ~same, none, none, cost[rows]
    return Chosen(label[rows] + first, at, *known, *rest), moves[rows]


def _follow(
    explainer: Explainer, words: Words, actions: NDArray[np.int64], *, mapped: bool
) -> dict[str, dict[str, NDArray[Any]]]:
    """Return activation and relevance (B, C), and maps (B, C, S), of boards (B, 2)."""
    size = explainer.size
    boards = crop(to_boards(words[:, 0], words[:, 1]), size=size)[:, 0]
    above = explainer.baseline_for(None).take(slice(0, len(boards)))
    found: dict[str, dict[str, NDArray[Any]]] = {}
    with explainer.forward(planes_of(explainer, boards), baseline=above) as passed:
        _, layers = passed.relevance(starts_of(passed, actions))
        every = {n: channel_rows(n, None, f) for n, f in passed.features.items()}
        maps = passed.conditional(layers, every)[0] if mapped else {}
        for layer, relevance in layers.items():
            fired = as_array(passed.features[layer])
            # A contrast is what speaks for one move less what speaks for another.
            sums = _subtracted(as_array(relevance.sum((3, 4))))
            tables = {ACTIVATION: fired.sum(axis=(2, 3)), RELEVANCE: sums}
            laid = on_board(fired, size)
            if laid is not None:
                tables[FEATURE_MAP] = laid.reshape(*laid.shape[:2], -1)
            if layer in maps:
                sizes = np.abs(_subtracted(as_array(maps[layer])))
                tables[MAP] = sizes.reshape(*sizes.shape[:2], -1)
            found[layer] = tables
    return found


def _subtracted(of_actions: NDArray[Any]) -> NDArray[Any]:
    """Return what is explained, (B, 1 or 2, ...), as one."""
    return np.asarray(of_actions[:, 0] - of_actions[:, 1:].sum(axis=1))


def aurocs(changes: Floats) -> tuple[Floats, Floats, Floats]:
    """Return AUROCs (C,) of changes (P, 2, C), and the ends of their 95 % intervals.

    Each pair is of a game of its own, and counts by what the AUROC would lose without
    it; near 1, where pairs stop to differ, the variance is at least that of a part of P
    pairs with one of either kind more. The interval is that of the logit. See
    Sen (1960) and DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988).
    """
    known = changes[np.isfinite(changes).all(axis=(1, 2))]
    pairs, channels = len(known), changes.shape[2]
    if pairs < LEAST_GAMES:
        unknown = np.full(channels, np.nan)
        return unknown, unknown, unknown
    both = rankdata(known.reshape(2 * pairs, channels), axis=0)
    both = both.reshape(known.shape)
    alone = rankdata(known, axis=0)
    # How often each switching edit exceeds matched ones, and is exceeded.
    wins = (both[:, 0] - alone[:, 0]) / pairs
    losses = 1 - (both[:, 1] - alone[:, 1]) / pairs
    auroc = wins.mean(axis=0)
    influence = wins + losses - 2 * auroc
    part = (np.maximum(auroc, 1 - auroc) * pairs + 1) / (pairs + 2)
    error = np.sqrt(
        np.maximum(
            np.square(influence).sum(axis=0) / (pairs * (pairs - 1)),
            part * (1 - part) / (pairs + 2) / 2,
        )
    )
    inside = (auroc * pairs + 0.5) / (pairs + 1)
    reach = stdtrit(pairs - 1, 0.975) * error / (inside * (1 - inside))
    center = np.log(inside / (1 - inside))
    low, high = (1 / (1 + np.exp(-center + way * reach)) for way in (1, -1))
    return auroc, np.minimum(low, auroc), np.maximum(high, auroc)


def switched_squares(chosen: Chosen, size: int) -> Floats:
    """Return weights (P, 2, S) of the squares that join a set or leave it.

    Those of a matched edit lie to it as the squares that switched lie to theirs: the
    symmetry that takes the nearest edited square to one of the match takes them along.
    """
    words = np.zeros((2, len(chosen.label), 2), np.uint64)
    for row in np.flatnonzero((chosen.gained | chosen.lost) != 0):
        before, after, matched = (
            each[row] for each in (chosen.before, chosen.after, chosen.matched)
        )
        edits = [
            squares(np.bitwise_or.reduce(board ^ before)) for board in (after, matched)
        ]
        for way, word in enumerate((chosen.gained[row], chosen.lost[row])):
            for square in squares(word):
                words[way, row, 0] |= np.uint64(1 << square)
                like = _likewise(square, *edits)
                words[way, row, 1] |= np.uint64(0 if like < 0 else 1 << like)
    bits = mask_bits(words.reshape(-1, 2), size)
    bits = bits.reshape(2, len(chosen.label), -1, 2).astype(np.float64)
    weights = bits[0] - bits[1]
    number = np.maximum(np.abs(weights).sum(axis=1, keepdims=True), 1)
    return np.asarray((weights / number).transpose(0, 2, 1))


def _likewise(square: int, edited: list[int], matched: list[int]) -> int:
    """Return the square that lies to a matched edit as one does to an edit, or -1."""

    def distance(other: int) -> int:
        return max(abs(square // 8 - other // 8), abs(square % 8 - other % 8))

    near = min(edited, key=distance)
    for other in matched:
        for s in np.flatnonzero(_TURNED[:, near] == other):
            return int(_TURNED[s, square])
    # No symmetry takes one there, but an edited square is like an edited square.
    return matched[0] if near == square else -1
