import json
from dataclasses import replace

import numpy as np
import pytest

from conceptlrp.labelling import LabelCriteria, LabelScores, score_channels
from conceptlrp.labelling.channel_name import UNNAMED
from conceptlrp.labelling.columns import mask_bits
from conceptlrp.labelling.result import channel_name
from conceptlrp.labels import LABELS, Labels, control_labels, label_boards
from conceptlrp.labels.labels import random_twins
from conceptlrp.othello import Corpus, phases
from conceptlrp.othello.board import to_boards
from tests.othello.playouts import random_games

QUICK = LabelCriteria(permutations=60)
CHANNELS = (
    "corners",
    "mobility",
    "ply",
    "noise",
    "no X-square",
    "mobility or corner",
)
MAPS = ("own frontier", "no own corners", "own discs", "noise")


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus.from_games(random_games(120, seed=31)).sample(2400, seed=0)


@pytest.fixture(scope="module")
def strata(corpus: Corpus) -> np.ndarray:
    return label_boards(corpus, ["empty count"]).position["empty count"]


@pytest.fixture(scope="module")
def labels(corpus: Corpus, strata: np.ndarray) -> Labels:
    """Return all labels, what the network does not see, and random twins."""
    found = label_boards(corpus)
    twins = random_twins(found, strata, seed=1)
    return found.joined(control_labels(corpus)).joined(twins)


def noisy(column: np.ndarray, seed: int, noise: float = 0.2) -> np.ndarray:
    values = column.astype(float)
    spread = values.std() or 1
    return values / spread + noise * np.random.default_rng(seed).normal(
        size=len(values)
    )


@pytest.fixture(scope="module")
def trained(labels: Labels) -> np.ndarray:
    """Channels that follow a label or the ply, and one that follows nothing."""
    mobility = labels.position["mobility"]
    x_squares = labels.square["own X-squares"] != 0
    corners = labels.square["own corners"] != 0
    empties = labels.position["empty count"]
    follows = (corners, mobility, empties, np.zeros(len(labels)), ~x_squares)
    mixed = noisy(mobility, 7) + 2 * noisy(corners, 8)
    return np.stack([*(noisy(c, i) for i, c in enumerate(follows)), mixed], axis=1)


def untrained(labels: Labels, seed: int) -> np.ndarray:
    """Return channels that follow the ply, more or less, as those of any network."""
    empties = labels.position["empty count"]
    return np.stack([noisy(empties, seed + i, 0.3 * i) for i in range(6)], axis=1)


@pytest.fixture(scope="module")
def scores(corpus, labels, strata, trained) -> LabelScores:
    random = [{"relevance": untrained(labels, 100 * s)} for s in (1, 2, 3)]
    return score_channels(
        {"relevance": trained}, random, labels, corpus.game, strata, criteria=QUICK
    )


@pytest.fixture(scope="module")
def maps(corpus: Corpus, labels: Labels) -> np.ndarray:
    """Maps that follow sets of squares, on positions of a part of the games."""
    random = np.random.default_rng(5)
    frontier, corners, discs = (
        mask_bits(labels.square[n][:, None], 8)[:, :, 0].astype(float)
        for n in ("own frontier", "own corners", "own discs")
    )
    flat = np.stack([frontier, -corners, discs, np.zeros_like(discs)], axis=1)
    flat = flat + 0.1 * random.normal(size=flat.shape)
    return flat.reshape(len(labels), 4, 8, 8).astype(np.float32)


@pytest.fixture(scope="module")
def map_scores(corpus, labels, strata, maps) -> LabelScores:
    rows = slice(0, 800)
    named = Labels({"mobility": labels.position["mobility"]}, labels.square, {})
    random = np.random.default_rng(6).normal(size=(800, 4, 8, 8))
    return score_channels(
        {"map": maps[rows]},
        [{"map": random}],
        named.take(rows),
        corpus.game[rows],
        strata[rows],
        criteria=replace(QUICK, permutations=20),
    )


