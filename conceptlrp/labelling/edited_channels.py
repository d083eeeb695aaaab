"""What edits of boards change in the channels of a network, and whether that tells.

Shapes use P pairs of a switching and a matched edit, C channels of a layer, K labels,
R natural positions and S squares of the board.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit  # type: ignore[import-untyped]
from scipy.stats import rankdata  # type: ignore[import-untyped]

from conceptlrp.labelling.channel_name import ACTIVATION, FEATURE_MAP, MAP, RELEVANCE
from conceptlrp.labelling.columns import mask_bits
from conceptlrp.labelling.edits import Chosen, Words
from conceptlrp.labelling.networks import on_board
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.batch import as_array, channel_rows
from conceptlrp.lrp.probing import planes_of, starts_of
from conceptlrp.networks.planes import crop
from conceptlrp.othello.board import squares, to_boards
from conceptlrp.othello.symmetry import SYMMETRIES, turn_squares
from conceptlrp.statistics.intervals import LEAST_GAMES
from conceptlrp.statistics.ranks import Floats

_BATCH: Final = 96
# Where each symmetry takes each square, (8, 64).
_TURNED: Final = turn_squares(np.arange(64), np.arange(SYMMETRIES)[:, None])

#: By layer and measure, changes (P, 2, C) of the switching and the matched edits.
Changes = dict[str, dict[str, Floats]]


def edit_changes(
    explainer: Explainer,
    chosen: Chosen,
    actions: NDArray[np.int64],
    weights: Floats,
    mapped: NDArray[np.bool_],
) -> tuple[Changes, dict[str, Floats]]:
    """Return what edits change in all channels, in the direction of the label.

    ``actions`` (P, 1 or 2) are explained, the second subtracted; conditional maps are
    of the ``mapped`` (P,) pairs alone, nan of the rest. Then the activations (P, C) of
    the boards that switch. Maps change on squares by ``weights`` (P, 2, S).
    """
    found: Changes = {}
    edited: dict[str, Floats] = {}
    pairs = len(chosen.label)
    # Pairs with conditional maps are together.
    order = np.argsort(~mapped, kind="stable")
    for rows in np.split(order, np.arange(_BATCH, pairs, _BATCH)):
        part = chosen.take(rows)
        every = np.concatenate([part.before, part.after, part.matched])
        boards, first, place = np.unique(
            every, axis=0, return_index=True, return_inverse=True
        )
        asked = np.tile(actions[rows], (3, 1))[first]
        some = bool(mapped[rows].any())
        for layer, tables in _follow(explainer, boards, asked, mapped=some).items():
            for measure, table in tables.items():
                before, after, matched = np.split(table[place.ravel()], 3)
                moved = np.stack([after - before, matched - before], axis=1)
                if measure in (MAP, FEATURE_MAP):
                    moved = np.einsum("pms,pmcs->pmc", weights[rows], moved)
                else:
                    moved = moved * part.way[:, None, None]
                shape = (pairs, *moved.shape[1:])
                kept = found.setdefault(layer, {})
                kept.setdefault(measure, np.full(shape, np.nan))[rows] = moved
                if measure == ACTIVATION:
                    shape = (pairs, after.shape[1])
                    edited.setdefault(layer, np.empty(shape))[rows] = after
    for tables in found.values():
        for measure in {MAP, FEATURE_MAP} & set(tables):
            tables[measure][(weights == 0).all(axis=2).any(axis=1)] = np.nan
    return found, edited


def _follow(
    explainer: Explainer,
    words: Words,
    actions: NDArray[np.int64],
    *,
    mapped: bool,
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
