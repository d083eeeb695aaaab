"""Pictures that every stage can draw: boards as SVG, their colours, small HTML."""

from conceptlrp.drawing.board_svg import board_frame, board_svg
from conceptlrp.drawing.colors import symmetric_limit, to_rgb
from conceptlrp.drawing.notebook import html_boards, html_table

__all__ = [
    "board_frame",
    "board_svg",
    "html_boards",
    "html_table",
    "symmetric_limit",
    "to_rgb",
]
