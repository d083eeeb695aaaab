"""Small results to draw, with names that no program should stumble over."""

from typing import Any

import numpy as np
import pytest

from conceptlrp.clustering import Clustering
from conceptlrp.concept_graph import MeanConceptGraph
from conceptlrp.concept_graph.mean_graph import Flow
from conceptlrp.evaluation import CompositeEvaluation
from conceptlrp.labelling import ChannelLabels, LabelCriteria, LabelScores, NamedLabel
from conceptlrp.othello import Position
from conceptlrp.reference import ReferenceBoards
from conceptlrp.reference.boards import ReferenceBoard
from tests.planted_evaluation import planted_evaluation

HOSTILE = "<script>&\"' $\\frac{$ \x00 " + "x" * 300
MOVES = "f5d6c3d3c4f4f6f3e6e7d7c5f7"
COMPOSITES = ("epsilon", "epsilon-flat")
LAYERS = ("conv1", "conv2")
CASCADE = ("fc", "conv2", "conv1")


@pytest.fixture
def midgame() -> Position:
    return Position.from_transcript(MOVES)


@pytest.fixture
def heatmap() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(8, 8))


def reference_boards(k: int = 3, *, heatmaps: bool = True) -> ReferenceBoards:
    boards = []
    for number in range(k):
        transcript = MOVES[: 2 * (4 + number)]
        board = ReferenceBoard(
            row=number,
            score=0.5 - 0.1 * number,
            position=Position.from_transcript(transcript),
            game=number,
            description=f"{HOSTILE} - Shaman, 1995, move {5 + number}",
            black=HOSTILE,
            white="Shaman",
            year=1995,
            ply=4 + number,
            transcript=transcript,
            played=MOVES[2 * (4 + number) : 2 * (5 + number)],
            policy={"d3": 1.0},
            value=0.5,
        )
        boards.append(board)
    maps = np.random.default_rng(1).normal(size=(k, 8, 8)).astype(np.float32)
    found = maps if heatmaps else None
    return ReferenceBoards(
        "conv<3>", 17, "share", "top", "played", tuple(boards), found
    )


@pytest.fixture
def references() -> ReferenceBoards:
    return reference_boards()


def curve(method: str, metric: str, target: str, part: str, rate: float) -> Any:
    steps = [
        {
            "gone": gone,
            "fall_mean": rate * gone,
            "fall_low": rate * gone - 0.5,
            "fall_high": rate * gone + 0.5,
            "moves_changed": 0.1,
        }
        for gone in (1, 2, 3, 4)
    ]
    names = {"method": method, "metric": metric, "target": target, "part": part}
    return {**names, "steps": steps}


def measurement(method: str, metric: str, part: str, mean: float | None) -> Any:
    ends = {"mean": mean, "low": None, "high": None, "n": 0}
    if mean is not None:
        ends = {"mean": mean, "low": mean - 0.05, "high": mean + 0.05, "n": 4}
    names = {"method": method, "metric": metric, "target": "best", "part": part}
    return {**names, **ends}


def evaluated() -> CompositeEvaluation:
    """Relevance that is clearly above chance for discs, and never for channels."""
    rates = {"epsilon": 2.0, "epsilon-flat": 1.5, "occlusion": 3.0, "random": 0.2}
    curves = [
        curve(method, "square_gain", target, part, rate)
        for target in ("best", "value")
        for part in ("empty", "flip", "swap")
        for method, rate in rates.items()
    ]
    orders = dict.fromkeys((*COMPOSITES, "activation", "random"), 1.0)
    curves += [
        curve(method, "channel_gain", target, f"{layer} {ablation}", rate)
        for target in ("best", "value")
        for layer in LAYERS
        for ablation in ("zero", "mean", "resample")
        for method, rate in {**orders, "gradient x activation": 1.0}.items()
    ]
    found = []
    for name in COMPOSITES:
        found.append(measurement(name, "random_logit_cosine", "", 0.3))
        found += [measurement(name, "channel_cosine", x, 0.4) for x in LAYERS]
        empty = 0.0 if name == "epsilon" else None
        found.append(measurement(name, "empty_square_share", "", empty))
    found += [
        measurement(name, "channel_agreement", f"{layer} mean", mean)
        | {"baseline": baseline}
        for layer in LAYERS
        for name, baseline, mean in (
            ("epsilon-flat", "zero", 0.5),
            ("epsilon-flat", "mean", 0.9),
            ("activation", "zero", 0.3),
            ("activation", "mean", 0.2),
            ("random", "zero", 0.0),
        )
    ]
    excess = [{"mean": 0.7 - 0.3 * i, "low": 0, "high": 1, "n": 4} for i in range(3)]
    cascades = [
        {"cascade": order, "layers": list(CASCADE), "rho": excess, "excess": excess}
        for order in ("top-down", "bottom-up")
    ]
    states = ["passed", "passed", "passed", "failed", "undecided"]
    gates = [{"name": f"gate {n}", "state": s} for n, s in enumerate(states)]
    record = {
        "composites": list(COMPOSITES),
        "recommendation": {"composite": "epsilon-flat"},
        "gates": dict.fromkeys(COMPOSITES, gates),
        "measurements": found,
        "curves": curves,
        "details": {name: {"cascades": cascades} for name in COMPOSITES},
    }
    return planted_evaluation(record)


