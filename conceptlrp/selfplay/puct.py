"""PUCT search in many positions at once, so that a network sees large batches.

Every simulation takes one step of every tree: all trees are descended together, their
new nodes are evaluated together, and the values go back up together. Each tree grows
as it would alone, up to the rounding of the network, so there is no virtual loss. Of
positions a search asks priors over the legal actions, and a value.

Shapes use N positions or as many trees, K nodes a tree and A = n * n + 1 actions of a
board of n x n squares: ``n * row + column``, or ``n * n`` for a pass, which is legal
where there is no move and the game is not over. Node 0 is the root; every simulation
that leaves the tree adds a node. Values are seen by the player to move.
"""

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax  # type: ignore[import-untyped]

from conceptlrp.errors import NetworkError, check_least
from conceptlrp.networks.checkpoint import AnyNetwork, checked_network
from conceptlrp.networks.planes import legal_actions, squares_of_actions
from conceptlrp.networks.prediction import expected_outcome, forward, inference_network
from conceptlrp.othello import legal_moves, play
from conceptlrp.othello.board import count

Boards: TypeAlias = NDArray[np.uint64]
Float32Array: TypeAlias = NDArray[np.float32]
#: Priors (N, A), which are 0 for illegal actions, and values (N,) from -1 to 1.
Answers: TypeAlias = tuple[Float32Array, Float32Array]
Rng: TypeAlias = np.random.Generator

# The golden ratio's fraction: multiplying by it spreads a word over all 64 bits.
_MIXER = np.uint64(0x9E3779B97F4A7C15)


class Evaluator(Protocol):
    """What a search asks about positions that are not the end of a game."""

    @property
    def size(self) -> int:
        """Side of the board, 6 or 8."""

    def __call__(self, own: Boards, opponent: Boards) -> Answers:
        """Give priors and values of N positions."""


class NetworkEvaluator:
    """Ask a network for priors and values, ``remembered`` evaluations being kept."""

    def __init__(
        self, network: AnyNetwork, *, batch_size: int = 512, remembered: int = 1 << 15
    ) -> None:
        network = checked_network(network)
        self.size = network.size
        self.asked = self.forwarded = 0
        self._batch_size = batch_size
        self._encoding, self._kind = network.encoding, network.value_kind
        self._network = inference_network(network)
        self._memory = _Memory(remembered, self.size**2 + 1) if remembered else None

    def __call__(self, own: Boards, opponent: Boards) -> Answers:
        """Give priors and values of N positions."""
        self.asked += len(own)
        pairs = np.column_stack([own, opponent])
        found = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
        first, place = found[1], found[2].ravel()
        priors, value = self._different(own[first], opponent[first])
        return priors[place], value[place]

    def forget(self) -> None:
        """Forget all evaluations, so that what follows depends on no past."""
        if self._memory is not None:
            self._memory.clear()

    def _different(self, own: Boards, opponent: Boards) -> Answers:
        """Evaluate positions, looking up those that are remembered."""
        if self._memory is None:
            return self._forward(own, opponent)
        priors, value, known = self._memory.find(own, opponent)
        new = np.flatnonzero(~known)
        if len(new):
            priors[new], value[new] = self._forward(own[new], opponent[new])
            self._memory.keep(own[new], opponent[new], priors[new], value[new])
        return priors, value

    def _forward(self, own: Boards, opponent: Boards) -> Answers:
        self.forwarded += len(own)
        planes = self._encoding.bitboards(own, opponent, size=self.size)
        logits, value = forward(self._network, planes, self._batch_size)
        if np.isnan(value).any():
            msg = "the network has no value, which search and self-play need"
            raise NetworkError(msg)
        legal = legal_actions(own, opponent, size=self.size)
        return legal_softmax(logits, legal), expected_outcome(value, self._kind)


def legal_softmax(logits: Float32Array, legal: NDArray[np.bool_]) -> Float32Array:
    """Softmax over the legal actions (N, A), 0 elsewhere."""
    # alpha-zero-general masks a softmax over all actions and divides by the sum: the
    # same, but inexact where nearly all of the mass is illegal.
    return np.asarray(softmax(np.where(legal, logits, -np.inf), axis=1))


