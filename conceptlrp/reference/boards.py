"""Reference boards of a channel, with where they come from.

Shapes use k boards and n x n squares.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp import jsontext
from conceptlrp.drawing import board_svg
from conceptlrp.drawing.colors import symmetric_limit
from conceptlrp.drawing.notebook import html_boards
from conceptlrp.othello import PASS, Corpus, Position, square_name
from conceptlrp.othello.symmetry import compose, turn_maps
from conceptlrp.reference.folding import (
    fold_orientations,
    turned_move,
    turned_position,
    turned_transcript,
)
from conceptlrp.store import Ranking, Store

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ReferenceBoard:
    """One position of a corpus and what is known about it.

    Attributes
    ----------
    row : int
        Row of the store.
    score : float
        Score of the channel.
    position : Position
        The board.
    game : int
        Game of the corpus.
    description : str
        Players, year and move number, as one line.
    black, white : str
        The players, "" where unknown.
    year : int
        Year of the game, 0 where unknown.
    ply : int
        Moves played before.
    transcript : str
        Moves that lead to the board.
    played : str
        The move that was played, "" where none is known.
    policy : dict of str to float
        Probability of each legal move, the likeliest first.
    value : float
        The network's value before tanh, nan where it has none.
    symmetry : int
        How the board is turned from what the store holds.
    """

    row: int
    score: float
    position: Position
    game: int
    description: str
    black: str
    white: str
    year: int
    ply: int
    transcript: str
    played: str
    policy: Mapping[str, float]
    value: float
    symmetry: int = 0

    def turned(self, s: int) -> "ReferenceBoard":
        """Turn board, moves and transcript by a symmetry."""
        size = self.position.size
        moves = {turned_move(m, s, size): p for m, p in self.policy.items()}
        return replace(
            self,
            position=turned_position(self.position, s),
            transcript=turned_transcript(self.transcript, s, size),
            played=turned_move(self.played, s, size),
            policy=moves,
            symmetry=int(compose(self.symmetry, s)),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, ready for JSON."""
        found = {**asdict(self), "obf": self.position.obf(), "year": self.year or None}
        plain: dict[str, Any] = jsontext.plain(found)
        return plain


