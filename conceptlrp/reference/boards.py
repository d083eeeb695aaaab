"""Reference boards of a channel, with where they come from, and their folding.

Shapes use k boards and n x n squares. A channel that looks at one corner shows it
in any of four corners of its reference boards where the network has learned the
game's symmetry; folded, all boards show it in one.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from conceptlrp import jsontext
from conceptlrp.drawing import board_svg
from conceptlrp.drawing.colors import symmetric_limit
from conceptlrp.drawing.notebook import html_boards
from conceptlrp.late import pd
from conceptlrp.networks.planes import actions_of_squares
from conceptlrp.othello import (
    PASS,
    Corpus,
    Position,
    parse_square,
    square_name,
    symmetry_words,
)
from conceptlrp.othello.symmetry import compose, turn_maps, turn_squares
from conceptlrp.store import Ranking, Store


def fold_orientations(heatmaps: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Find how to turn each map (k, n, n) so that it agrees best with the first.

    Returns symmetries, 0 for the first; the lowest where several agree as well.

    >>> corners = np.zeros((2, 8, 8))
    >>> corners[0, 0, 0] = corners[1, 0, 7] = 1.0
    >>> fold_orientations(corners)
    array([0, 1], dtype=uint8)
    """
    maps = np.asarray(heatmaps, dtype=np.float64)
    if len(maps) == 0:
        return np.empty(0, np.uint8)
    turnings = np.stack([turn_maps(maps, s) for s in range(8)])
    # Turning keeps the length of a map, so the product orders as the cosine does.
    agreement = np.einsum("skxy,xy->ks", turnings, maps[0])
    # Sums in another order differ by rounding, which must not decide between equals.
    scale = np.linalg.norm(maps, axis=(1, 2)) * np.linalg.norm(maps[0])
    best = agreement.max(axis=1) - 1e-12 * scale
    reached = agreement >= best[:, None]
    symmetries: NDArray[np.uint8] = reached.argmax(axis=1).astype(np.uint8)
    symmetries[0] = 0
    return symmetries


class ToCopy(NamedTuple):
    """Moves from the usual start, how what they lead to is turned, and the OBF line."""

    moves: str
    turned: str
    obf: str


def to_copy(position: Position, transcript: str, symmetry: int) -> ToCopy:
    """Return what every page shows to copy of a position, "" for what there is not."""
    turned = symmetry_words(symmetry) if transcript and symmetry else ""
    return ToCopy(transcript, turned, position.obf())


@dataclass(frozen=True)
class ReferenceBoard:
    """One position of a corpus and what is known about it.

    Attributes
    ----------
    row, score, position : int, float, Position
        Row of the store, score of the channel, and the board.
    game, description : int, str
        Game of the corpus; players, year and move number, as one line.
    black, white, year : str, str, int
        The players and the year of the game, "" and 0 where unknown.
    ply, transcript : int, str
        How many moves were played before, and which.
    played : str
        The move that was played, "" where none is known.
    policy : dict of str to float
        Probability of each legal move, the likeliest first.
    value : float
        The network's value before tanh, nan where it has none.
    symmetry : int
        How the position is turned from what the transcript leads to.
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
        """Turn the board and the moves to choose from by a symmetry."""
        size = self.position.size

        def turned(move: str) -> str:
            return square_name(int(turn_squares(parse_square(move, size), s)), size)

        return replace(
            self,
            position=self.position.turned(s),
            played=turned(self.played) if self.played else "",
            policy={turned(move): p for move, p in self.policy.items()},
            symmetry=int(compose(self.symmetry, s)),
        )

    @property
    def copied(self) -> ToCopy:
        """What a page shows to copy."""
        return to_copy(self.position, self.transcript, self.symmetry)

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
    layer, channel, by : str, int, str
        The channel, and the score of the boards, one of `REFERENCE_SCORES`.
    strip, target : str, str
        "top", "bottom", "quantiles" or "random", and the explained output.
    boards : tuple of k ReferenceBoard
        The boards.
    heatmaps : ndarray of shape (k, n, n) or None
        Conditional heatmaps, where the store keeps them or they were computed.
    note : str
        Why these are not the boards that were asked for, or none, "" if they are.
    """

    layer: str
    channel: int
    by: str
    strip: str
    target: str
    boards: tuple[ReferenceBoard, ...]
    heatmaps: NDArray[np.float32] | None
    note: str = ""

    def __len__(self) -> int:
        return len(self.boards)

    def __repr__(self) -> str:
        place = f"{self.layer}:{self.channel}"
        number = f"{len(self)} board{'s' * (len(self) != 1)}"
        return f"ReferenceBoards({place!r}, {number}, {self.strip} {self.by})"

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
        """Moves that lead to each board, but for how it is turned; "" if unknown."""
        return tuple(board.transcript for board in self.boards)

    @property
    def played(self) -> tuple[str, ...]:
        """The move that was played on each board, "" where none is known."""
        return tuple(board.played for board in self.boards)

    def folded(self) -> "ReferenceBoards":
        """Turn every board so that its heatmap agrees best with the first."""
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
        scale = f"relevance from {-limit:g} (blue) to {limit:g} (orange)"
        notes = [note for note in (self.note, scale if limit else "") if note]
        return html_boards(title, cards, note="; ".join(notes))

    def frame(self) -> "pd.DataFrame":
        """Return a row for each board: where it is from, its score and its moves."""
        shown = ("row", "score", "game", "black", "white", "year", "ply", "played")
        table = [{n: getattr(board, n) for n in shown} for board in self.boards]
        found = pd.DataFrame(table, columns=list(shown))
        found["obf"] = [position.obf() for position in self.positions]
        found["transcript"] = list(self.transcripts)
        found["symmetry"] = [board.symmetry for board in self.boards]
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, ready for JSON."""
        maps = [None] * len(self) if self.heatmaps is None else self.heatmaps.tolist()
        names = ("layer", "channel", "by", "strip", "target", "note")
        boards = [
            {**board.to_dict(), "heatmap": heatmap}
            for board, heatmap in zip(self.boards, maps, strict=True)
        ]
        return {name: getattr(self, name) for name in names} | {"boards": boards}


def describe_boards(store: Store, ranking: Ranking) -> tuple[ReferenceBoard, ...]:
    """Collect what a store knows about the positions of a ranking, in its order."""
    facts = zip(
        ranking.rows.tolist(),
        ranking.scores.tolist(),
        store.arrays.logits(rows=ranking.rows),
        store.arrays.value(rows=ranking.rows).tolist(),
        strict=True,
    )
    return tuple(describe_board(store.positions, *each) for each in facts)


def describe_board(
    corpus: Corpus, row: int, score: float, logits: NDArray[np.floating], value: float
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
        symmetry=int(corpus.symmetry[row]),
    )


def move_probabilities(
    position: Position, logits: NDArray[np.floating]
) -> dict[str, float]:
    """Turn policy logits (n * n + 1,) into probabilities of legal moves, best first."""
    size = position.size
    squares = position.legal_moves or (PASS,)
    names = [square_name(square, size) for square in squares]
    actions = actions_of_squares(squares, size=size)
    chosen = np.asarray(logits, dtype=np.float64)[actions]
    weights = np.exp(chosen - chosen.max())
    weights /= weights.sum()
    order = np.argsort(-weights, kind="stable").tolist()
    return {names[place]: float(weights[place]) for place in order}
