"""Channels that speak for one side of the output, or for none."""

import json
from html import unescape

import numpy as np
import pytest

from conceptlrp.atlas.terminal import reference_table
from conceptlrp.figures.boards import reference_figure
from conceptlrp.othello import Corpus
from conceptlrp.othello.symmetry import canonical
from conceptlrp.reference import (
    REFERENCE_SCORES,
    quantile_boards,
    random_boards,
    reference_boards,
)
from conceptlrp.reference.strips import reference_scores
from conceptlrp.report import channel_report
from conceptlrp.store import Store, Where
from conceptlrp.store.writing.finish import finish_run
from conceptlrp.store.writing.writer import create_run
from tests.command_line import succeed
from tests.figures.reading import texts
from tests.othello.playouts import random_games
from tests.store.conftest import fill, planted_arrays, planted_plan, ranked_by_hand

NEGATIVE, ZERO, ONE, LATE, MIXED = range(5)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Return a store of 100 positions with channels that are one-sided or silent."""
    corpus = Corpus.from_games(random_games(4, seed=5))[::2][:100]
    arrays = planted_arrays(corpus)
    random = np.random.default_rng(0)
    values = np.zeros((100, 5), np.float32)
    values[:, NEGATIVE] = -random.integers(1, 9, 100)
    values[70, ONE] = 2
    values[:, LATE] = np.where(corpus.ply >= 30, random.integers(-3, 4, 100), 0)
    values[:, MIXED] = random.integers(-1, 2, 100)
    arrays["layers/conv1/relevance"] = np.repeat(values[:, None], 2, axis=1)
    arrays["layers/conv1/norm"] = np.full((100, 2), 16, np.float32)
    arrays["layers/conv1/activation"] = values * 3
    arrays["layers/conv1/peak"] = np.abs(values)
    path = tmp_path_factory.mktemp("one-sided") / "run.crp"
    create_run(path, planted_plan(corpus), corpus)
    fill(path, arrays)
    return Store(finish_run(path))


def by_hand(scores, k, corpus, *, by, lowest, min_distance=0, one_per_game=True):
    """Return the rows of the end that is asked for or, if it is empty, the other."""
    boards = list(zip(*canonical(corpus.own, corpus.opponent)[:2], strict=True))
    for end in (lowest, not lowest):
        rows, seen = [], set()
        for row in ranked_by_hand(scores, len(scores), by=by, lowest=end):
            alike = {("game", int(corpus.game[row]))} if one_per_game else set()
            alike |= {boards[row]} if min_distance else set()
            if not alike & seen:
                seen |= alike
                rows.append(row)
        if rows:
            # Whether the last that is shown is no better than the next one.
            tie = len(rows) > k and scores[rows[k - 1]] == scores[rows[k]]
            return rows[:k], end, tie
    return [], lowest, False


@pytest.mark.parametrize("channel", range(5))
@pytest.mark.parametrize("lowest", [False, True])
@pytest.mark.parametrize("by", REFERENCE_SCORES)
@pytest.mark.parametrize("options", [{}, {"min_distance": 1}, {"one_per_game": False}])
@pytest.mark.parametrize("count", [8, 90])
def test_the_end_that_exists_is_shown_and_never_a_score_of_0(
    store, channel, lowest, by, options, count
):
    found = reference_boards(
        store, "conv1", channel, count, by=by, lowest=lowest, **options
    )

    scores = reference_scores(store, "conv1", channel, by=by)
    about = {"by": by, "lowest": lowest, **options}
    rows, end, tie = by_hand(scores, count, store.positions, **about)
    assert found.rows.tolist() == rows
    assert found.scores.all()
    assert found.strip == ("bottom" if end else "top")
    assert bool(found.note) == (end != lowest or not rows or tie)
    assert ("more positions tie at" in found.note) == tie


def test_a_channel_that_never_speaks_for_the_output_says_so(store):
    found = store.top("conv1", NEGATIVE, 3)

    assert (found.scores < 0).all()
    assert found.note == (
        "the channel speaks for the output at none of 100 positions; the lowest are "
        "shown; more positions tie at −0.5, and the first in the store are shown"
    )
    assert reference_boards(store, "conv1", NEGATIVE, 3).note == found.note
    tied = store.top("conv1", NEGATIVE, 3, lowest=True).note
    assert tied == found.note.rpartition("; ")[2]


def test_a_silent_channel_has_no_boards_and_says_why(store):
    found = reference_boards(store, "conv1", ZERO)

    said = "the channel's share is 0 at all 100 positions"
    assert len(found) == len(quantile_boards(store, "conv1", ZERO)) == 0
    assert found.note == quantile_boards(store, "conv1", ZERO).note == said
    assert said in unescape(found._repr_html_())
    assert found.to_dict()["note"] == said
    assert said in texts(reference_figure(found))
    assert said in str(reference_table(found).renderables[0])


def test_conditions_that_nothing_meets_are_told_from_silence(store):
    nothing = store.top("conv1", MIXED, where=Where(ply=(60, None)))
    early = store.top("conv1", LATE, where=Where(ply=(0, 9)))

    assert (len(nothing), nothing.note) == (0, "no position meets the conditions")
    assert len(early) == 0
    assert early.note.startswith("the channel's share is 0 at all ")


def test_no_boards_asked_for_need_no_reason(store):
    assert store.top("conv1", ZERO, 0).note == ""


@pytest.mark.parametrize("channel", range(5))
@pytest.mark.parametrize("lowest", [False, True])
@pytest.mark.parametrize("by", ["share", "relevance", "activation", "peak"])
def test_ranking_all_channels_leaves_out_scores_of_0(store, by, lowest, channel):
    found = store.rank_channels("conv1", 8, by=by, lowest=lowest)

    scores, games = store.scores("conv1", channel, by=by), store.positions.game
    rows = ranked_by_hand(scores, 8, by=by, lowest=lowest, groups=games)
    assert found.rows[channel].tolist() == rows + [-1] * (8 - len(rows))
    assert found.scores[channel, : len(rows)].tolist() == scores[rows].tolist()


def test_quantiles_pass_over_scores_of_0_and_show_no_board_twice(store):
    one = quantile_boards(store, "conv1", ONE)
    mixed = quantile_boards(store, "conv1", MIXED, 6)

    assert one.rows.tolist() == [70]
    assert mixed.scores.all()
    assert len(set(mixed.rows.tolist())) == 6


def test_random_boards_are_drawn_whatever_their_score(store):
    drawn = [random_boards(store, "conv1", c).rows.tolist() for c in range(5)]

    assert drawn == [drawn[0]] * 5
    assert len(drawn[0]) > 0


def test_the_other_end_is_drawn_with_its_note_and_sign(store):
    found = reference_boards(store, "conv1", NEGATIVE, 3)

    written = texts(reference_figure(found))

    assert found.note in written
    assert any("lowest share" in text for text in written)


@pytest.mark.parametrize("channel", [NEGATIVE, ZERO])
@pytest.mark.parametrize("verb", ["top", "query"])
def test_the_command_line_says_so_too(store, verb, channel):
    asked = (verb, store.path, "--layer", "conv1", "--channel", channel)

    said, data = succeed(*asked), json.loads(succeed(*asked, "--json"))

    note = store.top("conv1", channel, 8).note
    assert note in " ".join(said.split())
    assert data["note"] == note


def test_channels_of_score_0_at_a_position_are_not_listed(store):
    asked = ("query", store.path, "--layer", "conv1", "--position", 70, "--json")

    listed = json.loads(succeed(*asked))["layers"]["conv1"]

    shares = store.arrays.share("conv1", rows=[70])[0]
    known = {row["channel"]: row["share"] for row in listed}
    assert ZERO not in known
    assert sorted(known) == np.flatnonzero(shares).tolist()


def test_reports_name_the_side_that_is_empty(store):
    report = channel_report(store, "conv1", NEGATIVE)

    said = "the channel speaks for the output at none of 100 positions"
    assert report.strips["relevant"].note == said
    assert report.strips["opposed"].note == ""
    assert f"none, {said}." in " ".join(report.text().split())
    assert len(channel_report(store, "conv1", ZERO).strips["quantiles"]) == 0
