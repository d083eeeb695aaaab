"""Features of a network held against the rules of Othello.

A feature with a threshold is a classifier: is it on where a property of the board
holds? Both scores are those of Karvonen et al., arXiv 2408.00113 (code:
github.com/adamkarvonen/SAE_BoardGameEval), but nothing is chosen on held-out games.

1. A feature is on above 0, .1, ... or .9 of its largest value on learned games.
2. Coverage: the feature and threshold with the best F1 on learned games, for each
   property; the mean over properties of their F1 on held-out games.
3. Reconstruction: a property is told where any feature is on that is right in more
   than 95 % of the learned positions that it is on at, ten at least. All features
   have one threshold, the best on learned games for each kind of property; F1 over
   all properties and held-out positions.

Shapes use N positions, F features, P properties, G games, T thresholds, B draws.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve  # type: ignore[import-untyped]

from conceptlrp.ablation.sample import spread_rows
from conceptlrp.errors import check_known, check_names
from conceptlrp.evaluation.truth_result import ALL, SOURCES, RulesTruth, TruthScore
from conceptlrp.labelling.networks import random_network
from conceptlrp.labels import label_boards
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.batch import as_array, batches
from conceptlrp.lrp.one_call import check_explains
from conceptlrp.lrp.probing import boards_of, forward
from conceptlrp.networks.checkpoint import AnyNetwork, checked_network
from conceptlrp.networks.planes import crop
from conceptlrp.othello import Corpus
from conceptlrp.othello.board import to_boards
from conceptlrp.progress import OnProgress
from conceptlrp.statistics import estimates as est
from conceptlrp.statistics.ranks import Floats, codes
from conceptlrp.statistics.significance import held_out_games
from conceptlrp.store import open_store
from conceptlrp.store.reader import AnyStore

Flags = NDArray[np.bool_]
Array = NDArray[Any]

THRESHOLDS: Final = np.arange(10, dtype=np.float32) / 10
PRECISION: Final = 0.95
#: A feature must be on this often to be precise, a property hold and fail as often.
LEAST: Final = 10
FEATURES: Final = ("channels", "units", "directions", "probe", "trees")
_SQUARES: Final = {
    "flipped discs": ("capturable discs",),
    "stable discs": ("own stable discs", "opponent stable discs"),
    "frontier": ("own frontier", "opponent frontier"),
}
_MOBILITY: Final = (0, 3, 6, 9, 12, 64)
_DIRECTIONS: Final = 256
# Directions, probes and trees read these of all units, those that vary most.
_MOST_UNITS: Final = 4096
_BLOCK: Final = 256
_MAP_BYTES: Final = 1 << 29
_REPLICATES: Final = 1000
_PENALTIES: Final = (1e-2, 1e-1, 1.0)
_TREE: Final = {"max_depth": 8, "min_samples_leaf": 5, "random_state": 0}
_TREE_UNITS: Final = 32


@dataclass(frozen=True, eq=False)
class Properties:
    """What the rules say of positions, ``truth`` (N, P), and the kind of each (P,)."""

    kinds: NDArray[np.str_]
    truth: Flags
    games: NDArray[np.intp]
    held_out: Flags

    @property
    def columns(self) -> dict[str, Flags]:
        """Which properties (P,) are of a kind, all of them together at last."""
        found = {str(kind): self.kinds == kind for kind in dict.fromkeys(self.kinds)}
        return {**found, ALL: np.ones(len(self.kinds), np.bool_)}


def board_properties(corpus: Corpus, *, seed: int = 0) -> Properties:
    """Ask the rules about positions, and leave out properties that hardly vary."""
    names = [name for several in _SQUARES.values() for name in several]
    labels = label_boards(corpus, [*names, "mobility"])
    words = {kind: [labels.square[n] for n in of] for kind, of in _SQUARES.items()}
    columns = {
        kind: np.hstack([square_flags(each, corpus.size) for each in several])
        for kind, several in {"legal moves": [corpus.legal], **words}.items()
    }
    moves = labels.position["mobility"][:, None]
    columns["mobility"] = (moves >= _MOBILITY[:-1]) & (moves < _MOBILITY[1:])
    kinds = np.repeat(list(columns), [each.shape[1] for each in columns.values()])
    truth, games = np.hstack(list(columns.values())), codes(corpus.game)
    held_out = held_out_games(games, seed=seed)
    often = truth[~held_out].sum(axis=0)
    asked = (often >= LEAST) & ((~held_out).sum() - often >= LEAST)
    asked &= truth[held_out].any(axis=0)
    if not asked.any():
        msg = (
            f"no property holds at {LEAST} of {len(corpus)} positions and fails at as "
            "many; pass more positions"
        )
        raise ValueError(msg)
    return Properties(kinds[asked], truth[:, asked], games, held_out)


def square_flags(words: NDArray[np.uint64], size: int) -> Flags:
    """Return sets of squares (N,) as flags (N, n * n)."""
    found = crop(to_boards(words, np.uint64(0)), size=size)
    return np.asarray(found.reshape(len(words), -1) != 0)


@dataclass(frozen=True, eq=False)
class Hits:
    """Hits (3, G, P) of best features and reconstruction: rights, claims and truths."""

    best: Floats
    rebuilt: Floats

    def drawn(self, columns: Flags, games: Floats) -> Floats:
        """Return coverage and reconstruction, F1 (2, B), of draws of games (B, G)."""
        rights, *both = (games @ each for each in self.best[..., columns])
        coverage = est.known_mean(est.ratio(2 * rights, sum(both)).T)
        rights, *both = (games @ each.sum(1) for each in self.rebuilt[..., columns])
        return np.stack([coverage, est.ratio(2 * rights, sum(both))])

    def estimates(self, columns: Flags, n: int) -> list[est.Estimate]:
        """Return coverage and reconstruction with intervals, of n positions."""
        number = self.best.shape[1]
        means = self.drawn(columns, np.ones((1, number)))[:, 0]
        # Draws lack rare properties, so their errors tell more than their ends.
        half = 1.96 * np.nanstd(self.drawn(columns, draws(number)), axis=1)
        ends = est.known_interval((means - half, means + half), 1, number)
        rows = np.stack([means, *ends], axis=1).tolist()
        return [est.Estimate(a, b, c, n, number) for a, b, c in rows]


def draws(games: int) -> Floats:
    """Draw games with replacement: how often each counts, (B, G)."""
    lots = np.random.default_rng(0)
    drawn = lots.multinomial(games, np.full(games, 1 / games), _REPLICATES)
    return drawn.astype(np.float64)


def score_features(features: Array, asked: Properties) -> Hits:
    """Hold features (N, F) against properties; what is below 0 is off."""
    held, truth = asked.held_out, asked.truth
    learned = truth[~held].astype(np.float32)
    told = np.zeros((len(THRESHOLDS), *truth.shape), np.bool_)
    claims, best = np.zeros_like(truth), np.full(truth.shape[1], -1.0)
    highest = features[~held].max(axis=0, initial=0)
    # Thresholds outside, so that blocks do not decide between equals.
    for t, threshold in enumerate(THRESHOLDS):
        for first in range(0, features.shape[1], _BLOCK):
            block = slice(first, first + _BLOCK)
            on = features[:, block] > threshold * highest[block]
            on &= highest[block] > 0
            fired = on[~held].astype(np.float32)
            rights, often = fired.T @ learned, fired.sum(axis=0)[:, None]
            f1 = 2 * rights / (often + learned.sum(axis=0))
            better = f1.max(axis=0) > best
            best[better] = f1.max(axis=0)[better]
            claims[:, better] = on[:, f1.argmax(axis=0)[better]]
            precise = (often >= LEAST) & (rights > PRECISION * often)
            some = precise.any(axis=1)
            tells = precise[some].astype(np.float32)
            told[t] |= on[:, some].astype(np.float32) @ tells > 0
    return Hits(_counts(claims, asked), _counts(_rebuilt(told, asked), asked))


def _rebuilt(told: Flags, asked: Properties) -> Flags:
    """Take for each kind what is told (T, N, P) at the threshold that is best."""
    claims, some = np.zeros_like(asked.truth), ~asked.held_out
    for kind in dict.fromkeys(asked.kinds):
        columns = asked.kinds == kind
        holds = asked.truth[some][:, columns]
        at_each = (each[some][:, columns] for each in told)
        f1 = [2 * (a & holds).sum() / max(a.sum() + holds.sum(), 1) for a in at_each]
        claims[:, columns] = told[int(np.argmax(f1))][:, columns]
    return claims


def _counts(claims: Flags, asked: Properties) -> Floats:
    """Count rights, claims and truths of held-out games, (3, G, P)."""
    held = asked.held_out
    game, truth, made = codes(asked.games[held]), asked.truth[held], claims[held]
    found = np.zeros((3, int(game.max()) + 1, truth.shape[1]))
    for k, each in enumerate((made & truth, made, truth)):
        np.add.at(found[k], game, each)
    return found


def probe(units: Array, asked: Properties) -> Flags:
    """Tell properties (N, P) by ridge regression, tuned on a quarter of the games."""
    learned, truth = np.flatnonzero(~asked.held_out), asked.truth
    kept = held_out_games(asked.games[learned], share=0.25)
    fit, rest = learned[~kept], learned[kept]
    mean, spread = units[fit].mean(axis=0), units[fit].std(axis=0)
    x = (units - mean) / np.where(spread > 0, spread, 1)
    center = truth[fit].mean(axis=0)
    side = truth[fit] - center
    if x.shape[1] > len(fit):
        # Weights are sums of rows, and there are fewer rows.
        x = x @ x[fit].T
        gram = x[fit].astype(np.float64)
    else:
        gram, side = (x[fit].T @ x[fit]).astype(np.float64), x[fit].T @ side
    best, claims = np.full(truth.shape[1], -1.0), np.zeros_like(truth)
    for penalty in _PENALTIES:
        ridge = gram + penalty * len(fit) * np.eye(len(gram))
        scores = x @ solve(ridge, side, assume_a="pos") + center
        for threshold in THRESHOLDS[1:]:
            on = scores > threshold
            both = on[rest].sum(axis=0) + truth[rest].sum(axis=0)
            f1 = 2 * (on & truth)[rest].sum(axis=0) / np.maximum(both, 1)
            better = f1 > best
            best[better], claims[:, better] = f1[better], on[:, better]
    return claims


def trees(units: Array, asked: Properties) -> Flags:
    """Tell properties by a tree each, on the units that correlate most with it."""
    from sklearn.tree import DecisionTreeClassifier

    x, y = units[~asked.held_out], asked.truth[~asked.held_out]
    sizes = np.abs(est.standardized(x).T @ est.standardized(y))
    nearest = np.argsort(-sizes, axis=0, kind="stable")[:_TREE_UNITS]
    claims = np.zeros_like(asked.truth)
    for k, chosen in enumerate(nearest.T):
        tree = DecisionTreeClassifier(**_TREE).fit(x[:, chosen], y[:, k])
        claims[:, k] = tree.predict(units[:, chosen])
    return claims


def directions(units: Array, asked: Properties) -> Array:
    """Return principal components of units, each with its opposite, (N, F)."""
    from sklearn.decomposition import PCA

    learned = units[~asked.held_out]
    count = min(_DIRECTIONS, *learned.shape)
    found = PCA(count, svd_solver="randomized", random_state=0).fit(learned)
    along = found.transform(units)
    return np.hstack([along, -along])


def layer_maps(explainer: Explainer, layer: str, corpus: Corpus) -> Array:
    """Return feature maps (N, C, H, W) of one layer."""
    boards, parts = boards_of(corpus), []
    for rows in batches(len(boards), _BLOCK):
        with forward(explainer, boards[rows]) as passed:
            parts.append(as_array(passed.features[layer]))
    return np.concatenate(parts)


def score_maps(
    maps: Array, asked: Properties, kinds: Sequence[str]
) -> Iterator[tuple[str, int, Hits]]:
    """Score kinds of features of maps (N, C, H, W): name, number, hits."""
    units = maps.reshape(len(maps), -1)
    varied = units[:, np.argsort(-units.var(axis=0), kind="stable")[:_MOST_UNITS]]
    for kind in kinds:
        if kind in ("probe", "trees"):
            told = (probe if kind == "probe" else trees)(varied, asked)
            counts = _counts(told, asked)
            yield kind, varied.shape[1], Hits(counts, counts)
            continue
        features = units
        if kind == "channels":
            features = maps.sum(axis=(2, 3))
        elif kind == "directions":
            features = directions(varied, asked)
        yield kind, features.shape[1], score_features(features, asked)


def rules_truth(
    store: AnyStore,
    network: AnyNetwork,
    *,
    layers: Sequence[str] | None = None,
    features: Sequence[str] = FEATURES,
    n_positions: int = 5000,
    seed: int = 0,
    save: bool = True,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> RulesTruth:
    """Hold what a network has learned against the rules of Othello.

    Legal moves, discs that some move flips, stable and frontier discs, square by
    square, and how many moves there are: whether they hold is known exactly.

    Parameters
    ----------
    store, network : Store and Module, or their paths
        Where positions come from, and what it explains.
    layers : sequence of str, optional
        Layers to score; those of the store by default.
    features : sequence of str
        Some of "channels" (sums of maps), "units" (a channel at a square),
        "directions" (principal components of units, either way), "probe" (ridge
        regression on units) and "trees" (of depth 8, on the 32 units that correlate
        most); the last two learn each property and show what could be read at all.
    n_positions : int
        Positions at most, of as many games as there are; half of the games are held
        out. Fewer where maps of a layer would take more than 512 MB.
    seed : int
        The same seed gives the same numbers.
    save, overwrite : bool
        Keep the result in the store, and replace the one that it has, which otherwise
        raises `OutputExistsError`.
    on_progress : callable, optional
        Called with "rules", how many layers are done and how many there are.

    Returns
    -------
    RulesTruth
        Coverage and reconstruction beside a network with random weights and the discs
        themselves. Too few positions or games raise `ValueError`.
    """
    store, network = open_store(store), checked_network(network)
    check_explains(store, network)
    for name in (kinds := check_names(features, "features", "a kind of feature")):
        check_known("features", name, FEATURES)
    if save:
        store.results.check_free(RulesTruth, overwrite=overwrite)
    gradients = bool(store.manifest.plan.gradients)
    explainer = Explainer(
        network, layers=layers or store.layers, allow_gradient=gradients
    )
    widest = max(prod(shape.values()) for shape in explainer.shapes.values())
    number = min(n_positions, _MAP_BYTES // (4 * widest))
    games = store.columns.metadata.of_positions("game")
    corpus = store.positions[spread_rows(games, number, seed=seed)]
    asked = board_properties(corpus, seed=seed)
    n = int(asked.held_out.sum())
    explainers = [explainer, random_network(explainer, seed=seed)]
    places = [(k, layer) for k in (0, 1) for layer in explainer.layers]
    scores: list[TruthScore] = []
    for done, (k, layer) in enumerate([*places, (2, "")]):
        (on_progress or (lambda *_: None))("rules", done + 1, len(places) + 1)
        if layer:
            maps = layer_maps(explainers[k], layer, corpus)
        else:
            discs = [boards_of(corpus) == color for color in (1, -1, 0)]
            maps = np.stack(discs, axis=1).astype(np.float32)
        for kind, count, hits in score_maps(maps, asked, kinds):
            scores += [
                TruthScore(
                    *(SOURCES[k], layer, kind, count, name), *hits.estimates(columns, n)
                )
                for name, columns in asked.columns.items()
            ]
    found = RulesTruth(
        positions=n,
        games=len(np.unique(asked.games[asked.held_out])),
        learned=len(corpus) - n,
        properties={kind: int(of.sum()) for kind, of in asked.columns.items()},
        scores=tuple(scores),
        seed=seed,
        network=str(store.manifest.network.get("digest", "")),
        corpus=str(store.manifest.corpus.get("digest", "")),
    )
    if save:
        store.results.save(found, overwrite=overwrite)
    return found
