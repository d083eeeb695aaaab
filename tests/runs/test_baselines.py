"""Runs above a baseline, by two composites: kept, taken over, and refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from zennit.composites import LayerMapComposite
from zennit.rules import Epsilon, Flat, Gamma
from zennit.types import Convolution, Linear

from conceptlrp.errors import CompositeError, RunError, StoreError
from conceptlrp.lrp import Explainer, mean_baseline
from conceptlrp.lrp._zennit import layer_map_base
from conceptlrp.lrp.one_call import store_explainer
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.runs import RunInterrupted, RunOptions, merge_run
from conceptlrp.store import Store, check_store, open_store, repack_store, store_info
from tests.command_line import run, succeed
from tests.lrp.conftest import random_corpus
from tests.runs.computing import explain_corpus
from tests.runs.conftest import OPTIONS, assert_same_bytes
from tests.runs.killing import start_run
from tests.runs.test_resume import Interrupt

PAIR = "epsilon+epsilon-gamma"
MEAN: dict[str, Any] = {**OPTIONS, "composite": PAIR, "baseline": "mean"}
Explain = Callable[..., Store]


@pytest.fixture
def explain(small_network: OthelloNet, tmp_path: Path) -> Explain:
    """Explain positions in `run.crp` of the test's folder, above the mean."""

    def call(corpus: Corpus, **changes: Any) -> Store:
        path = tmp_path / "run.crp"
        return explain_corpus(small_network, corpus, path, **{**MEAN, **changes})

    return call


@pytest.fixture(scope="module")
def whole(
    small_network: OthelloNet,
    random_positions: Corpus,
    tmp_path_factory: pytest.TempPathFactory,
) -> Store:
    """Return a run above the mean that nothing interrupted."""
    path = tmp_path_factory.mktemp("above") / "run.crp"
    return explain_corpus(small_network, random_positions, path, **MEAN)


def damage(store: Store) -> Path:
    """Flip a bit in the middle of the file of the baseline."""
    path = store.path / str(store.manifest.baseline_file)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    return path


def test_the_mean_is_that_of_the_seeded_sample(
    whole: Store, small_network: OthelloNet, random_positions: Corpus
) -> None:
    explainer = Explainer(small_network, layers=["conv1", "conv4"])

    expected = mean_baseline(explainer, random_positions, seed=3)

    assert whole.baseline == expected
    assert whole.baseline.words == "the mean of 24 positions"
    assert whole.manifest.baseline == {
        "kind": "mean",
        "positions": 24,
        "seed": 3,
        "digest": expected.digest,
        "of": 24,
    }


def test_a_store_holds_what_its_explainer_computes(
    whole: Store, small_network: OthelloNet, random_positions: Corpus
) -> None:
    explainer = store_explainer(whole, small_network)

    found = explainer.attribute(
        random_positions, targets=whole.targets, conditional=True
    )

    assert found.baseline == "mean"
    assert explainer.composite_name == PAIR
    for layer in whole.layers:
        for t in range(2):
            np.testing.assert_allclose(
                whole.arrays.relevance(layer, target=t),
                found.channel_relevance[layer][:, t],
                rtol=1e-4,
                atol=1e-6,
            )
        rows = whole.maps.rows
        np.testing.assert_allclose(
            whole.maps.read(layer),
            found.conditional[layer][rows][:, 0],
            rtol=1e-4,
            atol=1e-6,
        )
        table = whole.references(layer)
        for channel in range(whole.channels(layer)):
            for row, kept in zip(table.rows[channel], table.maps[channel], strict=True):
                if row >= 0:
                    expected = found.conditional[layer][row, 0, channel]
                    np.testing.assert_allclose(kept, expected, rtol=1e-4, atol=1e-6)
    for t in range(2):
        np.testing.assert_allclose(
            whole.arrays.heatmap(target=t), found.heatmap[:, t], rtol=1e-4, atol=1e-6
        )


def test_plain_relevance_is_another(whole: Store, small_network: OthelloNet) -> None:
    plain = Explainer(small_network, composite=PAIR, layers=whole.layers)

    found = plain.attribute(whole.positions, targets=whole.targets)

    for layer in whole.layers:
        difference = (
            whole.arrays.relevance(layer) - found.channel_relevance[layer][:, 0]
        )
        assert np.abs(difference).max() > 0.01


