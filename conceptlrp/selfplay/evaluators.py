"""What a search asks of positions: priors over the legal actions, and a value.

Shapes use N positions and A = n * n + 1 actions of a board of n x n squares, the last
being the pass.
"""

from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax  # type: ignore[import-untyped]

from conceptlrp.networks import BoardNetwork
from conceptlrp.networks.planes import legal_actions
from conceptlrp.networks.prediction import forward, inference_network

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
    """Ask a copy of a network for priors and values, once for each different position.

    Up to ``remembered`` evaluations are kept, in which a search finds what that of the
    move before has asked; ``asked`` and ``forwarded`` count positions.
    """

    def __init__(
        self,
        network: BoardNetwork,
        *,
        batch_size: int = 512,
        remembered: int = 1 << 15,
    ) -> None:
        self.size = network.size
        self.asked = self.forwarded = 0
        self._batch_size = batch_size
        self._encoding = network.encoding
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
        legal = legal_actions(own, opponent, size=self.size)
        return legal_softmax(logits, legal), np.tanh(value)


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
