from pathlib import Path

import numpy as np
import pytest
import torch

from conceptlrp.networks import (
    OthelloNet,
    demo,
    demo_corpus,
    demo_network,
    demo_snapshots,
    demo_tower,
    load_network,
    network_digest,
    save_network,
)
from conceptlrp.networks.checkpoint import read_header
from conceptlrp.shipped import SHIPPED, demo_path


def test_the_network_that_ships_is_what_its_header_says() -> None:
    network = demo_network()

    header = read_header(demo_path(SHIPPED["demo"].network))

    assert (network.channels, network.size) == (64, 8)
    assert header["digest"] == network_digest(network)
    assert not network.training


def test_the_network_that_ships_is_loaded_by_name() -> None:
    assert network_digest(load_network("demo")) == network_digest(demo_network())


def test_a_network_is_not_loaded_from_what_is_no_path() -> None:
    with pytest.raises(TypeError, match="path is int, expected a str or Path"):
        load_network(3)  # type: ignore[arg-type]


def test_the_network_that_ships_fits_in_4_megabytes() -> None:
    assert demo_path(SHIPPED["demo"].network).stat().st_size < 4_000_000


def test_the_games_that_ship_are_5200_distinct_finished_ones() -> None:
    games = demo_corpus().games

    assert len(games) == len(np.unique(games.moves, axis=0)) == 5200
    assert games.finished.all()
    assert set(games.moves[:, 0].tolist()) == {19, 26, 37, 44}


def test_the_corpus_that_ships_is_turned_by_its_seed() -> None:
    one, same, other = demo_corpus(), demo_corpus(seed=0), demo_corpus(seed=1)

    assert one.digest == same.digest != other.digest
    assert np.bincount(one.symmetry, minlength=8).min() > len(one) / 9


def test_every_file_that_ships_has_its_source_beside_it() -> None:
    for name in (SHIPPED["demo"].network, SHIPPED["demo"].games):
        assert (demo_path(name).parent / "SOURCE.txt").stat().st_size > 200


def test_a_name_that_does_not_ship_is_refused() -> None:
    with pytest.raises(FileNotFoundError, match="is not among the data"):
        demo_path("nothing.txt")


@pytest.fixture
def other_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for what ships, with the snapshots of a tiny network."""
    folder = tmp_path / "network" / "snapshots"
    folder.mkdir(parents=True)
    for name, samples in (("a", 3000), ("b", 200), ("c", 10_000)):
        torch.manual_seed(samples)
        network = OthelloNet(channels=1)
        training = {"samples": samples}
        save_network(network, folder / f"{name}.safetensors", training=training)
    monkeypatch.setattr(demo, "demo_path", lambda name="": tmp_path / name)
    return tmp_path


def test_snapshots_come_in_the_order_of_their_training(other_data: Path) -> None:
    snapshots = demo_snapshots()

    assert [snapshot.positions for snapshot in snapshots] == [200, 3000, 10_000]
    torch.manual_seed(3000)
    expected = network_digest(OthelloNet(channels=1))
    assert network_digest(snapshots[1].network) == expected
    assert not any(snapshot.network.training for snapshot in snapshots)


def test_the_tower_that_ships_is_a_tower_ready_to_be_explained() -> None:
    tower = demo_tower()

    header = read_header(demo_path(demo.TOWER))
    assert header["digest"] == network_digest(tower)
    assert not tower.training


def test_snapshots_that_ship_lead_to_the_network_that_ships() -> None:
    snapshots = demo_snapshots()

    shown = [snapshot.positions for snapshot in snapshots]
    final = read_header(demo_path(SHIPPED["demo"].network))["training"]["samples"]
    assert shown == sorted(set(shown))
    assert all(0 < positions <= final for positions in shown)
    shapes = {str(snapshot.network.architecture) for snapshot in snapshots}
    assert shapes <= {str(demo_network().architecture)}


def test_what_ships_fits_in_24_megabytes() -> None:
    files = [file for file in demo_path().rglob("*") if file.is_file()]

    assert sum(file.stat().st_size for file in files) < 24 * 2**20