@pytest.mark.parametrize("stage", ["positions", "reference heatmaps"])
def test_an_interrupted_run_is_resumed_to_the_same_bytes(
    stage: str, whole: Store, explain: Explain, random_positions: Corpus
) -> None:
    with pytest.raises(RunInterrupted):
        explain(random_positions, on_progress=Interrupt(stage, 10))

    resumed = explain(random_positions, mode="resume")

    assert_same_bytes(resumed.path, whole.path)


def test_processes_give_the_same_bytes(
    whole: Store, explain: Explain, random_positions: Corpus
) -> None:
    found = explain(random_positions, workers=2)

    assert_same_bytes(found.path, whole.path)


def test_jobs_of_an_array_and_a_merge_give_the_same_bytes(
    whole: Store, explain: Explain, small_network: OthelloNet, random_positions: Corpus
) -> None:
    for number in (2, 1):
        store = explain(random_positions, stripe=(number, 2))

    merge_run(store.path, small_network)

    assert_same_bytes(store.path, whole.path)


@pytest.mark.slow
def test_jobs_that_start_at_once_share_one_baseline(
    whole: Store, small_network: OthelloNet, random_positions: Corpus, tmp_path: Path
) -> None:
    path = tmp_path / "run.crp"
    jobs = [
        start_run(
            small_network,
            random_positions,
            path,
            **{**MEAN, "stripe": (number, 2), "mode": "create"},
        )
        for number in (1, 2)
    ]
    for process in jobs:
        process.join()

    assert [process.exitcode for process in jobs] == [0, 0]
    merge_run(path, small_network, run=RunOptions(workers=2))
    assert_same_bytes(path, whole.path)


def test_appended_positions_have_the_mean_of_the_first(
    explain: Explain, random_positions: Corpus
) -> None:
    first = explain(random_positions[:18])
    before = first.arrays.relevance("conv4")

    store = explain(random_positions, mode="append")

    assert store.manifest.baseline == first.manifest.baseline
    assert store.baseline == first.baseline
    np.testing.assert_array_equal(store.arrays.relevance("conv4")[:18], before)
    assert check_store(store.path).is_good
    again = explain(random_positions, mode="resume")
    assert again.baseline == first.baseline


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"baseline": "zero"}, "mean of 24 positions, .*asked for is .* above zero"),
        ({"seed": 4}, "mean of 24 positions, seed 3, asked for .* seed 4"),
        ({"composite": "epsilon"}, r"composite.name is epsilon\+eps.* epsilon now"),
        ({"composite": "epsilon+epsilon-plus"}, "composite.name"),
    ],
)
def test_another_baseline_or_composite_is_refused(
    changes: dict[str, Any],
    message: str,
    explain: Explain,
    random_positions: Corpus,
) -> None:
    explain(random_positions)

    for mode in ("resume", "append"):
        with pytest.raises(StoreError, match=message):
            explain(random_positions, mode=mode, **changes)


def test_a_plain_store_does_not_go_on_above_the_mean(
    explain: Explain, random_positions: Corpus
) -> None:
    explain(random_positions, baseline="zero")

    with pytest.raises(StoreError, match=r"above zero, asked for .* above the mean"):
        explain(random_positions, mode="resume")


def test_a_damaged_baseline_is_found_and_taken_again(
    whole: Store, explain: Explain, random_positions: Corpus
) -> None:
    store = explain(random_positions)
    path = damage(store)

    (problem,) = check_store(store.path).problems
    assert (problem.file, "--resume" in problem.remedy) == (path.name, True)
    with pytest.raises(StoreError, match=r"baseline-0.h5: has the SHA-256.*--resume"):
        _ = open_store(store.path).baseline
    explain(random_positions, mode="resume")

    assert_same_bytes(store.path, whole.path)


def test_the_mean_of_the_first_is_taken_again_after_an_addition(
    explain: Explain, random_positions: Corpus
) -> None:
    first = explain(random_positions[:18])
    damage(explain(random_positions, mode="append"))

    store = explain(random_positions, mode="resume")

    assert check_store(store.path).is_good
    assert store.baseline == first.baseline


