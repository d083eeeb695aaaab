"""Scoring channels against labels: effects, nulls, and the labels that remain.

A plain AUROC gives labels to the channels of any network, since most of what labels
and channels share is how far the game has gone. A channel is therefore given a label
only if its effect

1. is one of rows of the same ply (and, for maps, location class and content): within
   ten plies much still grows with each, and channels that follow it get labels,
2. is significant against labels exchanged by whole games, corrected for all pairs,
3. is large enough, and larger than in networks with random weights,
4. is all of that on games that were held out, by the lower end of its interval.

The best label is the channel's name if it leads all others that it is not nested
with. "unnamed" is a result.

Shapes use N positions, M of them with maps, C channels, K labels and n x n squares of
the board.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.labelling.channel_name import (
    ACTIVATION,
    FEATURE_MAP,
    FIRING_PLACE,
    MAP,
    PLACE,
    RELEVANCE,
    STRONGEST,
)
from conceptlrp.labelling.columns import (
    Columns,
    moved_maps,
    place_columns,
    place_exchanges,
    place_labels,
    position_columns,
    square_columns,
)
from conceptlrp.labelling.controls import exchange_positions
from conceptlrp.labelling.measures import (
    Compared,
    MeasureScore,
    compare_labels,
    score_measure,
    strongest_boards,
)
from conceptlrp.labelling.naming import name_channels
from conceptlrp.labelling.result import LabelCriteria, LabelScores
from conceptlrp.labelling.rules import Rules, learn_rules
from conceptlrp.labels import MOVE_LABELS, Labels
from conceptlrp.labels.geometry import places
from conceptlrp.statistics.ranks import Floats, codes
from conceptlrp.statistics.significance import false_discovery_rates, held_out_games

Tables = Mapping[str, ArrayLike]

# Measures that are of the tables of another.
_DERIVED: Final = {PLACE: MAP, FIRING_PLACE: FEATURE_MAP, STRONGEST: RELEVANCE}
# Of exchanges, how many tell whether the strongest boards show a move by chance.
_EXCHANGES: Final = 20


@dataclass(frozen=True, eq=False)
class Comparison:
    """Labels of N positions, and how channels are compared with them.

    ``games`` and ``plies`` (N,) are numbered from 0; maps are of the ``mapped`` (M,)
    of the positions, all by default, and their squares are compared with those of the
    same value of ``within`` (M, n, n) alone. Rules are learned where ``boards``
    (N, n, n) are given.
    """

    labels: Labels
    games: NDArray[np.intp]
    plies: NDArray[np.intp]
    criteria: LabelCriteria
    size: int = 8
    mapped: NDArray[np.int64] | None = None
    within: NDArray[Any] | None = None
    boards: NDArray[np.int8] | None = None

    @cached_property
    def held_out(self) -> NDArray[np.bool_]:
        """Which positions are of games that labels are confirmed on, (N,)."""
        asked = self.criteria
        return held_out_games(self.games, share=asked.held_out, seed=asked.seed)

    @cached_property
    def of_values(self) -> Compared:
        """Labels that values of positions are compared with."""
        columns = position_columns(self.labels, self.plies, self.games)
        return compare_labels(self.labels, columns, self.held_out, self.criteria)

    @cached_property
    def of_moves(self) -> Compared:
        """Labels of a move, as far as these are flags, beside others for no test."""
        every = self.of_values
        known = np.array([name in MOVE_LABELS for name in every.labels.names])
        good = every.good & known & ~every.halves[0].matrix.numeric
        return replace(every, good=good, exchanges=every.exchanges[:_EXCHANGES])

    @cached_property
    def of_maps(self) -> Compared:
        """Labels that maps are compared with."""
        rows = self._rows
        columns = square_columns(
            self.labels.take(rows),
            self.plies[rows],
            self.games[rows],
            self.size,
            self.within,
        )
        return self._of_squares(self.labels.take(rows), columns)

    @cached_property
    def of_places(self) -> Compared:
        """Places that maps are compared with."""
        rows, asked = self._rows, self.criteria
        columns = place_columns(
            self.plies[rows], self.games[rows], self.size, self.within
        )
        labels = place_labels(self.size, len(columns.games) // columns.squares)
        exchange = partial(place_exchanges, size=self.size, seed=asked.seed + 1)
        kinds = [kind for kind, _ in places(self.size).values()]
        return self._of_squares(labels, columns, kinds=kinds, exchange=exchange)

    def _of_squares(self, labels: Labels, columns: Columns, **given: Any) -> Compared:
        held_out = self.held_out[self._rows]
        if held_out.all() or not held_out.any():
            msg = (
                f"all {len(held_out)} positions with maps are of games on one side of "
                "the split, expected some on both; take more positions with maps"
            )
            raise ValueError(msg)
        return compare_labels(labels, columns, held_out, self.criteria, **given)

    def score(
        self,
        networks: Sequence[Tables],
        *,
        scored: int | None = None,
        exchanges: int = 0,
    ) -> list[LabelScores]:
        """Score networks by the same rules, each held against the random ones.

        A network with random weights is held against the others of its kind. So many
        `exchanges` of positions within plies follow the first network, of its tables;
        they count among those that are `scored`.
        """
        number = len(networks) + exchanges if scored is None else scored
        by_measure: dict[str, list[MeasureScore]] = {}
        for measure in self._measures(networks[0]):
            tables, compared = self._tables(networks, measure, exchanges)
            by_measure[measure] = score_measure(
                tables,
                compared,
                scored=number,
                trained=1 + exchanges,
                turned=measure == STRONGEST,
            )
        rules = self._rules(networks, exchanges) or [()] * number
        return [
            self._found({m: each[i] for m, each in by_measure.items()}, rules[i])
            for i in range(number)
        ]

    def _rules(self, networks: Sequence[Tables], exchanges: int) -> list[Rules]:
        """Learn rules of where channels fire, or how much where maps have no place."""
        followed = FEATURE_MAP if FEATURE_MAP in networks[0] else ACTIVATION
        if self.boards is None or followed not in networks[0]:
            return []
        tables, compared = self._tables(networks, followed, exchanges)
        boards = self.boards if tables[0].ndim == 2 else self.boards[self._rows]
        asked, trained = self.criteria, 1 + exchanges
        return learn_rules(tables, boards, compared.halves, asked, trained=trained)

    def _tables(
        self, networks: Sequence[Tables], measure: str, exchanges: int
    ) -> tuple[list[NDArray[Any]], Compared]:
        """Return a measure of all networks, and what it is compared with."""
        source = _DERIVED.get(measure, measure)
        tables = [np.asarray(network[source]) for network in networks]
        of_values = tables[0].ndim == 2
        plies = self.plies if of_values else self.plies[self._rows]
        for e in range(exchanges):
            # An exchange takes two seeds.
            seed = self.criteria.seed + 2 * e
            other = exchange_positions(tables[0], plies, seed=seed)
            placed = measure in (PLACE, FIRING_PLACE)
            tables.insert(1 + e, moved_maps(other, seed=seed) if placed else other)
        if measure == STRONGEST:
            return [strongest_boards(table) for table in tables], self.of_moves
        if measure in _DERIVED:
            return tables, self.of_places
        return tables, self.of_values if of_values else self.of_maps

    def _measures(self, known: Tables) -> list[str]:
        """Return what of channels is scored: what is known, and what comes of that."""
        found = [m for m, source in _DERIVED.items() if source in known]
        if STRONGEST in found and not set(MOVE_LABELS) & set(self.labels.names):
            found.remove(STRONGEST)
        return [*known, *found]

    @property
    def _rows(self) -> NDArray[np.int64] | slice:
        """Which of the positions have maps."""
        return slice(None) if self.mapped is None else self.mapped

    def _found(self, scored: Mapping[str, MeasureScore], rules: Rules) -> LabelScores:
        # Corrected over all measures, since any of them may give the name.
        ends = np.cumsum([each.p.shape[1] for each in scored.values()])[:-1]
        q = false_discovery_rates(np.hstack([each.p for each in scored.values()]))
        corrected = dict(zip(scored, np.split(q, ends, axis=1), strict=True))
        about = {m: score.compared.labels.names for m, score in scored.items()}
        names = tuple(dict.fromkeys(name for each in about.values() for name in each))

        def of_all(found: Mapping[str, Floats]) -> dict[str, Floats]:
            """Give each measure a column, or entry, for the labels of the others."""
            whole = {}
            for measure, part in found.items():
                whole[measure] = np.full((*part.shape[:-1], len(names)), np.nan)
                at = [names.index(name) for name in about[measure]]
                whole[measure][..., at] = part
            return whole

        def arrays(field: str) -> dict[str, Floats]:
            return of_all({m: getattr(score, field) for m, score in scored.items()})

        return LabelScores(
            labels=names,
            effect=arrays("effect"),
            held_out=arrays("held_out"),
            p=arrays("p"),
            q=of_all(corrected),
            random=arrays("random"),
            channels=name_channels(scored, corrected, self.criteria, rules),
            criteria=self.criteria,
            rules=rules,
            correlation=arrays("correlation"),
        )


def score_channels(
    trained: Tables,
    random: Sequence[Tables],
    labels: Labels,
    games: ArrayLike,
    plies: ArrayLike,
    *,
    within: ArrayLike | None = None,
    criteria: LabelCriteria | None = None,
) -> LabelScores:
    """Score every channel of a layer against every label, and name those that can be.

    Parameters
    ----------
    trained : mapping of str to array
        By measure, what is known of the network's channels: values of shape (N, C),
        such as "activation", or maps of shape (N, C, n, n), such as conditional
        relevance: its magnitude asks where a channel looks.
    random : sequence of such mappings
        The same of networks of the same shape with random weights, best five or
        more. Without, nothing guards against labels that any network earns.
    labels : Labels
        Labels of the N positions; controls may be among them.
    games : int array of shape (N,)
        Game of each position.
    plies : int array of shape (N,)
        Discs, moves played or empty squares: only positions with the same number are
        compared.
    within : array of shape (N, n, n), optional
        For maps: squares are compared with those of the same value alone. With
        ``to_boards(own, opponent)`` the frontier is told from other own discs, and
        not from empty squares, where relevance may be 0 in any network.
    criteria : LabelCriteria, optional
        What a label must fulfil.

    Returns
    -------
    LabelScores
        Labels of positions and sets of squares, which count as present or by size,
        are scored with values; sets of squares are scored with maps. Arrays that do
        not fit, and values that are not finite, raise `ValueError`.

    Examples
    --------
    A channel that is active where the side to move has a corner:

    >>> from conceptlrp.labels import label_boards
    >>> from conceptlrp.networks import demo_corpus
    >>> positions = demo_corpus().sample(2000)
    >>> labels = label_boards(positions, ["own corners", "own X-squares", "mobility"])
    >>> active = (labels.square["own corners"] != 0).astype(float)
    >>> tables = {"activation": active[:, None]}
    >>> score_channels(tables, [], labels, positions.game, positions.ply).names
    ('active when the mover has corners',)
    """
    _check_tables([trained, *random], labels)
    shapes = [np.shape(table) for table in trained.values()]
    comparison = Comparison(
        labels=labels,
        games=_numbered("games", games, len(labels)),
        plies=_numbered("plies", plies, len(labels)),
        criteria=criteria or LabelCriteria(),
        size=next((shape[2] for shape in shapes if len(shape) == 4), 8),
        within=None if within is None else np.asarray(within),
    )
    squares = (len(labels), comparison.size, comparison.size)
    if comparison.within is not None and comparison.within.shape != squares:
        msg = f"within has shape {comparison.within.shape}, expected {squares}"
        raise ValueError(msg)
    return comparison.score([trained, *random], scored=1)[0]


def _check_tables(networks: Sequence[Tables], labels: Labels) -> None:
    if not networks[0] or not labels.names:
        what = "label" if networks[0] else "measure"
        msg = f"no {what} given, expected at least one"
        raise ValueError(msg)
    for network in networks:
        if set(network) != set(networks[0]):
            measures = sorted(networks[0])
            msg = f"a random network has {sorted(network)}, not {measures}"
            raise ValueError(msg)
        for measure, table in network.items():
            shape, n = np.shape(table), len(labels)
            if len(shape) not in (2, 4) or shape[0] != n:
                msg = (
                    f"{measure} has shape {shape}, expected ({n}, C) or ({n}, C, n, n)"
                )
                raise ValueError(msg)
    channels = {m: np.shape(table)[1] for m, table in networks[0].items()}
    if len(set(channels.values())) > 1:
        msg = f"measures are of different numbers of channels: {channels}"
        raise ValueError(msg)


def _numbered(name: str, given: ArrayLike, n: int) -> NDArray[np.intp]:
    """Return games or plies numbered from 0, one a position."""
    if np.shape(given) != (n,):
        msg = f"{name} have shape {np.shape(given)}, expected ({n},)"
        raise ValueError(msg)
    # By which comes first, so that nothing hangs on the numbers that were given.
    first = np.unique(np.asarray(given), return_index=True)[1]
    return np.argsort(np.argsort(first))[codes(given)]
