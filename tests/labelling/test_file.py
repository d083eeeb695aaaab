"""Damaged and foreign files of label scores are refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conceptlrp.errors import StoreError
from conceptlrp.labelling import (
    CausalCheck,
    ChannelCause,
    ChannelLabels,
    LabelCriteria,
    LabelScores,
    NamedLabel,
    ScoredLabels,
    load_label_scores,
    save_label_scores,
)
from conceptlrp.store import Store, open_store
from conceptlrp.store.derived import save_derived
from conceptlrp.store.finish import finish_run
from conceptlrp.store.writer import create_run
from tests.store.conftest import fill, planted_arrays, planted_corpus, planted_plan

LABELS = ("mobility", "own corners", "black to move")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    corpus = planted_corpus()
    path = tmp_path / "run.crp"
    create_run(path, planted_plan(corpus), corpus)
    fill(path, planted_arrays(corpus))
    finish_run(path)
    return open_store(path)


def scores(channels: int) -> LabelScores:
    """Return scores of channels, of which the first has a label."""
    random = np.random.default_rng(channels)
    pairs = {
        field: {"activation": random.random((channels, len(LABELS)))}
        for field in ("effect", "held_out", "p", "q")
    }
    pairs["p"]["activation"][0, 2] = np.nan
    found = NamedLabel(
        "mobility", "activation", 0.8, 0.7, 0.75, None, 0.6, 0.8, 1e-9, 1e-8, 0.2
    )
    return LabelScores(
        labels=LABELS,
        **pairs,
        random={"activation": random.random(len(LABELS))},
        channels=(
            ChannelLabels(0, "unnamed", (found,), ("own corners",)),
            *(ChannelLabels(c, "unnamed", (), ()) for c in range(1, channels)),
        ),
        criteria=LabelCriteria(seed=4),
    )


def scored(store: Store) -> ScoredLabels:
    cause = ChannelCause("mobility", CausalCheck(1.0, 0.0, np.inf, 2.0, np.inf, True))
    return ScoredLabels(
        target=store.targets[0],
        positions=10,
        maps=2,
        random_networks=1,
        seed=4,
        layers={layer: scores(store.channels(layer)) for layer in store.layers},
        causes={layer: {0: cause} for layer in store.layers},
        random_labelled=dict.fromkeys(store.layers, float("nan")),
        controls=("black to move",),
    )


def test_infinite_ratios_and_unknown_parts_survive(store: Store) -> None:
    save_label_scores(scored(store), store)

    found = load_label_scores(store)

    assert found is not None
    layer = store.layers[0]
    assert found.cause(layer, 0) == scored(store).cause(layer, 0)
    assert found.channel(layer, 0) == scored(store).channel(layer, 0)
    assert np.isnan(found.random_labelled[layer])
    assert found.to_dict()["layers"][layer]["random_labelled"] is None
    assert found.frame()["causal_ratio"].tolist() == [np.inf] * len(store.layers)


def test_a_damaged_file_is_refused(store: Store) -> None:
    path = save_label_scores(scored(store), store)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(StoreError, match="is missing or damaged; make it again"):
        load_label_scores(store)


def test_scores_of_another_shape_are_refused(store: Store) -> None:
    found = scored(store)
    layer = store.layers[0]
    short = replace(found.layers[layer], p={"activation": np.ones((1, 3))})

    path = save_label_scores(
        replace(found, layers={**found.layers, layer: short}), store
    )

    with pytest.raises(StoreError, match=r"'p-0' is float32 of shape \(1, 3\)"):
        load_label_scores(store)
    assert path.exists()


def test_scores_of_another_layer_are_not_saved(store: Store) -> None:
    found = replace(scored(store), layers={"conv9": scores(2)})

    with pytest.raises(StoreError, match="2 channels of layer 'conv9'"):
        save_label_scores(found, store)


def test_scores_of_another_target_are_refused(store: Store) -> None:
    save_label_scores(replace(scored(store), target="d3"), store)
    other = store.path / "label-scores-d3.h5"
    content = other.read_bytes()
    name = f"label-scores-{store.targets[0]}.h5"
    save_derived(store.path, name, content)

    with pytest.raises(StoreError, match="has labels for target 'd3', expected"):
        load_label_scores(store)


def test_scores_of_another_network_are_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_label_scores(scored(store), store)
    plan = replace(store.manifest.plan, network={"digest": "another"})
    monkeypatch.setattr(store, "manifest", replace(store.manifest, plan=plan))

    with pytest.raises(StoreError, match="the store has another; run 'conceptlrp"):
        load_label_scores(store)