def test_a_baseline_of_other_positions_is_kept_as_it_was_given(
    explain: Explain, small_network: OthelloNet, random_positions: Corpus
) -> None:
    explainer = Explainer(small_network, layers=["conv1", "conv4"])
    given, other = (
        mean_baseline(explainer, random_positions[r]) for r in ([0, 1], [2, 3])
    )

    store = explain(random_positions, baseline=given)

    assert store.baseline == given
    assert explain(random_positions, baseline=given, mode="resume").baseline == given
    for each in (other, "mean"):
        with pytest.raises(StoreError, match="has relevance above the mean of 2 pos"):
            explain(random_positions, baseline=each, mode="resume")


def test_donors_are_kept_a_row_each(
    explain: Explain, small_network: OthelloNet, random_positions: Corpus
) -> None:
    donors = random_positions[::-1]

    store = explain(random_positions, baseline=donors)

    assert store.baseline.words == "its donor's map"
    np.testing.assert_array_equal(store.baseline.donors.own, donors.own)
    rows = [3, 20]
    found = store_explainer(store, small_network).attribute(
        random_positions[rows],
        targets=store.targets,
        baseline=store.baseline.take(rows),
    )
    for layer in store.layers:
        np.testing.assert_allclose(
            store.arrays.relevance(layer, rows=rows),
            found.channel_relevance[layer][:, 0],
            rtol=1e-4,
            atol=1e-6,
        )


def test_appended_positions_need_donors_too(
    explain: Explain, random_positions: Corpus
) -> None:
    donors = random_positions[::-1]
    explain(random_positions[:18], baseline=donors[:18])

    with pytest.raises(ValueError, match="18 donors for 24 positions"):
        explain(random_positions, baseline=donors[:18], mode="append")
    with pytest.raises(StoreError, match="the first 18 donors are not those"):
        explain(random_positions, baseline=random_positions, mode="append")
    store = explain(random_positions, baseline=donors, mode="append")

    assert len(store.baseline.donors) == 24
    assert check_store(store.path).is_good


def test_a_run_that_goes_on_has_the_donors_of_its_rows(
    explain: Explain, random_positions: Corpus
) -> None:
    store = explain(random_positions, baseline=random_positions[::-1], stripe=(2, 2))

    assert store.ids.tolist() == [*range(6, 12), *range(18, 24)]
    donors = random_positions[::-1][store.ids]
    np.testing.assert_array_equal(store.baseline.donors.own, donors.own)


def test_a_rule_that_does_not_multiply_is_refused_before_a_folder_is_made(
    explain: Explain, random_positions: Corpus, tmp_path: Path
) -> None:
    with pytest.raises(CompositeError, match="Flat"):
        explain(random_positions, composite=EpsilonFlatEverywhere())

    assert list(tmp_path.iterdir()) == []


class EpsilonFlatEverywhere(LayerMapComposite):
    """Flat where layers are read."""

    def __init__(self) -> None:
        from zennit.rules import Flat

        super().__init__([*layer_map_base(), (Convolution, Flat()), (Linear, Flat())])


def gamma(factor: float) -> LayerMapComposite:
    rules = [(Convolution, Gamma(factor)), (Linear, Epsilon())]
    return LayerMapComposite([*layer_map_base(), *rules])


def test_any_zennit_composites_make_a_pair(
    explain: Explain, small_network: OthelloNet, random_positions: Corpus
) -> None:
    pair = {"composite": gamma(0.1), "heatmaps": gamma(0.3)}
    store = explain(random_positions, stripe=(1, 1), **pair)

    with pytest.raises(RunError, match="another composite"):
        merge_run(store.path, small_network, composite=gamma(0.1), heatmaps=gamma(0.2))
    merged = merge_run(store.path, small_network, **pair)
    with pytest.raises(StoreError, match=r"composite.heatmaps.digest"):
        explain(random_positions, mode="resume", **{**pair, "heatmaps": gamma(0.2)})

    assert explain(random_positions, mode="resume", **pair).is_whole
    made = merged.manifest.composite
    assert made["name"] == "zennit LayerMapComposite+zennit LayerMapComposite"
    assert made["heatmaps"]["digest"] != made["digest"]
    with pytest.raises(CompositeError, match="given the composite itself"):
        store_explainer(merged, small_network)
    with pytest.raises(CompositeError, match="given the heatmaps itself"):
        store_explainer(merged, small_network, composite=gamma(0.1))
    explainer = store_explainer(merged, small_network, **pair)
    found = explainer.attribute(random_positions, targets=merged.targets)
    np.testing.assert_allclose(
        merged.arrays.heatmap(), found.heatmap[:, 0], rtol=1e-4, atol=1e-6
    )


