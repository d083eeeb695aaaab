import json
from dataclasses import fields, replace

import numpy as np
import pytest

import conceptlrp as cl
from conceptlrp.errors import LayerError, TargetError
from conceptlrp.othello import square_name
from conceptlrp.report import ChannelReport, layer_report
from conceptlrp.report.stored_layer import StoredResults
from conceptlrp.store import open_store
from tests.atlas.conftest import DEAD, LAYERS, write_store
from tests.report.conftest import UPPER, evaluation, planted_clustering, planted_effects
from tests.report.planted_labels import planted_interchange

KINDS = ["bare_store", "kept_store", "full_store"]


def as_json(report: ChannelReport) -> str:
    return json.dumps(report.to_dict(), allow_nan=False)


@pytest.mark.parametrize("kind", KINDS)
def test_json_is_strict_has_every_attribute_and_stays_the_same(kind, request):
    store = request.getfixturevalue(kind)
    for layer in LAYERS:
        report = cl.channel_report(store, layer, 1)

        text = as_json(report)

        again = cl.channel_report(open_store(store.path), layer=layer, channel=1)
        assert as_json(again) == text
        found = json.loads(text)
        assert {each.name for each in fields(report)} < set(found)
        assert found["encoding-type"] == "conceptlrp-channel-report"


@pytest.mark.parametrize("kind", KINDS)
def test_reports_of_a_layer_are_those_of_its_channels(kind, request):
    store = request.getfixturevalue(kind)
    for layer, channels in LAYERS.items():
        together = list(layer_report(store, layer, target="value", count=3))

        assert [report.channel for report in together] == list(range(channels))
        for report in together:
            alone = cl.channel_report(
                store, layer=layer, channel=report.channel, target="value", count=3
            )
            assert as_json(alone) == as_json(report)
            assert alone.text() == report.text()


def test_a_bare_store_says_what_it_lacks_and_which_command_adds_it(bare_store):
    report = cl.channel_report(bare_store, "conv1", 0)

    verbs = ("attribute", "label", "interchange", "ablate", "graph", "cluster")
    verbs = (*verbs, "evaluate")
    for verb, sentence in zip(verbs, report.missing, strict=True):
        assert f"'conceptlrp {verb}" in sentence
    assert report.effects is report.labels is None
    assert report.upstream == report.downstream == report.clusters == ()


def test_a_full_store_lacks_nothing(full_store):
    report = cl.channel_report(full_store, "conv1", 0)

    assert report.missing == ()


def test_labels_come_with_name_cause_and_the_level_of_random_networks(full_store):
    found = list(layer_report(full_store, "conv1"))

    names = [str(report.name) for report in found]
    assert names[0] == "active when 'best' is high; it raises the move played's logit"
    carried = "lowers the move played's logit when 'weak' is high"
    assert set(names[1:]) == {carried, "unnamed"}
    assert not found[1].name.is_named
    assert found[2].name.text == carried
    causes = [each.evidence.causes for each in found]
    assert [each.value for each in causes[:3]] == [0.75, causes[1].value, -0.5]
    assert [each.passed for each in causes[:3]] == [True, False, True]
    assert {report.random_labelled for report in found} == {0.125}
    assert {report.exchanged_labelled for report in found} == {0.0}
    assert found[0].labels.labels[0].held_out == pytest.approx(0.9)
    assert "twin" not in [each.label for each in found[2].runners_up]
    assert [each.label for each in found[2].runners_up][:2] == ["best", "gone"]


def test_what_one_random_network_does_is_not_known(full_store):
    report = cl.channel_report(full_store, UPPER, 0)

    assert report.random_labelled is None


def test_labels_that_networks_with_random_weights_get_are_a_warning(full_store):
    report = cl.channel_report(full_store, "conv1", 0)

    assert any("random weights gets labels on 12%" in w for w in report.warnings)


def test_a_control_that_fits_is_a_warning(full_store):
    fits, other = (cl.channel_report(full_store, "conv1", c).warnings for c in (1, 3))

    assert any("also fits the control 'twin'" in each for each in fits)
    assert not any("control" in each for each in other)


def test_a_name_that_fails_the_causal_check_comes_with_a_warning(
    full_store, monkeypatch
):
    planted = planted_interchange(full_store)
    layer = planted.layers["conv1"]
    layers = {"conv1": replace(layer, r=layer.r / 8, low=layer.low - 0.7)}
    failing = replace(planted, layers=layers)
    monkeypatch.setattr(StoredResults, "interchange", failing)

    report = cl.channel_report(full_store, "conv1", 0)

    assert "The name fails interchange" in report.warnings[0]
    assert "Not shown to cause: for 'best', the interval" in " ".join(
        report.text().split()
    )


def test_another_target_is_named_in_the_commands(full_store):
    report = cl.channel_report(full_store, "conv1", 0, target="value")

    assert report.unit == "value before tanh"
    assert report.labels is None
    missing = "\n".join(report.missing)
    assert "'conceptlrp ablate STORE --target value'" in missing
    assert "'conceptlrp cluster STORE --layer conv1 --target value'" in missing