def test_channels_get_the_labels_that_they_follow(scores: LabelScores):
    names = dict(zip(CHANNELS, scores.names, strict=True))

    assert names["corners"] == "used when the mover has corners"
    assert names["mobility"] == "used when the mover's mobility is high"
    assert names["no X-square"] == "less used when the mover has X-square discs"


def test_a_channel_that_follows_the_ply_or_nothing_is_unnamed(scores: LabelScores):
    for channel in ("ply", "noise"):
        found = scores.channels[CHANNELS.index(channel)]
        assert (found.named, found.labels) == (0, ())


@pytest.mark.parametrize("bins", [None, 6])
def test_a_function_of_the_ply_gets_a_label_only_of_coarser_strata(
    corpus, labels, strata, bins
):
    empties = labels.position["empty count"] / 60
    shapes = (empties, empties**3, 1 - empties, np.sin(5 * empties), empties > 0.5)
    channels = [noisy(shape, i, 0.1) for i, shape in enumerate(shapes * 3)]
    groups = strata if bins is None else phases(strata, bins=bins)

    found = score_channels(
        {"activation": np.stack(channels, axis=1)},
        [],
        labels,
        corpus.game,
        groups,
        criteria=QUICK,
    )

    assert {"forced move", "empty count"} < set(labels.names)
    p = found.p["activation"]
    by_chance = (p[np.isfinite(p)] < 0.05).mean()
    if bins is None:
        assert found.labelled == 0
        assert by_chance < 0.07
    else:
        assert found.labelled > 0
        assert by_chance > 0.2


def test_a_channel_that_is_low_where_a_label_holds_says_so(scores: LabelScores):
    best = scores.channels[CHANNELS.index("no X-square")].labels[0]

    assert best.effect < -0.9
    assert best.auroc < 0.05
    # A detector without an error is no surer than its games allow.
    assert best.held_out == pytest.approx(-1)
    assert best.low == -1
    assert -1 < best.high < -0.8


def test_what_a_network_does_not_see_names_no_channel(scores: LabelScores):
    found = {named.label for each in scores.channels for named in each.labels}

    assert found <= set(LABELS)


def test_random_twins_are_at_chance(scores: LabelScores):
    twins = [k for k, name in enumerate(scores.labels) if name.startswith("random: ")]
    p = scores.p["relevance"][:, twins]

    # Corners and others are too rare among so few games to be tested.
    assert np.isfinite(p).mean() > 0.5
    assert (p[np.isfinite(p)] < 0.05).mean() < 0.075
    # Corrected together with labels that are true, a few of which bring them along.
    assert (scores.q["relevance"][:, twins] < 0.05).mean() < 0.02


def test_a_name_needs_a_lead_over_labels_that_are_not_nested(
    corpus, labels, strata, trained
):
    asked = replace(QUICK, lead=0.9)

    found = score_channels(
        {"relevance": trained[:, :1]}, [], labels, corpus.game, strata, criteria=asked
    )

    channel = found.channels[0]
    assert channel.labels[0].label == "own corners"
    assert not channel.is_named
    assert "own corners" not in channel.rivals
    assert channel.rivals


def test_a_flag_is_no_name_for_a_channel_that_follows_its_number(
    corpus, labels, strata
):
    number = np.random.default_rng(11).normal(size=len(labels))
    extreme = Labels({"number": number, "extreme": number > 2}, {}, {})
    weakly = noisy(number, 12, noise=2.0)[:, None]

    found = score_channels(
        {"relevance": weakly}, [], extreme, corpus.game, strata, criteria=QUICK
    )

    channel = found.channels[0]
    assert [named.label for named in channel.labels] == ["number"]
    assert channel_name(channel).label == "number"


def test_of_nested_labels_the_one_that_a_channel_follows_is_its_name(
    corpus, labels, strata
):
    number = np.random.default_rng(11).normal(size=len(labels))
    extreme = Labels({"number": number, "extreme": number > 2}, {}, {})
    both = np.stack([noisy(number, 12), noisy(number > 2, 13)], axis=1)

    found = score_channels(
        {"relevance": both}, [], extreme, corpus.game, strata, criteria=QUICK
    )

    assert found.names == (
        "used when 'number' is high",
        "used when 'extreme' is high",
    )


