"""Features against the rules: by brute force, and through networks that are known."""

from pathlib import Path

import numpy as np
import pytest

from conceptlrp.errors import NetworkError, OutputExistsError
from conceptlrp.evaluation import RulesTruth, rules_truth
from conceptlrp.evaluation.truth import (
    LEAST,
    PRECISION,
    THRESHOLDS,
    Hits,
    Properties,
    board_properties,
    directions,
    probe,
    score_features,
    square_flags,
    trees,
)
from conceptlrp.evaluation.truth_result import ALL, SOURCES
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus, Position
from conceptlrp.othello.board import count
from conceptlrp.runs import attribute_corpus
from conceptlrp.store import Store
from tests.evaluation.conftest import AddingNetwork
from tests.othello.playouts import random_games
from tests.store.results.samples import assert_same


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus.from_games(random_games(60, seed=3)).sample(600, seed=0)


@pytest.fixture(scope="module")
def asked(corpus: Corpus) -> Properties:
    return board_properties(corpus)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, corpus: Corpus) -> Store:
    path = tmp_path_factory.mktemp("truth") / "adding.crp"
    return attribute_corpus(AddingNetwork(), corpus, targets=["best"], path=path)


def whole(hits: Hits, columns: np.ndarray | None = None) -> tuple[float, float]:
    chosen = np.ones(hits.best.shape[2], bool) if columns is None else columns
    coverage, rebuilt = hits.drawn(chosen, np.ones((1, hits.best.shape[1])))[:, 0]
    return float(coverage), float(rebuilt)


def f1(claims: np.ndarray, truth: np.ndarray) -> float:
    both = claims.sum() + truth.sum()
    return float(2 * (claims & truth).sum() / both) if both else 0.0


def by_hand(features: np.ndarray, asked: Properties) -> tuple[float, float]:
    """Loop over thresholds, features and properties, one property kind at a time."""
    learn, held, truth = ~asked.held_out, asked.held_out, asked.truth
    highest = features[learn].max(axis=0)
    on = [(features > t * highest) & (highest > 0) for t in THRESHOLDS]
    covered, claims = [], np.zeros_like(truth)
    for p in range(truth.shape[1]):
        score = [
            [f1(o[learn, f], truth[learn, p]) for o in on] for f in range(len(on[0].T))
        ]
        found = max(range(len(score)), key=lambda f: max(score[f]))
        t = int(np.argmax(score[found]))
        covered.append(f1(on[t][held, found], truth[held, p]))
    for kind in dict.fromkeys(asked.kinds):
        columns = np.flatnonzero(asked.kinds == kind)
        told = np.zeros((len(THRESHOLDS), len(truth), len(columns)), bool)
        for t, o in enumerate(on):
            for k, p in enumerate(columns):
                for f in range(o.shape[1]):
                    fired = o[learn, f].sum()
                    right = (o[learn, f] & truth[learn, p]).sum()
                    if fired >= LEAST and right / fired > PRECISION:
                        told[t, :, k] |= o[:, f]
        best = max(
            range(len(on)), key=lambda t: f1(told[t][learn], truth[learn][:, columns])
        )
        claims[:, columns] = told[best]
    return float(np.mean(covered)), f1(claims[held], truth[held])


def test_scores_equal_loops_over_everything(asked: Properties) -> None:
    random = np.random.default_rng(0)
    noisy = asked.truth[:, ::9] * random.random((len(asked.truth), 1))
    noisy = np.where(random.random(noisy.shape) < 0.02, 1.0, noisy)
    features = np.hstack([noisy, random.normal(size=(len(noisy), 3))]).astype(
        np.float32
    )
    some = Properties(
        asked.kinds[::9], asked.truth[:, ::9], asked.games, asked.held_out
    )

    found = whole(score_features(features, some))

    np.testing.assert_allclose(found, by_hand(features, some), rtol=1e-9)
    assert 0.1 < min(found) < max(found) < 0.99


