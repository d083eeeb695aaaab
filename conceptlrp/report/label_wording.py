"""Words that depend on the kind of a label and on what of a channel shows it."""

from conceptlrp.labelling import NamedLabel
from conceptlrp.labelling.channel_labels import FEATURE_MAP

__all__ = ["mapped_quantity", "when"]


def when(label: NamedLabel) -> str:
    """Say when a label counts: numbers are high, above the median of their phase.

    Returns "holds", or "is high" for a number.
    """
    return "is high" if label.auroc is None else "holds"


def mapped_quantity(label: NamedLabel) -> str:
    """Say what lies on the squares of a label that was scored by maps.

    Returns "activation" for feature maps, else "relevance".
    """
    return "activation" if label.measure == FEATURE_MAP else "relevance"
