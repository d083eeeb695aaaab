"""Explanations of a planted network, whose channels are known to the last weight.

Shapes use N positions and S squares in a row.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp import jsontext
from conceptlrp.evaluation.sample import Sample
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.probing import VALUE, explain_boards
from conceptlrp.networks.planes import actions_of_squares, bits
from conceptlrp.othello import NO_MOVE
from tests.planted.network import Detector, PlantedNetwork


@dataclass(frozen=True)
class PlantedScore:
    """How well a planted channel is found again.

    Attributes
    ----------
    pattern, layer : str
        What the channel detects, and where it is.
    channel : int
        Its number.
    positions : int
        Positions that show the pattern.
    precision : float
        Share of the k most relevant positions that show it; of all that do, where
        they are fewer than k.
    mass : float
        Share of the size of the conditional heatmap on the pattern's squares, mean
        over positions that show it; nan if none does.
    """

    pattern: str
    layer: str
    channel: int
    positions: int
    precision: float
    mass: float

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, ready for JSON: what is not finite is None."""
        fields: dict[str, Any] = jsontext.plain(self)
        return fields


def planted_scores(
    planted: PlantedNetwork, explainer: Explainer, sample: Sample, *, k: int = 16
) -> list[PlantedScore]:
    """Score the references and heatmaps of every planted channel.

    Each position is explained for the output that reads the pattern: the move it
    speaks for where it holds, else the network's best move; or the value.

    Parameters
    ----------
    planted : PlantedNetwork
        The network and what is planted in it.
    explainer : Explainer
        Of this network, with the layers of its detectors.
    sample : Sample
        N positions.
    k : int
        Number of reference boards.

    Returns
    -------
    list of PlantedScore
        One a detector.
    """
    return [_score(each, explainer, sample, k) for each in planted.detectors]


def reference_precision(
    scores: NDArray[Any], shown: NDArray[np.bool_], k: int
) -> float:
    """Return the share of the k highest scores (N,) whose position shows a pattern.

    It is nan where no position does.

    Examples
    --------
    >>> scores = np.array([0.1, 0.9, 0.5])
    >>> reference_precision(scores, np.array([True, True, False]), k=2)
    0.5
    """
    most = min(k, int(shown.sum()))
    if most == 0:
        return float("nan")
    top = np.argsort(-scores, kind="stable")[:most]
    return float(shown[top].mean())


def _score(
    detector: Detector, explainer: Explainer, sample: Sample, k: int
) -> PlantedScore:
    pattern, corpus = detector.pattern, sample.corpus
    shown = pattern.fires(corpus.own, corpus.opponent)
    moves = pattern.moves(corpus.own, corpus.opponent)
    if pattern.move is None:
        actions = np.full(len(sample), VALUE)
    else:
        named = actions_of_squares(moves, size=corpus.size)
        actions = np.where(moves != NO_MOVE, named, sample.best)
    channel = np.full((len(sample), 1), detector.channel)
    found = explain_boards(
        explainer,
        sample.boards,
        actions[:, None],
        conditional={detector.layer: channel},
    )
    scores = found.channels[detector.layer][:, 0, detector.channel]
    maps = np.abs(found.conditional[detector.layer][:, 0, 0]).reshape(len(sample), -1)
    on_pattern = _pattern_squares(detector, sample, moves)
    total = maps.sum(axis=1)
    drawn = shown & (total > 0)
    mass = (maps * on_pattern)[drawn].sum(axis=1) / total[drawn]
    return PlantedScore(
        pattern=pattern.name,
        layer=detector.layer,
        channel=detector.channel,
        positions=int(shown.sum()),
        precision=reference_precision(scores, shown, k),
        mass=float(mass.mean()) if len(mass) else float("nan"),
    )


def _pattern_squares(
    detector: Detector, sample: Sample, moves: NDArray[np.int8]
) -> NDArray[np.bool_]:
    """Return the squares (N, S) of the pattern where it speaks for each move."""
    pattern, corpus = detector.pattern, sample.corpus
    words = pattern.squares(corpus.own, corpus.opponent)
    if pattern.move is not None:
        for move in np.unique(moves[moves != NO_MOVE]):
            rows = moves == move
            words[rows] = pattern.squares(
                corpus.own[rows], corpus.opponent[rows], move=int(move)
            )
    return bits(words) > 0
