from dataclasses import replace

import numpy as np
import pytest
import torch

from conceptlrp.networks import OthelloNet, ResidualTower
from conceptlrp.networks.planes import actions_of_squares
from conceptlrp.othello import NO_MOVE, Corpus, Games
from conceptlrp.othello.corpus import demo_games
from conceptlrp.othello.symmetry import canonical, turn_squares
from conceptlrp.selfplay import (
    RandomPlayer,
    SearchOptions,
    SelfPlayGames,
    SelfPlayOptions,
    TrainingSet,
)
from conceptlrp.selfplay.arena import play_games
from conceptlrp.selfplay.puct import NetworkEvaluator
from conceptlrp.selfplay.rounds import play_round
from conceptlrp.selfplay.training_set import hold_out, validate

BOARDS = np.array([3, 12], dtype=np.uint64)


def test_a_corpus_teaches_the_moves_played_and_the_outcomes(
    random_corpus: Corpus,
) -> None:
    examples = TrainingSet.from_corpus(random_corpus)

    np.testing.assert_array_equal(examples.own, random_corpus.own)
    actions = actions_of_squares(random_corpus.played)
    np.testing.assert_array_equal(examples.policy, actions)
    np.testing.assert_array_equal(examples.outcome, random_corpus.outcome)


def test_a_position_without_its_move_is_refused(random_corpus: Corpus) -> None:
    unknown = replace(random_corpus, played=np.full(len(random_corpus), NO_MOVE))

    with pytest.raises(ValueError, match="come without the move played"):
        TrainingSet.from_corpus(unknown)


WRONG = {
    "outcome of another length": ([0, 1], [1.0], r"outcome has shape \(1,\)"),
    "too few actions": (np.eye(37)[:2], [1, 1], r"policy has shape \(2, 37\)"),
    "no action": ([0, 65], [1, 1], "policy of row 1 is 65, expected an action"),
    "an action beyond a byte": ([256, 0], [1, 1], "policy of row 0 .* expected"),
    "more than all": (np.ones((2, 65)), [1, 1], "probabilities that add up to 1"),
    "nan": (np.full((2, 65), np.nan), [1, 1], "probabilities that add up to 1"),
}


