"""Faithfulness: discs or channels are taken away in the order of their relevance.

If relevance tells what a network uses, the output falls faster in its order than in
that of activation or a random one. Only discs are ranked: taking an empty square away
changes nothing. No perturbed board is a position that play must reach; three ways of
taking a disc away, one of which only shows discs of real boards, and three ways of
ablating a channel say whether a result hangs on that.

Shapes use N positions, K steps, S squares or channels in a row, and maps of C x H x W.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.ablation.feature_maps import FeatureMaps, run_from, same_ply_donors
from conceptlrp.evaluation.orders import places, start_sign
from conceptlrp.evaluation.sample import Sample
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.probing import Outputs, ask, best_actions

Array = NDArray[Any]

#: Ways to take a disc away: from the board, to the other side, or to what stands on
#: its square on another board of the corpus with as many discs.
PERTURBATIONS: Final = ("empty", "flip", "swap")
STEPS: Final = 12

_BOARDS_AT_ONCE: Final = 64
_VALUES_AT_ONCE: Final = 1 << 23


@dataclass(frozen=True)
class DeletionCurves:
    """An output after parts are taken away, most and least relevant first.

    ``steps`` says how many parts are gone after each of the K steps, ``start`` (N,) is
    the output before, ``most_first`` and ``least_first`` (N, K) the output in either
    order, ``changed`` (N, K) whether another legal move becomes the best, most relevant
    first. See Samek et al., IEEE TNNLS 28 (2017), doi:10.1109/TNNLS.2016.2599820 (the
    fall); Blücher et al., TMLR 2024 (the symmetric relevance gain).
    """

    steps: tuple[int, ...]
    start: Array
    most_first: Array
    least_first: Array
    changed: NDArray[np.bool_]

    @property
    def fall(self) -> Array:
        """How far the output has fallen after each step, (N, K)."""
        fall: Array = self.start[:, None] - self.most_first
        return fall

    @property
    def gain(self) -> Array:
        """Symmetric relevance gain (SRG), (N,): mean over steps of least less most.

        Each order alone ranks methods differently from one way of taking away to
        the next; their difference does so far less.
        """
        gain: Array = (self.least_first - self.most_first).mean(axis=1)
        return gain


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
    """Take discs away in the order of scores (N, S) and follow an output."""
    if perturbation not in PERTURBATIONS:
        known = ", ".join(PERTURBATIONS)
        msg = f"unknown perturbation '{perturbation}', expected one of {known}"
        raise ValueError(msg)
    donors = same_ply_donors(sample.corpus, seed=seed)
    replaced = {"empty": 0 * sample.discs, "flip": -sample.discs}.get(
        perturbation, sample.discs[donors]
    )

    def run(gone: NDArray[np.bool_], rows: slice) -> Outputs:
        boards = np.where(gone, replaced[rows, None], sample.discs[rows, None])
        return ask(explainer, boards.reshape(-1, *sample.boards.shape[1:]))

    orders = [places(sign * np.asarray(scores), sample.occupied) for sign in (1, -1)]
    counts = tuple(range(1, steps + 1))
    return _curves(sample, orders, counts, target, run, _BOARDS_AT_ONCE)


def delete_channels(
    explainer: Explainer,
    sample: Sample,
    features: FeatureMaps,
    scores: ArrayLike,
    *,
    target: str = "best",
    ablation: str = "zero",
    steps: int = STEPS,
) -> DeletionCurves:
    """Ablate channels in the order of scores (N, C) and follow an output.

    See Achtibat et al., Nat. Mach. Intell. 5 (2023), doi:10.1038/s42256-023-00711-8.
    """
    replaced = features.replacement(ablation)

    def run(gone: NDArray[np.bool_], rows: slice) -> Outputs:
        others = replaced if len(replaced) == 1 else replaced[rows]
        mask = gone[..., None, None]
        ablated = np.where(mask, others[:, None], features.maps[rows, None])
        return run_from(explainer, sample.boards[rows], features.layer, ablated)

    orders = [places(sign * np.asarray(scores)) for sign in (1, -1)]
    counts = step_counts(features.maps.shape[1], steps)
    at_once = _VALUES_AT_ONCE // (len(counts) * features.maps[0].size)
    return _curves(sample, orders, counts, target, run, max(1, at_once))


def step_counts(n_channels: int, steps: int) -> tuple[int, ...]:
    """Return how many channels are gone after each step.

    Examples
    --------
    >>> step_counts(64, 4), step_counts(3, 12)
    ((13, 26, 38, 51), (1, 2))
    """
    evenly = n_channels * np.arange(1, steps + 1) / (steps + 1)
    counts = np.clip(np.rint(evenly), 1, max(1, n_channels - 1))
    return tuple(int(count) for count in np.unique(counts))


def _curves(
    sample: Sample,
    orders: list[NDArray[np.int64]],
    counts: tuple[int, ...],
    target: str,
    run: Callable[[NDArray[np.bool_], slice], Outputs],
    at_once: int,
) -> DeletionCurves:
    """Follow an output while parts (N, S) go by their place in either order.

    `run` returns the outputs of n K rows for what is gone, (n, K, S), at n positions.
    """
    actions, sign = sample.actions(target), start_sign(sample, target)
    found: list[tuple[Array, NDArray[np.bool_]]] = []
    for order in orders:
        followed, changed = [], []
        for first in range(0, len(sample), at_once):
            rows = slice(first, first + at_once)
            gone = order[rows, None] < np.array(counts)[:, None]
            outputs = run(gone, rows)
            asked = np.repeat(actions[rows], len(counts))
            followed.append(outputs.of(asked).reshape(gone.shape[:2]))
            logits = outputs.logits.reshape(*gone.shape[:2], -1)
            best = best_actions(logits, sample.legal[rows, None])
            changed.append(best != sample.best[rows, None])
        found.append((np.concatenate(followed), np.concatenate(changed)))
    # A losing position's value is negative: its sign makes every fall count alike.
    return DeletionCurves(
        steps=counts,
        start=sign * sample.outputs.of(actions),
        most_first=sign[:, None] * found[0][0],
        least_first=sign[:, None] * found[1][0],
        changed=found[0][1],
    )
