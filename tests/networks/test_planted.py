from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from conceptlrp.networks import load_network, network_digest, predict, save_network
from conceptlrp.networks.planes import bits, board_planes
from conceptlrp.othello import NO_MOVE, Corpus
from tests.networks.boards import Boards, boards_with, random_boards
from tests.planted.network import DEFAULT_PATTERNS, PlantedNetwork, planted_network
from tests.planted.patterns import Pattern

#: Cells of every kind at every distance from the anchor.
ODD_PATTERNS = (
    Pattern("hole", ("OOO", "O-O", "OOO"), "an empty square among opponents"),
    Pattern("h8", ("X..", "..#", ".#."), "own g7", weight=-3.0),
    Pattern(
        "long line",
        (".....", ".....", "XOOO*", ".....", "....."),
        "three opponent discs in a rank can be turned",
    ),
    Pattern(
        "spread",
        ("X.....O", ".......", "..-....", "...X...", ".......", ".O.....", "......X"),
        "discs far apart",
    ),
    Pattern(
        "both edges",
        ("...#...", "...X...", ".......", ".......", ".......", "-.....X", "......O"),
        "discs at the edge of rank 1 and away from it",
    ),
)


def features(
    planted: PlantedNetwork, boards: tuple[Boards, Boards]
) -> dict[str, NDArray]:
    """Feature maps (N, C, n, n) of the convolutions, after ReLU."""
    found, x = {}, torch.from_numpy(board_planes(*boards))
    with torch.no_grad():
        for i in range(1, 5):
            for step in ("conv", "bn", "relu"):
                x = planted.network.get_submodule(f"{step}{i}")(x)
            found[f"conv{i}"] = x.numpy()
    return found


def check_detectors(planted: PlantedNetwork, boards: tuple[Boards, Boards]) -> None:
    """Compare every square of every detector's feature map with its pattern."""
    maps = features(planted, boards)
    for detector in planted.detectors:
        feature = maps[detector.layer][:, detector.channel]
        edge = (8 - feature.shape[-1]) // 2
        matches = bits(detector.pattern.matches(*boards)).reshape(-1, 8, 8)

        np.testing.assert_array_equal(
            np.pad(feature > 0, ((0, 0), (edge, edge), (edge, edge))), matches
        )
        np.testing.assert_allclose(feature[feature > 0], 1, atol=1e-5)


@pytest.mark.parametrize("patterns", [DEFAULT_PATTERNS, ODD_PATTERNS])
def test_a_channel_fires_exactly_where_its_pattern_holds(
    patterns: tuple[Pattern, ...],
) -> None:
    planted = planted_network(patterns)

    check_detectors(planted, random_boards(5000))
    for pattern in patterns:
        check_detectors(planted, boards_with(pattern, 500))


def test_a_channel_fires_exactly_in_recorded_games(wthor_folder: Path) -> None:
    corpus = Corpus.read([wthor_folder / "WTH_2004.wtb"]).sample(4000)

    check_detectors(planted_network(), (corpus.own, corpus.opponent))


def test_outputs_count_the_matches_of_the_patterns_they_read() -> None:
    boards = random_boards(2000)
    corner, line, x_square, four, six = DEFAULT_PATTERNS

    with torch.no_grad():
        said = planted_network().network(torch.from_numpy(board_planes(*boards)))

    value = sum(
        p.weight * np.bitwise_count(p.matches(*boards)) for p in (corner, four, six)
    )
    np.testing.assert_allclose(said[1][:, 0], value, atol=1e-5)
    logits = bits(line.matches(*boards) << np.uint64(1)).astype(float)
    logits[:, 0] += x_square.fires(*boards)
    np.testing.assert_allclose(said[0][:, :64], logits, atol=1e-5)
    assert not said[0][:, 64].any()


def test_each_detector_names_the_outputs_that_read_it() -> None:
    detectors = planted_network().detectors

    assert [d.layer for d in detectors] == ["conv2", "conv2", "conv3", "conv3", "conv4"]
    assert [len(d.reads) for d in detectors] == [0, 48, 1, 0, 0]
    for detector in detectors:
        moves = set(detector.pattern.moves(*random_boards(3000)).tolist())
        assert moves <= {NO_MOVE, *detector.reads}


def test_carriers_together_fire_in_the_positions_in_which_the_detector_does() -> None:
    planted = planted_network()
    boards = random_boards(1000)

    maps = features(planted, boards)

    for detector in planted.detectors:
        fires = detector.pattern.fires(*boards)
        for layer, carriers in detector.carriers.items():
            carried = maps[layer][:, list(carriers)] > 0
            np.testing.assert_array_equal(carried.any((1, 2, 3)), fires)


def test_channels_that_are_not_planted_are_zero() -> None:
    planted = planted_network()

    maps = features(planted, random_boards(100))

    for layer, count in planted.planted.items():
        assert maps[layer][:, :count].any(axis=(0, 2, 3)).all()
        assert not maps[layer][:, count:].any()


def test_distractors_change_outputs_but_no_detector() -> None:
    boards = random_boards(300)
    plain, noisy = planted_network(), planted_network(distractors=5)
    same, other = (planted_network(distractors=5, seed=seed) for seed in (0, 1))

    maps = features(noisy, boards)

    check_detectors(noisy, boards)
    for layer, feature in features(plain, boards).items():
        count = plain.planted[layer]
        np.testing.assert_array_equal(maps[layer][:, :count], feature[:, :count])
        assert maps[layer][:, -5:].any(axis=(0, 2, 3)).sum() >= 4
    assert network_digest(noisy.network) == network_digest(same.network)
    assert network_digest(noisy.network) != network_digest(other.network)
    said = [predict(p.network, *boards).logits for p in (plain, noisy)]
    assert np.abs(said[0] - said[1]).mean() > 0.1


def test_planting_leaves_the_random_generator_alone() -> None:
    state = torch.get_rng_state()

    planted_network(distractors=2)

    assert torch.equal(state, torch.get_rng_state())


def test_a_planted_network_survives_its_file(tmp_path: Path) -> None:
    planted = planted_network(distractors=3)
    path = tmp_path / "planted.safetensors"

    save_network(planted.network, path)

    assert network_digest(load_network(path)) == network_digest(planted.network)


def test_a_pattern_that_is_planted_twice_takes_one_channel() -> None:
    once, twice = (planted_network(DEFAULT_PATTERNS[:1] * n) for n in (1, 2))

    assert once.planted == twice.planted
    assert twice.detectors[0] == twice.detectors[1]


def test_more_patterns_than_hidden_units_are_refused() -> None:
    lines = tuple(DEFAULT_PATTERNS[1:2]) * 11

    with pytest.raises(ValueError, match="528 units for patterns and 0 distractors"):
        planted_network(lines)
