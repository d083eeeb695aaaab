"""Effects of ablation and evaluations in the folder of a store."""

import json
import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import conceptlrp as cl
from conceptlrp.ablation import Ablation, LayerEffects, load_effects, save_effects
from conceptlrp.errors import OutputExistsError, StoreError
from conceptlrp.evaluation import (
    CompositeEvaluation,
    evaluate_composites,
    load_evaluation,
    save_evaluation,
)
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.store import Store, check_store, repack_store
from conceptlrp.store.derived import save_derived
from conceptlrp.store.finish import finish_run


@pytest.fixture(scope="module")
def whole(
    network: OthelloNet, games: Corpus, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("file") / "run.crp"
    corpus = games.sample(20, seed=4)
    cl.attribute_corpus(
        network, corpus, path, targets=["best", "value"], layers=["conv1", "conv4"]
    )
    return path


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Store:
    shutil.copytree(whole, tmp_path / "run.crp")
    return cl.open_store(tmp_path / "run.crp")


def effects_of(store: Store, target: str = "best", **changes: Any) -> Ablation:
    """Random numbers in the shape of effects on a store's target."""
    random = np.random.default_rng(0)

    def layer() -> LayerEffects:
        shapes = {
            f.name: (4, 8, 8) if f.name == "policy" else (4,)
            for f in fields(LayerEffects)
        }
        arrays = {name: random.normal(size=shape) for name, shape in shapes.items()}
        arrays["policy"][:, 3, 3] = np.nan
        return LayerEffects(**arrays)

    known: dict[str, Any] = {
        "target": target,
        "ablation": "zero",
        "positions": 17,
        "seed": 3,
        "layers": {name: layer() for name in store.layers},
        "network": store.manifest.network["digest"],
        "corpus": store.positions.digest,
    }
    return Ablation(**{**known, **changes})


def assert_equal(found: Ablation | None, expected: Ablation) -> None:
    assert found is not None
    for name in ("target", "ablation", "positions", "seed", "network", "corpus"):
        assert getattr(found, name) == getattr(expected, name)
    assert list(found.layers) == list(expected.layers)
    for layer, effects in expected.layers.items():
        for field in fields(LayerEffects):
            np.testing.assert_array_equal(
                getattr(found.layers[layer], field.name), getattr(effects, field.name)
            )


def test_loaded_effects_equal_the_saved_ones(store: Store) -> None:
    best, value = effects_of(store), effects_of(store, "value")

    paths = [save_effects(best, store), save_effects(value, store)]

    assert [path.name for path in paths] == ["effects-best.h5", "effects-value.h5"]
    assert_equal(load_effects(store), best)
    assert_equal(load_effects(store, target="value"), value)
    assert check_store(store.path).is_good


def test_nothing_saved_reads_as_none(store: Store) -> None:
    save_effects(effects_of(store), store)

    assert load_effects(store, target="value") is None
    assert load_evaluation(store) is None


def test_effects_are_replaced_only_when_asked(store: Store) -> None:
    path = save_effects(effects_of(store), store)
    before = path.read_bytes()

    with pytest.raises(OutputExistsError, match="exists already"):
        save_effects(effects_of(store, seed=9), store)
    assert path.read_bytes() == before
    save_effects(effects_of(store), store, overwrite=True)
    assert path.read_bytes() == before
    save_effects(effects_of(store, seed=9), store, overwrite=True)

    found = load_effects(store)
    assert found is not None
    assert found.seed == 9


def test_effects_stay_when_a_store_is_finished_again_or_repacked(
    store: Store, tmp_path: Path
) -> None:
    expected = effects_of(store)
    save_effects(expected, store)

    finish_run(store.path)
    repack_store(store.path, tmp_path / "packed.crp")

    assert_equal(load_effects(store), expected)
    packed = cl.open_store(tmp_path / "packed.crp")
    assert_equal(load_effects(packed), expected)
    assert check_store(packed.path).is_good


def test_effects_go_when_positions_are_appended(
    network: OthelloNet, games: Corpus, tmp_path: Path
) -> None:
    path, options = tmp_path / "run.crp", {"targets": ["best"], "layers": ["conv4"]}
    store = cl.attribute_corpus(network, games[:5], path, **options)
    saved = save_effects(effects_of(store), store)

    grown = cl.attribute_corpus(
        network, games[:8], path, run=cl.RunOptions(mode="append"), **options
    )

    assert not saved.exists()
    assert load_effects(grown) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": "ab" * 32}, "made from network abababab, the store has"),
        ({"corpus": "ab" * 32}, "made from corpus abababab, the store has"),
    ],
)
def test_effects_of_another_store_are_refused(
    store: Store, changes: dict[str, str], message: str
) -> None:
    with pytest.raises(StoreError, match=message):
        save_effects(effects_of(store, **changes), store)

    assert not list(store.path.glob("effects-*"))


