"""Where the data that ship with conceptlrp lie: small networks and self-played games.

``SOURCE.txt`` beside each file says how it was made.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True)
class Shipped:
    """A network that ships and what came of it, as paths inside the folder ``data``."""

    size: int
    network: str
    snapshots: str
    card: str
    games: str


#: By the name that stands for the network, and for its games where a corpus is meant.
SHIPPED: Final = {
    "demo": Shipped(
        size=8,
        network="network/othello-8x8-64.safetensors",
        snapshots="network/snapshots",
        card="network/strength.json",
        games="games/selfplay-5200.txt",
    ),
    "demo6": Shipped(
        size=6,
        network="network/othello-6x6-64.safetensors",
        snapshots="network/snapshots6",
        card="network/strength6.json",
        games="games/selfplay-6x6.txt",
    ),
}


def demo_name(size: int = 8) -> str:
    """Return the name of what ships for a board of this size.

    >>> demo_name(6)
    'demo6'
    """
    for name, shipped in SHIPPED.items():
        if shipped.size == size:
            return name
    msg = f"board size is {size!r}, expected 8 or 6"
    raise ValueError(msg)


def demo_path(name: str = "") -> Path:
    """Find a file of the folder ``data``, installed or in a working copy.

    The name is a path inside ``data`` with slashes, empty for the folder itself.

    >>> demo_path("network/othello-8x8-64.safetensors").name
    'othello-8x8-64.safetensors'
    """
    package = Path(__file__).resolve().parent
    for data in (package / "data", package.parent / "data"):
        if (data / name).exists() and (data / SHIPPED["demo"].games).exists():
            return data / name
    msg = f"'{name}' is not among the data that ship with conceptlrp"
    raise FileNotFoundError(msg)
