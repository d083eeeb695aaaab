"""Scores of labels of which each but two lacks something to be a channel's."""

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from conceptlrp.labelling import (
    ChannelCause,
    ChannelLabels,
    Evidence,
    Interchange,
    LabelCriteria,
    LabelScores,
    LayerInterchange,
    NamedLabel,
    ScoredLabels,
    channel_evidence,
)
from conceptlrp.store import Store
from tests.atlas.conftest import LAYERS

LABELS = ("weak", "random too", "chance", "gone", "wide", "untested", "twin", "best")
EFFECT = [0.4, 0.6, 0.55, 0.8, 0.7, np.nan, 0.95, 0.9]
HELD_OUT = [0.2, 0.6, 0.55, 0.1, 0.65, np.nan, 0.95, 0.88]
Q = [0.01, 0.01, 0.2, 0.01, 0.01, np.nan, 0.01, 0.01]
RANDOM = [0.0, 0.55, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]


def held(label: str, effect: float = 0.9) -> NamedLabel:
    return NamedLabel(
        label=label,
        measure="activation",
        effect=effect,
        held_out=effect,
        correlation=effect,
        auroc=(effect + 1) / 2,
        low=effect - 0.1,
        high=effect + 0.1,
        p=0.005,
        q=0.01,
        random=0.1,
    )


def cause(label: str, r: float = 0.75, *, passed: bool | None = True) -> ChannelCause:
    return ChannelCause(label, r, r - 0.125, r + 0.125, 0.125, 0.25, 0.5, 40, passed)


def interchanged(found: ChannelCause) -> SimpleNamespace:
    """Return an interchange that knows one label of one channel."""
    return SimpleNamespace(
        layers={"conv1"},
        labels=(found.label,),
        target="value",
        leading=lambda *_: [found] if found.passed else [],
        cause=lambda *_: found,
        best=lambda *_: found,
    )


def evidence_of(
    *labels: NamedLabel,
    found: ChannelCause | None = None,
    named: int = 1,
    rivals: tuple[str, ...] = (),
) -> Evidence:
    """Return the evidence of a channel with these labels, and this cause of one."""
    layer = replace(scored(), channels=(ChannelLabels(0, labels, named, rivals),))
    of = ScoredLabels("value", 9, 9, 1, 0, {"conv1": layer}, {"conv1": 0.0}, ())
    result = None if found is None else interchanged(found)
    return channel_evidence("conv1", 0, labels=of, interchange=result)


def scored(*labels: NamedLabel, name: str = "unnamed", sign: int = 1) -> LabelScores:
    def table(values):
        return {"activation": np.array([values], float)}

    rivals = ("mobility",) if labels and name == "unnamed" else ()
    return LabelScores(
        labels=LABELS,
        effect=table([sign * value for value in EFFECT]),
        held_out=table([sign * value for value in HELD_OUT]),
        p=table(Q),
        q=table(Q),
        random={"activation": np.array(RANDOM)},
        channels=(ChannelLabels(0, labels, int(name != "unnamed"), rivals),),
        criteria=LabelCriteria(),
    )


def planted_labels(
    sizes: Mapping[str, int] = LAYERS, best: str = "best"
) -> ScoredLabels:
    """Name channel 0 of every layer; a control fits channel 1."""
    layers = {}
    for layer, channels in sizes.items():
        one = scored(held(best), name=best)

        def repeated(tables, channels=channels):
            return {name: np.repeat(t, channels, axis=0) for name, t in tables.items()}

        unnamed = [ChannelLabels(c) for c in range(channels)]
        unnamed[0] = one.channels[0]
        unnamed[1] = ChannelLabels(1, (held("twin"),), rivals=("mobility",))
        layers[layer] = LabelScores(
            labels=(*LABELS[:-1], best),
            **{n: repeated(getattr(one, n)) for n in ("effect", "held_out", "p", "q")},
            random=one.random,
            channels=tuple(unnamed),
            criteria=LabelCriteria(),
        )
    return ScoredLabels(
        target="played",
        positions=480,
        maps=100,
        random_networks=3,
        seed=0,
        layers=layers,
        random_labelled=dict(zip(sizes, (0.125, np.nan), strict=True)),
        exchanged_labelled=dict.fromkeys(sizes, 0.0),
        controls=("twin",),
    )


def planted_interchange(
    store: Store,
    sizes: Mapping[str, int] = LAYERS,
    best: str = "best",
) -> Interchange:
    """Channel 0 of every layer carries its label, channel 1 fails, others "weak"."""
    labels = (*LABELS[:-1], best)

    def layer(channels: int) -> LayerInterchange:
        r = np.zeros((channels, len(labels)))
        r[0, -1], r[1, labels.index("twin")], r[2:, 0] = 0.75, 0.0625, -0.5
        return LayerInterchange(
            r=r,
            low=r - 0.125,
            high=r + 0.125,
            exchanged=np.full(r.shape, 0.125),
            random=np.full(len(labels), 0.25),
            equal=np.full(r.shape, 0.5),
            best_exchanged=np.full((10, channels), 0.125),
            best_random=np.full((2, min(channels, 16)), 0.25),
        )

    return Interchange(
        target="played",
        labels=labels,
        controls=("twin",),
        spread=np.full(len(labels), 40),
        nested=np.eye(len(labels), dtype=bool),
        recipients=50,
        pairs=100,
        games=80,
        random_networks=2,
        seed=0,
        layers={name: layer(c) for name, c in sizes.items()},
        network=store.manifest.network["digest"],
        corpus=store.manifest.corpus["digest"],
    )
