"""Runs that go on where another one stopped, and those that are refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from zennit.composites import EpsilonPlus, LayerMapComposite, layer_map_base
from zennit.rules import Epsilon, Gamma
from zennit.types import Convolution, Linear

from conceptlrp.errors import NetworkError, OutputExistsError, StoreError
from conceptlrp.lrp import Moves
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.runs import RunInterrupted, stages
from conceptlrp.runs.stored_numbers import check_finite
from conceptlrp.store import Store
from conceptlrp.store.format.lock import run_lock
from conceptlrp.store.writing.shard_writer import pending
from tests.lrp.conftest import randomize
from tests.runs.computing import Steps, explain_corpus
from tests.runs.conftest import OPTIONS, assert_same_bytes, contents


class Interrupt:
    """Interrupts a run when a stage has come so far."""

    def __init__(self, stage: str, done: int) -> None:
        self.stage = stage
        self.done = done
        self.steps = Steps()

    def __call__(self, stage: str, done: int, total: int) -> None:
        self.steps(stage, done, total)
        if stage == self.stage and done >= self.done:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("stage", "done"),
    [
        ("positions", 15),
        ("reference heatmaps", 30),
        pytest.param("positions", 3, marks=pytest.mark.slow),
        pytest.param("positions", 24, marks=pytest.mark.slow),
        pytest.param("reference tables", 2, marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_run_is_resumed_to_the_same_bytes(
    stage: str,
    done: int,
    whole: Store,
    small_network: OthelloNet,
    random_positions: Corpus,
    tmp_path: Path,
) -> None:
    path = tmp_path / "run.crp"
    interrupt = Interrupt(stage, done)

    with pytest.raises(RunInterrupted, match=r"shards finished.*--resume"):
        explain_corpus(
            small_network, random_positions, path, on_progress=interrupt, **OPTIONS
        )
    explain_corpus(small_network, random_positions, path, mode="resume", **OPTIONS)

    assert interrupt.steps[-1].stage == stage
    assert_same_bytes(path, whole.path)


def test_only_what_is_missing_is_computed(
    whole: Store, small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    path = copied(whole, tmp_path)
    (path / "shard-00001.h5").unlink()
    damaged = path / "shard-00003.h5"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    steps = Steps()

    explain_corpus(
        small_network,
        random_positions,
        path,
        mode="resume",
        on_progress=steps,
        **OPTIONS,
    )

    counted = [step.done for step in steps if step.stage == "positions"]
    assert sorted(counted) == [15, 18, 21, 24]
    assert {step.stage for step in steps} == {"positions"}
    assert_same_bytes(path, whole.path)


@pytest.mark.parametrize("name", ["references.h5", "statistics.h5", "corpus-0.h5"])
def test_what_is_derived_is_repaired(
    name: str,
    whole: Store,
    small_network: OthelloNet,
    random_positions: Corpus,
    tmp_path: Path,
) -> None:
    path = copied(whole, tmp_path)
    (path / name).write_bytes(b"damaged")

    explain_corpus(small_network, random_positions, path, mode="resume", **OPTIONS)

    assert_same_bytes(path, whole.path)


@pytest.mark.slow
def test_a_resumed_run_may_be_computed_by_others(
    whole: Store, small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    path = tmp_path / "run.crp"
    with pytest.raises(RunInterrupted):
        explain_corpus(
            small_network,
            random_positions,
            path,
            on_progress=Interrupt("positions", 9),
            **OPTIONS,
        )

    explain_corpus(
        small_network, random_positions, path, mode="resume", workers=2, **OPTIONS
    )

    assert_same_bytes(path, whole.path)


def test_nothing_to_resume_is_a_new_run(
    whole: Store, small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    path = tmp_path / "run.crp"

    explain_corpus(small_network, random_positions, path, mode="resume", **OPTIONS)

    assert_same_bytes(path, whole.path)


def gamma(value: float) -> LayerMapComposite:
    layer_map = [*layer_map_base(), (Convolution, Gamma(value)), (Linear, Epsilon())]
    return LayerMapComposite(layer_map)


Change = Callable[[Corpus], dict[str, Any]]
OTHER: dict[str, Change] = {
    "its network": lambda _: {"network": randomize(OthelloNet(channels=6), seed=1)},
    "corpus.digest": lambda corpus: {"corpus": corpus[:20]},
    "composite.name": lambda _: {"composite": "epsilon"},
    "composite.": lambda _: {"composite": EpsilonPlus()},
    "targets": lambda _: {"targets": ("played", "best")},
    "layers": lambda _: {"layers": ("conv1", "conv2")},
    "detail": lambda _: {"detail": "references", "sample": 0},
    "references": lambda _: {"references": 3},
    "sample.positions": lambda _: {"sample": 8},
    "sample.seed": lambda _: {"seed": 4},
    "statistics": lambda _: {"statistics": False},
    "dtype": lambda _: {"dtype": "float16"},
    "compute.dtype": lambda _: {"compute_dtype": "float64"},
    "compute.batch_size": lambda _: {"batch_size": 2},
}


@pytest.mark.parametrize("field", OTHER)
def test_another_computation_is_refused_with_what_differs(
    field: str,
    whole: Store,
    small_network: OthelloNet,
    random_positions: Corpus,
    tmp_path: Path,
) -> None:
    path = copied(whole, tmp_path)
    options = {**OPTIONS, "network": small_network, "corpus": random_positions}
    options |= OTHER[field](random_positions)

    with pytest.raises(StoreError, match=f"run.crp: {field}.* (in the store|not)"):
        explain_corpus(path=path, mode="resume", **options)

    assert_same_bytes(path, whole.path)


@pytest.mark.parametrize("package", ["conceptlrp", "torch"])
def test_another_version_is_refused(
    package: str,
    whole: Store,
    small_network: OthelloNet,
    random_positions: Corpus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = copied(whole, tmp_path)
    now = {**stages.package_versions(), package: "99.0"}
    monkeypatch.setattr(stages, "package_versions", lambda: now)

    with pytest.raises(StoreError, match=f"versions.{package} is .* 99.0 now"):
        explain_corpus(small_network, random_positions, path, mode="resume", **OPTIONS)


def test_a_composite_with_another_parameter_is_refused(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"references": 0, "layers": ["conv1"]}
    few, path = random_positions[:2], tmp_path / "run.crp"
    explain_corpus(small_network, few, path, composite=gamma(0.25), **options)
    before = contents(path)

    explain_corpus(
        small_network, few, path, composite=gamma(0.25), mode="resume", **options
    )
    with pytest.raises(StoreError, match=r"composite\.digest is"):
        explain_corpus(
            small_network, few, path, composite=gamma(0.3), mode="resume", **options
        )

    assert contents(path) == before


def test_other_moves_under_the_same_name_are_refused(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    few, path = random_positions[:2], tmp_path / "run.crp"
    played = tuple(few.played.tolist())
    options: dict[str, Any] = {"references": 0, "layers": ["conv1"]}
    explain_corpus(small_network, few, path, targets=[Moves(played)], **options)
    others = tuple(
        next(s for s in few.position(i).legal_moves if s != played[i]) for i in (0, 1)
    )

    with pytest.raises(StoreError, match=r"compute\.moves\.moves is"):
        explain_corpus(
            small_network, few, path, targets=[Moves(others)], mode="resume", **options
        )


def test_appended_positions_are_the_only_ones_that_are_explained(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    path = tmp_path / "run.crp"
    explain_corpus(small_network, random_positions[:10], path, **OPTIONS)
    old = {name: text for name, text in contents(path).items() if "shard" in name}
    steps = Steps()

    store = explain_corpus(
        small_network,
        random_positions,
        path,
        mode="append",
        on_progress=steps,
        **OPTIONS,
    )

    counted = [step.done for step in steps if step.stage == "positions"]
    assert counted[0] == 13
    assert counted[-1] == 24
    assert {name: contents(path)[name] for name in old} == old
    assert len(store) == 24


def test_appending_gives_what_one_run_gives(
    whole: Store, small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    path = tmp_path / "run.crp"
    explain_corpus(small_network, random_positions[:10], path, **OPTIONS)

    store = explain_corpus(
        small_network, random_positions, path, mode="append", **OPTIONS
    )

    for layer in whole.layers:
        for target in whole.targets:
            expected = whole.arrays.relevance(layer, target=target)
            found = store.arrays.relevance(layer, target=target)
            scale = np.abs(expected).max()
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * scale)
            tables = [s.references(layer, target=target) for s in (store, whole)]
            assert tables[0] is not None
            assert tables[1] is not None
            np.testing.assert_array_equal(tables[0].rows, tables[1].rows)


@pytest.mark.parametrize(
    "goes_on", ["append", pytest.param("resume", marks=pytest.mark.slow)]
)
def test_an_interrupted_append_is_completed(
    goes_on: str,
    small_network: OthelloNet,
    random_positions: Corpus,
    tmp_path: Path,
) -> None:
    paths = [tmp_path / name for name in ("once.crp", "twice.crp")]
    for path in paths:
        explain_corpus(small_network, random_positions[:10], path, **OPTIONS)
    explain_corpus(small_network, random_positions, paths[0], mode="append", **OPTIONS)

    with pytest.raises(RunInterrupted):
        explain_corpus(
            small_network,
            random_positions,
            paths[1],
            mode="append",
            on_progress=Interrupt("positions", 19),
            **OPTIONS,
        )
    options = {**OPTIONS, "mode": goes_on}
    explain_corpus(small_network, random_positions, paths[1], **options)

    assert_same_bytes(paths[1], paths[0])


def test_other_positions_are_not_appended(
    whole: Store, small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    path = copied(whole, tmp_path)
    other = Corpus.concatenate([random_positions[::-1], random_positions])

    with pytest.raises(StoreError, match="the 48 positions do not begin with the 24"):
        explain_corpus(small_network, other, path, mode="append", **OPTIONS)

    assert_same_bytes(path, whole.path)


def test_a_store_is_not_touched_unless_that_is_asked_for(
    whole: Store, small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    path = copied(whole, tmp_path)

    with pytest.raises(OutputExistsError, match="already exists; choose another name"):
        explain_corpus(small_network, random_positions, path, **OPTIONS)
    with pytest.raises(ValueError, match="mode is 'replace', expected one of create"):
        explain_corpus(small_network, random_positions, path, mode="replace", **OPTIONS)

    assert_same_bytes(path, whole.path)


def test_a_second_run_is_refused_with_the_name_of_the_first(
    whole: Store, small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    path = copied(whole, tmp_path)

    with (
        run_lock(path),
        pytest.raises(StoreError, match=r"another run fills it \(process \d+ on "),
    ):
        explain_corpus(small_network, random_positions, path, mode="resume", **OPTIONS)

    assert pending(path) == []


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_an_error_with_their_position(
    value: float,
) -> None:
    values = np.zeros((5, 2, 3), np.float32)
    values[3, 1, 2] = value

    with pytest.raises(NetworkError, match="relevance at position 103 is not finite"):
        check_finite("relevance", values, 100)
    check_finite("relevance", values[:3], 100)


def test_a_weight_that_is_nan_is_an_error_and_leaves_no_shard(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    nan = OthelloNet(channels=6).eval()
    nan.load_state_dict(small_network.state_dict())
    nan.fc4.weight.data[0, 0] = float("nan")

    with pytest.raises(NetworkError, match="not finite"):
        explain_corpus(nan, random_positions, tmp_path / "run.crp", **OPTIONS)

    assert list(tmp_path.glob("run.crp/shard*")) == []


def test_positions_with_a_pass_alone_are_explained(
    small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    # The side to move has lost all its discs: it can only pass.
    own = np.zeros(4, np.uint64)
    passing = replace(random_positions[:4], own=own, played=np.full(4, 64, np.int8))

    store = explain_corpus(small_network, passing, tmp_path / "run.crp", **OPTIONS)

    assert np.isfinite(store.arrays.relevance("conv4")).all()
    assert (store.arrays.explained_square(target="played") == 64).all()


def copied(store: Store, folder: Path) -> Path:
    """Return a copy of a store that a test may change."""
    path = folder / "run.crp"
    path.mkdir()
    for name, text in contents(store.path).items():
        (path / name).write_bytes(text)
    return path
