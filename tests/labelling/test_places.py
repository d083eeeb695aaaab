"""Places of channels: planted ones are found, and nothing else has one."""

import numpy as np
import pytest
from numpy.typing import NDArray

from conceptlrp.labelling import LabelCriteria, LabelScores
from conceptlrp.labelling.channel_name import FEATURE_MAP, FIRING_PLACE, MAP, PLACE
from conceptlrp.labelling.columns import (
    moved_maps,
    place_columns,
    place_exchanges,
    place_labels,
)
from conceptlrp.labelling.scores import Comparison, score_channels
from conceptlrp.labels import label_boards
from conceptlrp.labels.geometry import places
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.probing import boards_of
from conceptlrp.othello import Corpus, parse_square
from conceptlrp.othello.board import squares
from conceptlrp.othello.symmetry import SYMMETRIES, turn_maps
from conceptlrp.statistics.ranks import codes
from tests.labelling.planted import random_network
from tests.othello.playouts import random_games

ASKED = LabelCriteria(permutations=20)
N = 240
SIZES = pytest.mark.parametrize("size", [8, 6])


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus.from_games(random_games(120, seed=5)).sample(N, seed=2)


@pytest.fixture(scope="module")
def small_corpus() -> Corpus:
    return Corpus.from_games(random_games(120, seed=5, size=6)).sample(N, seed=2)


def noise(n: int, size: int, seed: int = 0) -> NDArray:
    return np.random.default_rng(seed).random((n, size, size))


