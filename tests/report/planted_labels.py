"""Scores of labels of which each but two lacks something to be a channel's."""

from collections.abc import Mapping

import numpy as np

from conceptlrp.labelling import (
    CausalCheck,
    ChannelCause,
    ChannelLabels,
    LabelCriteria,
    LabelScores,
    NamedLabel,
    ScoredLabels,
)
from tests.atlas.conftest import LAYERS

LABELS = ("weak", "random too", "chance", "gone", "wide", "untested", "twin", "best")
EFFECT = [0.4, 0.6, 0.55, 0.8, 0.7, np.nan, 0.95, 0.9]
HELD_OUT = [0.4, 0.6, 0.55, 0.1, 0.65, np.nan, 0.95, 0.88]
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
        channels=(ChannelLabels(0, name, labels, rivals),),
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

        unnamed = [ChannelLabels(c, "unnamed", (), ()) for c in range(channels)]
        unnamed[0] = one.channels[0]
        unnamed[1] = ChannelLabels(1, "unnamed", (held("twin"),), ("mobility",))
        layers[layer] = LabelScores(
            labels=(*LABELS[:-1], best),
            **{n: repeated(getattr(one, n)) for n in ("effect", "held_out", "p", "q")},
            random=one.random,
            channels=tuple(unnamed),
            criteria=LabelCriteria(),
        )
    check = CausalCheck(0.4, 0.1, 4.0, 3.0, 5.0, passed=True)
    return ScoredLabels(
        target="played",
        positions=480,
        maps=100,
        random_networks=3,
        seed=0,
        layers=layers,
        causes={layer: {0: ChannelCause(best, check)} for layer in layers},
        random_labelled=dict(zip(sizes, (0.125, np.nan), strict=True)),
        controls=("twin",),
    )
