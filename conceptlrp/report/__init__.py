"""What is known of a channel or a position, gathered in one place."""

from conceptlrp.report.channel_matching import LayerMatch
from conceptlrp.report.comparison import MATCHED_BY, StoreComparison, compare_stores

__all__ = ["MATCHED_BY", "LayerMatch", "StoreComparison", "compare_stores"]