def test_a_label_must_exceed_what_networks_with_random_weights_have(
    corpus, labels, strata, trained
):
    found = score_channels(
        {"relevance": trained},
        [{"relevance": trained[:, ::-1]}],
        labels,
        corpus.game,
        strata,
        criteria=QUICK,
    )

    assert found.labelled == 0
    assert set(found.names) == {UNNAMED}


def test_intervals_and_p_values_belong_to_their_labels(scores: LabelScores):
    for channel in scores.channels:
        for named in channel.labels:
            k = scores.labels.index(named.label)
            at = channel.channel, k
            same = np.isnan([named.low, named.high]).all()
            assert same or named.low <= named.held_out <= named.high
            assert not same or abs(named.held_out) == pytest.approx(1)
            assert named.q == scores.q["relevance"][at] <= 0.05
            assert named.p == scores.p["relevance"][at] <= named.q
            assert abs(named.effect) >= named.random + 0.1


@pytest.mark.slow
def test_maps_get_the_sets_of_squares_that_they_lie_on(map_scores: LabelScores):
    names = dict(zip(MAPS, map_scores.names, strict=True))

    assert names["own frontier"] == "high when the mover has frontier discs"
    assert names["own discs"] == "high when the mover has discs"
    assert names["noise"] == UNNAMED


def test_a_map_says_how_its_squares_agree_with_the_label(map_scores: LabelScores):
    best = map_scores.channels[0].labels[0]

    assert best.label == "own frontier"
    assert best.within_board > 0.99
    assert best.iou > 0.9
    assert 0.5 < best.share < 1


def test_the_last_move_scores_only_where_discs_are_compared_with_empty_squares(
    corpus, labels, strata
):
    boards = to_boards(corpus.own, corpus.opponent)[:800]
    # Relevance as any network has it: of any size on discs, 0 on empty squares.
    looks = np.abs(np.random.default_rng(8).normal(size=boards.shape) * (boards != 0))
    last_move = Labels({}, {"last move": labels.square["last move"][:800]}, {})
    asked = replace(QUICK, permutations=20)

    effects = [
        score_channels(
            {"map": looks[:, None]},
            [],
            last_move,
            corpus.game[:800],
            strata[:800],
            within=within,
            criteria=asked,
        ).effect["map"][0, 0]
        for within in (None, boards)
    ]

    assert effects[0] > 0.3
    assert abs(effects[1]) < 0.15


def test_kinds_of_squares_of_other_positions_are_refused(corpus, labels, strata, maps):
    with pytest.raises(ValueError, match=r"within has shape \(3, 8, 8\), expected"):
        score_channels(
            {"map": maps}, [], labels, corpus.game, strata, within=np.zeros((3, 8, 8))
        )


def test_what_random_networks_show_as_well_is_no_rival(corpus, labels, strata):
    corners = labels.square["own corners"] != 0
    both = noisy(corners, 1) + 2 * noisy(labels.position["mobility"], 2)
    mobile = noisy(labels.position["mobility"], 3, noise=0.01)

    alone, guarded = (
        score_channels(
            {"relevance": both[:, None]},
            random,
            labels,
            corpus.game,
            strata,
            criteria=replace(QUICK, effect=0.2),
        ).channels[0]
        for random in ([], [{"relevance": mobile[:, None]}])
    )

    assert alone.labels[0].label in ("mobility", "moves")
    assert guarded.labels[0].label in ("own corners", "own stable discs")
    assert not {"mobility", "moves"} & set(guarded.rivals)


def test_labels_of_whole_positions_are_not_scored_with_maps(map_scores: LabelScores):
    mobility = map_scores.labels.index("mobility")

    assert np.isnan(map_scores.effect["map"][:, mobility]).all()


