"""Pictures of one position on a page that shows it many times.

What all of them share stands on the page once. Shapes use n x n squares.
"""

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from conceptlrp.atlas.pictures.page_boards import board_kit, page_board, position_marks
from conceptlrp.drawing.colors import LEVELS, level_colors
from conceptlrp.othello import NO_MOVE, PASS, Position
from conceptlrp.report.explained_output import ExplainedOutput

__all__ = ["explained_square", "level_style", "map_picture", "position_kit"]

_POSITION = '<use href="#position"/>'
# From this step on a colour is too dark for black letters.
_DARK = 9


def level_style() -> Markup:
    """Write the colours of the local atlas as rules of style, h0 to h24."""
    return Markup(
        "".join(
            f".h{place}{{background:{color};color:"
            f"{'#fff' if abs(place - LEVELS) >= _DARK else '#111'}}}"
            for place, color in enumerate(level_colors())
        )
    )


def position_kit(position: Position, *, mark: int = NO_MOVE) -> Markup:
    """Draw what all boards of a page share, to stand once on it.

    Returns: an invisible ``<svg>`` element beside the `board_kit`.
    """
    marks = position_marks(position, mark=mark)
    return board_kit(position.size) + Markup(
        '<svg style="position:absolute" width="0" height="0" aria-hidden="true">'
        f'<defs><g id="position" class="b">{marks}</g></defs></svg>'
    )


def map_picture(
    position: Position, heatmap: NDArray[np.floating], limit: float, title: str
) -> Markup:
    """Draw the position of the page over a heatmap.

    Shapes: `heatmap` (n, n). Returns: an ``<svg>`` element.
    """
    return page_board(position.size, title, _POSITION, heatmap=heatmap, limit=limit)


def explained_square(output: ExplainedOutput) -> int:
    """Square to cross: the explained move, `NO_MOVE` where it is none or a pass."""
    square = output.squares[0] if output.squares else NO_MOVE
    return NO_MOVE if square == PASS else square
