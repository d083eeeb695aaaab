"""Scoring channels against labels: effects, nulls, and the labels that remain.

A plain AUROC gives labels to the channels of any network, since most of what labels
and channels share is the phase of the game. A channel is therefore given a label
only if its effect

1. is one of rows of the same phase (and, for maps, location class),
2. is significant against labels exchanged by whole games, corrected for all pairs,
3. is large enough, and larger than in networks with random weights,
4. is all of that on games that were held out, by the lower end of its interval.

The best label is the channel's name if it leads all others that it is not nested
with. "unnamed" is a result.

Shapes use N positions, C channels, K labels and n x n squares of the board.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.evaluation.label_columns import (
    Columns,
    position_columns,
    square_columns,
)
from conceptlrp.evaluation.label_measures import (
    MeasureScore,
    make_halves,
    score_measure,
)
from conceptlrp.evaluation.label_names import name_channels
from conceptlrp.evaluation.label_results import LabelCriteria, LabelScores
from conceptlrp.evaluation.ranks import Floats, codes
from conceptlrp.evaluation.resampling import held_out_games
from conceptlrp.evaluation.significance import benjamini_hochberg
from conceptlrp.labels import Labels

Tables = Mapping[str, ArrayLike]


def score_channels(
    trained: Tables,
    random: Sequence[Tables],
    labels: Labels,
    games: ArrayLike,
    phases: ArrayLike,
    *,
    within: ArrayLike | None = None,
    criteria: LabelCriteria | None = None,
) -> LabelScores:
    """Score every channel of a layer against every label, and name those that can be.

    Parameters
    ----------
    trained : mapping of str to array
        By measure, what is known of the network's channels: values of shape (N, C),
        such as "activation" or "relevance", or maps of shape (N, C, n, n), such as
        conditional relevance: its magnitude asks where a channel looks, its sign
        what speaks for the target there.
    random : sequence of such mappings
        The same of networks of the same shape with random weights, best five or
        more. Without, nothing guards against labels that any network earns.
    labels : Labels
        Labels of the N positions; controls may be among them.
    games : int array of shape (N,)
        Game of each position.
    phases : int array of shape (N,)
        Strata within which positions are compared, such as ``phases(empties,
        bins=6)``; more bins, where there are positions enough, leave less of the
        phase in what is compared.
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
        are scored with values; sets of squares are scored with maps.

    Raises
    ------
    ValueError
        Arrays do not fit each other, a value is not finite, or there are too few
        games to hold some out.

    Examples
    --------
    A channel that is active where the side to move has a corner:

    >>> from conceptlrp.labels import label, phases
    >>> from conceptlrp.networks import demo_corpus
    >>> positions = demo_corpus().sample(2000)
    >>> labels = label(positions, ["own corners", "own X-squares", "mobility"])
    >>> active = (labels.square["own corners"] != 0).astype(float)
    >>> sixths = phases(60 - positions.ply, bins=6)
    >>> tables = {"activation": active[:, None]}
    >>> score_channels(tables, [], labels, positions.game, sixths).names
    ('own corners',)
    """
    _check_tables([trained, *random], labels)
    return score_networks(
        [trained, *random],
        labels,
        games,
        phases,
        within=within,
        criteria=criteria,
        scored=1,
    )[0]


def score_networks(
    networks: Sequence[Tables],
    labels: Labels,
    games: ArrayLike,
    phases: ArrayLike,
    *,
    mapped: NDArray[np.intp] | None = None,
    within: ArrayLike | None = None,
    criteria: LabelCriteria | None = None,
    scored: int | None = None,
) -> list[LabelScores]:
    """Score networks by the same rules, each held against the random ones.

    Parameters
    ----------
    networks : sequence of mapping of str to array
        The trained network, then those with random weights; as for `score_channels`.
    labels, games, phases, criteria
        As for `score_channels`.
    mapped : int array of shape (M,), optional
        Which of the N positions maps are of; all of them by default.
    within : array of shape (M, n, n), optional
        As for `score_channels`.
    scored : int, optional
        How many of the networks are scored, from the first on; all by default.

    Returns
    -------
    list of LabelScores
        A network with random weights is held against the others of its kind.
    """
    asked = criteria or LabelCriteria()
    number = len(networks) if scored is None else scored
    game = _numbered("games", games, len(labels))
    phase = _numbered("phases", phases, len(labels))
    held_out = held_out_games(game, share=asked.held_out, seed=asked.seed)
    by_measure: dict[str, list[MeasureScore]] = {}
    taken: dict[str, Labels] = {}
    for measure, table in networks[0].items():
        rows = slice(None) if mapped is None or np.ndim(table) == 2 else mapped
        taken[measure] = labels.take(rows)
        columns = _columns(
            np.asarray(table), taken[measure], phase[rows], game[rows], within
        )
        halves = make_halves(columns, held_out[rows], asked)
        tables = [np.asarray(network[measure]) for network in networks]
        by_measure[measure] = score_measure(
            tables, columns, halves, asked, scored=number
        )
    return [
        _scores({m: each[i] for m, each in by_measure.items()}, taken, labels, asked)
        for i in range(number)
    ]


def _scores(
    scored: Mapping[str, MeasureScore],
    taken: Mapping[str, Labels],
    labels: Labels,
    asked: LabelCriteria,
) -> LabelScores:
    q = benjamini_hochberg(np.stack([each.p for each in scored.values()]))
    corrected = dict(zip(scored, q, strict=True))

    def arrays(field: str) -> dict[str, Floats]:
        return {measure: getattr(score, field) for measure, score in scored.items()}

    return LabelScores(
        labels=labels.names,
        effect=arrays("effect"),
        held_out=arrays("held_out"),
        p=arrays("p"),
        q=corrected,
        random=arrays("random"),
        channels=name_channels(scored, corrected, taken, asked),
        criteria=asked,
    )


def _check_tables(networks: Sequence[Tables], labels: Labels) -> None:
    """Say what is wrong with the tables, if anything."""
    if not networks[0] or not labels.names:
        what = "label" if networks[0] else "measure"
        message = f"no {what} given, expected at least one"
        raise ValueError(message)
    for network in networks:
        if set(network) != set(networks[0]):
            measures = sorted(networks[0])
            message = f"a random network has {sorted(network)}, not {measures}"
            raise ValueError(message)
        for measure, table in network.items():
            _check_table(measure, np.asarray(table), len(labels))
    channels = {m: np.shape(table)[1] for m, table in networks[0].items()}
    if len(set(channels.values())) > 1:
        message = f"measures are of different numbers of channels: {channels}"
        raise ValueError(message)


def _columns(
    table: NDArray[Any],
    labels: Labels,
    phase: NDArray[np.intp],
    game: NDArray[np.intp],
    within: ArrayLike | None,
) -> Columns:
    if table.ndim == 2:
        return position_columns(labels, phase, game)
    squares, kinds = (len(labels), *table.shape[2:]), None
    if within is not None:
        kinds = np.asarray(within)
        if kinds.shape != squares:
            message = f"within has shape {kinds.shape}, expected {squares}"
            raise ValueError(message)
    return square_columns(labels, phase, game, table.shape[2], kinds)


def _check_table(measure: str, table: NDArray[Any], n: int) -> None:
    if table.ndim not in (2, 4) or len(table) != n:
        message = (
            f"{measure} has shape {table.shape}, expected ({n}, C) or ({n}, C, n, n)"
        )
        raise ValueError(message)


def _numbered(name: str, given: ArrayLike, n: int) -> NDArray[np.intp]:
    """Return games or phases numbered from 0, one a position."""
    if np.shape(given) != (n,):
        message = f"{name} have shape {np.shape(given)}, expected ({n},)"
        raise ValueError(message)
    return codes(given)
