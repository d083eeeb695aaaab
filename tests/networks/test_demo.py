import numpy as np
import pytest

from conceptlrp.networks import (
    demo_corpus,
    demo_network,
    demo_path,
    network_digest,
    read_header,
)
from conceptlrp.networks.demo import GAMES, NETWORK


def test_the_network_that_ships_is_what_its_header_says() -> None:
    network = demo_network()

    header = read_header(demo_path(NETWORK))

    assert (network.channels, network.size) == (64, 8)
    assert header["digest"] == network_digest(network)
    assert not network.training


def test_the_network_that_ships_fits_in_4_megabytes() -> None:
    assert demo_path(NETWORK).stat().st_size < 4_000_000


def test_the_games_that_ship_are_2400_distinct_finished_ones() -> None:
    games = demo_corpus().games

    assert len(games) == len(np.unique(games.moves, axis=0)) == 2400
    assert games.finished.all()
    assert set(games.moves[:, 0].tolist()) == {19, 26, 37, 44}


def test_the_corpus_that_ships_is_turned_by_its_seed() -> None:
    one, same, other = demo_corpus(), demo_corpus(seed=0), demo_corpus(seed=1)

    assert one.digest == same.digest != other.digest
    assert np.bincount(one.symmetry, minlength=8).min() > len(one) / 9


def test_every_file_that_ships_has_its_source_beside_it() -> None:
    for name in (NETWORK, GAMES):
        assert (demo_path(name).parent / "SOURCE.txt").stat().st_size > 200


def test_a_name_that_does_not_ship_is_refused() -> None:
    with pytest.raises(FileNotFoundError, match="is not among the data"):
        demo_path("nothing.txt")
