"""A result of every kind for any store, made of numbers that are known."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from conceptlrp.ablation import Ablation, LayerEffects
from conceptlrp.clustering import Clustering, Stability
from conceptlrp.concept_graph import (
    Circuit,
    KeptCurve,
    KeptLayer,
    MeanConceptGraph,
    UnitEdges,
)
from conceptlrp.concept_graph.mean_graph import Flow
from conceptlrp.evaluation import (
    CompositeEvaluation,
    Gate,
    Recommendation,
    RulesTruth,
    TruthScore,
)
from conceptlrp.evaluation.result import Curve, Findings, HeatmapAgreement, Measurement
from conceptlrp.labelling import (
    ChannelLabels,
    EditedBoards,
    Interchange,
    LabelCriteria,
    LabelScores,
    LayerEdits,
    LayerInterchange,
    NamedLabel,
    ScoredLabels,
)
from conceptlrp.statistics.estimates import Estimate
from conceptlrp.store import Store


def origin(store: Store) -> dict[str, str]:
    manifest = store.manifest
    return {"network": manifest.network["digest"], "corpus": manifest.corpus["digest"]}


def clustering(store: Store, seed: int = 0) -> Clustering:
    random, n = np.random.default_rng(seed), len(store)
    channels = store.channels(store.layers[0])
    return Clustering(
        layer=store.layers[0],
        target=store.targets[0],
        feature="share",
        method="planted",
        seed=seed,
        rows=np.arange(n),
        labels=(np.arange(n) % 2).astype(np.int32),
        sizes=np.bincount(np.arange(n) % 2).astype(np.int64),
        centers=random.normal(size=(2, channels)).astype(np.float32),
        effects=random.normal(size=(2, channels)).astype(np.float32),
        distances=random.random(n).astype(np.float32),
        games=np.zeros(n, np.int32),
        embedding=None if seed else random.normal(size=(n, 2)).astype(np.float32),
        stability=None if seed else Stability(0.5, np.nan, np.array([0.8, 0.3])),
        **origin(store),
    )


def labels(store: Store, seed: int = 0) -> ScoredLabels:
    random = np.random.default_rng(seed)

    def numbers(*shape: int) -> dict[str, np.ndarray]:
        found = random.normal(size=shape).astype(np.float32).astype(np.float64)
        found.flat[0] = np.nan
        return {"activation": found, "map / share": found[..., ::-1]}

    def scores(channels: int) -> LabelScores:
        named = NamedLabel(
            "corner", "activation", 0.9, 0.8, 0.7, None, 0.1, 0.9, 0.01, np.nan, 0.2
        )
        return LabelScores(
            labels=("corner", "mobility", "edge"),
            **{name: numbers(channels, 3) for name in ("effect", "held_out", "p", "q")},
            random=numbers(3),
            channels=tuple(
                ChannelLabels(c, (named,) * (c == 0), 0, ("mobility",))
                for c in range(channels)
            ),
            criteria=LabelCriteria(seed=seed),
        )

    return ScoredLabels(
        target=store.targets[0],
        positions=3,
        maps=2,
        random_networks=1,
        seed=seed,
        layers={layer: scores(store.channels(layer)) for layer in store.layers},
        random_labelled=dict.fromkeys(store.layers, float("nan")),
        controls=("random",),
    )


def interchange(store: Store, seed: int = 0) -> Interchange:
    random = np.random.default_rng(seed)

    def numbers(*shape: int) -> np.ndarray:
        return random.uniform(-1, 1, shape).astype(np.float32).astype(np.float64)

    def layer(channels: int) -> LayerInterchange:
        names = ("r", "low", "high", "exchanged", "equal")
        pairs = {name: numbers(channels, 3) for name in names}
        pairs["r"][:, 1] = np.nan
        best = {"best_exchanged": numbers(4, channels), "best_random": numbers(2, 2)}
        return LayerInterchange(**pairs, random=numbers(3), **best)

    return Interchange(
        target=store.targets[0],
        labels=("corner", "mobility", "edge"),
        controls=("edge",),
        spread=np.array([40, 0, 12]),
        nested=np.eye(3, dtype=bool),
        recipients=50,
        pairs=100,
        games=80,
        random_networks=2,
        seed=seed,
        layers={name: layer(store.channels(name)) for name in store.layers},
        **origin(store),
    )


def edits(store: Store, seed: int = 0) -> EditedBoards:
    random = np.random.default_rng(seed)

    def numbers(*shape: int) -> np.ndarray:
        return random.uniform(0, 1, shape).astype(np.float32).astype(np.float64)

    def layer(channels: int) -> LayerEdits:
        tables = ("auroc", "low", "high", "natural")
        examples = ("change", "matched")
        return LayerEdits(
            **{name: {"activation": numbers(channels, 3)} for name in tables},
            random={"activation": numbers(3)},
            beyond=numbers(3),
            usual_beyond=0.05,
            random_own={"activation": 0.75},
            random_responding=float("nan"),
            **{name: {"activation": numbers(channels, 3, 2)} for name in examples},
        )

    words = random.integers(1, 1 << 60, (3, 3, 2, 2)).astype(np.uint64)
    return EditedBoards(
        target=store.targets[0],
        labels=("corner", "mobility", "edge"),
        games=np.array([40, 0, 12]),
        pairs=np.array([30, 20, 10]),
        step=numbers(3),
        others=numbers(3),
        same_place=numbers(3),
        distance=numbers(3),
        ply_kept=np.array([True, False, True]),
        boards=50,
        edited=104,
        before=words[0],
        after=words[1],
        unswitched=words[2],
        moves=np.full((3, 2, 2), -1, np.int8),
        random_networks=2,
        seed=seed,
        size=store.manifest.board_size,
        layers={name: layer(store.channels(name)) for name in store.layers},
        **origin(store),
    )


def ablation(store: Store, seed: int = 0) -> Ablation:
    random, side = np.random.default_rng(seed), store.manifest.board_size

    def effects(channels: int) -> LayerEffects:
        arrays = {f.name: random.normal(size=channels) for f in fields(LayerEffects)}
        arrays["games"] = 3
        arrays["policy"] = random.normal(size=(channels, side, side))
        arrays["policy"][:, 3, 3] = np.nan
        return LayerEffects(**arrays)

    return Ablation(
        target=store.targets[0],
        ablation="mean",
        positions=3,
        seed=seed,
        layers={layer: effects(store.channels(layer)) for layer in store.layers},
        **origin(store),
    )


def graph(store: Store, seed: int = 0) -> MeanConceptGraph:
    random, targets = np.random.default_rng(seed), len(store.targets)
    # A layer between those of the store may join them.
    sizes = {"stem/0": 3, **{layer: store.channels(layer) for layer in store.layers}}

    def flow(*shape: int) -> Flow:
        signed = random.normal(size=(targets, *shape)).astype(np.float32)
        return Flow(signed.astype(np.float64), np.abs(signed).astype(np.float64))

    upper = store.layers[-1]
    return MeanConceptGraph(
        targets=store.targets,
        layers=tuple(sizes),
        nodes={layer: flow(size) for layer, size in sizes.items()},
        edges={(upper, "stem/0"): flow(sizes[upper], 3)},
        positions=3 + seed,
    )


def circuit(store: Store, seed: int = 0) -> Circuit:
    random, layer = np.random.default_rng(seed), store.layers[0]
    channels = store.channels(layer)
    numbers = [
        f"{name}{end}"
        for name in ("kept", "distance", "lost")
        for end in ("", "_low", "_high")
    ]
    curve = {name: random.normal(size=3) for name in numbers}
    area = Estimate(0.8, 0.7, 0.9, 4, 2)
    kept = random.integers(2, size=(channels, 8, 8)).astype(np.float32)
    units = random.integers(64, size=(2, 5))
    return Circuit(
        target=store.targets[0],
        name="move=d3; each",
        rows=np.arange(4),
        held_out=0,
        part=0.85,
        each=True,
        method="pruned",
        size=2,
        units=3,
        sizes=np.array([0, 2, 3]),
        curves={"circuit": KeptCurve(**curve, cpr=area, cmd=area)},
        layers={layer: KeptLayer(kept, kept * np.float32(0.5))},
        edges={("conv2", layer): UnitEdges(*units, *random.normal(size=(2, 5)))},
        baseline="the mean of 4 positions",
        games=2,
        seed=seed,
        **origin(store),
    )


def evaluation(store: Store, seed: int = 0) -> CompositeEvaluation:
    name = ("epsilon", "square_gain", "best", "empty")
    steps = ({"gone": 1, "fall_mean": 0.5, "moves_changed": float("nan")},)
    return CompositeEvaluation(
        **origin(store),
        positions=3,
        games=3,
        seed=seed,
        composites=("epsilon",),
        findings=Findings(
            (Measurement(*name, Estimate(0.5, float("nan"), 0.75, 3, 3)),),
            (Curve(*name, steps),),
        ),
        gates={"epsilon": (Gate("moves differ", "failed", "cosine 0.9", "draws one"),)},
        recommendation=Recommendation("epsilon", ("epsilon",), "it is alone"),
        details={"epsilon": {"conservation": {"arrived": 0.5, "layers": {}}}},
        agreement=(HeatmapAgreement("epsilon", "gamma", 0.5, float("nan")),),
    )


def truth(store: Store, seed: int = 0) -> RulesTruth:
    number = Estimate(0.5 + seed, float("nan"), float("nan"), 40, 9)
    scores = tuple(
        TruthScore("network", layer, "units", 64, "all", number, number)
        for layer in store.layers
    )
    return RulesTruth(40, 9, 41, {"all": 12}, scores, seed, **origin(store))


#: Makes a result of each kind; another seed gives another one of the same.
SAMPLES: dict[str, Callable[..., Any]] = {
    "clustering": clustering,
    "labels": labels,
    "interchange": interchange,
    "edits": edits,
    "ablation": ablation,
    "graph": graph,
    "circuit": circuit,
    "evaluation": evaluation,
    "rules-truth": truth,
}


def assert_same(found: Any, expected: Any) -> None:
    """Assert that two results are of equal types and numbers, nan included."""
    assert type(found) is type(expected)
    if is_dataclass(expected):
        for each in fields(expected):
            assert_same(getattr(found, each.name), getattr(expected, each.name))
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for key, value in expected.items():
            assert_same(found[key], value)
    elif isinstance(expected, tuple | list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    else:
        assert found == expected or (found != found and expected != expected)
