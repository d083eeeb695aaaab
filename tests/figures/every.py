"""Every figure of made-up data; run as a script, it prints what their files hash to."""

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

# As a script this file sees its own folder alone, not the tests beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp.figures.boards import (
    board,
    empty_board_figure,
    mean_maps_figure,
    reference_figure,
)
from conceptlrp.figures.concept_graph import concept_graph_figure
from conceptlrp.figures.evaluation_figures import faithfulness_figure, sanity_figure
from conceptlrp.figures.label_matrix import label_matrix_figure
from conceptlrp.figures.points import channel_map_figure, embedding_figure
from conceptlrp.figures.style import figure_bytes
from conceptlrp.networks import demo_network
from conceptlrp.othello import Position
from tests.figures.conftest import (
    HOSTILE,
    MOVES,
    evaluated,
    label_scores,
    made_clustering,
    made_graph,
    reference_boards,
)


def channel_map(width: float) -> Figure:
    random = np.random.default_rng(4)
    places, values = random.normal(size=(20, 2)), random.random(size=20)
    return channel_map_figure(
        places, values, range(20), name=HOSTILE, title=HOSTILE, width=width
    )


def mean_maps_of_channels(width: float) -> Figure:
    maps = np.abs(np.random.default_rng(5).normal(size=(5, 8, 8)))
    maps[2] = 0
    names = ["0", "1", "2", "3", HOSTILE]
    return mean_maps_figure(maps, -maps, names=names, title=HOSTILE, width=width)


EVERY: dict[str, Callable[[float], Figure]] = {
    "board": lambda width: board(
        Position.from_transcript(MOVES),
        np.random.default_rng(0).normal(size=(8, 8)),
        mark="e3",
        title=HOSTILE,
        width=width,
    ),
    "references": lambda width: reference_figure(reference_boards(5), width=width),
    "means": mean_maps_of_channels,
    "faithfulness": lambda width: faithfulness_figure(evaluated(), width=width),
    "sanity": lambda width: sanity_figure(evaluated(), width=width),
    "labels": lambda width: label_matrix_figure(
        label_scores(), title=HOSTILE, width=width
    ),
    "embedding": lambda width: embedding_figure(
        made_clustering(layer=HOSTILE), width=width
    ),
    "channels": channel_map,
    "graph": lambda width: concept_graph_figure(
        made_graph(), names={("conv2", 0): HOSTILE}, width=width
    ),
    "empty-board": lambda width: empty_board_figure(
        demo_network(), ["epsilon-flat", "epsilon"], width=width
    ),
}


def digests(name: str) -> list[str]:
    """Return the SHA-256 of a figure in every format."""
    figure = EVERY[name](3.5)
    files = [figure_bytes(figure, suffix) for suffix in (".png", ".svg", ".pdf")]
    return [hashlib.sha256(content).hexdigest() for content in files]


if __name__ == "__main__":
    for each in EVERY:
        sys.stdout.write(f"{each} {' '.join(digests(each))}\n")