def test_plain_stores_have_no_baseline_file(
    explain: Explain, random_positions: Corpus
) -> None:
    store = explain(random_positions, baseline="zero", composite=None)

    assert store.baseline.kind == "zero"
    assert store.manifest.baseline_file is None
    assert '"baseline"' not in (store.path / "manifest.json").read_text()


def test_a_repacked_store_has_the_same_baseline(whole: Store, tmp_path: Path) -> None:
    out = repack_store(whole.path, tmp_path / "out.crp", codec="gzip")

    assert open_store(out).baseline == whole.baseline
    assert check_store(out).is_good


def test_a_store_says_what_it_is_above(whole: Store) -> None:
    assert "the mean of 24 positions" in whole._repr_html_()
    assert "the mean of 24 positions" in succeed("info", whole.path)
    assert not [name for name in store_info(whole.path).derived if "baseline" in name]


def test_the_command_line_explains_above_a_mean_and_donors(
    random_positions: Corpus, tmp_path: Path
) -> None:
    random_positions.save(tmp_path / "corpus.h5")
    random_positions[::-1].save(tmp_path / "donors.h5")
    known = ("demo", tmp_path / "corpus.h5", "--layer", "conv2", "--references", 1)
    rules = ("--composite", "epsilon", "--heatmaps", "epsilon-gamma")
    stores = [tmp_path / "mean.crp", tmp_path / "donor.crp"]

    succeed("attribute", *known, *rules, "--baseline", "mean", "--out", stores[0])
    donors = ("--donors", tmp_path / "donors.h5")
    succeed("attribute", *known, *donors, "--out", stores[1])

    found = [open_store(path) for path in stores]
    assert [each.baseline.kind for each in found] == ["mean", "donor"]
    assert found[0].manifest.composite["name"] == PAIR
    again = ("attribute", *known, *rules, "--resume", "--out", stores[0])
    succeed(*again)
    failed = run(*again, "--baseline", "zero")
    assert failed.code == 1
    assert "ask for the baseline of the store (--baseline)" in failed.err
    both = run(
        "attribute", *known, *donors, "--baseline", "mean", "--out", tmp_path / "x.crp"
    )
    assert both.code == 2


@pytest.mark.slow
def test_a_store_is_above_the_mean_unless_told_otherwise(
    explain: Explain, random_positions: Corpus
) -> None:
    many = random_corpus(4)

    few = explain(random_positions[:10], baseline=None)
    kept = explain(many, baseline=None, mode="overwrite")
    again = explain(many, baseline=None, mode="resume")

    assert few.baseline.kind == "zero"
    assert len(many) >= 100
    assert kept.baseline.kind == again.baseline.kind == "mean"
    assert kept.baseline == again.baseline
    assert kept.baseline.positions == len(many)


def test_rules_that_no_mean_can_be_above_leave_a_store_plain(
    small_network: OthelloNet, tmp_path: Path
) -> None:
    flat = LayerMapComposite([*layer_map_base(), (Convolution, Flat())])
    path = tmp_path / "run.crp"

    store = explain_corpus(small_network, random_corpus(4), path, composite=flat)

    assert store.baseline.kind == "zero"


def test_not_told_otherwise_a_run_goes_on_above_zero(
    explain: Explain, random_positions: Corpus
) -> None:
    first = explain(random_positions, baseline="zero")

    again = explain(random_positions, baseline=None, mode="resume")

    assert again.baseline == first.baseline
