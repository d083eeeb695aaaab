"""The positions of an evaluation, and the moves that are explained at them.

Shapes use N positions, n x n squares, S = n * n of them in a row, and A actions.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.ablation.probing import VALUE, Outputs, ask
from conceptlrp.labels import location_classes
from conceptlrp.lrp import Explainer
from conceptlrp.networks.planes import legal_actions
from conceptlrp.othello import Corpus
from conceptlrp.othello.board import to_boards


@dataclass(frozen=True)
class Sample:
    """Positions with at least two legal moves, and what the network says of them.

    Attributes
    ----------
    corpus : Corpus
        N positions.
    boards : int8 array of shape (N, n, n)
        +1 for the side to move, -1 for the other side, 0 empty.
    legal : bool array of shape (N, A)
        The legal actions.
    outputs : Outputs
        Of the network at each position.
    best, other : int array of shape (N,)
        The legal move with the highest logit, and another one drawn at random.
    """

    corpus: Corpus
    boards: NDArray[np.int8]
    legal: NDArray[np.bool_]
    outputs: Outputs
    best: NDArray[np.int64]
    other: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.boards)

    @property
    def discs(self) -> NDArray[np.int8]:
        """Boards in a row, (N, S)."""
        return self.boards.reshape(len(self), -1)

    @property
    def occupied(self) -> NDArray[np.bool_]:
        """Squares (N, S) with a disc."""
        occupied: NDArray[np.bool_] = self.discs != 0
        return occupied

    @property
    def games(self) -> NDArray[np.int32]:
        """The game (N,) of each position: what a bootstrap draws."""
        return self.corpus.game

    def actions(self, target: str) -> NDArray[np.int64]:
        """Return the actions (N,) of a target, "best", "other" or "value"."""
        named = {"best": self.best, "other": self.other}
        return named.get(target, np.full(len(self), VALUE))

    def take(self, n: int) -> "Sample":
        """Return the first n positions."""
        rows = slice(n)
        return Sample(
            self.corpus[rows],
            self.boards[rows],
            self.legal[rows],
            Outputs(self.outputs.logits[rows], self.outputs.value[rows]),
            self.best[rows],
            self.other[rows],
        )


def draw_sample(
    explainer: Explainer, corpus: Corpus, *, n_positions: int = 500, seed: int = 0
) -> Sample:
    """Draw positions with at least two legal moves."""
    open_rows = np.flatnonzero(np.bitwise_count(corpus.legal) > 1)
    generator = np.random.default_rng(seed)
    # In random order, so that the first of them are a sample too.
    rows = generator.permutation(open_rows)[:n_positions]
    if len(rows) < 2:
        msg = (
            f"{len(rows)} of {len(corpus)} positions have two legal moves, expected "
            "at least 2; pass more positions"
        )
        raise ValueError(msg)
    chosen = corpus[rows]
    boards = boards_of(chosen)
    outputs = ask(explainer, boards)
    legal = legal_actions(chosen.own, chosen.opponent, size=chosen.size)
    legal = legal[:, : outputs.logits.shape[1]]
    best = best_actions(outputs.logits, legal)
    others = legal.copy()
    others[np.arange(len(rows)), best] = False
    lots = np.where(others, generator.random(legal.shape), -1.0)
    return Sample(chosen, boards, legal, outputs, best, lots.argmax(axis=1))


def best_actions(logits: NDArray[Any], legal: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the legal action (...,) with the highest of logits (..., A)."""
    best: NDArray[np.int64] = np.where(legal, logits, -np.inf).argmax(axis=-1)
    return best


def boards_of(corpus: Corpus) -> NDArray[np.int8]:
    """Return the boards (N, n, n) of a corpus."""
    edge = (8 - corpus.size) // 2
    inside = slice(edge, 8 - edge)
    return to_boards(corpus.own, corpus.opponent)[:, inside, inside]


def square_classes(size: int) -> NDArray[np.int8]:
    """Return the location class (S,) of every square of a board."""
    edge = (8 - size) // 2
    inside = slice(edge, 8 - edge)
    return location_classes(size).reshape(8, 8)[inside, inside].ravel()


def same_ply_donors(corpus: Corpus, *, seed: int = 0) -> NDArray[np.int64]:
    """Choose for each position another one with as many discs on its board.

    Returns (N,): rows of the corpus; where no other position has as many discs, one
    that is next to it in their number.
    """
    discs = np.bitwise_count(corpus.own | corpus.opponent).astype(np.int64)
    lots = np.random.default_rng(seed).permutation(len(corpus))
    order = np.lexsort((lots, discs))
    donors = np.empty(len(corpus), np.int64)
    # Within a run of equal counts each takes the next one, the last the first.
    firsts = np.flatnonzero(np.diff(discs[order], prepend=-1))
    for run in np.split(order, firsts[1:]):
        donors[run] = np.roll(run, -1)
    alone = np.flatnonzero(donors == np.arange(len(corpus)))
    place = np.empty(len(corpus), np.int64)
    place[order] = np.arange(len(corpus))
    for row in alone:
        at = int(place[row])
        near = [order[i] for i in (at - 1, at + 1) if 0 <= i < len(order)]
        donors[row] = min(near, key=lambda r: abs(discs[r] - discs[row]))
    return donors
