from .build import (
    build_atlas as build_atlas,
    build_single_file as build_single_file,
)
from .terminal import (
    board_text as board_text,
)

__all__ = [
    "board_text",
    "build_atlas",
    "build_single_file",
]
