import numpy as np
import pytest

from conceptlrp.labelling import LabelCriteria, Rule
from conceptlrp.labelling.controls import exchange_positions
from conceptlrp.labelling.rule import square_states
from conceptlrp.labelling.rules import learn_rules
from conceptlrp.labelling.scores import Comparison
from conceptlrp.labels import label_boards
from conceptlrp.lrp.probing import boards_of
from conceptlrp.othello import Corpus
from conceptlrp.statistics.ranks import codes
from tests.othello.playouts import random_games

OWN, OPPONENT, LEGAL = 0, 1, 3
QUICK = LabelCriteria(permutations=2)


class Played:
    """Boards of random games, and what they are compared within."""

    def __init__(self, size: int, n: int = 500) -> None:
        corpus = Corpus.from_games(random_games(60, seed=3, size=size)).sample(
            n, seed=0
        )
        labels = label_boards(corpus, ["own discs"])
        self.boards = boards_of(corpus)
        self.states = square_states(self.boards)
        plies = codes(corpus.ply)
        self.comparison = Comparison(
            labels, corpus.game, plies, QUICK, size, within=self.boards
        )

    def learn(
        self, *networks: np.ndarray, trained: int = 1
    ) -> list[tuple[Rule | None, ...]]:
        halves = (
            self.comparison.of_maps
            if networks[0].ndim == 4
            else self.comparison.of_values
        ).halves
        return learn_rules(networks, self.boards, halves, QUICK, trained=trained)

    def maps(self, *channels: np.ndarray, noise: float = 0.1, seed: int = 0):
        """Return maps (N, C, n, n) that are 1 where channels are, and noise."""
        found = np.stack(channels, axis=1).astype(np.float32)
        random = np.random.default_rng(seed)
        return found + noise * random.normal(size=found.shape).astype(np.float32)

    @property
    def nothing(self) -> np.ndarray:
        return np.zeros_like(self.states)


@pytest.fixture(scope="module")
def played() -> Played:
    return Played(8)


def planted(states: np.ndarray) -> dict[str, np.ndarray]:
    """Return by sentence where it holds, by the plainest code."""
    own, opponent, legal = (states == s for s in (OWN, OPPONENT, LEGAL))
    right = np.zeros_like(own)
    right[:, :, :-1] = opponent[:, :, 1:]
    corners, top = np.zeros_like(own), np.zeros_like(own)
    corners[:, [0, 0, -1, -1], [0, -1, 0, -1]] = True
    top[:, 0] = True
    return {
        "a mover's disc with an opponent's disc to its right": own & right,
        "a legal move": legal,
        "a square in a corner": corners,
        "a mover's disc on the top edge": own & top,
        "an empty square": (states == 2) | legal,
    }


def check_found(played: Played) -> None:
    sentences = planted(played.states)
    (rules,) = played.learn(played.maps(*sentences.values(), noise=0.02))
    assert [rule.sentence for rule in rules if rule] == list(sentences)
    for rule, holds in zip(rules, sentences.values(), strict=True):
        assert rule.r2 > 0.9
        assert rule.low <= rule.r2 <= rule.high
        assert rule.sign == 1
        np.testing.assert_array_equal(rule.holds(played.boards), holds)


def test_planted_rules_are_found_word_for_word(played):
    check_found(played)


def test_planted_rules_are_found_on_the_small_board():
    check_found(Played(6))


def test_a_channel_that_is_low_where_a_rule_holds_has_a_negative_one(played):
    own_right = next(iter(planted(played.states).values()))

    ((rule,),) = played.learn(played.maps(-1.0 * own_right))

    assert rule.sentence == "a mover's disc with an opponent's disc to its right"
    assert rule.sign == -1
    assert rule.correlation < -0.3
    assert rule.mean < rule.elsewhere


def test_noise_has_no_rule(played):
    ((rule,),) = played.learn(played.maps(played.nothing, noise=1))

    assert rule is None


def test_a_constant_channel_has_no_rule(played):
    ((rule,),) = played.learn(played.maps(played.nothing, noise=0))

    assert rule is None


def test_what_is_learned_by_heart_is_not_confirmed(played):
    # Each half of the games has another rule.
    held_out = played.comparison.held_out[:, None, None]
    mine, theirs = (played.states == s for s in (OWN, OPPONENT))

    ((rule,),) = played.learn(played.maps(np.where(held_out, mine, theirs)))

    assert rule is None


def test_random_networks_that_have_the_rule_are_told(played):
    own_right, legal, *_ = planted(played.states).values()
    trained = played.maps(own_right, legal, noise=0)
    random = played.maps(own_right, own_right, noise=0)

    found, other = played.learn(trained, random)

    assert found[0].random_correlation == pytest.approx(1, abs=1e-4)
    assert found[0].correlation == pytest.approx(1, abs=1e-4)
    assert found[1].random_correlation < 0.3
    assert found[1].random == max(rule.r2 for rule in other)
    # A random network is held against the others of its kind, of which there are none.
    assert other[0].random_correlation == 0


def test_a_rim_where_smaller_maps_are_0_teaches_nothing(played):
    """A random network would have rules of the edge otherwise."""
    inner = played.nothing.astype(float)
    inner[:, 2:-2, 2:-2] = 1 + np.random.default_rng(0).random((len(inner), 4, 4))

    ((rule,),) = played.learn(inner[:, None])

    assert rule is None


def test_vectors_have_rules_of_the_whole_board(played):
    own, opponent = (played.states == s for s in (OWN, OPPONENT))
    values = np.stack([own[:, 0, 0], own[:, 2, 3] & opponent[:, 4, 4]], axis=1)

    ((corner, both),) = played.learn(values.astype(np.float32))

    assert corner.sentence == "a board with a mover's disc on a1"
    assert (
        both.sentence
        == "a board with a mover's disc on d3 and an opponent's disc on e5"
    )
    assert both.r2 > 0.9
    np.testing.assert_array_equal(both.holds(played.boards), values[:, 1])


def test_the_same_seed_gives_the_same_rules(played):
    maps = played.maps(*planted(played.states).values(), noise=0.5)

    # As text, in which what is not known is alike.
    assert str(played.learn(maps)) == str(played.learn(maps))


def test_maps_of_other_boards_of_the_ply_have_no_rule_that_stands_out(played):
    maps = played.maps(*planted(played.states).values(), noise=0.02)
    exchanged = exchange_positions(maps, played.comparison.plies, seed=1)

    own, others = played.learn(maps, exchanged, trained=2)

    found = [rule for rule in others if rule]
    assert max((abs(rule.correlation) for rule in found), default=0) < 0.1
    assert not any(rule.stands_out(0.1) for rule in found)
    assert own[0].stands_out(0.1)
    # Neither is held against the other, both being of the network.
    assert own[0].random == 0