def test_blocks_of_features_change_nothing(
    asked: Properties, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = np.random.default_rng(1).normal(size=(600, 70)).astype(np.float32)
    features[:, :40] += asked.truth[:, :40] * 3
    expected = whole(score_features(features, asked))
    monkeypatch.setattr("conceptlrp.evaluation.truth._BLOCK", 7)

    assert whole(score_features(features, asked)) == expected


def test_the_truth_itself_is_told_wholly(asked: Properties) -> None:
    coverage, rebuilt = whole(score_features(asked.truth.astype(np.float32), asked))

    assert coverage == 1
    # Properties that hold together on learned games may part on others.
    assert 0.98 < rebuilt <= 1


def test_what_is_never_on_tells_nothing(asked: Properties) -> None:
    features = -np.ones((len(asked.truth), 4), np.float32)

    assert whole(score_features(features, asked)) == (0.0, 0.0)


def test_features_are_chosen_on_learned_games_alone(asked: Properties) -> None:
    """A feature that is right on held-out games only must not be chosen."""
    truth = asked.truth[:, :1]
    one = Properties(asked.kinds[:1], truth, asked.games, asked.held_out)
    lucky = np.where(asked.held_out[:, None], truth, ~truth).astype(np.float32)
    fair = (truth ^ (np.arange(len(truth))[:, None] % 10 == 0)).astype(np.float32)

    coverage, _ = whole(score_features(np.hstack([lucky, fair]), one))

    held = asked.held_out
    assert coverage == pytest.approx(f1(fair[held, 0] > 0, truth[held, 0]))


def test_properties_are_those_of_the_rules(corpus: Corpus, asked: Properties) -> None:
    legal = square_flags(corpus.legal, 8)
    number = int((asked.kinds == "legal moves").sum())

    assert set(asked.kinds) == {
        *("legal moves", "flipped discs", "stable discs", "frontier", "mobility")
    }
    # Squares of the start are never legal moves.
    assert number <= 60
    for row in (0, 7, 99):
        position = corpus.position(row)
        assert set(np.flatnonzero(legal[row])) == set(position.legal_moves)
    mobility = asked.truth[:, asked.kinds == "mobility"]
    assert (mobility.sum(axis=1) <= 1).all()
    few = count(corpus.legal) < 3
    np.testing.assert_array_equal(mobility[:, 0], few)


def test_flipped_discs_are_those_that_some_move_flips(corpus: Corpus) -> None:
    position: Position = corpus.position(5)
    flipped = 0
    for move in position.legal_moves:
        flipped |= position.opponent & position.play(move).opponent
    single = Corpus.from_positions([position])

    from conceptlrp.labels import label_boards

    assert int(label_boards(single).square["capturable discs"][0]) == flipped


def test_games_and_not_positions_are_held_out(asked: Properties) -> None:
    held = set(asked.games[asked.held_out])

    assert held.isdisjoint(asked.games[~asked.held_out])


def test_intervals_hold_the_number_and_need_games(asked: Properties) -> None:
    hits = score_features(asked.truth[:, :9].astype(np.float32), asked)

    for found in hits.estimates(asked.columns[ALL], 300):
        assert found.low < found.mean < found.high
    few = Hits(hits.best[:, :4], hits.rebuilt[:, :4])
    assert np.isnan(few.estimates(asked.columns[ALL], 300)[0].low)


def test_probes_and_trees_read_what_units_hold(asked: Properties) -> None:
    random = np.random.default_rng(2)
    mixed = asked.truth @ random.normal(size=(asked.truth.shape[1], 400))
    alone = np.hstack([asked.truth, random.normal(size=(600, 5)) > 0])

    held, truth = asked.held_out, asked.truth
    assert f1(trees(alone.astype(np.float32), asked)[held], truth[held]) > 0.99
    # Single features say little, all of them together nearly everything.
    assert whole(score_features(mixed.astype(np.float32), asked))[1] < 0.1
    assert f1(probe(mixed.astype(np.float32), asked)[held], truth[held]) > 0.6


def test_probes_of_many_units_are_those_of_few(asked: Properties) -> None:
    """Units that are always off make more of them than positions, and no difference."""
    random = np.random.default_rng(4)
    units = (asked.truth[:, :30] + random.normal(size=(600, 30))).astype(np.float32)
    wide = np.hstack([units, np.zeros((600, 400), np.float32)])

    found, expected = probe(wide, asked), probe(units, asked)

    assert expected.any()
    assert (found != expected).mean() < 1e-4


def test_directions_come_with_their_opposites(asked: Properties) -> None:
    units = np.random.default_rng(0).normal(size=(600, 20)).astype(np.float32)

    found = directions(units, asked)

    assert found.shape == (600, 40)
    np.testing.assert_array_equal(found[:, :20], -found[:, 20:])


def test_a_network_of_the_discs_tells_what_the_discs_tell(store: Store) -> None:
    """Its only layer holds own discs and the opponent's, as the board does."""
    found = rules_truth(store, AddingNetwork(), features=["units", "channels"])

    this, _, board = SOURCES
    by = {(s.source, s.features): s for s in found.scores if s.properties == ALL}
    assert by[this, "units"].count == 128
    assert by[board, "units"].count == 192
    assert by[this, "units"].coverage.mean <= by[board, "units"].coverage.mean
    assert {s.source for s in found.scores} == set(SOURCES)
    assert found.properties[ALL] == sum(found.properties.values()) / 2
    assert_same(store.results.get(RulesTruth), found)
    with pytest.raises(OutputExistsError):
        rules_truth(store, AddingNetwork(), features=["units"])
    frame = found.frame()
    assert len(frame) == len(found.scores)
    heads, rows = found.table("coverage")
    assert len(rows[0]) == len(heads) == 4 + len(found.properties)
    assert "flipped discs" in found._repr_html_()


def test_the_same_seed_gives_the_same_numbers(store: Store) -> None:
    asked = {"features": ["directions", "probe"], "save": False, "n_positions": 300}

    once, again = (rules_truth(store, AddingNetwork(), **asked) for _ in range(2))

    assert_same(once, again)


def test_another_network_and_unknown_features_are_refused(store: Store) -> None:
    with pytest.raises(NetworkError, match="the store explains"):
        rules_truth(store, OthelloNet(4).eval())
    with pytest.raises(ValueError, match="unknown features 'neurons'"):
        rules_truth(store, AddingNetwork(), features=["neurons"], save=False)


def test_too_few_positions_are_refused(corpus: Corpus) -> None:
    with pytest.raises(ValueError, match="no property holds at 10 of 15 positions"):
        board_properties(corpus[:15])


def test_small_boards_have_their_own_squares(tmp_path: Path) -> None:
    corpus = Corpus.from_games(random_games(40, seed=1, size=6)).sample(300, seed=0)
    found = board_properties(corpus)

    assert (found.kinds == "legal moves").sum() <= 32
    assert square_flags(corpus.legal, 6).shape == (300, 36)
