"""Every view says the same of a channel: name, boards, maps, unit, clusters and more.

Views are the API, text, JSON, pages, the search of the first page, figures, exports,
the terminal and notebooks.
"""

import json
import re
from html import escape, unescape

import numpy as np
import pandas as pd
import pytest

import conceptlrp as cl
from conceptlrp.jsontext import plain
from conceptlrp.labelling import (
    EditedBoards,
    Interchange,
    ScoredLabels,
    evidence_by_channel,
)
from conceptlrp.labelling.evidence import LEVELS
from conceptlrp.lrp import Target
from conceptlrp.report import layer_report
from conceptlrp.report.stored_layer import mean_maps
from conceptlrp.report.words.numbers import compact, percent
from conceptlrp.statistics.intervals import effect
from tests.agreement import views
from tests.agreement.conftest import COUNT, LAYER
from tests.command_line import succeed

NAMES = {
    0: "active when the mover's mobility is high",
    3: "inactive when the mover has corners",
}


def test_every_view_has_the_name_badge_and_quantity_of_the_one_evidence(
    store, reports, atlas, exported
):
    import anndata

    kept = store.results
    every = evidence_by_channel(
        kept.get(ScoredLabels), kept.get(EditedBoards), kept.get(Interchange)
    )
    table = pd.read_parquet(exported / "parquet" / "channels.parquet")
    table = table[table["layer"] == LAYER].set_index("channel")
    var = anndata.read_h5ad(exported / "conv2.h5ad").var
    frame = layer_report(store, LAYER).frame()
    lines = views.index(atlas)

    for channel, report in enumerate(reports):
        found = every[LAYER, channel]
        badge = found.badge if found.name.is_named else ""
        known = {"name": found.name.text, "badge": badge}
        known["quantity"] = found.name.quantity
        content = views.exported_json(exported, channel)
        assert {each: content[each] for each in known} == known
        for each, value in known.items():
            assert frame[each][channel] == value
            assert table[each][channel] == value
            assert var[each].iloc[channel] == value
        levels = [n for n in LEVELS if n in badge]
        assert lines[channel]["badge"] == sum(1 << LEVELS.index(n) for n in levels)
        page = views.concept(atlas, channel).words
        for line in found.lines:
            assert " ".join(line.split()) in page
            assert line in views.text_of(report)
        shown = f"{found.name}{f' ({badge})' if badge else ''} "
        assert views.text_of(report).startswith(f"conv2, channel {channel}: {shown}")
        assert f"channel {channel}: {shown}" in views.terminal(store, channel)


def test_every_view_names_a_channel_the_same_with_its_sign(
    store, reports, atlas, exported
):
    import anndata

    lines = views.index(atlas)
    table = pd.read_parquet(exported / "parquet" / "channels.parquet")
    table = table[table["layer"] == LAYER].set_index("channel")
    var = anndata.read_h5ad(exported / "conv2.h5ad").var
    frame = layer_report(store, LAYER).frame()
    notebook = layer_report(store, LAYER)._repr_html_()

    for channel, report in enumerate(reports):
        name = report.name.text
        assert name.startswith(NAMES.get(channel, name))
        assert views.text_of(report).startswith(f"conv2, channel {channel}: {name} ")
        assert lines[channel]["named"] == report.name.is_named
        assert lines[channel]["name"] == name or not report.name.is_named
        assert views.exported_json(exported, channel)["name"] == name
        assert frame["name"][channel] == name
        assert table["name"][channel] == name
        assert var["name"].iloc[channel] == name
        assert f"channel {channel}: {name} " in views.terminal(store, channel)
        assert escape(name).replace("&#x27;", "&#39;") in report._repr_html_()
        assert repr(name) in repr(report)
        if not report.statistics.dead:
            title = views.concept(atlas, channel).headings[0][1]
            assert title.startswith(report.name.title)
    scored = store.results.get(ScoredLabels).frame()
    scored = scored[scored["layer"] == LAYER].set_index("channel")["name"]
    assert {channel: scored[channel] for channel in NAMES} == NAMES
    words = views.layer(atlas).words
    shown = unescape(notebook)
    assert all(name in words and name in shown for name in NAMES.values())
    assert not re.search(
        r"(?<!inactive when )the mover has corners", words.partition("All channels")[2]
    )


