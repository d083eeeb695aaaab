"""What ships with conceptlrp: small trained networks and games that one of them played.

``SOURCE.txt`` beside each file says how it was made. The networks are small ones; how
well they play is said in their SOURCE.txt and by `read_header`.
"""

from dataclasses import dataclass

from conceptlrp.networks.architectures import BoardNetwork, OthelloNet, ResidualTower
from conceptlrp.networks.checkpoint import load_network, read_header
from conceptlrp.othello import Corpus
from conceptlrp.othello.corpus import demo_games
from conceptlrp.shipped import demo_path

CARD = "network/strength.json"
TOWER = "network/tower-8x8-32x3.safetensors"
_SNAPSHOTS = "network/snapshots/*.safetensors"


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


def demo_network() -> OthelloNet:
    """Load the network that ships: `OthelloNet`, 8 x 8, 64 channels.

    Returns
    -------
    OthelloNet
        In evaluation mode, a new object at each call.

    Examples
    --------
    >>> demo_network().channels
    64
    """
    network = load_network("demo")
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


def demo_snapshots() -> tuple[Snapshot, ...]:
    """Load the earlier states of the shipped network that ship, in order of training.

    Returns
    -------
    tuple of Snapshot
        From the first to the last, without the network that came out in the end.
    """
    found = [
        Snapshot(int(read_header(file)["training"]["samples"]), load_network(file))
        for file in sorted(demo_path().glob(_SNAPSHOTS))
    ]
    return tuple(sorted(found, key=lambda snapshot: snapshot.positions))


def demo_corpus(*, seed: int = 0) -> Corpus:
    """Read the games that ship, each position turned by a seeded random symmetry.

    Parameters
    ----------
    seed : int
        Seed of the symmetries.

    Returns
    -------
    Corpus
        Positions of 5,200 games that the shipped network played against itself.
    """
    return demo_games().turn(seed=seed)
