"""Pictures that every stage can draw: a board as SVG, the colours of relevance."""

from conceptlrp.drawing.board_svg import board_frame, board_svg
from conceptlrp.drawing.colors import symmetric_limit, to_rgb

__all__ = ["board_frame", "board_svg", "symmetric_limit", "to_rgb"]