def test_a_dead_channel_is_reported_as_one(kept_store):
    report = cl.channel_report(kept_store, "conv1", DEAD)

    assert report.statistics.dead
    assert report.statistics.rank == report.channels
    assert report.statistics.relevance.counts == ()
    assert report.warnings[0] == "The channel is dead: it is active on no position."
    assert (
        "how much    It is dead: its activation is zero on all 480 positions"
        in report.text()
    )
    json.loads(as_json(report))


def test_effects_are_the_row_of_the_channel(full_store):
    planted = planted_effects(full_store).layers[UPPER]

    found = [report.effects for report in layer_report(full_store, UPPER)]

    assert [each.size for each in found] == planted.size.tolist()
    assert [each.control_low for each in found] == planted.control_low.tolist()
    assert [each.beats_control for each in found] == planted.beats_control.tolist()
    assert [found[c].rank for c in planted.order] == [1, 2, 3, 4]
    assert found[0].value is None
    np.testing.assert_array_equal(found[3].policy, planted.policy[3])


def test_moves_are_those_where_the_channel_has_its_largest_part(kept_store):
    share = np.abs(kept_store.scores("conv1", 3))
    explained = kept_store.arrays.explained_square()
    means = {
        square_name(int(move), 8): float(share[explained == move].mean())
        for move in np.unique(explained)
        if move >= 0 and (explained == move).sum() >= 10
    }

    moves = cl.channel_report(kept_store, "conv1", 3).moves

    assert [each.move for each in moves] == sorted(means, key=lambda m: -means[m])[:5]
    for each in moves:
        assert each.magnitude == pytest.approx(means[each.move], rel=1e-5)


def test_the_value_explains_no_move(kept_store):
    report = cl.channel_report(kept_store, "conv1", 3, target="value")

    assert report.moves == ()


def test_clusters_are_those_that_have_the_channel_among_their_markers(full_store):
    effects = planted_clustering(full_store).effects

    for report in layer_report(full_store, "conv1"):
        column = effects[:, report.channel]
        order = np.argsort(-np.abs(column)).tolist()
        assert [each.cluster for each in report.clusters] == order
        for each in report.clusters:
            assert each.effect == pytest.approx(column[each.cluster])
            stronger = np.abs(effects[each.cluster]) > abs(each.effect)
            assert each.place == stronger.sum() + 1


def test_nearest_channels_come_with_their_cosine(kept_store):
    report = cl.channel_report(kept_store, "conv1", 0)

    share = kept_store.arrays.share("conv1").astype(float)
    for each in report.nearest:
        one, other = share[:, 0], share[:, each.channel]
        length = np.linalg.norm(one) * np.linalg.norm(other)
        cosine = one @ other / length if length else 0
        assert each.cosine == pytest.approx(cosine, abs=1e-5)
    assert 0 not in [each.channel for each in report.nearest]


def test_what_the_composite_fails_and_what_is_absorbed_are_warnings(full_store):
    report = cl.channel_report(full_store, "conv1", 0)

    assert "Epsilon-flat draws one picture." in report.warnings
    assert any(
        "Only 40% of the explained output arrives" in each for each in report.warnings
    )
    assert any("only 480 positions" in each for each in report.warnings)
    assert any("only 8 games" in each for each in report.warnings)


def test_order_that_hardly_agrees_with_ablation_is_a_warning(full_store):
    said = "the order of the channels of conv1 by relevance agrees only by 0.50"
    report = cl.channel_report(full_store, "conv1", 0)

    assert any(said in each for each in report.warnings)
    other = cl.channel_report(full_store, UPPER, 0)
    assert not any("agrees only by" in each for each in other.warnings)


def test_an_evaluation_of_other_composites_is_none(tmp_path):
    store = write_store(tmp_path / "run.crp", references=False)
    store.results.save(evaluation(store, "gamma"))

    report = cl.channel_report(store, layer="conv1", channel=0)

    assert any("'conceptlrp evaluate" in each for each in report.missing)


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"layer": "conv1", "channel": 6}, LayerError, "no channel 6, expected 0 to 5"),
        ({"layer": "conv1", "channel": -1}, LayerError, "no channel -1"),
        ({"layer": "conv9", "channel": 0}, LayerError, "no layer 'conv9'"),
        ({"layer": "conv1", "channel": 0, "target": "a1"}, TargetError, "no target"),
        (
            {"layer": "conv1", "channel": 0, "count": 0},
            ValueError,
            "count is 0, expected at least 1",
        ),
    ],
)
def test_what_cannot_be_reported_is_an_error(asked, error, message, bare_store):
    with pytest.raises(error, match=message):
        cl.channel_report(bare_store, **asked)


def test_a_wrong_layer_is_refused_before_the_first_report(bare_store):
    with pytest.raises(LayerError):
        layer_report(bare_store, "conv9")


def test_a_small_board_is_reported_too(tmp_path):
    store = write_store(tmp_path / "run.crp", size=6)

    report = cl.channel_report(store, "conv1", 1)

    assert report.mean_positive.shape == (6, 6)
    assert "Strongest squares" in report.text()
    json.loads(as_json(report))


def test_a_citation_names_network_corpus_and_channel(bare_store):
    found = cl.channel_report(bare_store, "conv1", 3).citation

    made = bare_store.manifest
    assert found.startswith("Channel 3 of conv1 of network ")
    for part in (made.network["digest"][:12], made.corpus["digest"][:12], "480"):
        assert part in found