def test_effects_of_another_target_are_refused(store: Store) -> None:
    content = save_effects(effects_of(store), store).read_bytes()
    save_derived(store.path, "effects-value.h5", content)

    with pytest.raises(StoreError, match="effects on target 'best', expected 'value'"):
        load_effects(store, target="value")


def test_a_changed_file_is_refused(store: Store) -> None:
    path = save_effects(effects_of(store), store)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(StoreError, match=r"effects-best.h5: is missing or damaged"):
        load_effects(store)


def test_a_file_that_the_store_does_not_list_is_refused(store: Store) -> None:
    other = effects_of(store)
    path = save_effects(other, store)
    path.rename(store.path / "effects-value.h5")

    with pytest.raises(StoreError, match="is not listed in the manifest"):
        load_effects(store, target="value")


def wrong_length(file: h5py.File) -> None:
    del file["0/size"]
    file["0/size"] = np.zeros(3)


def missing_array(file: h5py.File) -> None:
    del file["1/policy"]


def unknown_layer(file: h5py.File) -> None:
    file["0"].attrs.create("layer", "conv9", dtype="S5")


def no_number(file: h5py.File) -> None:
    file.attrs.create("positions", "many", dtype="S4")


def other_kind(file: h5py.File) -> None:
    file.attrs.create("encoding-type", "anndata", dtype="S7")


def linked(file: h5py.File) -> None:
    del file["0/size"]
    file["0/size"] = h5py.ExternalLink("/etc/passwd", "/size")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (wrong_length, r"'size' is float64 of shape \(3,\), expected float64 of shape"),
        (missing_array, "is damaged"),
        (unknown_layer, "no layer 'conv9'"),
        (no_number, "is damaged"),
        (other_kind, "is anndata of version 1, expected conceptlrp-effects"),
        (linked, "/0/size is missing"),
    ],
)
def test_a_listed_file_of_wrong_content_is_refused(
    store: Store, tmp_path: Path, spoil: Any, message: str
) -> None:
    path = save_effects(effects_of(store), store)
    spoiled = tmp_path / "spoiled.h5"
    shutil.copy(path, spoiled)
    with h5py.File(spoiled, "r+") as file:
        spoil(file)
    save_derived(store.path, path.name, spoiled.read_bytes(), overwrite=True)

    with pytest.raises(StoreError, match=message) as error:
        load_effects(store)

    assert str(path) in str(error.value)


@pytest.fixture(scope="module")
def judged(network: OthelloNet, whole: Path) -> CompositeEvaluation:
    return evaluate_composites(
        network,
        cl.open_store(whole).positions,
        composites=["epsilon"],
        n_positions=4,
        n_cascade=1,
        layers=["conv4"],
    )


def test_a_loaded_evaluation_is_its_dict(
    store: Store, judged: CompositeEvaluation
) -> None:
    path = save_evaluation(judged, store)

    found = load_evaluation(store)

    assert found == json.loads(json.dumps(judged.to_dict()))
    assert path.name == "evaluation.json"
    assert check_store(store.path).is_good
    with pytest.raises(OutputExistsError, match="exists already"):
        save_evaluation(judged, store)
    save_evaluation(judged, store, overwrite=True)


def test_an_evaluation_of_another_network_is_refused(
    store: Store, judged: CompositeEvaluation
) -> None:
    with pytest.raises(StoreError, match="made from network abab, the store has"):
        save_evaluation(replace(judged, network="abab"), store)

    assert not (store.path / "evaluation.json").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is damaged or no JSON"),
        (b"[" * 100_000, "is damaged or no JSON"),
        (b"[]", "holds no object"),
        (b"{}", "holds something of version unknown, expected conceptlrp-evaluation"),
        (
            b'{"encoding-type": "conceptlrp-evaluation", "encoding-version": "1"}',
            "made from network unknown",
        ),
    ],
)
def test_an_evaluation_that_is_none_is_refused(
    store: Store, content: bytes, message: str
) -> None:
    save_derived(store.path, "evaluation.json", content)

    with pytest.raises(StoreError, match=message):
        load_evaluation(store)
