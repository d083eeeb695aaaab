"""Faithfulness of squares: discs are taken away in the order of their relevance.

Only discs are ranked: taking an empty square away changes nothing. No perturbed
board is a position that play must reach; three ways of taking away, of which one
only shows discs of real boards, say whether a result hangs on that.

Shapes use N positions, K steps, S squares in a row and A actions.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.ablation.curves import DeletionCurves
from conceptlrp.ablation.orders import places, shuffled_within
from conceptlrp.ablation.probing import ask
from conceptlrp.ablation.sampling import (
    Sample,
    best_actions,
    same_ply_donors,
    square_classes,
)
from conceptlrp.lrp import Explainer

#: Ways to take a disc away: from the board, to the other side, or to what stands on
#: its square on another board of the corpus with as many discs.
PERTURBATIONS: Final = ("empty", "flip", "swap")
STEPS: Final = 12

_BLOCK: Final = 64


def delete_squares(
    explainer: Explainer,
    sample: Sample,
    scores: ArrayLike,
    *,
    target: str = "best",
    perturbation: str = "empty",
    steps: int = STEPS,
    seed: int = 0,
) -> DeletionCurves:
    """Take discs away one after the other and follow an output.

    Shapes: `scores` (N, S).
    """
    if perturbation not in PERTURBATIONS:
        known = ", ".join(PERTURBATIONS)
        msg = f"unknown perturbation '{perturbation}', expected one of {known}"
        raise ValueError(msg)
    array, donors = np.asarray(scores), same_ply_donors(sample.corpus, seed=seed)
    orders = [places(sign * array, sample.occupied) for sign in (1, -1)]
    replaced = _replacement(sample.discs, perturbation, donors)
    found = [_follow(explainer, sample, o, replaced, target, steps) for o in orders]
    sign = start_sign(sample, target)
    return DeletionCurves(
        steps=tuple(range(1, steps + 1)),
        start=sign * sample.outputs.of(sample.actions(target)),
        most_first=sign[:, None] * found[0][0],
        least_first=sign[:, None] * found[1][0],
        changed=found[0][1],
    )


def occlusion(
    explainer: Explainer, sample: Sample, *, target: str = "best"
) -> NDArray[np.float64]:
    """Compute how far an output falls when one disc alone is removed.

    Returns (N, S): 0 at empty squares.

    References
    ----------
    Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014.
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
    """Shuffle scores (N, S) among the discs of one location class of each board.

    Shapes: `scores` (N, S).
    """
    classes = square_classes(sample.corpus.size)
    groups = np.where(sample.occupied, classes[None], -1)
    return shuffled_within(np.asarray(scores), groups, seed=seed)


def start_sign(sample: Sample, target: str) -> NDArray[np.float64]:
    """Return the sign (N,) that makes a value positive at the start, 1 for moves."""
    if target != "value":
        return np.ones(len(sample))
    return np.where(sample.outputs.value < 0, -1.0, 1.0)


def _replacement(
    discs: NDArray[np.int8], perturbation: str, donors: NDArray[np.int64]
) -> NDArray[np.int8]:
    """Return what comes to the place of each disc, (N, S)."""
    if perturbation == "empty":
        return np.zeros_like(discs)
    return -discs if perturbation == "flip" else discs[donors]


def _follow(
    explainer: Explainer,
    sample: Sample,
    order: NDArray[np.int64],
    replaced: NDArray[np.int8],
    target: str,
    steps: int,
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the output and whether the best move is another one, both (N, K)."""
    actions = sample.actions(target)
    followed, changed = [], []
    for rows in _blocks(len(sample)):
        gone = order[rows, None] < np.arange(1, steps + 1)[:, None]
        boards = np.where(gone, replaced[rows, None], sample.discs[rows, None])
        found = ask(explainer, boards.reshape(-1, *sample.boards.shape[1:]))
        shape = gone.shape[:2]
        followed.append(found.of(np.repeat(actions[rows], steps)).reshape(shape))
        logits = found.logits.reshape(*shape, -1)
        best = best_actions(logits, sample.legal[rows, None])
        changed.append(best != sample.best[rows, None])
    return np.concatenate(followed), np.concatenate(changed)


def _blocks(length: int) -> Iterator[slice]:
    for first in range(0, length, _BLOCK):
        yield slice(first, first + _BLOCK)