def test_the_effect_of_a_name_has_its_sign_everywhere(reports, atlas):
    lines = views.index(atlas)

    for channel, sign in ((0, 1), (3, -1)):
        held_out = reports[channel].labels.labels[0].held_out
        assert np.sign(held_out) == sign == reports[channel].name.sign
        assert lines[channel]["score"] == pytest.approx(held_out, abs=0.01)
        assert reports[channel].line.score == held_out
        assert effect(held_out) in views.concept(atlas, channel).words
        assert effect(held_out) in views.layer(atlas).words


def test_every_view_says_the_same_of_what_a_channel_carries_into_the_output(
    store, reports, atlas, exported
):
    kept = store.results.get(Interchange)
    table = kept.frame(LAYER).set_index(["channel", "label"])

    for channel, report in enumerate(reports):
        found = report.evidence.causes
        label = report.name.carried or report.name.label
        if label in kept.labels:
            assert table["r"][channel, label] == found.value
            assert table["passed"][channel, label] == found.passed
        for words in (views.text_of(report), views.terminal(store, channel)):
            assert found.text in words
        if not report.statistics.dead:
            assert found.text in views.concept(atlas, channel).words
        content = views.exported_json(exported, channel)
        assert content["evidence"] == plain(report.evidence)


@pytest.mark.parametrize("channel", range(6))
def test_every_view_shows_the_same_boards_in_the_same_order(
    channel, store, reports, atlas, exported, monkeypatch, tmp_path
):
    boards = reports[channel].strips["relevant"]
    rows, n = boards.rows.tolist(), len(boards)
    if not n:
        pytest.skip("a channel that speaks for the output nowhere has no boards")
    place = ("--layer", LAYER, "--channel", channel)

    found = cl.reference_boards(store, LAYER, channel, COUNT)
    shown = json.loads(succeed("top", store.path, *place, "-n", COUNT, "--json"))
    page = views.concept(atlas, channel)
    drawn = views.figure(
        monkeypatch, tmp_path, "references", store, *place, "--count", n
    )

    assert found.rows[:n].tolist() == rows
    assert [each["row"] for each in shown["boards"]][:n] == rows
    listed = views.exported_json(exported, channel)["strips"]["relevant"]["boards"]
    assert [each["row"] for each in listed] == rows
    text = views.text_of(reports[channel])
    assert views.rows_of_text(text, "Most relevant") == rows[:3]
    assert (
        views.rows_of_text(views.terminal(store, channel), "Most relevant")
        == (rows[:3])
    )
    on_page = [int(each.get("data-r", -1)) for each in page.boards]
    assert rows in [on_page[i : i + len(rows)] for i in range(len(on_page))]
    captions = "\n".join(views.texts(drawn))
    games = [each.description.rpartition(", ")[2] for each in boards.boards]
    assert all(each in captions for each in games)


