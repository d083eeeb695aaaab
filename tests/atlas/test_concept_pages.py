import itertools
from dataclasses import replace
from urllib.parse import unquote

import pytest

from conceptlrp.atlas import build_atlas
from conceptlrp.atlas.pages.concept_pages import write_concept_page
from conceptlrp.atlas.pictures.page_boards import CardMaker
from conceptlrp.atlas.site import Site, concept_page
from conceptlrp.drawing.colors import symmetric_limit
from conceptlrp.labelling import ChannelLabels
from conceptlrp.report import channel_report
from conceptlrp.report.stored_layer import StoredResults
from tests.atlas.conftest import DEAD, KEPT, write_store
from tests.atlas.full_report import HOSTILE, full_report, named_label
from tests.atlas.pages_read import Page
from tests.report.conftest import fill
from tests.report.planted_labels import evidence_of

LAYER = "conv1"
#: Where each element of the merged table of concept pages is found.
ELEMENTS = {
    "boards": ("relevant", "opposed", "active", "quantiles", "random"),
    "sections": ("labels", "effect", "statistics", "wiring", "alike", "limits", "cite"),
}


def make_site(folder, store, **changes) -> Site:
    known = {
        "folder": folder,
        "store": store,
        "target": "played",
        "title": "Atlas",
        "count": 4,
        "notes": {},
    }
    return Site(**(known | changes))


def written(folder, store, report, names=None):
    """Write the page of a report, and read it."""
    site = make_site(folder, store)
    maker = CardMaker(store, target=site.target)
    if names is not None:
        vars(site)["names"] = names
    write_concept_page(site, report, maker)
    place = report.layer, report.channel
    return Page(folder / concept_page(*place))


@pytest.fixture(scope="module")
def bare_report(store_without_maps):
    return channel_report(store_without_maps, LAYER, 1, count=4)


@pytest.fixture(scope="module")
def report(store):
    return full_report(channel_report(store, LAYER, 1, count=4))


@pytest.fixture(scope="module")
def page(store, report, tmp_path_factory):
    return written(tmp_path_factory.mktemp("full"), store, report)


