"""Boards of a store as they stand on the pages: picture, game, text to copy.

Shapes use k boards and n x n squares.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from conceptlrp.drawing.board_svg import board_svg
from conceptlrp.othello import BLACK, Position, square_name
from conceptlrp.store import Store

__all__ = ["FRAME", "BoardCard", "BoardShelf"]

#: Name of the frame that the cards of a page share.
FRAME = "frame"


@dataclass(frozen=True)
class BoardCard:
    """One board on a page.

    Attributes
    ----------
    svg : Markup
        The picture.
    score : str
        Score by which it is there.
    move : str
        Side to move, and the explained move.
    description : str
        Players, year and move number.
    transcript, obf : str
        The moves so far and the position, to copy.
    row : int
        Row of the store.
    """

    svg: Markup
    score: str
    move: str
    description: str
    transcript: str
    obf: str
    row: int


@dataclass(frozen=True)
class _Source:
    """What a position's card says wherever it stands."""

    position: Position
    mark: int
    move: str
    description: str
    transcript: str


class BoardShelf:
    """Makes the cards of a store's positions, looking each game up once.

    Parameters
    ----------
    store : Store
        Where the positions come from.
    target : int or str
        Explained output, whose move is crossed.
    """

    def __init__(self, store: Store, *, target: int | str = 0) -> None:
        self._corpus = store.positions
        self._marks = store.explained_square(target=target)
        self._sources: dict[int, _Source] = {}

    def cards(
        self,
        rows: NDArray[np.integer],
        scores: NDArray[np.floating],
        *,
        write: Callable[[float], str],
        heatmaps: NDArray[np.floating] | None = None,
        limit: float | None = None,
    ) -> tuple[BoardCard, ...]:
        """Make the cards of some positions.

        Parameters
        ----------
        rows : int array of shape (k,)
            Rows of the store.
        scores : float array of shape (k,)
            Score of each.
        write : callable
            Turns a score into text.
        heatmaps : float array of shape (k, n, n), optional
            Relevance of the squares.
        limit : float, optional
            Magnitude of the outermost colours.

        Returns
        -------
        tuple of k BoardCard
            In the order of the rows.
        """
        found = []
        for place, (row, score) in enumerate(zip(rows, scores, strict=True)):
            heatmap = None if heatmaps is None else heatmaps[place]
            found.append(self._card(int(row), write(float(score)), heatmap, limit))
        return tuple(found)

    def picture(
        self,
        row: int,
        *,
        heatmap: NDArray[np.floating] | None = None,
        limit: float | None = None,
        size_px: int = 176,
        frame: str | None = None,
    ) -> Markup:
        """Draw one position with a cross on the explained move.

        Parameters
        ----------
        row : int
            Row of the store.
        heatmap : float array of shape (n, n), optional
            Relevance of the squares.
        limit : float, optional
            Magnitude of the outermost colours.
        size_px : int
            Width and height.
        frame : str, optional
            Name of the `board_frame` of the page.

        Returns
        -------
        Markup
            An ``<svg>`` element.
        """
        source = self._source(row)
        # board_svg escapes what it is given.
        return Markup(
            board_svg(
                source.position,
                heatmap=heatmap,
                limit=limit,
                mark=source.mark,
                size_px=size_px,
                frame=frame,
            )
        )

    def _card(
        self,
        row: int,
        score: str,
        heatmap: NDArray[np.floating] | None,
        limit: float | None,
    ) -> BoardCard:
        source = self._source(row)
        return BoardCard(
            svg=self.picture(row, heatmap=heatmap, limit=limit, frame=FRAME),
            score=score,
            move=source.move,
            description=source.description,
            transcript=source.transcript,
            obf=source.position.obf(),
            row=row,
        )

    def _source(self, row: int) -> _Source:
        if row not in self._sources:
            position = self._corpus.position(row)
            mark = int(self._marks[row])
            side = "Black" if position.mover == BLACK else "White"
            named = square_name(mark, position.size) if mark >= 0 else "to move"
            self._sources[row] = _Source(
                position=position,
                mark=mark,
                move=f"{side} {named}",
                description=self._corpus.describe(row),
                transcript=self._corpus.transcript(row),
            )
        return self._sources[row]
