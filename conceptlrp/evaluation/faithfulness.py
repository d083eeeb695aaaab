"""Faithfulness: discs or channels taken away by relevance, and relevance on flip lines.

If relevance tells what a network uses, the output falls faster in its order than in
that of activation or a random one. Only discs are ranked: taking an empty square away
changes nothing. No perturbed board is a position that play must reach; three ways of
taking a disc away, one of which only shows discs of real boards, and three ways of
ablating a channel say whether a result hangs on that.

A move is legal because of the opponent's discs that it turns over and the own discs
that bracket them. Whatever a network has learned of a move's worth, these discs are
what its logit must rest on not to be that of an illegal move: ground truth that
costs nothing.

Relevance of channels is held beside what each channel's ablation does. Relevance above
a baseline b, R^b = (a - b) rho, predicts what the output loses where b takes the place
of the activation a; with b zero it is plain relevance. The prediction is held against
the loss itself, found exactly by running the network once for each channel: rank
correlation over the channels of a layer, at single positions and of the means over
positions, of sizes and with signs.

Shapes use N positions, T targets, K steps, S squares or channels in a row, and maps of
C x H x W; bitboards are uint64.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.ablation.sample import FeatureMaps, same_ply_donors
from conceptlrp.errors import check_known
from conceptlrp.evaluation.sample import Sample
from conceptlrp.labels import location_classes
from conceptlrp.lrp import Explainer, Intervention
from conceptlrp.lrp.baselines import Baseline
from conceptlrp.lrp.batch import as_array, batches
from conceptlrp.lrp.probing import (
    Outputs,
    ask,
    ask_with,
    best_actions,
    planes_of,
    starts_of,
)
from conceptlrp.networks.planes import bits, crop, squares_of_actions
from conceptlrp.othello import Corpus
from conceptlrp.othello.board import square_bits
from conceptlrp.statistics.estimates import (
    Estimate,
    bootstrap_means,
    known_interval,
    known_mean,
    rank_correlation,
    ratio,
)

Array = NDArray[Any]


def places(scores: ArrayLike, among: ArrayLike | None = None) -> NDArray[np.int64]:
    """Return the place (N, S) of each square in descending order of its score.

    It is 0 for the highest score, and S for a square that is not ordered.

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
    """Shuffle scores (N, S) among the squares of one group, row by row."""
    array, group = np.asarray(scores), np.asarray(groups)
    lots = np.random.default_rng(seed).random(group.shape)
    givers = group.argsort(axis=1, kind="stable")
    takers = (group + lots).argsort(axis=1)
    shuffled = np.empty_like(array)
    given = np.take_along_axis(array, givers, axis=1)
    np.put_along_axis(shuffled, takers, given, axis=1)
    return shuffled


def center_prior(size: int) -> NDArray[np.float64]:
    """Return scores (S,) that fall from the middle, where networks read most discs."""
    far = np.abs(np.arange(size) - (size - 1) / 2)
    distance: NDArray[np.float64] = np.hypot(far[:, None], far[None, :])
    return -distance.ravel()


def occlusion(
    explainer: Explainer, sample: Sample, *, target: str = "best"
) -> NDArray[np.float64]:
    """Return how far outputs fall (N, S) by each disc; Zeiler and Fergus, ECCV 2014."""
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
        return np.asarray(self.start[:, None] - self.most_first)

    @property
    def gain(self) -> Array:
        """Symmetric relevance gain (N,), which depends less on the way of removal."""
        return np.asarray((self.least_first - self.most_first).mean(axis=1))


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
    check_known("perturbation", perturbation, PERTURBATIONS)
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
) -> DeletionCurves:
    """Ablate channels by scores (N, C); see doi:10.1038/s42256-023-00711-8."""
    replaced = features.replacement(ablation)

    def run(gone: NDArray[np.bool_], rows: slice) -> Outputs:
        others = replaced if len(replaced) == 1 else replaced[rows]
        mask = gone.reshape(-1, gone.shape[2], 1, 1)
        return ask_with(
            explainer, sample.boards[rows], features.layer, mask, others, gone.shape[1]
        )

    orders = [places(sign * np.asarray(scores)) for sign in (1, -1)]
    counts = step_counts(features.maps.shape[1], STEPS)
    at_once = _VALUES_AT_ONCE // (len(counts) * features.maps[0].size)
    return _curves(sample, orders, counts, target, run, max(1, at_once))


