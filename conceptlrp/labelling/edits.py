"""Minimal edits of boards that switch a label, and matched ones that do not.

Of many random edits of a board the one is taken that switches a label and moves other
labels least, those first that go with it in the corpus. Its match is an edit of the
same kind in the same place that leaves the label as it is, and moves the others as
nearly alike as there is: what is left between the two is the label.

An edit recolours up to three discs, moves a disc to another square, or both, so that
the number of discs stays; only where that never switches a label, a disc is added or
taken away. Boards that cannot arise are not made: the squares of the start keep their
discs, discs hang together, both sides have some, and the side to move has a move.
Shapes use N boards, T edits of each, K labels.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conceptlrp.labelling.columns import Columns, nested_labels
from conceptlrp.labelling.rule import Rule, square_states
from conceptlrp.labels import LABELS, LOCATION_CLASSES, label_boards, location_classes
from conceptlrp.labels.geometry import board_parts, dilate
from conceptlrp.networks.planes import crop
from conceptlrp.othello import legal_moves
from conceptlrp.othello.board import count, from_boards, start, to_boards
from conceptlrp.statistics.estimates import exchanged_within, pair_correlations
from conceptlrp.statistics.intervals import LEAST_GAMES
from conceptlrp.statistics.ranks import Floats, centered_ranks

# Discs that are recoloured, moved, taken away, added; and how often each is tried.
_KINDS: Final = (
    (1, 0, 0),
    (2, 0, 0),
    (3, 0, 0),
    (0, 1, 1),
    (1, 1, 1),
    (0, 1, 0),
    (0, 0, 1),
)
_OFTEN: Final = (0.22, 0.18, 0.14, 0.2, 0.14, 0.06, 0.06)
_BLOCK: Final = 32
#: Pairs of a rule, or of a place.
OF_RULE: Final = 48
# A square of another class counts more than any difference of other labels.
_PLACE: Final = 100.0
# What a label weighs that has nothing to do with another one.
_LEAST_WEIGHT: Final = 0.05

Words = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Studied:
    """The K labels that boards are edited for, as the corpus shows them.

    ``counted`` says of which sets of squares the size is taken and not whether there
    are any; a number switches if it changes by ``step`` (K,); ``scale`` (K,) is how
    much labels differ between positions of a ply; ``weight`` (K, K) says how much
    another label matters, 0 for one that is nested.
    """

    names: tuple[str, ...]
    counted: frozenset[str]
    step: Floats
    weight: Floats


def study_labels(
    columns: Columns, known: Collection[str] = LABELS, *, seed: int, nested: bool = True
) -> Studied:
    """Learn from the known labels of a corpus what a switch is, and what should stay.

    A number switches where it changes by as much as half of the pairs of positions of a
    ply and of different games differ by, or by a step if that is more. Labels that are
    `nested` cannot switch apart.
    """
    names = tuple(name for name in columns.names if name in known)
    places = [columns.names.index(name) for name in names]
    chosen = [columns.columns[k] for k in places]
    table = np.stack(chosen, axis=1).astype(np.float64)
    differ = table[exchanged_within(columns.strata, seed=seed)] - table
    flag = np.array([column.dtype == np.bool_ for column in chosen])
    sizes = np.abs(differ)
    least = np.where(sizes > 0, sizes, np.inf).min(axis=0)
    least = np.where(np.isfinite(least), least, 1)
    step = np.where(flag, 1, np.maximum(np.median(sizes, axis=0), least))
    ranks = centered_ranks(table.astype(np.float32), columns.strata)
    weight = np.abs(pair_correlations(ranks, ranks))
    weight = np.nan_to_num(weight) + _LEAST_WEIGHT
    spared = np.eye(len(names), dtype=np.bool_)
    if nested:
        spared |= nested_labels(replace(columns, names=names, columns=chosen))
    return Studied(
        names=names,
        counted=frozenset(n for n, f in zip(names, flag, strict=True) if not f),
        step=step,
        weight=np.where(spared, 0, weight),
    )


@dataclass(frozen=True, eq=False)
class Chosen:
    """For each label the edits that switch it: P rows, one a board.

    ``label`` and ``base`` (P,) are places; ``before``, ``after`` and ``matched`` (P, 2)
    words of both sides; ``way`` (P,) 1 where the label comes to hold or grows, or -1;
    ``others`` (P,) how many labels change besides; ``same_place`` and ``ply_kept`` (P,)
    flags; ``gained`` and ``lost`` (P,) the squares that come to be in a set, or leave.
    """

    label: NDArray[np.intp]
    base: NDArray[np.intp]
    before: Words
    after: Words
    matched: Words
    way: NDArray[np.int8]
    others: Floats
    same_place: NDArray[np.bool_]
    ply_kept: NDArray[np.bool_]
    gained: Words
    lost: Words
    cost: Floats

    def take(self, rows: NDArray[np.intp]) -> "Chosen":
        """Return some of the edits."""
        return Chosen(*(getattr(self, f.name)[rows] for f in fields(self)))

    def anew(self, rows: NDArray[np.intp], label: Any, **known: Any) -> "Chosen":
        """Return boards of some edits with other edits, and what is known of them."""
        part, n = self.take(rows), len(rows)
        none = np.zeros(n, np.uint64)
        usual: dict[str, Any] = {
            "label": np.broadcast_to(label, n),
            "way": np.ones(n, np.int8),
            "others": np.full(n, np.nan),
            "same_place": np.zeros(n, np.bool_),
            "gained": none,
            "lost": none,
        }
        return replace(part, **usual | known)


def random_edits(
    own: Words,
    opponent: Words,
    number: int,
    *,
    size: int,
    generator: np.random.Generator,
) -> tuple[Words, Words]:
    """Edit each board (N,) so many times at random, (N, T) of both sides."""
    shape = len(own), number
    kind = generator.choice(len(_KINDS), shape, p=_OFTEN).astype(np.int8)
    recoloured, taken, added = np.moveaxis(np.array(_KINDS)[kind], -1, 0)
    mine, theirs = (np.broadcast_to(w[:, None], shape).copy() for w in (own, opponent))
    region = board_parts(size).region
    centre = np.uint64(sum(start(size)))
    gone = _pick((mine | theirs) & ~centre, generator) * taken.astype(np.uint64)
    place = _pick(dilate((mine | theirs) & ~gone, region) & ~(mine | theirs), generator)
    place = place * added.astype(np.uint64)
    # A disc that moves keeps its colour.
    as_own = np.where(taken > 0, (gone & mine) != 0, generator.random(shape) < 0.5)
    mine, theirs = mine & ~gone, theirs & ~gone
    flipped = np.zeros(shape, np.uint64)
    for turn in range(3):
        discs = (mine | theirs) & ~flipped
        near = discs & dilate(dilate(flipped, region), region)
        close = (near != 0) & (generator.random(shape) < 0.5)
        bit = _pick(np.where(close, near, discs), generator)
        flipped |= bit * (recoloured > turn).astype(np.uint64)
    mine, theirs = mine ^ flipped, theirs ^ flipped
    return mine | place * as_own, theirs | place * ~as_own


def possible(
    edited: tuple[Words, Words], before: Words, square: NDArray[Any], size: int
) -> NDArray[np.bool_]:
    """Tell which edited boards can arise for all we know.

    ``before`` has the discs of the board before; ``square`` of the explained move,
    -1 for none, must stay legal.
    """
    own, opponent = edited
    legal = legal_moves(own, opponent, size=size)
    bit = np.left_shift(np.uint64(1), np.maximum(square, 0).astype(np.uint64))
    found = (own != 0) & (opponent != 0) & (legal != 0)
    found &= (square < 0) | ((legal & bit) != 0)
    loose = _loose(own | opponent, size) & ~_loose(before, size)
    return np.asarray(found & (loose == 0))


def _loose(discs: Words, size: int) -> Words:
    """Return the discs that do not hang together with those of the start."""
    region = board_parts(size).region
    reached = discs & np.uint64(sum(start(size)))
    while True:
        wider = dilate(reached, region) & discs
        if np.array_equal(wider, reached):
            return discs & ~reached
        reached = wider


def _pick(words: Words, generator: np.random.Generator) -> Words:
    """Draw one bit of each word, 0 where there is none."""
    flat = np.ascontiguousarray(words.ravel(), "<u8")
    bits = np.unpackbits(flat[:, None].view(np.uint8), axis=1, bitorder="little")
    keys = generator.random(bits.shape, np.float32) * bits
    bit = np.left_shift(np.uint64(1), keys.argmax(axis=1).astype(np.uint64))
    return np.where(flat != 0, bit, np.uint64(0)).reshape(words.shape)


def choose_edits(
    own: Words,
    opponent: Words,
    square: NDArray[Any],
    studied: Studied,
    *,
    tries: int,
    most: int,
    size: int,
    seed: int,
) -> Chosen:
    """Choose edits of boards (N,), each of another game, at most so many a label.

    ``square`` (N,) of the explained move stays legal, -1 for none.
    """
    generator = np.random.default_rng(seed)
    found: list[Chosen] = []
    for first in range(0, len(own), _BLOCK):
        rows = slice(first, first + _BLOCK)
        mine, theirs = own[rows], opponent[rows]
        edited = random_edits(mine, theirs, tries, size=size, generator=generator)
        legal = possible(edited, (mine | theirs)[:, None], square[rows, None], size)
        tables = _tables(mine, theirs, edited, studied, size)
        for at in range(len(mine)):
            kept = np.flatnonzero(legal[at])
            if kept.size:
                board = _Board(
                    tables[0][at], tables[1][at], tables[2][at], kept, studied, size
                )
                found.append(board.chosen(first + at))
    every = joined(found)
    return every.take(_cheapest(every, most))


def _tables(
    own: Words,
    opponent: Words,
    edited: tuple[Words, Words],
    studied: Studied,
    size: int,
) -> tuple[Words, Floats, Words]:
    """Return boards, values and sets of squares of boards and their edits.

    Shapes: (n, 1 + T, 2), (n, 1 + T, K), (n, 1 + T, K), the board before its edits.
    """
    sides = [
        np.concatenate([side[:, None], words], axis=1)
        for side, words in zip((own, opponent), edited, strict=True)
    ]
    flat = [side.ravel() for side in sides]
    labels, shape = (
        label_boards((flat[0], flat[1]), studied.names, size=size),
        sides[0].shape,
    )
    values = np.empty((*shape, len(studied.names)), np.float32)
    masks = np.zeros((*shape, len(studied.names)), np.uint64)
    for k, name in enumerate(studied.names):
        if name in labels.position:
            values[..., k] = labels.position[name].reshape(shape)
            continue
        words = labels.masks[name].reshape(shape)
        masks[..., k] = words
        values[..., k] = count(words) if name in studied.counted else words != 0
    return np.stack(sides, axis=-1), values, masks


class _Board:
    """One board and its possible edits."""

    def __init__(
        self,
        boards: Words,
        values: Floats,
        masks: Words,
        kept: NDArray[np.intp],
        studied: Studied,
        size: int,
    ) -> None:
        self.studied, self.before = studied, boards[0]
        self.after, self.masks, self.was = boards[1:][kept], masks[1:][kept], masks[0]
        self.delta = values[1:][kept] - values[0]
        self.relative = np.clip(self.delta / studied.step, -1, 1)
        self.kinds, self.places = edit_kinds(self.before, self.after, size)
        sizes = self.kinds.reshape(-1, 3, 2).sum(axis=2)
        self.ply_kept = sizes[:, 1] == sizes[:, 2]
        whole = np.concatenate([self.kinds, self.places], axis=1)
        self.alike, self.exact = groups(sizes), groups(whole)

    def chosen(self, base: int) -> Chosen:
        """Choose an edit and its match for each label that some edit switches."""
        studied = self.studied
        unchanged = (self.delta == 0) & (self.masks == self.was)
        switching = np.abs(self.delta) >= studied.step
        cost = np.abs(self.relative) @ studied.weight.T
        # An edit that has a match in the same place goes first, then one of as many
        # squares, and what changes the number of discs goes last.
        cost = cost + _PLACE * ~_having(self.exact, unchanged)
        cost = cost + 2 * _PLACE * ~self.ply_kept[:, None]
        cost = np.where(switching & _having(self.alike, unchanged), cost, np.inf)
        best = cost.argmin(axis=0)
        labels = np.flatnonzero(np.isfinite(cost.min(axis=0)))
        best = best[labels]
        match, same = self._matches(labels, best, unchanged)
        others = (np.abs(self.delta) >= studied.step).sum(axis=1) - 1
        masks = self.masks[best, labels]
        return Chosen(
            label=labels,
            base=np.full(len(labels), base),
            before=np.broadcast_to(self.before, (len(labels), 2)),
            after=self.after[best],
            matched=self.after[match],
            way=np.sign(self.delta[best, labels]).astype(np.int8),
            others=others[best].astype(np.float64),
            same_place=same,
            ply_kept=self.ply_kept[best],
            gained=masks & ~self.was[labels],
            lost=self.was[labels] & ~masks,
            cost=cost[best, labels],
        )

    def _matches(
        self,
        labels: NDArray[np.intp],
        best: NDArray[np.intp],
        unchanged: NDArray[np.bool_],
    ) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        match, same = np.empty(len(labels), np.intp), np.empty(len(labels), np.bool_)
        for row, (k, edit) in enumerate(zip(labels, best, strict=True)):
            able = np.flatnonzero((self.alike == self.alike[edit]) & unchanged[:, k])
            away = np.abs(self.places[able] - self.places[edit]).sum(axis=1)
            away += 2 * np.abs(self.kinds[able] - self.kinds[edit]).sum(axis=1)
            apart = np.abs(self.relative[able] - self.relative[edit])
            at = (_PLACE * away + apart @ self.studied.weight[k]).argmin()
            match[row], same[row] = able[at], away[at] == 0
        return match, same


def groups(rows: NDArray[np.int64]) -> NDArray[np.intp]:
    """Give equal rows (T, ...) the same number."""
    return np.unique(rows, axis=0, return_inverse=True)[1].ravel()


def _having(group: NDArray[np.intp], flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell for each row (T, K) whether any row of its group has a flag."""
    found = np.zeros((int(group.max()) + 1, flags.shape[1]), np.bool_)
    np.logical_or.at(found, group, flags)
    return found[group]


