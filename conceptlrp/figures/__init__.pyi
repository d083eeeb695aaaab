from .boards import (
    board as board,
)
from .evaluation_figures import (
    faithfulness as faithfulness,
    sanity as sanity,
)
from .store_figures import (
    channels as channels,
    embedding as embedding,
    empty_board as empty_board,
    graph as graph,
    labels as labels,
    means as means,
    references as references,
)
from .style import (
    ONE_COLUMN as ONE_COLUMN,
    TWO_COLUMNS as TWO_COLUMNS,
    save as save,
)

__all__ = [
    "ONE_COLUMN",
    "TWO_COLUMNS",
    "board",
    "channels",
    "embedding",
    "empty_board",
    "faithfulness",
    "graph",
    "labels",
    "means",
    "references",
    "sanity",
    "save",
]