@pytest.mark.parametrize(("policy", "outcome", "message"), WRONG.values(), ids=WRONG)
def test_examples_that_cannot_be_are_refused(
    policy: object, outcome: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        TrainingSet(BOARDS, BOARDS << 8, policy, outcome)


def test_joined_examples_follow_each_other(random_corpus: Corpus) -> None:
    whole = TrainingSet.from_corpus(random_corpus)
    parts = [random_corpus[:100], random_corpus[100:]]

    joined = TrainingSet.concatenate([TrainingSet.from_corpus(each) for each in parts])

    assert joined.digest == whole.digest


def test_examples_of_two_sizes_do_not_join() -> None:
    parts = [TrainingSet(BOARDS, BOARDS, [3, 4], [1, 1], n) for n in (6, 8)]

    with pytest.raises(ValueError, match=r"boards of sizes \[6, 8\], expected one"):
        TrainingSet.concatenate(parts)


def test_the_digest_tells_targets_apart(random_corpus: Corpus) -> None:
    examples = TrainingSet.from_corpus(random_corpus)

    same = TrainingSet.from_corpus(random_corpus)
    outcome = -examples.outcome
    other = TrainingSet(examples.own, examples.opponent, examples.policy, outcome, 8)

    assert examples.digest == same.digest != other.digest
    assert TrainingSet.from_corpus(random_corpus[:-1]).digest != examples.digest


def test_unfinished_games_have_no_outcome() -> None:
    moves = play_games(RandomPlayer(), RandomPlayer(), count=2, seed=0).moves.copy()
    moves[:, 20:] = NO_MOVE

    examples = TrainingSet.from_corpus(Corpus.from_games(Games.from_moves(moves)))

    assert np.isnan(examples.outcome).all()


@pytest.fixture(scope="module")
def played() -> SelfPlayGames:
    torch.manual_seed(0)
    network = ResidualTower(channels=2, blocks=1, size=6, value_units=4)
    search = SearchOptions(simulations=5)
    options = SelfPlayOptions(search=search, opening_plies=3, together=4)
    return play_round(NetworkEvaluator(network), options=options)


def test_self_play_teaches_what_was_searched(played: SelfPlayGames) -> None:
    learned = TrainingSet.from_self_play(played)

    searched = played.corpus.ply >= 3
    assert len(learned) == searched.sum()
    np.testing.assert_array_equal(learned.own, played.corpus.own[searched])
    np.testing.assert_allclose(learned.policy * 5, played.visits[searched], rtol=1e-6)
    np.testing.assert_array_equal(learned.outcome, played.corpus.outcome[searched])


def test_self_play_without_search_has_no_visits_to_teach(played: SelfPlayGames) -> None:
    silent = SelfPlayGames(played.games, played.visits * 0, played.value)

    with pytest.raises(ValueError, match="no position was searched"):
        TrainingSet.from_self_play(silent)


@pytest.fixture
def constant_network() -> OthelloNet:
    """A network that says the same of every position: f5, d3, then a1, for White."""
    network = OthelloNet(channels=2).eval()
    torch.nn.init.zeros_(network.fc3.weight)
    torch.nn.init.zeros_(network.fc3.bias)
    torch.nn.init.zeros_(network.fc4.weight)
    network.fc3.bias.data[[37, 19, 0]] = torch.tensor([3.0, 2.0, 4.0])
    network.fc4.bias.data[0] = -0.5
    return network


@pytest.fixture
def two_starts() -> Corpus:
    """The start of the game, once with f5 and once with d3 played."""
    return Corpus.from_games(Games.from_moves([[37], [19]]))


def test_only_legal_moves_compete_for_top_1(
    constant_network: OthelloNet, two_starts: Corpus
) -> None:
    found = validate(constant_network, two_starts)

    assert (found.positions, found.top1, found.top3) == (2, 0.5, 1.0)
    assert found.illegal == 1.0


def test_the_policy_loss_is_the_cross_entropy_over_all_actions(
    constant_network: OthelloNet, two_starts: Corpus
) -> None:
    logits = constant_network.fc3.bias.detach().expand(2, 65)
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor([37, 19]))

    found = validate(constant_network, two_starts)

    assert found.policy_loss == pytest.approx(float(expected), abs=1e-5)


def test_without_a_finished_game_the_value_is_not_judged(
    constant_network: OthelloNet, two_starts: Corpus
) -> None:
    found = validate(constant_network, two_starts)

    assert np.isnan(found.value_sign)
    assert np.isnan(found.value_loss)


def test_a_value_of_one_sign_is_right_where_that_player_wins(
    constant_network: OthelloNet, random_corpus: Corpus
) -> None:
    found = validate(constant_network, random_corpus)

    outcome = random_corpus.outcome
    assert found.value_sign == pytest.approx(np.mean(outcome[outcome != 0] < 0))
    errors = (outcome - np.tanh(-0.5)) ** 2
    assert found.value_loss == pytest.approx(float(errors.mean()), abs=1e-5)


@pytest.fixture
def two_years(random_corpus: Corpus) -> Corpus:
    moves = random_corpus.games.moves
    year = np.where(np.arange(len(moves)) < 30, 2011, 2012)
    return Corpus.from_games(Games.from_moves(moves, year=year))


def lines(corpus: Corpus) -> set[bytes]:
    """Return the games that positions are of, by their moves."""
    return {corpus.games.moves[game].tobytes() for game in np.unique(corpus.game)}


def test_no_game_is_on_both_sides(random_corpus: Corpus) -> None:
    rest, held_out = hold_out(random_corpus, share=0.25)

    assert not lines(rest) & lines(held_out)
    assert lines(rest) | lines(held_out) == lines(random_corpus)
    assert len(rest) + len(held_out) == len(random_corpus)
    assert len(lines(held_out)) == 10


def test_equal_games_stay_together(random_corpus: Corpus) -> None:
    twice = Corpus.from_games(Games.concatenate([random_corpus.games] * 2))

    rest, held_out = hold_out(twice, share=0.5)

    assert not lines(rest) & lines(held_out)
    assert len(np.unique(held_out.game)) == 2 * len(lines(held_out)) == 40


