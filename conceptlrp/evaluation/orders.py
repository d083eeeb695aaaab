"""Orders in which squares or channels are taken away, and what they are held against.

Shapes use N positions and S squares or channels in a row.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.evaluation.sample import Sample
from conceptlrp.labels import location_classes
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.probing import ask

Array = NDArray[Any]


def places(scores: ArrayLike, among: ArrayLike | None = None) -> NDArray[np.int64]:
    """Return the place (N, S) of each square in descending order of its score.

    It is 0 for the highest score, and S for a square that is not ordered.

    Examples
    --------
    >>> places([[0.5, 2.0, 1.0]], [[True, True, False]]).tolist()
    [[1, 0, 3]]
    """
    array = np.asarray(scores, np.float64)
    counted = np.ones(array.shape, np.bool_) if among is None else np.asarray(among)
    order = np.where(counted, -array, np.inf).argsort(axis=1, kind="stable")
    place = np.empty(order.shape, np.int64)
    np.put_along_axis(place, order, np.arange(array.shape[1])[None], axis=1)
    return np.where(counted, place, array.shape[1])


def shuffled_within(scores: ArrayLike, groups: ArrayLike, *, seed: int = 0) -> Array:
    """Shuffle scores (N, S) among the squares of one group, row by row.

    An order by shuffled scores takes squares of the same groups in the same order,
    but which square of a group comes first is chance.
    """
    array, group = np.asarray(scores), np.asarray(groups)
    lots = np.random.default_rng(seed).random(group.shape)
    givers = group.argsort(axis=1, kind="stable")
    takers = (group + lots).argsort(axis=1)
    shuffled = np.empty_like(array)
    given = np.take_along_axis(array, givers, axis=1)
    np.put_along_axis(shuffled, takers, given, axis=1)
    return shuffled


def center_prior(size: int) -> NDArray[np.float64]:
    """Return scores (S,) that fall with the distance from the middle of the board.

    They know nothing of position or network, and yet a network reads the discs in the
    middle most: beating a random order alone proves little.
    """
    far = np.abs(np.arange(size) - (size - 1) / 2)
    distance: NDArray[np.float64] = np.hypot(far[:, None], far[None, :])
    return -distance.ravel()


def occlusion(
    explainer: Explainer, sample: Sample, *, target: str = "best"
) -> NDArray[np.float64]:
    """Return how far an output falls (N, S) when one disc alone is removed.

    See Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014.
    """
    rows, squares = np.nonzero(sample.occupied)
    boards = sample.discs[rows]
    boards[np.arange(len(rows)), squares] = 0
    side = sample.boards.shape[1:]
    actions = sample.actions(target)
    outputs = ask(explainer, boards.reshape(-1, *side)).of(actions[rows])
    fall = np.zeros(sample.discs.shape)
    fall[rows, squares] = sample.outputs.of(actions)[rows] - outputs
    return start_sign(sample, target)[:, None] * fall


def same_class_scores(sample: Sample, scores: ArrayLike, *, seed: int = 0) -> Any:
    """Shuffle scores (N, S) among the discs of one location class of each board."""
    classes = location_classes(sample.corpus.size)
    groups = np.where(sample.occupied, classes[classes >= 0], -1)
    return shuffled_within(np.asarray(scores), groups, seed=seed)


def start_sign(sample: Sample, target: str) -> NDArray[np.float64]:
    """Return the sign (N,) that makes a value positive at the start, 1 for moves."""
    if target != "value":
        return np.ones(len(sample))
    return np.where(sample.outputs.value < 0, -1.0, 1.0)
