"""What people read: pictures of boards, and the pages of a concept atlas."""

from conceptlrp.atlas.pages import build_atlas, build_single_file
from conceptlrp.atlas.terminal import board_text, cluster_table, reference_table

__all__ = [
    "board_text",
    "build_atlas",
    "build_single_file",
    "cluster_table",
    "reference_table",
]
