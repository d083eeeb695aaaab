from .boards import (
    board_figure as board_figure,
)
from .channel_map import (
    channel_map_figure as channel_map_figure,
)
from .concept_graph import (
    concept_graph_figure as concept_graph_figure,
)
from .embeddings import (
    embedding_figure as embedding_figure,
)
from .empty_board import (
    empty_board_figure as empty_board_figure,
)
from .faithfulness import (
    faithfulness_figure as faithfulness_figure,
)
from .label_matrix import (
    label_matrix_figure as label_matrix_figure,
)
from .references import (
    mean_maps_figure as mean_maps_figure,
    reference_figure as reference_figure,
)
from .sanity import (
    sanity_figure as sanity_figure,
)
from .saving import (
    save_figure as save_figure,
)
from .style import (
    ONE_COLUMN as ONE_COLUMN,
    TWO_COLUMNS as TWO_COLUMNS,
)

__all__ = [
    "ONE_COLUMN",
    "TWO_COLUMNS",
    "board_figure",
    "channel_map_figure",
    "concept_graph_figure",
    "embedding_figure",
    "empty_board_figure",
    "faithfulness_figure",
    "label_matrix_figure",
    "mean_maps_figure",
    "reference_figure",
    "sanity_figure",
    "save_figure",
]
