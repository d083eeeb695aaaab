"""How well a network foresees the moves and outcomes of games it has not seen.

N is the number of positions.
"""

from dataclasses import dataclass

import numpy as np

from conceptlrp.networks import BoardNetwork, predict
from conceptlrp.networks.planes import actions_of_squares, legal_actions
from conceptlrp.othello import Corpus


@dataclass(frozen=True)
class Evaluation:
    """Agreement of a network with the games of a corpus.

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


def evaluate(
    network: BoardNetwork, corpus: Corpus, *, batch_size: int = 1024
) -> Evaluation:
    """Compare a network with the moves and outcomes of a corpus.

    Parameters
    ----------
    network : BoardNetwork
        A network for boards of the corpus's size.
    corpus : Corpus
        At least one position; best from games that were held out of training.
    batch_size : int
        Positions in one forward pass.

    Returns
    -------
    Evaluation
        Over all positions of the corpus; nan where none can tell.
    """
    said = predict(network, corpus.own, corpus.opponent, batch_size=batch_size)
    legal = legal_actions(corpus.own, corpus.opponent, size=network.size)
    actions = actions_of_squares(corpus.played, size=network.size)
    rows = np.arange(len(corpus))
    masked = np.where(legal, said.logits, -np.inf)
    better = (masked > masked[rows, actions][:, None]).sum(axis=1)
    sign, error = _value_agreement(said.value, corpus.outcome)
    return Evaluation(
        positions=len(corpus),
        top1=float((better < 1).mean()),
        top3=float((better < 3).mean()),
        illegal=float(1 - legal[rows, said.logits.argmax(axis=1)].mean()),
        value_sign=sign,
        policy_loss=_cross_entropy(said.logits, actions),
        value_loss=error,
    )


def _cross_entropy(logits: np.ndarray, actions: np.ndarray) -> float:
    """Mean of log-sum-exp minus the logit of the action."""
    peak = logits.max(axis=1)
    normalizer = peak + np.log(np.exp(logits - peak[:, None]).sum(axis=1))
    return float((normalizer - logits[np.arange(len(logits)), actions]).mean())


def _value_agreement(value: np.ndarray, outcome: np.ndarray) -> tuple[float, float]:
    """Share of right signs over decided games, squared error over finished ones."""
    finished = np.isfinite(outcome)
    decided = finished & (outcome != 0)
    right = np.sign(value[decided]) == np.sign(outcome[decided])
    errors = (value[finished] - outcome[finished]) ** 2
    nan = float("nan")
    return (
        float(right.mean()) if decided.any() else nan,
        float(errors.mean()) if finished.any() else nan,
    )