class _Memory:
    """A table in which each position has one place; newer evaluations replace older."""

    def __init__(self, entries: int, actions: int) -> None:
        self._shift = np.uint64(65 - int(entries).bit_length())
        places = 1 << (int(entries).bit_length() - 1)
        self._own, self._opponent = np.zeros((2, places), np.uint64)
        self._priors = np.zeros((places, actions), np.float32)
        self._value = np.zeros(places, np.float32)

    def clear(self) -> None:
        # No position has an empty board, so zeros are found by none.
        self._own[:], self._opponent[:] = 0, 0

    def find(
        self, own: Boards, opponent: Boards
    ) -> tuple[Float32Array, Float32Array, NDArray[np.bool_]]:
        place = self._place(own, opponent)
        known = (self._own[place] == own) & (self._opponent[place] == opponent)
        return self._priors[place], self._value[place], known

    def keep(
        self, own: Boards, opponent: Boards, priors: Float32Array, value: Float32Array
    ) -> None:
        place = self._place(own, opponent)
        # Of two positions with one place in the same batch, the same one must win in
        # every column.
        place, last = np.unique(place[::-1], return_index=True)
        rows = len(own) - 1 - last
        self._own[place], self._opponent[place] = own[rows], opponent[rows]
        self._priors[place], self._value[place] = priors[rows], value[rows]

    def _place(self, own: Boards, opponent: Boards) -> NDArray[np.uint64]:
        mixed = (own * _MIXER ^ opponent) * _MIXER
        return mixed >> self._shift


Rows: TypeAlias = NDArray[np.int64]
Step: TypeAlias = tuple[Rows, Rows, Rows]

# Raises actions without a visit above each other by their priors alone.
EPSILON = 1e-8
# AlphaZero takes about 10 over the number of legal moves; Othello has 8 on average.
_NOISE_ALPHA = 1.0


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """Options of a search by AlphaGo Zero's formula.

    In a position with visits N(a), mean values Q(a) (0 without a visit) and priors
    P(a), a simulation follows the action of the highest
    ``Q(a) + c_puct * P(a) * sqrt(sum_b N(b)) / (1 + N(a))``, where an action that no
    simulation has followed counts as if the sum were larger by 1e-8: as in
    alpha-zero-general, the first one goes to the highest prior. Of equals the lowest
    action is taken.

    Attributes
    ----------
    simulations : int
        Positions added to the tree below the root, which are the visits of its
        actions.
    c_puct : float
        Weight of priors against values.
    noise : float
        Share of Dirichlet noise in the priors of the root, 0 to 1.
    draw : float
        Value of a drawn game for the player who would be to move in its last
        position; -1 in alpha-zero-general.
    transpositions : bool
        Share what is known of a position between the ways that lead to it, as
        alpha-zero-general does.

    References
    ----------
    Silver et al., Nature 550 (2017), doi:10.1038/nature24270.
    """

    simulations: int = 100
    c_puct: float = 1.0
    noise: float = 0.0
    draw: float = 0.0
    transpositions: bool = False

    def __post_init__(self) -> None:
        check_least("simulations", self.simulations)
        if not (0 <= self.noise <= 1 and self.c_puct >= 0):
            msg = (
                f"noise is {self.noise} and c_puct {self.c_puct}, expected 0 to 1, and "
                "0 or more"
            )
            raise ValueError(msg)


@dataclass(frozen=True, eq=False)
class SearchResult:
    """Visits, mean outcomes and priors with noise of actions, each (N, A)."""

    visits: NDArray[np.int32]
    action_values: NDArray[np.float64]
    priors: NDArray[np.float32]

    @property
    def value(self) -> NDArray[np.float64]:
        """Mean outcome of all simulations for the player to move, of shape (N,)."""
        total = (self.action_values * self.visits).sum(axis=1)
        return np.asarray(total / self.visits.sum(axis=1))