def test_the_seed_decides_which_games_are_held_out(random_corpus: Corpus) -> None:
    one, same, other = (
        hold_out(random_corpus, share=0.5, seed=seed)[1] for seed in (1, 1, 2)
    )

    assert one.digest == same.digest != other.digest


def test_a_thinned_corpus_is_split_by_the_games_it_has_left(
    random_corpus: Corpus,
) -> None:
    few = random_corpus.sample(12)

    rest, held_out = hold_out(few, share=0.5)

    assert len(rest) > 0
    assert len(held_out) > 0


def test_a_year_is_split_from_the_others(two_years: Corpus) -> None:
    rest, held_out = hold_out(two_years, year=2012)

    assert set(rest.year) == {2011}
    assert set(held_out.year) == {2012}


def test_a_year_without_games_is_refused(two_years: Corpus) -> None:
    with pytest.raises(ValueError, match="no position is from 1999"):
        hold_out(two_years, year=1999)


@pytest.mark.parametrize("share", [0, 1, -0.1, float("nan")])
def test_a_share_of_none_or_all_is_refused(share: float, random_corpus: Corpus) -> None:
    with pytest.raises(ValueError, match="expected a number between 0 and 1"):
        hold_out(random_corpus, share=share)


def test_a_share_without_a_game_is_refused(random_corpus: Corpus) -> None:
    with pytest.raises(ValueError, match=r"0\.001 of 40 games are 0, expected at"):
        hold_out(random_corpus, share=0.001)


def test_a_corpus_of_one_year_cannot_be_split_by_it(two_years: Corpus) -> None:
    only = two_years[two_years.year == 2012]

    with pytest.raises(ValueError, match="all positions are from 2012"):
        hold_out(only, year=2012)


def with_twins(count: int) -> tuple[Corpus, Games]:
    """Return games that ship, each followed by its mirror image."""
    moves = demo_games("demo").games.moves[:count]
    mirrored = turn_squares(moves, np.full((count, 1), 3))
    games = Games.from_moves(np.stack([moves, mirrored], axis=1).reshape(-1, 60))
    return Corpus.from_games(games), games


def test_no_twin_of_a_held_out_game_is_learned_from() -> None:
    corpus, _ = with_twins(300)

    rest, held_out = hold_out(corpus, share=0.2)

    games = np.unique(held_out.game)
    assert len(games) == 120
    assert not np.isin(games ^ 1, rest.game).any()
    boards = [
        set(zip(*canonical(c.own[late], c.opponent[late])[:2], strict=True))
        for c in (rest, held_out)
        for late in (c.ply >= 20,)
    ]
    assert not boards[0] & boards[1]


def test_a_share_is_drawn_alike_from_games_in_any_order() -> None:
    corpus, games = with_twins(40)
    order = np.random.default_rng(0).permutation(len(games))

    one = hold_out(corpus, share=0.3, seed=1)[1]
    other = hold_out(Corpus.from_games(games.take(order)), share=0.3, seed=1)[1]

    drawn = [np.unique(c.games.moves[c.game], axis=0) for c in (one, other)]
    assert {*map(bytes, drawn[0])} == {*map(bytes, drawn[1])}


def test_twins_of_a_held_out_year_are_left_out_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    _, games = with_twins(50)
    # A game and its twin are of one year or of two.
    years = np.where(np.arange(100) % 7 == 0, 2012, 2011)
    corpus = Corpus.from_games(replace(games, year=years))

    with caplog.at_level("INFO", logger="conceptlrp.selfplay"):
        rest, held_out = hold_out(corpus, year=2012)

    held, learned = np.unique(held_out.game), np.unique(rest.game)
    assert held.tolist() == np.flatnonzero(years == 2012).tolist()
    assert not np.isin(held ^ 1, learned).any()
    assert len(learned) == 100 - 2 * len(held)
    note = f"{len(held)} games of other years left out of the learning, twins of games"
    assert note in rest.notes[-1]
    assert note in caplog.text