def test_scores_are_the_same_again_and_ready_for_json(
    corpus, labels, strata, trained, scores
):
    random = [{"relevance": untrained(labels, 100 * s)} for s in (1, 2, 3)]
    again = score_channels(
        {"relevance": trained}, random, labels, corpus.game, strata, criteria=QUICK
    )

    written = json.dumps(scores.to_dict(), allow_nan=False)

    assert written == json.dumps(again.to_dict(), allow_nan=False)
    read = json.loads(written)
    names = [channel_name(each).text for each in scores.channels]
    assert [channel["name"] for channel in read["channels"]] == names
    assert np.shape(read["effect"]["relevance"]) == (6, len(labels.names))


def test_a_table_has_a_row_a_label_that_was_found(scores: LabelScores):
    table = scores.frame()

    assert len(table) == sum(len(channel.labels) for channel in scores.channels)
    assert table["channel"].is_monotonic_increasing
    assert {"label", "measure", "auroc", "low", "high", "q"} <= set(table.columns)


def test_several_measures_are_corrected_together(corpus, labels, strata, trained):
    noise = np.random.default_rng(9).normal(size=trained.shape)

    found = score_channels(
        {"activation": trained, "relevance": noise},
        [],
        labels,
        corpus.game,
        strata,
        criteria=QUICK,
    )

    assert found.measures == ("activation", "relevance")
    assert {n.measure for c in found.channels for n in c.labels} == {"activation"}
    worst = np.nanmax(found.p["relevance"])
    assert np.nanmax(found.q["relevance"]) >= worst


def test_labels_of_too_few_games_are_not_tested(corpus, labels, strata, trained):
    rare = np.zeros(len(labels), bool)
    rare[np.isin(corpus.game, (3, 4, 5))] = True

    found = score_channels(
        {"relevance": rare[:, None].astype(float)},
        [],
        Labels({"rare": rare}, {}, {}),
        corpus.game,
        strata,
        criteria=QUICK,
    )

    assert np.isnan(found.effect["relevance"]).all()
    assert found.names == (UNNAMED,)


def test_tables_of_other_positions_are_refused(corpus, labels, strata, trained):
    with pytest.raises(ValueError, match=r"relevance has shape \(9, 6\), expected"):
        score_channels({"relevance": trained[:9]}, [], labels, corpus.game, strata)


def test_random_networks_must_have_the_same_measures(corpus, labels, strata, trained):
    with pytest.raises(ValueError, match=r"\['activation'\], not \['relevance'\]"):
        score_channels(
            {"relevance": trained},
            [{"activation": trained}],
            labels,
            corpus.game,
            strata,
        )


def test_nothing_to_score_is_refused(corpus, labels, strata):
    with pytest.raises(ValueError, match="no measure given, expected at least one"):
        score_channels({}, [], labels, corpus.game, strata)


def test_no_labels_are_refused(corpus, strata, trained):
    with pytest.raises(ValueError, match="no label given"):
        score_channels({"relevance": trained}, [], Labels({}, {}, {}), [], [])


def test_measures_of_other_channels_are_refused(corpus, labels, strata, trained):
    measures = {"activation": trained, "relevance": trained[:, :2]}

    with pytest.raises(ValueError, match="'activation': 6, 'relevance': 2"):
        score_channels(measures, [], labels, corpus.game, strata)


def test_games_of_other_positions_are_refused(corpus, labels, strata, trained):
    with pytest.raises(ValueError, match=r"games have shape \(3,\), expected"):
        score_channels({"relevance": trained}, [], labels, [1, 2, 3], strata)


def test_maps_of_the_small_board_are_scored():
    corpus = Corpus.from_games(random_games(60, seed=3, size=6)).sample(500, seed=0)
    labels = label_boards(corpus, ["own discs", "own frontier"])
    discs = mask_bits(labels.square["own discs"][:, None], 6)[:, :, 0]
    maps = discs.reshape(-1, 1, 6, 6) + 0.1 * np.random.default_rng(0).normal(
        size=(500, 1, 6, 6)
    )

    found = score_channels(
        {"map": maps},
        [],
        labels,
        corpus.game,
        corpus.ply,
        criteria=replace(QUICK, permutations=20),
    )

    assert found.names == ("high when the mover has discs",)
