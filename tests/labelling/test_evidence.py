"""The name of a channel, and which levels of evidence it reaches."""

from dataclasses import replace

import numpy as np
import pytest

from conceptlrp.labelling import (
    ChannelLabels,
    Interchange,
    LabelCriteria,
    LabelScores,
    LayerInterchange,
    NamedLabel,
    ScoredLabels,
    channel_evidence,
    counts,
    evidence_by_channel,
)
from conceptlrp.labelling.channel_name import INTERCHANGE, PLACE
from conceptlrp.labelling.evidence import output_words

LABELS = ("own corners", "stable lead", "own stable discs", "mobility", "twin")


def label(name: str = "own corners", effect: float = 0.8) -> NamedLabel:
    ends = {"low": effect - 0.1, "high": effect + 0.1}
    auroc = (effect + 1) / 2
    numbers = {"p": 0.0, "q": 0.0, "random": 0.1}
    return NamedLabel(
        name, "activation", effect, effect, effect, auroc, **ends, **numbers
    )


def scored(*channels: ChannelLabels, tested: bool = True) -> ScoredLabels:
    p = np.full((len(channels), 1), 0.5 if tested else np.nan)
    scores = LabelScores(
        labels=LABELS,
        effect={"activation": p},
        held_out={"activation": p},
        p={"activation": p},
        q={"activation": p},
        random={"activation": p[0]},
        channels=channels,
        criteria=LabelCriteria(),
    )
    return ScoredLabels(
        target="value",
        positions=100,
        maps=10,
        random_networks=2,
        seed=0,
        layers={"conv1": scores},
        random_labelled={"conv1": 0.0},
        exchanged_labelled={"conv1": 0.0},
        controls=("twin",),
    )


def carried(*rows: dict[str, float], games: int = 40) -> Interchange:
    """Return an interchange with these correlations of channels, 0 elsewhere."""
    r = np.array([[row.get(name, 0.0) for name in LABELS] for row in rows])
    nested = np.eye(len(LABELS), dtype=bool)
    nested[1, 2] = nested[2, 1] = True
    layer = LayerInterchange(
        r=r,
        low=r - 0.1,
        high=r + 0.1,
        exchanged=np.full(r.shape, 0.12),
        random=np.full(len(LABELS), 0.15),
        equal=np.full(r.shape, 0.5),
        best_exchanged=np.full((4, len(rows)), 0.1),
        best_random=np.full((2, 2), 0.1),
    )
    return Interchange(
        target="value",
        labels=LABELS,
        controls=("twin",),
        spread=np.full(len(LABELS), games),
        nested=nested,
        recipients=50,
        pairs=100,
        games=80,
        random_networks=2,
        seed=0,
        layers={"conv1": layer},
        network="",
        corpus="",
    )


NAMED = ChannelLabels(0, (label(),), 1)
STABLE = "raises the value when the mover's lead in stable discs is large"
LOWERS = "lowers the value when the mover has corners"
MOBILE = "; when the mover's mobility is high, it"
BOTH = f"{STABLE} or the mover's mobility is high"


def test_a_name_describes_and_causes_with_the_sign_of_the_output():
    found = channel_evidence(
        "conv1",
        0,
        labels=scored(NAMED),
        interchange=carried({"own corners": -0.5, "stable lead": 0.6}),
    )

    assert found.name.text == "active when the mover has corners; it lowers the value"
    assert found.badge == "describes, causes"
    assert found.describes.value == pytest.approx(0.9)
    assert (found.describes.low, found.describes.high) == pytest.approx((0.85, 0.95))
    assert found.causes.value == -0.5
    assert found.lines[0].startswith(
        "Describes: active when the mover has corners. On held-out games, AUROC 0.90"
    )
    assert found.lines[1] == "Not tested by edited boards."
    assert found.lines[2].startswith(
        "Causes: it lowers the value when the mover has corners (r −0.50 [−0.60, "
    )


def test_what_is_not_carried_is_said_and_leaves_no_way():
    found = channel_evidence(
        "conv1", 0, labels=scored(NAMED), interchange=carried({"own corners": 0.1})
    )

    assert found.name.text == "active when the mover has corners"
    assert found.causes.passed is False
    assert "for 'own corners', the interval would have to lie beyond" in found.lines[2]


def test_too_few_games_leave_the_cause_untested():
    few = carried({"own corners": 0.9}, games=9)

    found = channel_evidence("conv1", 0, labels=scored(NAMED), interchange=few)

    assert found.causes.passed is None
    assert found.causes.games == 9
    assert "fewer than 10 games" in found.lines[2]


@pytest.mark.parametrize(
    ("r", "name"),
    [
        ({"own corners": 0.5}, "raises the value when the mover has corners"),
        (
            {"own corners": -0.5, "mobility": 0.3},
            "lowers the value when the mover has corners",
        ),
        # What is nested is no rival, and two that tie are both said.
        ({"stable lead": 0.5, "own stable discs": 0.49}, STABLE),
        ({"stable lead": 0.5, "mobility": 0.49}, BOTH),
        ({"own corners": 0.5, "stable lead": 0.49, "mobility": 0.48}, "unnamed"),
        ({"own corners": 0.2}, "unnamed"),
        ({"twin": 0.9}, "unnamed"),
    ],
)
def test_interchange_alone_names_what_leads(r, name):
    nothing = ChannelLabels(0)

    found = channel_evidence("conv1", 0, labels=scored(nothing), interchange=carried(r))

    assert found.name.text == name
    assert found.describes.passed is False
    if found.name.is_named:
        assert found.name.measure == INTERCHANGE
        assert found.badge == "causes"
    else:
        assert found.badge == ""