@pytest.fixture(scope="module")
def bare(store_without_maps, bare_report, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bare")
    return written(folder, store_without_maps, bare_report)


def test_a_page_has_every_strip_and_every_section(page, bare):
    for each in (page, bare):
        for name in (*ELEMENTS["boards"], *ELEMENTS["sections"]):
            assert name in each.ids


def test_the_name_stands_first_and_then_a_sentence_on_the_channel(page):
    level, heading = page.headings[0]

    name = "Used when the mover's lead in corners is large; it raises the value"
    assert (level, heading.strip()) == (1, name)
    assert "Here corner lead: how many more corners the mover has." in page.words
    assert "It carries" in page.words


@pytest.mark.parametrize(
    "said",
    [
        "AUROC 0.91",  # score
        "[0.89, 0.93] of its relevance for 'corner lead'",  # interval
        "random networks reach 0.66",  # level of random networks
        "0.0125",  # corrected p-value
        "66% of its relevance lies on the label's squares",
        "raises the value when the mover's lead in corners is large (r +0.75 [+0.62",
        "its effect +0.44 is below 0.5",  # why a runner-up failed
        "random weights gets a label on 2.5%",  # control
    ],
)
def test_labels_come_with_their_evidence_and_controls(page, said):
    assert said in page.words


@pytest.mark.parametrize(
    "said",
    [
        "+0.215 [+0.2, +0.23]",  # fall of the output
        "0.415 [0.4, 0.43]",  # size of its change
        "0.105 [0.1, 0.11]",  # control
        "−0.025 [−0.03, −0.02]",  # value
        "7.0% of the positions",  # moves
        "replaced by its mean on 400 positions",
        "More than a change of the same size elsewhere in the layer",
        "raises the logit of h8 2",
        "lowers the logit of b1 0.952",
    ],
)
def test_effects_come_with_intervals_and_a_control(page, said):
    assert said in page.words


def test_edges_link_to_channels_but_not_to_targets(page):
    assert "../../concepts/conv1/c0003.html" in page.links
    assert any(link.endswith("c0001.html") and "trunk" in link for link in page.links)
    assert not any("target" in link for link in page.links)
    assert "38%" in page.words


def test_clusters_that_it_marks_are_linked_with_their_effect_size(page):
    assert "../../clusters/conv1/k02.html" in page.links
    assert "cluster 2 345 −1.25 3" in page.words


def test_a_note_stands_with_its_author_and_evidence(page):
    assert f"Corners {HOSTILE}" in page.words
    assert f"Evidence: {HOSTILE}. Ada {HOSTILE}, 2026-03-01" in page.words


def test_every_strip_says_how_many_boards_it_has(page):
    titles = [text for level, text in page.headings if level == 3]

    assert titles[:5] == [
        "Most relevant, by share of the layer: the name is about relevance ",
        "Most opposed ",
        "Most active ",
        "From most to least ",
        "At random ",
    ]
    assert page.words.count("n = 4") == 4
    assert page.words.count("n = 10") == 1


def test_boards_tell_game_move_policy_and_value_and_can_be_copied(store, report, page):
    board = report.strips["relevant"].boards[0]

    shown = next(each for each in page.boards if "data-r" in each)
    assert int(shown["data-r"]) == board.row
    assert shown["data-g"][: 2 * int(shown["data-y"])] == board.transcript
    assert board.position.obf().split()[0] in page.text
    assert board.description in page.text
    assert f"policy {round(100 * board.policy[board.played])}%" in page.words
    assert "value +0.00" in page.words


def test_every_strip_prints_the_scale_that_its_heatmaps_share(page, report):
    scales = [v for _, v in page.tags if v.get("class") == "scale"]
    mapped = [each for each in page.boards if "data-h" in each and "data-r" in each]

    maps = [report.strips[name].heatmaps for name in report.shown]
    limits = [symmetric_limit(each) for each in maps if each is not None]
    # That of the first strip stands by its largest boards too.
    assert [float(each["data-limit"]) for each in scales] == [limits[0], *limits]
    assert {each["data-unit"] for each in scales} == {"logits"}
    assert max(float(each["data-s"]) for each in mapped) <= max(limits)


def test_the_page_of_a_bare_store_says_what_is_missing_and_what_adds_it(
    bare, bare_report
):
    for sentence in (
        "No labels were tried; what adds them",
        "The channel was not ablated; what adds this",
        "no concept graph with this channel in it; what adds it",
        "The positions were not clustered by this layer; what adds this",
        "The store has no heatmaps, so the boards are plain; what adds them",
    ):
        assert sentence in bare.words
    assert len(bare_report.missing) == 7
    for sentence in bare_report.missing:
        assert sentence in bare.words


def test_the_page_of_a_full_store_misses_nothing(page):
    assert "what adds" not in page.words
    assert "Not in the store" not in page.words


def test_a_channel_without_label_is_unnamed_and_that_is_a_result(
    store, report, tmp_path
):
    labels, evidence = ChannelLabels(1), evidence_of(named=0)
    unnamed = {"name": evidence.name, "evidence": evidence}

    page = written(tmp_path, store, replace(report, labels=labels, **unnamed))

    assert page.headings[0][1].strip() == "Unnamed"
    assert "Not described: no label fulfils the criteria" in page.words
    assert "That is a result" in page.words
    assert "Nearest labels, and why they failed" in page.words


def test_a_label_of_squares_says_how_much_relevance_they_have(store, report, tmp_path):
    label = named_label(
        "own corners", measure="conditional map", share=0.26, effect=-0.9
    )
    labels = ChannelLabels(1, (label,), 1)

    page = written(tmp_path, store, replace(report, labels=labels))

    assert "26% of its relevance lies on the label's squares" in page.words


def test_a_channel_whose_labels_are_tied_says_so(store, report, tmp_path):
    labels = (named_label("edge lead"), named_label("corner lead"))
    evidence = evidence_of(*labels, named=0, rivals=("corner lead",))
    unnamed = {"name": evidence.name, "evidence": evidence}

    page = written(tmp_path, store, replace(report, **unnamed))

    said = "several labels fit about equally well ('edge lead', 'corner lead')."
    assert said in page.words


def test_a_dead_channel_has_a_page_that_says_so(store, tmp_path):
    dead = channel_report(store, LAYER, DEAD, count=4)

    page = written(tmp_path, store, dead)

    assert page.headings[0][1].strip() == "Dead channel"
    assert "its activation is zero on all" in page.words
    assert "None: the channel's activation is 0 at all" in page.words


def test_names_of_linked_channels_stand_beside_the_links(store, report, tmp_path):
    page = written(tmp_path, store, report, names={(LAYER, 3): f"wedges {HOSTILE}"})

    assert f"wedges {HOSTILE}" in page.words


def test_a_page_can_be_cited_by_a_line_to_copy(report, page):
    assert report.citation in page.text
    assert ("code", {"class": "copy", "data-what": "the citation"}) in page.tags


def test_hostile_text_stays_text(page):
    scripts = [values for tag, values in page.tags if tag == "script"]
    assert scripts == [{"src": "../../board.js"}, {"src": "../../atlas.js"}]
    assert not any(tag in ("img", "iframe") for tag, _ in page.tags)
    assert not any(name.startswith("on") for _, v in page.tags for name in v)
    assert page.words.count(HOSTILE) >= 4


def test_headings_are_in_order_and_tables_have_captions_and_scopes(page, bare):
    for each in (page, bare):
        levels = [level for level, _ in each.headings]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
        tags = [tag for tag, _ in each.tags]
        assert tags.count("table") == tags.count("caption")
        assert all("scope" in values for tag, values in each.tags if tag == "th")


def test_every_picture_is_named(page):
    for tag, values in page.tags:
        if tag == "svg":
            assert values.get("aria-label") or values.get("aria-hidden") == "true"


def test_a_full_page_takes_at_most_100_kilobytes(store, report, tmp_path):
    largest = full_report(channel_report(store, LAYER, 1, count=8))

    written(tmp_path, store, largest)

    assert KEPT < 8  # so that boards without kept heatmaps are among them
    page = tmp_path / concept_page(LAYER, 1)
    assert page.stat().st_size <= 100_000


def test_the_same_report_gives_the_same_bytes(store, report, tmp_path):
    for name in "ab":
        written(tmp_path / name, store, report)

    place = concept_page(LAYER, 1)
    first, second = ((tmp_path / name / place).read_bytes() for name in "ab")
    assert first == second


def test_pages_of_a_6x6_board_name_its_own_squares(small_board_store, tmp_path):
    report = channel_report(small_board_store, LAYER, 1, count=4)

    page = written(tmp_path, small_board_store, full_report(report, size=6))

    assert "raises the logit of f6 2" in page.words
    assert {board["data-n"] for board in page.boards} == {"6"}


def test_no_data_stand_beside_the_pages(store, tmp_path):
    out = build_atlas(store, tmp_path / "out", count=2)

    assert not list((out / "concepts").rglob("*.json"))


def test_all_that_was_added_to_a_store_is_on_the_pages(tmp_path):
    full = fill(write_store(tmp_path / "run.crp"))

    out = build_atlas(full, tmp_path / "out", count=2)

    names = StoredResults(full, full.targets[0]).names
    assert names
    for (layer, channel), name in names.items():
        if channel == DEAD:
            continue
        page = Page(out / concept_page(layer, channel))
        title = page.headings[0][1].strip()
        assert title.lower().startswith(name.lower())
        for missing in ("No labels", "was not ablated", "has no concept graph"):
            assert missing not in page.words
        for link in page.links:
            place = "" if link.startswith("data:") else link.partition("#")[0]
            assert (
                not place
                or (out / concept_page(layer, 0))
                .parent.joinpath(unquote(place))
                .is_file()
            )
