"""How many games an interval and a verdict need, and how intervals are written.

Verbs import this before they know what is asked of them, so it needs no arrays.
"""

from collections.abc import Callable
from math import isfinite
from typing import Final

#: Games that an interval and a verdict need: of fewer an interval is too narrow.
LEAST_GAMES: Final = 10
#: Why there is no interval.
FEW_GAMES: Final = f"fewer than {LEAST_GAMES} games"
SAME: Final = "the same at every position"
SAME_DRAWS: Final = "the same in every draw of games"


def fixed(value: float, digits: int) -> str:
    """Write a number with so many decimals."""
    return f"{value:.{digits}f}"


def signed(value: float, digits: int) -> str:
    """Write a number with its sign and so many decimals, in a table."""
    return f"{value:+.{digits}f}"


def effect(value: float, digits: int = 2) -> str:
    """Write a number with its sign in a sentence, with a true minus.

    >>> effect(1.234), effect(-0.5)
    ('+1.23', '−0.50')
    """
    return signed(value, digits).replace("-", "\N{MINUS SIGN}")


def percentage(value: float, digits: int) -> str:
    """Write a part as a percentage with so many decimals."""
    return f"{value:.{digits}%}"


def between(
    low: float | None,
    high: float | None,
    write: Callable[[float, int], str] = fixed,
    digits: int = 2,
    *,
    games: int,
    same: str = SAME,
) -> str:
    """Write an interval in brackets, or say why there is none.

    Its ends get as many digits more as it takes to tell them apart.

    >>> between(0.104, 0.312, games=30), between(0.103, 0.104, games=30)
    ('[0.10, 0.31]', '[0.103, 0.104]')
    >>> between(float("nan"), float("nan"), games=3)
    '(fewer than 10 games)'
    """
    if low is None or high is None or not (isfinite(low) and isfinite(high)):
        return f"({FEW_GAMES if games < LEAST_GAMES else same})"
    ends: tuple[str, str] = ("", "")
    for more in range(digits, digits + 8):
        ends = write(low, more), write(high, more)
        if ends[0] != ends[1]:
            break
    return f"[{ends[0]}, {ends[1]}]"
