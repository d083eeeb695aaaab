"""Where the data that ship with conceptlrp lie: small networks and self-played games.

``SOURCE.txt`` beside each file says how it was made.
"""

from pathlib import Path

NETWORK = "network/othello-8x8-64.safetensors"
GAMES = "games/selfplay-5200.txt"


def demo_path(name: str = "") -> Path:
    """Find a file of the folder ``data``, installed or in a working copy.

    The name is a path inside ``data`` with slashes, empty for the folder itself.

    Examples
    --------
    >>> demo_path("network/othello-8x8-64.safetensors").name
    'othello-8x8-64.safetensors'
    """
    package = Path(__file__).resolve().parent
    for data in (package / "data", package.parent / "data"):
        if (data / name).exists() and (data / GAMES).exists():
            return data / name
    msg = f"'{name}' is not among the data that ship with conceptlrp"
    raise FileNotFoundError(msg)
