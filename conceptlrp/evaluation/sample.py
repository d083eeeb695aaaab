"""The positions of an evaluation, and the moves that are explained at them.

Shapes use N positions, n x n squares, S = n * n of them in a row, and A actions.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conceptlrp.lrp import Explainer
from conceptlrp.lrp.probing import VALUE, Outputs, ask, best_actions, boards_of
from conceptlrp.networks.planes import legal_actions
from conceptlrp.othello import Corpus


@dataclass(frozen=True)
class Sample:
    """Positions with at least two legal moves, and what the network says of them.

    ``boards`` (N, n, n) and ``legal`` actions (N, A) are those of the corpus; ``best``
    (N,) is the legal move with the highest logit, ``other`` (N,) a random other one.
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
        return np.asarray(self.discs != 0)

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
