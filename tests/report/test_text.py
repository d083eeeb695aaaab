from dataclasses import replace

import numpy as np
import pytest

from conceptlrp.atlas import build_atlas
from conceptlrp.labelling import ChannelLabels
from conceptlrp.networks import demo_network
from conceptlrp.othello import Corpus, Position
from conceptlrp.report import Note, channel_report, layer_report
from conceptlrp.report.findings import ChannelEffect, runners_up
from conceptlrp.report.statistics import MoveStatistics, PhaseStatistics
from conceptlrp.runs import attribute_corpus
from tests.atlas.conftest import LAYERS
from tests.report.planted_labels import cause, evidence_of, held, scored

HOSTILE = Note("a\x1b[2Jb\r\nc\u202e", "\x07Ada", "today\u2028", "\x9b31m")


def unwrapped(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture
def report(kept_store):
    return channel_report(kept_store, "conv1", 0)


@pytest.mark.parametrize("kind", ["bare_store", "kept_store", "full_store"])
def test_lines_are_short_and_steer_no_terminal(kind, request):
    store = request.getfixturevalue(kind)
    for layer, channels in LAYERS.items():
        notes = {(layer, channel): HOSTILE for channel in range(channels)}
        for report in layer_report(store, layer, notes=notes):
            text = report.text()

            assert max(map(len, text.splitlines())) <= 88
            assert text.replace("\n", "").isprintable()
            assert text.endswith("\n")


def test_what_would_steer_a_terminal_is_shown_as_an_escape(report):
    text = replace(report, note=HOSTILE, layer="l\x1b]0;x\x07").text()

    assert text.startswith(r"l\x1b]0;x\x07, channel 0: unnamed")
    for part in (r"a\x1b[2Jb", r"c\u202e", r"\x07Ada", r"today\u2028", r"\x9b31m"):
        assert part in text


def test_numbers_of_the_text_are_those_of_the_report(report):
    text = unwrapped(report.text())
    found = report.statistics

    assert f"(rank {found.rank} of 6)" in text
    assert f"It carries {100 * found.magnitude:.0f}% of the relevance of conv1" in text
    best = report.strips["relevant"].boards[0]
    assert f"(row {best.row})" in text
    assert f"+{100 * best.score:.0f}% " in text


@pytest.mark.parametrize(
    ("mean", "sentence"),
    [
        (0.1, "mostly for the output"),
        (-0.1, "mostly against the output"),
        (0.001, "for the output about as much as against it"),
    ],
)
def test_a_channel_leans_to_the_side_of_its_mean(mean, sentence, report):
    statistics = replace(report.statistics, magnitude=0.2, mean_share=mean)

    assert sentence in unwrapped(replace(report, statistics=statistics).text())


def test_the_phase_of_a_channel_is_the_one_with_most_relevance(report):
    def phase(number, magnitude, positions=100):
        first = 10 * number
        return PhaseStatistics(first, first + 9, positions, magnitude, 1.0)

    peaked = phase(0, 0.1), phase(1, 0.3), phase(2, 0.2), phase(3, 0.9, positions=2)
    text = unwrapped(replace(report, phases=peaked).text())
    assert "Most in moves 11 to 20 (30% of the layer's relevance), least in" in text
    assert "least in moves 1 to 10 (10%)." in text

    flat = unwrapped(replace(report, phases=(phase(0, 0.1), phase(1, 0.11))).text())
    assert "About equally through the game: 10% to 11%" in flat


def test_a_place_that_has_more_than_its_part_of_the_board_is_named(report):
    corners = np.zeros((8, 8))
    corners[[0, 0, 7, 7], [0, 7, 0, 7]] = 1.0, 2.0, 3.0, 4.0
    corners[3, 4] = 1

    looking = replace(report, mean_positive=corners, mean_negative=np.zeros((8, 8)))
    text = unwrapped(looking.text())

    assert "Kinds of squares with more than their share: corners 91% (6.2%)." in text
    assert "Strongest squares: h8 36%, a8 27%, h1 18%, a1 9.1%." in text


def test_the_densest_part_of_the_board_is_named_by_its_middle(report):
    spot = np.full((8, 8), 0.01)
    spot[0, 7] = spot[2, 5] = 1

    looking = replace(report, mean_positive=spot, mean_negative=np.zeros((8, 8)))

    text = unwrapped(looking.text())
    assert "The nine squares around g2 have 79% of it (14% of the squares)." in text


def test_moves_with_far_more_than_usual_are_named(report):
    statistics = replace(report.statistics, magnitude=0.1)
    moves = (
        MoveStatistics("a8", 20, 0.4, 0.3),
        MoveStatistics("pa", 12, 0.2, -0.1),
        MoveStatistics("c3", 50, 0.14, 0.0),
    )

    text = unwrapped(replace(report, statistics=statistics, moves=moves).text())

    assert (
        "Far above its 10% where the explained move is a8 (40%, mean +30%, 20 "
        "positions) or pa (20%, mean −10%, 12 positions)." in text
    )


def test_negative_relevance_counts_as_much_as_positive(report):
    negative = np.zeros((8, 8))
    negative[2, 5] = -1

    looking = replace(report, mean_positive=np.zeros((8, 8)), mean_negative=negative)

    assert "Strongest squares: f3 100%" in unwrapped(looking.text())


def test_relevance_all_over_the_board_stands_out_nowhere(report):
    even = replace(
        report, mean_positive=np.ones((8, 8)), mean_negative=np.zeros((8, 8))
    )

    assert "It is spread over the board." in even.text()
    assert "more than their part" not in even.text()


def effect_of(**changes: float) -> ChannelEffect:
    numbers = {
        name: 0.5
        for name in ChannelEffect.__dataclass_fields__
        if name not in ("ablation", "positions", "games", "rank", "policy")
    }
    about = {"rank": 2, "policy": np.zeros((8, 8))}
    found = ChannelEffect("mean", 50, 50, **about, **numbers)
    return replace(found, **changes)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"fall": 0.3, "fall_low": 0.2, "fall_high": 0.4}, "falls by 0.3 [0.2, 0.4]"),
        (
            {"fall": -0.3, "fall_low": -0.4, "fall_high": -0.2},
            "rises by 0.3 [0.2, 0.4]",
        ),
        (
            {"fall": -0.1, "fall_low": -0.4, "fall_high": 0.2},
            "changes by 0.1 [−0.2, 0.4], in no clear direction, on average",
        ),
        (
            {"beats_control": True},
            "That is more than a change of the same size elsewhere",
        ),
        (
            {"beats_control": False},
            "That is not clearly more than a change of the same size",
        ),
        (
            {"value": 0.2, "value_low": 0.1, "value_high": 0.4},
            "The output of the value head changes by −0.2 [−0.4, −0.1] on average.",
        ),
    ],
)
def test_effects_of_ablation_are_told_with_their_direction(changes, sentence, report):
    text = unwrapped(replace(report, effects=effect_of(**changes)).text())

    assert sentence in text


