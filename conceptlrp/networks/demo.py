"""What ships with conceptlrp: small trained networks and games that they played.

``SOURCE.txt`` beside each file says how it was made. The networks are small ones; how
well they play is said in their SOURCE.txt and by `read_header`.
"""

from dataclasses import dataclass

from conceptlrp.networks.architectures import BoardNetwork, OthelloNet, ResidualTower
from conceptlrp.networks.checkpoint import load_network, read_header
from conceptlrp.othello import Corpus
from conceptlrp.othello.corpus import demo_games
from conceptlrp.shipped import SHIPPED, demo_name, demo_path

TOWER = "network/tower-8x8-32x3.safetensors"


@dataclass(frozen=True)
class Snapshot:
    """A network as it was on the way of its training.

    Attributes
    ----------
    positions : int
        Positions that it had been shown.
    network : BoardNetwork
        In evaluation mode.
    """

    positions: int
    network: BoardNetwork


def demo_network(size: int = 8) -> OthelloNet:
    """Load a network that ships: `OthelloNet`, 64 channels.

    Parameters
    ----------
    size : int
        8 for "demo", which learned from games of people, 6 for "demo6", which learned
        from games against itself alone.

    Returns
    -------
    OthelloNet
        In evaluation mode, a new object at each call.

    Examples
    --------
    >>> demo_network().channels
    64
    """
    network = load_network(demo_name(size))
    assert isinstance(network, OthelloNet)
    return network


def demo_tower() -> ResidualTower:
    """Load the tower that ships: `ResidualTower`, 8 x 8.

    Returns
    -------
    ResidualTower
        In evaluation mode, a new object at each call.
    """
    network = load_network(demo_path(TOWER))
    assert isinstance(network, ResidualTower)
    return network


def demo_snapshots(size: int = 8) -> tuple[Snapshot, ...]:
    """Load the earlier states of a shipped network that ship, in order of training.

    Parameters
    ----------
    size : int
        As for `demo_network`.

    Returns
    -------
    tuple of Snapshot
        From the first to the last, without the network that came out in the end.
    """
    found = [
        Snapshot(int(read_header(file)["training"]["samples"]), load_network(file))
        for file in demo_path(SHIPPED[demo_name(size)].snapshots).glob("*.safetensors")
    ]
    return tuple(sorted(found, key=lambda snapshot: snapshot.positions))


def demo_corpus(size: int = 8, *, seed: int = 0) -> Corpus:
    """Read the games that ship, each position turned by a seeded random symmetry.

    Parameters
    ----------
    size : int
        As for `demo_network`.
    seed : int
        Seed of the symmetries.

    Returns
    -------
    Corpus
        Positions of games that the shipped network played against itself.
    """
    return demo_games(demo_name(size)).turn(seed=seed)