@pytest.mark.parametrize(
    ("kind", "target"), [("store", "played"), ("kept_store", "value")]
)
def test_figure_report_and_page_show_the_same_mean_maps(
    kind, target, request, monkeypatch, tmp_path
):
    store = request.getfixturevalue(kind)
    maps = mean_maps(store, LAYER, target=target)
    reports = list(layer_report(store, LAYER, target=target, count=COUNT))
    # Missing boards are what means could differ by.
    missing = store.references(LAYER, "share-top", target=target).rows < 0
    assert kind == "store" or missing.any()

    options = [part for c in range(6) for part in ("--channel", c)]
    about = ("--target", target)
    drawn = views.figure(
        monkeypatch, tmp_path, "means", store, "--layer", LAYER, *about, *options
    )
    meshes = [
        mesh.get_array().reshape(8, 8)
        for axes in drawn.axes
        for mesh in axes.collections
        if mesh.get_array() is not None and mesh.get_array().size == 64
    ]

    assert any(maps.words in text for text in views.texts(drawn))
    for channel, report in enumerate(reports):
        np.testing.assert_array_equal(report.mean_positive, maps.positive[channel])
        content = json.loads(views.terminal(store, channel, "--json", *about))
        for sign, expected in (
            ("positive", maps.positive[channel]),
            ("negative", maps.negative[channel]),
        ):
            np.testing.assert_allclose(content[f"mean_{sign}"], expected, atol=1e-12)
            assert any(np.allclose(mesh, expected, atol=1e-9) for mesh in meshes)
        assert f"In the heatmaps of {maps.words}" in views.text_of(report) or not (
            report.mean_positive.any() or report.mean_negative.any()
        )


@pytest.mark.parametrize("target", ["played", "value"])
def test_every_view_words_the_unit_of_a_target_the_same(
    target, store, atlas, value_atlas, monkeypatch, tmp_path
):
    pages = {"played": atlas, "value": value_atlas}[target]
    unit = Target.parse(target).unit
    other = {"played": "value before tanh", "value": "logits"}[target]

    report = cl.channel_report(store, LAYER, 1, target=target, count=COUNT)
    drawn = views.figure(
        monkeypatch, tmp_path, "means", store, "--layer", LAYER, "--target", target
    )

    assert report.unit == unit
    assert {each["unit"] for each in views.index(pages)} == {unit}
    assert f"({unit})" in views.concept(pages, 1).words
    figures = " ".join(views.texts(drawn))
    assert unit in figures
    assert other not in figures
    home = (pages / "index.html").read_text()
    assert f"{unit};" in home


def test_pages_reports_and_files_know_the_same_clusters(
    store, reports, atlas, exported
):
    import anndata

    clustering = layer_report(store, LAYER).stored.clustering
    markers = clustering.markers(8)
    pages = sorted(path.name for path in (atlas / "clusters" / LAYER).glob("*.html"))

    assert pages == ["k00.html", "k01.html", "k02.html"]
    table = pd.read_parquet(exported / "parquet" / "clusters.parquet")
    assert table["cluster"].tolist() == clustering.labels.tolist()
    observed = anndata.read_h5ad(exported / "conv2.h5ad").obs[f"cluster_{LAYER}"]
    assert observed.astype(int).tolist() == clustering.labels.tolist()
    for channel, report in enumerate(reports):
        marked = {each.cluster for each in report.clusters}
        assert marked == {n for n, m in enumerate(markers) if channel in m.channels}
        page = views.concept(atlas, channel)
        linked = {link for link in page.links if "/clusters/" in link}
        assert linked == {f"../../clusters/{LAYER}/k{n:02d}.html" for n in marked}
        assert "No clusters" not in page.words
        assert not any("No clusters" in each for each in report.missing)
        found = views.exported_json(exported, channel)["clusters"]
        assert {each["cluster"] for each in found} == marked
    for number in range(3):
        words = views.Page(atlas / "clusters" / LAYER / f"k{number:02d}.html").words
        assert "not measured" not in words


def test_no_page_links_to_a_page_that_is_not_there(atlas, value_atlas):
    for folder in (atlas, value_atlas):
        for path in folder.rglob("*.html"):
            for link in views.Page(path).links:
                target = (path.parent / link.partition("#")[0]).resolve()
                assert target.exists(), (path.relative_to(folder), link)