def test_a_copy_is_not_named_by_interchange():
    copy = ChannelLabels(0, note="a copy of channel 3")

    found = channel_evidence(
        "conv1", 0, labels=scored(copy), interchange=carried({"own corners": 0.5})
    )

    assert not found.name.is_named
    assert found.lines[0] == "Not described: a copy of channel 3."
    # What the other channel carries is its own: this one may be read where that is not.
    assert found.causes.passed
    assert found.lines[2].startswith("Causes: it raises the value when the mover has")


def test_rivals_are_said():
    two = label("mobility", 0.79)
    tied = ChannelLabels(0, (label(), two), 0, ("mobility", "stable lead"))

    found = channel_evidence("conv1", 0, labels=scored(tied))

    assert found.describes.passed is False
    assert "'own corners', 'mobility', 'stable lead'" in found.lines[0]


def test_what_was_not_tried_is_untested():
    found = channel_evidence("conv1", 3)

    assert found.name.text == "unnamed"
    levels = found.describes, found.responds, found.causes
    assert [level.passed for level in levels] == [None] * 3
    assert found.badge == ""
    assert all(line.startswith("Not ") for line in found.lines)
    untested = channel_evidence("conv1", 0, labels=scored(NAMED, tested=False))
    assert untested.describes.passed is None


def test_levels_are_counted_by_layer():
    labels = scored(NAMED, ChannelLabels(1), ChannelLabels(2))
    causes = carried({"own corners": 0.5}, {"mobility": 0.5}, {})

    table = counts(evidence_by_channel(labels, None, causes))

    assert table.columns.tolist() == [
        *("layer", "channels", "named", "describes", "responds", "causes"),
    ]
    assert table.fillna(-1).to_numpy().tolist() == [["conv1", 3, 2, 1, -1, 2]]


def test_the_other_way_of_a_tie_is_said():
    found = channel_evidence(
        "conv1", 0, interchange=carried({"stable lead": 0.5, "mobility": -0.49})
    )

    assert (found.name.sign, found.name.second_sign, found.name.way) == (1, -1, 1)


@pytest.mark.parametrize(
    ("named", "r", "name"),
    [
        # What interchange does not know, does not see carried, or sees elsewhere.
        (
            "corner move",
            {"mobility": 0.5},
            f"{MOBILE} raises the value",
        ),
        (
            "own corners",
            {"mobility": -0.5},
            f"{MOBILE} lowers the value",
        ),
        ("corner move", {"mobility": 0.1}, ""),
        ("corner move", {"mobility": 0.5, "stable lead": 0.5, "own corners": 0.5}, ""),
    ],
)
def test_what_a_channel_carries_need_not_be_what_describes_it(named, r, name):
    other = ChannelLabels(0, (replace(label(), label=named),), 1)

    found = channel_evidence("conv1", 0, labels=scored(other), interchange=carried(r))

    assert found.name.label == named
    assert found.name.text.endswith(name)
    assert ("; when" in found.name.text) == bool(name)
    assert bool(found.causes.passed) == bool(name)
    assert named in found.lines[2]
    assert found.name.carried == ("mobility" if name else "")


def test_a_channel_that_is_low_on_a_label_says_what_more_of_it_does():
    low = ChannelLabels(0, (label(effect=-0.8),), 1)

    found = channel_evidence(
        "conv1", 0, labels=scored(low), interchange=carried({"own corners": -0.5})
    )

    assert str(found.name) == (
        "inactive when the mover has corners; that lowers the value"
    )


def test_outputs_have_words():
    assert output_words("best") == "the best move's logit"
    assert output_words("d3") == "the logit of d3"


def test_a_place_is_not_tried_and_says_so():
    corner = replace(label(), label="corners", measure=PLACE)

    found = channel_evidence(
        "conv1",
        0,
        labels=scored(ChannelLabels(0, (corner,), 1)),
        interchange=carried({}),
    )

    assert found.causes.passed is None
    assert found.lines[2] == "Not tried: a place is the same on every board."


def test_what_causes_by_chance_stands_beside_what_causes():
    causes = carried({"own corners": 0.5}, {})
    layer = replace(causes.layers["conv1"], random_causing=0.25, exchanged_causing=0.0)
    causes = replace(causes, layers={"conv1": layer})

    table = counts(evidence_by_channel(None, None, causes), causes)

    assert table["causes"].tolist() == [1]
    assert table["causes, random"].tolist() == [0.5]
    assert table["causes, exchanged"].tolist() == [0.0]


def test_the_best_of_all_labels_must_exceed_the_best_of_random_channels():
    causes = carried({"own corners": 0.5})
    layer = replace(causes.layers["conv1"], best_random=np.full((2, 2), 0.45))
    beyond = replace(causes, layers={"conv1": layer})

    assert channel_evidence("conv1", 0, interchange=causes).causes.passed
    assert not channel_evidence("conv1", 0, interchange=beyond).name.is_named
    # What describes the channel is one label, not the best of all.
    told = channel_evidence("conv1", 0, labels=scored(NAMED), interchange=beyond)
    assert told.causes.passed
