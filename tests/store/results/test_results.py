"""Saving, finding and listing results of every kind."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from conceptlrp.ablation import Ablation
from conceptlrp.clustering import Clustering
from conceptlrp.concept_graph import MeanConceptGraph
from conceptlrp.errors import LayerError, OutputExistsError, StoreError
from conceptlrp.files import file_stem, hidden_name
from conceptlrp.labelling import ScoredLabels
from conceptlrp.othello import Corpus
from conceptlrp.store import Store, check_store, open_store, repack_store
from conceptlrp.store.format.manifest import read_manifest
from conceptlrp.store.results.codec import FIELDS
from conceptlrp.store.results.kinds import KINDS, replace_listed
from conceptlrp.store.writing.finish import finish_run
from conceptlrp.store.writing.writer import append_run
from tests.store.conftest import planted_plan
from tests.store.results.samples import SAMPLES, ablation, assert_same, clustering

kinds = pytest.mark.parametrize("kind", SAMPLES)


def get(store: Store, result: Any) -> Any:
    """Read what a store has in the place of a result."""
    about = {"target": 0, "layer": None, "name": ""}
    about = {name: getattr(result, name, each) for name, each in about.items()}
    return store.results.get(type(result), **about)


def test_there_is_a_sample_of_every_kind() -> None:
    assert set(SAMPLES) == set(KINDS)
    assert all(kind.is_of(kind.result) for kind in KINDS.values())


@kinds
@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_read_equals_what_was_saved(kind: str, seed: int, store: Store) -> None:
    expected = SAMPLES[kind](store, seed)
    assert get(store, expected) is None

    path = store.results.save(expected)

    assert_same(get(store, expected), expected)
    assert_same(get(open_store(store.path), expected), expected)
    assert path.name.startswith(f"{kind}-")
    assert check_store(store.path).is_good


@kinds
def test_the_same_result_gives_the_same_bytes(kind: str, store: Store) -> None:
    path = store.results.save(SAMPLES[kind](store))
    content = path.read_bytes()

    assert store.results.save(SAMPLES[kind](store), overwrite=True) == path
    assert path.read_bytes() == content


@kinds
def test_a_result_is_replaced_only_when_asked(kind: str, store: Store) -> None:
    first, second = (SAMPLES[kind](store, seed) for seed in (0, 1))
    former = store.results.save(first)

    with pytest.raises(OutputExistsError, match="exists already"):
        store.results.save(second)
    with pytest.raises(OutputExistsError, match="exists already"):
        store.results.check_free(
            type(first),
            layer=getattr(first, "layer", None),
            name=getattr(first, "name", ""),
        )
    assert_same(get(store, first), first)
    store.results.save(second, overwrite=True)

    assert_same(get(store, first), second)
    assert not former.exists()
    assert check_store(store.path).is_good


@kinds
def test_a_result_outlives_repair_and_repacking(
    kind: str, store: Store, tmp_path: Path
) -> None:
    expected = SAMPLES[kind](store)
    store.results.save(expected)

    finish_run(store.path)
    repack_store(store.path, tmp_path / "packed.crp")

    packed = open_store(tmp_path / "packed.crp")
    assert_same(get(store, expected), expected)
    assert_same(get(packed, expected), expected)
    assert check_store(packed.path).is_good


def test_results_go_when_positions_are_appended(store: Store, corpus: Corpus) -> None:
    path = store.results.save(ablation(store))
    longer = Corpus.concatenate([corpus, corpus[:10]])

    append_run(store.path, planted_plan(longer), longer)

    assert not path.exists()
    assert open_store(store.path).results.list() == ()


def test_the_list_is_complete_and_what_it_lacks_is_missing(store: Store) -> None:
    for sample in SAMPLES.values():
        store.results.save(sample(store))

    listed = [(each.kind, each.target, each.layer) for each in store.results.list()]
    missing = [(each.kind, each.target, each.layer) for each in store.results.missing()]

    assert listed == [
        ("clustering", "played", "conv1"),
        ("labels", "played", ""),
        ("interchange", "played", ""),
        ("edits", "played", ""),
        ("ablation", "played", ""),
        ("graph", "", ""),
        ("circuit", "played", ""),
        ("evaluation", "", ""),
        ("rules-truth", "", ""),
    ]
    assert missing == [
        ("clustering", "played", "conv2"),
        ("clustering", "value", "conv1"),
        ("clustering", "value", "conv2"),
        ("labels", "value", ""),
        ("interchange", "value", ""),
        ("edits", "value", ""),
        ("ablation", "value", ""),
        # There is one of some positions, and none of all.
        ("circuit", "played", ""),
        ("circuit", "value", ""),
    ]
    first, _ = store.results.missing(target=0)
    assert first.command == f"conceptlrp cluster {store.path} --layer conv2"
    last = store.results.missing()[-1].command
    assert last == f"conceptlrp circuit {store.path} --target value"


def test_a_result_says_what_it_was_made_from(store: Store) -> None:
    store.results.save(ablation(store))

    found = store.results.provenance(Ablation)

    assert found["network"] == "5f1c"
    assert found["corpus"] == store.manifest.corpus["digest"]
    assert found["conceptlrp"]
    assert store.results.provenance(MeanConceptGraph) == {}


def test_a_store_that_was_opened_before_finds_what_another_saved(store: Store) -> None:
    other = open_store(store.path)

    store.results.save(ablation(store, 0))
    assert other.results.get(Ablation).seed == 0
    store.results.save(ablation(store, 1), overwrite=True)

    assert other.results.get(Ablation).seed == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": "ab"}, "Ablation is of network ab, the store has 5f1c"),
        ({"corpus": "ab"}, "Ablation is of corpus ab, the store has"),
        ({"target": "best"}, "of target 'best', which the store lacks"),
        ({"layers": {"conv9": None}}, "the store lacks 'conv9'"),
    ],
)
def test_a_result_of_another_store_is_not_saved(
    store: Store, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(StoreError, match=message):
        store.results.save(replace(ablation(store), **changes))

    assert store.results.list() == ()


def test_a_graph_that_lacks_a_layer_or_target_is_not_saved(store: Store) -> None:
    graph = SAMPLES["graph"](store)

    with pytest.raises(StoreError, match="MeanConceptGraph lacks 'conv2'"):
        store.results.save(replace(graph, layers=("conv1",)))
    with pytest.raises(StoreError, match="is of targets"):
        store.results.save(replace(graph, targets=("value",)))


def test_arrays_of_another_shape_are_not_saved(store: Store) -> None:
    found = clustering(store)

    with pytest.raises(StoreError, match=r"'labels' has the shape \(3,\), expected"):
        store.results.save(replace(found, labels=found.labels[:3]))
    with pytest.raises(StoreError, match=r"'centers' has the shape .* C = 5"):
        store.results.save(replace(found, centers=np.zeros((2, 4), np.float32)))


def test_what_is_no_result_is_refused(store: Store) -> None:
    with pytest.raises(TypeError, match="dict is no result of a store"):
        store.results.save({})
    with pytest.raises(ValueError, match="Clustering is about one layer"):
        store.results.get(Clustering)
    with pytest.raises(LayerError, match="no layer 'conv9'"):
        store.results.get(Clustering, layer="conv9")


def test_clusters_of_joined_layers_lie_beside_those_of_each(store: Store) -> None:
    joined = replace(
        clustering(store, 1), layer="conv1+conv2", centers=np.zeros((2, 75), np.float32)
    )
    joined = replace(joined, effects=joined.centers)

    store.results.save(joined)

    assert_same(store.results.get(Clustering, layer="conv1+conv2"), joined)
    assert store.results.get(Clustering, layer="conv1") is None


def test_numbers_that_a_store_keeps_as_float32_are_float64_again(store: Store) -> None:
    found = SAMPLES["labels"](store)
    scores = found.layers["conv1"]
    exact = {
        "activation": scores.p["activation"] + 1e-12,
        "map / share": scores.p["map / share"],
    }

    store.results.save(
        replace(found, layers={**found.layers, "conv1": replace(scores, p=exact)})
    )

    read = store.results.get(ScoredLabels).layers["conv1"].p["activation"]
    assert read.dtype == np.float64
    np.testing.assert_array_equal(read, exact["activation"].astype(np.float32))


@kinds
def test_a_damaged_result_names_the_verb_and_is_replaced(
    kind: str, store: Store
) -> None:
    expected = SAMPLES[kind](store)
    path = store.results.save(expected)
    path.write_bytes(path.read_bytes()[:-1])
    command = f"conceptlrp {KINDS[kind].verb} {store.path}.* --overwrite"

    with pytest.raises(StoreError, match=f"has [0-9]+ bytes, .*; run '{command}'"):
        get(open_store(store.path), expected)
    (problem,) = check_store(store.path).problems
    assert (problem.file, problem.remedy[:5]) == (path.name, "run '")
    finish_run(store.path)
    assert [p.file for p in check_store(store.path).problems] == [path.name]
    store.results.save(expected, overwrite=True)

    assert_same(get(store, expected), expected)
    assert check_store(store.path).is_good


def test_strays_of_a_killed_save_go_and_nothing_else(store: Store) -> None:
    path = store.results.save(ablation(store))
    stray = store.path / store.results.save(ablation(store, 1), overwrite=True).name
    content = stray.read_bytes()
    store.results.save(ablation(store), overwrite=True)
    stray.write_bytes(content)
    mine = store.path / "ablation-played-12345678.h5"
    mine.write_bytes(b"of somebody else")
    hidden = store.path / hidden_name(path.name)
    hidden.write_bytes(content[:100])

    found = check_store(store.path)
    assert found.leftovers == (hidden.name, stray.name)
    assert [problem.file for problem in found.problems] == [mine.name]
    store.results.save(clustering(store))

    assert mine.exists()
    assert not stray.exists()
    assert not hidden.exists()
    assert_same(get(store, ablation(store)), ablation(store))


def _spoil(store: Store, change: Callable[[h5py.File], None]) -> None:
    """Put a file that was changed, and agrees with its hash, in the place of one."""
    path = store.results.save(ablation(store))
    content = BytesIO(path.read_bytes())
    with h5py.File(content, "r+") as file:
        change(file)
    manifest = read_manifest(store.path)
    about = manifest.files[path.name].about
    replace_listed(store.path, manifest, about, content.getvalue())


def wrong_length(file: h5py.File) -> None:
    del file["layers/conv1/size"]
    file["layers/conv1/size"] = np.zeros(3)


def wrong_type(file: h5py.File) -> None:
    del file["layers/conv1/size"]
    file["layers/conv1/size"] = np.zeros(5, np.float32)


def missing_array(file: h5py.File) -> None:
    del file["layers/conv2/policy"]


def linked(file: h5py.File) -> None:
    del file["layers/conv1/size"]
    file["layers/conv1/size"] = h5py.ExternalLink("/etc/passwd", "/size")


def huge(file: h5py.File) -> None:
    del file["layers/conv1/size"]
    file.create_dataset("layers/conv1/size", (1 << 40,), np.float64, chunks=(1 << 20,))


def _words(file: h5py.File, content: bytes) -> None:
    del file[FIELDS]
    file[FIELDS] = np.frombuffer(content, np.uint8)


def _changed(**changes: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        plain = json.loads(file[FIELDS][()].tobytes())
        _words(file, json.dumps({**plain, **changes}).encode())

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (wrong_length, r"'layers/conv1/size' has the shape \(3,\), expected \(C = 5\)"),
        (wrong_type, "'layers/conv1/size' is float32, expected float64"),
        (missing_array, "layers/conv2/policy is missing"),
        (linked, "/layers/conv1/size is missing"),
        (huge, "declares 8796093022208 bytes of data where"),
        (_changed(positions="many"), "invalid literal"),
        pytest.param(_changed(layers=[]), "is damaged", id="no mapping"),
        pytest.param(_changed(layers={"conv9": {}}), "is damaged", id="no fields"),
        pytest.param(_changed(layers=None), "is damaged", id="nothing"),
        (_changed(target="value"), "is of target value, the store has played"),
        (_changed(network="ab"), "is of network ab"),
        (_changed(more=1), "has fields"),
        pytest.param(lambda file: _words(file, b"{"), "is damaged", id="torn"),
        pytest.param(lambda f: _words(f, b"[" * 100_000), "is damaged", id="deep"),
        pytest.param(lambda file: _words(file, b"[]"), "is damaged", id="no object"),
        (lambda file: file.attrs.create("kind", "x", dtype="S1"), "has kind x"),
        (lambda file: file.attrs.create("version", "9", dtype="S1"), "has version 9"),
        (lambda file: file.attrs.create("corpus", "9", dtype="S1"), "has corpus 9"),
    ],
)
def test_a_listed_file_of_wrong_content_is_refused(
    store: Store, change: Callable[[h5py.File], None], message: str
) -> None:
    _spoil(store, change)

    with pytest.raises(StoreError, match=message) as error:
        store.results.get(Ablation)

    assert "conceptlrp ablate" in str(error.value)
    assert str(store.results.find(Ablation)) in str(error.value)


def test_a_result_under_a_link_is_refused(store: Store, tmp_path: Path) -> None:
    path = store.results.save(ablation(store))
    shutil.move(path, tmp_path / "elsewhere.h5")
    path.symlink_to(tmp_path / "elsewhere.h5")

    with pytest.raises(StoreError, match="is a link"):
        store.results.get(Ablation)


def test_names_of_files_are_safe_and_different() -> None:
    names = ["conv1", "Conv1", "trunk/3", "trunk-3", "../../etc", "<b>", "é", "", "."]
    names += ["a" * 300, "con.", "layer one"]

    stems = [file_stem(name) for name in names]

    assert len({stem.casefold() for stem in stems}) == len(names)
    assert all(stem.isascii() and "/" not in stem and len(stem) <= 41 for stem in stems)
    assert not any(stem.startswith(".") or stem.endswith(".") for stem in stems)
