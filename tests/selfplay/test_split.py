import numpy as np
import pytest

from conceptlrp.othello import Corpus, Games
from conceptlrp.selfplay import hold_out_games, hold_out_year


@pytest.fixture
def two_years(random_corpus: Corpus) -> Corpus:
    moves = random_corpus.games.moves
    year = np.where(np.arange(len(moves)) < 30, 2011, 2012)
    return Corpus.from_games(Games.from_moves(moves, year=year))


def lines(corpus: Corpus) -> set[bytes]:
    """Return the games that positions are of, by their moves."""
    return {corpus.games.moves[game].tobytes() for game in np.unique(corpus.game)}


def test_no_game_is_on_both_sides(random_corpus: Corpus) -> None:
    rest, held_out = hold_out_games(random_corpus, 0.25)

    assert not lines(rest) & lines(held_out)
    assert lines(rest) | lines(held_out) == lines(random_corpus)
    assert len(rest) + len(held_out) == len(random_corpus)
    assert len(lines(held_out)) == 10


def test_equal_games_stay_together(random_corpus: Corpus) -> None:
    twice = Corpus.from_games(Games.concatenate([random_corpus.games] * 2))

    rest, held_out = hold_out_games(twice, 0.5)

    assert not lines(rest) & lines(held_out)
    assert len(np.unique(held_out.game)) == 2 * len(lines(held_out)) == 40


def test_the_seed_decides_which_games_are_held_out(random_corpus: Corpus) -> None:
    one, same, other = (
        hold_out_games(random_corpus, 0.5, seed=seed)[1] for seed in (1, 1, 2)
    )

    assert one.digest == same.digest != other.digest


def test_a_thinned_corpus_is_parted_by_the_games_it_has_left(
    random_corpus: Corpus,
) -> None:
    few = random_corpus.sample(12)

    rest, held_out = hold_out_games(few, 0.5)

    assert len(rest) > 0
    assert len(held_out) > 0


def test_a_year_is_parted_from_the_others(two_years: Corpus) -> None:
    rest, held_out = hold_out_year(two_years, 2012)

    assert set(rest.year) == {2011}
    assert set(held_out.year) == {2012}


@pytest.mark.parametrize("share", [0, 1, -0.1, float("nan")])
def test_a_share_of_none_or_all_is_refused(share: float, random_corpus: Corpus) -> None:
    with pytest.raises(ValueError, match="expected a number between 0 and 1"):
        hold_out_games(random_corpus, share)


def test_a_share_without_a_game_is_refused(random_corpus: Corpus) -> None:
    with pytest.raises(ValueError, match=r"0\.001 of 40 games are 0, expected at"):
        hold_out_games(random_corpus, 0.001)


def test_a_corpus_of_one_year_cannot_be_parted_by_it(two_years: Corpus) -> None:
    only = two_years[two_years.year == 2012]

    with pytest.raises(ValueError, match="all games are from 2012"):
        hold_out_year(only, 2012)