@dataclass(frozen=True, eq=False, repr=False)
class ReferenceBoards:
    """Boards that show what a channel is for, in the order of a strip.

    Attributes
    ----------
    layer, channel : str, int
        The channel.
    by : str
        Score of the boards, one of `REFERENCE_SCORES`.
    strip : str
        "top", "bottom", "quantiles" or "random".
    target : str
        Name of the explained output.
    boards : tuple of k ReferenceBoard
        The boards.
    heatmaps : ndarray of shape (k, n, n) or None
        Conditional heatmaps, where the store keeps them or they were computed.
    """

    layer: str
    channel: int
    by: str
    strip: str
    target: str
    boards: tuple[ReferenceBoard, ...]
    heatmaps: NDArray[np.float32] | None

    def __len__(self) -> int:
        return len(self.boards)

    def __repr__(self) -> str:
        place = f"{self.layer}:{self.channel}"
        return f"ReferenceBoards({place!r}, {len(self)} boards, {self.strip} {self.by})"

    @property
    def rows(self) -> NDArray[np.int64]:
        """Row of each board in the store, of shape (k,)."""
        return np.array([board.row for board in self.boards], dtype=np.int64)

    @property
    def scores(self) -> NDArray[np.float32]:
        """Score of each board, of shape (k,)."""
        return np.array([board.score for board in self.boards], dtype=np.float32)

    @property
    def positions(self) -> tuple[Position, ...]:
        """The k positions."""
        return tuple(board.position for board in self.boards)

    @property
    def descriptions(self) -> tuple[str, ...]:
        """Players, year and move number of each board."""
        return tuple(board.description for board in self.boards)

    @property
    def transcripts(self) -> tuple[str, ...]:
        """Moves that lead to each board."""
        return tuple(board.transcript for board in self.boards)

    @property
    def played(self) -> tuple[str, ...]:
        """The move that was played on each board, "" where none is known."""
        return tuple(board.played for board in self.boards)

    def folded(self) -> "ReferenceBoards":
        """Turn every board so that its heatmap agrees best with the first.

        Returns
        -------
        ReferenceBoards
            Boards, moves, transcripts and heatmaps as turned.

        Raises
        ------
        ValueError
            If there are no heatmaps to compare.
        """
        if self.heatmaps is None:
            msg = (
                f"the boards of {self.layer}:{self.channel} have no heatmaps to fold "
                "by; compute them with 'conditional_maps'"
            )
            raise ValueError(msg)
        symmetries = fold_orientations(self.heatmaps)
        boards = zip(self.boards, symmetries.tolist(), strict=True)
        return replace(
            self,
            boards=tuple(board.turned(s) for board, s in boards),
            heatmaps=turn_maps(self.heatmaps, symmetries),
        )

    def _repr_html_(self) -> str:
        maps = [None] * len(self) if self.heatmaps is None else list(self.heatmaps)
        limit = 0.0 if self.heatmaps is None else symmetric_limit(self.heatmaps)
        cards = [
            (
                board_svg(board.position, heatmap=heatmap, limit=limit, legal=False),
                (f"{self.by} {board.score:+.3g}", board.description, board.played),
            )
            for board, heatmap in zip(self.boards, maps, strict=True)
        ]
        title = f"{self.layer}:{self.channel}, {self.strip} {self.by} ({self.target})"
        note = f"relevance from {-limit:g} (blue) to {limit:g} (orange)"
        return html_boards(title, cards, note=note if limit else "")

    def frame(self) -> "pd.DataFrame":
        """Return a row for each board: where it is from, its score and its moves."""
        import pandas as pd

        shown = ("row", "score", "game", "black", "white", "year", "ply", "played")
        table = [{n: getattr(board, n) for n in shown} for board in self.boards]
        found = pd.DataFrame(table, columns=list(shown))
        found["obf"] = [position.obf() for position in self.positions]
        found["transcript"] = list(self.transcripts)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, ready for JSON."""
        boards = [board.to_dict() for board in self.boards]
        for place, board in enumerate(boards):
            heatmap = None if self.heatmaps is None else self.heatmaps[place].tolist()
            board["heatmap"] = heatmap
        return {
            "layer": self.layer,
            "channel": self.channel,
            "by": self.by,
            "strip": self.strip,
            "target": self.target,
            "boards": boards,
        }


def describe_boards(store: Store, ranking: Ranking) -> tuple[ReferenceBoard, ...]:
    """Collect what a store knows about the positions of a ranking, in its order."""
    logits, values = (
        store.arrays.logits(rows=ranking.rows),
        store.arrays.value(rows=ranking.rows),
    )
    outputs = zip(logits, values.tolist(), strict=True)
    return tuple(
        describe_board(store.positions, row, score, *output)
        for row, score, output in zip(
            ranking.rows.tolist(), ranking.scores.tolist(), outputs, strict=True
        )
    )


def describe_board(
    corpus: Corpus,
    row: int,
    score: float,
    logits: NDArray[np.floating],
    value: float,
) -> ReferenceBoard:
    """Collect a position, its game and what the network makes of it."""
    position, game = corpus.position(row), int(corpus.game[row])
    square = int(corpus.played[row])
    return ReferenceBoard(
        row=row,
        score=score,
        position=position,
        game=game,
        description=corpus.describe(row),
        black=str(corpus.games.black[game]),
        white=str(corpus.games.white[game]),
        year=int(corpus.games.year[game]),
        ply=int(corpus.ply[row]),
        transcript=corpus.transcript(row),
        played=square_name(square, corpus.size) if square >= 0 else "",
        policy=move_probabilities(position, logits),
        value=value,
    )


def move_probabilities(
    position: Position, logits: NDArray[np.floating]
) -> dict[str, float]:
    """Turn policy logits (n * n + 1,) into probabilities of legal moves, best first."""
    size = position.size
    names = [square_name(s, size) for s in position.legal_moves]
    names = names or [square_name(PASS, size)]
    actions = [_action(name, size) for name in names]
    chosen = np.asarray(logits, dtype=np.float64)[actions]
    weights = np.exp(chosen - chosen.max())
    weights /= weights.sum()
    order = np.argsort(-weights, kind="stable").tolist()
    return {names[place]: float(weights[place]) for place in order}


def _action(name: str, size: int) -> int:
    if name == "pa":
        return size * size
    return (int(name[1]) - 1) * size + "abcdefgh".index(name[0])
