"""What ships with conceptlrp: a small trained network and games that it played.

``SOURCE.txt`` beside each file says how it was made. The network is a small one; how
well it plays stands in its SOURCE.txt and in `read_header`.
"""

from functools import cache
from pathlib import Path

from conceptlrp.networks.checkpoint import load_network
from conceptlrp.networks.othello_net import OthelloNet
from conceptlrp.othello import Corpus

NETWORK = "network/othello-8x8-64.safetensors"
TOWER = "network/tower-8x8-32x3.safetensors"
GAMES = "games/selfplay-2400.txt"


def demo_path(name: str = "") -> Path:
    """Find a file of the folder ``data``, installed or in a working copy.

    Parameters
    ----------
    name : str
        Path inside ``data``, with slashes; empty for the folder itself.

    Returns
    -------
    Path
        An existing file or folder.

    Raises
    ------
    FileNotFoundError
        If nothing of that name ships.

    Examples
    --------
    >>> demo_path("network/othello-8x8-64.safetensors").name
    'othello-8x8-64.safetensors'
    """
    package = Path(__file__).resolve().parents[1]
    for data in (package / "data", package.parent / "data"):
        if (data / name).exists() and (data / NETWORK).exists():
            return data / name
    message = f"'{name}' is not among the data that ship with conceptlrp"
    raise FileNotFoundError(message)


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
    network = load_network(demo_path(NETWORK))
    assert isinstance(network, OthelloNet)
    return network


def demo_corpus(*, seed: int = 0) -> Corpus:
    """Read the games that ship, each position turned by a seeded random symmetry.

    Parameters
    ----------
    seed : int
        Seed of the symmetries.

    Returns
    -------
    Corpus
        Positions of 2,400 games that the shipped network played against itself.
    """
    return _games().turn(seed=seed)


@cache
def _games() -> Corpus:
    return Corpus.read([demo_path(GAMES)])