def step_counts(n_channels: int, steps: int) -> tuple[int, ...]:
    """Return how many channels are gone after each step.

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
        for rows in batches(len(sample), at_once):
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


_LONGEST = 6


@dataclass(frozen=True)
class FlipLineScores:
    """How much of each heatmap lies on the flip lines of its move, each (N,).

    ``mass`` is their share of the positive relevance of all discs, ``rank_accuracy``
    their share among as many of the most relevant discs, and ``chance`` what both are
    for an order by chance: their share of the discs. See Arras et al., Inf. Fusion 81
    (2022), doi:10.1016/j.inffus.2021.11.008.
    """

    mass: NDArray[Any]
    rank_accuracy: NDArray[Any]
    chance: NDArray[Any]


def flip_lines(
    own: ArrayLike, opponent: ArrayLike, squares: ArrayLike
) -> NDArray[np.uint64]:
    """Return the discs (N,) that a move turns over and those that bracket them.

    There are none where the move is not legal.

    >>> from conceptlrp.othello.board import squares, start
    >>> own, opponent = start()
    >>> squares(flip_lines([own], [opponent], [19])[0])
    [27, 35]
    """
    mine, theirs = (np.asarray(side, np.uint64) for side in (own, opponent))
    moves = square_bits(squares) & ~(mine | theirs)
    found = np.zeros_like(mine)
    for down, right in product((-1, 0, 1), repeat=2):
        # Without a step there is no run: no move is on a disc.
        run = shift(moves, down, right) & theirs
        for _ in range(_LONGEST - 1):
            run |= shift(run, down, right) & theirs
        end = shift(run, down, right) & mine
        found |= np.where(end != 0, run | end, np.uint64(0))
    return found


def shift(bitboards: NDArray[np.uint64], rows: int, columns: int) -> NDArray[np.uint64]:
    """Move bitboards down the ranks and to the right; what leaves the board is lost."""
    kept = sum(0x0101010101010101 << c for c in range(8) if 0 <= c + columns < 8)
    steps = np.uint64(abs(8 * rows + columns))
    inside = bitboards & np.uint64(kept)
    return np.asarray(inside << steps if 8 * rows + columns >= 0 else inside >> steps)


def score_flip_lines(
    corpus: Corpus, actions: ArrayLike, heatmaps: ArrayLike
) -> FlipLineScores:
    """Score heatmaps (N, S) of moves by the flip lines."""
    squares = squares_of_actions(actions, size=corpus.size)
    lines, discs = (
        crop(bits(words), size=corpus.size).reshape(len(corpus), -1) > 0
        for words in (
            flip_lines(corpus.own, corpus.opponent, squares),
            corpus.own | corpus.opponent,
        )
    )
    maps = np.asarray(heatmaps, np.float64)
    positive = np.where(discs, np.maximum(maps, 0), 0)
    length = lines.sum(axis=1)
    top = places(maps, discs) < length[:, None]
    return FlipLineScores(
        mass=ratio((positive * lines).sum(axis=1), positive.sum(axis=1)),
        rank_accuracy=ratio((top & lines).sum(axis=1), length),
        chance=ratio(length, discs.sum(axis=1)),
    )


#: What an ablation puts in a channel's place, and the baseline that stands for it.
MATCHING: Final = {"zero": "zero", "mean": "mean", "resample": "donor"}
#: Ablations that scores are held against, and the baselines of these, the matching one
#: last. Zero ablation is none of them: a network never sees a channel of zeros.
AGAINST: Final = {"mean": ("zero", "mean"), "resample": ("zero", "mean", "donor")}
_BATCH: Final = 64
_REPLICATES: Final = 200
# A rank correlation counts as no nearer to 1 than this.
_NEAREST: Final = 1 - 1e-6
# Ranks jump, so draws show their spread best nearer to the mean: by this part.
_NEAR: Final = 0.6
# Of means with more noise, as part of their variance, no correlation is known.
_MOST_NOISE: Final = 0.9


def ablation_effects(
    explainer: Explainer,
    sample: Sample,
    features: FeatureMaps,
    ablation: str,
    targets: Sequence[str],
) -> Array:
    """Return what targets lose (N, T, C) when a channel of a layer is ablated alone."""
    others = features.replacement(ablation)
    alone = [
        Intervention(features.layer, channel, value=others[:, [channel]])
        for channel in range(others.shape[1])
    ]
    found = explainer.intervene(sample.corpus, alone, targets=targets)
    return found.change.transpose(1, 2, 0)


def channel_relevance(
    explainer: Explainer,
    sample: Sample,
    baselines: Mapping[str, Baseline],
    targets: Sequence[str],
) -> dict[str, dict[str, Array]]:
    """Return relevance (N, T, C) of channels by layer, above each of the baselines."""
    actions = np.stack([sample.actions(target) for target in targets], axis=1)
    parts: dict[str, dict[str, list[Array]]] = {
        name: {layer: [] for layer in explainer.layers} for name in baselines
    }
    for rows in batches(len(sample), _BATCH):
        planes = planes_of(explainer, sample.boards[rows])
        for name, baseline in baselines.items():
            above = baseline.take(rows)
            with explainer.forward(planes, baseline=above) as passed:
                _, layers = passed.relevance(starts_of(passed, actions[rows]))
            for layer, relevance in layers.items():
                parts[name][layer].append(as_array(relevance.sum((3, 4))))
    return {
        name: {layer: np.concatenate(each) for layer, each in layers.items()}
        for name, layers in parts.items()
    }


def activations(features: FeatureMaps, n_targets: int) -> dict[str, Array]:
    """Return activations (N, T, C), whatever the target, less what ablation leaves."""
    found = {}
    for ablation, baseline in MATCHING.items():
        left = features.replacement(ablation).sum(axis=(2, 3))
        less = (features.activation - left)[:, None]
        found[baseline] = np.broadcast_to(less, (len(less), n_targets, less.shape[2]))
    return found


def agreement(score: Array, effect: Array, *, signed: bool) -> Array:
    """Correlate the ranks of scores and effects (N, C) at each position: (N,)."""
    if signed:
        return rank_correlation(score, effect)
    return rank_correlation(np.abs(score), np.abs(effect))


def overall_agreement(
    score: Array, effect: Array, games: ArrayLike, *, signed: bool
) -> Estimate:
    """Correlate mean scores and effects (N, C) by rank; games draw both together.

    Noise draws ranks of means apart: if those of draws correlate by a and b with those
    of means and by m with each other, it is 1 / a^2 - 1 and 1 / b^2 - 1 of a variance
    and m / ab - r is shared. Told are the outer ends of Fisher's interval and of the
    same without noise: either alone is too narrow, and both are of under 16 channels.
    """
    from scipy.special import stdtrit  # type: ignore[import-untyped]

    pair = np.stack([score, effect], axis=1)
    pair = pair if signed else np.abs(pair)
    mean, number = known_mean(pair)[None], len(np.unique(games))
    drawn = bootstrap_means(pair, games, replicates=_REPLICATES)
    sets = mean, drawn, mean + _NEAR * (drawn - mean)
    r, far, near = (rank_correlation(x[:, 0], x[:, 1]) for x in sets)
    flat = (x.reshape(-1, x.shape[2]) for x in np.broadcast_arrays(drawn, mean))
    kept = known_mean(rank_correlation(*flat).reshape(-1, 2))
    noise = np.minimum(1 / np.maximum(kept, 0.5) ** 2 - 1, _MOST_NOISE)
    z, spread = (np.arctanh(np.clip(x, -_NEAREST, _NEAREST)) for x in (r, near))
    error = np.sqrt(known_mean(np.square(spread - known_mean(spread)))) / _NEAR
    reach = stdtrit(max(number - 1, 1), 0.975) * error
    reach = reach if noise.max() < _MOST_NOISE else np.inf
    ends = np.tanh(z + np.array([-reach, reach]))
    # Where noise is all that there is, anything may be the truth.
    with np.errstate(divide="ignore", invalid="ignore"):
        free = (ends + r - known_mean(far) / kept.prod()) / np.sqrt((1 - noise).prod())
    free = np.where(np.isnan(free), [-1.0, 1.0], np.clip(free, -1, 1))
    ends = np.concatenate([r, ends, free])
    low, high = known_interval((ends.min(), ends.max()), 1, number)
    return Estimate(float(r[0]), float(low), float(high), len(score), number)
