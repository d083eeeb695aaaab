"""Labels of a store: planted ones are found again through its files."""

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from conceptlrp import labelling
from conceptlrp.ablation.sample import spread_rows
from conceptlrp.errors import (
    CompositeError,
    LayerError,
    NetworkError,
    OutputExistsError,
)
from conceptlrp.labelling import (
    LabelCriteria,
    LabelOptions,
    ScoredLabels,
    label_positions,
)
from conceptlrp.labelling.channel_name import RULE
from conceptlrp.labelling.networks import on_board
from conceptlrp.labelling.scores import Comparison
from conceptlrp.labels import LABELS, MOVE_LABELS, Labels, label_boards
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.runs import attribute_corpus
from conceptlrp.statistics.significance import held_out_games
from conceptlrp.store import Store, Where, open_store
from tests.labelling.planted import PATTERNS, pattern_labels
from tests.lrp.conftest import randomize
from tests.othello.playouts import random_games
from tests.planted.network import PlantedNetwork, planted_network

NAMES = tuple(f"planted: {pattern.name}" for pattern in PATTERNS)
CRITERIA = LabelCriteria(permutations=40, games=10)

score = partial(labelling.label, save=False)


@pytest.fixture(scope="module")
def planted() -> PlantedNetwork:
    return planted_network(PATTERNS, distractors=8, seed=1)


