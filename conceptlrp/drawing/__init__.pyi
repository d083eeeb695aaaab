from .board import (
    board_svg as board_svg,
)

__all__ = [
    "board_svg",
]
