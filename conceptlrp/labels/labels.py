"""Labelling positions: every label, or those named, and negative controls.

Controls are labels that no channel should be found to have: what the network does not
see (who is black, which move came last), and random twins of other labels. Shapes use
N positions.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conceptlrp.errors import check_names
from conceptlrp.labels.definitions import Facts, Label
from conceptlrp.labels.geometry import board_parts
from conceptlrp.labels.position_labels import POSITION
from conceptlrp.labels.square_labels import MOVE, SQUARE
from conceptlrp.late import pd
from conceptlrp.othello import BLACK, Position
from conceptlrp.othello.board import count, square_bits
from conceptlrp.othello.positions import Positions, given_corpus
from conceptlrp.othello.symmetry import SYMMETRIES, turn

Words: TypeAlias = NDArray[np.uint64]
Boards: TypeAlias = Positions | tuple[ArrayLike, ArrayLike]

#: Every label by its name: labels of positions, of squares, of moves.
LABELS: Final[Mapping[str, Label]] = {
    each.name: each for each in (*POSITION.labels, *SQUARE.labels, *MOVE.labels)
}

# A block is small enough for the boards after each of its moves to stay in the cache.
_BLOCK: Final = 4096


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels of N positions.

    Attributes
    ----------
    position : dict of str to ndarray of shape (N,)
        Labels of whole positions: bool, or numbers.
    square : dict of str to uint64 of shape (N,)
        Sets of squares, as bitboards.
    move : dict of str to uint64 of shape (N,)
        Sets of legal moves, as bitboards.
    """

    position: Mapping[str, NDArray[Any]]
    square: Mapping[str, Words]
    move: Mapping[str, Words]

    def __len__(self) -> int:
        return next(
            (len(c) for c in (*self.position.values(), *self.masks.values())), 0
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the labels: of positions, then of squares, then of moves."""
        return (*self.position, *self.square, *self.move)

    @property
    def masks(self) -> dict[str, Words]:
        """Labels of squares and of moves, by name."""
        return {**self.square, **self.move}

    def counts(self) -> dict[str, NDArray[np.uint8]]:
        """Return how many squares each label of squares or moves has, (N,) each."""
        return {name: count(words) for name, words in self.masks.items()}

    def joined(self, other: "Labels") -> "Labels":
        """Return these labels and others of the same positions, with other names."""
        if shared := set(self.names) & set(other.names):
            msg = f"both have a label {min(shared)!r}, expected other names"
            raise ValueError(msg)
        if self.names and other.names and len(self) != len(other):
            msg = f"labels of {len(self)} and {len(other)} positions, expected as many"
            raise ValueError(msg)
        return Labels(
            {**self.position, **other.position},
            {**self.square, **other.square},
            {**self.move, **other.move},
        )

    def take(self, rows: NDArray[Any] | slice) -> "Labels":
        """Return the labels of some positions, in that order."""
        parts = self.position, self.square, self.move
        return Labels(*({n: column[rows] for n, column in p.items()} for p in parts))

    def frame(self) -> "pd.DataFrame":
        """Return a table, one row a position; of sets of squares, their size."""
        return pd.DataFrame({**self.position, **self.counts()})


def label_boards(
    positions: Boards, names: Iterable[str] | None = None, *, size: int = 8
) -> Labels:
    """Label positions by Othello theory.

    Parameters
    ----------
    positions : Corpus, sequence of Position, array, or pair of uint64 arrays (N,)
        The positions, boards (N, n, n) among them; a pair has the discs of the side to
        move and of the other.
    names : iterable of str, optional
        Names from `LABELS`, all by default.
    size : int
        Side of the board of bitboards, 8 or 6; a corpus knows its own.

    Returns
    -------
    Labels
        In the order of `LABELS`.

    Examples
    --------
    >>> from conceptlrp.othello.board import start
    >>> labels = label_boards(
    ...     tuple([side] for side in start()), ["mobility", "own frontier"]
    ... )
    >>> labels.position["mobility"].tolist()
    [4]
    >>> [hex(word) for word in labels.square["own frontier"]]
    ['0x810000000']
    """
    own, opponent, size = _boards(positions, size)
    chosen = _chosen(names)
    found: dict[str, NDArray[Any]] = {}
    for first in range(0, max(len(own), 1), _BLOCK):
        block = slice(first, first + _BLOCK)
        facts = Facts(own[block], opponent[block], size)
        for each in chosen:
            values = each.compute(facts)
            column = found.setdefault(each.name, np.empty(len(own), values.dtype))
            column[block] = values
    kinds = ("bool", "number"), ("square",), ("move",)
    return Labels(
        *({n: c for n, c in found.items() if LABELS[n].kind in k} for k in kinds)
    )


def _chosen(names: Iterable[str] | None) -> list[Label]:
    if names is None:
        return list(LABELS.values())
    wanted = check_names(names, "names", "a label")
    if unknown := [name for name in wanted if name not in LABELS]:
        msg = f"no label is named {unknown[0]!r}; conceptlrp.labels.LABELS lists them"
        raise ValueError(msg)
    return [each for name, each in LABELS.items() if name in wanted]


def _boards(positions: Boards, size: int) -> tuple[Words, Words, int]:
    if not _is_pair(positions):
        corpus = given_corpus(positions)  # type: ignore[arg-type]
        return corpus.own, corpus.opponent, corpus.size
    own, opponent = (np.atleast_1d(np.asarray(b, np.uint64)) for b in positions)
    if own.shape != opponent.shape or own.ndim != 1:
        msg = f"bitboards have shapes {own.shape} and {opponent.shape}, expected (N,)"
        raise ValueError(msg)
    outside = (own | opponent) & ~np.uint64(board_parts(size).region)
    wrong = ((own & opponent) | outside) != 0
    if wrong.any():
        what = "overlap" if (own & opponent)[wrong][0] else "lie outside the board"
        msg = f"position {int(np.argmax(wrong))}: discs {what}"
        raise ValueError(msg)
    return own, opponent, size


def _is_pair(positions: object) -> TypeGuard[tuple[ArrayLike, ArrayLike]]:
    """Tell whether these are two bitboards, or two arrays of bitboards."""
    if not isinstance(positions, tuple | list) or len(positions) != 2:
        return False
    return not any(isinstance(p, Position) or np.ndim(p) > 1 for p in positions)


#: What the name of a random twin begins with.
RANDOM: Final = "random: "


def control_labels(corpus: Positions) -> Labels:
    """Label positions with what the network does not see.

    A network is given own and opponent's discs, so it cannot know who is black or
    which disc was played last. Without passes the number of discs still tells who is
    black: "black to move" controls for parity too.

    Parameters
    ----------
    corpus : Corpus, sequence of Position or array of shape (N, n, n)
        N positions.

    Returns
    -------
    Labels
        "black to move" of positions and "last move" of squares, which is 0 before
        the first move and where the game is not known.
    """
    corpus = given_corpus(corpus)
    last = square_bits(corpus.last)
    return Labels({"black to move": corpus.mover == BLACK}, {"last move": last}, {})


def random_twins(labels: Labels, strata: ArrayLike, *, seed: int = 0) -> Labels:
    """Make labels that are as frequent as others, but mean nothing.

    Each position gets the label of another one of its stratum (N,); a set of squares
    is also turned by a random symmetry. A twin thus has its label's prevalence in
    every stratum and, since symmetries keep them, in every location class.
    """
    generator = np.random.default_rng(seed)
    stratum = np.asarray(strata)
    by_stratum = np.argsort(stratum, kind="stable")

    def drawn(column: NDArray[Any]) -> NDArray[Any]:
        lots = generator.permutation(len(stratum))
        twin = np.empty_like(column)
        twin[by_stratum] = column[lots[np.argsort(stratum[lots], kind="stable")]]
        return twin

    def turned(words: Words) -> Words:
        return turn(drawn(words), generator.integers(0, SYMMETRIES, len(words)))

    return Labels(
        {RANDOM + name: drawn(column) for name, column in labels.position.items()},
        {RANDOM + name: turned(words) for name, words in labels.square.items()},
        {RANDOM + name: turned(words) for name, words in labels.move.items()},
    )
