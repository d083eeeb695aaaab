"""What people read: pictures of boards, and the pages of a concept atlas."""

from conceptlrp.atlas.board_svg import board_svg
from conceptlrp.atlas.colors import symmetric_limit, to_rgb
from conceptlrp.atlas.pages import build_atlas
from conceptlrp.atlas.terminal import board_text, cluster_table, reference_table

__all__ = [
    "board_svg",
    "board_text",
    "build_atlas",
    "cluster_table",
    "reference_table",
    "symmetric_limit",
    "to_rgb",
]