def test_every_view_gives_a_channel_the_same_share(store, reports, atlas, exported):
    import anndata

    lines = views.index(atlas)
    table = pd.read_parquet(exported / "parquet" / "channels.parquet")
    table = table[table["layer"] == LAYER].set_index("channel")
    var = anndata.read_h5ad(exported / "conv2.h5ad").var
    by_hand = np.abs(store.arrays.share(LAYER)).mean(axis=0)

    for channel, report in enumerate(reports):
        share = report.statistics.magnitude
        assert share == pytest.approx(by_hand[channel], rel=1e-5)
        assert lines[channel]["share"] == pytest.approx(share, rel=0.01)
        assert table["magnitude"][channel] == pytest.approx(share, rel=1e-5)
        assert table["rank"][channel] == report.statistics.rank
        assert var["magnitude"].iloc[channel] == pytest.approx(share, rel=1e-5)
        assert percent(share) in views.text_of(report)
        assert percent(share) in views.concept(atlas, channel).words
        assert percent(share) in views.layer(atlas).words
        content = views.exported_json(exported, channel)
        assert content["statistics"]["magnitude"] == share


def test_every_view_lists_the_same_neighbours(reports, atlas, exported):
    features = views.features(exported)

    for channel, report in enumerate(reports):
        near = [each.channel for each in report.nearest]
        listed = views.exported_json(exported, channel)["nearest"]
        assert [each["channel"] for each in listed] == near
        assert features[channel]["topkCosSimIndices"] == near
        table = views.concept(atlas, channel).words.partition("Channels used alike")[2]
        shown = re.findall(r"channel (\d+) (?:[a-z ',;-]+ )?[+−]\d\.\d\d", table)
        assert [int(each) for each in shown[: len(near)]] == near


def test_the_figure_and_the_first_page_lay_channels_out_the_same(
    store, atlas, monkeypatch, tmp_path
):
    drawn = views.figure(
        monkeypatch, tmp_path, "channels", store, "--layer", LAYER, "--width", 8
    )

    lines = [line for line in views.index(atlas) if line["x"] >= 0]
    discs = np.concatenate([c.get_offsets() for c in drawn.axes[0].collections])
    page = np.array([[line["x"], line["y"]] for line in lines], float)
    assert len(discs) == len(page)
    for axis in (0, 1):
        correlation = np.corrcoef(discs[:, axis], page[:, axis])[0, 1]
        assert correlation > 0.95


def test_every_view_says_the_same_of_where_numbers_come_from(
    store, reports, atlas, exported
):
    made = store.manifest
    for report in reports:
        for name, value in report.provenance:
            assert " ".join(f"{name}: {value}".split()) in views.text_of(report)
        content = views.exported_json(exported, report.channel)
        assert content["citation"] == report.citation
        assert views.features(exported)[report.channel]["source"] == report.citation
    facts = dict(reports[0].provenance)
    assert made.network["digest"][:12] in facts["network"]
    for path in atlas.rglob("*.html"):
        words = views.Page(path).words
        for name, value in reports[0].provenance:
            assert " ".join(f"{name} {value}".split()) in words, path.name
    exported_by = json.loads((exported / "json" / "conceptlrp-export.json").read_text())
    assert exported_by["network"]["digest"] == made.network["digest"]


def test_the_ablation_and_the_evaluation_are_said_alike(store, reports, atlas):
    verdict = layer_report(store, LAYER).stored.results.verdict

    home = views.Page(atlas / "index.html").words
    for warning in verdict.warnings:
        assert warning in home
        assert all(warning in report.warnings for report in reports)
        assert warning in views.concept(atlas, 0).words
    for line, report in zip(views.index(atlas), reports, strict=True):
        assert line["effect"] == pytest.approx(report.effects.size, rel=0.01)
        assert bool(line["beats"]) == report.effects.beats_control
        words = views.concept(atlas, report.channel).words
        assert compact(report.effects.size) in words
        assert compact(report.effects.size) in views.text_of(report)
        assert report.missing == ()
        assert "Not in the store" not in words
    limit = max(
        abs(reports[0].mean_positive).max(), abs(reports[0].mean_negative).max()
    )
    assert compact(limit) != "–"