def test_a_network_without_a_value_is_told_nothing_of_it(report):
    text = replace(report, effects=effect_of(value=None)).text()

    assert "value before tanh" not in text


def named(report, found=None, **changes):
    """Give a report a label as its name, and what interchange found of it."""
    label = replace(held("own corners"), **changes)
    evidence = evidence_of(label, found=found)
    return replace(
        report,
        name=evidence.name,
        evidence=evidence,
        labels=ChannelLabels(0, (label,), 1),
        runners_up=runners_up(scored(held("best"), name="best"), 0)[:1],
        random_labelled=0.02,
        exchanged_labelled=0.0,
    )


def test_a_name_is_told_with_evidence_control_and_cause(report):
    text = unwrapped(named(report, cause("own corners")).text())

    assert text.startswith(
        "conv1, channel 0: active when the mover has corners; it raises the value "
        "(describes, causes) "
    )
    assert (
        "Describes: active when the mover has corners. On held-out games, AUROC 0.95 "
        "[0.90, 1.00] of its activation for 'own corners'; random networks reach 0.55. "
        "Here own corners: corners that the mover has." in text
    )
    assert (
        "Causes: it raises the value when the mover has corners (r +0.75 [+0.62, "
        "+0.88], 40 games; exchanged labels reach 0.12, random networks 0.25; where "
        "the label is equal the output changes 0.50 times as much)." in text
    )
    assert "labels q 0.01. Runners-up: - 'twin' (activation, effect +0.95)" in text
    assert (
        "Controls: by the same rules, a network of the same shape with random weights "
        "gets a label on 2.0% and this one with its numbers exchanged between "
        "positions of the same ply gets a label on 0% of the channels of conv1." in text
    )