@dataclass(frozen=True)
class Trees:
    """N search trees, changed in place by the steps of a simulation.

    Boards (N, K) are as the player to move sees them; of actions (N, K, A) there are
    the priors (0 for what is illegal), visits, the sum of their values (minus infinity
    for what is illegal) and the child, -1 without one. The outcome (N, K) is NaN while
    the game goes on; ``nodes`` (N,) counts the nodes in use.
    """

    own: Boards
    opponent: Boards
    priors: NDArray[np.float32]
    visits: NDArray[np.int32]
    total: NDArray[np.float64]
    child: NDArray[np.int32]
    outcome: NDArray[np.float64]
    nodes: Rows
    size: int

    @classmethod
    def planted(cls, own: Boards, opponent: Boards, nodes: int, size: int) -> "Trees":
        """Make trees of one root each, with room for so many nodes."""
        games, actions = len(own), size * size + 1
        trees = cls(
            own=np.zeros((games, nodes), np.uint64),
            opponent=np.zeros((games, nodes), np.uint64),
            priors=np.zeros((games, nodes, actions), np.float32),
            visits=np.zeros((games, nodes, actions), np.int32),
            total=np.full((games, nodes, actions), -np.inf),
            child=np.full((games, nodes, actions), -1, np.int32),
            outcome=np.full((games, nodes), np.nan),
            nodes=np.ones(games, np.int64),
            size=size,
        )
        trees.place(np.arange(games), np.zeros(games, np.int64), own, opponent)
        return trees

    def place(
        self, rows: Rows, nodes: Rows, own: Boards, opponent: Boards
    ) -> NDArray[np.bool_]:
        """Put boards at nodes and return their legal actions, of shape (N, A)."""
        legal = legal_actions(own, opponent, size=self.size)
        self.own[rows, nodes], self.opponent[rows, nodes] = own, opponent
        self.total[rows, nodes] = np.where(legal, 0.0, -np.inf)
        return legal


def search(
    evaluate: Evaluator,
    own: Boards,
    opponent: Boards,
    *,
    options: SearchOptions | None = None,
    rng: Rng | None = None,
) -> SearchResult:
    """Search positions (N,) that are not the end of a game; noise needs a generator."""
    trees = grow_trees(evaluate, own, opponent, options=options, rng=rng)
    visits = trees.visits[:, 0]
    total = np.where(visits > 0, trees.total[:, 0], 0.0)
    return SearchResult(visits, total / np.maximum(visits, 1), trees.priors[:, 0])


def grow_trees(
    evaluate: Evaluator,
    own: Boards,
    opponent: Boards,
    *,
    options: SearchOptions | None = None,
    rng: Rng | None = None,
) -> Trees:
    """Grow the trees of a search; see `search`."""
    chosen = options or SearchOptions()
    if not np.isnan(outcomes(own, opponent, size=evaluate.size, draw=0.0)).all():
        msg = "a position is the end of a game, where there is nothing to search"
        raise ValueError(msg)
    trees = Trees.planted(own, opponent, chosen.simulations + 1, evaluate.size)
    priors, _ = evaluate(own, opponent)
    if chosen.noise:
        legal = legal_actions(own, opponent, size=evaluate.size)
        priors = mix_noise(priors, legal, chosen, rng)
    trees.priors[:, 0] = priors
    for _ in range(chosen.simulations):
        _simulate(trees, evaluate, chosen)
    return trees


def choose_actions(
    weights: NDArray[np.floating] | NDArray[np.integer], temperature: float, rng: Rng
) -> Rows:
    """Draw an action a row by ``weight ** (1 / temperature)``.

    At temperature 0 one of those of the largest weight is drawn.

    >>> choose_actions(np.array([[0, 5, 2]]), 0.0, np.random.default_rng(0)).tolist()
    [1]
    """
    noise = rng.gumbel(size=weights.shape)
    if temperature == 0:
        peak = weights == weights.max(axis=1, keepdims=True)
        drawn = np.where(peak, noise, -np.inf)
    else:
        with np.errstate(divide="ignore"):
            # The highest of logarithms with Gumbel noise is a draw by the weights.
            drawn = np.log(weights) / temperature + noise
    return np.asarray(drawn.argmax(axis=1))