def edit_kinds(
    before: Words, after: Words, size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return what each edit (T,) does to discs, and where.

    Of own and opponent's discs how many are recoloured, taken away and added (T, 6);
    of squares recoloured, left and taken how many are of each class (T, 30).
    """
    own, opponent = before
    mine, theirs = after[:, 0], after[:, 1]
    parts = (
        *(own & theirs, opponent & mine),
        *(own & ~mine & ~theirs, opponent & ~mine & ~theirs),
        *(mine & ~own & ~opponent, theirs & ~own & ~opponent),
    )
    kinds = np.stack([count(part) for part in parts], axis=1).astype(np.int64)
    classes = location_classes(size)
    sets = [
        np.uint64(sum(1 << int(s) for s in np.flatnonzero(classes == c)))
        for c in range(len(LOCATION_CLASSES))
    ]
    groups = [one | other for one, other in zip(parts[::2], parts[1::2], strict=True)]
    places = [count(group & squares) for group in groups for squares in sets]
    return kinds, np.stack(places, axis=1).astype(np.int64)


def edits_of_rules(
    chosen: Chosen, rules: Sequence[Rule], first: int, *, size: int
) -> Chosen:
    """Return pairs of which one edit switches a rule somewhere and the other does not.

    Both are edits that were made for labels, one pair a board; rules are numbered from
    the `first`. A rule of squares switches where it comes to hold on more of them.
    """
    sides = np.stack([chosen.before, chosen.after, chosen.matched])
    words, place = np.unique(sides.reshape(-1, 2), axis=0, return_inverse=True)
    states = square_states(crop(to_boards(*words.T), size=size)[:, 0])
    found = []
    for number, rule in enumerate(rules, first):
        held = _words_of(rule.holds_on(states))[place.reshape(3, -1)]
        switched = held[1:] != held[0]
        rows = np.flatnonzero(switched[0] != switched[1])
        rows = rows[np.lexsort((chosen.cost[rows], ~chosen.same_place[rows]))]
        rows = of_boards(chosen.base, rows)[:OF_RULE]
        one = switched[0][rows]
        after, before = np.where(one, held[1][rows], held[2][rows]), held[0][rows]
        more = count(after).astype(np.int64) - count(before)
        part = chosen.take(rows)
        squares = ~np.uint64(0) if rule.window else np.uint64(0)
        found.append(
            chosen.anew(
                rows,
                number,
                after=np.where(one[:, None], part.after, part.matched),
                matched=np.where(one[:, None], part.matched, part.after),
                way=np.where(more < 0, -1, 1).astype(np.int8),
                others=part.others,
                same_place=part.same_place,
                gained=after & ~before & squares,
                lost=before & ~after & squares,
            )
        )
    return joined(found)


def of_boards(base: NDArray[np.intp], rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the first row of each board, in their order."""
    return rows[np.sort(np.unique(base[rows], return_index=True)[1])]


def first_rows(label: NDArray[np.intp], cost: Floats, most: int) -> NDArray[np.intp]:
    """Return the cheapest rows of each label, in their order."""
    order = np.lexsort((cost, label))
    label = label[order]
    turn = np.arange(len(order)) - np.searchsorted(label, label)
    return np.sort(order[turn < most])


def _words_of(holds: NDArray[np.bool_]) -> Words:
    """Return where a rule holds, (N, n, n) or (N,), as words (N,)."""
    if holds.ndim == 1:
        return holds.astype(np.uint64)
    return from_boards(holds)


def joined(parts: Sequence[Chosen]) -> Chosen:
    """Put edits together, which may be none."""
    words, none = np.zeros((0, 2), np.uint64), np.zeros(0)
    place, flag, word = none.astype(np.intp), none.astype(np.bool_), words[:, 0]
    way = none.astype(np.int8)
    sides = words, words, words
    nothing = Chosen(place, place, *sides, way, none, flag, flag, word, word, none)
    every = [nothing, *parts]
    return Chosen(
        *(np.concatenate([getattr(p, f.name) for p in every]) for f in fields(Chosen))
    )


def _cheapest(every: Chosen, most: int) -> NDArray[np.intp]:
    """Return the rows of the edits that change least, some of each label.

    Where enough keep the number of discs, all do.
    """
    labels = every.label
    staying = np.bincount(labels[every.ply_kept], minlength=labels.max(initial=-1) + 1)
    rows = np.flatnonzero(every.ply_kept | (staying[labels] < LEAST_GAMES))
    return rows[first_rows(labels[rows], every.cost[rows], most)]
