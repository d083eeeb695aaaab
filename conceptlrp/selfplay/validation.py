"""Games held out of training, and how well a network predicts their moves and results.

Positions of one game resemble each other and share an outcome. They are therefore
never divided: a game is learned from or tested on.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax  # type: ignore[import-untyped]

from conceptlrp.networks import BoardNetwork, predict
from conceptlrp.networks.planes import actions_of_squares, legal_actions
from conceptlrp.othello import Corpus


@dataclass(frozen=True)
class Validation:
    """How well a network predicts the moves and results of games.

    Attributes
    ----------
    positions : int
        Positions that were asked about.
    top1, top3 : float
        Share in which the move played is the best, or among the best three, of the
        legal moves.
    illegal : float
        Share in which the highest logit of all belongs to an illegal action.
    value_sign : float
        Share of the positions from decided, finished games in which the value has
        the sign of the outcome; nan when there is none.
    policy_loss : float
        Cross entropy of the move played over all actions, in nats.
    value_loss : float
        Mean squared error of tanh(value) over finished games; nan without any.
    """

    positions: int
    top1: float
    top3: float
    illegal: float
    value_sign: float
    policy_loss: float
    value_loss: float


def validate(
    network: BoardNetwork, corpus: Corpus, *, batch_size: int = 1024
) -> Validation:
    """Compare a network with the moves and outcomes of a corpus of its board size."""
    said = predict(network, corpus.own, corpus.opponent, batch_size=batch_size)
    legal = legal_actions(corpus.own, corpus.opponent, size=network.size)
    actions = actions_of_squares(corpus.played, size=network.size)
    rows = np.arange(len(corpus))
    masked = np.where(legal, said.logits, -np.inf)
    better = (masked > masked[rows, actions][:, None]).sum(axis=1)
    sign, error = _value_agreement(said.value, corpus.outcome)
    return Validation(
        positions=len(corpus),
        top1=float((better < 1).mean()),
        top3=float((better < 3).mean()),
        illegal=float(1 - legal[rows, said.logits.argmax(axis=1)].mean()),
        value_sign=sign,
        policy_loss=-float(log_softmax(said.logits, axis=1)[rows, actions].mean()),
        value_loss=error,
    )


def hold_out(
    corpus: Corpus,
    *,
    year: int | None = None,
    share: float | None = None,
    seed: int = 0,
) -> tuple[Corpus, Corpus]:
    """Split off the games of a year, or a random share: the rest, and what is held out.

    Games with the same moves count as one in a share, so none of them is on both sides.
    """
    if (year is None) == (share is None):
        msg = "give a year or a share to hold out, and not both"
        raise ValueError(msg)
    if year is not None:
        held_out = corpus.year == year
        if held_out.all() or not held_out.any():
            which = "all positions are" if held_out.any() else "no position is"
            msg = f"{which} from {year}, the year to hold out"
            raise ValueError(msg)
        return corpus[~held_out], corpus[held_out]
    assert share is not None
    if not 0 < share < 1:
        msg = f"share is {share}, expected a number between 0 and 1"
        raise ValueError(msg)
    whole = corpus.compact()
    kinds, kind = np.unique(whole.games.moves, axis=0, return_inverse=True)
    n = round(share * len(kinds))
    if not 0 < n < len(kinds):
        msg = (
            f"{share:g} of {len(kinds)} games are {n}, expected at least one to hold "
            "out and one to learn from; give more games or another share"
        )
        raise ValueError(msg)
    # Whatever comes first in a random order is held out.
    place = np.random.default_rng(seed).permutation(len(kinds))
    held_out = place[kind.ravel()][whole.game] < n
    return whole[~held_out], whole[held_out]


def _value_agreement(value: np.ndarray, outcome: np.ndarray) -> tuple[float, float]:
    """Share of right signs over decided games, squared error over finished ones."""
    finished = np.isfinite(outcome)
    decided = finished & (outcome != 0) & np.isfinite(value)
    right = np.sign(value[decided]) == np.sign(outcome[decided])
    errors = (value[finished] - outcome[finished]) ** 2
    nan = float("nan")
    return (
        float(right.mean()) if decided.any() else nan,
        float(errors.mean()) if finished.any() else nan,
    )