def at(size: int, *names: str) -> NDArray:
    """Return the squares of places as a map of 0 and 1."""
    word = 0
    for name in names:
        word |= places(size)[name][1]
    margin = (8 - size) // 2
    found = np.zeros((size, size))
    for square in squares(word):
        found[square // 8 - margin, square % 8 - margin] = 1
    return found


def planted(corpus: Corpus) -> dict[str, NDArray]:
    """Return the map of each channel, as it is named by what it does."""
    n, boards, size = len(corpus), boards_of(corpus), corpus.size
    dark = noise(n, size)
    last = "h7" if size == 8 else "f5"
    return {
        last: at(size, last) + 0.5 * dark,
        "corners": at(size, "corners") + 0.5 * noise(n, size, 1),
        "the top right": at(size, "the top right") + 0.5 * noise(n, size, 2),
        "the edge": 0.4 * at(size, "the edge") + 0.5 * noise(n, size, 3),
        "own discs": (boards == 1) + 0.3 * noise(n, size, 4),
        "nothing": noise(n, size, 5),
    }


def score(
    trained: NDArray, corpus: Corpus, random: list[NDArray], measure: str = MAP
) -> LabelScores:
    return score_channels(
        {measure: trained},
        [{measure: each} for each in random],
        label_boards(corpus, ["own corners"]),
        corpus.game,
        corpus.ply,
        within=boards_of(corpus),
        criteria=ASKED,
    )


def best_place(found: LabelScores, channel: int) -> str:
    labels = found.channels[channel].labels
    held = [each for each in labels if each.measure in (PLACE, FIRING_PLACE)]
    return max(held, key=lambda each: abs(each.correlation)).label if held else ""


@pytest.mark.parametrize("name", ["corpus", "small_corpus"])
def test_a_place_is_found_and_own_discs_have_none(
    name: str, request: pytest.FixtureRequest
) -> None:
    corpus: Corpus = request.getfixturevalue(name)
    channels = planted(corpus)
    size = corpus.size
    maps = np.stack(list(channels.values()), axis=1)
    random = [np.stack([noise(N, size, 10 + i)] * len(channels), 1) for i in range(3)]

    found = score(maps, corpus, random)

    expected = [n if n in places(size) else "" for n in channels]
    assert [best_place(found, c) for c in range(len(channels))] == expected
    h7 = next(each for each in found.channels[0].labels if each.measure == PLACE)
    # The whole of h7's 1 and a quarter of the squares' mean of .25 each.
    assert h7.share == pytest.approx(1.25 / (1 + 0.25 * size**2), rel=0.05)
    assert h7.held_out == 1
    edge = next(e for e in found.channels[3].labels if e.label == "the edge")
    assert 0.8 < edge.low < edge.held_out < edge.high < 1


def test_maps_of_moved_boards_have_no_place(corpus: Corpus) -> None:
    maps = np.stack(list(planted(corpus).values()), axis=1)

    found = score(moved_maps(maps, seed=3), corpus, [])

    assert all(not best_place(found, c) for c in range(maps.shape[1]))


def test_the_exchange_within_plies_leaves_no_place(corpus: Corpus) -> None:
    comparison = Comparison(
        labels=label_boards(corpus, ["own corners"]),
        games=codes(corpus.game),
        plies=codes(corpus.ply),
        criteria=ASKED,
        within=boards_of(corpus),
    )
    maps = np.stack(list(planted(corpus).values()), axis=1)

    trained, exchanged = comparison.score([{MAP: maps}], exchanges=1)

    assert best_place(trained, 1) == "corners"
    assert all(not best_place(exchanged, c) for c in range(maps.shape[1]))


def test_what_padding_tells_of_the_rim_is_no_place(corpus: Corpus) -> None:
    """Convolutions of random weights are larger or smaller at the rim, on any board."""
    networks = [
        Explainer(random_network(16, seed), layers=["conv2"]) for seed in range(6)
    ]
    maps = [each.maps(corpus)["conv2"].numpy() for each in networks]

    alone = score(maps[0], corpus, [], FEATURE_MAP)
    guarded = score(maps[0], corpus, maps[1:], FEATURE_MAP)

    assert any(best_place(alone, c) for c in range(16))
    assert not any(best_place(guarded, c) for c in range(16))


def test_a_detector_of_a_label_has_no_place(corpus: Corpus) -> None:
    """Potential moves, wherever they are, have their label and no place."""
    labels = label_boards(corpus, ["potential moves"])
    words = labels.square["potential moves"]
    bits = (words[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    maps = bits.reshape(-1, 1, 8, 8) + 0.2 * noise(N, 8)[:, None]

    found = score(maps, corpus, [])

    assert not best_place(found, 0)


@SIZES
def test_places_under_the_symmetries_are_places(size: int) -> None:
    found = places(size)
    masks = {mask: name for name, (_, mask) in found.items()}
    for name, (kind, _) in found.items():
        for s in range(SYMMETRIES):
            turned = turn_maps(at(size, name), s)
            margin = (8 - size) // 2
            word = sum(
                1 << 8 * (r + margin) + c + margin
                for r, c in np.argwhere(turned).tolist()
            )
            assert found[masks[word]][0] == kind
            if kind in ("class", "ring", "areas"):
                assert masks[word] == name
    assert len(masks) == len(found)


def test_squares_of_a_place_are_those_of_its_name() -> None:
    eight, six = places(8), places(6)

    assert eight["h7"][1] == 1 << parse_square("h7")
    assert six["f5"][1] == 1 << parse_square("g6")
    assert [len(squares(eight[n][1])) for n in ("corners", "the edge")] == [4, 28]
    assert squares(eight["the top right"][1]) == [5, 6, 7, 13, 14, 15, 21, 22, 23]
    assert eight["the top right"][1] & eight["corners"][1] == 1 << parse_square("h1")


@SIZES
def test_exchanges_move_the_squares_of_a_board_as_a_whole(size: int) -> None:
    games = np.array([0, 0, 1, 2])
    columns = place_columns(np.zeros(4, np.intp), games, size)

    found = place_exchanges(columns, size, seed=0)

    rows = found.reshape(len(found), 4, size**2)
    for exchange in rows:
        for position, each in enumerate(exchange):
            assert sorted(each - position * size**2) == list(range(size**2))
        # Both positions of a game, and no others, are moved alike.
        assert (exchange[1] - exchange[0] == size**2).all()
    assert len(place_labels(size, 4)) == 4