def test_a_channel_that_is_lower_where_its_label_holds_is_told_so(report):
    found = named(report, effect=-0.9, held_out=-0.9, low=-1.0, high=-0.8, auroc=None)

    text = unwrapped(found.text())
    assert "Describes: inactive when the mover has many corners. On held-out" in text
    assert "rank correlation −0.90 [−1.00, −0.80] of its activation for" in text
    assert "-0." not in text


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (cause("own corners", -0.75), "it lowers the value when the mover has corners"),
        (
            cause("own corners", -0.05, passed=False),
            (
                "Not shown to cause: for 'own corners', the interval would have to lie "
                "beyond 0.1 and beyond chance (r "
                "−0.05 [−0.1"
            ),
        ),
        (
            replace(cause("own corners", passed=None), games=3),
            "Not tested by interchange: 'own corners' differs in fewer than 10 games.",
        ),
        (
            cause("mobility", -0.75),
            "Causes: it lowers the value when the mover's mobility is high (r −0.75",
        ),
        (None, "Not tested by interchange."),
    ],
)
def test_what_interchange_found_is_told(report, found, sentence):
    assert sentence in unwrapped(named(report, found).text())


def test_squares_of_a_feature_map_have_activation(report):
    found = named(report, measure="feature map", share=0.4, iou=0.25, within_board=0.8)

    assert "40% of its activation lies on the label's" in unwrapped(found.text())


def test_squares_of_a_label_are_told_for_maps(report):
    text = unwrapped(named(report, share=0.4, iou=0.25, within_board=0.8).text())

    assert "40% of its relevance lies on the label's squares; overlap 0.25" in text


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ((), "Not described: no label fulfils the criteria on held-out games."),
        ((held("best"),), "Not described: 'best' does not clearly lead."),
    ],
)
def test_a_channel_without_a_name_says_why(labels, sentence, report):
    evidence = evidence_of(*labels, named=0)
    found = replace(report, labels=ChannelLabels(0, labels), evidence=evidence)

    assert sentence in unwrapped(found.text())


def test_one_board_is_no_sample(tmp_path):
    loose = Corpus.from_positions(Position.from_transcript("f5d6c3d3c4"))
    options = {"targets": ["best"], "layers": ["conv4"]}
    store = attribute_corpus(demo_network(), loose, tmp_path / "one.crp", **options)

    for report in layer_report(store, "conv4"):
        text = unwrapped(report.text())
        assert not report.nearest
        assert "half of the positions" not in text
        assert "1 positions" not in text
        assert "The store has only 1 position:" in text
        assert "1 game" not in text  # a board without one resembles no other
        assert "1 boards" not in repr(report.strips["random"])
    folder = build_atlas(store, tmp_path / "atlas")
    page = (folder / "concepts" / "conv4" / "c0000.html").read_text()
    for said in ("1 positions", "Channels used alike", "usual share"):
        assert said not in page