def mix_noise(
    priors: Float32Array,
    legal: NDArray[np.bool_],
    options: SearchOptions,
    rng: Rng | None,
) -> Float32Array:
    """Mix the priors (N, A) of roots with Dirichlet noise over their legal actions."""
    if rng is None:
        msg = "noise is asked for, which needs a random generator"
        raise ValueError(msg)
    # Gamma draws divided by their sum are a Dirichlet draw.
    drawn = np.where(legal, rng.gamma(_NOISE_ALPHA, size=legal.shape), 0.0)
    drawn /= np.maximum(drawn.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    mixed = (1 - options.noise) * priors + options.noise * drawn
    return mixed.astype(np.float32)


def _simulate(trees: Trees, evaluate: Evaluator, options: SearchOptions) -> None:
    steps, leaf = descend(trees, options)
    value = trees.outcome[np.arange(len(leaf)), leaf]
    rows = np.flatnonzero(np.isnan(value))
    if len(rows):
        at = rows, leaf[rows]
        trees.priors[at], value[rows] = evaluate(trees.own[at], trees.opponent[at])
    back_up(trees, steps, value)


def descend(trees: Trees, options: SearchOptions) -> tuple[list[Step], Rows]:
    """Follow the best actions from roots: steps by depth, and nodes (N,) at the end."""
    rows = np.arange(len(trees.nodes))
    nodes = np.zeros_like(rows)
    leaf = np.zeros_like(rows)
    steps = []
    while len(rows):
        actions = _select(trees, rows, nodes, options.c_puct)
        steps.append((rows, nodes, actions))
        children = trees.child[rows, nodes, actions].astype(np.int64)
        new = children < 0
        if new.any():
            step = rows[new], nodes[new], actions[new]
            children[new], added = _grow(trees, *step, options)
            new[new] = added
        leaf[rows] = children
        on = ~new & np.isnan(trees.outcome[rows, children])
        rows, nodes = rows[on], children[on]
    return steps, leaf


def back_up(trees: Trees, steps: list[Step], value: NDArray[np.float64]) -> None:
    """Count the ways, with the value (N,) of their leaves for the player there."""
    seen = value.copy()
    for rows, nodes, actions in reversed(steps):
        # The player to move changes with every action, and so does the sign.
        seen[rows] = -seen[rows]
        trees.visits[rows, nodes, actions] += 1
        trees.total[rows, nodes, actions] += seen[rows]


def outcomes(
    own: Boards, opponent: Boards, *, size: int, draw: float
) -> NDArray[np.float64]:
    """Return 1, -1 or ``draw`` for the player to move, NaN while a game goes on."""
    stuck = legal_moves(own, opponent, size=size) == 0
    over = np.flatnonzero(stuck)
    over = over[legal_moves(opponent[over], own[over], size=size) == 0]
    found = np.full(len(own), np.nan)
    margin = count(own[over]).astype(np.int64) - count(opponent[over])
    found[over] = np.where(margin == 0, draw, np.sign(margin))
    return found


def _select(trees: Trees, rows: Rows, nodes: Rows, c_puct: float) -> Rows:
    """Return the action of the highest score of each node; see `SearchOptions`."""
    visits = trees.visits[rows, nodes]
    spent = visits.sum(axis=1, keepdims=True)
    root = np.sqrt(np.where(visits == 0, spent + EPSILON, spent))
    explore = c_puct * root * trees.priors[rows, nodes] / (1 + visits)
    score = trees.total[rows, nodes] / np.maximum(visits, 1) + explore
    return np.asarray(score.argmax(axis=1))


def _grow(
    trees: Trees, rows: Rows, nodes: Rows, actions: Rows, options: SearchOptions
) -> tuple[Rows, NDArray[np.bool_]]:
    """Link actions to new nodes, or known ones; returns nodes and which are new."""
    squares = squares_of_actions(actions, size=trees.size)
    boards = trees.own[rows, nodes], trees.opponent[rows, nodes]
    own, opponent = play(*boards, squares, size=trees.size)
    children, added = trees.nodes[rows], np.ones(len(rows), bool)
    if options.transpositions:
        same = trees.own[rows] == own[:, None]
        same &= trees.opponent[rows] == opponent[:, None]
        added = ~same.any(axis=1)
        children = np.where(added, children, same.argmax(axis=1))
    trees.child[rows, nodes, actions] = children
    _add(trees, rows[added], children[added], own[added], opponent[added], options.draw)
    return children, added


def _add(
    trees: Trees, rows: Rows, nodes: Rows, own: Boards, opponent: Boards, draw: float
) -> None:
    legal = trees.place(rows, nodes, own, opponent)
    # A pass is legal where there is no move, so only there can a game be over.
    stuck = np.flatnonzero(legal[:, -1])
    trees.outcome[rows[stuck], nodes[stuck]] = outcomes(
        own[stuck], opponent[stuck], size=trees.size, draw=draw
    )
    trees.nodes[rows] += 1