@pytest.fixture
def evaluation() -> CompositeEvaluation:
    return evaluated()


def named(label: str, effect: float) -> NamedLabel:
    return NamedLabel(
        label=label,
        measure="relevance",
        effect=effect,
        held_out=effect,
        correlation=effect,
        auroc=None,
        low=effect - 0.1,
        high=effect + 0.1,
        p=0.001,
        q=0.01,
        random=0.1,
    )


def label_scores() -> LabelScores:
    """Six channels: 4 is named, 2 has a label but no name, the last was not tested."""
    labels = ("opening", "own corners", HOSTILE)
    effect = np.array(
        [[0.1, 0.2], [0.0, -0.3], [0.6, 0.7], [0.2, 0.1], [0.9, 0.1], [0.3, 0.3]]
    )
    effect = np.hstack([np.full((6, 1), np.nan), effect])
    none = dict.fromkeys(range(6), ())
    given = none | {2: (named(HOSTILE, 0.7),), 4: (named("own corners", 0.9),)}
    channels = tuple(ChannelLabels(c, given[c], int(c == 4)) for c in range(6))
    tables = {"relevance": effect, "activation": -0.5 * effect}
    return LabelScores(
        labels=labels,
        effect=tables,
        held_out=tables,
        p=tables,
        q=tables,
        random={name: np.zeros(3) for name in tables},
        channels=channels,
        criteria=LabelCriteria(),
    )


@pytest.fixture
def scores() -> LabelScores:
    return label_scores()


def made_clustering(*, embedding: bool = True, layer: str = "conv3") -> Clustering:
    """Two clusters of 20 and 10 positions, and 5 that are noise."""
    labels = np.repeat([0, 1, -1], [20, 10, 5]).astype(np.int32)
    random = np.random.default_rng(2)
    middle = np.array([[0.0, 0.0], [4.0, 4.0], [2.0, 2.0]])[labels]
    places = (middle + random.normal(size=(35, 2))).astype(np.float32)
    return Clustering(
        layer=layer,
        target="played",
        feature="share",
        method="HDBSCAN(min_cluster_size=5)",
        seed=0,
        rows=np.arange(35),
        labels=labels,
        sizes=np.array([20, 10]),
        centers=np.zeros((2, 4), np.float32),
        effects=random.normal(size=(2, 4)).astype(np.float32),
        distances=np.zeros(35, np.float32),
        games=np.arange(35, dtype=np.int32),
        embedding=places if embedding else None,
        network="5f1c",
        corpus="9ab0",
    )


@pytest.fixture
def clustering() -> Clustering:
    return made_clustering()


def made_graph() -> MeanConceptGraph:
    """A target over two layers of three channels; channel 2 of conv2 sends nothing."""
    top = np.array([[0.6, -0.3, 0.0]])
    edges = np.array([[[0.5, -0.1, 0.0], [0.0, -0.2, 0.1], [0.0, 0.0, 0.0]]])
    nodes = edges.sum(axis=1)
    return MeanConceptGraph(
        targets=("played",),
        layers=("conv1", "conv2"),
        nodes={"conv2": Flow(top, abs(top)), "conv1": Flow(nodes, abs(nodes))},
        edges={("conv2", "conv1"): Flow(edges, abs(edges))},
        positions=10,
    )


@pytest.fixture
def graph() -> MeanConceptGraph:
    return made_graph()