@pytest.fixture(scope="module")
def store(planted: PlantedNetwork, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Return a store that explains the planted network, labelled."""
    corpus = Corpus.from_games(random_games(300, seed=21)).sample(1800, seed=1)
    found = attribute_corpus(
        planted.network,
        corpus,
        tmp_path_factory.mktemp("planted") / "run.crp",
        targets=["best", "value"],
        layers=["conv2", "conv3"],
    )
    found.columns.add(pattern_labels(corpus).position)
    return found


@pytest.fixture(scope="module")
def scored(store: Store, planted: PlantedNetwork) -> ScoredLabels:
    return score(
        store,
        planted.network,
        n_positions=1600,
        options=LabelOptions(n_maps=100, n_random=3, columns=NAMES, criteria=CRITERIA),
    )


def test_planted_labels_are_recalled_from_a_store(
    scored: ScoredLabels, planted: PlantedNetwork
) -> None:
    expected = {
        (d.layer, d.channel): f"planted: {d.pattern.name}" for d in planted.detectors
    }

    found = {at: scored.channel(*at) for at in expected}

    # A rule that is learned may say the same pattern in squares.
    first = {
        at: next(label for label in channel.labels if label.measure != RULE)
        for at, channel in found.items()
    }
    assert {at: label.label for at, label in first.items()} == expected
    assert all(label.auroc >= 0.99 for label in first.values())
    assert all(channel.named for channel in found.values())


def test_few_names_of_a_store_are_false(
    scored: ScoredLabels, planted: PlantedNetwork
) -> None:
    known = {(d.layer, d.channel): d.pattern.name for d in planted.detectors}
    named = false = 0
    for layer, scores in scored.layers.items():
        for channel, name in enumerate(scores.names):
            true = known.get((layer, channel))
            # A piece or a carrier of a pattern may well be named after it.
            if name == "unnamed" or (channel < planted.planted[layer] and not true):
                continue
            named += 1
            # A move that a pattern makes is true of it; so is a rule of squares.
            best = scores.channels[channel].labels[0]
            false += f"planted: {true}" not in name and best.measure != RULE

    assert named >= 0.95 * len(known)
    assert false / named <= 0.05


def test_random_networks_get_hardly_any_label(scored: ScoredLabels) -> None:
    assert set(scored.random_labelled) == {"conv2", "conv3"}
    assert all(part <= 0.05 for part in scored.random_labelled.values())


def test_positions_exchanged_within_their_ply_get_no_label(
    scored: ScoredLabels,
) -> None:
    assert scored.exchanged_labelled == {"conv2": 0, "conv3": 0}
    assert scored.to_dict()["layers"]["conv2"]["exchanged_labelled"] == 0
    assert "exchanged within plies" in scored._repr_html_()


def test_controls_are_at_chance(scored: ScoredLabels) -> None:
    assert {"black to move", "last move"} < set(scored.controls)
    assert sum(name.startswith("random: ") for name in scored.controls) >= 10
    for layer, scores in scored.layers.items():
        twins = [scores.labels.index(n) for n in scored.controls if "random: " in n]
        sizes = np.abs(scores.held_out["activation"][:, twins])
        assert scored.controlled(layer) == 0
        assert np.nanmedian(sizes) < 0.1


def test_labels_are_kept_with_those_of_all_positions(
    store: Store, planted: PlantedNetwork, tmp_path: Path
) -> None:
    copied = open_store(shutil.copytree(store.path, tmp_path / "run.crp"))
    asked = LabelCriteria(permutations=10, games=3)

    found = labelling.label(
        copied,
        planted.network,
        layers=["conv2"],
        n_positions=300,
        options=LabelOptions(n_maps=40, n_random=1, criteria=asked),
    )

    kept = copied.results.get(ScoredLabels)
    assert kept is not None
    assert kept.to_dict() == found.to_dict()
    assert set(LABELS) <= set(copied.columns.label_names)


def test_labels_show_themselves_briefly(scored: ScoredLabels) -> None:
    assert repr(scored).startswith("ScoredLabels(target='best', conv2: ")
    assert len(repr(scored)) < 120
    assert "conv3" in scored._repr_html_()


@pytest.mark.slow
def test_a_detector_carries_its_pattern_to_the_output_that_reads_it(
    store: Store, planted: PlantedNetwork, scored: ScoredLabels, tmp_path: Path
) -> None:
    copied = open_store(shutil.copytree(store.path, tmp_path / "run.crp"))
    copied.results.save(replace(scored, target="value"))

    of_value = labelling.interchange(
        copied, planted.network, target="value", n_donors=4, n_random=2
    )

    for detector in planted.detectors:
        pattern, at = detector.pattern, (detector.layer, detector.channel)
        cause = of_value.cause(*at, f"planted: {pattern.name}")
        if pattern.move is not None:
            # Only a move's logit reads it.
            assert (cause.r, cause.passed) in ((0, False), (0, None))
        else:
            # Several on one board count several times, but are one label.
            assert cause.r > 0.4
            assert cause.passed


def test_the_same_seed_gives_the_same_labels(
    store: Store, planted: PlantedNetwork
) -> None:
    asked = LabelCriteria(permutations=10, games=3)

    first, again = (
        score(
            store,
            planted.network,
            layers=["conv2"],
            target="value",
            n_positions=300,
            options=LabelOptions(n_maps=40, n_random=1, criteria=asked),
            seed=5,
        )
        for _ in range(2)
    )

    assert first.target == "value"
    assert first.to_dict() == again.to_dict()
    assert np.isnan(first.random_labelled["conv2"])
    assert first.layers["conv2"].criteria == replace(asked, seed=5)


def test_layers_may_be_mapped_one_after_the_other(
    store: Store, planted: PlantedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages: list[tuple[str, int, int]] = []
    asked = LabelCriteria(permutations=10, games=3)

    def scored_again() -> ScoredLabels:
        return score(
            store,
            planted.network,
            n_positions=300,
            options=LabelOptions(n_maps=40, n_random=1, criteria=asked),
            on_progress=lambda *stage: stages.append(stage),
        )

    together = scored_again()
    monkeypatch.setattr("conceptlrp.labelling.networks._MAP_BYTES", 1)
    apart = scored_again()

    maps = {stage for stage, _, _ in stages if stage.startswith("maps")}
    assert maps == {"maps of conv2, conv3", "maps of conv2", "maps of conv3"}
    for layer, scores in together.layers.items():
        for measure, effect in scores.effect.items():
            again = apart.layers[layer].effect[measure]
            np.testing.assert_allclose(again, effect, atol=0.01)


def test_labels_of_the_explained_move_have_controls(scored: ScoredLabels) -> None:
    names = set(scored.layers["conv2"].labels)

    assert {"corner move", "move d3", "move in the top right"} <= names
    assert any(name.startswith("random: move ") for name in scored.controls)
    assert scored.move_note == ""


def test_a_value_has_no_labels_of_a_move(store: Store, planted: PlantedNetwork) -> None:
    asked = LabelCriteria(permutations=10, games=3)

    found = score(
        store,
        planted.network,
        layers=["conv2"],
        target="value",
        n_positions=200,
        options=LabelOptions(n_maps=40, n_random=1, criteria=asked),
    )

    assert not set(found.layers["conv2"].labels) & set(MOVE_LABELS)
    assert found.move_note == "'value' explains no move, so that no label is of one."
    assert "explains no move" in found._repr_html_()


def test_labels_become_columns_for_conditions(store: Store, tmp_path: Path) -> None:
    names = label_positions(store, ["own corners", "mobility", "forced move"])

    expected = label_boards(store.positions, list(names))
    assert names == ("mobility", "forced move", "own corners")
    assert (
        store.columns.label("mobility").tolist()
        == expected.position["mobility"].tolist()
    )
    assert store.columns.label("own corners").max() > 1
    corners = store.columns.mask(
        Where(labels={"own corners": True, "mobility": (None, 3)})
    )
    assert (
        corners.tolist()
        == (
            (expected.square["own corners"] != 0) & (expected.position["mobility"] <= 3)
        ).tolist()
    )


def test_columns_are_replaced_only_when_asked(store: Store) -> None:
    label_positions(store, ["opening"], overwrite=True)

    with pytest.raises(OutputExistsError, match="has a label 'opening' already"):
        label_positions(store, ["disc lead", "opening"])

    assert "disc lead" not in store.columns.label_names
    with pytest.raises(ValueError, match="no label is named 'openings'"):
        label_positions(store, ["openings"])


def test_all_labels_can_be_columns(store: Store) -> None:
    assert label_positions(store, overwrite=True) == tuple(LABELS)


def test_a_saved_result_is_loaded_again(scored: ScoredLabels, store: Store) -> None:
    path = store.results.save(scored, overwrite=True)

    found = open_store(store.path).results.get(ScoredLabels)

    assert path.name.startswith("labels-best-")
    assert found is not None
    assert found.to_dict() == scored.to_dict()
    assert found.frame().equals(scored.frame())
    for layer, scores in scored.layers.items():
        for field in ("effect", "held_out", "p", "q", "random"):
            for measure, array in getattr(scores, field).items():
                loaded = getattr(found.layers[layer], field)[measure]
                np.testing.assert_allclose(loaded, array, rtol=1e-6, atol=1e-37)
    with pytest.raises(OutputExistsError, match="exists already"):
        store.results.save(scored)


def test_the_same_result_gives_the_same_bytes(
    scored: ScoredLabels, store: Store
) -> None:
    path = store.results.save(scored, overwrite=True)
    first = path.read_bytes()

    store.results.save(scored, overwrite=True)

    assert path.read_bytes() == first


def test_a_target_without_labels_has_none(store: Store) -> None:
    assert store.results.get(ScoredLabels, target="value") is None


def test_another_network_is_refused_with_digests(store: Store) -> None:
    other = randomize(OthelloNet(channels=4))

    with pytest.raises(NetworkError, match=r"is \w{12}, the store explains \w{12}"):
        score(store, other)


def test_an_unknown_layer_or_column_is_refused(
    store: Store, planted: PlantedNetwork
) -> None:
    with pytest.raises(LayerError, match="no layer 'conv9'"):
        score(store, planted.network, layers=["conv9"])
    options = LabelOptions(columns=("mine",))
    with pytest.raises(ValueError, match="has no label 'mine'"):
        score(store, planted.network, options=options, n_positions=60)


def test_a_composite_without_a_name_is_refused(
    store: Store, planted: PlantedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = replace(store.manifest.plan, composite={"name": "my own"})
    monkeypatch.setattr(store, "manifest", replace(store.manifest, plan=plan))

    with pytest.raises(CompositeError, match="composite 'my own', expected one of"):
        score(store, planted.network)


def test_a_channel_that_was_not_scored_is_refused(scored: ScoredLabels) -> None:
    with pytest.raises(ValueError, match="layer 'conv1' has no labels, expected one"):
        scored.channel("conv1", 0)
    with pytest.raises(ValueError, match="has channels 0 to"):
        scored.channel("conv2", 999)


def test_maps_are_of_games_on_both_sides_of_the_split() -> None:
    games = np.arange(100)

    held_out = held_out_games(games, share=0.5, seed=0)

    # One position a game: the same lots would draw those held out alone.
    assert held_out[spread_rows(games, 50, seed=0)].mean() in (0, 1)
    assert 0.3 < held_out[spread_rows(games, 50, seed=1)].mean() < 0.7


def test_maps_of_one_side_of_the_split_are_refused() -> None:
    games = np.arange(20)
    labels = Labels({"odd": games % 2 == 1}, {}, {})
    found = Comparison(
        labels=labels,
        games=games,
        plies=np.zeros(20, np.intp),
        criteria=CRITERIA,
        size=8,
        mapped=np.flatnonzero(held_out_games(games, share=0.5, seed=0)),
    )

    with pytest.raises(ValueError, match="10 positions with maps are of games on one"):
        _ = found.of_maps


def test_smaller_feature_maps_lie_in_the_middle_of_the_board() -> None:
    maps = np.arange(2 * 36.0).reshape(1, 2, 6, 6)

    found = on_board(maps, 8)

    assert found is not None
    assert (found[:, :, 1:7, 1:7] == maps).all()
    assert found.sum() == maps.sum()


@pytest.mark.parametrize("shape", [(1, 1), (5, 5), (4, 6), (10, 10)])
def test_feature_maps_that_have_no_place_on_the_board_are_left_out(
    shape: tuple[int, int],
) -> None:
    assert on_board(np.ones((3, 2, *shape)), 8) is None
